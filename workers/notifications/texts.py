"""From an event to the message that tells a member of it."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from email.utils import formataddr
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


def message_id_of(member_id: str, template: str, cause: str, channel: MessageChannel = MessageChannel.SMS) -> str:
    """The id of the only message about a cause through a channel: 32 hexadecimal digits."""
    also = "" if channel is MessageChannel.SMS else f"\n{channel.value}"
    return blake2b(f"{member_id}\n{template}\n{cause}{also}".encode(), digest_size=16).hexdigest()


def masked(card_number: str) -> str:
    """A card's number as a text may show it: its last four digits."""
    return f"…{card_number[-4:]}"


def written(rules: NotificationRules, template: str, language: str, words: Mapping[str, str]) -> str:
    """A template's text in a language the programme has, with its placeholders filled."""
    return rules.templates[template].texts[language].format_map(words)[:LONGEST_TEXT]


def spoken(rules: NotificationRules, template: str, language: str) -> str:
    """The member's language if the template has it, else the programme's default."""
    return language if language in rules.templates[template].texts else rules.default_language


def headed(rules: NotificationRules, template: str, language: str, words: Mapping[str, str]) -> str:
    """The subject of an email, on one line; in the programme's default language where the member's has none."""
    subjects = rules.templates[template].subjects
    subject = subjects.get(language, subjects[rules.default_language])
    return " ".join(subject.format_map(words).split())


def reaches(contact: Contact, template: str, channel: MessageChannel, rules: NotificationRules) -> bool:
    """Whether what a template says can get to a member through a channel."""
    is_offered = channel is MessageChannel.SMS or rules.may_email(template)
    return is_offered and contact.address(channel) != ""


def channels_of(template: str, contact: Contact, rules: NotificationRules) -> Iterator[MessageChannel]:
    """Through which channels a member is told something: of a mailing through those that they want."""
    mailing = rules.templates[template].mailing
    part = None if mailing is None else rules.mailing(mailing)
    for channel in rules.templates[template].channels if part is None else part.channels:
        is_wanted = part is None or contact.wants(part.code, channel, by_default=rules.mailings_are_on)
        if is_wanted and reaches(contact, template, channel, rules):
            yield channel


def queued(notice: Notice, contact: Contact, context: Context) -> tuple[Message | MessageQueued, ...]:
    """The messages that tell a member of something, and the events that they wait; none if either is silent."""
    rules = context.programme.notifications
    template = rules.template_on(notice.event)
    expires_at = notice.noticed_at + timedelta(minutes=rules.lifetime_minutes)
    if template is None or expires_at <= context.now:
        return ()
    words = {
        "card": notice.subject,
        "phone": notice.subject,
        "reward": notice.subject,
        "offer": notice.subject,
        "tier": notice.subject,
        "coupon": notice.code,
    }
    messages = [
        drafted(template, contact, words, notice.cause, expires_at, context, channel)
        for channel in channels_of(template, contact, rules)
    ]
    return tuple(each for message in messages for each in (message, queued_event(message)))


def drafted(
    template: str,
    to: Contact,
    words: Mapping[str, str],
    cause: str,
    expires_at: datetime,
    context: Context,
    channel: MessageChannel = MessageChannel.SMS,
) -> Message:
    """A template's text to somebody, in their language, due now; names and the programme go in besides the words."""
    rules = context.programme.notifications
    language = spoken(rules, template, to.language)
    nameless = rules.nameless.get(language, rules.nameless[rules.default_language])
    name = context.programme.name
    filled = {"first_name": (to.first_name or nameless)[:LONGEST_NAME], "programme": name, **words}
    email = rules.email if channel is MessageChannel.EMAIL else None
    return Message(
        id=message_id_of(to.id, template, cause, channel),
        member_id=to.id,
        channel=channel,
        template=template,
        language=language,
        cause=cause,
        correlation_id=context.correlation_id,
        sender=rules.sender if email is None else formataddr((name, email.address)),
        recipient=to.address(channel),
        subject="" if email is None else headed(rules, template, language, filled),
        text=written(rules, template, language, filled),
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
