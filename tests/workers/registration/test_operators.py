"""Which member an operator is: said by somebody else, of somebody who is there, and taken back."""

from typing import Final

import pytest

from contracts.messages import Actor, ActorKind
from contracts.operators import OperatorTied, TieOperator
from contracts.registration import Channel
from tests.decisions import Told, decide, refused
from tests.workers.registration.people import ANA, OPERATOR, at, member
from workers.registration.documents import Member
from workers.registration.operator_documents import Operator
from workers.registration.operators import tie_operator

OTTO: Final = Actor(kind=ActorKind.OPERATOR, id="otto")


def tied(member_id: str | None = ANA, actor: Actor = OPERATOR, who: Member | None = None) -> Told:
    command = TieOperator(operator_id=OTTO.id, member_id=member_id)
    return decide(tie_operator, command, member=who, context=at(Channel.CALL, actor=actor))


class TestTieOperator:
    def test_says_which_member_an_operator_is(self) -> None:
        said = tied(who=member())
        assert said.events == [OperatorTied(operator_id=OTTO.id, member_id=ANA)]
        assert said.document(Operator) == Operator(id=OTTO.id, member_id=ANA)
        assert said.document(Member).operator_ids == (OTTO.id,)

    def test_again_is_noted_once(self) -> None:
        assert tied(who=member(operator_ids=("otto",))).document(Member).operator_ids == ("otto",)

    def test_of_one_who_was_absorbed_means_who_absorbed_them(self) -> None:
        assert tied("absorbed", who=member()).document(Operator).member_id == ANA

    def test_can_be_taken_back(self) -> None:
        said = tied(None)
        assert said.document(Operator).member_id is None
        assert said.events == [OperatorTied(operator_id=OTTO.id, member_id=None)]

    def test_is_refused_of_a_member_whom_nobody_knows(self) -> None:
        with refused("unknown_member"):
            tied("nobody")

    @pytest.mark.parametrize("member_id", [ANA, None])
    def test_nobody_ties_or_unties_themselves(self, member_id: str | None) -> None:
        with refused("own_tie"):
            tied(member_id, actor=OTTO, who=member())

    def test_needs_the_stronger_right(self) -> None:
        with refused("actor_not_allowed", actor="pos"):
            tied(actor=Actor(kind=ActorKind.POS, id="t1"), who=member())
