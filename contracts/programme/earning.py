"""What a programme decides about earning: rates, and rules that say which purchases earn by them, when and how much."""

from collections.abc import Collection
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from contracts.programme.periods import Period
from contracts.values import Code, Reference, Text


class Rounding(StrEnum):
    """What becomes of a part that earns no whole unit."""

    DOWN = "down"
    HALF_UP = "half_up"
    UP = "up"


class ValidUntil(StrEnum):
    """When, after the months that a rule gives, a lot ends: with that day, or with that day's month."""

    END_OF_DAY = "end_of_day"
    END_OF_MONTH = "end_of_month"


class Rate(BaseModel):
    """How much what a rule matches earns: `amount` for every `per_items` items, or for every `per_minor` spent.

    A purchase keeps the rate that it earned by, so that a refund takes back by the sale's rate and not by today's.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    amount: int = Field(ge=1, le=1_000_000)
    per_items: int | None = Field(None, ge=1, le=1_000_000)
    per_minor: int | None = Field(None, ge=1, le=10**9)
    rounding: Rounding = Rounding.DOWN
    at_least_minor: int = Field(0, ge=0)
    """What the matching lines must cost together before they earn at all."""
    at_most: int | None = Field(None, ge=1)
    """The most that one purchase earns by the rule."""

    @model_validator(mode="after")
    def _one_measure(self) -> Self:
        if (self.per_items is None) == (self.per_minor is None):
            raise ValueError("must say either per_items or per_minor")
        return self

    def earned(self, items: int, price_minor: int) -> int:
        """Units that so many items, which cost so much together, earn; never falls when either grows."""
        if price_minor < self.at_least_minor:
            return 0
        if self.per_items is not None:
            whole = divided(items * self.amount, self.per_items, self.rounding)
        else:
            whole = divided(price_minor * self.amount, self.per_minor or 1, self.rounding)
        return whole if self.at_most is None or whole < self.at_most else self.at_most


def divided(amount: int, by: int, rounding: Rounding) -> int:
    """`amount / by` for `amount` ≥ 0 as a whole number, without ever leaving the integers."""
    if rounding is Rounding.DOWN:
        return amount // by
    if rounding is Rounding.UP:
        return -(-amount // by)
    return (2 * amount + by) // (2 * by)


class Weekday(StrEnum):
    """A day of the week."""

    MONDAY = "monday"
    TUESDAY = "tuesday"
    WEDNESDAY = "wednesday"
    THURSDAY = "thursday"
    FRIDAY = "friday"
    SATURDAY = "saturday"
    SUNDAY = "sunday"


WEEK = tuple(Weekday)


class Cap(BaseModel):
    """The most that a rule gives one account in a period, by what its purchases there are still worth."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    per: Period
    amount: int = Field(ge=1, le=10**9)


class Scheme(BaseModel):
    """A programme within the programme, such as a brand's stamp card: rules that name it count only while it runs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    code: Code
    text: Text
    stores: frozenset[Reference] = frozenset()
    """Where it counts; empty: everywhere."""
    starts_on: date | None = None
    ends_on: date | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.starts_on is not None and self.ends_on is not None and self.starts_on > self.ends_on:
            raise ValueError("starts_on must not be later than ends_on")
        return self

    def runs(self, store: str, day: date) -> bool:
        """Whether it counts purchases in this store on this day."""
        return (
            (not self.stores or store in self.stores)
            and (self.starts_on is None or self.starts_on <= day)
            and (self.ends_on is None or day <= self.ends_on)
        )


class EarningRule(BaseModel):
    """A rule by which purchases earn; an empty list of products, categories, stores, tiers or days means any."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    code: Code
    unit: Code
    rate: Rate
    products: frozenset[Reference] = frozenset()
    categories: frozenset[Code] = frozenset()
    stores: frozenset[Reference] = frozenset()
    card_categories: frozenset[Code] = frozenset()
    tiers: frozenset[Code] = frozenset()
    """Tiers of which the card's account must have one, in whatever system."""
    scheme: Code | None = None
    """The scheme that it belongs to; it counts only while and where that runs."""
    starts_on: date | None = None
    """First day of purchase for which the rule counts, in the programme's zone."""
    ends_on: date | None = None
    """Last day of purchase for which the rule counts."""
    weekdays: frozenset[Weekday] = frozenset()
    from_time: time | None = None
    """The time of day, in the programme's zone, from which it counts."""
    until_time: time | None = None
    """The time of day from which it counts no more. Earlier than `from_time`, it is of the next morning, which then
    belongs to the day before: a Friday night ends on Saturday at two."""
    caps: tuple[Cap, ...] = Field((), max_length=6)
    available_after_days: int = Field(0, ge=0, le=366)
    """Whole days that what it earns waits before it can be spent."""
    expires_after_months: int | None = Field(None, ge=1, le=600)
    """None: what it earns never expires."""
    valid_until: ValidUntil = ValidUntil.END_OF_DAY

    @field_validator("from_time", "until_time", mode="before")
    @classmethod
    def _no_number(cls, at: object) -> object:
        if isinstance(at, int | float):
            raise ValueError('must stand in quotes, "10:30": YAML takes it for a number')  # noqa: TRY004 - pydantic names only a ValueError
        return at

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if len({cap.per for cap in self.caps}) < len(self.caps):
            raise ValueError("caps: a period stands there twice")
        if self.from_time is not None and self.from_time == self.until_time:
            raise ValueError("from_time and until_time leave nothing between them")
        if any(at is not None and at.tzinfo is not None for at in (self.from_time, self.until_time)):
            raise ValueError("from_time and until_time are in the programme's zone: they name none")
        return self

    @property
    def wraps_midnight(self) -> bool:
        """Whether its hours end on the next morning."""
        return self.from_time is not None and self.until_time is not None and self.until_time < self.from_time

    def applies(self, store: str, card_category: str, at: datetime, tiers: Collection[str] = ()) -> bool:
        """Whether it counts for a purchase in this store at this time of the zone, on such a card with these tiers."""
        if self.tiers and self.tiers.isdisjoint(tiers):
            return False
        hour, day = at.time(), at.date()
        if self.from_time is not None or self.until_time is not None:
            is_late = self.from_time is not None and hour >= self.from_time
            is_early = self.until_time is not None and hour < self.until_time
            if self.wraps_midnight:
                if not (is_late or is_early):
                    return False
                day = day if is_late else day - timedelta(days=1)
            elif (self.from_time is not None and not is_late) or (self.until_time is not None and not is_early):
                return False
        return (
            (not self.stores or store in self.stores)
            and (not self.card_categories or card_category in self.card_categories)
            and (self.starts_on is None or self.starts_on <= day)
            and (self.ends_on is None or day <= self.ends_on)
            and (not self.weekdays or WEEK[day.weekday()] in self.weekdays)
        )

    def matches(self, product: str, category: str | None) -> bool:
        """Whether it counts a receipt line of this product; a line fits by its product or by its category."""
        if not self.products and not self.categories:
            return True
        return product in self.products or category in self.categories
