"""What can be said about members: joining, contacts, consents and form answers."""

from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from contracts.messages import Command, Event
from contracts.values import CardNumber, Code, Day, Email, Instant, MemberId, Personal, Phone, Reference, Text


class Channel(StrEnum):
    """Through which door a member joined."""

    PERSONAL_ACCOUNT = "personal_account"
    MOBILE_APP = "mobile_app"
    POINT_OF_SALE = "point_of_sale"
    CALL = "call"
    PAPER_FORM = "paper_form"
    SMS = "sms"
    WALLET = "wallet"


class Consent(BaseModel):
    """An agreement as it was given: to what, in which version of its text, when."""

    model_config = ConfigDict(frozen=True)

    kind: Code
    text_version: Reference
    given_at: Instant


class RegisterMember(Command, worker="registration", key="card_number"):
    """Join the programme, with a card if one is given."""

    channel: Channel
    phone: Personal[Phone]
    email: Personal[Email] | None = None
    first_name: Personal[Text] | None = None
    last_name: Personal[Text] | None = None
    born_on: Personal[Day] | None = None
    card_number: CardNumber | None = None
    home_store: Reference | None = None
    language: Annotated[str, Field(pattern=r"^[a-z]{2}$")] = "en"
    consents: tuple[Consent, ...]
    answers: Personal[dict[Code, str | int | bool | tuple[str, ...]]] = {}


class MemberRegistered(Event, worker="registration", key="member_id", about=("Member", "member_id")):
    """A person joined; a card that they gave is linked next."""

    member_id: MemberId
    channel: Channel
    phone: Personal[Phone]
    email: Personal[Email] | None
    first_name: Personal[Text] | None
    language: str
    card_number: CardNumber | None
    home_store: Reference | None
    registered_at: Instant
