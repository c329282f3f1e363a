"""Refunds, cancellations and uses that are taken back: to the unit what it was, once, with all that hung on it."""

from datetime import timedelta
from typing import Any

import pytest

from contracts.corrections import (
    CancellationUndone,
    CouponReused,
    CouponUnused,
    RefundUndone,
    UndoCancellation,
    UndoRefund,
    UnuseCoupon,
)
from contracts.coupons import CouponState, ReserveCoupon, UnitsRevoked
from contracts.messages import Command, Event
from contracts.operators import OperatorTied
from contracts.programme.rewards import Shortfall
from contracts.rewards import (
    CancelPurchase,
    ConfirmPurchase,
    PurchaseRepeated,
    PurchaseState,
    RedeemReward,
    RefundLine,
    RewardState,
    Stage,
    UnitChange,
    UseReward,
)
from tests.decisions import refused
from tests.workers.rewards.counter import (
    ANA,
    BUSINESS_DAY,
    NUMBER,
    OPERATOR,
    OTTO,
    PURCHASE_ID,
    Shop,
    adjust,
    coffees,
    receipt,
    refund,
)
from tests.workers.rewards.offers import DAY, coupon, issue, offer_shop, only, use
from tests.workers.rewards.test_tiers import anas
from workers.rewards.documents import Cause, LedgerEntry, Purchase, Reward

SALE: dict[str, Any] = {
    "card_number": NUMBER,
    "store": "s1",
    "till": "t1",
    "receipt_number": "17",
    "business_day": BUSINESS_DAY,
}
WHOLE = RefundLine(line=1, quantity=2, price_minor=700)
HALF = RefundLine(line=1, quantity=1, price_minor=350)


def undo(number: str = "r1", **changes: Any) -> UndoRefund:
    """Take the refund of that number back."""
    fields = {**SALE, "operator_id": OPERATOR.id, "reason": "mistake", "refund_number": number}
    return UndoRefund.model_validate({**fields, **changes})


def uncancel(**changes: Any) -> UndoCancellation:
    """Take the cancellation back."""
    return UndoCancellation.model_validate({**SALE, "operator_id": OPERATOR.id, "reason": "mistake", **changes})


def sold(*messages: Command, **rules: Any) -> Shop:
    """A shop where Ana bought two coffees, and then what these say."""
    counter = offer_shop(**rules)
    for each in (receipt(), *messages):
        counter.say(each)
    return counter


def units(counter: Shop, unit: str = "stamps") -> tuple[int, int, int]:
    """What there is of a unit: balance, debt, held."""
    held = anas(counter).holding(unit)
    return held.balance, held.debt, held.held


def entries(counter: Shop, cause: Cause) -> list[LedgerEntry]:
    """The entries of a cause."""
    return [each for each in counter.all(LedgerEntry) if each.cause is cause]


def corrected(counter: Shop, command: Command) -> list[Event | Command]:
    """An operator takes something back."""
    return counter.say(command, OPERATOR)


