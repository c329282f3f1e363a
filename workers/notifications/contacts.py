"""How members are reached from now on: both addresses hear of a change, and later messages go to the new one."""

from typing import Annotated

from contracts.profiles import EmailChanged, PhoneChanged, ProfileChanged
from runtime.decisions import Key
from workers import Changes, Context
from workers.notifications.documents import Contact, Notice
from workers.notifications.queueing import told
from workers.notifications.texts import queued
from workers.notifications.worker import worker


@worker.handles(PhoneChanged)
def write_to_new_phone(
    event: PhoneChanged, contact: Annotated[Contact | None, Key("member_id", as_is=True)], context: Context
) -> Changes:
    known = contact or Contact(id=event.member_id)
    if known.is_removed:
        return
    reached = known.evolve(phone=event.phone, first_name=event.first_name, language=event.language)
    news = context.version or 0
    if is_newer(news, known, known.phone_news):
        yield later(known).evolve(phone=event.phone, phone_news=news)
    earlier = notice_of("PhoneChanged.earlier", context, subject=f"…{event.phone[-3:]}")
    yield queued(earlier, reached.evolve(phone=event.earlier_phone), context)
    yield queued(notice_of("PhoneChanged.new", context), reached, context)


@worker.handles(EmailChanged)
def note_new_email(
    event: EmailChanged,
    contact: Annotated[Contact | None, Key("member_id", as_is=True)],
    heir: Annotated[Contact | None, Key("contact.merged_into")],
    context: Context,
) -> Changes:
    known = contact or Contact(id=event.member_id)
    if known.is_removed:
        return
    news = context.version or 0
    if is_newer(news, known, known.email_news):
        changed = later(known).evolve(email=event.email, email_news=news)
        yield changed
        contact = changed
    for which, email in (("earlier", event.earlier_email), ("new", event.email)):
        reached = known.evolve(
            email=email,
            first_name=event.first_name,
            language=event.language or context.programme.notifications.default_language,
        )
        yield queued(notice_of(f"EmailChanged.{which}", context), reached, context)
    yield from told(notice_of("EmailChanged", context), event.member_id, heir or contact, context)


@worker.handles(ProfileChanged)
def address_anew(
    event: ProfileChanged, contact: Annotated[Contact | None, Key("member_id", as_is=True)], context: Context
) -> Changes:
    known = contact or Contact(id=event.member_id)
    news = context.version or 0
    if is_newer(news, known, known.profile_news):
        yield later(known).evolve(first_name=event.first_name, language=event.language, profile_news=news)


def is_newer(news: int, known: Contact, told: int) -> bool:
    """Whether news of a member are newer than what is known; one who is gone or absorbed isn't written to any more."""
    return known.merged_into is None and not known.is_removed and news > told


def later(known: Contact) -> Contact:
    """A contact of which news come in; where the registration has not, yet, it is still awaited."""
    return known.evolve(is_awaited=not known.is_known)


def notice_of(event: str, context: Context, subject: str = "") -> Notice:
    """What a member is told."""
    return Notice(event=event, cause=context.id, subject=subject, noticed_at=context.now)
