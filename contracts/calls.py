"""What can be said about calls: who talks to whom, about whom, what was agreed to, and how a call ends."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field, StringConstraints

from contracts.messages import ANYBODY, OURS, Command, Event
from contracts.naming import OfSomebody
from contracts.values import Code, Instant, MemberId, MessageId, Reference

CallId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]


class CallDirection(StrEnum):
    """Who called whom."""

    INBOUND = "inbound"
    OUTBOUND = "outbound"
    NONE = "none"
    """Nobody: the operator works on a letter or a form, and there is no caller to ask."""


class CallState(StrEnum):
    """Where a call is in its life."""

    OPEN = "open"
    CLOSED = "closed"
    """By its operator, with a reason."""
    ENDED = "ended"
    """By itself: nobody closed it in time."""


class CareCommand(OfSomebody, worker="registration", key="member_id", actors=ANYBODY):
    """Something that is done to a member; where an operator does it in a call, the command names the call."""

    member_id: MemberId
    call_id: CallId | None = None
    """The call in which it is done: that of the envelope's actor, said here too so that it can be looked up."""


class CallCommand(
    Command, worker="registration", key="operator_id", actors=ANYBODY, right="registration.calls.callers"
):
    """Something that an operator does with a call of theirs."""

    operator_id: MessageId
    """Who asks: the id of the message's own actor; one that says another is refused."""


class OpenCall(CallCommand):
    """Begin a call; an operator has one at a time."""

    direction: CallDirection
    member_id: MemberId | None = None
    """Whom it is about, where that is known from the start."""


class RecordConsentToLook(CallCommand):
    """Note that the caller agrees to be looked up; from then on the call is about this member."""

    call_id: CallId
    member_id: MemberId


class CloseCall(CallCommand):
    """End a call, with what it was about: one of the programme's reasons."""

    call_id: CallId
    reason: Code


class AttachTicket(CallCommand):
    """Tie a ticket of the ticket system to a call: it is closed there when the call is closed."""

    call_id: CallId
    ticket_id: Reference


class RecordTicket(Command, worker="registration", key="call_id", actors=OURS):
    """Note whether the ticket system closed a call's ticket (said by the courier)."""

    call_id: CallId
    is_closed: bool
    error: Code | None = None


class DeferTicket(Command, worker="registration", key="call_id", actors=OURS):
    """Note that an attempt to close a ticket failed, so that it is tried again later (said by the courier)."""

    call_id: CallId
    attempt: int = Field(ge=1)
    error: Code


class EndCall(Command, worker="registration", key="operator_id", actors=OURS):
    """End a call that nobody closed, if its time is over (said by the system)."""

    operator_id: MessageId
    call_id: CallId


class CallEvent(Event, worker="registration", key="call_id", about=("Call", "call_id")):
    """Something that happened to a call."""

    call_id: CallId
    operator_id: MessageId
    member_id: MemberId | None
    """Whom it is about, once that is known."""


class CallOpened(CallEvent):
    """An operator began a call."""

    direction: CallDirection
    ends_at: Instant
    """When it ends by itself."""


class ConsentToLookRecorded(CallEvent):
    """The caller agreed to be looked up."""


class CallClosed(CallEvent):
    """An operator ended a call."""

    reason: Code


class CallEnded(CallEvent):
    """A call ended by itself: nobody closed it in time."""


class TicketState(StrEnum):
    """Where a ticket is on its way to be closed."""

    ATTACHED = "attached"
    CLOSING = "closing"
    """Its call is closed, and the ticket system is to hear of it."""
    CLOSED = "closed"
    FAILED = "failed"
    """The ticket system didn't close it."""


class TicketEvent(Event, worker="registration", key="call_id", about=("Ticket", "call_id")):
    """Something that happened to a call's ticket."""

    call_id: CallId
    ticket_id: Reference


class TicketAttached(TicketEvent):
    """A ticket was tied to a call."""


class TicketClosed(TicketEvent):
    """The ticket system closed a call's ticket."""


class TicketFailed(TicketEvent):
    """The ticket system didn't close a call's ticket, and is not asked again."""

    error: Code | None
