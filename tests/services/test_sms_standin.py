"""The stand-in for an SMS provider: takes texts once, shows them, misbehaves when told to, repeats nothing personal."""

import logging
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from services.sms_standin.app import create_app
from services.sms_standin.received import Inbox

NUMBER = "+4915112345678"


@pytest.fixture
def inbox() -> Inbox:
    return Inbox(most=5)


@pytest.fixture
async def client(inbox: Inbox) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(create_app(inbox))
    async with httpx.AsyncClient(transport=transport, base_url="http://standin") as client:
        yield client


async def send(client: httpx.AsyncClient, key: str | None = "k-1", **changes: Any) -> httpx.Response:
    body = {"to": NUMBER, "text": "Hello Ana", "from": "Cafe", **changes}
    return await client.post("/messages", json=body, headers={} if key is None else {"Idempotency-Key": key})


class TestSend:
    async def test_is_taken_with_a_reference(self, client: httpx.AsyncClient) -> None:
        answer = await send(client)

        assert answer.status_code == 202
        assert answer.json()["reference"].startswith("standin-")
        (taken,) = (await client.get("/messages")).json()
        assert (taken["to"], taken["text"], taken["from"]) == (NUMBER, "Hello Ana", "Cafe")

    async def test_is_taken_once_under_one_key(self, client: httpx.AsyncClient) -> None:
        first, again = await send(client), await send(client)

        assert first.json() == again.json()
        assert (await client.get("/counts")).json() == {"texts": 1, "requests": 2}

    async def test_is_refused_under_a_key_of_another_text(self, client: httpx.AsyncClient) -> None:
        await send(client)
        answer = await send(client, text="Something else")

        assert answer.status_code == 422
        assert answer.json()["code"] == "idempotency_key_reused"

    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"to": "0151 secret-number"}, "to"),
            ({"to": "+49"}, "to"),
            ({"text": ""}, "text"),
            ({"text": "x" * 2_000}, "text"),
            ({"from": "x" * 20}, "from"),
            ({"colour": "red"}, "colour"),
        ],
    )
    async def test_names_the_field_and_not_the_value(
        self, client: httpx.AsyncClient, changes: dict[str, Any], field: str
    ) -> None:
        answer = await send(client, **changes)

        assert answer.status_code == 422
        assert answer.json()["field"] == field
        assert "secret-number" not in answer.text
        assert NUMBER not in answer.text

    async def test_needs_a_key(self, client: httpx.AsyncClient) -> None:
        answer = await send(client, key=None)

        assert (answer.status_code, answer.json()["field"]) == (422, "idempotency-key")

    async def test_needs_a_body_that_is_json(self, client: httpx.AsyncClient) -> None:
        answer = await client.post("/messages", content=b"{", headers={"Idempotency-Key": "k-1"})

        assert answer.status_code == 422

    async def test_keeps_so_many(self, client: httpx.AsyncClient) -> None:
        for number in range(8):
            await send(client, key=f"k-{number}", text=f"Text {number}")

        texts = [each["text"] for each in (await client.get("/messages")).json()]
        assert texts == [f"Text {number}" for number in (7, 6, 5, 4, 3)]

    async def test_logs_no_number_and_no_text(
        self, client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
    ) -> None:
        with caplog.at_level(logging.DEBUG):
            await send(client)

        assert NUMBER not in caplog.text
        assert "Hello Ana" not in caplog.text


class TestLook:
    async def test_finds_what_went_to_a_number(self, client: httpx.AsyncClient) -> None:
        await send(client)
        await send(client, key="k-2", to="+4915199999999")

        for asked in (NUMBER, NUMBER.removeprefix("+"), f" {NUMBER[1:]}"):
            found = (await client.get("/messages", params={"to": asked})).json()
            assert [each["to"] for each in found] == [NUMBER]

    async def test_shows_a_page_that_says_what_it_is(self, client: httpx.AsyncClient) -> None:
        await send(client, text="<script>alert(1)</script>")

        page = (await client.get("/")).text
        assert "stand-in for development" in page
        assert NUMBER in page
        assert "<script>alert" not in page

    async def test_is_ready(self, client: httpx.AsyncClient) -> None:
        assert (await client.get("/live")).status_code == (await client.get("/ready")).status_code == 200


class TestBehaviour:
    async def test_fails_as_often_as_it_is_told(self, client: httpx.AsyncClient) -> None:
        await client.post("/behaviour", json={"fail_next": 2, "status": 500})

        assert [(await send(client)).status_code for _ in range(3)] == [500, 500, 202]
        assert (await client.get("/counts")).json() == {"texts": 1, "requests": 1}

    async def test_fails_after_it_took_the_text(self, client: httpx.AsyncClient) -> None:
        await client.post("/behaviour", json={"fail_next": 1, "status": 504, "is_taken": True})

        assert [(await send(client)).status_code for _ in range(2)] == [504, 202]
        assert (await client.get("/counts")).json() == {"texts": 1, "requests": 2}

    async def test_knows_how_it_may_not_behave(self, client: httpx.AsyncClient) -> None:
        assert (await client.post("/behaviour", json={"status": 200})).status_code == 422
