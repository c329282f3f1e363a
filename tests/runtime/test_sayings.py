"""Sayings: answers and dead letters, the same bytes each time that they are made."""

from datetime import UTC, datetime
from typing import Any

import pytest

from contracts.messages import CommandEnded, Outcome, read_body, read_envelope
from runtime.arrivals import Arrival, Decoder, Problem
from runtime.decisions import Decision, Refused
from runtime.documents import View
from runtime.letters import DEAD_CUT, opened_letter
from runtime.persons import DEAD_LETTERS, new_key, with_key
from runtime.sayings import LARGEST_DEAD_BYTES, Scribe
from runtime.settings import Settings
from tests.runtime.counting import BellStolen, Count, worker
from tests.runtime.machine import FakeRecord, message, texts

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
SETTINGS = Settings()


def arrived(id: str, body: Any, *extra: tuple[str, bytes]) -> Arrival:
    sent = message(SETTINGS, id, body, time=NOW)
    record = FakeRecord(sent.topic, sent.value, [*sent.headers, *extra], sent.key, partition=2, offset=17)
    return Decoder(worker, SETTINGS, lambda: NOW).decode([record])[0]


class TestDone:
    def test_asks_its_own_worker_where_the_cause_came_from(self) -> None:
        decision = Decision()
        decision.messages.append(Count(counter="b"))
        record = Scribe(worker, SETTINGS).done(arrived("c1", Count(counter="a")), decision, View(), NOW)
        [asked] = record.messages
        assert (asked.topic, asked.key) == ("punchcard.cards.commands", b"a")


class TestRefused:
    def test_answers_a_command_under_its_own_key_and_root(self) -> None:
        record = Scribe(worker, SETTINGS).refused(arrived("c1", Count(counter="a")), Refused("no", held=1), NOW)
        assert record.outcome is Outcome.REFUSED
        assert record.messages == ()
        assert record.result is not None
        assert (record.result.topic, record.result.key) == ("punchcard.results", b"a")
        attributes = texts(record.result.headers)
        assert (attributes["ce_id"], attributes["ce_causationid"]) == ("c1/result", "c1")
        ended = read_body(CommandEnded, record.result.value)
        assert (ended.code, ended.details, ended.subject) == ("no", {"held": 1}, "a")
        assert ended.body_digest == Count(counter="a").digest().hex()

    def test_buries_an_event(self) -> None:
        record = Scribe(worker, SETTINGS).refused(arrived("e1", BellStolen(counter="a")), Refused("no"), NOW)
        assert record.result is None
        assert texts(record.messages[0].headers)["dead_detail"] == "no"

    def test_rejects_details_that_no_answer_can_hold(self) -> None:
        with pytest.raises(ValueError, match=r"."):
            Scribe(worker, SETTINGS).refused(arrived("c1", Count(counter="a")), Refused("no", thing=object()), NOW)


class TestFailed:
    @pytest.mark.parametrize("length", [200, 201, 393, 394, 400])
    def test_is_answered_under_an_id_that_can_be_read(self, length: int) -> None:
        arrivals = [arrived(first * length, Count(counter="a")) for first in "xy"]
        for each in arrivals:
            each.fail(Problem.MALFORMED, "ce_id: must have at most 200 characters")
        answers = [Scribe(worker, SETTINGS).failed(each, NOW).result for each in arrivals]

        envelopes = [read_envelope(answer.headers) for answer in answers if answer is not None]
        assert [each.subject for each in envelopes] == ["x" * length, "y" * length]
        assert len({each.id for each in envelopes}) == 2

    def test_of_what_cannot_be_read_says_no_digest(self) -> None:
        arrival = arrived("c1", Count(counter="a"))
        arrival.record = FakeRecord(arrival.record.topic, b"{", list(arrival.record.headers), arrival.record.key)
        (spoilt,) = Decoder(worker, SETTINGS, lambda: NOW).decode([arrival.record])
        record = Scribe(worker, SETTINGS).failed(spoilt, NOW)
        assert record.result is not None
        assert (record.outcome, read_body(CommandEnded, record.result.value).body_digest) == (Outcome.FAILED, None)


class TestDeadLetter:
    def test_is_cut_where_no_broker_would_take_it(self) -> None:
        arrival = arrived("c1", Count(counter="a"), ("own", b"\xff"))
        arrival.record = FakeRecord("t", b"x" * 3_000_000, list(arrival.record.headers), b"k", partition=2, offset=17)
        arrival.fail(Problem.MALFORMED, "body: Invalid JSON")
        [letter] = Scribe(worker, SETTINGS).dead_letter(arrival)
        assert len(letter.value or b"") < 1_000_000
        reason = texts(letter.headers)
        assert int(reason["dead_cut_from_bytes"]) > 3_000_000
        assert (reason["ce_id"], reason["dead_offset"]) == ("c1", "17")

    def test_tells_place_and_reason_and_keeps_the_rest(self) -> None:
        arrival = arrived("c1", Count(counter="a"), ("own", b"\xff"))
        arrival.fail(Problem.BUG, "x" * 900)
        [letter] = Scribe(worker, SETTINGS).dead_letter(arrival)
        assert letter.topic == "punchcard.cards.dead"
        assert (letter.key, letter.value) == (arrival.record.key, arrival.record.value)
        assert ("own", b"\xff") in letter.headers
        reason = texts(letter.headers)
        assert (reason["dead_partition"], reason["dead_offset"]) == ("2", "17")
        assert len(reason["dead_detail"]) == 500
        assert letter == Scribe(worker, SETTINGS).dead_letter(arrival)[0]

    def test_that_is_shut_is_taken_by_a_broker_however_many_headers_are_shut_with_it(self) -> None:
        key = new_key(DEAD_LETTERS).key
        for size in range(400_000, 800_000, 40_000):
            arrival = arrived("c1", Count(counter="a"))
            headers = [*arrival.record.headers, *((f"h{number}", b"") for number in range(70_000))]
            arrival.record = FakeRecord("t", b"x" * size, headers, b"k", partition=2, offset=17)
            arrival.handler = None
            arrival.fail(Problem.UNKNOWN_TYPE, "is no message that this topic takes")
            [letter] = with_key(Scribe(worker, SETTINGS).dead_letter(arrival), {DEAD_LETTERS: key})
            said = sum(len(name) + len(text or b"") for name, text in letter.headers)
            assert len(letter.value or b"") + said <= LARGEST_DEAD_BYTES
            kept = opened_letter(key, letter)
            assert kept is not None
            assert kept.key == b"k"
            if DEAD_CUT not in texts(letter.headers):
                assert (kept.value, kept.headers[: len(headers)]) == (arrival.record.value, headers)

    def test_of_a_dead_letter_that_was_sent_back_has_one_reason(self) -> None:
        arrival = arrived("c1", Count(counter="a"), ("dead_reason", b"old"), ("dead_offset", b"1"))
        arrival.fail(Problem.BUG, "new")
        [letter] = Scribe(worker, SETTINGS).dead_letter(arrival)
        assert [value for name, value in letter.headers if name == "dead_reason"] == [b"bug"]
