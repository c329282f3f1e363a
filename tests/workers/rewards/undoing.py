"""Everything that an operator does to an account, and what takes it back: what a test does and undoes at a counter."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from contracts import coupons, rewards
from contracts.adjustments import ApproveAdjustment, RestoreReward, UndoAdjustment, UnuseReward
from contracts.corrections import UndoCancellation, UndoRefund, UndoTierAssignment, UnuseCoupon
from contracts.coupons import CouponState
from contracts.messages import Actor, Command
from contracts.rewards import PurchaseState, RefundLine, RewardState, Stage
from tests.workers.rewards.counter import (
    BUSINESS_DAY,
    NUMBER,
    OPERATOR,
    OTHER,
    OTTO,
    Shop,
    adjust,
    coffees,
    receipt,
    refund,
)
from tests.workers.rewards.offers import coupon, offer_shop, use
from tests.workers.rewards.test_tiers import STATUS, anas, assign, tier
from workers.rewards.adjustment_documents import Adjustment
from workers.rewards.coupon_documents import Coupon
from workers.rewards.documents import Purchase, Reward

SALE: dict[str, Any] = {
    "card_number": NUMBER,
    "store": "s1",
    "till": "t1",
    "receipt_number": "17",
    "business_day": BUSINESS_DAY,
}
BY: dict[str, Any] = {"operator_id": OPERATOR.id, "reason": "mistake"}
WHOLE = RefundLine(line=1, quantity=12, price_minor=4_200)
SOLD = receipt(coffees(12))
FAR = {**STATUS, "tiers": [{**each, "threshold": 100 * each["threshold"]} for each in STATUS["tiers"]]}
"""Tiers that nobody here reaches."""
OPENED = receipt(coffees(12), stage=Stage.PENDING)


@dataclass(frozen=True)
class Case:
    """Something that is done and undone at a desk, and how one sees there that it is done."""

    name: str
    by: str
    do: Callable[[Any], Command]
    undo: Callable[[Any], Command]
    is_done: Callable[[Any], object]
    before: tuple[Callable[[Any], Command], ...] = ()

    @property
    def pair(self) -> tuple[str, str]:
        return self.name, self.by


def shop() -> Shop:
    """Ana has 12 stamps and 42 points of another sale, and there are coupons, tiers and caps on what one adds alone."""
    counter = offer_shop(tier_systems=[FAR], recorders=["pos", "system", "operator"])
    counter.say(receipt(coffees(12), receipt_number="1"))
    return counter


def the_reward(counter: Shop) -> Reward:
    return counter.only(Reward)


def code(counter: Shop) -> str:
    """The code of the first coupon."""
    return min(counter.all(Coupon), key=lambda each: (each.issued_at, each.replaces or "")).id


def redeem(_: Shop) -> Command:
    return rewards.RedeemReward(card_number=NUMBER, reward="coffee")


def remove(counter: Shop) -> Command:
    return rewards.RemoveReward(card_number=NUMBER, reward_id=the_reward(counter).id, reason="mistake")


def bring_back(counter: Shop) -> Command:
    return RestoreReward(card_number=NUMBER, reward_id=the_reward(counter).id, reason="mistake")


def hand_out(counter: Shop) -> Command:
    return rewards.UseReward(card_number=NUMBER, reward_id=the_reward(counter).id)


def unuse(counter: Shop) -> Command:
    return UnuseReward(card_number=NUMBER, reward_id=the_reward(counter).id, **BY)


def in_state(*states: RewardState) -> Callable[[Shop], bool]:
    return lambda counter: bool(counter.all(Reward)) and the_reward(counter).state in states


def sale_is(*states: PurchaseState) -> Callable[[Shop], bool]:
    return lambda counter: any(each.receipt_number == "17" and each.state in states for each in counter.all(Purchase))


def confirm(_: Shop) -> Command:
    return rewards.ConfirmPurchase(**SALE)


def cancel(_: Shop) -> Command:
    return rewards.CancelPurchase(**SALE)


def take_back(_: Shop) -> Command:
    return refund(WHOLE)


def take_back_otherwise(_: Shop) -> Command:
    return refund(WHOLE, refund_number="r2")


def undo_refund(_: Shop) -> Command:
    return UndoRefund(**SALE, **BY, refund_number="r1")


def uncancel(_: Shop) -> Command:
    return UndoCancellation(**SALE, **BY)


def issue_points(_: Shop) -> Command:
    return coupons.IssueCoupon(card_number=NUMBER, campaign="points_to_begin")


def issue_cake(_: Shop) -> Command:
    return coupons.IssueCoupon(card_number=NUMBER, campaign="cake_on_us")


def cancel_coupon(counter: Shop) -> Command:
    return coupons.CancelCoupon(card_number=NUMBER, coupon_code=newest(counter).id, reason="mistake")


def resend(counter: Shop) -> Command:
    return coupons.ResendCoupon(card_number=NUMBER, coupon_code=code(counter))


def reserve(counter: Shop) -> Command:
    return coupons.ReserveCoupon(card_number=NUMBER, coupon_code=code(counter), store="s1", till="t1")


def release(counter: Shop) -> Command:
    return coupons.ReleaseCoupon(card_number=NUMBER, coupon_code=code(counter), store="s1", till="t1")


def use_coupon(counter: Shop) -> Command:
    return use(code(counter))


def unuse_coupon(counter: Shop) -> Command:
    return UnuseCoupon(card_number=NUMBER, coupon_code=code(counter), **BY)


def newest(counter: Shop) -> Coupon:
    """The coupon that took another's place, else the only one."""
    return next((each for each in counter.all(Coupon) if each.replaces), None) or counter.only(Coupon)


