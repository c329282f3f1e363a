"""Shapes of calls: what reads about them answer with."""

from datetime import datetime

from pydantic import BaseModel, JsonValue

from contracts.calls import CallDirection, CallState, TicketState
from contracts.identification import IdentificationMethod
from services.gateway.shapes import Shape


class TicketShown(Shape):
    """A ticket that is tied to a call."""

    ticket_id: str
    state: TicketState
    error: str | None


class CallShown(Shape):
    """A call between an operator and a member."""

    id: str
    operator_id: str
    direction: CallDirection
    state: CallState
    opened_at: datetime
    ends_at: datetime
    """When it ends by itself; once it is over, when it did."""
    member_id: str | None
    consented_at: datetime | None
    identified_by: IdentificationMethod | None
    identified_at: datetime | None
    failed_tries: int
    reason: str | None
    ticket: TicketShown | None = None
    """Where one call is shown; not in lists."""


class ReasonShown(BaseModel):
    """What a call can be about, and what to say then."""

    code: str
    label: str
    script: str | None


class RefusalShown(BaseModel):
    """What a refusal means; `{name}` stands for one of its details."""

    code: str
    text: str


class KnowledgeShown(BaseModel):
    """What operators need at hand."""

    programme: str
    language: str
    reasons: tuple[ReasonShown, ...]
    refusals: tuple[RefusalShown, ...]
    rules: dict[str, JsonValue]
    """The programme's rules, as `programme.yaml` has them."""
