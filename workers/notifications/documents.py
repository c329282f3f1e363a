"""What notifications keeps: how members are reached, messages, news of members who are not known yet, erasures."""

from datetime import datetime
from typing import ClassVar, Final, Self

from contracts.codes import CodeForm
from contracts.notifications import MessageChannel, MessageStatus
from contracts.values import Personal
from runtime.documents import Document, Index, Part

RANK: Final = {status: rank for rank, status in enumerate(MessageStatus)}
"""How far each status is; receipts come in any order, so the furthest one counts."""

OPEN: Final = (MessageStatus.QUEUED, MessageStatus.UNKNOWN)
"""Statuses in which a message may still be tried."""


CODE_MASK: Final = "••••••"
"""Stands in a text where its code is, wherever the text is kept or shown; only who sends it puts the code there."""


class Choice(Part):
    """What a member has said about a mailing and a channel."""

    mailing: str
    channel: MessageChannel
    is_on: bool
    chosen_at: datetime


class Notice(Part):
    """An event that a member is to be told of."""

    event: str
    cause: str
    subject: str
    """What it is about, as the member knows it: the end of a card's number, a reward, a coupon's campaign."""
    code: str = ""
    """A coupon's code, as people read it."""
    noticed_at: datetime


class Contact(Document):
    """How a member is reached and addressed; its id is the member's.

    That of a member whom another absorbed stands for the other's. One whose registration has not come in yet may be
    known by news or a merge alone, and can't be written to.
    """

    collection: ClassVar[str] = "contacts"
    alias: ClassVar = "merged_into"

    phone: Personal[str] = ""
    email: Personal[str | None] = None
    first_name: Personal[str | None] = None
    language: str = ""
    choices: tuple[Choice, ...] = ()
    is_awaited: bool = False
    """Whether the registration is still to come, and only later news of the member did."""
    phone_news: int = 0
    """The member's own version of which the newest event about their phone told; the same for the others."""
    email_news: int = 0
    profile_news: int = 0
    merged_into: str | None = None
    absorbed: tuple[str, ...] = ()
    """Members whom this one absorbed, and whom those had."""
    is_removed: bool = False
    """Whether the member is gone: nothing is known of them any more, and nothing more is to be."""
    notices: tuple[Notice, ...] = ()
    """What such a member is to be told of once their registration comes in."""

    @property
    def is_known(self) -> bool:
        """Whether the member's registration came in."""
        return bool(self.phone) and not self.is_awaited

    def address(self, channel: MessageChannel) -> str:
        """Where they are reached through a channel; empty where they aren't."""
        return self.phone if channel is MessageChannel.SMS else self.email or ""

    def choice(self, mailing: str, channel: MessageChannel) -> Choice | None:
        """What they have said about a mailing and a channel; None if nothing."""
        return next((each for each in self.choices if (each.mailing, each.channel) == (mailing, channel)), None)

    def wants(self, mailing: str, channel: MessageChannel, *, by_default: bool) -> bool:
        """Whether a mailing comes to them through a channel."""
        choice = self.choice(mailing, channel)
        return by_default if choice is None else choice.is_on


class Message(Document):
    """One message to one member; its id follows from member, template and cause, so there is never a second one."""

    collection: ClassVar[str] = "messages"
    indexes: ClassVar[tuple[Index, ...]] = (Index(("status", "due_at")), Index(("member_id", "queued_at")))

    member_id: str
    channel: MessageChannel
    template: str
    language: str
    cause: str
    correlation_id: str
    sender: str
    recipient: Personal[str]
    text: Personal[str]
    """As it is sent; where a code goes into it, `CODE_MASK` stands in its place."""
    subject: Personal[str] = ""
    """Of an email."""
    code_id: str | None = None
    """Names the code that goes into it; with purpose and recipient, what that is derived from."""
    code_purpose: str | None = None
    code_form: CodeForm = CodeForm.DIGITS
    status: MessageStatus = MessageStatus.QUEUED
    queued_at: datetime
    due_at: datetime | None
    """When it is tried next; None where it isn't."""
    expires_at: datetime
    status_at: datetime
    attempts: int = 0
    """How many attempts to send it have failed."""
    provider_reference: str | None = None
    error: str | None = None

    def with_code(self, code: str) -> Self:
        """The message as it is sent, with its code in its text; nobody keeps this one."""
        return self.evolve(text=self.text.replace(CODE_MASK, code))

    @property
    def is_open(self) -> bool:
        """Whether it may still be tried."""
        return self.status in OPEN

    def is_behind(self, status: MessageStatus) -> bool:
        """Whether a status would move it forward."""
        return RANK[status] > RANK[self.status]


class Erasure(Document):
    """Texts to a member who was removed, to be erased once more; its id is the member's."""

    collection: ClassVar[str] = "erasures"
    indexes: ClassVar[tuple[Index, ...]] = (Index(("due_at",)),)

    texts_of: tuple[str, ...]
    """Under which ids texts to them may stand."""
    due_at: datetime
