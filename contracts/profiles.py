"""What can be said about a member's profile: what they told of themselves, and how they are reached."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field, StringConstraints

from contracts.calls import CareCommand
from contracts.codes import CodePurpose, TryCode
from contracts.messages import OURS, Command, Event
from contracts.persons import PersonalEvent
from contracts.registration import Answers
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

Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2}$")]
CardNumbers = Annotated[tuple[CardNumber, ...], Field(max_length=1_000)]


class ProfileField(StrEnum):
    """What a member may have told of themselves besides how they are reached."""

    FIRST_NAME = "first_name"
    LAST_NAME = "last_name"
    BORN_ON = "born_on"
    HOME_STORE = "home_store"


class ChangeProfile(CareCommand, right="registration.profiles.editors"):
    """Change what a member told of themselves; what isn't named stays as it is."""

    first_name: Personal[Text] | None = None
    last_name: Personal[Text] | None = None
    born_on: Personal[Day] | None = None
    home_store: Reference | None = None
    language: Language | None = None
    answers: Personal[Answers] = {}  # noqa: RUF012 - pydantic gives every message its own
    cleared: Annotated[tuple[ProfileField, ...], Field(max_length=10)] = ()
    """Fields that are to be empty."""
    withdrawn: Annotated[tuple[Code, ...], Field(max_length=200)] = ()
    """Questions whose answers are to be gone."""


class ContactCommand(CareCommand, right="registration.profiles.contact_changers"):
    """Something that changes how a member is reached; a caller has to show who they are first."""


class ChangePhone(ContactCommand):
    """Give a member another phone; a code is sent to it, and it is theirs once they say that."""

    phone: Personal[Phone]

    @property
    def sends_id(self) -> str:
        """Where the codes are counted that the phone was sent."""
        return f"{CodePurpose.CHANGE_CONTACT.value} {self.phone}"


class ConfirmPhoneChange(ContactCommand):
    """Say the code that was sent to a member's new phone."""

    code: TryCode


class ChangeEmail(ContactCommand):
    """Give a member another email."""

    email: Personal[Email]

    @property
    def comparable_email(self) -> str:
        """The email in the form that is compared."""
        return comparable_email(self.email)


class DropPhoneChange(Command, worker="registration", key="member_id", actors=OURS):
    """Give up on a new phone whose code nobody said in time (said by the system)."""

    member_id: MemberId


class ProfileEvent(Event, worker="registration", key="member_id", about=("Member", "member_id")):
    """Something that changed about a member."""

    member_id: MemberId


class ProfileChanged(ProfileEvent, PersonalEvent, person="member_id"):
    """A member told something else of themselves."""

    changed: tuple[Code, ...]
    """Which fields and questions."""
    first_name: Personal[Text | None]
    """How they are addressed now."""
    language: Language


class ContactEvent(ProfileEvent):
    """A member is reached elsewhere from now on."""

    card_numbers: CardNumbers
    """The member's cards."""
    spends_at: Instant | None
    """Until when nothing is spent with them; null where the old address agreed, or there was none."""


class PhoneChanged(ContactEvent, PersonalEvent, person="member_id"):
    """A member has another phone; both are told."""

    phone: Personal[E164]
    earlier_phone: Personal[E164]
    first_name: Personal[Text | None]
    language: Language


class EmailChanged(ContactEvent, PersonalEvent, person="member_id"):
    """A member has another email, and is told by phone and at both emails."""

    email: Personal[Email]
    earlier_email: Personal[Email | None] = None
    first_name: Personal[Text | None] = None
    language: Language | None = None
