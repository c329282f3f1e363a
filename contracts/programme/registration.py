"""What a programme decides about joining: channels, consents and the application form."""

from datetime import date
from enum import StrEnum
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from contracts.messages import ActorKind
from contracts.programme.calls import CallRules
from contracts.programme.identification import IdentificationRules, PasswordRules
from contracts.programme.periods import Period
from contracts.programme.profiles import ProfileRules
from contracts.programme.questions import (
    ChoiceQuestion,
    ChoicesQuestion,
    DateQuestion,
    NumberQuestion,
    Question,
    TextQuestion,
    YesNoQuestion,
)
from contracts.registration import Channel
from contracts.values import Code, Reference

__all__ = [
    "BlockingRules",
    "ChannelRules",
    "ChoiceQuestion",
    "ChoicesQuestion",
    "ConsentRule",
    "DateQuestion",
    "FavouriteRules",
    "MergeRules",
    "NumberQuestion",
    "Question",
    "RegistrationRules",
    "RemovalRules",
    "SearchRules",
    "TextQuestion",
    "Verification",
    "YesNoQuestion",
]

RequiredField = Literal["email", "first_name", "last_name", "born_on", "card_number", "home_store"]


class _Rules(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Verification(StrEnum):
    """Whether a phone has to be proved by a code."""

    NONE = "none"
    OFFERED = "offered"
    REQUIRED = "required"


class ChannelRules(_Rules):
    """One door: whether it is open, to whom, what has to be given there besides the phone, whether that is verified."""

    is_open: bool = True
    actors: tuple[ActorKind, ...] = Field(min_length=1)
    required: tuple[RequiredField, ...] = ()
    verification: Verification = Verification.NONE
    """Required: nobody is a member before the code came back. Offered: members may verify their phone once they are."""


class ConsentRule(_Rules):
    """An agreement that members give, and the versions of its text that count."""

    kind: Code
    is_required: bool = True
    text_versions: tuple[Reference, ...] = Field(min_length=1)


class MergeRules(_Rules):
    """Making one member of two."""

    mergers: tuple[ActorKind, ...] = (ActorKind.OPERATOR, ActorKind.SYSTEM)
    """Who may ask the other member by a code, and do it with that."""
    mergers_without_consent: tuple[ActorKind, ...] = (ActorKind.OPERATOR, ActorKind.SYSTEM)
    """Who may do it without asking the other member: the stronger right."""
    most_absorbed: int = Field(3, ge=1, le=20)
    """How many members one may absorb, those included that an absorbed one had absorbed."""


class BlockingRules(_Rules):
    """Stopping members from taking part: why, and by whom."""

    block_reasons: tuple[Code, ...] = ()
    unblock_reasons: tuple[Code, ...] = ()
    blockers: tuple[ActorKind, ...] = ()
    unblockers: tuple[ActorKind, ...] = ()


class RemovalRules(_Rules):
    """Removing members: why, and by whom."""

    reasons: tuple[Code, ...] = ()
    removers: tuple[ActorKind, ...] = ()


class FavouriteRules(_Rules):
    """Favourite products: while members may choose any, how many, and how often."""

    starts_on: date | None = None
    ends_on: date | None = None
    """The last day on which they may be changed."""
    most: int = Field(3, ge=1, le=50)
    changes: int = Field(1, ge=1)
    """How often they may be changed within each period, the first choice included."""
    per: Period = Period.MONTH
    products: tuple[Reference, ...] = ()
    """What can be chosen; anything where none is named."""

    def is_on(self, day: date) -> bool:
        """Whether they may be changed on a day."""
        return (self.starts_on is None or self.starts_on <= day) and (self.ends_on is None or day <= self.ends_on)


class SearchRules(_Rules):
    """How much a search shows."""

    most_hits: int = Field(20, ge=1, le=100)
    """Where more members match than so many, whoever searches is asked for more."""


class RegistrationRules(_Rules):
    """The programme's section on joining."""

    channels: dict[Channel, ChannelRules] = Field(min_length=1)
    """A channel that is not named is closed."""
    consents: tuple[ConsentRule, ...] = Field(min_length=1)
    questions: tuple[Question, ...] = ()
    minimum_age: int | None = Field(None, ge=1, le=120)
    repeat_notice_hours: int = Field(24, ge=0)
    """How long a member is not told again that somebody tried to join with their phone or email."""
    calls: CallRules = CallRules()
    identification: IdentificationRules = IdentificationRules()
    passwords: PasswordRules = PasswordRules()
    profiles: ProfileRules = ProfileRules()
    merging: MergeRules = MergeRules()
    search: SearchRules = SearchRules()

    verification_hours: int = Field(24, ge=1, le=720)
    """How long a registration waits for its code; then it is forgotten, and its card free again."""
    sleep_days: int = Field(365, ge=1)
    """For how long an account may sleep until a code by SMS alone doesn't open it any more: numbers are recycled."""
    verifiers: tuple[ActorKind, ...] = ()
    """Who may have codes sent and try them: the apps in which they are typed, and those to whom they are dictated."""

    blocking: BlockingRules = BlockingRules()
    removal: RemovalRules = RemovalRules()
    favourites: FavouriteRules | None = None
    """Without it members have no favourites."""
    favourite_editors: tuple[ActorKind, ...] = ()

    @property
    def verifies(self) -> bool:
        """Whether phones are verified at all."""
        return any(each.verification is not Verification.NONE for each in self.channels.values())

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        for field, names in (
            ("consents", [consent.kind for consent in self.consents]),
            ("questions", [question.code for question in self.questions]),
        ):
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise ValueError(f"{field} names {', '.join(twice)} twice")
        wallet = self.channels.get(Channel.WALLET)
        if wallet is not None and "card_number" not in wallet.required:
            raise ValueError("channels.wallet.required must name card_number: a wallet adds a card that exists")
        return self
