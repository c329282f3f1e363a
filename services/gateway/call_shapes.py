"""Shapes of calls: what reads about them answer with."""

from datetime import datetime

from contracts.calls import CallDirection, CallState
from services.gateway.shapes import Shape


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
    reason: str | None
