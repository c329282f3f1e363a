"""Bodies at the gateway: whose they are is looked at before anything is read, and how long they may be."""

from collections.abc import Mapping
from typing import Any

import pytest

from services.gateway.asgi import LARGEST_BODY_BYTES
from tests.services.gateway import Door

SEARCH = "/v1/members/search"
PART = b" " * 1024
MOST_PARTS = 2 * LARGEST_BODY_BYTES // len(PART)
JSON = {"Content-Type": "application/json"}


class Sender:
    """Sends a body that never ends, or hangs up after so many parts of it."""

    def __init__(self, parts: int | None = None) -> None:
        self.sent = 0
        self.status: int | None = None
        self._parts = parts

    async def knock(self, door: Door, method: str, path: str, headers: Mapping[str, str]) -> tuple[int | None, int]:
        """The status of the answer, and how many parts of the body were read for it."""
        raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        scope: dict[str, Any] = {
            "type": "http",
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "headers": raw,
        }
        await door.app(scope, self.receive, self.send)
        return self.status, self.sent

    async def receive(self) -> dict[str, Any]:
        if self.sent == self._parts:
            return {"type": "http.disconnect"}
        self.sent += 1
        assert self.sent < MOST_PARTS, "would be read for ever"
        return {"type": "http.request", "body": PART, "more_body": True}

    async def send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]


class TestEndlessBody:
    async def test_of_who_has_no_key_is_not_read_by_any_route(self, door: Door) -> None:
        document = (await door.client.get("/openapi.json")).json()
        routes = [(path, method.upper()) for path, each in document["paths"].items() for method in each]

        bodied = [(path, method) for path, method in routes if path.startswith("/v1/")]
        answers = {(path, method): await Sender().knock(door, method, path, JSON) for path, method in bodied}

        assert (SEARCH, "POST") in answers
        assert {route: answer for route, answer in answers.items() if answer != (401, 0)} == {}

    async def test_of_who_lacks_the_scope_is_read_at_most_for_whom_it_was_about(self, door: Door) -> None:
        read = LARGEST_BODY_BYTES // len(PART) + 1

        assert await Sender().knock(door, "POST", SEARCH, JSON | door.keys["till"]) == (403, 0)
        assert await Sender().knock(door, "POST", "/v1/commands/MergeMembers", JSON | door.keys["till"]) == (403, read)

    @pytest.mark.parametrize("path", [SEARCH, "/v1/commands/IssueCard"])
    async def test_is_read_until_it_is_too_large(self, door: Door, path: str) -> None:
        read = LARGEST_BODY_BYTES // len(PART) + 1

        assert await Sender().knock(door, "POST", path, JSON | door.keys["desk"]) == (413, read)

    async def test_of_who_hangs_up_is_no_bug(self, door: Door, capsys: pytest.CaptureFixture[str]) -> None:
        _, read = await Sender(parts=3).knock(door, "POST", SEARCH, JSON | door.keys["desk"])

        assert read == 3
        printed = capsys.readouterr()
        assert "gateway_bug" not in printed.out + printed.err


class TestSearch:
    async def test_with_a_length_that_is_too_large_is_413(self, door: Door) -> None:
        headers = JSON | door.keys["desk"] | {"Content-Length": str(LARGEST_BODY_BYTES + 1)}

        assert await Sender().knock(door, "POST", SEARCH, headers) == (413, 0)

    @pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b'{"phone": }', b"[" * 10_000])
    async def test_that_is_no_json_is_401_without_a_key_and_400_with_one(self, door: Door, body: bytes) -> None:
        without = await door.client.post(SEARCH, content=body, headers=JSON)
        answer = await door.client.post(SEARCH, content=body, headers=JSON | door.keys["desk"])

        assert without.status_code == 401
        assert (answer.status_code, answer.json()["code"]) == (400, "malformed_json")

    @pytest.mark.parametrize("body", [b"[]", b"null", b'"text"'])
    async def test_that_is_no_object_is_422(self, door: Door, body: bytes) -> None:
        answer = await door.client.post(SEARCH, content=body, headers=JSON | door.keys["desk"])

        assert (answer.status_code, answer.json()["problems"][0]["field"]) == (422, "body")

    async def test_of_another_media_type_is_415(self, door: Door) -> None:
        headers = {"Content-Type": "text/plain", **door.keys["desk"]}

        assert (await door.client.post(SEARCH, content=b"{}", headers=headers)).status_code == 415

    async def test_says_what_it_takes_and_what_becomes_of_other_bodies(self, door: Door) -> None:
        document = (await door.client.get("/openapi.json")).json()

        operation = document["paths"][SEARCH]["post"]
        assert operation["requestBody"]["content"]["application/json"]["schema"] == {
            "$ref": "#/components/schemas/Search"
        }
        assert "receipt_number" in document["components"]["schemas"]["Search"]["properties"]
        assert {"400", "413", "415", "422"} <= operation["responses"].keys()
