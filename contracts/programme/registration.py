"""What a programme decides about joining: channels, consents and the application form."""

from datetime import date
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from contracts.messages import ActorKind
from contracts.registration import Channel
from contracts.values import Code, Reference

RequiredField = Literal["email", "first_name", "last_name", "born_on", "card_number", "home_store"]
PEOPLE = (ActorKind.OPERATOR, ActorKind.POS, ActorKind.APP, ActorKind.SMS, ActorKind.WALLET)


class _Rules(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ChannelRules(_Rules):
    """One door: whether it is open, to whom, and what has to be given there besides the phone."""

    is_open: bool = True
    actors: tuple[ActorKind, ...] = Field(min_length=1)
    required: tuple[RequiredField, ...] = ()


class ConsentRule(_Rules):
    """An agreement that members give, and the versions of its text that count."""

    kind: Code
    is_required: bool = True
    text_versions: tuple[Reference, ...] = Field(min_length=1)


class _Question(_Rules):
    code: Code
    label: dict[str, str]
    """The question as people read it, by language."""
    is_required: bool = False
    """Whether it must be answered, by those who may."""
    editors: tuple[ActorKind, ...] = Field(PEOPLE, min_length=1)
    """Who may answer it and change the answer."""


class TextQuestion(_Question):
    """A question that takes a line of text."""

    type: Literal["text"]
    max_length: int = Field(200, ge=1, le=500)


class NumberQuestion(_Question):
    """A question that takes a whole number."""

    type: Literal["number"]
    minimum: int | None = None
    maximum: int | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            raise ValueError("minimum must not exceed maximum")
        return self


class YesNoQuestion(_Question):
    """A question that takes yes or no."""

    type: Literal["yes_no"]


class ChoiceQuestion(_Question):
    """A question that takes one of its options."""

    type: Literal["choice"]
    options: tuple[Code, ...] = Field(min_length=2)

    @model_validator(mode="after")
    def _options_once(self) -> Self:
        if len(set(self.options)) < len(self.options):
            raise ValueError("options names something twice")
        return self


class ChoicesQuestion(_Question):
    """A question that takes several of its options."""

    type: Literal["choices"]
    options: tuple[Code, ...] = Field(min_length=2)
    at_least: int = Field(0, ge=0)
    at_most: int | None = Field(None, ge=1)

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if len(set(self.options)) < len(self.options):
            raise ValueError("options names something twice")
        if self.at_least > min(self.at_most or len(self.options), len(self.options)):
            raise ValueError("at_least must not exceed at_most, nor the number of options")
        return self


class DateQuestion(_Question):
    """A question that takes a day."""

    type: Literal["date"]
    earliest: date | None = None
    latest: date | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.earliest is not None and self.latest is not None and self.earliest > self.latest:
            raise ValueError("earliest must not be later than latest")
        return self


Question = Annotated[
    TextQuestion | NumberQuestion | YesNoQuestion | ChoiceQuestion | ChoicesQuestion | DateQuestion,
    Field(discriminator="type"),
]


class RegistrationRules(_Rules):
    """The programme's section on joining."""

    channels: dict[Channel, ChannelRules] = Field(min_length=1)
    """A channel that is not named is closed."""
    consents: tuple[ConsentRule, ...] = Field(min_length=1)
    questions: tuple[Question, ...] = ()
    minimum_age: int | None = Field(None, ge=1, le=120)
    repeat_notice_hours: int = Field(24, ge=0)
    """How long a member is not told again that somebody tried to join with their phone or email."""

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