class TestUndoRefund:
    def test_gives_back_what_the_refund_took_by_entries_that_name_its_own(self) -> None:
        counter = sold(refund(WHOLE))
        told = only(RefundUndone, corrected(counter, undo()))

        assert told.given_back == (UnitChange(unit="stamps", amount=2), UnitChange(unit="points", amount=7))
        assert (units(counter), units(counter, "points")) == ((2, 0, 0), (7, 0, 0))
        assert counter.only(Purchase).state is PurchaseState.CONFIRMED
        back = entries(counter, Cause.REFUND_UNDONE)
        assert {each.undoes for each in back} == {each.id for each in entries(counter, Cause.REFUND)}
        assert {(each.reason, each.actor) for each in back} == {("mistake", OPERATOR)}

    def test_keeps_the_refund_with_its_sale_marked_by_whom_and_when(self) -> None:
        counter = sold(refund(HALF))
        corrected(counter, undo())
        (kept,) = counter.only(Purchase).refunds
        assert (kept.number, kept.undone_at, kept.undone_by) == ("r1", counter.now, OPERATOR)

    def test_is_refused_twice(self) -> None:
        counter = sold(refund(HALF))
        corrected(counter, undo())
        with refused("refund_already_undone"):
            corrected(counter, undo())

    def test_stays_undone_when_the_till_says_the_refund_again(self) -> None:
        counter = sold(refund(HALF))
        corrected(counter, undo())
        assert [type(each) for each in counter.say(refund(HALF))] == [PurchaseRepeated]
        assert units(counter) == (2, 0, 0)

    def test_lets_another_refund_take_the_same_lines(self) -> None:
        counter = sold(refund(WHOLE))
        corrected(counter, undo())
        counter.say(refund(WHOLE, refund_number="r2"))
        assert (units(counter), units(counter, "points")) == ((0, 0, 0), (0, 0, 0))

    def test_of_one_of_two_leaves_what_the_other_takes_alone(self) -> None:
        counter = sold(refund(HALF), refund(HALF, refund_number="r2"))
        corrected(counter, undo())
        alone = sold(refund(HALF, refund_number="r2"))
        assert units(counter, "points") == units(alone, "points") == (3, 0, 0)

    def test_takes_the_debt_away_that_the_refund_had_made(self) -> None:
        counter = sold()
        counter.say(adjust(-2), OPERATOR)
        counter.say(refund(WHOLE))
        assert units(counter) == (-2, 2, 0)
        corrected(counter, undo())
        assert units(counter) == (0, 0, 0)

    def test_gives_what_paid_that_debt_meanwhile(self) -> None:
        counter = sold()
        counter.say(adjust(-2), OPERATOR)
        counter.say(refund(WHOLE))
        counter.say(receipt(coffees(2), receipt_number="18"))
        assert units(counter) == (0, 0, 0)
        corrected(counter, undo())
        assert units(counter) == (2, 0, 0)

    def test_gives_nothing_that_the_refund_had_waived(self) -> None:
        counter = sold(shortfall="waive")
        counter.say(adjust(-2), OPERATOR)
        counter.say(refund(WHOLE))
        corrected(counter, undo())
        assert units(counter) == (0, 0, 0)
        assert [each.forgone for each in entries(counter, Cause.REFUND_UNDONE) if each.unit == "stamps"] == [-2]

    def test_puts_units_back_where_the_refund_took_them(self) -> None:
        counter = sold()
        counter.say(adjust(3), OPERATOR)
        before = anas(counter).holding("stamps").lots
        counter.say(refund(WHOLE))
        corrected(counter, undo())
        assert anas(counter).holding("stamps").lots == before

    def test_of_a_sale_that_is_pending_makes_more_of_it_pending(self) -> None:
        counter = offer_shop()
        counter.say(receipt(stage=Stage.PENDING))
        counter.say(refund(HALF))
        corrected(counter, undo())
        assert anas(counter).holding("stamps").pending == 2
        counter.say(ConfirmPurchase.model_validate(SALE))
        assert units(counter) == (2, 0, 0)

    def test_of_a_refund_that_came_before_its_sale_gives_what_the_sale_did_not(self) -> None:
        counter = offer_shop()
        counter.say(refund(HALF))
        with refused("unknown_purchase"):
            corrected(counter, undo())
        counter.say(receipt())
        corrected(counter, undo())
        assert units(counter) == (2, 0, 0)
        assert {each.undoes for each in entries(counter, Cause.REFUND_UNDONE)} == {
            each.id for each in entries(counter, Cause.PURCHASE)
        }

    @pytest.mark.parametrize(
        ("command", "code"),
        [
            (undo("r9"), "unknown_refund"),
            (undo(receipt_number="99"), "unknown_purchase"),
            (undo(card_number="5500005555555559"), "purchase_of_another_card"),
            (undo(operator_id=OTTO.id), "operator_not_the_sender"),
        ],
    )
    def test_is_refused_where_it_is_not_known_or_somebody_elses(self, command: UndoRefund, code: str) -> None:
        counter = sold(refund(HALF))
        with refused(code):
            corrected(counter, command)

    def test_is_refused_to_whose_account_it_is(self) -> None:
        counter = sold(refund(HALF))
        counter.say(OperatorTied(operator_id=OPERATOR.id, member_id=ANA), OTTO)
        with refused("own_account"):
            corrected(counter, undo())

    def test_is_no_tills_business(self) -> None:
        counter = sold(refund(HALF))
        with refused("actor_not_allowed", actor="pos"):
            counter.say(undo(operator_id="till-1"))


