"""The second person: approved, declined, left; and who is which member."""

from datetime import timedelta
from typing import Any

import pytest

from contracts.adjustments import (
    AdjustmentDeclined,
    AdjustmentLapsed,
    AdjustmentState,
    ApproveAdjustment,
    BalanceAdjusted,
    DeclineAdjustment,
)
from contracts.cards import CardIssued, CardKind, CardLinked, CardState
from contracts.messages import Actor, ActorKind
from contracts.operators import OperatorTied
from tests.decisions import decide, refused
from tests.workers.rewards.counter import (
    ANA,
    ISSUED,
    NUMBER,
    OPERATOR,
    OTHER,
    OTTO,
    Shop,
    account,
    adjust,
    by,
    card,
    coffees,
    receipt,
    undo,
)
from workers.rewards.adjustment_documents import Adjustment, Operator, OperatorsOf
from workers.rewards.approving import approve_adjustment
from workers.rewards.documents import Cause, LedgerEntry
from workers.rewards.own_account import know_operator

JOB = Actor(kind=ActorKind.SYSTEM, id="job")


def waiting(amount: int = 21) -> Shop:
    """A shop where an adjustment of Ana's stamps waits."""
    counter = Shop()
    counter.say(ISSUED)
    counter.say(CardLinked(card_number=NUMBER, member_id=ANA, category="normal"))
    counter.say(receipt(coffees(30)))
    counter.say(adjust(amount), OPERATOR)
    return counter


def approve(counter: Shop, operator: Actor = OTTO, **changes: Any) -> ApproveAdjustment:
    """Let it happen."""
    fields = {
        "card_number": NUMBER,
        "operator_id": operator.id,
        "adjustment_id": counter.only(Adjustment).id,
    }
    return ApproveAdjustment.model_validate({**fields, **changes})


def decline(counter: Shop, operator: Actor = OTTO) -> DeclineAdjustment:
    """Turn it down."""
    return DeclineAdjustment(card_number=NUMBER, operator_id=operator.id, adjustment_id=counter.only(Adjustment).id)


class TestApproveAdjustment:
    @pytest.mark.parametrize("amount", [21, -21])
    def test_lets_it_happen_with_both_persons_names(self, amount: int) -> None:
        counter = waiting(amount)
        (said,) = counter.say(approve(counter), OTTO)

        assert isinstance(said, BalanceAdjusted)
        assert (said.amount, said.approved_by) == (amount, OTTO.id)
        entry = next(each for each in counter.all(LedgerEntry) if each.cause is Cause.ADJUSTMENT)
        adjustment = counter.only(Adjustment)
        assert (entry.actor, adjustment.second) == (OPERATOR, OTTO)
        assert (adjustment.state, adjustment.due_at) == (AdjustmentState.APPLIED, None)
        assert counter.holding("stamps").balance == 30 + amount

    def test_by_who_asked_for_it_is_refused(self) -> None:
        counter = waiting()
        with refused("approver_submitted_it"):
            counter.say(approve(counter, OPERATOR), OPERATOR)

    def test_by_who_asked_for_it_through_another_door_is_refused(self) -> None:
        counter = waiting()
        elsewhere = Actor(kind=ActorKind.OPERATOR, id=OPERATOR.id, call_id="call-2")
        with refused("approver_submitted_it"):
            counter.say(approve(counter, elsewhere), elsewhere)

    def test_needs_the_stronger_right(self) -> None:
        counter = waiting()
        system = Actor(kind=ActorKind.SYSTEM, id="job")
        with refused("actor_not_allowed", actor="system"):
            counter.say(approve(counter, system), system)

    def test_nobody_approves_for_their_own_account(self) -> None:
        counter = waiting()
        counter.say(OperatorTied(operator_id=OTTO.id, member_id=ANA), OPERATOR)
        with refused("own_account"):
            counter.say(approve(counter), OTTO)

    def test_is_told_when_the_balance_changed_meanwhile(self) -> None:
        counter = waiting()
        with refused("balance_changed", expected=29, held=30):
            counter.say(approve(counter, expected_balance=29), OTTO)

    def test_does_not_deduct_what_is_not_there_any_more(self) -> None:
        counter = waiting(-25)
        counter.say(adjust(-10, OTTO), OTTO)
        waits = next(each for each in counter.all(Adjustment) if each.state is AdjustmentState.WAITING)
        command = ApproveAdjustment(card_number=NUMBER, operator_id=OTTO.id, adjustment_id=waits.id)
        with refused("adjustment_exceeds_balance", amount=25, held=20):
            counter.say(command, OTTO)

    def test_twice_is_refused(self) -> None:
        counter = waiting()
        counter.say(approve(counter), OTTO)
        with refused("adjustment_not_waiting", state="applied"):
            counter.say(approve(counter), OTTO)

        assert counter.holding("stamps").balance == 51

    def test_after_its_time_is_refused_even_if_nobody_has_ended_it(self) -> None:
        counter = waiting()
        counter.now += timedelta(days=3)
        with refused("adjustment_not_waiting", state="lapsed"):
            counter.say(approve(counter), OTTO)

    def test_on_anothers_card_is_refused(self) -> None:
        counter = waiting()
        counter.say(CardIssued(card_number=OTHER, kind=CardKind.PHYSICAL, category="normal"))
        with refused("unknown_adjustment"):
            counter.say(approve(counter, card_number=OTHER), OTTO)

    def test_on_a_card_that_is_gone_is_refused(self) -> None:
        counter = waiting()
        adjustment = counter.only(Adjustment)
        with refused("card_deleted"):
            decide(
                approve_adjustment,
                approve(counter),
                card=card(CardState.DELETED, account_id=adjustment.account_id),
                adjustment=adjustment,
                account=account(id=adjustment.account_id),
                context=by(OTTO),
            )

    def test_does_not_count_for_the_second_persons_day(self) -> None:
        counter = waiting()
        counter.say(approve(counter), OTTO)
        counter.say(adjust(20, OTTO), OTTO)

        assert counter.holding("stamps").balance == 71


