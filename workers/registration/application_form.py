"""Which answers the application form takes."""

import re
from calendar import monthrange
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Final

from contracts.messages import ActorKind
from contracts.programme.registration import (
    ChoiceQuestion,
    ChoicesQuestion,
    DateQuestion,
    NumberQuestion,
    Question,
    TextQuestion,
)
from contracts.registration import AnswerValue
from runtime.decisions import Refused

DAY: Final = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")


def check_answers(answers: Mapping[str, AnswerValue], questions: tuple[Question, ...], editor: ActorKind) -> None:
    """Hold answers against the questions that they answer.

    Raises:
        Refused: an answer is missing, to no question, not this editor's to give, or breaks its question's rule; it is
            named by its question, never shown.
    """
    by_code = {question.code: question for question in questions}
    for code, value in answers.items():
        if code not in by_code:
            raise Refused("answer_unknown", question=code)
        if editor not in by_code[code].editors:
            raise Refused("answer_not_allowed", question=code, actor=editor.value)
        rule = broken_rule(by_code[code], value)
        if rule is not None:
            raise Refused("answer_invalid", question=code, rule=rule)
    for question in questions:
        if question.is_required and editor in question.editors and question.code not in answers:
            raise Refused("answer_missing", question=question.code)


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
