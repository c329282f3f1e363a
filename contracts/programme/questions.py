"""Questions that a programme asks, on its application form and in surveys, and which answers they take."""

import re
from calendar import monthrange
from collections.abc import Iterator
from datetime import date
from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from contracts.messages import ActorKind
from contracts.registration import AnswerValue
from contracts.values import Code

PEOPLE = (ActorKind.OPERATOR, ActorKind.POS, ActorKind.APP, ActorKind.SMS, ActorKind.WALLET)
DAY: Final = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")


class _Question(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

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


def broken_rule(question: Question, value: AnswerValue) -> str | None:
    """The first rule of its question that an answer breaks, in words; None if it is right."""
    return next(_broken_rules(question, value), None)


def _broken_rules(question: Question, value: AnswerValue) -> Iterator[str]:
    if isinstance(question, TextQuestion):
        yield from _broken_by_text(question, value)
    elif isinstance(question, NumberQuestion):
        yield from _broken_by_number(question, value)
    elif isinstance(question, ChoiceQuestion):
        if value not in question.options:
            yield f"must be one of {', '.join(question.options)}"
    elif isinstance(question, ChoicesQuestion):
        yield from _broken_by_choices(question, value)
    elif isinstance(question, DateQuestion):
        yield from _broken_by_date(question, value)
    elif not isinstance(value, bool):
        yield "must be true or false"


def _broken_by_text(question: TextQuestion, value: AnswerValue) -> Iterator[str]:
    if not isinstance(value, str) or not value.strip():
        yield "must be text"
    elif len(value) > question.max_length:
        yield f"must have at most {question.max_length} characters"
    elif not value.isprintable():
        yield "must be one line of text"


def _broken_by_number(question: NumberQuestion, value: AnswerValue) -> Iterator[str]:
    if isinstance(value, bool) or not isinstance(value, int):
        yield "must be a whole number"
    elif question.minimum is not None and value < question.minimum:
        yield f"must be at least {question.minimum}"
    elif question.maximum is not None and value > question.maximum:
        yield f"must be at most {question.maximum}"


def _broken_by_choices(question: ChoicesQuestion, value: AnswerValue) -> Iterator[str]:
    if not isinstance(value, tuple) or not set(value) <= set(question.options):
        yield f"must be a list of {', '.join(question.options)}"
    elif len(set(value)) < len(value):
        yield "must name nothing twice"
    elif len(value) < question.at_least:
        yield f"must name at least {question.at_least}"
    elif question.at_most is not None and len(value) > question.at_most:
        yield f"must name at most {question.at_most}"


def _broken_by_date(question: DateQuestion, value: AnswerValue) -> Iterator[str]:
    day = day_of(value)
    if day is None:
        yield "must be a day as YYYY-MM-DD"
    elif question.earliest is not None and day < question.earliest:
        yield f"must not be before {question.earliest.isoformat()}"
    elif question.latest is not None and day > question.latest:
        yield f"must not be after {question.latest.isoformat()}"


def day_of(value: AnswerValue) -> date | None:
    """The day that an answer names as YYYY-MM-DD; None if it names none."""
    written = DAY.fullmatch(value) if isinstance(value, str) else None
    if written is None:
        return None
    year, month, day = (int(part) for part in written.groups())
    if year < 1 or not 1 <= month <= 12 or not 1 <= day <= monthrange(year, month)[1]:
        return None
    return date(year, month, day)
