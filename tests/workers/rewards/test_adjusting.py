"""Adjustments: who may, why, how much, with what the operator saw; and their undoing."""

from datetime import UTC, datetime, timedelta

import pytest

from contracts.adjustments import (
    AdjustmentState,
    AdjustmentSubmitted,
    BalanceAdjusted,
)
from contracts.cards import CardState
from contracts.messages import Actor, ActorKind
from contracts.operators import OperatorTied
from contracts.programme.adjustments import Exceeding
from contracts.programme.rewards import Shortfall
from contracts.rewards import UnitBalance
from runtime.decisions import Refused
from tests.decisions import NOON, decide, refused
from tests.workers.rewards.counter import (
    ACCOUNT,
    ANA,
    NUMBER,
    OPERATOR,
    OTTO,
    account,
    adjust,
    adjusting,
    by,
    card,
    coffees,
    holding,
    receipt,
    shop,
    undo,
)
from workers.rewards.adjusting import adjust_balance
from workers.rewards.adjustment_documents import Adjustment, AdjustmentComment, Counted, Operator
from workers.rewards.documents import Cause, LedgerEntry

STAMPS = "stamps"


class TestAdjustBalance:
    def test_adds_with_reason_comment_and_an_entry_that_says_who_and_why(self) -> None:
        said = decide(adjust_balance, adjust(), card=card(), account=account(holding(STAMPS, 3)), context=by(OPERATOR))

        adjustment, entry = said.document(Adjustment), said.document(LedgerEntry)
        assert said.events == [
            BalanceAdjusted(
                account_id=ACCOUNT,
                card_number=NUMBER,
                member_id=ANA,
                adjustment_id=adjustment.id,
                unit=STAMPS,
                amount=5,
                reason="goodwill",
                comment="From us",
                balances=(UnitBalance(unit=STAMPS, available=8),),
            )
        ]
        assert (entry.cause, entry.actor, entry.reason) == (Cause.ADJUSTMENT, OPERATOR, "goodwill")
        assert (entry.amount, entry.balance_after, entry.adjustment_id) == (5, 8, adjustment.id)
        assert (adjustment.state, adjustment.entry_id, adjustment.actor) == (
            AdjustmentState.APPLIED,
            entry.id,
            OPERATOR,
        )

    def test_tells_the_member_what_the_operator_says_rather_than_the_default(self) -> None:
        said = decide(adjust_balance, adjust(comment=" Sorry! "), card=card(), account=account(), context=by(OPERATOR))

        event = said.events[0]
        assert isinstance(event, BalanceAdjusted)
        assert event.comment == "Sorry!" == said.document(AdjustmentComment).text
        assert "comment" in BalanceAdjusted.personal

    def test_gives_what_is_added_the_terms_of_the_programme(self) -> None:
        said = decide(adjust_balance, adjust(), card=card(), account=account(), context=by(OPERATOR))

        terms = said.document(Adjustment).terms
        assert terms is not None
        assert terms.id == "2027-11-30"
        assert terms.expires_at == datetime(2027, 11, 30, 23, tzinfo=UTC)

    def test_pays_a_debt_first(self) -> None:
        owing = account(holding(STAMPS, balance=-3, debt=3))
        said = decide(adjust_balance, adjust(), card=card(), account=owing, context=by(OPERATOR))

        stamps = said.document(type(owing)).holding(STAMPS)
        assert (stamps.balance, stamps.debt, [lot.amount for lot in stamps.lots]) == (2, 0, [2])

    def test_deducts_what_expires_soonest(self) -> None:
        counter = adjusting()
        counter.say(receipt(coffees(3)))
        counter.say(adjust(5), OPERATOR)
        counter.say(adjust(-6), OPERATOR)

        assert [(lot.terms.id, lot.amount) for lot in counter.holding(STAMPS).lots] == [("never", 2)]

    def test_is_told_and_asked_again_when_the_balance_changed_meanwhile(self) -> None:
        counter = shop()
        counter.say(receipt(coffees(3)))
        with refused("balance_changed", expected=0, held=3):
            counter.say(adjust(5, expected_balance=0), OPERATOR)
        counter.say(adjust(5, expected_balance=3), OPERATOR)

        assert counter.holding(STAMPS).balance == 8

    def test_deducting_more_than_is_held_is_refused(self) -> None:
        with refused("adjustment_exceeds_balance", amount=4, held=3):
            decide(adjust_balance, adjust(-4), card=card(), account=account(holding(STAMPS, 3)), context=by(OPERATOR))

    def test_does_not_deduct_what_has_expired_but_was_not_taken_out_yet(self) -> None:
        over = account(holding(STAMPS, 3, expires_at=NOON))
        with refused("adjustment_exceeds_balance", amount=1, held=0):
            decide(adjust_balance, adjust(-1), card=card(), account=over, context=by(OPERATOR))

    @pytest.mark.parametrize(
        ("shortfall", "balance", "debt", "forgone"),
        [(Shortfall.DEBT, -2, 2, 0), (Shortfall.NEGATIVE, -2, 2, 0), (Shortfall.WAIVE, 0, 0, 2)],
    )
    def test_deducting_more_than_is_held_is_a_shortfall_where_the_programme_says_so(
        self, shortfall: Shortfall, balance: int, debt: int, forgone: int
    ) -> None:
        counter = adjusting(Exceeding.SHORTFALL, shortfall)
        counter.say(receipt(coffees(3)))
        counter.say(adjust(-5), OPERATOR)

        stamps = counter.holding(STAMPS)
        entry = next(each for each in counter.all(LedgerEntry) if each.cause is Cause.ADJUSTMENT)
        assert (stamps.balance, stamps.debt, entry.forgone) == (balance, debt, forgone)

    def test_works_on_a_blocked_card(self) -> None:
        said = decide(adjust_balance, adjust(), card=card(CardState.BLOCKED), account=account(), context=by(OPERATOR))
        assert said.document(Adjustment).state is AdjustmentState.APPLIED

    @pytest.mark.parametrize("state", [CardState.REPLACED, CardState.DELETED])
    def test_is_refused_on_a_card_that_is_gone(self, state: CardState) -> None:
        with refused(f"card_{state.value}"):
            decide(adjust_balance, adjust(), card=card(state), account=account(), context=by(OPERATOR))

    def test_is_refused_on_a_card_that_only_purchases_know(self) -> None:
        with refused("unknown_card"):
            decide(adjust_balance, adjust(), card=card(account_id=None), context=by(OPERATOR))

    def test_is_refused_for_a_reason_that_the_programme_lacks(self) -> None:
        with refused("adjustment_reason_unknown", reason="whim"):
            decide(adjust_balance, adjust(reason="whim"), card=card(), account=account(), context=by(OPERATOR))

    def test_is_refused_for_a_unit_that_the_programme_lacks(self) -> None:
        with refused("unit_unknown", unit="miles"):
            decide(adjust_balance, adjust(unit="miles"), card=card(), account=account(), context=by(OPERATOR))

    def test_is_refused_at_a_till(self) -> None:
        with refused("actor_not_allowed", actor="pos"):
            decide(adjust_balance, adjust(), card=card(), account=account(), context=by())

    def test_nobody_adjusts_their_own_account(self) -> None:
        counter = adjusting()
        counter.say(OperatorTied(operator_id=OPERATOR.id, member_id=ANA), OTTO)
        with refused("own_account"):
            counter.say(adjust(), OPERATOR)

    def test_is_refused_by_who_says_to_be_somebody_else(self) -> None:
        with refused("operator_not_the_sender"):
            decide(adjust_balance, adjust(), card=card(), account=account(), context=by(OTTO))

    def test_for_nothing_is_no_adjustment(self) -> None:
        with pytest.raises(ValueError, match="must not be 0"):
            adjust(0)


