"""Refusals at the door for lack of a right: each is in the trail, with who asked, for what, and about whom."""

from pathlib import Path
from typing import Any

import pytest

from contracts.audit import RecordLook
from contracts.messages import Actor, ActorKind, Outcome
from runtime.journal import JournalRecord
from services.gateway import looks as module
from services.gateway.examples import EXAMPLES
from services.gateway.keys import Keys, create_key
from services.gateway.looks import MOST_A_MINUTE
from tests.decisions import context, decide
from tests.services.gateway import Door
from tests.services.test_looks import ANAS_CALL, BENS_CALL, office
from tests.workers.memory_reader import MemoryReader
from tests.workers.rewards.counter import ANA, NUMBER, OTHER
from workers.audit.recording import record_look
from workers.audit.views import AuditViews

REMOVAL = {"member_id": "m-1", "reason": "asked"}
TILL = Actor(kind=ActorKind.POS, id="till")


async def noted(door: Door) -> list[tuple[RecordLook, Actor]]:
    """What was noted, and of whom."""
    await door.app.looks.end(5)
    return [(look, actor) for look, _, actor in door.edge.sent if isinstance(look, RecordLook)]


async def unheard(message_id: str) -> JournalRecord | None:
    """A journal that knows of nothing."""
    return None


def refusal(subject: str, scope: str, code: str = "scope_missing") -> RecordLook:
    return RecordLook(subject=subject, what="refused", scope=scope, code=code)


class TestRefusal:
    async def test_of_a_command_is_noted_under_whom_it_was_about(self, door: Door) -> None:
        assert (await door.post("RemoveMember", REMOVAL, by="till")).status_code == 403
        assert await noted(door) == [(refusal("m-1", "RemoveMember"), TILL)]

    async def test_is_one_line_of_the_members_timeline(self, door: Door) -> None:
        await door.post("RemoveMember", REMOVAL, by="till")
        ((look, actor),) = await noted(door)
        reader = MemoryReader(decide(record_look, look, context=context(actor=actor), chain=None).documents)

        (line,) = await AuditViews(reader).timeline(["m-1"])
        assert (line.what, line.outcome, line.code, line.actor) == (
            "RecordLook",
            Outcome.REFUSED,
            "scope_missing",
            TILL,
        )
        assert line.facts["scope"] == "RemoveMember"

    async def test_of_what_a_command_says_names_the_right_that_this_needs(self, door: Door) -> None:
        form = {**EXAMPLES["RegisterMember"], "channel": "paper_form"}
        assert (await door.post("RegisterMember", form)).status_code == 403
        ((look, _),) = await noted(door)
        assert (look.scope, look.code) == ("RegisterMember:paper_form", "scope_missing")

    async def test_of_a_read_is_noted_under_what_its_address_names(self, door: Door) -> None:
        assert (await door.get("/v1/members/m-1/page", by="till")).status_code == 403
        assert await noted(door) == [(refusal("m-1", "read:page"), TILL)]

    async def test_of_a_search_that_is_the_offices_is_noted(self, door: Door, tmp_path: Path) -> None:
        key = create_key(tmp_path / "keys.yaml", "finder", ActorKind.POS, ("search:members",))
        door.app.rest.state.doors.keys = Keys(tmp_path / "keys.yaml")
        headers = {"Authorization": f"Bearer {key}"}
        answer = await door.client.post("/v1/members/search", json={"name": "Ana"}, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "office_only")
        assert [look for look, _ in await noted(door)] == [refusal("nobody", "search:members", "office_only")]

    @pytest.mark.parametrize("body", [b"[[", b"[]", b'{"member_id": {}}', b'{"member_id": "ana@example.org"}'])
    async def test_repeats_nothing_that_is_no_id(self, door: Door, body: bytes) -> None:
        assert (await door.post("RemoveMember", body, by="till")).status_code == 403
        assert await noted(door) == [(refusal("nobody", "RemoveMember"), TILL)]
        assert (await door.get("/v1/members/ana@example.org", by="till")).status_code == 403
        assert (await noted(door))[1:] == [(refusal("nobody", "read:member"), TILL)]

    async def test_of_who_has_no_key_and_what_is_no_matter_of_rights_is_not(self, door: Door) -> None:
        assert (await door.client.post("/v1/commands/RemoveMember", json=REMOVAL)).status_code == 401
        assert (await door.get("/v1/members/m-1")).status_code == 404
        assert (await door.post("RemoveMember", {})).status_code == 422
        assert await noted(door) == []

    async def test_is_noted_once_a_minute(self, door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module, "monotonic", lambda: 30.0)
        for _ in range(3):
            await door.post("RemoveMember", REMOVAL, by="till")
        await door.post("RemoveMember", REMOVAL, by="other-till")
        monkeypatch.setattr(module, "monotonic", lambda: 61.0)
        await door.post("RemoveMember", REMOVAL, by="till")
        assert [actor.id for _, actor in await noted(door)] == ["till", "other-till", "till"]

    async def test_is_noted_so_often_a_minute_whatever_it_is_about(
        self, door: Door, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "monotonic", lambda: 30.0)
        for number in range(MOST_A_MINUTE + 10):
            await door.get(f"/v1/members/m-{number}", by="till")
        assert len(await noted(door)) == MOST_A_MINUTE


class TestRefusalOutsideOfACall:
    @pytest.mark.parametrize(
        ("path", "call_id", "expected"),
        [
            (f"/v1/cards/{OTHER}", None, refusal(OTHER, "read:card", "call_missing")),
            (f"/v1/cards/{OTHER}", ANAS_CALL, refusal(OTHER, "read:card", "consent_to_look_missing")),
            ("/v1/adjustments/waiting", ANAS_CALL, refusal("nobody", "read:ledger", "consent_to_look_missing")),
            (f"/v1/members/{ANA}", BENS_CALL, refusal(ANA, "read:member", "call_not_open")),
        ],
    )
    async def test_of_a_read_is_noted(
        self, tmp_path: Path, path: str, call_id: str | None, expected: RecordLook
    ) -> None:
        async with office(tmp_path, calls_required=True) as strict:
            assert (await strict.get(path, call_id)).status_code == 409
            assert await strict.noted() == [expected]
            is_open = call_id == ANAS_CALL
            assert [actor.call_id for _, _, actor in strict.edge.sent] == [ANAS_CALL if is_open else None]

    async def test_of_a_command_is_noted(self, tmp_path: Path) -> None:
        body: dict[str, Any] = {"card_number": NUMBER, "reason": "lost"}
        async with office(tmp_path, calls_required=True) as strict:
            strict.shelf.readers["cards"].journal = unheard  # type: ignore[method-assign]
            headers = {"Authorization": f"Bearer {strict.key}"}
            answer = await strict.client.post("/v1/commands/BlockCard", json=body, headers=headers)
            assert answer.status_code == 409
            assert await strict.noted() == [refusal(NUMBER, "BlockCard", "call_missing")]
