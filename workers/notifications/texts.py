"""From an event to the message that tells a member of it."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Final

from contracts.notifications import MessageChannel, MessageQueued
from contracts.programme.notifications import NotificationRules
from workers import Context
from workers.notifications.documents import Contact, Message, Notice

LONGEST_NAME: Final = 40
"""Characters of a first name that go into a text: a text is paid for by the segment."""
LONGEST_TEXT: Final = 1_530
"""Characters: ten joined segments of 153 are the most that networks carry."""


def message_id_of(member_id: str, template: str, cause: str) -> str:
    """The id of the only message about a cause: 32 hexadecimal digits."""
    return blake2b(f"{member_id}\n{template}\n{cause}".encode(), digest_size=16).hexdigest()


def masked(card_number: str) -> str:
    """A card's number as a text may show it: its last four digits."""
    return f"…{card_number[-4:]}"


def written(rules: NotificationRules, template: str, language: str, words: Mapping[str, str]) -> str:
    """A template's text in a language the programme has, with its placeholders filled."""
    return rules.templates[template].texts[language].format_map(words)[:LONGEST_TEXT]


def spoken(rules: NotificationRules, template: str, language: str) -> str:
    """The member's language if the template has it, else the programme's default."""
    return language if language in rules.templates[template].texts else rules.default_language


def queued(notice: Notice, contact: Contact, context: Context) -> tuple[Message, MessageQueued] | tuple[()]:
    """The message that tells a member of something, and the event that it waits; nothing if either is silent."""
    rules = context.programme.notifications
    template = rules.template_on(notice.event)
    expires_at = notice.noticed_at + timedelta(minutes=rules.lifetime_minutes)
    if template is None or expires_at <= context.now:
        return ()
    mailing = rules.templates[template].mailing
    if mailing is not None and not contact.wants(mailing, MessageChannel.SMS, by_default=rules.mailings_are_on):
        return ()

    words = {
        "card": notice.subject,
        "phone": notice.subject,
        "reward": notice.subject,
        "offer": notice.subject,
        "tier": notice.subject,
        "coupon": notice.code,
    }
    message = drafted(template, contact, words, notice.cause, expires_at, context)
    return message, queued_event(message)


def drafted(
    template: str,
    to: Contact,
    words: Mapping[str, str],
    cause: str,
    expires_at: datetime,
    context: Context,
) -> Message:
    """A template's text to somebody, in their language, due now; names and the programme go in besides the words."""
    rules = context.programme.notifications
    language = spoken(rules, template, to.language)
    nameless = rules.nameless.get(language, rules.nameless[rules.default_language])
    addressed = {"first_name": (to.first_name or nameless)[:LONGEST_NAME], "programme": context.programme.name}
    return Message(
        id=message_id_of(to.id, template, cause),
        member_id=to.id,
        channel=MessageChannel.SMS,
        template=template,
        language=language,
        cause=cause,
        correlation_id=context.correlation_id,
        sender=rules.sender,
        recipient=to.phone,
        text=written(rules, template, language, {**addressed, **words}),
        queued_at=context.now,
        due_at=context.now,
        expires_at=expires_at,
        status_at=context.now,
    )


def queued_event(message: Message) -> MessageQueued:
    """Says that a message waits to be sent."""
    return MessageQueued(
        message_id=message.id,
        member_id=message.member_id,
        channel=message.channel,
        template=message.template,
        language=message.language,
        cause=message.cause,
    )
