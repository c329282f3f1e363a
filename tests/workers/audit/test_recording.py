"""Entries: what goes into them, what stays out, and how they hang together."""

import json
from importlib import import_module
from typing import Any

import pytest
from aiokafka.partitioner import DefaultPartitioner
from hypothesis import given
from hypothesis import strategies as st

from contracts.audit import RecordLook
from contracts.cards import BlockCard, CardBlocked
from contracts.catalogue import COMMANDS, EVENTS
from contracts.corrections import RefundUndone
from contracts.messages import Actor, ActorKind, CommandEnded, Outcome, Said, read_body
from contracts.registration import Channel, MemberRegistered
from contracts.subjects import LISTS, SUBJECTS, subjects_of
from runtime.arrivals import Arrival
from runtime.decisions import Refused
from runtime.sayings import Scribe
from runtime.settings import Settings
from tests.contracts.golden.examples import example
from tests.decisions import NOON, Told, context, decide
from tests.runtime.machine import FakeRecord
from workers.audit import worker
from workers.audit.chains import BEGINNING, CHAINS, chain_of, chain_of_key, entry_hash
from workers.audit.documents import Chain, Entry
from workers.audit.recording import record, record_look, record_outcome

CARD = "4000000000000002"
OPERATOR = Actor(kind=ActorKind.OPERATOR, id="olga", call_id="call-7")
BLOCKED = CardBlocked(card_number=CARD, member_id="m1", reason="lost")


def content(told: Told) -> dict[str, Any]:
    said: dict[str, Any] = json.loads(told.document(Entry).content)
    return said


class TestRecord:
    def test_says_what_happened_to_what_by_whom_and_in_which_call(self) -> None:
        told = decide(record, BLOCKED, context=context(actor=OPERATOR, message_id="e-1"))

        said = content(told)
        assert said["what"] == "CardBlocked"
        assert said["worker"] == "cards"
        assert said["actor"] == {"kind": "operator", "id": "olga", "call_id": "call-7"}
        assert said["body"] == {"card_number": CARD, "member_id": "m1", "reason": "lost"}
        assert said["id"] == "e-1"
        assert told.document(Entry).subjects == ("m1", CARD, "call-7")
        assert told.document(Entry).happened_at == NOON

    def test_keeps_nothing_personal(self) -> None:
        registered = MemberRegistered(
            member_id="m1",
            channel=Channel.CALL,
            phone="+4915112345678",
            email="ana@example.org",
            first_name="Ana",
            language="de",
            card_number=CARD,
            home_store=None,
            registered_at=NOON,
        )

        entry = decide(record, registered).document(Entry)

        for personal in ("+4915112345678", "ana@example.org", "Ana"):
            assert personal not in entry.content
        assert entry.subjects == ("m1", CARD)

    def test_begins_a_chain(self) -> None:
        told = decide(record, BLOCKED)

        entry, chain = told.document(Entry), told.document(Chain)
        assert entry.id == f"{chain_of(BLOCKED)}/000000000001"
        assert entry.hash == entry_hash(BEGINNING, entry.id, entry.content)
        assert (chain.id, chain.length, chain.hash) == (chain_of(BLOCKED), 1, entry.hash)

    def test_ties_an_entry_to_the_one_before(self) -> None:
        head = decide(record, BLOCKED).document(Chain)

        told = decide(record, BLOCKED, chain=head)

        assert told.document(Chain).length == 2
        assert told.document(Entry).hash == entry_hash(head.hash, told.document(Entry).id, told.document(Entry).content)


