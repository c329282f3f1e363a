"""How members are reached from now on: both numbers hear of a change, and later texts go to the new one."""

from typing import Annotated

from contracts.profiles import EmailChanged, PhoneChanged, ProfileChanged
from runtime.decisions import Key
from workers import Changes, Context
from workers.notifications.documents import Contact, Notice, Waiting
from workers.notifications.queueing import told
from workers.notifications.texts import queued
from workers.notifications.worker import worker


@worker.handles(PhoneChanged)
def write_to_new_phone(
    event: PhoneChanged, contact: Annotated[Contact | None, Key("member_id")], context: Context
) -> Changes:
    known = contact or unregistered(event.member_id, event.language)
    reached = known.evolve(phone=event.phone, first_name=event.first_name, language=event.language)
    news = context.version or 0
    if contact is None or news > contact.phone_news:
        yield known.evolve(phone=event.phone, phone_news=news)
    earlier = notice_of("PhoneChanged.earlier", context, subject=f"…{event.phone[-3:]}")
    yield queued(earlier, reached.evolve(phone=event.earlier_phone), context)
    yield queued(notice_of("PhoneChanged.new", context), reached, context)


@worker.handles(EmailChanged)
def note_new_email(
    event: EmailChanged,
    contact: Annotated[Contact | None, Key("member_id")],
    waiting: Annotated[Waiting | None, Key("member_id")],
    context: Context,
) -> Changes:
    known = contact or unregistered(event.member_id, context.programme.languages[0])
    news = context.version or 0
    if contact is None or news > contact.email_news:
        yield known.evolve(email=event.email, email_news=news)
    yield from told(notice_of("EmailChanged", context), event.member_id, contact, waiting, context)


@worker.handles(ProfileChanged)
def address_anew(
    event: ProfileChanged, contact: Annotated[Contact | None, Key("member_id")], context: Context
) -> Changes:
    known = contact or unregistered(event.member_id, event.language)
    news = context.version or 0
    if contact is None or news > contact.profile_news:
        yield known.evolve(first_name=event.first_name, language=event.language, profile_news=news)


def unregistered(member_id: str, language: str) -> Contact:
    """What is kept of a member whose registration, which another process tells of, hasn't come in yet."""
    return Contact(id=member_id, phone="", language=language, is_registered=False)


def notice_of(event: str, context: Context, subject: str = "") -> Notice:
    """What a member is told."""
    return Notice(event=event, cause=context.id, subject=subject, noticed_at=context.now)
