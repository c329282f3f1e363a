"""What can be said about members' passwords: never one itself, only proofs that somebody knows it.

The edge stretches a password with argon2id (RFC 9106) over the member's salt and says a key that derives from that, as
SCRAM's clients do (RFC 5802, `ClientKey`); the worker keeps a keyed hash of it.
"""

from enum import StrEnum
from hashlib import sha256
from hmac import digest
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from contracts.calls import CareCommand
from contracts.messages import Event
from contracts.notifications import MessageChannel
from contracts.persons import PersonalEvent
from contracts.values import E164, SEAL_PATTERN, Email, Instant, MemberId, Personal, Reference, Sealed, Text

Salt = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
Proof = Annotated[str, StringConstraints(pattern=rf"^(?:[0-9a-f]{{64}}|{SEAL_PATTERN})$")]
"""What shows that somebody knows a password: 32 bytes, in hexadecimal digits, which a door seals."""
LinkToken = Annotated[str, StringConstraints(pattern=rf"^(?:[a-z2-7]{{26}}|{SEAL_PATTERN})$")]
"""What a link has behind its `#`, which a door seals, too."""
PURPOSE: Final = "password"
"""Of what is derived from the platform's secret: link tokens, generated passwords, the hashes of proofs."""
CLIENT_KEY: Final = b"Client Key"


class RenewalWay(StrEnum):
    """How a member comes to a new password."""

    LINK = "link"
    """They are sent an address at which they set one."""
    GENERATED = "generated"
    """They are sent one."""


class StretchTerms(BaseModel):
    """How a password is stretched: the parameters of argon2id (RFC 9106)."""

    model_config = ConfigDict(frozen=True)

    memory_kib: int = Field(65_536, ge=8, le=1_048_576)
    passes: int = Field(3, ge=1, le=16)
    lanes: int = Field(4, ge=1, le=16)


class RenewPassword(CareCommand, right="registration.passwords.renewers"):
    """Send a member a new password, or a link to set one."""

    way: RenewalWay
    channel: MessageChannel = MessageChannel.SMS
    """Through which it is sent."""


class SetPassword(CareCommand, right="registration.passwords.setters"):
    """Set a member's password, with the token of a link that was sent to them."""

    token: Sealed[LinkToken]
    salt: Salt
    terms: StretchTerms
    proof: Sealed[Proof]


class PasswordEvent(Event, worker="registration", key="member_id", about=("Password", "member_id")):
    """Something that happened to a member's password."""

    member_id: MemberId


class PasswordRenewed(PasswordEvent, PersonalEvent, person="member_id"):
    """A member gets a new password, or a link to set one: what they are sent derives from the renewal's id."""

    renewal_id: Reference
    way: RenewalWay
    phone: Personal[E164]
    """Where it is sent, if by text."""
    first_name: Personal[Text | None]
    language: str
    ends_at: Instant | None
    """When a link stops working."""
    channel: MessageChannel = MessageChannel.SMS
    email: Personal[Email | None] = None
    """Where it is sent, if by email."""


class PasswordSet(PasswordEvent):
    """A member set their password."""


def proof_of(stretched: bytes) -> str:
    """The proof that a stretched password gives: RFC 5802's `ClientKey`, over SHA-256."""
    return digest(stretched, CLIENT_KEY, sha256).hex()


def unstretched(password: str, salt: str) -> bytes:
    """What stands for the stretched form of a password that was generated: 80 bits of chance need no stretching."""
    return digest(bytes.fromhex(salt), password.encode(), sha256)
