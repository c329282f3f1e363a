"""What members are told of, once, in their language, and not before they are known."""

from datetime import timedelta
from typing import Any

import pytest

from contracts.cards import CardBlocked, CardReplaced
from contracts.notifications import MessageQueued, MessageStatus
from contracts.registration import Channel, MemberRegistered, RegistrationRepeated
from contracts.rewards import RewardIssued
from tests.decisions import NOON, decide
from tests.workers.notifications.programmes import ANA, at
from workers.notifications.documents import Contact, Message
from workers.notifications.queueing import (
    MOST_WAITING,
    tell_of_blocked_card,
    tell_of_new_card,
    tell_of_repeated_registration,
    tell_of_reward,
    welcome_member,
)
from workers.notifications.texts import LONGEST_NAME

CARD = "4000000000000002"
BLOCKED = CardBlocked(card_number=CARD, member_id="ana", reason="lost")


def registered(**wanted: Any) -> MemberRegistered:
    fields = {
        "member_id": "ana",
        "channel": Channel.CALL,
        "phone": ANA.phone,
        "email": ANA.email,
        "first_name": "Ana",
        "language": "de",
        "card_number": None,
        "home_store": None,
        "registered_at": NOON,
    }
    return MemberRegistered.model_validate({**fields, **wanted})


def issued(**wanted: Any) -> RewardIssued:
    fields = {
        "account_id": "acc-1",
        "card_number": CARD,
        "member_id": "ana",
        "balances": (),
        "reward_id": "0" * 32,
        "reward": "coffee",
        "unit": "stamps",
        "paid": 10,
        "expires_at": None,
    }
    return RewardIssued.model_validate({**fields, **wanted})


class TestMemberRegistered:
    def test_keeps_how_the_member_is_reached(self) -> None:
        assert decide(welcome_member, registered(), context=at()).document(Contact) == ANA

    def test_queues_a_welcome_in_the_members_language(self) -> None:
        told = decide(welcome_member, registered(), context=at(message_id="e-1"))

        message = told.document(Message)
        assert (message.text, message.recipient, message.sender) == ("Hallo Ana", ANA.phone, "Cafe")
        assert (message.status, message.due_at) == (MessageStatus.QUEUED, NOON)
        assert message.expires_at == NOON + timedelta(minutes=60)
        assert told.events == [
            MessageQueued(
                message_id=message.id, member_id="ana", channel="sms", template="welcome", language="de", cause="e-1"
            )
        ]

    def test_speaks_the_programmes_language_where_the_members_has_no_text(self) -> None:
        told = decide(welcome_member, registered(language="fr", first_name=None), context=at())

        assert told.document(Message).text == "Hello friend, this is Corner"

    def test_says_nothing_personal(self) -> None:
        (event,) = decide(welcome_member, registered(), context=at()).events

        assert ANA.phone.encode() not in event.encoded()
        assert b"Ana" not in event.encoded()

    def test_leaves_braces_and_length_of_a_name_alone(self) -> None:
        told = decide(welcome_member, registered(first_name="{card}" + "x" * 400), context=at())

        assert told.document(Message).text == f"Hallo {('{card}' + 'x' * 400)[:LONGEST_NAME]}"

    def test_makes_the_same_message_of_the_same_cause_only(self) -> None:
        first = decide(welcome_member, registered(), context=at(message_id="e-1")).document(Message)
        again = decide(welcome_member, registered(), context=at(message_id="e-1")).document(Message)
        other = decide(welcome_member, registered(), context=at(message_id="e-2")).document(Message)

        assert first.id == again.id != other.id

    def test_tells_what_came_before_the_registration(self) -> None:
        known = decide(tell_of_blocked_card, BLOCKED, context=at(message_id="e-0")).document(Contact)

        told = decide(welcome_member, registered(), context=at(), known=known)

        assert [message.template for message in told.all(Message)] == ["welcome", "card_blocked"]
        assert len({message.id for message in told.all(Message)}) == 2
        assert told.document(Contact).notices == ()

    def test_drops_old_news(self) -> None:
        known = decide(tell_of_blocked_card, BLOCKED, context=at(message_id="e-0")).document(Contact)

        told = decide(welcome_member, registered(), context=at(now=NOON + timedelta(hours=1)), known=known)

        assert [message.template for message in told.all(Message)] == ["welcome"]


class TestRegistrationRepeated:
    def test_says_nothing_where_the_programme_has_no_text(self) -> None:
        repeated = RegistrationRepeated(
            member_id="ana", channel=Channel.CALL, phone=ANA.phone, email=None, first_name=None, language="de"
        )

        assert decide(tell_of_repeated_registration, repeated, context=at(), contact=ANA).documents == []


class TestCardReplaced:
    def test_tells_the_member_of_the_new_card_by_the_end_of_its_number(self) -> None:
        event = CardReplaced(
            card_number=CARD,
            member_id="ana",
            new_card_number="4000000000000010",
            first_card_number=CARD,
            stopped_at=NOON,
        )
        told = decide(tell_of_new_card, event, context=at(), contact=ANA)

        assert told.document(Message).text == "…0010 works now"


class TestCardBlocked:
    def test_tells_the_member_by_the_end_of_the_number(self) -> None:
        told = decide(tell_of_blocked_card, BLOCKED, context=at(), contact=ANA)

        assert told.document(Message).text == "…0002 is blocked"
        assert CARD not in told.document(Message).text

    def test_tells_nobody_of_a_card_without_a_member(self) -> None:
        told = decide(tell_of_blocked_card, BLOCKED.model_copy(update={"member_id": None}), context=at())

        assert (told.documents, told.events) == ([], [])

    def test_waits_for_a_member_who_is_not_known_yet(self) -> None:
        told = decide(tell_of_blocked_card, BLOCKED, context=at(message_id="e-0"))

        (notice,) = told.document(Contact).notices
        assert (notice.event, notice.cause, notice.subject) == ("CardBlocked", "e-0", "…0002")
        assert not told.document(Contact).is_known
        assert told.events == []

    def test_keeps_the_latest_of_too_much_news(self) -> None:
        contact = None
        for number in range(MOST_WAITING + 3):
            told = decide(tell_of_blocked_card, BLOCKED, context=at(message_id=f"e-{number}"), contact=contact)
            contact = told.document(Contact)

        assert contact is not None
        assert [notice.cause for notice in contact.notices][0::MOST_WAITING] == ["e-3"]
        assert len(contact.notices) == MOST_WAITING


class TestRewardIssued:
    @pytest.mark.parametrize(("code", "title"), [("coffee", "A free coffee"), ("withdrawn", "withdrawn")])
    def test_tells_the_member_what_the_reward_is(self, code: str, title: str) -> None:
        told = decide(tell_of_reward, issued(reward=code), context=at(), contact=ANA)

        assert told.document(Message).text == f"Ana: {title}"

    def test_tells_nobody_of_a_guests_reward(self) -> None:
        assert decide(tell_of_reward, issued(member_id=None), context=at()).documents == []
