"""Calls at the gateway: what operators send and see is tied to the call that they name, and shut outside of one."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from contracts.audit import RecordLook
from contracts.calls import CallDirection, CallState, TicketState
from contracts.messages import Actor, ActorKind
from contracts.programme import Programme
from contracts.refusals import REFUSALS
from services.gateway.app import create_app
from services.gateway.examples import EXAMPLES
from services.gateway.keys import Keys, create_key
from tests.services.gateway import BLOCK, Door, FakeEdge, FakeLibrary
from tests.workers.memory_reader import MemoryReader
from tests.workers.registration.people import ANA, member
from workers.registration.call_documents import Call, Desk, Ticket

CALL, CLOSED, OTHERS = (f"{number}b9c2f0f6a2b8e5d0c9a7e4f3b2a1d0c" for number in range(3))
CALLER = Actor(kind=ActorKind.OPERATOR, id="desk")
NOW = datetime.now(UTC).replace(microsecond=0)


def call(call_id: str = CALL, **changes: Any) -> Call:
    kept: dict[str, Any] = {
        "id": call_id,
        "operator_id": "desk",
        "direction": CallDirection.INBOUND,
        "opened_at": NOW,
        "ends_at": NOW + timedelta(hours=1),
    }
    return Call(**{**kept, **changes})


class CallsLibrary(FakeLibrary):
    """Journals that a test writes, and calls."""

    def __init__(self) -> None:
        super().__init__()
        self.readers = {name: MemoryReader() for name in ("cards", "rewards", "audit", "notifications", "registration")}
        self.readers["registration"].put(
            call(),
            call(CLOSED, state=CallState.CLOSED),
            call(OTHERS, operator_id="otto"),
            Desk(id="desk", call_id=CALL),
        )
        self.readers["registration"].put(member())

    def worker(self, name: str) -> Any:
        reader: Any = self.readers[name]
        reader.journal = super().worker(name).journal
        return reader


@pytest.fixture(params=[False])
async def door(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Door]:
    file = tmp_path / "keys.yaml"
    made = {
        "desk": create_key(file, "desk", ActorKind.OPERATOR),
        "till": create_key(file, "till", ActorKind.POS),
    }
    programme = Programme.read(Path("programme.yaml"))
    calls = programme.registration.calls.model_copy(update={"is_required": request.param})
    programme = programme.model_copy(
        update={"registration": programme.registration.model_copy(update={"calls": calls})}
    )
    edge, library = FakeEdge(), CallsLibrary()
    app = create_app(edge, library, Keys(file), programme)  # type: ignore[arg-type]  # stands for a Library
    keys = {name: {"Authorization": f"Bearer {key}"} for name, key in made.items()}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway") as client:
        yield Door(edge, library, app, client, keys)


async def look(door: Door, path: str, call_id: str | None = CALL) -> httpx.Response:
    headers = door.keys["desk"] | ({} if call_id is None else {"Punchcard-Call": call_id})
    return await door.client.get(path, headers=headers)


class TestCommandInACall:
    async def test_is_tied_to_it(self, door: Door) -> None:
        answer = await door.post("BlockCard", BLOCK, Punchcard_Call=CALL)

        assert answer.status_code == 200
        assert [actor for _, _, actor in door.edge.sent] == [CALLER.model_copy(update={"call_id": CALL})]

    async def test_has_the_call_in_its_body_where_there_is_a_place_for_it(self, door: Door) -> None:
        body = {**EXAMPLES["RegisterMember"], "channel": "call"}
        for given, headers in ((body, {"Punchcard_Call": CALL}), ({**body, "call_id": CALL}, {})):
            assert (await door.post("RegisterMember", given, **headers)).status_code == 200
            command, _, actor = door.edge.sent.pop()
            assert getattr(command, "call_id", None) == actor.call_id == CALL

    @pytest.mark.parametrize("call_id", [CLOSED, OTHERS, "f" * 32])
    async def test_is_not_sent_in_one_that_is_over_or_anothers(self, door: Door, call_id: str) -> None:
        answer = await door.post("BlockCard", BLOCK, Punchcard_Call=call_id)
        assert (answer.status_code, answer.json()["code"]) == (409, "call_not_open")
        assert door.edge.sent == []

    async def test_that_was_done_while_it_was_open_keeps_its_answer(self, door: Door) -> None:
        first = await door.post("BlockCard", BLOCK, Punchcard_Call=CALL, Idempotency_Key="k")
        command, command_id, actor = door.edge.sent[0]
        door.library.keep(command, command_id, actor)
        door.library.worker("registration").put(call(state=CallState.CLOSED))

        again = await door.post("BlockCard", BLOCK, Punchcard_Call=CALL, Idempotency_Key="k")

        assert (first.status_code, again.status_code) == (200, 200)
        assert again.json()["id"] == first.json()["id"]
        assert len(door.edge.sent) == 1
        assert (await look(door, f"/v1/commands/{command_id}", None)).status_code == 200

    async def test_that_was_refused_outside_of_one_holds_no_key(self, door: Door) -> None:
        refused = await door.post("BlockCard", BLOCK, Punchcard_Call=CLOSED, Idempotency_Key="k")
        other = {**BLOCK, "reason": "stolen"}
        answer = await door.post("BlockCard", other, Punchcard_Call=CALL, Idempotency_Key="k")
        assert (refused.status_code, answer.status_code) == (409, 200)

    async def test_is_one_under_one_key_though_two_come_at_once(
        self, door: Door, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        reader = door.library.worker("registration")
        get = reader.get

        async def slow(*asked: Any) -> Any:
            await asyncio.sleep(0.01)
            return await get(*asked)

        monkeypatch.setattr(reader, "get", slow)
        bodies = (BLOCK, {**BLOCK, "reason": "stolen"})
        answers = await asyncio.gather(
            *(door.post("BlockCard", body, Punchcard_Call=CALL, Idempotency_Key="k") for body in bodies)
        )
        assert [answer.status_code for answer in answers] == [200, 422]
        assert [getattr(command, "reason", None) for command, _, _ in door.edge.sent] == [BLOCK["reason"]]

    async def test_is_refused_where_body_and_header_name_two(self, door: Door) -> None:
        body = {**EXAMPLES["CloseCall"], "call_id": CALL}
        answer = await door.post("CloseCall", body, Punchcard_Call=OTHERS)
        assert (answer.status_code, answer.json()["problems"][0]["field"]) == (422, "call_id")

    async def test_is_refused_where_the_header_is_no_calls_id(self, door: Door) -> None:
        answer = await door.post("BlockCard", BLOCK, Punchcard_Call="nonsense")
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_call")

    async def test_of_who_is_no_operator_is_in_none(self, door: Door) -> None:
        assert (await door.post("BlockCard", BLOCK, by="till", Punchcard_Call=CALL)).status_code == 200
        assert door.edge.sent[0][2].call_id is None

    @pytest.mark.parametrize("door", [True], indirect=True)
    @pytest.mark.parametrize("name", ["BlockCard", "RedeemReward", "AdjustBalance", "ChangeSubscriptions"])
    async def test_is_not_sent_outside_of_one_where_one_is_required(self, door: Door, name: str) -> None:
        outside = await door.post(name, EXAMPLES[name])
        assert (outside.status_code, outside.json()["code"], door.edge.sent) == (409, "call_missing", [])

        assert (await door.post(name, EXAMPLES[name], Punchcard_Call=CALL)).status_code == 200

    @pytest.mark.parametrize("door", [True], indirect=True)
    async def test_of_who_is_no_operator_needs_none(self, door: Door) -> None:
        assert (await door.post("BlockCard", BLOCK, by="till")).status_code == 200


class TestRead:
    async def test_shows_the_operators_open_call_and_any_by_its_id(self, door: Door) -> None:
        assert (await look(door, "/v1/calls/open", None)).json()["id"] == CALL
        assert (await look(door, f"/v1/calls/{OTHERS}", None)).json()["operator_id"] == "otto"
        assert (await look(door, f"/v1/calls/{'f' * 32}", None)).status_code == 404

    async def test_shows_a_calls_ticket(self, door: Door) -> None:
        ticket = Ticket(id=CLOSED, ticket_id="T-1", operator_id="desk", state=TicketState.FAILED, error="gone")
        door.library.worker("registration").put(ticket)
        assert (await look(door, f"/v1/calls/{CLOSED}", None)).json()["ticket"] == {
            "ticket_id": "T-1",
            "state": "failed",
            "error": "gone",
        }

    async def test_shows_the_calls_about_a_member_newest_first(self, door: Door) -> None:
        about = [call(number * 32, member_id=ANA, opened_at=NOW + timedelta(int(number))) for number in "34"]
        door.library.worker("registration").put(*about)
        shown = (await look(door, f"/v1/members/{ANA}/calls", None)).json()
        assert [each["id"][0] for each in shown] == ["4", "3"]

    async def test_needs_no_call_unless_the_programme_says_so(self, door: Door) -> None:
        assert (await look(door, f"/v1/members/{ANA}", None)).status_code == 200

    @pytest.mark.parametrize("door", [True], indirect=True)
    async def test_of_members_needs_a_call_and_the_callers_consent_where_the_programme_says_so(
        self, door: Door
    ) -> None:
        outside, before = await look(door, f"/v1/members/{ANA}", None), await look(door, f"/v1/members/{ANA}")
        door.library.worker("registration").put(call(member_id=ANA, consented_at=NOW))
        after = await look(door, f"/v1/members/{ANA}")

        codes = [(each.status_code, each.json().get("code")) for each in (outside, before, after)]
        assert codes == [(409, "call_missing"), (409, "consent_to_look_missing"), (200, None)]
        assert (await look(door, "/v1/members/ben")).json()["code"] == "consent_to_look_missing"
        assert (await look(door, "/v1/calls/open", None)).status_code == 200
        await door.app.looks.end(1)
        looked = [(each, actor.call_id) for each, _, actor in door.edge.sent if getattr(each, "code", None) is None]
        assert looked == [(RecordLook(subject=ANA, what="profile"), CALL)]

    @pytest.mark.parametrize("path", [f"/v1/members/{ANA}", "/v1/calls/open"])
    async def test_is_shut_in_a_call_that_is_over(self, door: Door, path: str) -> None:
        answer = await look(door, path, CLOSED)
        assert (answer.status_code, answer.json()["code"]) == (409, "call_not_open")


class TestKnowledge:
    async def test_has_scripts_refusals_and_rules_at_hand(self, door: Door) -> None:
        shown = (await look(door, "/v1/knowledge?language=de", None)).json()

        lost = next(each for each in shown["reasons"] if each["code"] == "lost_card")
        assert lost["label"] == "Karte verloren oder gestohlen"
        assert lost["script"].startswith("Ich sperre die Karte")
        assert {each["code"]: each["text"] for each in shown["refusals"]} == REFUSALS
        assert "coffee" in {offer["code"] for offer in shown["rules"]["rewards"]["offers"]}
        assert "games" not in shown["rules"]["rewards"]

    async def test_is_in_the_programmes_first_language_where_it_does_not_speak_the_other(self, door: Door) -> None:
        assert (await look(door, "/v1/knowledge?language=fr", None)).json()["language"] == "en"
        assert (await door.get("/v1/knowledge", by="till")).status_code == 403


class TestDescription:
    @pytest.mark.parametrize("door", [True], indirect=True)
    @pytest.mark.parametrize(
        ("call_id", "status", "code"),
        [("nonsense", 400, "invalid_call"), (None, 409, "call_missing"), (CLOSED, 409, "call_not_open")],
    )
    @pytest.mark.parametrize(
        ("method", "path", "body"),
        [
            ("get", "/v1/members/{member_id}", None),
            ("post", "/v1/members/search", {"phone": "+4915112345678"}),
            ("post", "/v1/commands/BlockCard", BLOCK),
        ],
    )
    async def test_tells_of_calls_and_of_each_refusal_for_lack_of_one(
        self, door: Door, method: str, path: str, body: Any, call_id: str | None, status: int, code: str
    ) -> None:
        headers = door.keys["desk"] | ({} if call_id is None else {"Punchcard-Call": call_id})

        answer = await door.client.request(method, path.format(member_id=ANA), json=body, headers=headers)

        operation = (await door.client.get("/openapi.json")).json()["paths"][path][method]
        assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert str(status) in operation["responses"]
        assert code == "invalid_call" or f"`{code}`" in operation["responses"][str(status)]["description"]

    @pytest.mark.parametrize("door", [True], indirect=True)
    async def test_tells_of_consent(self, door: Door) -> None:
        answer = await look(door, f"/v1/members/{ANA}")

        operation = (await door.client.get("/openapi.json")).json()["paths"]["/v1/members/{member_id}"]["get"]
        told = operation["responses"][str(answer.status_code)]["description"]
        assert answer.json()["code"] == "consent_to_look_missing"
        assert "`consent_to_look_missing`" in told

    async def test_has_the_header_wherever_a_call_can_be_named(self, door: Door) -> None:
        paths = (await door.client.get("/openapi.json")).json()["paths"]
        without = {
            path
            for path, operations in paths.items()
            for operation in operations.values()
            if "Punchcard-Call" not in {each["name"] for each in operation.get("parameters", ())}
        }
        assert without == {"/live", "/ready", "/metrics", "/v1/commands/{id}"}
