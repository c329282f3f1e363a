"""What goes by email: with a subject in the member's language, to who has one, where the programme has an address."""

from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import ValidationError

from contracts.cards import CardBlocked
from contracts.notifications import MessageChannel, ResendMessage
from contracts.passwords import PURPOSE, PasswordRenewed, RenewalWay
from contracts.profiles import EmailChanged
from contracts.programme.notifications import NotificationRules, Template
from tests.decisions import NOON, VAULT, decide, refused
from tests.workers.notifications.programmes import ANA, PROGRAMME, RULES, at
from tests.workers.notifications.test_tiers import CHANGED
from workers.notifications.contacts import note_new_email
from workers.notifications.courier import Courier
from workers.notifications.delivery import resend_message
from workers.notifications.documents import CODE_MASK, Choice, Contact, Message
from workers.notifications.passwords import text_password
from workers.notifications.queueing import tell_of_blocked_card, tell_of_tier

SMS, EMAIL = MessageChannel.SMS, MessageChannel.EMAIL
LINK = "https://account.example.org/#{token}"
TEMPLATES: dict[str, Any] = {
    "card_blocked": {
        "event": "CardBlocked",
        "channels": ["sms", "email"],
        "subjects": {"en": "Card {card}", "de": "Karte {card}"},
        "texts": {"en": "{card} is blocked", "de": "{card} ist gesperrt"},
    },
    "tier_reached": {
        "event": "TierChanged",
        "mailing": "status",
        "subjects": {"en": "{tier}!"},
        "texts": {"en": "You are {tier}"},
    },
    "password_link": {
        "event": "PasswordRenewed.link",
        "subjects": {"en": "Your password,\n {first_name}"},
        "texts": {"en": "Here: {link}"},
    },
    "moved_from": {
        "event": "EmailChanged.earlier",
        "channels": ["email"],
        "subjects": {"en": "elsewhere"},
        "texts": {"en": "not here any more"},
    },
    "moved_to": {
        "event": "EmailChanged.new",
        "channels": ["email"],
        "subjects": {"en": "here"},
        "texts": {"en": "here now"},
    },
}


def rules(**changes: Any) -> NotificationRules:
    raw = RULES.model_dump(mode="json")
    mailings = [{"code": "offers", "text": "Offers"}, {"code": "status", "text": "S", "channels": ["sms", "email"]}]
    own = {
        "templates": {**raw["templates"], **TEMPLATES},
        "mailings": mailings,
        "email": {"address": "hi@corner.example"},
    }
    return NotificationRules.model_validate({**raw, **own, **changes})


def by(*, without_address: bool = False, **wanted: Any) -> Any:
    """A context in which the programme sends emails."""
    registration = SimpleNamespace(passwords=SimpleNamespace(link=LINK, link_minutes=60))
    notifications = rules(email=None) if without_address else rules()
    programme = SimpleNamespace(**{**vars(PROGRAMME), "notifications": notifications, "registration": registration})
    return at(programme, **wanted)


def blocked(contact: Contact, **wanted: Any) -> list[Message]:
    event = CardBlocked(card_number="4000000000000002", member_id="ana", reason="lost", stopped_at=NOON)
    return decide(tell_of_blocked_card, event, contact=contact, context=by(**wanted)).all(Message)


def renewed(channel: MessageChannel = EMAIL, **changes: Any) -> PasswordRenewed:
    fields: dict[str, Any] = {
        "member_id": "ana",
        "renewal_id": "renewal-1",
        "way": RenewalWay.LINK,
        "phone": ANA.phone,
        "first_name": "Ana",
        "language": "de",
        "ends_at": NOON.replace(hour=13),
        "channel": channel,
        "email": ANA.email,
    }
    return PasswordRenewed(**{**fields, **changes})


class TestNotice:
    def test_goes_through_each_channel_of_its_template(self) -> None:
        text, mail = blocked(ANA)
        assert (text.channel, text.recipient, text.subject) == (SMS, ANA.phone, "")
        assert (mail.channel, mail.recipient, mail.sender) == (EMAIL, ANA.email, "Corner <hi@corner.example>")
        assert (mail.subject, mail.text) == ("Karte …0002", "…0002 ist gesperrt")
        assert text.id != mail.id

    def test_is_no_email_to_who_has_none_or_where_the_programme_has_no_address(self) -> None:
        assert [each.channel for each in blocked(ANA.evolve(email=None))] == [SMS]
        assert [each.channel for each in blocked(ANA, without_address=True)] == [SMS]

    def test_of_a_mailing_comes_through_the_channels_that_the_member_wants(self) -> None:
        for off, through in ((SMS, [EMAIL]), (EMAIL, [SMS]), (None, [SMS, EMAIL])):
            said = () if off is None else (Choice(mailing="status", channel=off, is_on=False, chosen_at=NOON),)
            told = decide(tell_of_tier, CHANGED, contact=ANA.evolve(choices=said), context=by()).all(Message)
            assert [each.channel for each in told] == through


