"""How far messages have come: outcomes of sending, receipts, later attempts, and sending again."""

from datetime import timedelta
from typing import Annotated

from contracts.messages import Event
from contracts.notifications import (
    DeferMessage,
    MessageDeferred,
    MessageDelivered,
    MessageDoubted,
    MessageExpired,
    MessageFailed,
    MessageSent,
    MessageStatus,
    RecordDelivery,
    ResendMessage,
)
from runtime.decisions import Key, Refused
from workers import Changes, Context
from workers.notifications.documents import Contact, Message
from workers.notifications.texts import message_id_of, queued_event
from workers.notifications.worker import worker


@worker.handles(RecordDelivery)
def record_delivery(
    command: RecordDelivery, message: Annotated[Message, Key("message_id")], context: Context
) -> Changes:
    if not message.is_behind(command.status):
        return

    moved = message.evolve(
        status=command.status,
        status_at=context.now,
        due_at=message.due_at if command.status is MessageStatus.UNKNOWN else None,
        provider_reference=command.provider_reference or message.provider_reference,
        error=command.error,
    )
    yield moved
    yield status_event(moved)


@worker.handles(DeferMessage)
def defer_message(command: DeferMessage, message: Annotated[Message, Key("message_id")], context: Context) -> Changes:
    if not message.is_open or command.attempt <= message.attempts:
        return

    rules = context.programme.notifications
    is_doubtful = command.is_taken is None or message.status is MessageStatus.UNKNOWN
    tried = message.evolve(
        attempts=command.attempt,
        error=command.error,
        status=MessageStatus.UNKNOWN if is_doubtful else message.status,
        status_at=context.now,
    )
    if command.attempt >= rules.attempts:
        given_up = tried.evolve(due_at=None, status=tried.status if is_doubtful else MessageStatus.FAILED)
        yield given_up, status_event(given_up)
        return

    due_at = context.now + timedelta(seconds=rules.wait_seconds(command.attempt))
    yield tried.evolve(due_at=due_at)
    yield MessageDeferred(
        message_id=message.id, member_id=message.member_id, error=command.error, status=tried.status, due_at=due_at
    )


@worker.handles(ResendMessage)
def resend_message(
    command: ResendMessage,
    message: Annotated[Message, Key("message_id")],
    contact: Annotated[Contact, Key("message.member_id")],
    context: Context,
) -> Changes:
    if message.is_open and message.due_at is not None:
        raise Refused("message_still_queued", status=message.status.value)
    if not contact.is_known:
        raise Refused("unknown_contact")
    if message.code_id is not None:
        raise Refused("message_has_code")

    recipient = contact.address(message.channel)
    if not recipient:
        raise Refused("email_missing")

    rules = context.programme.notifications
    again = message.evolve(
        id=message_id_of(contact.id, message.template, context.id, message.channel),
        member_id=contact.id,
        cause=context.id,
        correlation_id=context.correlation_id,
        recipient=recipient,
        status=MessageStatus.QUEUED,
        status_at=context.now,
        queued_at=context.now,
        due_at=context.now,
        expires_at=context.now + timedelta(minutes=rules.lifetime_minutes),
        attempts=0,
        provider_reference=None,
        error=None,
    )
    yield again, queued_event(again)


def status_event(message: Message) -> Event:
    """Says where a message now is.

    Raises:
        ValueError: it is queued, which is said by whoever queues it.
    """
    about = {"message_id": message.id, "member_id": message.member_id}
    match message.status:
        case MessageStatus.SENT:
            return MessageSent(**about, provider_reference=message.provider_reference)
        case MessageStatus.DELIVERED:
            return MessageDelivered(**about, provider_reference=message.provider_reference)
        case MessageStatus.FAILED:
            return MessageFailed(**about, error=message.error)
        case MessageStatus.EXPIRED:
            return MessageExpired(**about)
        case MessageStatus.UNKNOWN:
            return MessageDoubted(**about, error=message.error)
    raise ValueError(f"nothing is said of {message.status}")