class TestWhatCameBackWithASale:
    def test_a_reward_is_used_again_and_its_price_held_no_more(self) -> None:
        counter = with_reward()
        counter.say(refund(WHOLE))
        assert units(counter)[2] == 10
        told = only(RefundUndone, corrected(counter, undo()))

        reward = counter.only(Reward)
        assert (reward.state, reward.purchase_id, told.reward_ids) == (RewardState.USED, PURCHASE_ID, (reward.id,))
        assert units(counter) == (4, 0, 0)
        (again,), (back,) = entries(counter, Cause.REWARD_USED_AGAIN), entries(counter, Cause.REWARD_RETURNED)
        assert (again.undoes, again.held) == (back.id, -10)

    def test_it_comes_back_again_with_the_next_refund(self) -> None:
        counter = with_reward()
        for number in ("r1", "r2"):
            counter.say(refund(WHOLE, refund_number=number))
            assert counter.only(Reward).state is RewardState.OUTSTANDING
            corrected(counter, undo(number))
        assert counter.only(Reward).state is RewardState.USED

    def test_a_reward_whose_price_went_back_costs_it_again(self) -> None:
        counter = with_reward()
        counter.now += 91 * DAY
        counter.say(refund(WHOLE))
        assert (counter.only(Reward).state, units(counter)) == (RewardState.REMOVED, (12, 0, 0))
        corrected(counter, undo())
        assert (counter.only(Reward).state, units(counter)) == (RewardState.USED, (4, 0, 0))

    def test_nothing_is_undone_where_a_reward_was_used_since(self) -> None:
        counter = with_reward()
        counter.say(refund(WHOLE))
        counter.say(UseReward(card_number=NUMBER, reward_id=counter.only(Reward).id))
        with refused("returned_used_since", what="coffee"):
            corrected(counter, undo())

    def test_a_coupon_is_used_again_and_gives_its_units_with_the_terms_that_they_had(self) -> None:
        counter = offer_shop()
        code = issue(counter, "points_to_begin")
        counter.say(receipt())
        counter.say(use(code))
        lots = anas(counter).holding("points").lots
        counter.say(refund(WHOLE))
        counter.now += DAY
        said = corrected(counter, undo())

        assert only(CouponReused, said).coupon_code == code
        assert only(RefundUndone, said).coupon_codes == (code,)
        assert (coupon(counter, code).state, anas(counter).holding("points").lots) == (CouponState.USED, lots)
        (again,), (back,) = entries(counter, Cause.COUPON_USED_AGAIN), entries(counter, Cause.COUPON_RETURNED)
        assert (again.undoes, again.source) == (back.id, code)
        counter.say(refund(WHOLE, refund_number="r2"))
        assert units(counter, "points") == (0, 0, 0)

    def test_nothing_is_undone_where_a_coupon_was_used_since_or_a_till_has_it_open(self) -> None:
        counter = offer_shop()
        code = issue(counter)
        counter.say(receipt())
        counter.say(use(code))
        counter.say(refund(WHOLE))
        counter.say(ReserveCoupon(card_number=NUMBER, coupon_code=code, store="s1", till="t9"))
        until = (counter.now + timedelta(seconds=900)).isoformat()
        with refused("coupon_reserved", store="s1", till="t9", until=until):
            corrected(counter, undo())
        counter.say(use(code, receipt_number="18", till="t9"))
        with refused("returned_used_since", what="cake_on_us"):
            corrected(counter, undo())

    def test_what_was_taken_back_by_hand_stays_so(self) -> None:
        counter = offer_shop()
        code = issue(counter)
        counter.say(receipt())
        counter.say(use(code))
        corrected(counter, unuse(code))
        counter.say(refund(WHOLE))
        corrected(counter, undo())
        assert coupon(counter, code).state is CouponState.ISSUED


