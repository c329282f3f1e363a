"""What the registration worker keeps: members, registrations on their way, and who holds which phone and card."""

from collections.abc import Mapping
from datetime import date, datetime
from enum import StrEnum
from typing import Any, ClassVar, Self

from contracts.cards import CardState
from contracts.codes import CodePurpose
from contracts.messages import ActorKind
from contracts.registration import Channel
from contracts.values import comparable_email
from runtime.documents import Document, Index, Part
from workers.registration.challenge_documents import sends_id
from workers.registration.search_keys import search_keys


class MemberState(StrEnum):
    """Whether a member takes part."""

    ACTIVE = "active"
    BLOCKED = "blocked"
    MERGED = "merged"
    """They are part of another member now, to whom their record leads."""


class GivenConsent(Part):
    """An agreement as it is kept: to which text, given when and through which channel, recorded when."""

    kind: str
    text_version: str
    channel: Channel
    given_at: datetime
    recorded_at: datetime


class Answer(Part):
    """An answer on the application form, and who gave it when."""

    question: str
    value: bool | int | str | tuple[str, ...]
    answered_at: datetime
    answered_by: ActorKind


class RefusedCard(Part):
    """A card that a member gave and that could not be linked."""

    card_number: str
    code: str
    refused_at: datetime


class Applicant(Document):
    """What a person says when they join; kept by what they become."""

    channel: Channel
    phone: str
    email: str | None
    first_name: str | None
    last_name: str | None
    born_on: date | None
    home_store: str | None
    language: str
    consents: tuple[GivenConsent, ...]
    answers: tuple[Answer, ...]
    phone_verified_at: datetime | None = None
    """When somebody last showed that they read what is sent to the phone."""

    @property
    def comparable_email(self) -> str | None:
        """The email in the form that is compared; None without one."""
        return None if self.email is None else comparable_email(self.email)


class Registration(Applicant):
    """A registration that was received and isn't decided yet; it goes when it is."""

    collection: ClassVar = "registrations"
    indexes: ClassVar = (Index(("ends_at",), sparse=True),)

    card_number: str | None
    received_at: datetime
    ends_at: datetime | None = None
    """When it is forgotten, while it waits for a code."""

    @property
    def phone_sends_id(self) -> str:
        """Where the codes to its phone are counted."""
        return sends_id(CodePurpose.VERIFY_PHONE, self.phone)


class Member(Applicant):
    """A person who joined.

    The record of one whom another absorbed stays as it was, less the cards, and stands for that one's: phone and email
    stay claimed by it, so that nobody joins with them again and what still names it meets the survivor.
    """

    collection: ClassVar = "members"
    indexes: ClassVar = (
        Index(("phone",)),
        Index(("card_numbers",)),
        Index(("search.phone",), sparse=True),
        Index(("search.cards",), sparse=True),
        Index(("search.email",), sparse=True),
        Index(("search.last", "search.first"), sparse=True),
        Index(("search.first", "search.last"), sparse=True),
        Index(("search.more.a", "search.more.b"), sparse=True),
        Index(("search.more.b", "search.more.a"), sparse=True),
        Index(("search.birth.day", "search.birth.words"), sparse=True),
    )
    alias: ClassVar = "merged_into"

    state: MemberState = MemberState.ACTIVE
    registered_at: datetime
    card_numbers: tuple[str, ...] = ()
    refused_cards: tuple[RefusedCard, ...] = ()
    repeat_told_at: datetime | None = None
    """When they were last told that somebody tried to join with their phone or email."""
    merged_into: str | None = None
    """Who absorbed them; never one who was absorbed, too."""
    absorbed: tuple[str, ...] = ()
    """Whom they absorbed, and whom those had absorbed."""
    blocked_at: datetime | None = None
    block_reason: str | None = None
    registration_id: str | None = None
    """What they waited under before they were a member; texts of that time stand under it."""
    proved_at: datetime | None = None
    """When they last showed that it is them, other than by joining or by verifying their phone."""
    operator_ids: tuple[str, ...] = ()
    """Operators who were said to be them; whether they still are, the operators' own records tell."""

    @property
    def awake_at(self) -> datetime:
        """When the account was last used by somebody who showed that it is theirs."""
        return max(each for each in (self.registered_at, self.phone_verified_at, self.proved_at) if each is not None)

    @property
    def caller_sends_id(self) -> str:
        """Where the codes are counted that were sent to show that a caller is them."""
        return sends_id(CodePurpose.IDENTIFY_CALLER, self.phone)

    @property
    def phone_sends_id(self) -> str:
        """Where the codes to their phone are counted."""
        return sends_id(CodePurpose.VERIFY_PHONE, self.phone)

    @property
    def merge_sends_id(self) -> str:
        """Where the codes are counted that ask them whether they become one with another member."""
        return sends_id(CodePurpose.MERGE_MEMBERS, self.phone)

    def derived(self) -> Mapping[str, Any]:
        """The keys by which they are searched: they follow whatever changes here, and go when this goes."""
        keys = search_keys(self.first_name, self.last_name, self.phone, self.email, self.born_on, self.card_numbers)
        return {"search": keys}


class MemberExcerpt(Document):
    """What of a member tells them from others, for lists."""

    collection: ClassVar = Member.collection
    is_excerpt: ClassVar = True

    phone: str
    email: str | None
    first_name: str | None
    last_name: str | None
    home_store: str | None
    state: MemberState
    registered_at: datetime
    card_numbers: tuple[str, ...]
    merged_into: str | None


class PhoneClaim(Document):
    """Makes a phone one member's; its id is the phone in E.164."""

    collection: ClassVar = "phone_claims"

    member_id: str


class EmailClaim(Document):
    """Makes an email one member's; its id is the email in the form that is compared."""

    collection: ClassVar = "email_claims"

    member_id: str


class PhoneChange(Document):
    """A phone that a member wants, and whose code nobody said yet; its id is the member's."""

    collection: ClassVar = "phone_changes"
    indexes: ClassVar = (Index(("due_at",), sparse=True),)

    phone: str
    challenge_id: str
    """Where its code waits."""
    due_at: datetime | None = None
    """When it is given up."""


class KnownCard(Document):
    """What registration knows of a card, from the events of the cards worker; its id is the card's number."""

    collection: ClassVar = "known_cards"

    state: CardState
    member_id: str | None = None
    """Whose it is."""
    claimed_by: str | None = None
    """The registration or the member that is to get it, until the cards worker says yes or no."""
    news: int = 0
    """The card's own version of which the newest event about it told."""
    holder_news: int = 0
    """The same, of whose it is."""

    def held_by(self, version: int | None, member_id: str) -> Self:
        """The card as the member's whom an event tells, unless newer ones told of another."""
        if version is not None and version <= self.holder_news:
            return self
        return self.evolve(member_id=member_id, holder_news=self.holder_news if version is None else version)

    def told(self, version: int | None, state: CardState) -> Self:
        """The card as an event tells; older news than it has had change nothing."""
        if version is not None and version <= self.news:
            return self
        return self.evolve(state=state, news=self.news if version is None else version)
