"""What the registration worker keeps of calls: each call, and which one an operator has open."""

from datetime import datetime
from typing import ClassVar

from contracts.calls import CallDirection, CallState, TicketState
from contracts.identification import IdentificationMethod
from runtime.documents import Document, Index


class Call(Document):
    """A call between an operator and a member; without anything personal but whom it is about."""

    collection: ClassVar = "calls"
    indexes: ClassVar = (
        Index(("due_at",), sparse=True),
        Index(("operator_id", "opened_at")),
        Index(("member_id", "opened_at")),
        Index(("member_id", "due_at")),
    )

    operator_id: str
    direction: CallDirection
    state: CallState = CallState.OPEN
    opened_at: datetime
    ends_at: datetime
    """When it ends by itself, or ended."""
    due_at: datetime | None = None
    """The same while it is open: what the timer looks for."""
    member_id: str | None = None
    """Whom it is about; once that is known it stays."""
    consented_at: datetime | None = None
    """When the caller agreed to be looked up."""
    identified_by: IdentificationMethod | None = None
    identified_at: datetime | None = None
    challenge_id: str | None = None
    """Where the last code waits that is to show who the caller is."""
    failed_tries: int = 0
    """How often the caller didn't show who they are."""
    reason: str | None = None

    def is_open_at(self, now: datetime) -> bool:
        """Whether something can be done in it; one whose time is over is not open, even if nobody noted that yet."""
        return self.state is CallState.OPEN and now < self.ends_at

    def may_look_at(self, member_id: str) -> bool:
        """Whether a member can be looked at in it: they agreed, or there is nobody to ask."""
        return self.direction is CallDirection.NONE or (self.consented_at is not None and self.member_id == member_id)

    def has_identified(self, member_id: str) -> bool:
        """Whether the caller showed that they are this member."""
        return self.identified_by is not None and self.member_id == member_id


class Desk(Document):
    """Where an operator sits; its id is the operator's."""

    collection: ClassVar = "desks"

    call_id: str | None = None
    """The call that they have open."""


class Ticket(Document):
    """A ticket that is tied to a call; its id is the call's."""

    collection: ClassVar = "tickets"
    indexes: ClassVar = (Index(("state", "due_at")),)

    ticket_id: str
    operator_id: str
    state: TicketState = TicketState.ATTACHED
    reason: str | None = None
    """What the call was about, once it is closed."""
    closed_at: datetime | None = None
    """When the call was."""
    correlation_id: str | None = None
    due_at: datetime | None = None
    """When it is tried next to close it."""
    attempts: int = 0
    """How many have failed."""
    error: str | None = None