def coupons_are(state: CouponState) -> Callable[[Shop], bool]:
    return lambda counter: bool(counter.all(Coupon)) and newest(counter).state is state


def assign_gold(_: Shop) -> Command:
    return assign("gold", gives_rewards=True)


def unassign(_: Shop) -> Command:
    return UndoTierAssignment(card_number=NUMBER, operator_id=OPERATOR.id, system="status", note="By mistake")


def add(amount: int) -> Callable[[Shop], Command]:
    return lambda _: adjust(amount)


def undo_adjustment(counter: Shop) -> Command:
    first = min(counter.all(Adjustment), key=lambda each: each.submitted_at)
    return UndoAdjustment(card_number=NUMBER, adjustment_id=first.id, **BY)


def undo_what_two_agreed_to(counter: Shop) -> Command:
    waiting = counter.only(Adjustment).id
    return UndoAdjustment(card_number=NUMBER, adjustment_id=waiting, operator_id=OTTO.id, reason="mistake")


def approve(counter: Shop) -> Command:
    waiting = counter.only(Adjustment).id
    return ApproveAdjustment(card_number=NUMBER, operator_id=OTTO.id, adjustment_id=waiting)


def stamps_are(amount: int) -> Callable[[Shop], bool]:
    return lambda counter: anas(counter).holding("stamps").balance == amount


OUT, USED, GONE = (in_state(each) for each in (RewardState.OUTSTANDING, RewardState.USED, RewardState.REMOVED))
PENDING, CONFIRMED, CANCELLED, REFUNDED = (
    sale_is(each)
    for each in (PurchaseState.PENDING, PurchaseState.CONFIRMED, PurchaseState.CANCELLED, PurchaseState.REFUNDED)
)
GOOD, SPENT = coupons_are(CouponState.ISSUED), coupons_are(CouponState.USED)


def is_open(counter: Shop) -> bool:
    return coupon(counter, code(counter)).reservation is not None


