"""Adjustments undone: by a linked entry, once, whatever became of the units meanwhile."""

from datetime import timedelta

import pytest

from contracts.adjustments import (
    AdjustmentState,
    AdjustmentUndone,
)
from contracts.operators import OperatorTied
from contracts.programme.adjustments import Exceeding
from contracts.programme.rewards import Shortfall
from contracts.rewards import RedeemReward
from tests.decisions import NOON, decide, refused
from tests.workers.rewards.counter import (
    ACCOUNT,
    ANA,
    NUMBER,
    OPERATOR,
    OTTO,
    Shop,
    account,
    adjust,
    adjusting,
    by,
    card,
    coffees,
    holding,
    receipt,
    undo,
)
from workers.rewards.adjusting import undo_adjustment
from workers.rewards.adjustment_documents import Adjustment
from workers.rewards.documents import Cause, LedgerEntry, Lot, Terms

STAMPS = "stamps"


class TestUndoAdjustment:
    def test_takes_back_what_was_added_by_a_linked_entry(self) -> None:
        counter = adjusting()
        counter.say(adjust(5), OPERATOR)
        adjustment = counter.only(Adjustment)
        (said,) = counter.say(undo(adjustment, OTTO), OTTO)

        assert isinstance(said, AdjustmentUndone)
        assert (said.amount, said.owed) == (-5, 0)
        entry = next(each for each in counter.all(LedgerEntry) if each.cause is Cause.ADJUSTMENT_UNDONE)
        assert (entry.undoes, entry.actor, entry.reason, entry.amount) == (adjustment.entry_id, OTTO, "mistake", -5)
        assert counter.only(Adjustment).undone_by == OTTO

    def test_gives_back_what_was_deducted_to_its_lots(self) -> None:
        counter = adjusting()
        counter.say(receipt(coffees(3)))
        counter.say(adjust(2), OPERATOR)
        before = counter.holding(STAMPS)
        counter.say(adjust(-4), OPERATOR)
        counter.say(undo(_deduction(counter)), OPERATOR)

        assert counter.holding(STAMPS) == before

    def test_cannot_be_done_twice(self) -> None:
        counter = adjusting()
        counter.say(adjust(5), OPERATOR)
        counter.say(undo(counter.only(Adjustment)), OPERATOR)
        with refused("adjustment_already_undone"):
            counter.say(undo(counter.only(Adjustment)), OPERATOR)

        assert counter.holding(STAMPS).balance == 0

    @pytest.mark.parametrize(
        ("shortfall", "balance", "debt"),
        [(Shortfall.DEBT, -8, 8), (Shortfall.NEGATIVE, -8, 8), (Shortfall.WAIVE, 0, 0)],
    )
    def test_follows_the_switch_for_shortfalls_when_the_units_were_spent_meanwhile(
        self, shortfall: Shortfall, balance: int, debt: int
    ) -> None:
        counter = adjusting(shortfall=shortfall)
        counter.say(adjust(12), OPERATOR)
        counter.say(RedeemReward(card_number=NUMBER, reward="coffee"))
        counter.say(adjust(-2), OPERATOR)
        counter.say(adjust(2), OPERATOR)
        counter.say(undo(next(each for each in counter.all(Adjustment) if each.amount == 12)), OPERATOR)

        stamps = counter.holding(STAMPS)
        assert (stamps.balance, stamps.debt) == (balance - 2 if debt else 0, debt + 2 if debt else 0)

    def test_gives_back_expired_what_has_expired_meanwhile(self) -> None:
        counter = adjusting()
        counter.say(adjust(5), OPERATOR)
        counter.say(adjust(-5), OPERATOR)
        counter.wait(timedelta(days=400))
        counter.say(undo(_deduction(counter)), OPERATOR)
        counter.wait(timedelta(seconds=1))

        assert counter.holding(STAMPS).lots == ()
        assert [each.amount for each in counter.all(LedgerEntry) if each.cause is Cause.EXPIRY] == [-5]

    def test_takes_nothing_else_for_what_has_expired(self) -> None:
        counter = adjusting()
        counter.say(adjust(5), OPERATOR)
        counter.say(receipt(coffees(3)))
        counter.wait(timedelta(days=400))
        counter.say(undo(counter.only(Adjustment)), OPERATOR)

        assert counter.holding(STAMPS).balance == 3

    def test_gives_what_was_owed_as_if_added_today(self) -> None:
        counter = adjusting(Exceeding.SHORTFALL)
        counter.say(adjust(-5), OPERATOR)
        counter.say(receipt(coffees(7)))
        counter.say(undo(counter.only(Adjustment)), OPERATOR)

        assert [(lot.terms.id, lot.amount) for lot in counter.holding(STAMPS).lots] == [("2027-11-30", 5), ("never", 2)]

    def test_is_refused_while_it_waits(self) -> None:
        counter = adjusting()
        counter.say(adjust(21), OPERATOR)
        with refused("adjustment_not_applied", state="waiting"):
            counter.say(undo(counter.only(Adjustment)), OPERATOR)

    def test_is_refused_for_a_reason_that_the_programme_lacks(self) -> None:
        counter = adjusting()
        counter.say(adjust(5), OPERATOR)
        with refused("adjustment_reason_unknown", reason="whim"):
            counter.say(undo(counter.only(Adjustment), reason="whim"), OPERATOR)

    def test_is_refused_on_ones_own_account_and_on_anothers_card(self) -> None:
        counter = adjusting()
        counter.say(adjust(5), OPERATOR)
        adjustment = counter.only(Adjustment)
        with refused("unknown_adjustment"):
            decide(
                undo_adjustment,
                undo(adjustment),
                card=card(),
                adjustment=adjustment,
                account=account(id="account-2"),
                context=by(OPERATOR),
            )
        counter.say(OperatorTied(operator_id=OPERATOR.id, member_id=ANA), OTTO)
        with refused("own_account"):
            counter.say(undo(adjustment), OPERATOR)


def _deduction(counter: Shop) -> Adjustment:
    return next(each for each in counter.all(Adjustment) if each.amount < 0)


class TestExpiredUnits:
    def test_pay_no_debt_when_they_come_back(self) -> None:
        owing = account(
            holding(STAMPS, balance=-4, debt=4),
        )
        lots = (Lot(terms=Terms(id="2026-11-21", expires_at=NOON - timedelta(hours=13)), amount=3),)
        adjustment = Adjustment(
            id="0" * 32,
            account_id=ACCOUNT,
            unit=STAMPS,
            amount=-3,
            reason="goodwill",
            comment="x",
            state=AdjustmentState.APPLIED,
            actor=OPERATOR,
            submitted_at=NOON,
            drawn=lots,
            entry_id="e",
        )
        said = decide(
            undo_adjustment, undo(adjustment), card=card(), adjustment=adjustment, account=owing, context=by(OPERATOR)
        )

        assert said.document(type(owing)).holding(STAMPS).debt == 4
