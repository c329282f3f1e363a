"""Which answers the application form takes."""

from collections.abc import Mapping

from contracts.messages import ActorKind
from contracts.programme.questions import Question, broken_rule
from contracts.registration import AnswerValue
from runtime.decisions import Refused


def check_answers(answers: Mapping[str, AnswerValue], questions: tuple[Question, ...], editor: ActorKind) -> None:
    """Hold answers against the questions that they answer.

    Raises:
        Refused: an answer is missing, to no question, not this editor's to give, or breaks its question's rule; it is
            named by its question, never shown.
    """
    check_given(answers, questions, editor)
    for question in questions:
        if question.is_required and editor in question.editors and question.code not in answers:
            raise Refused("answer_missing", question=question.code)


def check_given(answers: Mapping[str, AnswerValue], questions: tuple[Question, ...], editor: ActorKind) -> None:
    """Hold answers against the questions that they answer, whatever isn't answered.

    Raises:
        Refused: an answer is to no question, not this editor's to give, or breaks its question's rule; it is named by
            its question, never shown.
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