REWARDS = (
    Case("RedeemReward", "RemoveReward", redeem, remove, OUT),
    Case("RemoveReward", "RestoreReward", remove, bring_back, GONE, (redeem,)),
    Case("RestoreReward", "RemoveReward", bring_back, remove, OUT, (redeem, remove)),
    Case("UseReward", "UnuseReward", hand_out, unuse, USED, (redeem,)),
    Case("UnuseReward", "UseReward", unuse, hand_out, OUT, (redeem, hand_out)),
    Case("RecordPurchase", "CancelPurchase", lambda _: OPENED, cancel, PENDING),
    Case("RecordPurchase", "RefundPurchase", lambda _: SOLD, take_back, CONFIRMED),
    Case("ConfirmPurchase", "RefundPurchase", confirm, take_back, CONFIRMED, (lambda _: OPENED,)),
    Case("CancelPurchase", "UndoCancellation", cancel, uncancel, CANCELLED, (lambda _: OPENED,)),
    Case("UndoCancellation", "CancelPurchase", uncancel, cancel, PENDING, (lambda _: OPENED, cancel)),
    Case("RefundPurchase", "UndoRefund", take_back, undo_refund, REFUNDED, (lambda _: SOLD,)),
    Case("UndoRefund", "RefundPurchase", undo_refund, take_back_otherwise, CONFIRMED, (lambda _: SOLD, take_back)),
    Case("IssueCoupon", "CancelCoupon", issue_cake, cancel_coupon, GOOD),
    Case("CancelCoupon", "ResendCoupon", cancel_coupon, resend, coupons_are(CouponState.CANCELLED), (issue_cake,)),
    Case("ResendCoupon", "CancelCoupon", resend, cancel_coupon, GOOD, (issue_cake, cancel_coupon)),
    Case("ReserveCoupon", "ReleaseCoupon", reserve, release, is_open, (issue_cake,)),
    Case("ReleaseCoupon", "ReserveCoupon", release, reserve, lambda shop: not is_open(shop), (issue_cake, reserve)),
    Case("UseCoupon", "UnuseCoupon", use_coupon, unuse_coupon, SPENT, (issue_points,)),
    Case("UnuseCoupon", "UseCoupon", unuse_coupon, use_coupon, GOOD, (issue_points, use_coupon)),
    Case(
        "ShareCoupon",
        "CancelCoupon",
        lambda counter: coupons.ShareCoupon(card_number=NUMBER, coupon_code=code(counter), to_card_number=OTHER),
        lambda counter: coupons.CancelCoupon(card_number=OTHER, coupon_code=code(counter), reason="mistake"),
        lambda counter: newest(counter).shared_from is not None and GOOD(counter),
        (issue_cake,),
    ),
    Case("AssignTier", "UndoTierAssignment", assign_gold, unassign, lambda counter: tier(counter) == "gold"),
    Case(
        "UndoTierAssignment",
        "AssignTier",
        unassign,
        assign_gold,
        lambda counter: tier(counter) != "gold",
        (assign_gold,),
    ),
    Case("AdjustBalance", "UndoAdjustment", add(5), undo_adjustment, stamps_are(17)),
    Case("ApproveAdjustment", "UndoAdjustment", approve, undo_what_two_agreed_to, stamps_are(37), (add(25),)),
    Case("UndoAdjustment", "AdjustBalance", undo_adjustment, add(5), stamps_are(12), (add(5),)),
)
AGAIN = {"ReserveCoupon", "AssignTier", "AdjustBalance"}
"""What may be said again, as it says how something is to be: it isn't only an undoing."""
LINKED = {"UseReward", "UseCoupon", "AdjustBalance", "AssignTier"} | {"ReleaseCoupon", "ReserveCoupon"}
"""What doesn't name what it takes back when it takes the taking back back: it is done anew."""


def held(counter: Shop, case: Case) -> dict[str, tuple[int, ...]]:
    """What Ana's account holds; less what is pending where a sale that was is confirmed, and comes back then."""
    found = {each.unit: (each.balance, each.held, each.debt, each.pending) for each in anas(counter).holdings}
    return {unit: each[:3] if case.name == "ConfirmPurchase" else each for unit, each in found.items()}


def by_whom(command: Command) -> Actor:
    """An operator, and if they say who they are, that one."""
    said = getattr(command, "operator_id", OPERATOR.id)
    return OTTO if said == OTTO.id else OPERATOR
