"""What can be said about messages to members: queued, sent, delivered, or why not."""

from enum import StrEnum

from pydantic import Field

from contracts.messages import OURS, ActorKind, Command, Event
from contracts.values import Code, Instant, MemberId, MessageId, Reference


class MessageChannel(StrEnum):
    """How a message reaches a member."""

    SMS = "sms"
    EMAIL = "email"


class MessageStatus(StrEnum):
    """How far a message has come; it only ever goes down this list."""

    QUEUED = "queued"
    UNKNOWN = "unknown"
    SENT = "sent"
    FAILED = "failed"
    EXPIRED = "expired"
    DELIVERED = "delivered"


class NotificationCommand(Command, worker="notifications", key="message_id", actors=OURS):
    """Something to do with one message."""

    message_id: MessageId


class RecordDelivery(NotificationCommand):
    """Note how far a message has come; news that is older than what is known changes nothing."""

    status: MessageStatus
    provider_reference: Reference | None = None
    error: Code | None = None


class DeferMessage(NotificationCommand):
    """Note that an attempt to send failed, so that the message is tried again later."""

    attempt: int = Field(ge=1)
    error: Code
    is_taken: bool | None = False
    """Whether the provider took it; null where nobody knows, as when its answer never came."""


class ResendMessage(NotificationCommand, actors=frozenset({ActorKind.OPERATOR, ActorKind.SYSTEM})):
    """Send what a message said once more, as a message of its own."""


class EraseTexts(Command, worker="notifications", key="member_id", actors=OURS):
    """Erase once more the texts to a member who was removed; the worker asks this of itself."""

    member_id: MemberId


class NotificationEvent(Event, worker="notifications", key="member_id", about=("Message", "message_id")):
    """Something that happened to one message."""

    message_id: MessageId
    member_id: MemberId


class MessageQueued(NotificationEvent):
    """A message to a member waits to be sent."""

    channel: MessageChannel
    template: Code
    language: str
    cause: MessageId
    """The id of the message that it tells about, or of the command that asked for it again."""


class MessageDeferred(NotificationEvent):
    """A message could not be sent and is tried again."""

    error: Code
    status: MessageStatus
    due_at: Instant


class MessageSent(NotificationEvent):
    """A provider took a message."""

    provider_reference: Reference | None


class MessageDelivered(NotificationEvent):
    """A message reached its member."""

    provider_reference: Reference | None


class MessageFailed(NotificationEvent):
    """A message will not reach its member."""

    error: Code | None


class MessageExpired(NotificationEvent):
    """A message could not be sent while it was worth sending."""


class MessageDoubted(NotificationEvent):
    """Nobody knows whether the provider took a message."""

    error: Code | None
