"""What is kept of coupons: each by its code, and which of them a sale used."""

from datetime import datetime
from typing import ClassVar

from contracts.coupons import CouponState, Gift
from runtime.documents import Document, Index, Part
from workers.rewards.documents import Terms


class Reservation(Part):
    """Which till has a coupon open, and until when."""

    store: str
    till: str
    until: datetime


class Given(Part):
    """The units that a coupon gave: with which terms, and by which ledger entry."""

    unit: str
    amount: int
    terms: Terms
    entry_id: str


class Coupon(Document):
    """Something to be had once for a code, which is its id; it keeps its campaign's terms as they were."""

    collection: ClassVar = "coupons"
    indexes: ClassVar = (Index(("account_id", "issued_at", "state")), Index(("due_at",), sparse=True))

    account_id: str
    """Whose it is: the code works with this account's cards alone."""
    campaign: str
    gives: Gift
    returns: bool = True
    is_shareable: bool = False
    state: CouponState
    issued_at: datetime
    expires_at: datetime | None = None
    due_at: datetime | None = None
    """When its reservation or else its own time is over."""
    reservation: Reservation | None = None
    ended_at: datetime | None = None
    purchase_id: str | None = None
    """The sale in which it was used."""
    given: Given | None = None
    taken: Given | None = None
    """What of that was taken back, with its sale or by hand, and by which entry."""
    shared_from: str | None = None
    """The account that it was first issued to, if it has moved."""
    is_final: bool = False
    """Whether it was cancelled for good, by a merge or with the tier that it came with: no other takes its place."""
    replaces: str | None = None
    replaced_by: str | None = None


class SaleCoupons(Document):
    """The coupons that were used in one sale; its id is the purchase's, which need not be known yet."""

    collection: ClassVar = "sale_coupons"

    account_id: str
    coupon_codes: tuple[str, ...]
