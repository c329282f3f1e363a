"""What the registration worker keeps of passwords and of tries to be somebody."""

from datetime import datetime
from typing import ClassVar

from contracts.notifications import MessageChannel
from runtime.documents import Document, Part


class Stretch(Part):
    """How a password was stretched before its proof was made."""

    memory_kib: int
    passes: int
    lanes: int


class Password(Document):
    """What a member's password is known by, and the renewal that is under way; its id is the member's."""

    collection: ClassVar = "passwords"

    salt: str | None = None
    stretch: Stretch | None = None
    """None for one that was generated: it is not stretched."""
    hash: str | None = None
    """A keyed hash of the proof; None while the member has no password."""
    set_at: datetime | None = None
    renewal_id: str | None = None
    """Of a link that still works: its token derives from it."""
    renewal_ends_at: datetime | None = None
    renewal_channel: MessageChannel = MessageChannel.SMS
    """Through which the link was sent."""
    renewed_at: tuple[datetime, ...] = ()
    """The last renewals, for their limit."""


class Failures(Document):
    """Tries to be a member that failed of late; its id is the member's."""

    collection: ClassVar = "identification_failures"

    failed_at: tuple[datetime, ...] = ()
