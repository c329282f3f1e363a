"""How a code gets to who is to read it: its text is queued without it, and holds it only while it is handed over.

Texts to who became no member go with the registration: nobody looks at them there, and a phone stands in them.
"""

from typing import Annotated

from contracts.codes import CODE_LIFE, CodeRequested
from contracts.verification import RegistrationLapsed
from runtime.decisions import Key
from runtime.documents import Erase
from workers import Changes, Context
from workers.notifications.documents import CODE_MASK, Contact, Message
from workers.notifications.texts import drafted, queued_event
from workers.notifications.worker import worker


@worker.handles(CodeRequested)
def text_code(event: CodeRequested, contact: Annotated[Contact | None, Key("subject_id")], context: Context) -> Changes:
    rules = context.programme.notifications
    template = rules.template_on(f"CodeRequested.{event.purpose}")
    if template is None or event.phone is None or event.expires_at <= context.now:
        return
    if contact is not None and contact.is_removed:
        return

    to = Contact(id=event.subject_id, phone=event.phone, first_name=event.first_name, language=event.language)
    words = {"code": CODE_MASK, "minutes": str(int(CODE_LIFE.total_seconds() // 60))}
    text = drafted(template, to, words, context.id, event.expires_at, context)
    message = text.evolve(code_id=event.code_id, code_purpose=event.purpose.value)
    yield message, queued_event(message)


@worker.handles(RegistrationLapsed)
def forget_texts(event: RegistrationLapsed) -> Changes:
    yield Erase(Message, event.registration_id, field="member_id")
