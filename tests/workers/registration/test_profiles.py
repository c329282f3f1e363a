"""Profiles, changed afterwards: by who may, for callers who showed who they are, answers as their questions say."""

from datetime import date, timedelta
from typing import Any

import pytest

from contracts.calls import CallDirection
from contracts.identification import IdentificationMethod
from contracts.messages import ActorKind
from contracts.profiles import ChangeProfile, ProfileChanged, ProfileField
from contracts.programme.profiles import ProfileRules
from contracts.programme.registration import ChannelRules
from contracts.registration import Channel
from tests.decisions import NOON, TILL, Told, decide, refused
from tests.workers.registration.people import ANA, APP, MORNING, OPERATOR, QUESTIONS, at, member
from tests.workers.registration.test_calls import CALL, CALLING, REQUIRED, talking
from workers.registration.call_documents import Call
from workers.registration.documents import Answer, Member
from workers.registration.profiles import change_profile


def answer(question: str, value: Any, by: ActorKind = ActorKind.APP) -> Answer:
    return Answer(question=question, value=value, answered_at=MORNING, answered_by=by)


NICKNAME, REMARK = answer("nickname", "Ann"), answer("remark", "kind", ActorKind.OPERATOR)


def changed(known: Member | None = None, call: Call | None = None, context: Any = None, **changes: Any) -> Told:
    command = ChangeProfile(member_id=ANA, call_id=None if call is None else CALL, **changes)
    return decide(change_profile, command, member=known or member(), call=call, context=context or at(actor=APP))


class TestChangeProfile:
    def test_changes_what_is_named_and_leaves_the_rest(self) -> None:
        said = changed(last_name="Alvarez", born_on=date(1990, 5, 1), home_store="harbour", language="de")

        after = said.document(Member)
        assert after == member(last_name="Alvarez", born_on=date(1990, 5, 1), home_store="harbour", language="de")
        fields = ("last_name", "born_on", "home_store", "language")
        assert said.events == [ProfileChanged(member_id=ANA, changed=fields, first_name="Ana", language="de")]

    def test_says_which_fields_changed_and_not_to_what(self) -> None:
        event = changed(last_name="Alvarez", answers={"nickname": "Annie"}).events[0]
        assert b"Alvarez" not in event.encoded()
        assert b"Annie" not in event.encoded()

    def test_that_changes_nothing_says_nothing(self) -> None:
        said = changed(member(answers=(NICKNAME,)), first_name="Ana", answers={"nickname": "Ann"})
        assert (said.documents, said.events) == ([], [])

    def test_takes_answers_as_their_questions_say(self) -> None:
        said = changed(member(answers=(NICKNAME, REMARK)), answers={"cups": 3, "nickname": "Annie"})
        annie = Answer(question="nickname", value="Annie", answered_at=NOON, answered_by=ActorKind.APP)
        cups = Answer(question="cups", value=3, answered_at=NOON, answered_by=ActorKind.APP)
        assert said.document(Member).answers == (annie, REMARK, cups)
        with refused("answer_invalid", question="cups", rule="must be at most 30"):
            changed(answers={"cups": 31})
        with refused("answer_unknown", question="shoe_size"):
            changed(answers={"shoe_size": 40})

    def test_lets_only_those_answer_who_may(self) -> None:
        with refused("answer_not_allowed", question="remark", actor="app"):
            changed(answers={"remark": "hello"})
        with refused("answer_not_allowed", question="remark", actor="app"):
            changed(member(answers=(REMARK,)), withdrawn=("remark",))
        said = changed(context=at(actor=OPERATOR), answers={"remark": "hello"})
        assert said.document(Member).answers[0].answered_by is ActorKind.OPERATOR

    def test_takes_answers_back_that_nobody_needs(self) -> None:
        said = changed(member(answers=(NICKNAME, REMARK)), withdrawn=("nickname",))
        assert said.document(Member).answers == (REMARK,)
        assert said.events == [ProfileChanged(member_id=ANA, changed=("nickname",), first_name="Ana", language="en")]
        needed = tuple(each.model_copy(update={"is_required": True}) for each in QUESTIONS)
        with refused("answer_missing", question="nickname"):
            changed(member(answers=(NICKNAME,)), withdrawn=("nickname",), context=at(actor=APP, questions=needed))
        with refused("answer_unknown", question="shoe_size"):
            changed(withdrawn=("shoe_size",))

    def test_clears_fields_that_the_members_channel_does_not_need(self) -> None:
        assert changed(cleared=(ProfileField.FIRST_NAME,)).document(Member).first_name is None
        channels = {Channel.POINT_OF_SALE: ChannelRules(actors=(ActorKind.POS,), required=("first_name",))}
        with refused("field_missing", field="first_name"):
            changed(cleared=(ProfileField.FIRST_NAME,), context=at(actor=APP, channels=channels))
        with refused("field_given_and_cleared", field="first_name"):
            changed(first_name="Eve", cleared=(ProfileField.FIRST_NAME,))

    def test_holds_birthday_and_language_against_the_programme(self) -> None:
        with refused("too_young", minimum_age=18):
            changed(born_on=date(2020, 1, 1), context=at(actor=APP, minimum_age=18))
        with refused("born_on_impossible"):
            changed(born_on=(NOON + timedelta(days=1)).date())
        with refused("language_not_offered", language="xx"):
            changed(language="xx")

    def test_is_refused_to_those_whom_the_programme_does_not_name(self) -> None:
        with refused("actor_not_allowed", actor="pos"):
            changed(first_name="Eve", context=at(actor=TILL))

    def test_in_a_call_needs_an_identified_caller(self) -> None:
        calling = at(actor=CALLING, calls=REQUIRED)
        with refused("caller_not_identified"):
            changed(call=talking(), context=calling, first_name="Eve")
        with refused("call_missing"):
            changed(context=at(actor=OPERATOR, calls=REQUIRED), first_name="Eve")
        proven = talking(member_id=ANA, identified_by=IdentificationMethod.DETAILS)
        assert changed(call=proven, context=calling, first_name="Eve").events

    @pytest.mark.parametrize("direction", [CallDirection.NONE, CallDirection.INBOUND])
    def test_needs_none_where_there_is_no_caller_or_the_programme_says_so(self, direction: CallDirection) -> None:
        rules = ProfileRules(needs_identification=direction is CallDirection.NONE)
        calling = at(actor=CALLING, profiles=rules)
        assert changed(call=talking(direction=direction), context=calling, first_name="Eve").events
