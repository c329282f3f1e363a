"""How a code gets to who is to read it: its text is queued without it, and holds it only while it is handed over.

Texts to who became no member go with the registration: nobody looks at them there, and a phone stands in them.
"""

from typing import Annotated

from contracts.codes import CODE_LIFE, CodeRequested
from contracts.notifications import MessageChannel
from contracts.verification import RegistrationLapsed
from runtime.decisions import Key
from runtime.documents import Erase
from workers import Changes, Context
from workers.notifications.documents import CODE_MASK, Contact, Message
from workers.notifications.texts import LONGEST_NAME, message_id_of, queued_event, spoken, written
from workers.notifications.worker import worker


@worker.handles(CodeRequested)
def text_code(event: CodeRequested, contact: Annotated[Contact | None, Key("subject_id")], context: Context) -> Changes:
    rules = context.programme.notifications
    template = rules.template_on(f"CodeRequested.{event.purpose}")
    if template is None or event.phone is None or event.expires_at <= context.now:
        return
    if contact is not None and contact.is_removed:
        return

    language = spoken(rules, template, event.language)
    nameless = rules.nameless.get(language, rules.nameless[rules.default_language])
    words = {
        "first_name": (event.first_name or nameless)[:LONGEST_NAME],
        "programme": context.programme.name,
        "code": CODE_MASK,
        "minutes": str(int(CODE_LIFE.total_seconds() // 60)),
    }
    message = Message(
        id=message_id_of(event.subject_id, template, context.id),
        member_id=event.subject_id,
        channel=MessageChannel.SMS,
        template=template,
        language=language,
        cause=context.id,
        correlation_id=context.correlation_id,
        sender=rules.sender,
        recipient=event.phone,
        text=written(rules, template, language, words),
        code_id=event.code_id,
        code_purpose=event.purpose.value,
        queued_at=context.now,
        due_at=context.now,
        expires_at=event.expires_at,
        status_at=context.now,
    )
    yield message, queued_event(message)


@worker.handles(RegistrationLapsed)
def forget_texts(event: RegistrationLapsed) -> Changes:
    yield Erase(Message, event.registration_id, field="member_id")
