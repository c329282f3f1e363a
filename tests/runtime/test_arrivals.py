"""Arrivals: what decoding finds out about one record, without any server."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from contracts.messages import ActorKind
from contracts.topics import commands_topic
from runtime.arrivals import CLOCK_SKEW, Arrival, Decoder, Problem
from runtime.decisions import Worker
from runtime.settings import Settings
from tests.runtime.counting import BellBroken, BellRung, Count, Counted, worker
from tests.runtime.machine import FakeRecord, message, replaced, without

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
SETTINGS = Settings()


def record(id: str, body: Any, **options: Any) -> FakeRecord:
    sent = message(SETTINGS, id, body, **{"time": NOW, **options})
    return FakeRecord(sent.topic, sent.value, sent.headers, sent.key)


def decode(*records: FakeRecord) -> list[Arrival]:
    return Decoder(worker, SETTINGS, lambda: NOW).decode(list(records))


class TestDecode:
    def test_gives_message_handler_and_envelope(self) -> None:
        [arrival] = decode(record("c1", Count(counter="a", by=2)))
        handler, body, envelope = arrival.parts
        assert body == Count(counter="a", by=2)
        assert handler is worker.handlers["Count"]
        assert (envelope.id, arrival.id, arrival.is_command) == ("c1", "c1", True)
        assert arrival.actor.kind is ActorKind.POS

    def test_takes_fields_that_a_newer_producer_added(self) -> None:
        sent = record("c1", Count(counter="a"))
        [arrival] = decode(replace(sent, value=b'{"counter": "a", "unheard_of": 1}'))
        assert arrival.problem is None
        assert arrival.digest == decode(sent)[0].digest

    def test_tells_bodies_apart_by_content_not_by_form(self) -> None:
        sent = record("c1", Count(counter="a"))
        same, other = replace(sent, value=b'{ "by": 1, "counter": "a" }'), replace(sent, value=b'{"counter": "b"}')
        arrivals = decode(sent, same, other)
        assert [each.is_skipped for each in arrivals] == [False, True, False]
        assert [each.is_late for each in arrivals] == [False, False, True]

    def test_takes_no_command_among_events_and_no_event_among_commands(self) -> None:
        topic = commands_topic(SETTINGS.prefix, "cards")
        event, command = (
            record("e1", BellRung(counter="a"), topic=topic),
            record("c1", Count(counter="a"), topic="else"),
        )
        assert [each.problem for each in decode(event, command)] == [Problem.UNKNOWN_TYPE] * 2

    def test_passes_over_events_that_have_no_handler(self) -> None:
        arrivals = decode(
            record("e1", BellBroken(counter="a")), record("e2", Counted(counter="a", total=1), topic="else")
        )
        assert [each.is_skipped for each in arrivals] == [True, True]

    def test_passes_over_no_event_where_none_is_to_be_missed(self) -> None:
        ears: Worker[None] = Worker("rewards", documents=(), hears_all=True)
        [arrival] = Decoder(ears, SETTINGS, lambda: NOW).decode([record("e1", BellBroken(counter="a"))])
        assert (arrival.is_skipped, arrival.problem, arrival.journal_id) == (False, Problem.UNKNOWN_TYPE, None)

    def test_says_what_is_wrong_of_events_too(self) -> None:
        [arrival] = decode(replace(record("e1", BellRung(counter="a")), value=b"{}"))
        assert (arrival.problem, arrival.detail) == (Problem.MALFORMED, "counter: Field required")
        assert not arrival.is_command

    @pytest.mark.parametrize(
        ("headers", "id"),
        [
            (lambda all_: without(all_, "ce_time"), "c1"),
            (lambda all_: without(all_, "ce_id"), None),
            (lambda all_: replaced(all_, "ce_id", b"two words"), None),
            (lambda all_: replaced(all_, "ce_id", b"x" * 1_001), None),
            (lambda all_: replaced(all_, "ce_id", b"\xc3\x28"), None),
            (lambda all_: replaced(all_, "ce_id", None), None),
            (lambda all_: [], None),
        ],
    )
    def test_reads_the_id_of_what_is_malformed_where_it_can(self, headers: Any, id: str | None) -> None:
        sent = record("c1", Count(counter="a"))
        [arrival] = decode(replace(sent, headers=headers(sent.headers)))
        assert (arrival.problem, arrival.journal_id) == (Problem.MALFORMED, id)

    @pytest.mark.parametrize(("seconds", "problem"), [(-1, Problem.TOO_OLD), (1, None)])
    def test_draws_the_line_where_the_journal_forgets(self, seconds: int, problem: Problem | None) -> None:
        line = NOW - timedelta(days=SETTINGS.journal_days) + CLOCK_SKEW + timedelta(seconds=seconds)
        [arrival] = decode(record("c1", Count(counter="a"), time=line))
        assert arrival.problem is problem
        assert (arrival.journal_id is None) is (problem is not None)

    def test_lets_a_loop_come_to_its_end(self) -> None:
        first, last = (record(f"c{each}", Count(counter="a"), hops=each) for each in (16, 17))
        assert [each.problem for each in decode(first, last)] == [None, Problem.TOO_MANY_HOPS]
