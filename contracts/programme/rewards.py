"""What a programme decides about stamps and points: what earns, how long it lasts, what it buys."""

from datetime import date
from enum import StrEnum
from functools import cached_property
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from contracts.messages import ActorKind
from contracts.programme.adjustments import AdjustmentRules
from contracts.rewards import Currency
from contracts.values import Code, Reference, Text

TILLS = (ActorKind.POS, ActorKind.SYSTEM)
OFFICE = (ActorKind.OPERATOR, ActorKind.SYSTEM)


class Rounding(StrEnum):
    """What becomes of a part that earns no whole unit."""

    DOWN = "down"
    HALF_UP = "half_up"
    UP = "up"


class ValidUntil(StrEnum):
    """When, after the months that a rule gives, a lot ends: with that day, or with that day's month."""

    END_OF_DAY = "end_of_day"
    END_OF_MONTH = "end_of_month"


class Shortfall(StrEnum):
    """What becomes of a refund that finds the units spent: a debt that earnings pay, a negative balance, or nothing."""

    DEBT = "debt"
    NEGATIVE = "negative"
    WAIVE = "waive"


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


class EarningRule(BaseModel):
    """A rule by which purchases earn; an empty list of products, categories, stores or card categories means any."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    code: Code
    unit: Code
    rate: Rate
    products: frozenset[Reference] = frozenset()
    categories: frozenset[Code] = frozenset()
    stores: frozenset[Reference] = frozenset()
    card_categories: frozenset[Code] = frozenset()
    starts_on: date | None = None
    """First day of purchase for which the rule counts, in the programme's zone."""
    ends_on: date | None = None
    """Last day of purchase for which the rule counts."""
    available_after_days: int = Field(0, ge=0, le=366)
    """Whole days that what it earns waits before it can be spent."""
    expires_after_months: int | None = Field(None, ge=1, le=600)
    """None: what it earns never expires."""
    valid_until: ValidUntil = ValidUntil.END_OF_DAY

    def applies(self, store: str, card_category: str, day: date) -> bool:
        """Whether it counts for a purchase in this store, on a card of this category, on this day."""
        return (
            (not self.stores or store in self.stores)
            and (not self.card_categories or card_category in self.card_categories)
            and (self.starts_on is None or self.starts_on <= day)
            and (self.ends_on is None or day <= self.ends_on)
        )

    def matches(self, product: str, category: str | None) -> bool:
        """Whether it counts a receipt line of this product; a line fits by its product or by its category."""
        if not self.products and not self.categories:
            return True
        return product in self.products or category in self.categories


class RewardOffer(BaseModel):
    """Something that stamps or points buy."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    code: Code
    text: Text
    unit: Code
    price: int = Field(ge=1, le=10**9)
    expires_after_days: int | None = Field(None, ge=1, le=3_660)
    """How long it may be used; None: for ever."""


class RewardRules(BaseModel):
    """The section `rewards` of `programme.yaml`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    currency: Currency
    """What receipts are paid in."""
    units: tuple[Code, ...] = Field(min_length=1, max_length=20)
    """What members collect: stamps, points, …"""
    earning: tuple[EarningRule, ...] = Field(max_length=500)
    offers: tuple[RewardOffer, ...] = Field(max_length=500)
    recorders: tuple[ActorKind, ...] = (*TILLS, ActorKind.OPERATOR)
    """Who may record, confirm, cancel and refund purchases."""
    spenders: tuple[ActorKind, ...] = (*TILLS, ActorKind.OPERATOR, ActorKind.APP, ActorKind.WALLET)
    """Who may buy rewards for a card."""
    givers: tuple[ActorKind, ...] = (*TILLS, ActorKind.OPERATOR)
    """Who may hand rewards out."""
    removers: tuple[ActorKind, ...] = OFFICE
    """Who may undo rewards that are outstanding."""
    adjustments: AdjustmentRules = AdjustmentRules()
    shortfall: Shortfall = Shortfall.DEBT
    park_seconds: int = Field(300, ge=1, le=86_400)
    """How long a purchase waits for a card that nobody knows yet."""
    pending_seconds: int = Field(86_400, ge=60)
    """How long a pending purchase may stay so before it is cancelled."""
    refund_wait_seconds: int = Field(30 * 86_400, ge=60)
    """How long a refund waits for its sale."""
    clock_skew_seconds: int = Field(86_400, ge=0)
    """How far ahead of us a till's clock may be."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for kind, codes in (
            ("units", self.units),
            ("earning", tuple(rule.code for rule in self.earning)),
            ("offers", tuple(offer.code for offer in self.offers)),
        ):
            if len(set(codes)) != len(codes):
                raise ValueError(f"{kind}: a code stands there twice")
        wanted = [(rule.code, rule.unit) for rule in self.earning] + [(offer.code, offer.unit) for offer in self.offers]
        wanted += [("adjustments.caps", cap.unit) for cap in self.adjustments.caps]
        for code, unit in wanted:
            if unit not in self.units:
                raise ValueError(f"{code}: {unit} is not among the units")
        return self

    @cached_property
    def _offers_by_code(self) -> dict[str, RewardOffer]:
        return {offer.code: offer for offer in self.offers}

    def offer(self, code: str) -> RewardOffer | None:
        """The offer with this code, or None."""
        return self._offers_by_code.get(code)