class TestDeclineAdjustment:
    def test_ends_it_without_moving_anything(self) -> None:
        counter = waiting()
        (said,) = counter.say(decline(counter), OTTO)

        assert isinstance(said, AdjustmentDeclined)
        assert counter.only(Adjustment).state is AdjustmentState.DECLINED
        assert counter.only(Adjustment).second == OTTO
        with refused("adjustment_not_waiting", state="declined"):
            counter.say(approve(counter), OTTO)
        assert counter.holding("stamps").balance == 30

    def test_by_who_asked_for_it_is_refused(self) -> None:
        counter = waiting()
        with refused("approver_submitted_it"):
            counter.say(decline(counter, OPERATOR), OPERATOR)


class TestUndoAdjustment:
    """Of what two people agreed to."""

    def test_is_refused_to_who_asked_for_it(self) -> None:
        counter = waiting()
        counter.say(approve(counter), OTTO)
        with refused("undoer_submitted_it"):
            counter.say(undo(counter.only(Adjustment)), OPERATOR)
        assert counter.holding("stamps").balance == 51

    def test_is_refused_to_who_could_not_have_agreed(self) -> None:
        counter = waiting()
        counter.say(approve(counter), OTTO)
        with refused("actor_not_allowed", actor="system"):
            counter.say(undo(counter.only(Adjustment), JOB), JOB)

    @pytest.mark.parametrize("other", [OTTO, Actor(kind=ActorKind.OPERATOR, id="otis")])
    def test_is_for_who_agreed_or_might_have(self, other: Actor) -> None:
        counter = waiting()
        counter.say(approve(counter), OTTO)
        counter.say(undo(counter.only(Adjustment), other), other)
        assert (counter.holding("stamps").balance, counter.only(Adjustment).undone_by) == (30, other)

    def test_takes_no_second_person_where_there_was_none(self) -> None:
        counter = waiting(20)
        counter.say(undo(counter.only(Adjustment)), OPERATOR)
        assert counter.holding("stamps").balance == 30


class TestEndAdjustment:
    def test_ends_the_wait_when_its_time_is_over(self) -> None:
        counter = waiting()
        assert counter.wait(timedelta(days=2)) == []
        said = counter.wait(timedelta(days=1))

        assert [type(each) for each in said] == [AdjustmentLapsed]
        assert counter.only(Adjustment).state is AdjustmentState.LAPSED
        assert counter.wait(timedelta(days=9)) == []


class TestOperatorTied:
    def test_says_which_member_an_operator_is(self) -> None:
        said = decide(know_operator, OperatorTied(operator_id=OTTO.id, member_id=ANA), context=by(version=3))
        assert (said.document(Operator).member_id, said.document(Operator).news) == (ANA, 3)

    def test_that_is_older_than_what_is_known_changes_nothing(self) -> None:
        known = Operator(id=OTTO.id, member_id=None, news=3)
        late = decide(
            know_operator, OperatorTied(operator_id=OTTO.id, member_id=ANA), operator=known, context=by(version=2)
        )
        assert late.documents == []

    def test_leaves_nothing_of_a_member_whom_nobody_is_any_more(self) -> None:
        counter = waiting(20)
        for who in (OPERATOR, OTTO):
            counter.say(OperatorTied(operator_id=who.id, member_id=ANA), OTTO)
        counter.say(OperatorTied(operator_id=OPERATOR.id, member_id="cid"), OTTO)
        assert {each.id: each.operator_ids for each in counter.all(OperatorsOf)} == {
            ANA: (OTTO.id,),
            "cid": (OPERATOR.id,),
        }
        for who in (OPERATOR, OTTO):
            counter.say(OperatorTied(operator_id=who.id, member_id=None), OTTO)
        assert counter.all(OperatorsOf) == []

    def test_can_be_taken_back_and_keeps_what_they_did_today(self) -> None:
        counter = waiting(20)
        counter.say(OperatorTied(operator_id=OPERATOR.id, member_id=ANA), OTTO)
        with refused("own_account"):
            counter.say(adjust(1), OPERATOR)
        counter.say(OperatorTied(operator_id=OPERATOR.id, member_id=None), OTTO)
        counter.say(adjust(10), OPERATOR)

        assert counter.only(Operator).counted[0].amount == 30
