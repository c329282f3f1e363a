"""What can be said about members: joining, contacts, consents and form answers."""

from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from contracts.calls import CallId
from contracts.messages import ANYBODY, OURS, Command, Event
from contracts.persons import PersonalEvent
from contracts.values import (
    E164,
    CardNumber,
    Code,
    Day,
    Email,
    Instant,
    MemberId,
    Personal,
    Phone,
    Reference,
    Text,
    comparable_email,
)

Line = Annotated[str, StringConstraints(max_length=500)]
AnswerValue = (
    bool | Annotated[int, Field(ge=-(10**15), le=10**15)] | Line | Annotated[tuple[Line, ...], Field(max_length=100)]
)
"""An answer on the application form; a date is text in ISO 8601."""
Answers = Annotated[dict[Code, AnswerValue], Field(max_length=200)]
"""Answers by question."""


class Channel(StrEnum):
    """Through which door a member joined."""

    PERSONAL_ACCOUNT = "personal_account"
    MOBILE_APP = "mobile_app"
    POINT_OF_SALE = "point_of_sale"
    CALL = "call"
    PAPER_FORM = "paper_form"
    SMS = "sms"
    WALLET = "wallet"

    @property
    def is_self_service(self) -> bool:
        """Whether people join by themselves there, so that no answer may tell who is a member already."""
        return self in _SELF_SERVICE


_SELF_SERVICE = frozenset({Channel.PERSONAL_ACCOUNT, Channel.MOBILE_APP, Channel.SMS, Channel.WALLET})


class Consent(BaseModel):
    """An agreement as it was given: to what, in which version of its text, when."""

    model_config = ConfigDict(frozen=True)

    kind: Code
    text_version: Reference
    given_at: Instant


class RegisterMember(Command, worker="registration", key="card_number", actors=ANYBODY):
    """Join the programme, with a card if one is given."""

    channel: Channel
    phone: Personal[Phone]
    email: Personal[Email] | None = None
    first_name: Personal[Text] | None = None
    last_name: Personal[Text] | None = None
    born_on: Personal[Day] | None = None
    card_number: CardNumber | None = None
    home_store: Reference | None = None
    language: Annotated[str, Field(pattern=r"^[a-z]{2}$")] | None = None
    """Without one, the programme's first."""
    consents: Annotated[tuple[Consent, ...], Field(max_length=50)]
    answers: Personal[Answers] = {}  # noqa: RUF012 - pydantic gives every message its own
    call_id: CallId | None = None
    """Of an operator: the call in which the person joins."""

    @property
    def comparable_email(self) -> str | None:
        """The email in the form that is compared; None without one."""
        return None if self.email is None else comparable_email(self.email)


class EnrolMember(Command, worker="registration", key="registration_id", actors=OURS):
    """Make a member of a registration that was received at a self-service channel; the worker asks this of itself."""

    registration_id: Reference


class RegistrationReceived(
    Event, worker="registration", key="registration_id", about=("Registration", "registration_id")
):
    """A self-service registration was accepted for enrolment; says nothing about who is a member already."""

    registration_id: Reference
    channel: Channel
    card_number: CardNumber | None


class MemberRegistered(
    PersonalEvent,
    worker="registration",
    key="member_id",
    about=("Member", "member_id"),
    person="member_id",
    begins=True,
):
    """A person joined; a card that they gave is linked next."""

    member_id: MemberId
    channel: Channel
    phone: Personal[E164]
    email: Personal[Email] | None
    first_name: Personal[Text] | None
    language: str
    card_number: CardNumber | None
    home_store: Reference | None
    registered_at: Instant


class RegistrationRepeated(
    PersonalEvent, worker="registration", key="member_id", about=("Member", "member_id"), person="member_id"
):
    """Somebody tried to join with a member's phone or email at a self-service channel; the member is told."""

    member_id: MemberId
    channel: Channel
    phone: Personal[E164]
    email: Personal[Email] | None
    first_name: Personal[Text] | None
    language: str


class MemberCardRefused(Event, worker="registration", key="member_id", about=("Member", "member_id")):
    """A member joined, but the card that they gave could not be linked; they stay a member without it."""

    member_id: MemberId
    card_number: CardNumber
    code: Code
