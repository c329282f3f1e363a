"""What a programme decides about tiers: status systems, what counts for them, and what comes with each tier."""

from itertools import pairwise
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from contracts.programme.offers import Prize
from contracts.programme.periods import Period
from contracts.values import Code, Text


class Tier(BaseModel):
    """A tier: how much it takes in a period, and what comes with reaching it, once a period."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    code: Code
    text: Text
    threshold: int = Field(ge=1, le=10**12)
    reward: Prize | None = None


class TierSystem(BaseModel):
    """A status system: who collects enough in a period has the tier from then to the end of the next period."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    code: Code
    text: Text
    unit: Code | None = None
    """Units that purchases earn count; None: what was spent, in minor units."""
    period: Period = Period.YEAR
    tiers: tuple[Tier, ...] = Field(min_length=1, max_length=20)
    """The lowest first."""

    @model_validator(mode="after")
    def _rising(self) -> Self:
        if any(one.threshold >= other.threshold for one, other in pairwise(self.tiers)):
            raise ValueError("tiers: thresholds must rise")
        return self

    def reached(self, amount: int) -> Tier | None:
        """The highest tier that so much in a period is enough for."""
        return next((tier for tier in reversed(self.tiers) if tier.threshold <= amount), None)

    def rank(self, tier: str | None) -> int:
        """How high a tier is, from 1; 0 is none, or one that the programme has no more."""
        return next((place for place, each in enumerate(self.tiers, start=1) if each.code == tier), 0)