class TestCaps:
    def test_above_the_cap_for_one_it_waits_and_moves_nothing(self) -> None:
        counter = shop()
        (said,) = counter.say(adjust(21), OPERATOR)

        assert isinstance(said, AdjustmentSubmitted)
        assert said.ends_at == NOON + timedelta(days=3)
        assert counter.only(Adjustment).state is AdjustmentState.WAITING
        assert counter.all(LedgerEntry) == []

    def test_of_two_that_pass_the_days_cap_together_the_second_waits_whatever_the_account(self) -> None:
        counter = adjusting()
        counter.say(adjust(20), OPERATOR)
        counter.say(adjust(-11, card_number=NUMBER), OPERATOR)

        assert counter.holding(STAMPS).balance == 20
        assert counter.only(Operator).counted == (Counted(unit=STAMPS, amount=20),)

    def test_two_at_once_meet_in_one_document_of_their_operator(self) -> None:
        said = [
            decide(adjust_balance, adjust(20), card=card(), account=account(), context=by(OPERATOR)) for _ in range(2)
        ]
        assert {each.document(Operator).id for each in said} == {OPERATOR.id}

    def test_another_operator_has_a_count_of_their_own(self) -> None:
        counter = adjusting()
        counter.say(adjust(20), OPERATOR)
        counter.say(adjust(20, OTTO), OTTO)

        assert counter.holding(STAMPS).balance == 40

    def test_the_day_ends_at_midnight_in_the_programmes_zone(self) -> None:
        counter = adjusting()
        counter.say(adjust(20), OPERATOR)
        counter.now = datetime(2026, 11, 22, 22, 59, tzinfo=UTC)
        counter.say(adjust(20), OPERATOR)
        assert counter.holding(STAMPS).balance == 20
        counter.now = datetime(2026, 11, 22, 23, 0, tzinfo=UTC)
        counter.say(adjust(20), OPERATOR)

        assert counter.holding(STAMPS).balance == 40

    def test_a_clock_that_runs_behind_opens_no_second_day(self) -> None:
        counter = adjusting()
        counter.now = datetime(2026, 11, 22, 23, 0, tzinfo=UTC)
        counter.say(adjust(20), OPERATOR)
        counter.now -= timedelta(seconds=1)
        counter.say(adjust(20), OPERATOR)

        assert counter.holding(STAMPS).balance == 20

    def test_does_not_bind_whom_the_programme_does_not_name(self) -> None:
        counter = adjusting()
        job = Actor(kind=ActorKind.SYSTEM, id="job")
        counter.say(adjust(500, job), job)

        assert counter.holding(STAMPS).balance == 500
        assert counter.all(Operator) == []

    def test_each_unit_has_a_cap_of_its_own_or_none(self) -> None:
        counter = adjusting()
        counter.say(adjust(20), OPERATOR)
        counter.say(adjust(10_000, unit="points"), OPERATOR)

        assert counter.holding("points").balance == 10_000

    def test_undoing_does_not_lower_the_count(self) -> None:
        counter = adjusting()
        counter.say(adjust(20), OPERATOR)
        counter.say(undo(counter.only(Adjustment)), OPERATOR)
        counter.say(adjust(20), OPERATOR)

        assert counter.holding(STAMPS).balance == 0


def test_a_repeat_of_the_same_command_is_the_runtimes_and_another_is_another_adjustment() -> None:
    counter = shop()
    counter.say(adjust(5), OPERATOR)
    counter.say(adjust(5), OPERATOR)
    with pytest.raises(Refused):
        counter.say(adjust(5, expected_balance=5), OPERATOR)

    assert counter.holding(STAMPS).balance == 10
