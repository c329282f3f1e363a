"""What can be said about coupons: issued, sent again, reserved, used, shared, cancelled, expired, given back.

A code works only with a card whose account holds the coupon, so it is no secret: it stands in answers and in the audit.
"""

from enum import StrEnum
from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from contracts.messages import OURS, Command, Event
from contracts.rewards import BalanceEvent, KnownCardNumber, PurchaseId, ReceiptCommand, RewardsCommand, UnitChange
from contracts.values import AccountId, CardNumber, Code, Instant, MemberId, MinorUnits, Points, Reference

ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's: nothing in it is taken for something else."""
_MISREAD: Final = str.maketrans("ILOU", "110V", "- ")


def check_character(code: str) -> str:
    """The character that makes `code` + character valid: Luhn's algorithm in 32 digits.

    It finds every wrong character and nearly every swap of two neighbours.
    """
    total = 0
    for place, character in enumerate(reversed(code)):
        value = ALPHABET.index(character) * (2 if place % 2 == 0 else 1)
        total += value // 32 + value % 32
    return ALPHABET[-total % 32]


def _as_written(code: str) -> str:
    plain = code.upper().translate(_MISREAD)
    if len(plain) != 16 or any(character not in ALPHABET for character in plain):
        raise ValueError("must have 16 letters and digits")
    if check_character(plain[:-1]) != plain[-1]:
        raise ValueError("the check character is wrong")
    return plain


def readable(code: str) -> str:
    """A code as people read it, in groups of four."""
    return "-".join(code[place : place + 4] for place in range(0, len(code), 4))


CouponCode = Annotated[str, StringConstraints(min_length=16, max_length=24), AfterValidator(_as_written)]
"""A coupon's code: 15 characters and one to check them; as people write it, with hyphens, in small letters, O for 0."""
KnownCouponCode = Annotated[str, StringConstraints(pattern=r"^[0-9A-HJKMNP-TV-Z]{16}$")]


class CouponState(StrEnum):
    """Where a coupon is in its life."""

    ISSUED = "issued"
    USED = "used"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class GiftKind(StrEnum):
    """What is given: units, which the ledger books; an item or a discount, which the till hands out or takes off."""

    UNITS = "units"
    ITEM = "item"
    DISCOUNT = "discount"


class Gift(BaseModel):
    """What somebody gets: so much of a unit, a product, or a discount by percent or by amount."""

    model_config = ConfigDict(frozen=True)

    kind: GiftKind
    unit: Code | None = None
    amount: Points | None = None
    expires_after_months: int | None = Field(None, ge=1, le=600)
    """Of units: how long they can be spent."""
    product: Reference | None = None
    percent: int | None = Field(None, ge=1, le=100)
    discount_minor: MinorUnits | None = None


class UnitsCause(StrEnum):
    """What gave units apart from a purchase."""

    COUPON = "coupon"


class CouponCommand(RewardsCommand):
    """Something to do with a coupon that a card's account holds."""

    coupon_code: CouponCode


class IssueCoupon(RewardsCommand, right="rewards.coupon_issuers"):
    """Give a card's account a coupon of a campaign."""

    campaign: Code


class ResendCoupon(CouponCommand, right="rewards.coupon_issuers"):
    """Send a coupon's code again; of a cancelled one a new code is issued and sent."""


class CancelCoupon(CouponCommand, right="rewards.coupon_cancellers"):
    """Make a coupon's code worthless, unless a till has it open."""

    reason: Code


class ReserveCoupon(CouponCommand, right="rewards.givers"):
    """Keep a coupon for a till that has it open; nobody else can use or cancel it meanwhile."""

    store: Reference
    till: Reference


class ReleaseCoupon(CouponCommand, right="rewards.givers"):
    """Say that a till doesn't use the coupon that it has open."""

    store: Reference
    till: Reference


class UseCoupon(ReceiptCommand, right="rewards.givers"):
    """Redeem a coupon, once, in the sale that a receipt names."""

    coupon_code: CouponCode


class ShareCoupon(CouponCommand, right="rewards.coupon_sharers"):
    """Give a coupon to another card's account; it moves once."""

    to_card_number: CardNumber


class EndCoupon(Command, worker="rewards", key="coupon_code", actors=OURS):
    """End what of a coupon's time is over: a till's reservation, or the coupon's own (said by the system)."""

    coupon_code: CouponCode


class ReturnCoupons(Command, worker="rewards", key="purchase_id", actors=OURS):
    """Give back the coupons of a sale that came back whole or didn't come to be (said by the system)."""

    purchase_id: PurchaseId


class KeepOneCoupon(Command, worker="rewards", key="account_id", actors=OURS):
    """Of coupons that came of what a person is given once, let one stay, as accounts became one (said by a worker)."""

    account_id: AccountId
    coupon_codes: Annotated[tuple[KnownCouponCode, ...], Field(max_length=100)]
    """Those that came of one such thing. Empty where one more code is about: then all that several were given who are
    one by now is looked at."""


class CouponEvent(Event, worker="rewards", key="account_id", about=("Coupon", "coupon_code")):
    """Something that happened to a coupon."""

    coupon_code: KnownCouponCode
    account_id: AccountId
    """Who holds it."""
    card_number: KnownCardNumber | None
    """The card that was shown; none where no card was."""
    campaign: Code


class CouponIssued(CouponEvent):
    """An account got a coupon."""

    member_id: MemberId | None = None
    gives: Gift
    expires_at: Instant | None
    replaces: KnownCouponCode | None = None
    """The cancelled one in whose place it was issued."""


class CouponReplaced(CouponEvent):
    """A cancelled coupon was to be sent again, and another was issued in its place."""

    replaced_by: KnownCouponCode


class CouponResent(CouponEvent):
    """A coupon's code was sent again."""

    member_id: MemberId | None = None
    expires_at: Instant | None


class CouponReserved(CouponEvent):
    """A till has a coupon open."""

    store: Reference
    till: Reference
    reserved_until: Instant
    gives: Gift


class CouponReleased(CouponEvent):
    """A till doesn't have a coupon open any more, or had it open for too long."""

    store: Reference
    till: Reference
    is_overdue: bool = False


class CouponUsed(CouponEvent):
    """A coupon was redeemed; an item or a discount is the till's to give."""

    member_id: MemberId | None = None
    purchase_id: PurchaseId
    gives: Gift


class CouponUseRepeated(CouponEvent):
    """A till said again that a coupon was redeemed in the same sale: the answer that it had, and no effect."""

    purchase_id: PurchaseId
    gives: Gift


class CouponCancelled(CouponEvent):
    """A coupon's code can't be used any more."""

    reason: Code


class CouponExpired(CouponEvent):
    """A coupon was not used in time."""


class CouponShared(CouponEvent):
    """A coupon moved to the account of another card, which is the one named here."""

    member_id: MemberId | None = None
    from_account_id: AccountId


class CouponReturned(CouponEvent):
    """The sale in which a coupon was used came back, so it can be used again, if its time isn't over."""

    purchase_id: PurchaseId
    state: CouponState


class UnitsGiven(BalanceEvent):
    """An account got stamps or points other than by a purchase."""

    changes: tuple[UnitChange, ...]
    cause: UnitsCause
    source: Reference
    """Which coupon it was."""


class UnitsRevoked(BalanceEvent):
    """What coupons had given was taken back with the sale that they were used in."""

    changes: tuple[UnitChange, ...]
    cause: UnitsCause
    source: PurchaseId
