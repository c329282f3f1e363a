"""What is kept of surveys and games: answers, and how many of each limited prize were won."""

from datetime import datetime
from typing import ClassVar

from contracts.messages import Actor
from contracts.values import Personal
from runtime.documents import Document, Index, Part


class SurveyAnswer(Part):
    """The answer to one question."""

    question: str
    value: Personal[bool | int | str | tuple[str, ...]]


class SurveyResponse(Document):
    """A survey as one account answered it."""

    collection: ClassVar = "survey_responses"
    indexes: ClassVar = (Index(("account_id", "answered_at")),)

    account_id: str
    survey: str
    answers: tuple[SurveyAnswer, ...]
    answered_at: datetime
    actor: Actor


class Won(Part):
    """How many of a limited prize were won."""

    prize: str
    count: int


class GameStock(Document):
    """How many of a game's limited prizes were won; its id is the game's code."""

    collection: ClassVar = "game_stocks"

    won: tuple[Won, ...] = ()

    def count(self, prize: str) -> int:
        """How many of a prize were won."""
        return next((each.count for each in self.won if each.prize == prize), 0)
