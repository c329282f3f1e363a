"""The rest of the gateway over HTTP: reads, health, metrics, its description, and servers that are away."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from contracts.catalogue import COMMANDS
from contracts.values import luhn_digit
from services.gateway.examples import CARD, EXAMPLES
from services.gateway.preferences import wait_of
from services.gateway.scopes import OURS
from tests.services.gateway import BLOCK, ISSUE, Door


class TestServersAway:
    @pytest.mark.parametrize("change", [{"ready": False}, {"is_away": True}])
    async def test_without_kafka_commands_are_503_and_may_be_sent_again(
        self, door: Door, change: dict[str, bool]
    ) -> None:
        for name, value in change.items():
            setattr(door.edge, name, value)

        answer = await door.post("IssueCard", ISSUE, Idempotency_Key="k")

        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        door.edge.ready, door.edge.is_away = True, False
        assert (await door.post("IssueCard", ISSUE, Idempotency_Key="k")).status_code == 200

    async def test_what_was_never_sent_holds_no_key(self, door: Door) -> None:
        door.edge.ready = False
        await door.post("BlockCard", BLOCK, Idempotency_Key="k")
        door.edge.ready = True

        answer = await door.post("BlockCard", {**BLOCK, "reason": "stolen"}, Idempotency_Key="k")

        assert answer.status_code == 200

    async def test_without_mongodb_reads_are_503_and_commands_are_taken(self, door: Door) -> None:
        door.library.is_away = True

        assert (await door.get(f"/v1/cards/{CARD}")).status_code == 503
        assert (await door.get("/v1/commands/019ab000-0000-7000-8000-000000000002")).status_code == 503
        assert (await door.post("IssueCard", ISSUE)).status_code == 200

    async def test_ready_says_what_is_away(self, door: Door) -> None:
        assert (await door.client.get("/ready")).status_code == 200
        door.edge.ready, door.library.is_away = False, True

        answer = await door.client.get("/ready")

        assert answer.status_code == 503
        assert answer.json()["because"] == ["Kafka is away", "MongoDB is away"]
        assert (await door.client.get("/live")).status_code == 200

    async def test_nobody_looks_while_looks_cannot_be_noted(self, door: Door) -> None:
        door.edge.ready = False

        assert (await door.get("/v1/members/m-1")).status_code == 503


class TestReads:
    async def test_what_is_not_there_is_404(self, door: Door) -> None:
        assert (await door.get("/v1/members/m-1")).json()["code"] == "unknown_member"
        assert (await door.get(f"/v1/cards/{CARD}")).json()["code"] == "unknown_card"
        assert (await door.get("/v1/nothing")).headers["content-type"] == "application/problem+json"

    async def test_a_card_number_in_an_address_is_checked(self, door: Door) -> None:
        answer = await door.get("/v1/cards/123")

        assert answer.status_code == 422
        assert "123" not in answer.json()["detail"]

    async def test_a_look_that_finds_nothing_leaves_no_note(self, door: Door) -> None:
        await door.get("/v1/members/m-1")
        await asyncio.sleep(0)

        assert not door.edge.sent


class TestCaches:
    async def test_keep_no_answer_below_v1_whatever_it_is(self, door: Door) -> None:
        paths = (await door.client.get("/openapi.json")).json()["paths"]
        routes = [(path, method) for path, each in paths.items() for method in each if path.startswith("/v1/")]
        statuses: set[int] = set()

        for path, method in [*routes, ("/v1/nothing", "get")]:
            for headers in ({}, door.keys["desk"]):
                answer = await door.client.request(method, path, headers=headers, json={"card_number": CARD})
                assert answer.headers.get_list("cache-control") == ["no-store"], (path, answer.status_code)
                statuses.add(answer.status_code)

        assert {200, 401, 403, 404, 422} <= statuses

    async def test_keep_no_answer_while_a_server_is_away(self, door: Door) -> None:
        door.library.is_away = True

        answer = await door.get(f"/v1/cards/{CARD}")

        assert (answer.status_code, answer.headers["cache-control"]) == (503, "no-store")


class TestLooks:
    async def test_under_way_are_noted_before_the_end(self, door: Door) -> None:
        door.edge.is_slow = True
        await door.client.post("/v1/members/search", json={"card_number": CARD}, headers=door.keys["desk"])

        await door.app.looks.end(5)

        assert len(door.edge.sent) == 1

    async def test_that_take_too_long_are_counted_as_lost(self, door: Door) -> None:
        door.edge.is_slow = True
        await door.client.post("/v1/members/search", json={"card_number": CARD}, headers=door.keys["desk"])

        await door.app.looks.end(0.001)

        assert not door.edge.sent
        assert "punchcard_gateway_looks_lost_total 1.0" in (await door.client.get("/metrics")).text


class TestBugs:
    async def test_of_ours_are_500_without_what_was_sent(
        self, door: Door, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        async def breaks(*_: Any, **__: Any) -> None:
            raise RuntimeError(f"SECRET {CARD}")

        monkeypatch.setattr(door.edge, "ask", breaks)

        answer = await door.post("IssueCard", ISSUE)

        assert (answer.status_code, answer.json()["code"]) == (500, "bug")
        printed = capsys.readouterr()
        assert "gateway_bug" in printed.out + printed.err
        assert "SECRET" not in answer.text + printed.out + printed.err


class TestMetrics:
    async def test_count_by_command_and_class_of_status(self, door: Door) -> None:
        await door.post("IssueCard", ISSUE)
        await door.post("IssueCard", b"{")
        await door.post("Nonsense" * 10, {})

        shown = (await door.client.get("/metrics")).text

        assert 'punchcard_gateway_requests_total{status="2xx",what="IssueCard"} 1.0' in shown
        assert 'punchcard_gateway_requests_total{status="4xx",what="IssueCard"} 1.0' in shown
        assert 'punchcard_gateway_requests_total{status="4xx",what="command"} 1.0' in shown
        assert "punchcard_gateway_waiting_commands 0.0" in shown

    async def test_show_that_the_keys_file_can_not_be_used(
        self, door: Door, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("services.gateway.keys.LOOK_AGAIN_SECONDS", -1.0)
        file = tmp_path / "keys.yaml"
        whole = file.read_bytes()

        shown = []
        for content in (whole, b"- id: [broken", whole):
            (tmp_path / "other").write_bytes(content)
            (tmp_path / "other").replace(file)
            lines = (await door.client.get("/metrics")).text.splitlines()
            shown += [line for line in lines if line.startswith("punchcard_gateway_keys_refused ")]

        assert [line.split()[1] for line in shown] == ["0.0", "1.0", "0.0"]


class TestDescription:
    async def test_has_a_path_for_every_command(self, door: Door) -> None:
        document = (await door.client.get("/openapi.json")).json()

        for name in COMMANDS:
            operation = document["paths"][f"/v1/commands/{name}"]["post"]
            assert operation["summary"]
            assert operation["security"] == [{"key": []}]
            assert {"200", "202", "409", "422", "503"} <= operation["responses"].keys()

    async def test_says_how_long_an_idempotency_key_holds(self, door: Door) -> None:
        document = (await door.client.get("/openapi.json")).json()

        key, *_ = document["paths"]["/v1/commands/IssueCard"]["post"]["parameters"]

        assert key["name"] == "Idempotency-Key"
        assert "(14 days, unless PUNCHCARD_JOURNAL_DAYS says otherwise)" in key["description"]

    async def test_refers_to_nothing_that_is_not_there(self, door: Door) -> None:
        document = (await door.client.get("/openapi.json")).json()

        for reference in _references(document):
            assert reference.rpartition("/")[2] in document["components"]["schemas"]

    def test_has_a_valid_example_for_every_command_from_outside(self) -> None:
        assert EXAMPLES.keys() == COMMANDS.keys() - OURS
        for name, example in EXAMPLES.items():
            try:
                COMMANDS[name].model_validate(example)
            except ValidationError as error:
                pytest.fail(f"{name}: {error}")
        assert luhn_digit(CARD[:-1]) == CARD[-1]

    async def test_is_a_page_that_needs_nothing_from_elsewhere(self, door: Door) -> None:
        answer = await door.client.get("/docs")

        assert answer.status_code == 200
        assert all(f"/v1/commands/{name}" in answer.text for name in COMMANDS)
        assert "://" not in answer.text.replace("http://www.w3.org", "")
        assert "<script" not in answer.text

    async def test_is_where_the_front_door_leads(self, door: Door) -> None:
        answer = await door.client.get("/")

        assert (answer.status_code, answer.headers["location"]) == (307, "/docs")


def test_wait_of_reads_no_header_as_the_default() -> None:
    assert wait_of({}).seconds == 2.0


def _references(part: Any) -> list[str]:
    if isinstance(part, dict):
        own = [part["$ref"]] if isinstance(part.get("$ref"), str) else []
        return own + [found for each in part.values() for found in _references(each)]
    return [found for each in part for found in _references(each)] if isinstance(part, list) else []
