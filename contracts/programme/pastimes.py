"""What a programme lets members answer and play: surveys and games, so often in a period, for a prize."""

from datetime import date
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from contracts.programme.offers import Prize
from contracts.programme.periods import Period
from contracts.programme.questions import PEOPLE, Question
from contracts.values import Code, Text


class Pastime(BaseModel):
    """Something that an account may do so often in a period, while it runs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    code: Code
    text: Text
    per: Period = Period.EVER
    starts_on: date | None = None
    ends_on: date | None = None
    """Last day, in the programme's zone."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.starts_on is not None and self.ends_on is not None and self.starts_on > self.ends_on:
            raise ValueError("starts_on must not be later than ends_on")
        return self

    def runs(self, day: date) -> bool:
        """Whether it runs on this day."""
        return (self.starts_on is None or self.starts_on <= day) and (self.ends_on is None or day <= self.ends_on)


class Survey(Pastime):
    """Questions that an account answers once a period, and what comes with answering."""

    questions: tuple[Question, ...] = Field(min_length=1, max_length=100)
    prize: Prize | None = None

    @model_validator(mode="after")
    def _possible(self) -> Self:
        codes = [question.code for question in self.questions]
        if len(set(codes)) < len(codes):
            raise ValueError("questions: a code stands there twice")
        if any(question.editors != PEOPLE for question in self.questions):
            raise ValueError("questions: who may answer a survey may answer all of it, so none has editors")
        return self


class GamePrize(BaseModel):
    """A prize of a game: how often it is drawn against all others and the blanks, and how many there are."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    code: Code
    odds: int = Field(ge=1, le=10**9)
    prize: Prize
    stock: int | None = Field(None, ge=1, le=10**9)
    """How many may be won in all; then it is a blank. None: without end."""


class Game(Pastime):
    """A draw: one of its prizes, or a blank."""

    plays: int = Field(1, ge=1, le=1_000)
    """How often an account may play in a period."""
    prizes: tuple[GamePrize, ...] = Field(min_length=1, max_length=100)
    blanks: int = Field(0, ge=0, le=10**9)
    """How often nothing is won, against the odds of the prizes."""

    @model_validator(mode="after")
    def _prizes_once(self) -> Self:
        codes = [prize.code for prize in self.prizes]
        if len(set(codes)) < len(codes):
            raise ValueError("prizes: a code stands there twice")
        return self

    @property
    def total_odds(self) -> int:
        """The odds of everything that can be drawn together."""
        return self.blanks + sum(prize.odds for prize in self.prizes)

    def drawn(self, number: int) -> GamePrize | None:
        """What a number below `total_odds` draws; None is a blank."""
        for prize in self.prizes:
            if number < prize.odds:
                return prize
            number -= prize.odds
        return None
