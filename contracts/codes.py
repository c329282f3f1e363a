"""What can be said about codes: six digits, sent to an address, that prove who reads what is sent there.

A code stands in no message and no document: it is derived anew from the platform's secret where it is sent and where
it is tried. What a person types comes sealed.
"""

from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Final

from pydantic import Field, StringConstraints

from contracts.messages import OURS, Command, Event
from contracts.persons import PersonalEvent
from contracts.values import E164, SEAL_PATTERN, Instant, MemberId, Personal, Reference, Sealed, Text

CODE_LIFE: Final = timedelta(minutes=10)
"""How long a code counts from when it is asked for."""
MOST_TRIES: Final = 5
"""How often one code may be tried, wrong ones and all."""
MOST_SENDS: Final = 3
"""How many codes for one purpose an address is sent within `SENDS_WINDOW`."""
SENDS_WINDOW: Final = timedelta(hours=1)

TriedCode = Annotated[str, StringConstraints(pattern=rf"^(?:[0-9]{{6}}|{SEAL_PATTERN})$")]
"""A code as it was typed: six digits, which a door seals."""


class CodePurpose(StrEnum):
    """What a code proves; one for another purpose proves nothing."""

    VERIFY_PHONE = "verify_phone"
    CHANGE_CONTACT = "change_contact"
    IDENTIFY_CALLER = "identify_caller"
    MERGE_MEMBERS = "merge_members"


class CodeForm(StrEnum):
    """What is put into a text in a code's place."""

    DIGITS = "digits"
    TOKEN = "token"  # noqa: S105 - the name of a form
    PASSWORD = "password"  # noqa: S105


class CodeCommand(Command, worker="registration", key="challenge_id"):
    """Something to do with one challenge."""

    challenge_id: Reference


class EndChallenge(CodeCommand, actors=OURS):
    """Forget a challenge whose time is over; the worker asks this of itself."""


class ForgetSends(Command, worker="registration", key="code_id", actors=OURS):
    """Forget how often an address was sent codes, once that limits nothing any more; the worker asks it of itself."""

    code_id: Reference
    """The last of them."""
    sends_id: Personal[Annotated[str, StringConstraints(min_length=1, max_length=400)]]


class CodeEvent(Event, worker="registration", key="challenge_id", about=("Challenge", "challenge_id")):
    """Something that happened to one challenge."""

    challenge_id: Reference
    purpose: CodePurpose


class CodeRequested(CodeEvent, PersonalEvent, person="subject_id"):
    """A code is to be sent; only who sends it and who checks it derive it."""

    code_id: Reference
    """With purpose and address, what the code is derived from."""
    subject_id: MemberId
    """The member whom it is about, or the registration that waits for it."""
    phone: Personal[E164 | None]
    """Where it goes; null where nobody is to know that nothing goes anywhere."""
    first_name: Personal[Text | None] = None
    language: str
    expires_at: Instant


class CodeRejected(CodeEvent):
    """A code was tried that is not the right one; the try counts."""

    tries_left: int = Field(ge=0)
    subject_id: MemberId | None = None
    """The member whom it is about, or the registration that waits for it."""


TryCode = Sealed[TriedCode]
"""The field of a command that tries a code."""