def with_reward() -> Shop:
    """The same, with a coffee that was used in the sale."""
    counter = offer_shop()
    counter.say(receipt(coffees(12), receipt_number="1"))
    counter.say(RedeemReward(card_number=NUMBER, reward="coffee"))
    counter.say(receipt())
    counter.say(UseReward(card_number=NUMBER, reward_id=counter.only(Reward).id, purchase_id=PURCHASE_ID))
    return counter


class TestUndoCancellation:
    def test_makes_the_sale_pending_again_for_as_long_as_any(self) -> None:
        counter = cancelled()
        told = only(CancellationUndone, corrected(counter, uncancel()))

        assert told.ends_at == counter.now + DAY
        assert counter.only(Purchase).state is PurchaseState.PENDING
        assert anas(counter).holding("stamps").pending == 2
        assert {each.undoes for each in entries(counter, Cause.CANCELLATION_UNDONE)} == {
            each.id for each in entries(counter, Cause.CANCELLATION)
        }

    def test_lets_it_be_confirmed_or_end_again(self) -> None:
        counter = cancelled()
        corrected(counter, uncancel())
        counter.wait(DAY)
        assert counter.only(Purchase).state is PurchaseState.CANCELLED
        corrected(counter, uncancel())
        counter.say(ConfirmPurchase.model_validate(SALE))
        assert units(counter) == (2, 0, 0)

    def test_is_refused_twice(self) -> None:
        counter = cancelled()
        corrected(counter, uncancel())
        with refused("purchase_not_cancelled", state="pending"):
            corrected(counter, uncancel())

    def test_uses_again_what_had_come_back(self) -> None:
        counter = offer_shop()
        code = issue(counter)
        counter.say(receipt(stage=Stage.PENDING))
        counter.say(use(code))
        counter.say(CancelPurchase.model_validate(SALE))
        corrected(counter, uncancel())
        assert coupon(counter, code).state is CouponState.USED


def cancelled() -> Shop:
    """A pending sale of two coffees that was cancelled."""
    counter = offer_shop()
    counter.say(receipt(stage=Stage.PENDING))
    counter.say(CancelPurchase.model_validate(SALE))
    return counter


def unuse(code: str, **changes: Any) -> UnuseCoupon:
    """Take a coupon's use back."""
    fields = {"card_number": NUMBER, "operator_id": OPERATOR.id, "coupon_code": code, "reason": "mistake"}
    return UnuseCoupon.model_validate({**fields, **changes})


class TestUnuseCoupon:
    def test_lets_it_be_used_again_and_takes_what_it_gave(self) -> None:
        counter = offer_shop()
        code = issue(counter, "points_to_begin")
        counter.say(use(code))
        said = corrected(counter, unuse(code))

        assert (only(CouponUnused, said).state, units(counter, "points")) == (CouponState.ISSUED, (0, 0, 0))
        assert only(UnitsRevoked, said).changes == (UnitChange(unit="points", amount=-20),)
        (back,), (given,) = entries(counter, Cause.COUPON_RETURNED), entries(counter, Cause.COUPON_USED)
        assert (back.undoes, back.reason) == (given.id, "mistake")
        assert counter.say(use(code, receipt_number="18"))

    def test_is_refused_unless_it_is_used(self) -> None:
        counter = offer_shop()
        code = issue(counter)
        with refused("coupon_not_used", state="issued"):
            corrected(counter, unuse(code))

    def test_is_refused_of_anothers_coupon_and_on_ones_own_account(self) -> None:
        counter = offer_shop()
        code = issue(counter)
        counter.say(use(code))
        with refused("unknown_coupon"):
            corrected(counter, unuse(code, card_number="5500005555555559"))
        counter.say(OperatorTied(operator_id=OPERATOR.id, member_id=ANA), OTTO)
        with refused("own_account"):
            corrected(counter, unuse(code))


@pytest.mark.parametrize("shortfall", Shortfall)
def test_a_refund_and_its_undoing_leave_no_trace_in_any_lot(shortfall: Shortfall) -> None:
    counter = sold(shortfall=shortfall.value)
    before = anas(counter).holdings
    counter.say(refund(HALF))
    corrected(counter, undo())
    assert anas(counter).holdings == before
