"""Shapes of what is read about offers: coupons."""

from datetime import datetime

from contracts.coupons import CouponState, Gift
from services.gateway.shapes import Shape


class ReservationShown(Shape):
    """Which till has a coupon open, and until when."""

    store: str
    till: str
    until: datetime


class CouponShown(Shape):
    """A coupon."""

    id: str
    """Its code."""
    account_id: str
    campaign: str
    gives: Gift
    state: CouponState
    issued_at: datetime
    expires_at: datetime | None
    ended_at: datetime | None
    reservation: ReservationShown | None
    purchase_id: str | None
    """The sale in which it was used."""
    shared_from: str | None
    """The account that it came from, if it has moved."""
    replaces: str | None
    replaced_by: str | None
