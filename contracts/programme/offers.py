"""What a programme gives besides what purchases earn: coupons of campaigns."""

from datetime import date
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from contracts.coupons import Gift, GiftKind
from contracts.values import Code, Text

NEEDED = {GiftKind.UNITS: ("unit", "amount"), GiftKind.ITEM: ("product",)}
TOO_MUCH = {
    GiftKind.UNITS: ("product", "percent", "discount_minor"),
    GiftKind.ITEM: ("unit", "amount", "expires_after_months", "percent", "discount_minor"),
    GiftKind.DISCOUNT: ("unit", "amount", "expires_after_months", "product"),
}


class ProgrammeGift(Gift):
    """A gift as the programme words it: all that its kind needs, and nothing else."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if any(getattr(self, field) is None for field in NEEDED.get(self.kind, ())):
            raise ValueError(f"{self.kind} needs {' and '.join(NEEDED[self.kind])}")
        if any(getattr(self, field) is not None for field in TOO_MUCH[self.kind]):
            raise ValueError(f"{self.kind} has no {', '.join(TOO_MUCH[self.kind])}")
        if self.kind is GiftKind.DISCOUNT and (self.percent is None) == (self.discount_minor is None):
            raise ValueError("discount needs either percent or discount_minor")
        if self.kind is GiftKind.UNITS and (self.amount or 0) < 1:
            raise ValueError("amount must be at least 1")
        return self


class Prize(BaseModel):
    """What comes with something: a coupon of a campaign, or units at once."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    campaign: Code | None = None
    units: ProgrammeGift | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if (self.campaign is None) == (self.units is None):
            raise ValueError("must say either campaign or units")
        if self.units is not None and self.units.kind is not GiftKind.UNITS:
            raise ValueError("units must be a gift of units")
        return self


class Campaign(BaseModel):
    """Coupons of one kind: what they give, how long, and what may be done with them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    code: Code
    text: Text
    gives: ProgrammeGift
    expires_after_days: int | None = Field(None, ge=1, le=3_660)
    """How long after its issue a coupon may be used; None: for ever."""
    starts_on: date | None = None
    """First day on which coupons are issued, in the programme's zone."""
    ends_on: date | None = None
    """Last day on which coupons are issued; those that are out keep their time."""
    is_shareable: bool = False
    """Whether a coupon may move to another card, once."""
    returns: bool = True
    """Whether a coupon comes back when the whole sale in which it was used does."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.starts_on is not None and self.ends_on is not None and self.starts_on > self.ends_on:
            raise ValueError("starts_on must not be later than ends_on")
        return self

    def runs(self, day: date) -> bool:
        """Whether coupons are issued on this day."""
        return (self.starts_on is None or self.starts_on <= day) and (self.ends_on is None or day <= self.ends_on)
