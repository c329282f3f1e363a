"""Changes of how members are reached: both numbers are told, and news may come in any order."""

from itertools import permutations
from types import SimpleNamespace
from typing import Any

import pytest

from contracts.messages import Event
from contracts.notifications import ResendMessage
from contracts.profiles import EmailChanged, PhoneChanged, ProfileChanged
from contracts.programme.notifications import NotificationRules
from contracts.registration import Channel, MemberRegistered
from tests.decisions import NOON, decide, refused
from tests.workers.notifications.programmes import ANA, RULES, Offers, at
from workers.notifications.contacts import address_anew, note_new_email, write_to_new_phone
from workers.notifications.delivery import resend_message
from workers.notifications.documents import Contact, Message
from workers.notifications.queueing import welcome_member

OLD, NEW = "+4915112345678", "+4915112345999"
JOINED = MemberRegistered(
    member_id="ana",
    channel=Channel.CALL,
    phone=OLD,
    email=None,
    first_name="Ana",
    language="de",
    card_number=None,
    home_store=None,
    registered_at=NOON,
)
MOVED = PhoneChanged(
    member_id="ana",
    card_numbers=(),
    spends_at=None,
    phone=NEW,
    earlier_phone=OLD,
    first_name="Ana",
    language="de",
)
MAILED = EmailChanged(member_id="ana", card_numbers=(), spends_at=None, email="ana@example.com")
RENAMED = ProfileChanged(member_id="ana", changed=("first_name",), first_name="Anna", language="en")
HANDLERS: dict[type[Event], Any] = {
    MemberRegistered: welcome_member,
    PhoneChanged: write_to_new_phone,
    EmailChanged: note_new_email,
    ProfileChanged: address_anew,
}


def programme() -> Any:
    """The usual one, with texts about contacts."""
    texts = {
        "moved_from": {"event": "PhoneChanged.earlier", "texts": {"en": "now at {phone}"}},
        "moved_to": {"event": "PhoneChanged.new", "texts": {"en": "here now, {first_name}"}},
        "mailed": {"event": "EmailChanged", "texts": {"en": "mail changed"}},
    }
    raw = RULES.model_dump(mode="json")
    rules = NotificationRules.model_validate({**raw, "templates": {**raw["templates"], **texts}})
    return SimpleNamespace(name="Corner", notifications=rules, rewards=Offers(), languages=("en",))


def heard(*news: tuple[Event, int]) -> tuple[Contact | None, list[Message]]:
    """What is kept of Ana after these events, and what was queued."""
    contact: Contact | None = None
    queued: list[Message] = []
    for number, (event, version) in enumerate(news):
        handler = HANDLERS[type(event)]
        kept: dict[str, Any] = {"known": contact} if handler is welcome_member else {"contact": contact}
        said = decide(handler, event, context=at(programme(), message_id=f"e-{number}", version=version), **kept)
        contact = next(reversed(said.all(Contact)), contact)
        queued += said.all(Message)
    return contact, queued


class TestPhoneChanged:
    def test_is_told_to_the_old_number_and_to_the_new_one(self) -> None:
        contact, queued = heard((JOINED, 1), (MOVED, 2))
        assert contact is not None
        assert contact.phone == NEW
        assert [(each.recipient, each.text) for each in queued[1:]] == [(OLD, "now at …999"), (NEW, "here now, Ana")]

    def test_that_is_older_than_what_is_known_changes_nothing_but_is_told(self) -> None:
        back = MOVED.model_copy(update={"phone": OLD, "earlier_phone": NEW})
        contact, queued = heard((JOINED, 1), (back, 3), (MOVED, 2))
        assert contact is not None
        assert contact.phone == OLD
        assert len(queued) == 5


class TestAnyOrder:
    @pytest.mark.parametrize("order", list(permutations([(JOINED, 1), (MOVED, 2), (MAILED, 3), (RENAMED, 4)])))
    def test_comes_to_the_same_contact_and_the_same_number_of_texts(self, order: Any) -> None:
        contact, queued = heard(*order)
        assert contact is not None
        assert (contact.phone, contact.email, contact.first_name, contact.language) == (
            NEW,
            "ana@example.com",
            "Anna",
            "en",
        )
        assert contact.is_known
        assert sorted(each.template for each in queued) == ["mailed", "moved_from", "moved_to", "welcome"]
        assert {each.recipient for each in queued} <= {OLD, NEW}


class TestOfAnAbsorbedMember:
    """News that come late, of a member whom another absorbed meanwhile."""

    gone = Contact(id="ana", merged_into="ben")
    ben = Contact(id="ben", phone="+4915112345001", language="en")

    def test_both_numbers_hear_of_a_new_phone_but_nobody_is_written_to_there(self) -> None:
        said = decide(write_to_new_phone, MOVED, context=at(programme(), version=2), contact=self.gone)
        assert said.all(Contact) == []
        assert [each.recipient for each in said.all(Message)] == [OLD, NEW]

    def test_the_survivor_is_told_of_a_new_email_and_keeps_their_own(self) -> None:
        said = decide(note_new_email, MAILED, context=at(programme(), version=2), contact=self.gone, heir=self.ben)
        assert said.all(Contact) == []
        assert [each.recipient for each in said.all(Message)] == ["+4915112345001"]

    def test_the_survivor_keeps_their_own_name(self) -> None:
        said = decide(address_anew, RENAMED, context=at(programme(), version=4), contact=self.gone)
        assert said.documents == []


class TestUnregistered:
    def test_is_sent_nothing_yet(self) -> None:
        contact, queued = heard((MAILED, 3))
        assert contact is not None
        assert (contact.is_known, contact.phone, queued) == (False, "", [])
        with refused("unknown_contact"):
            message = heard((JOINED, 1))[1][0].evolve(due_at=None)
            decide(resend_message, ResendMessage(message_id=message.id), message=message, contact=contact, context=at())

    def test_known_by_a_merge_alone_is_still_awaited_after_later_news(self) -> None:
        merged = Contact(id="ana", absorbed=("ben",))
        contact = decide(write_to_new_phone, MOVED, context=at(programme(), version=2), contact=merged).document(
            Contact
        )
        assert (contact.phone, contact.is_known, contact.absorbed) == (NEW, False, ("ben",))
        joined = decide(welcome_member, JOINED, context=at(programme(), version=1), known=contact).document(Contact)
        assert (joined.phone, joined.is_known, joined.absorbed) == (NEW, True, ("ben",))

    def test_old_documents_are_registered(self) -> None:
        assert ANA.is_known
