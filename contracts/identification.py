"""What can be said about who is calling: how a caller shows that they are a member, and whether that was so."""

from enum import StrEnum

from contracts.calls import CallCommand, CallEvent, CallId
from contracts.codes import TryCode
from contracts.passwords import Proof
from contracts.values import CardNumber, Day, Email, MemberId, Personal, Phone, Reference, Sealed, Text


class IdentificationMethod(StrEnum):
    """How a caller shows who they are."""

    PASSWORD = "password"  # noqa: S105 - the name of a method
    DETAILS = "details"
    CODE = "code"
    """A code that was sent to the member's phone."""


class IdentifyByPassword(CallCommand):
    """Hold what the caller gives as their password against the member's."""

    call_id: CallId
    member_id: MemberId
    proof: Sealed[Proof]


class IdentifyByDetails(CallCommand, right="registration.identification.detail_askers"):
    """Hold what the caller tells of themselves against what is known; which of it was wrong is told to nobody."""

    call_id: CallId
    member_id: MemberId
    first_name: Personal[Text] | None = None
    last_name: Personal[Text] | None = None
    born_on: Personal[Day] | None = None
    phone: Personal[Phone] | None = None
    email: Personal[Email] | None = None
    home_store: Reference | None = None
    card_number: CardNumber | None = None


class SendIdentificationCode(CallCommand):
    """Send a code to the member's phone, which the caller reads out then."""

    call_id: CallId
    member_id: MemberId


class IdentifyByCode(CallCommand):
    """Hold a code that the caller reads out against the one that was sent to the member's phone."""

    call_id: CallId
    member_id: MemberId
    code: TryCode


class CallerIdentified(CallEvent):
    """The caller showed that they are the member."""

    method: IdentificationMethod


class IdentificationFailed(CallEvent):
    """The caller did not show that they are the member; `member_id` is whom they said they are."""

    method: IdentificationMethod
