"""Shapes of a search: by what a member is looked for, and the little of them that a list of hits needs."""

from datetime import datetime
from typing import Annotated, Final, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from contracts.coupons import CouponCode
from contracts.values import Day, Reference
from workers.registration.views import Hit, Match

Written = Annotated[str, StringConstraints(max_length=254)]
"""As people write it; what it has to be is said where it is read."""
KEYS: Final = ("name", "phone", "email", "card_number", "member_id", "birthday", "receipt_number", "coupon_code")
SHOWN_DIGITS: Final = 4


class Search(BaseModel):
    """Whom to look for: by one of the keys, or by several, which all must fit."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Written | None = None
    """First and last name in any order, or how they begin, with or without accents; a typing error is forgiven."""
    phone: Written | None = None
    """However it is written, or its last four digits at least."""
    email: Written | None = None
    """Or how it begins, or how a later word of it does: three characters at least."""
    card_number: Written | None = None
    """Or its last four digits at least; of a whole one with one wrong digit those that are near are shown."""
    member_id: Written | None = None
    """Or its first eight characters at least."""
    birthday: Written | None = None
    """`1984-02-29`, `29.2.1984`; with another key also without the year: `02-29`, `29.2.`"""
    receipt_number: Reference | None = None
    store: Reference | None = None
    """Of the receipt."""
    business_day: Day | None = None
    """Of the receipt."""
    coupon_code: CouponCode | None = None

    @model_validator(mode="after")
    def _says_whom(self) -> Self:
        if not self.keys:
            raise ValueError(f"give at least one of {', '.join(KEYS)}")
        if self.receipt_number is None and (self.store is not None or self.business_day is not None):
            raise ValueError("store and business_day are a receipt's: give receipt_number, too")
        return self

    @property
    def keys(self) -> tuple[str, ...]:
        """By which keys it looks."""
        return tuple(name for name in KEYS if getattr(self, name) is not None)


class HitShown(BaseModel):
    """A member in a list of hits: enough to choose, no more."""

    id: str
    match: Match
    state: str
    first_name: str | None
    last_name: str | None
    phone: str
    """Its last digits."""
    email: str | None
    """Its first letter and its domain."""
    cards: tuple[str, ...]
    """The last digits of each."""
    home_store: str | None
    registered_at: datetime

    @classmethod
    def of(cls, hit: Hit) -> Self:
        """What is shown of a hit."""
        member = hit.member
        return cls(
            id=member.id,
            match=hit.match,
            state=member.state,
            first_name=member.first_name,
            last_name=member.last_name,
            phone=ending(member.phone),
            email=None if member.email is None else f"{member.email[0]}…@{member.email.rpartition('@')[2]}",
            cards=tuple(ending(number) for number in member.card_numbers),
            home_store=member.home_store,
            registered_at=member.registered_at,
        )


class Found(BaseModel):
    """Who was found, the closest first; nobody where the list is empty."""

    members: tuple[HitShown, ...]
    is_cut: bool = Field(description="Whether more match than are shown: say more about whom you look for.")
    text: str
    """The same in words."""


def ending(digits: str) -> str:
    """The end of a number."""
    return f"…{digits[-SHOWN_DIGITS:]}"