class TestRecordOutcome:
    def test_says_how_a_command_ended_and_why(self) -> None:
        refused = CommandEnded(
            command_id="c-1",
            command="BlockCard",
            subject=CARD,
            outcome=Outcome.REFUSED,
            code="card_not_active",
            details={"state": "to_issue"},
        )

        told = decide(record_outcome, refused, context=context(actor=OPERATOR))

        body = content(told)["body"]
        assert (body["command"], body["outcome"], body["code"]) == ("BlockCard", "refused", "card_not_active")
        assert told.document(Entry).subjects == (CARD, "call-7")

    def test_is_about_what_came_of_the_command_too(self) -> None:
        done = CommandEnded(
            command_id="c-1",
            command="RegisterMember",
            body_digest="5e" * 16,
            subject=CARD,
            outcome=Outcome.DONE,
            events=(Said(type="MemberRegistered", body={"member_id": "m1", "card_number": CARD}),),
        )

        told = decide(record_outcome, done)

        assert told.document(Entry).subjects == (CARD, "m1")
        assert not {"events", "body_digest"} & content(told)["body"].keys()

    def test_is_about_all_that_its_events_list(self) -> None:
        undone = example(RefundUndone)
        said = Said(type="RefundUndone", body=undone.model_dump(mode="json"))
        done = CommandEnded(command_id="c-1", command="UndoRefund", outcome=Outcome.DONE, events=(said,))

        told = decide(record_outcome, done)

        assert undone.coupon_codes
        assert {*undone.coupon_codes, *undone.reward_ids} <= set(told.document(Entry).subjects)

    @pytest.mark.parametrize("name", COMMANDS)
    def test_is_about_all_that_a_refused_command_named(self, name: str) -> None:
        command = example(COMMANDS[name])
        arrival = Arrival(FakeRecord("t", b"", []), 0, type=name, journal_id="c-1", body=command, is_command=True)
        owner = import_module(f"workers.{command.worker}").worker
        answer = Scribe(owner, Settings()).refused(arrival, Refused("no"), NOON).result
        assert answer is not None

        entry = decide(record_outcome, read_body(CommandEnded, answer.value)).document(Entry)

        fields = command.model_dump(exclude=set(command.personal))
        ids = [fields[field] for field in SUBJECTS if fields.get(field) is not None]
        assert {*ids, *(each for field in LISTS for each in fields.get(field, ()))} <= set(entry.subjects)
        assert len(set(entry.subjects)) == len(entry.subjects)

    def test_says_nothing_of_a_look_that_was_recorded(self) -> None:
        done = CommandEnded(command_id="c-1", command="RecordLook", subject="m1", outcome=Outcome.DONE)

        assert decide(record_outcome, done).documents == []


class TestSubjects:
    def test_are_all_that_a_message_lists(self) -> None:
        undone = example(RefundUndone).model_copy(update={"reward_ids": ("r" * 32, "s" * 32), "coupon_codes": ()})
        assert subjects_of(undone)[-3:] == ("r" * 32, "s" * 32, *undone.reward_codes)


class TestRecordLook:
    def test_says_who_looked_at_what(self) -> None:
        told = decide(record_look, RecordLook(subject="m1", what="profile"), context=context(actor=OPERATOR))

        assert told.document(Entry).subjects == ("m1", "call-7")
        said: dict[str, Any] = {"subject": "m1", "what": "profile", "also": [], "by": [], "hits": None}
        said |= {"code": None, "scope": None}
        assert content(told)["body"] == said

    def test_of_a_search_is_filed_under_everybody_who_was_shown(self) -> None:
        look = RecordLook(subject="m1", what="search", also=("m2", "m3"), by=("name",), hits=3)

        told = decide(record_look, look, context=context(actor=OPERATOR))

        assert told.document(Entry).subjects == ("m1", "m2", "m3", "call-7")
        assert content(told)["body"]["by"] == ["name"]


class TestListening:
    def test_hears_every_event_of_every_other_worker_and_every_outcome(self) -> None:
        others = {name for name, event in EVENTS.items() if event.worker != "audit"}

        assert worker.handlers.keys() == others | {"CommandEnded", "RecordLook"}

    def test_a_handler_finds_its_chain_by_the_key(self) -> None:
        (need,) = worker.handlers["CardBlocked"].needs

        assert need.slots(BLOCKED, {}) == ((Chain, chain_of_key(CARD)),)

    @given(st.text(max_size=60), st.sampled_from([1, 2, 3, 4, 6, 8, 12, 16, 24, 48]))
    def test_one_chain_is_fed_by_one_partition(self, key: str, partitions: int) -> None:
        partition = DefaultPartitioner()(key.encode(), list(range(partitions)), None)

        assert int(chain_of_key(key)) % partitions == partition
        assert CHAINS % partitions == 0

    def test_a_command_is_not_recorded_before_it_ended(self) -> None:
        with pytest.raises(KeyError):
            worker.handlers[BlockCard.__name__]
