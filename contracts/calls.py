"""What can be said about calls: who talks to whom, about whom, what was agreed to, and how a call ends."""

from enum import StrEnum
from typing import Annotated

from pydantic import StringConstraints

from contracts.messages import ANYBODY, OURS, Command, Event
from contracts.values import Code, Instant, MemberId, MessageId

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


class CareCommand(Command, worker="registration", key="member_id", actors=ANYBODY):
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
