"""What can be said to take back what was done to a sale, a coupon or a tier: by a new entry that names the old one."""

from contracts.adjustments import OperatorCommand
from contracts.coupons import CouponCode, CouponEvent, CouponState, KnownCouponCode
from contracts.rewards import BalanceEvent, PurchaseId, ReceiptCommand, RewardId, UnitChange
from contracts.values import Code, Instant, MessageId, Personal, Reference, Text


class ReceiptCorrection(ReceiptCommand):
    """Something that somebody takes back of a sale by hand."""

    operator_id: MessageId
    """Who asks: the id of the message's own actor; one that says another is refused."""
    reason: Code


class UndoRefund(ReceiptCorrection, right="rewards.correctors"):
    """Take a refund back: the sale is worth again what it was, and what came back with it is used again."""

    refund_number: Reference
    """The refund's own receipt; said again it stays undone, and a later refund needs another."""


class UndoCancellation(ReceiptCorrection, right="rewards.correctors"):
    """Take a cancellation back, whoever made it: the sale is pending again, and can be confirmed."""


class UnuseCoupon(OperatorCommand, right="rewards.correctors"):
    """Take the use of a coupon back: it can be used again, and the units that it gave go."""

    coupon_code: CouponCode
    reason: Code


class UndoTierAssignment(OperatorCommand, right="rewards.tier_assigners"):
    """Take back that a tier was assigned by hand, with what came with it that isn't spent or earned."""

    system: Code
    note: Personal[Text]
    """Why, for colleagues; members don't see it."""


class SaleRestored(BalanceEvent):
    """What had gone from a sale came back to it."""

    purchase_id: PurchaseId
    given_back: tuple[UnitChange, ...]
    """By unit what the sale is worth more; of a sale that is still pending it stays pending."""
    reward_ids: tuple[RewardId, ...] = ()
    """Rewards that had come back with the sale and are used in it again."""
    reward_codes: tuple[Code, ...] = ()
    """Which offers they are of."""
    coupon_codes: tuple[KnownCouponCode, ...] = ()
    """Coupons, likewise."""
    reason: Code


class RefundUndone(SaleRestored):
    """A refund was taken back."""

    refund_number: Reference


class CancellationUndone(SaleRestored):
    """A cancelled sale is pending again."""

    ends_at: Instant
    """When it is cancelled again, if nobody confirms it."""


class CouponReused(CouponEvent):
    """A sale counts again, and a coupon that had come back with it is used in it again."""

    purchase_id: PurchaseId


class CouponUnused(CouponEvent):
    """The use of a coupon was taken back, so it can be used again, if its time isn't over."""

    purchase_id: PurchaseId
    state: CouponState
    reason: Code
