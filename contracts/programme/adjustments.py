"""What a programme decides about changes of a balance by hand: by whom, why, how much, and for how long."""

from enum import StrEnum
from functools import cached_property
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from contracts.messages import ActorKind
from contracts.values import Code, Text


class Exceeding(StrEnum):
    """What becomes of a deduction of more than can be spent: it is refused, or treated as refunds are."""

    REFUSE = "refuse"
    SHORTFALL = "shortfall"


class AdjustmentReason(BaseModel):
    """Why balances are adjusted."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    code: Code
    comment: Text
    """What the member is told where the operator says nothing else."""


class AdjustmentCap(BaseModel):
    """What one person may add and deduct of a unit alone; None: any amount."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    unit: Code
    each: int | None = Field(None, ge=0)
    """In one adjustment."""
    per_day: int | None = Field(None, ge=0)
    """In one day of the programme's zone, added and deducted taken together."""


class AdjustmentRules(BaseModel):
    """The part `adjustments` of the section `rewards`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    reasons: tuple[AdjustmentReason, ...] = Field((), max_length=100)
    """None: nothing can be adjusted."""
    caps: tuple[AdjustmentCap, ...] = Field((), max_length=20)
    adjusters: tuple[ActorKind, ...] = (ActorKind.OPERATOR, ActorKind.SYSTEM)
    """Who may adjust, and undo that."""
    capped: tuple[ActorKind, ...] = (ActorKind.OPERATOR,)
    """Whom the caps bind, at a desk and by a file."""
    approvers: tuple[ActorKind, ...] = (ActorKind.OPERATOR,)
    """Who may be the second person, and undo what had one."""
    approval_seconds: int = Field(3 * 86_400, ge=60)
    """How long an adjustment waits for a second person."""
    exceeding: Exceeding = Exceeding.REFUSE
    expires_after_months: int | None = Field(None, ge=1, le=600)
    """How long what is added lasts, to the end of a month; None: for ever."""

    @model_validator(mode="after")
    def _once(self) -> Self:
        for kind, codes in (
            ("reasons", tuple(reason.code for reason in self.reasons)),
            ("caps", tuple(cap.unit for cap in self.caps)),
        ):
            if len(set(codes)) != len(codes):
                raise ValueError(f"{kind}: one stands there twice")
        return self

    @cached_property
    def _reasons_by_code(self) -> dict[str, AdjustmentReason]:
        return {reason.code: reason for reason in self.reasons}

    def reason(self, code: str) -> AdjustmentReason | None:
        """The reason with this code, or None."""
        return self._reasons_by_code.get(code)

    def cap(self, unit: str) -> AdjustmentCap:
        """What one person may do to a unit alone."""
        return next((cap for cap in self.caps if cap.unit == unit), AdjustmentCap(unit=unit))
