"""How a new password, or the link to set one, gets to its member: the text holds it only while it is handed over."""

from datetime import timedelta
from typing import Annotated, Final

from contracts.codes import CodeForm
from contracts.notifications import MessageChannel
from contracts.passwords import PURPOSE, PasswordRenewed, PasswordSet, RenewalWay
from runtime.decisions import Key
from workers import Changes, Context
from workers.notifications.documents import CODE_MASK, Contact, Message, Notice, Waiting
from workers.notifications.queueing import told
from workers.notifications.texts import LONGEST_NAME, message_id_of, queued_event, spoken, written
from workers.notifications.worker import worker

FORMS: Final = {RenewalWay.LINK: CodeForm.TOKEN, RenewalWay.GENERATED: CodeForm.PASSWORD}


@worker.handles(PasswordRenewed)
def text_password(
    event: PasswordRenewed, contact: Annotated[Contact | None, Key("member_id")], context: Context
) -> Changes:
    rules = context.programme.notifications
    template = rules.template_on(f"PasswordRenewed.{event.way}")
    expires_at = event.ends_at or context.now + timedelta(minutes=rules.lifetime_minutes)
    if template is None or expires_at <= context.now or (contact is not None and contact.is_removed):
        return

    passwords = context.programme.registration.passwords
    language = spoken(rules, template, event.language)
    nameless = rules.nameless.get(language, rules.nameless[rules.default_language])
    words = {
        "first_name": (event.first_name or nameless)[:LONGEST_NAME],
        "programme": context.programme.name,
        "password": CODE_MASK,
        "link": passwords.link.replace("{token}", CODE_MASK),
        "minutes": str(passwords.link_minutes),
    }
    message = Message(
        id=message_id_of(event.member_id, template, context.id),
        member_id=event.member_id,
        channel=MessageChannel.SMS,
        template=template,
        language=language,
        cause=context.id,
        correlation_id=context.correlation_id,
        sender=rules.sender,
        recipient=event.phone,
        text=written(rules, template, language, words),
        code_id=event.renewal_id,
        code_purpose=PURPOSE,
        code_form=FORMS[event.way],
        queued_at=context.now,
        due_at=context.now,
        expires_at=expires_at,
        status_at=context.now,
    )
    yield message, queued_event(message)


@worker.handles(PasswordSet)
def tell_of_password(
    event: PasswordSet,
    contact: Annotated[Contact | None, Key("member_id")],
    waiting: Annotated[Waiting | None, Key("member_id")],
    context: Context,
) -> Changes:
    notice = Notice(event="PasswordSet", cause=context.id, subject="", noticed_at=context.now)
    yield from told(notice, event.member_id, contact, waiting, context)
