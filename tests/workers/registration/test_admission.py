"""Who may join, through which door, and what they have to bring."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from contracts.messages import Actor, ActorKind
from contracts.registration import Channel, RegisterMember
from tests.decisions import decide, refused
from tests.workers.registration.people import ACTORS, RULES, SELF_SERVICE, at, joining, known
from workers.registration.admission import age
from workers.registration.documents import PhoneClaim
from workers.registration.joining import register_member


def admit(command: RegisterMember, **context: Any) -> None:
    decide(register_member, command, card=known(), context=at(command.channel, **context))


class TestChannels:
    def test_that_are_closed_take_nobody(self) -> None:
        with refused("channel_not_open", channel="sms"):
            admit(joining(Channel.SMS), actor=Actor(kind=ActorKind.SMS, id="gate"))

    def test_that_the_programme_does_not_name_take_nobody(self) -> None:
        with refused("channel_not_open", channel="call"):
            admit(joining(Channel.CALL), channels={Channel.WALLET: RULES.channels[Channel.WALLET]})

    @pytest.mark.parametrize("channel", ACTORS)
    @pytest.mark.parametrize("kind", ActorKind)
    def test_are_for_their_own_actors(self, channel: Channel, kind: ActorKind) -> None:
        actor = Actor(kind=kind, id="somebody")
        if kind is ACTORS[channel].kind:
            admit(joining(channel), actor=actor)
            return
        with refused("channel_not_allowed", channel=channel.value, actor=kind.value):
            admit(joining(channel), actor=actor)

    @pytest.mark.parametrize(
        ("channel", "field"),
        [
            (Channel.PERSONAL_ACCOUNT, "email"),
            (Channel.POINT_OF_SALE, "card_number"),
            (Channel.PAPER_FORM, "first_name"),
            (Channel.PAPER_FORM, "last_name"),
            (Channel.WALLET, "card_number"),
        ],
    )
    def test_ask_for_their_fields(self, channel: Channel, field: str) -> None:
        with refused("field_missing", field=field):
            admit(joining(channel, **{field: None}))

    @pytest.mark.parametrize("channel", SELF_SERVICE)
    def test_hold_their_rules_before_anything_is_said_of_members(self, channel: Channel) -> None:
        claim = PhoneClaim(id="+4915112345678", member_id="ana")
        with refused("consent_missing", consent="personal_data"):
            decide(
                register_member,
                joining(channel, consents=()),
                phone_claim=claim,
                card=known(),
                context=at(channel),
            )


class TestLanguage:
    def test_is_one_of_the_programme_s(self) -> None:
        admit(joining(language="de"))
        with refused("language_not_offered", language="fr"):
            admit(joining(language="fr"))


class TestBirthday:
    @pytest.mark.parametrize("day", [date(2026, 11, 23), date(1895, 11, 22), date(1800, 1, 1)])
    def test_is_one_that_somebody_can_have(self, day: date) -> None:
        with refused("born_on_impossible"):
            admit(joining(born_on=day))

    def test_may_be_unsaid_and_of_any_age_when_the_programme_has_no_limit(self) -> None:
        admit(joining(born_on=None))
        admit(joining(born_on=date(2026, 11, 22)))

    def test_must_be_said_when_it_has_one(self) -> None:
        with refused("field_missing", field="born_on"):
            admit(joining(), minimum_age=16)

    def test_makes_old_enough_on_the_day_itself(self) -> None:
        admit(joining(born_on=date(2010, 11, 22)), minimum_age=16)
        with refused("too_young", minimum_age=16):
            admit(joining(born_on=date(2010, 11, 23)), minimum_age=16)

    def test_is_a_day_of_the_programme_s_zone(self) -> None:
        just_after_midnight_in_berlin = datetime(2026, 11, 22, 23, 30, tzinfo=UTC)
        admit(joining(born_on=date(2010, 11, 23)), minimum_age=16, now=just_after_midnight_in_berlin)

    @pytest.mark.parametrize(
        ("today", "years"), [(date(2026, 2, 28), 17), (date(2026, 3, 1), 18), (date(2028, 2, 29), 20)]
    )
    def test_on_a_leap_day_comes_on_1_march_in_common_years(self, today: date, years: int) -> None:
        assert age(date(2008, 2, 29), today) == years


class TestApplicationForm:
    @pytest.mark.parametrize(
        ("question", "answer"),
        [
            ("nickname", "Ännchen"),
            ("cups", 0),
            ("cups", 30),
            ("children", False),
            ("drink", "tea"),
            ("milk", ("oat", "cow")),
            ("wedding", "2024-02-29"),
        ],
    )
    def test_takes_right_answers(self, question: str, answer: object) -> None:
        admit(joining(answers={question: answer}))

    @pytest.mark.parametrize(
        ("question", "answer", "rule"),
        [
            ("nickname", "x" * 11, "must have at most 10 characters"),
            ("nickname", "  ", "must be text"),
            ("nickname", 7, "must be text"),
            ("nickname", "a\nb", "must be one line of text"),
            ("nickname", "a\x00b", "must be one line of text"),
            ("cups", -1, "must be at least 0"),
            ("cups", 31, "must be at most 30"),
            ("cups", True, "must be a whole number"),
            ("cups", "3", "must be a whole number"),
            ("children", 1, "must be true or false"),
            ("children", "yes", "must be true or false"),
            ("drink", "water", "must be one of latte, tea"),
            ("drink", ("tea",), "must be one of latte, tea"),
            ("milk", "oat", "must be a list of cow, oat, soy"),
            ("milk", ("goat",), "must be a list of cow, oat, soy"),
            ("milk", ("oat", "oat"), "must name nothing twice"),
            ("milk", (), "must name at least 1"),
            ("milk", ("oat", "cow", "soy"), "must name at most 2"),
            ("wedding", "yesterday", "must be a day as YYYY-MM-DD"),
            ("wedding", "2023-02-29", "must be a day as YYYY-MM-DD"),
            ("wedding", "2023-13-01", "must be a day as YYYY-MM-DD"),
            ("wedding", "0000-01-01", "must be a day as YYYY-MM-DD"),
            ("wedding", "2023-1-1", "must be a day as YYYY-MM-DD"),
            ("wedding", "٢٠٢٣-01-01", "must be a day as YYYY-MM-DD"),
            ("wedding", 20230101, "must be a day as YYYY-MM-DD"),
            ("wedding", "1939-12-31", "must not be before 1940-01-01"),
            ("wedding", "2027-01-01", "must not be after 2026-12-31"),
        ],
    )
    def test_names_the_question_and_the_rule_of_wrong_ones(self, question: str, answer: object, rule: str) -> None:
        with refused("answer_invalid", question=question, rule=rule):
            admit(joining(answers={question: answer}))

    def test_has_no_other_questions(self) -> None:
        with refused("answer_unknown", question="shoe_size"):
            admit(joining(answers={"shoe_size": 42}))

    def test_is_filled_in_by_who_may(self) -> None:
        admit(joining(Channel.CALL, answers={"remark": "kind"}))
        with refused("answer_not_allowed", question="remark", actor="pos"):
            admit(joining(answers={"remark": "kind"}))

    def test_asks_what_is_required_of_those_who_may_answer(self) -> None:
        remark = next(each for each in RULES.questions if each.code == "remark")
        required = (remark.model_copy(update={"is_required": True}),)

        admit(joining(), questions=required)
        with refused("answer_missing", question="remark"):
            admit(joining(Channel.CALL), questions=required)
