"""How members are stopped from taking part, and let in again."""

from datetime import timedelta
from typing import Any

import pytest

from contracts.cards import CardState
from contracts.member_life import BlockMember, MemberBlocked, MemberUnblocked, UnblockMember
from contracts.messages import ActorKind
from contracts.programme.registration import BlockingRules
from contracts.registration import Channel
from tests.decisions import NOON, decide, refused
from tests.workers.memory_reader import MemoryReader
from tests.workers.registration.people import ANA, APP, NUMBER, at, known, member
from workers.registration.blocking import block_member, unblock_member
from workers.registration.documents import Member, MemberState
from workers.registration.views import RegistrationViews

OFFICE = (ActorKind.OPERATOR,)
BLOCKING = BlockingRules(block_reasons=("fraud",), unblock_reasons=("cleared",), blockers=OFFICE, unblockers=OFFICE)
BLOCK = BlockMember(member_id=ANA, reason="fraud")
UNBLOCK = UnblockMember(member_id=ANA, reason="cleared")
BLOCKED: dict[str, Any] = {"state": MemberState.BLOCKED, "blocked_at": NOON, "block_reason": "fraud"}


def at_the_desk(**more: Any) -> Any:
    return at(Channel.CALL, **{"blocking": BLOCKING, **more})


class TestBlockMember:
    def test_stops_the_member_with_a_reason(self) -> None:
        said = decide(block_member, BLOCK, member=member(), context=at_the_desk())

        assert said.document(Member) == member(**BLOCKED)
        assert said.events == [MemberBlocked(member_id=ANA, reason="fraud", blocked_at=NOON)]

    def test_is_refused_twice(self) -> None:
        with refused("member_already_blocked"):
            decide(block_member, BLOCK, member=member(**BLOCKED), context=at_the_desk())

    def test_takes_a_reason_of_the_programme(self) -> None:
        with refused("member_block_reason_unknown", reason="mood"):
            decide(block_member, BlockMember(member_id=ANA, reason="mood"), member=member(), context=at_the_desk())

    def test_is_for_those_whom_the_programme_names(self) -> None:
        with refused("actor_not_allowed", actor="app"):
            decide(block_member, BLOCK, member=member(), context=at_the_desk(actor=APP))


class TestUnblockMember:
    def test_lets_the_member_take_part_again(self) -> None:
        said = decide(unblock_member, UNBLOCK, member=member(**BLOCKED), context=at_the_desk())

        assert said.document(Member) == member()
        assert said.events == [MemberUnblocked(member_id=ANA, reason="cleared")]

    def test_is_refused_where_the_member_is_not_blocked(self) -> None:
        with refused("member_not_blocked"):
            decide(unblock_member, UNBLOCK, member=member(), context=at_the_desk())

    def test_takes_a_reason_of_the_programme(self) -> None:
        command = UnblockMember(member_id=ANA, reason="mood")
        with refused("member_unblock_reason_unknown", reason="mood"):
            decide(unblock_member, command, member=member(**BLOCKED), context=at_the_desk())

    def test_is_for_those_whom_the_programme_names(self) -> None:
        with refused("actor_not_allowed", actor="app"):
            decide(unblock_member, UNBLOCK, member=member(**BLOCKED), context=at_the_desk(actor=APP))


class TestCardOfABlockedMember:
    @pytest.mark.parametrize(("changes", "is_named"), [({}, True), (BLOCKED, False)])
    async def test_identifies_nobody(self, changes: dict[str, Any], is_named: bool) -> None:
        ana = member(card_numbers=(NUMBER,), **changes)
        views = RegistrationViews(MemoryReader([ana, known(CardState.ACTIVE, member_id=ANA)]))

        found = await views.identified_by(NUMBER)
        assert (found is not None) is is_named
        assert await views.member_by_card(NUMBER) == ana, "the office still finds them"

    def test_was_told_when(self) -> None:
        later = at_the_desk(now=NOON + timedelta(hours=1))
        said = decide(block_member, BLOCK, member=member(), context=later)
        assert said.document(Member).blocked_at == NOON + timedelta(hours=1)
