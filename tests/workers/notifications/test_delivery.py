"""How far messages come: only ever forward, tried for so long, and again when asked."""

from datetime import timedelta
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.notifications import (
    DeferMessage,
    MessageDeferred,
    MessageDelivered,
    MessageDoubted,
    MessageExpired,
    MessageFailed,
    MessageQueued,
    MessageSent,
    MessageStatus,
    NotificationCommand,
    RecordDelivery,
    ResendMessage,
)
from runtime.documents import View
from tests.decisions import NOON, Told, decide, refused
from tests.workers.notifications.programmes import ANA, at, message
from workers.notifications import worker
from workers.notifications.delivery import defer_message, record_delivery, resend_message, status_event
from workers.notifications.documents import RANK, Contact, Message


def recorded(status: MessageStatus, known: Message) -> Told:
    said = RecordDelivery(message_id=known.id, status=status, provider_reference="p-1", error="gone")
    return decide(record_delivery, said, message=known, context=at())


def deferred(known: Message, attempt: int, *, is_taken: bool | None = False) -> Told:
    said = DeferMessage(message_id=known.id, attempt=attempt, error="provider_unreachable", is_taken=is_taken)
    return decide(defer_message, said, message=known, context=at())


class TestRecordDelivery:
    @pytest.mark.parametrize(
        ("status", "event"),
        [
            (MessageStatus.SENT, MessageSent),
            (MessageStatus.DELIVERED, MessageDelivered),
            (MessageStatus.FAILED, MessageFailed),
            (MessageStatus.EXPIRED, MessageExpired),
            (MessageStatus.UNKNOWN, MessageDoubted),
        ],
    )
    def test_says_where_the_message_is(self, status: MessageStatus, event: type) -> None:
        told = recorded(status, message())

        assert told.document(Message).status is status
        assert told.document(Message).provider_reference == "p-1"
        assert [type(each) for each in told.events] == [event]

    def test_stops_trying(self) -> None:
        assert recorded(MessageStatus.SENT, message()).document(Message).due_at is None
        assert recorded(MessageStatus.UNKNOWN, message()).document(Message).due_at == NOON

    @pytest.mark.parametrize("status", list(MessageStatus))
    def test_changes_nothing_the_second_time(self, status: MessageStatus) -> None:
        told = recorded(status, message(status=status))

        assert (told.documents, told.events) == ([], [])

    @given(st.lists(st.sampled_from(list(MessageStatus)), max_size=8))
    def test_only_moves_forward_whatever_order_receipts_come_in(self, receipts: list[MessageStatus]) -> None:
        known = message()
        for status in receipts:
            told = recorded(status, known)
            moved = told.document(Message) if told.documents else known
            assert RANK[moved.status] >= RANK[known.status]
            assert bool(told.events) == (moved.status is not known.status)
            known = moved

        assert known.status is max([MessageStatus.QUEUED, *receipts], key=RANK.__getitem__)

    def test_comes_to_the_same_in_every_order(self) -> None:
        ends = set()
        for receipts in permutations([MessageStatus.SENT, MessageStatus.FAILED, MessageStatus.DELIVERED]):
            known = message()
            for status in receipts:
                told = recorded(status, known)
                known = told.document(Message) if told.documents else known
            ends.add(known.status)

        assert ends == {MessageStatus.DELIVERED}

    def test_nothing_is_said_of_a_message_that_is_queued(self) -> None:
        with pytest.raises(ValueError, match="queued"):
            status_event(message())


class TestDeferMessage:
    def test_tries_again_later_and_ever_later(self) -> None:
        first = deferred(message(), 1)
        second = deferred(first.document(Message), 2)

        assert first.document(Message).due_at == NOON + timedelta(seconds=5)
        assert second.document(Message).due_at == NOON + timedelta(seconds=8)
        assert first.events == [
            MessageDeferred(
                message_id="a" * 32,
                member_id="ana",
                error="provider_unreachable",
                status=MessageStatus.QUEUED,
                due_at=NOON + timedelta(seconds=5),
            )
        ]

    def test_keeps_a_doubt(self) -> None:
        doubted = deferred(message(), 1, is_taken=None).document(Message)

        assert doubted.status is MessageStatus.UNKNOWN
        assert deferred(doubted, 2).document(Message).status is MessageStatus.UNKNOWN
        assert recorded(MessageStatus.SENT, doubted).document(Message).status is MessageStatus.SENT

    def test_fails_after_the_last_attempt(self) -> None:
        told = deferred(message(attempts=2), 3)

        assert (told.document(Message).status, told.document(Message).due_at) == (MessageStatus.FAILED, None)
        assert told.events == [
            MessageFailed(message_id="a" * 32, member_id="ana", error="provider_unreachable"),
        ]

    def test_stays_unknown_after_the_last_attempt_if_one_may_have_worked(self) -> None:
        told = deferred(message(attempts=2), 3, is_taken=None)

        assert (told.document(Message).status, told.document(Message).due_at) == (MessageStatus.UNKNOWN, None)
        assert [type(event) for event in told.events] == [MessageDoubted]

    @pytest.mark.parametrize("known", [message(attempts=1), message(status=MessageStatus.SENT)])
    def test_changes_nothing_that_is_known_better(self, known: Message) -> None:
        assert deferred(known, 1).documents == []


class TestUnknown:
    @pytest.mark.parametrize("command", [RecordDelivery, DeferMessage, ResendMessage])
    def test_a_message_that_is_not_known_is_refused(self, command: type[NotificationCommand]) -> None:
        said = command.model_construct(message_id="a")
        view = View()
        view.loaded((Message, "a"), None)

        with refused("unknown_message"):
            worker.handlers[command.__name__].arguments(said, view)

    def test_a_member_who_is_not_known_is_not_written_to_again(self) -> None:
        known = message(status=MessageStatus.SENT, due_at=None)
        view = View()
        view.loaded((Message, known.id), known)
        view.loaded((Contact, known.member_id), None)

        with refused("unknown_contact"):
            worker.handlers["ResendMessage"].arguments(ResendMessage(message_id=known.id), view)


class TestResendMessage:
    def test_queues_a_message_of_its_own_to_where_the_member_is_now(self) -> None:
        sent = message(status=MessageStatus.SENT, due_at=None, provider_reference="p-1", attempts=2)
        moved = ANA.evolve(phone="+4915199999999")

        told = decide(
            resend_message,
            ResendMessage(message_id=sent.id),
            message=sent,
            contact=moved,
            context=at(message_id="c-2", now=NOON + timedelta(days=1)),
        )

        again = told.document(Message)
        assert again.id != sent.id
        assert (again.recipient, again.text, again.attempts) == ("+4915199999999", sent.text, 0)
        assert (again.status, again.due_at) == (MessageStatus.QUEUED, NOON + timedelta(days=1))
        assert again.provider_reference is None
        assert [type(event) for event in told.events] == [MessageQueued]

    def test_is_refused_while_the_message_is_queued(self) -> None:
        with refused("message_still_queued", status="queued"):
            decide(
                resend_message,
                ResendMessage(message_id="a" * 32),
                message=message(),
                contact=ANA,
                context=at(),
            )

    def test_is_allowed_after_giving_up_in_doubt(self) -> None:
        doubted = message(status=MessageStatus.UNKNOWN, due_at=None)

        told = decide(resend_message, ResendMessage(message_id=doubted.id), message=doubted, contact=ANA, context=at())

        assert told.document(Message).status is MessageStatus.QUEUED
