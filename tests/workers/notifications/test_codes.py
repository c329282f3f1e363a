"""A code's text is queued without its code, for as long as the code counts; only who hands it over puts it in."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from pydantic import ValidationError

from contracts.codes import CodePurpose, CodeRequested
from contracts.notifications import MessageQueued, MessageStatus, ResendMessage
from contracts.programme.notifications import Template
from contracts.verification import RegistrationLapsed
from runtime.documents import Erase
from tests.decisions import NOON, VAULT, decide, refused
from tests.workers.notifications.programmes import ANA, at, message
from workers.notifications.codes import forget_texts, text_code
from workers.notifications.delivery import resend_message
from workers.notifications.documents import CODE_MASK, Message


def requested(**wanted: Any) -> CodeRequested:
    fields = {
        "challenge_id": "r-1",
        "purpose": CodePurpose.VERIFY_PHONE,
        "code_id": "code-1",
        "subject_id": "r-1",
        "phone": ANA.phone,
        "first_name": "Ana",
        "language": "en",
        "expires_at": NOON + timedelta(minutes=10),
    }
    return CodeRequested.model_validate({**fields, **wanted})


class TestCodeRequested:
    def test_queues_the_text_without_the_code(self) -> None:
        said = decide(text_code, requested(), context=at())

        queued = said.document(Message)
        assert queued.text == f"{CODE_MASK} is your code for Corner, for 10 minutes"
        assert (queued.recipient, queued.member_id, queued.status) == (ANA.phone, "r-1", MessageStatus.QUEUED)
        assert [type(each) for each in said.events] == [MessageQueued]
        code = VAULT.code("verify_phone", "code-1", ANA.phone)
        assert code.encode() not in msgspec.json.encode(queued) + said.events[0].encoded()

    def test_is_worth_sending_while_the_code_counts(self) -> None:
        assert decide(text_code, requested(), context=at()).document(Message).expires_at == NOON + timedelta(minutes=10)
        assert decide(text_code, requested(expires_at=NOON), context=at()).documents == []

    def test_sends_nothing_where_nothing_is_to_go(self) -> None:
        assert decide(text_code, requested(phone=None), context=at()).documents == []
        assert decide(text_code, requested(purpose=CodePurpose.MERGE_MEMBERS), context=at()).documents == []


class TestRegistrationLapsed:
    def test_leaves_no_text_to_who_became_no_member(self) -> None:
        said = decide(forget_texts, RegistrationLapsed(registration_id="r-1"))
        assert said.erased == [Erase(Message, "r-1", field="member_id")]
        assert said.erased[0].covers(decide(text_code, requested(), context=at()).document(Message))


class TestCodeText:
    def test_says_the_code(self) -> None:
        with pytest.raises(ValidationError, match="must say {code}"):
            Template(event="CodeRequested.verify_phone", texts={"en": "Hello"})
        assert Template(event="CodeRequested.merge_members", texts={"en": "{code}"}).texts == {"en": "{code}"}


class TestResendMessage:
    def test_sends_no_code_again(self) -> None:
        sent = message(status=MessageStatus.SENT, due_at=None, code_id="code-1", code_purpose="verify_phone")

        with refused("message_has_code"):
            decide(resend_message, ResendMessage(message_id=sent.id), message=sent, contact=ANA, context=at())