class TestPasswordRenewed:
    def test_by_email_has_its_secret_put_in_where_it_is_handed_over_alone(self) -> None:
        mail = decide(text_password, renewed(), context=by()).document(Message)

        assert (mail.channel, mail.recipient) == (EMAIL, ANA.email)
        assert mail.text == f"Here: {LINK.replace('{token}', CODE_MASK)}"
        sent = Courier(None, None, None, {}, VAULT)._with_code(mail)  # type: ignore[arg-type]  # it carries nothing here
        assert sent.text == f"Here: {LINK.replace('{token}', VAULT.token(PURPOSE, 'renewal-1', str(ANA.email)))}"

    def test_has_a_subject_on_one_line(self) -> None:
        mail = decide(text_password, renewed(first_name="Ana\nBcc: eve@example.org"), context=by()).document(Message)
        assert mail.subject == "Your password, Ana Bcc: eve@example.org"

    def test_by_text_goes_to_the_phone(self) -> None:
        text = decide(text_password, renewed(SMS, email=None), context=by()).document(Message)
        assert (text.channel, text.recipient) == (SMS, ANA.phone)

    def test_by_email_is_nothing_where_the_programme_has_no_address_any_more(self) -> None:
        assert decide(text_password, renewed(), context=by(without_address=True)).documents == []


class TestEmailChanged:
    event = EmailChanged(
        member_id="ana",
        card_numbers=(),
        spends_at=None,
        email="new@example.org",
        earlier_email="old@example.org",
        first_name="Ana",
        language="en",
    )

    def test_is_told_to_the_old_email_and_to_the_new_one(self) -> None:
        mails = decide(note_new_email, self.event, contact=ANA, context=by(version=2)).all(Message)
        assert [(each.recipient, each.text) for each in mails] == [
            ("old@example.org", "not here any more"),
            ("new@example.org", "here now"),
        ]

    def test_is_told_to_the_first_one_alone(self) -> None:
        first = self.event.model_copy(update={"earlier_email": None})
        mails = decide(note_new_email, first, contact=ANA, context=by(version=2)).all(Message)
        assert [each.recipient for each in mails] == ["new@example.org"]


class TestResendMessage:
    def test_of_an_email_goes_to_the_email_that_is_known_now(self) -> None:
        mail = blocked(ANA)[1].evolve(due_at=None)
        command, moved = ResendMessage(message_id=mail.id), ANA.evolve(email="new@example.org")
        again = decide(resend_message, command, message=mail, contact=moved, context=by(message_id="m-2"))
        assert again.document(Message).recipient == "new@example.org"
        with refused("email_missing"):
            decide(resend_message, command, message=mail, contact=ANA.evolve(email=None), context=by())


class TestTemplate:
    @pytest.mark.parametrize(
        ("changes", "rule"),
        [
            ({"subjects": {}}, "needs subjects"),
            ({"subjects": {"en": "{nothing}"}}, "the subject can't say {nothing}"),
            ({"event": "EmailChanged.new", "texts": {"en": "x"}, "subjects": {"en": "x"}}, "by email alone"),
        ],
    )
    def test_that_is_sent_by_email_has_a_subject_that_can_be_filled(self, changes: dict[str, Any], rule: str) -> None:
        with pytest.raises(ValidationError, match=rule):
            Template.model_validate({**TEMPLATES["card_blocked"], **changes})

    @pytest.mark.parametrize(
        ("event", "secret"),
        [
            ("PasswordRenewed.link", "link"),
            ("PasswordRenewed.generated", "password"),
            ("CodeRequested.verify_phone", "code"),
        ],
    )
    def test_has_no_secret_in_its_subject(self, event: str, secret: str) -> None:
        with pytest.raises(ValidationError, match="the subject can't say"):
            Template(event=event, texts={"en": f"{{{secret}}}"}, subjects={"en": f"{{{secret}}}"})

    def test_has_a_subject_in_the_programme_s_default_language(self) -> None:
        only_german = {**TEMPLATES, "card_blocked": {**TEMPLATES["card_blocked"], "subjects": {"de": "Karte"}}}
        with pytest.raises(ValidationError, match="no subject in the default language"):
            rules(templates={**RULES.model_dump(mode="json")["templates"], **only_german})
