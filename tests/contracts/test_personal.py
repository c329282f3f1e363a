"""Personal data: found wherever it stands in a message, and kept out of answers and logs."""

import json
from datetime import UTC, datetime
from typing import ClassVar

import pytest
from pydantic import BaseModel, ConfigDict

from contracts.cards import CardLinked
from contracts.catalogue import EVENTS
from contracts.messages import Event, public_json, without_personal
from contracts.persons import PersonalEvent
from contracts.registration import Channel, MemberRegistered
from contracts.values import MemberId, Personal, Text, is_personal, personal_fields

CARD = "4000000000000002"
PHONE = "+4915123456789"
NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


class Address(BaseModel):
    """Where somebody lives."""

    model_config = ConfigDict(frozen=True)

    street: Personal[Text]
    country: str


class Moved(Event, worker="registration", key="member_id", about=("Member", "member_id")):
    """A member lives elsewhere now."""

    member_id: MemberId
    address: Address
    old_streets: tuple[Personal[Text], ...] = ()
    note: Personal[Text] | None = None
    store: str = "s-1"

    expected: ClassVar[frozenset[str]] = frozenset({"address", "old_streets", "note"})


class TestPersonalEvents:
    @pytest.mark.parametrize("name", [name for name, event in EVENTS.items() if event.personal])
    def test_say_whose_key_opens_them(self, name: str) -> None:
        event = EVENTS[name]
        assert issubclass(event, PersonalEvent)
        assert event.person in event.model_fields
        assert event.person not in event.personal
        assert "personal" not in event.model_fields

    def test_are_those_that_have_something_personal(self) -> None:
        idle = [name for name, event in EVENTS.items() if issubclass(event, PersonalEvent) and not event.personal]
        assert idle == []


class TestPersonal:
    def test_is_found_in_fields_inside_them_and_behind_them(self) -> None:
        assert Moved.personal == Moved.expected == personal_fields(Moved)

    def test_is_found_in_optional_and_nested_annotations(self) -> None:
        assert is_personal(Personal[str])
        assert is_personal(Personal[str] | None)
        assert is_personal(dict[str, tuple[Personal[str], ...]])
        assert not is_personal(dict[str, tuple[str, ...]])

    def test_is_left_out_of_what_answers_and_logs_show(self) -> None:
        moved = Moved(
            member_id="ana", address=Address(street="Side Street 1", country="DE"), old_streets=("Old 2",), note="loud"
        )
        shown = json.loads(public_json(moved, moved.encoded()))

        assert shown == dict(without_personal(moved)) == {"member_id": "ana", "store": "s-1"}

    def test_costs_nothing_where_there_is_none(self) -> None:
        linked = CardLinked(card_number=CARD, member_id="ana", category="normal")
        encoded = linked.encoded()
        assert public_json(linked, encoded) is encoded

    def test_keeps_a_registration_out_of_its_answer(self) -> None:
        registered = MemberRegistered(
            member_id="ana",
            channel=Channel.SMS,
            phone=PHONE,
            email="ana@example.org",
            first_name="Ana",
            language="en",
            card_number=CARD,
            home_store=None,
            registered_at=NOON,
        )
        assert {"phone", "email", "first_name"}.isdisjoint(json.loads(public_json(registered, registered.encoded())))
