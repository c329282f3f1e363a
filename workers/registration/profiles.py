"""What members told of themselves, changed afterwards: by who may, answers as their questions say."""

from datetime import date
from typing import Annotated, Any

from contracts.calls import CallDirection
from contracts.messages import ActorKind
from contracts.profiles import ChangeProfile, ProfileChanged, ProfileField
from contracts.programme.questions import Question
from runtime.decisions import Key, Refused
from workers import Changes, Context
from workers.registration.admission import check_birthday
from workers.registration.application_form import check_given
from workers.registration.call_documents import Call
from workers.registration.callers import refuse_outside_call, refuse_unidentified
from workers.registration.documents import Answer, Member
from workers.registration.worker import worker


@worker.handles(ChangeProfile)
def change_profile(
    command: ChangeProfile,
    member: Annotated[Member, Key("member_id")],
    call: Annotated[Call | None, Key("call_id")],
    context: Context,
) -> Changes:
    rules = context.programme.registration
    refuse_outside_call(command.call_id, call, context, member)
    if call is not None and call.direction is not CallDirection.NONE and rules.profiles.needs_identification:
        refuse_unidentified(call, member)
    fields = changed_fields(command, member, context)
    answers = changed_answers(command, member, context)
    changed = tuple(name for name, value in fields.items() if getattr(member, name) != value)
    asked = tuple(sorted({each.question for each in {*answers} ^ {*member.answers}}))
    if not changed and not asked:
        return

    after = member.evolve(**fields, answers=answers)
    yield after
    yield ProfileChanged(
        member_id=member.id, changed=(*changed, *asked), first_name=after.first_name, language=after.language
    )


def changed_fields(command: ChangeProfile, member: Member, context: Context) -> dict[str, Any]:
    """The fields that a command names, with what they are to hold.

    Raises:
        Refused: one is both named and cleared, needed, or breaks its rule.
    """
    rules = context.programme.registration
    fields: dict[str, Any] = {
        name: value for name in (*ProfileField, "language") if (value := getattr(command, name)) is not None
    }
    for name in command.cleared:
        if name in fields:
            raise Refused("field_given_and_cleared", field=name.value)
        channel = rules.channels.get(member.channel)
        if channel is not None and name in channel.required:
            raise Refused("field_missing", field=name.value)
        fields[name] = None
    if fields.get("language") is not None and fields["language"] not in context.programme.languages:
        raise Refused("language_not_offered", language=fields["language"])
    if "born_on" in fields:
        born_on: date | None = fields["born_on"]
        check_birthday(born_on, context, rules)
    return {str(name): value for name, value in fields.items()}


def changed_answers(command: ChangeProfile, member: Member, context: Context) -> tuple[Answer, ...]:
    """The member's answers, with those that a command gives and without those that it withdraws.

    An answer that is given again as it is keeps its time.

    Raises:
        Refused: an answer is to no question, not this editor's to give or to withdraw, needed, or breaks a rule.
    """
    questions = context.programme.registration.questions
    editor = context.actor.kind
    check_given(command.answers, questions, editor)
    for code in command.withdrawn:
        refuse_withdrawal(code, questions, editor)
    held = {answer.question: answer for answer in member.answers if answer.question not in command.withdrawn}
    for code, value in command.answers.items():
        if code not in held or held[code].value != value:
            held[code] = Answer(question=code, value=value, answered_at=context.now, answered_by=editor)
    return tuple(held.values())


def refuse_withdrawal(code: str, questions: tuple[Question, ...], editor: ActorKind) -> None:
    """Refuse to take back an answer that somebody else gives, or that is needed.

    Raises:
        Refused: `answer_unknown`, `answer_not_allowed` or `answer_missing`.
    """
    question = next((each for each in questions if each.code == code), None)
    if question is None:
        raise Refused("answer_unknown", question=code)
    if editor not in question.editors:
        raise Refused("answer_not_allowed", question=code, actor=editor.value)
    if question.is_required:
        raise Refused("answer_missing", question=code)
