"""Shapes of what is read about offers: coupons, tiers, surveys."""

from datetime import date, datetime

from contracts.coupons import CouponState, Gift
from contracts.tiers import TierCause
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


class TierShown(Shape):
    """How a card's account stands in a status system, and what it takes to the next tier."""

    system: str
    tier: str | None
    since: datetime | None
    cause: TierCause | None
    held_until: datetime | None
    """Until when a tier that was assigned by hand holds, whatever the account earns."""
    note: str | None
    """Colleagues' note on it; shown to operators alone."""
    counted: int
    counted_before: int
    """What counted in the period before, which holds to the end of this one."""
    next_tier: str | None
    next_threshold: int | None
    period_ends_on: date | None


class SurveyAnswerShown(Shape):
    """The answer to one question of a survey."""

    question: str
    value: bool | int | str | tuple[str, ...]


class SurveyResponseShown(Shape):
    """A survey as it was answered."""

    id: str
    survey: str
    answered_at: datetime
    answers: tuple[SurveyAnswerShown, ...]
