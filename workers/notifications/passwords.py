"""How a new password, or the link to set one, gets to its member: its message holds it only while it is handed over."""

from datetime import timedelta
from typing import Annotated, Final

from contracts.codes import CodeForm
from contracts.passwords import PURPOSE, PasswordRenewed, PasswordSet, RenewalWay
from runtime.decisions import Key
from workers import Changes, Context
from workers.notifications.documents import CODE_MASK, Contact, Notice
from workers.notifications.queueing import told
from workers.notifications.texts import drafted, queued_event, reaches
from workers.notifications.worker import worker

FORMS: Final = {RenewalWay.LINK: CodeForm.TOKEN, RenewalWay.GENERATED: CodeForm.PASSWORD}


@worker.handles(PasswordRenewed)
def text_password(
    event: PasswordRenewed, contact: Annotated[Contact | None, Key("member_id")], context: Context
) -> Changes:
    rules = context.programme.notifications
    template = rules.template_on(f"PasswordRenewed.{event.way}")
    expires_at = event.ends_at or context.now + timedelta(minutes=rules.lifetime_minutes)
    to = Contact(
        id=event.member_id,
        phone=event.phone,
        email=event.email,
        first_name=event.first_name,
        language=event.language,
    )
    if template is None or expires_at <= context.now or not reaches(to, template, event.channel, rules):
        return
    if contact is not None and contact.is_removed:
        return

    passwords = context.programme.registration.passwords
    words = {
        "password": CODE_MASK,
        "link": passwords.link.replace("{token}", CODE_MASK),
        "minutes": str(passwords.link_minutes),
    }
    text = drafted(template, to, words, context.id, expires_at, context, event.channel)
    message = text.evolve(code_id=event.renewal_id, code_purpose=PURPOSE, code_form=FORMS[event.way])
    yield message, queued_event(message)


@worker.handles(PasswordSet)
def tell_of_password(
    event: PasswordSet,
    contact: Annotated[Contact | None, Key("member_id")],
    context: Context,
) -> Changes:
    notice = Notice(event="PasswordSet", cause=context.id, subject="", noticed_at=context.now)
    yield from told(notice, event.member_id, contact, context)
