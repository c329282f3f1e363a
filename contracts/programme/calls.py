"""What a programme decides about calls: who has them, for how long, what they are about, what they are needed for."""

from typing import Final, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from contracts.messages import ActorKind
from contracts.values import Code

OPERATORS: Final = (ActorKind.OPERATOR,)


class CallReason(BaseModel):
    """What a call can be about, and what the operator says then; both by language."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    code: Code
    label: dict[str, str]
    script: dict[str, str] = {}


class CallRules(BaseModel):
    """Calls between members and operators."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    is_required: bool = False
    """Whether operators touch members only in a call; it binds reading, too."""
    callers: tuple[ActorKind, ...] = OPERATORS
    """Who has calls."""
    lasts_seconds: int = Field(3_600, ge=60, le=86_400)
    """After how long a call ends by itself."""
    reasons: tuple[CallReason, ...] = Field(
        (CallReason(code="question", label={}), CallReason(code="other", label={})), min_length=1
    )

    takes_tickets: bool = False
    """Whether a ticket can be tied to a call; where the ticket system is, the settings say."""
    ticket_attempts: int = Field(12, ge=1, le=100)
    """How often it is tried to close one before that has failed."""
    ticket_first_wait_seconds: float = Field(5, gt=0)
    """How long the second attempt waits; each next one waits twice as long, an hour at most."""

    @model_validator(mode="after")
    def _reasons_once(self) -> Self:
        codes = [reason.code for reason in self.reasons]
        twice = sorted({code for code in codes if codes.count(code) > 1})
        if twice:
            raise ValueError(f"reasons names {', '.join(twice)} twice")
        return self

    def reason(self, code: str) -> CallReason | None:
        """A reason by its code; None where the programme has none of it."""
        return next((reason for reason in self.reasons if reason.code == code), None)

    def ticket_wait_seconds(self, attempt: int) -> float:
        """How long to wait after the failure of an attempt, which count from 1."""
        return float(min(self.ticket_first_wait_seconds * 2.0 ** min(attempt - 1, 60), 3_600.0))
