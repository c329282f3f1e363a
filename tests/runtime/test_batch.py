"""What a batch comes to: one outcome per message, effects at most once, and neighbours that go on."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from contracts.messages import Outcome
from contracts.topics import commands_topic
from runtime.settings import Settings
from runtime.store import Outgoing
from tests.runtime.counting import (
    Alarm,
    BellBroken,
    BellRung,
    BellStolen,
    Chatter,
    Count,
    Echo,
    Explode,
    Name,
    Protest,
    SetAlarm,
    Transfer,
)
from tests.runtime.machine import (
    Bench,
    answers,
    events,
    fresh_id,
    letters,
    message,
    outcomes,
    reasons,
    replaced,
    texts,
    whole,
    without,
)

DONE = ("done", None)


class TestOutcome:
    async def test_of_a_command_is_journaled_with_what_it_says(self, settings: Settings) -> None:
        async with Bench(settings) as bench:
            settled = await bench.settle(("c1", Count(counter="a")), ("c2", Count(counter="a", by=4)))
            assert [each.place and each.place.part for each in settled] == [0, 1]
            assert outcomes(settled) == [DONE, DONE]
            assert await bench.total("a") == 5

            record = (await bench.store.finished(["c1"]))["c1"]
            assert record.outcome is Outcome.DONE
            assert not record.is_dispatched
            assert (*record.messages, record.result) == settled[0].outgoing

    async def test_events_say_cause_root_hops_and_version(self, settings: Settings) -> None:
        async with Bench(settings) as bench:
            settled = await bench.settle(("c1", Count(counter="a")), ("c2", Count(counter="a")))
            first, second = (texts(each.headers) for each in events(settled))
            assert (first["ce_id"], first["ce_causationid"], first["ce_correlationid"]) == ("c1/cards-1", "c1", "c1")
            assert (first["ce_subject"], first["ce_hops"], first["ce_actorid"]) == ("a", "1", "till-1")
            assert first["traceparent"].startswith("00-0af7651916cd43dd")
            assert [each["ce_sequence"] for each in (first, second)] == ["1", "2"]
            assert events(settled)[0].key == b"a"

    async def test_commands_that_follow_go_to_their_workers_topic(self, settings: Settings) -> None:
        async with Bench(settings) as bench:
            [settled] = await bench.settle(("c1", Echo(counter="a")))
            follower = settled.outgoing[0]
            assert follower.topic == commands_topic(settings.prefix, "cards")
            assert texts(follower.headers)["ce_id"] == "c1/cards-1"

    async def test_answers_leave_out_what_is_personal(self, settings: Settings) -> None:
        async with Bench(settings) as bench:
            settled = await bench.settle(("c1", Name(counter="a", first_name="Ana")))
            assert b"Ana" in (events(settled)[0].value or b"")
            assert answers(settled)[0].events[0].body == {"counter": "a"}

    async def test_of_a_later_message_sees_what_earlier_ones_in_the_batch_did(self, settings: Settings) -> None:
        async with Bench(settings) as bench:
            settled = await bench.settle(
                ("c1", Transfer(counter="a", to="b", amount=3)),
                ("c2", Count(counter="a", by=3)),
                ("c3", Transfer(counter="a", to="b", amount=2)),
                ("c4", Transfer(counter="a", to="b", amount=2)),
            )
            assert outcomes(settled) == [("refused", "unknown_counter"), DONE, DONE, ("refused", "total_too_low")]
            assert (await bench.total("a"), await bench.total("b")) == (1, 2)


class TestDuplicate:
    async def test_in_one_batch_counts_once(self, settings: Settings) -> None:
        async with Bench(settings) as bench:
            settled = await bench.settle(*[("c1", Count(counter="a"))] * 3)
            assert outcomes(settled) == [DONE]
            assert await bench.total("a") == 1

    async def test_across_batches_is_answered_with_the_same_bytes(self, settings: Settings) -> None:
        async with Bench(settings) as bench:
            [first] = await bench.settle(("c1", Count(counter="a")))
            [again] = await bench.settle(("c1", Count(counter="a")))
            assert again.outgoing == first.outgoing  # not dispatched: the events once more as well
            assert again.place is not None
            assert await bench.total("a") == 1

    async def test_of_what_was_dispatched_is_answered_but_its_events_are_not_said_again(
        self, settings: Settings
    ) -> None:
        async with Bench(settings) as bench:
            [first] = await bench.settle(("c1", Count(counter="a")))
            await bench.dispatched(first)
            [again] = await bench.settle(("c1", Count(counter="a")))
            assert again.outgoing == first.outgoing[-1:]
            assert outcomes([again]) == [DONE]
            assert again.place is None

    async def test_among_new_ones_is_not_handled_with_them(self, settings: Settings) -> None:
        async with Bench(settings) as bench:
            await bench.settle(("c1", Count(counter="a")))
            settled = await bench.settle(
                ("c0", Count(counter="a")), ("c1", Count(counter="a")), ("c2", Count(counter="a"))
            )
            assert outcomes(settled) == [DONE] * 3
            assert await bench.total("a") == 3

    async def test_of_a_refused_command_stays_refused_when_it_would_pass_by_now(self, settings: Settings) -> None:
        async with Bench(settings) as bench:
            move = Transfer(counter="a", to="b", amount=1)
            [first] = await bench.settle(("c1", move))
            await bench.settle(("c2", Count(counter="a")))
            [again] = await bench.settle(("c1", move))
            assert again.outgoing == first.outgoing
            assert await bench.total("a") == 1

    async def test_of_another_workers_event_has_its_effect_once(self, settings: Settings) -> None:
        async with Bench(settings) as bench:
            for _ in range(2):
                await bench.settle(*[("e1", BellRung(counter="a"))] * 2)
            assert await bench.total("a") == 1


class TestIdReuse:
    async def test_in_one_batch_is_a_dead_letter_and_never_executed(self, settings: Settings) -> None:
        async with Bench(settings) as bench:
            settled = await bench.settle(("c1", Count(counter="a")), ("c1", Count(counter="a", by=9)))
            assert outcomes(settled) == [DONE]
            assert reasons(settled) == ["id_reused"]
            assert settled[1].place is None
            assert await bench.total("a") == 1

    @pytest.mark.parametrize("is_dispatched", [False, True])
    async def test_costs_the_first_one_nothing_when_it_comes_again_behind_the_other(
        self, settings: Settings, is_dispatched: bool
    ) -> None:
        async with Bench(settings) as bench:
            done = await bench.settle(("c1", Count(counter="a")))
            if is_dispatched:
                await bench.dispatched(*done)
            other, again = await bench.settle(("c1", Count(counter="a", by=9)), ("c1", Count(counter="a")))
            assert reasons([other]) == ["id_reused"]
            assert again.outgoing == (done[0].outgoing[-1:] if is_dispatched else done[0].outgoing)
            assert await bench.total("a") == 1

    @pytest.mark.parametrize("is_dispatched", [False, True])
    async def test_across_batches_is_a_dead_letter_and_never_executed(
        self, settings: Settings, is_dispatched: bool
    ) -> None:
        async with Bench(settings) as bench:
            first = await bench.settle(("c1", Count(counter="a")))
            if is_dispatched:
                await bench.dispatched(*first)
            settled = await bench.settle(("c1", Explode(counter="a")), ("c2", Count(counter="a")))
            assert outcomes(settled) == [DONE]
            assert [each.command_id for each in answers(settled)] == ["c2"]
            assert reasons(settled) == ["id_reused"]
            assert await bench.total("a") == 2

    async def test_after_a_malformed_one_is_no_second_chance(self, settings: Settings) -> None:
        good = message(settings, "c1", Count(counter="a"))
        bad = Outgoing(good.topic, good.key, b"{", good.headers)
        async with Bench(settings) as bench:
            settled = await bench.settle(bad)
            assert outcomes(settled) == [("failed", "malformed")]
            settled = await bench.settle(good)
            assert (outcomes(settled), reasons(settled)) == ([], ["id_reused"])
            assert await bench.total("a") is None


class TestRefusedAndBug:
    async def test_leave_no_trace_and_neighbours_go_on(self, settings: Settings) -> None:
        async with Bench(settings) as bench:
            settled = await bench.settle(
                ("c1", Count(counter="a")),
                ("c2", Explode(counter="secret-name")),
                ("c3", Count(counter="a", by=-1)),
                ("c4", Explode(counter="a")),
                ("c5", Count(counter="a")),
            )
            failed = ("failed", "bug")
            assert outcomes(settled) == [DONE, failed, ("refused", "not_upwards"), failed, DONE]
            assert answers(settled)[2].details == {"by": -1}
            assert await bench.total("a") == 2
            assert await bench.total("secret-name") is None
            assert reasons(settled) == ["bug", "bug"]
            assert [texts(each.headers)["ce_sequence"] for each in events(settled)] == ["1", "2"]

    async def test_dead_letter_holds_the_original_and_the_place_but_not_the_words(
        self, settings: Settings, capsys: pytest.CaptureFixture[str]
    ) -> None:
        async with Bench(settings) as bench:
            sent = message(settings, "c1", Explode(counter="secret-name"))
            settled = await bench.settle(sent)
            [letter] = letters(settled)
            assert (letter.key, letter.value) == (sent.key, sent.value)
            assert letter.headers[: len(sent.headers)] == sent.headers
            reason = texts(letter.headers)
            assert "RuntimeError in explode" in reason["dead_detail"]
            assert reason["dead_topic"] == sent.topic
            assert "secret-name" not in reason["dead_detail"]
            assert answers(settled)[0].details == {}
            said = capsys.readouterr()
            assert "secret-name" not in said.out + said.err

    async def test_of_a_refusal_that_no_answer_can_hold_is_a_bug(self, settings: Settings) -> None:
        async with Bench(settings) as bench:
            settled = await bench.settle(("c1", Protest(counter="a")), ("c2", Count(counter="b")))
            assert outcomes(settled) == [("failed", "bug"), DONE]

    async def test_of_an_event_is_a_dead_letter_without_an_answer(self, settings: Settings) -> None:
        async with Bench(settings) as bench:
            settled = await bench.settle(("e1", BellStolen(counter="a")), ("e2", BellRung(counter="b")))
            assert (outcomes(settled), reasons(settled)) == ([], ["refused_event"])
            assert (await bench.total("a"), await bench.total("b")) == (None, 1)
            [again] = await bench.settle(("e1", BellStolen(counter="a")))
            assert letters([again]) == letters(settled)

    async def test_of_saying_too_much_is_a_bug(self, settings: Settings) -> None:
        async with Bench(settings) as bench:
            settled = await bench.settle(("c1", Chatter(counter="a", characters=950_000)), ("c2", Count(counter="b")))
            assert outcomes(settled) == [("failed", "bug"), DONE]
            assert await bench.total("a") is None


class TestMalformed:
    async def test_is_buried_with_its_bytes_and_answered_where_an_id_can_be_read(self, settings: Settings) -> None:
        good = message(settings, "c", Count(counter="a"))

        def sent(number: int, value: bytes | None, headers: list[tuple[str, bytes]] | None = None) -> Outgoing:
            kept = replaced(headers or good.headers, "ce_id", f"c{number}".encode())
            return Outgoing(good.topic, good.key, value, kept)

        cases = [
            (sent(1, b'{"counter": "secret'), "malformed", "body: Invalid JSON"),
            (sent(2, None), "malformed", "body: must not be null"),
            (sent(3, b"{}"), "malformed", "counter: Field required"),
            (sent(4, b'{"counter": "a", "by": "secret"}'), "malformed", "by: Input should be a valid integer"),
            (sent(5, good.value, without(good.headers, "ce_time")), "malformed", "time: Field required"),
            (sent(6, good.value, without(good.headers, "ce_specversion")), "malformed", "ce_specversion: must be 1.0"),
            (sent(7, good.value, replaced(good.headers, "ce_type", b"Ring2")), "unknown_type", "ce_type"),
            (sent(8, good.value, without(good.headers, "ce_type")), "unknown_type", "ce_type"),
            (sent(9, good.value, replaced(good.headers, "ce_type", b"BellRung")), "unknown_type", "ce_type"),
            (sent(10, good.value, replaced(good.headers, "ce_time", None)), "malformed", "time: "),
            (sent(11, good.value, replaced(good.headers, "ce_actorkind", b"secret")), "malformed", "ce_actorkind: "),
        ]
        async with Bench(settings) as bench:
            settled = await bench.settle(*(each for each, _, _ in cases), ("c12", Count(counter="a")))
            assert answers(settled)[-1].outcome is Outcome.DONE
            for one, (original, problem, detail) in zip(settled, cases, strict=False):
                [letter] = letters([one])
                reason = texts(letter.headers)
                kept = await whole(bench.store.reader, letter)
                assert kept is not None
                assert (kept.key, kept.value) == (original.key, original.value)
                assert reason["dead_reason"] == problem
                assert detail in reason["dead_detail"]
                assert "secret" not in reason["dead_detail"]
                [answer] = answers([one])
                assert (answer.outcome, answer.code) == (Outcome.FAILED, problem)
                assert answer.command_id == reason["ce_id"]
            assert await bench.total("a") == 1
            again = await bench.settle(*(each for each, _, _ in cases))
            assert [each.outgoing for each in again] == [each.outgoing for each in settled[:-1]]

    async def test_without_an_id_is_buried_only(self, settings: Settings) -> None:
        good = message(settings, "c", Count(counter="a"))
        async with Bench(settings) as bench:
            settled = await bench.settle(
                Outgoing(good.topic, None, None, []),
                Outgoing(good.topic, b"\xff", b"\x00\xff", [("ce_id", b"\xff\xfe")]),
                Outgoing(good.topic, None, good.value, replaced(good.headers, "ce_id", b"no good id")),
            )
            assert reasons(settled) == ["malformed"] * 3
            assert outcomes(settled) == []
            assert all(each.place is None for each in settled)

    async def test_with_an_impossible_timestamp_is_buried_too(self, settings: Settings) -> None:
        good = message(settings, "c1", Count(counter="a"))
        async with Bench(settings) as bench:
            for stamp in (-1, 10**17):
                record = bench.record(Outgoing(good.topic, None, b"{", []))
                settled = await bench.batches.settle([type(record)(**{**vars(record), "timestamp": stamp})])
                assert reasons(settled) == ["malformed"]

    async def test_events_that_nobody_here_listens_to_are_passed_over(self, settings: Settings) -> None:
        newer = message(settings, "e1", BellBroken(counter="a"))
        async with Bench(settings) as bench:
            settled = await bench.settle(newer, Outgoing(newer.topic, None, b"[]", newer.headers))
            assert [each.outgoing for each in settled] == [(), ()]
            assert await bench.store.finished(["e1"]) == {}


class TestTooOld:
    @pytest.mark.parametrize("by", ["time", "id"])
    async def test_is_not_executed_not_answered_and_not_remembered(self, settings: Settings, by: str) -> None:
        now = datetime.now(UTC)
        old = now - timedelta(days=settings.journal_days)
        fresh, stale = fresh_id(), stale_id(old)
        sent = {
            "time": message(settings, fresh, Count(counter="a"), time=old),
            "id": message(settings, stale, Count(counter="a"), time=now),
        }[by]
        async with Bench(settings) as bench:
            settled = await bench.settle(sent, (fresh_id(), Count(counter="b")))
            assert (outcomes(settled), reasons(settled)) == ([DONE], ["too_old"])
            assert await bench.total("a") is None
            assert await bench.store.finished([fresh, stale]) == {}

    async def test_is_not_said_of_what_the_journal_still_remembers(self, settings: Settings) -> None:
        recent = datetime.now(UTC) - timedelta(days=settings.retention_days)
        async with Bench(settings) as bench:
            settled = await bench.settle(message(settings, stale_id(recent), Count(counter="a"), time=recent))
            assert outcomes(settled) == [DONE]


def stale_id(born: datetime) -> str:
    """A UUIDv7 of that instant."""
    milliseconds = int(born.timestamp() * 1_000)
    return str(UUID(int=(milliseconds << 80) | (7 << 76) | (2 << 62) | 12345))


class TestHops:
    async def test_end_a_loop_as_a_dead_letter(self, settings: Settings) -> None:
        async with Bench(settings) as bench:
            [settled] = await bench.settle(("c1", Echo(counter="a")))
            for _ in range(settings.hops_limit):
                [settled] = await bench.settle(settled.outgoing[0])
            assert outcomes([settled]) == [DONE]
            [settled] = await bench.settle(settled.outgoing[0])
            assert outcomes([settled]) == [("failed", "too_many_hops")]
            assert reasons([settled]) == ["too_many_hops"]
            # Whoever listens to outcomes can hear of it: an answer is not one hop too far itself.
            answer = next(each for each in settled.outgoing if each.topic.endswith(".results"))
            assert texts(answer.headers)["ce_hops"] == str(settings.hops_limit)


class TestDocuments:
    async def test_keep_instants_in_milliseconds(self, settings: Settings) -> None:
        at = datetime(2026, 11, 22, 12, 0, 0, 123_000, tzinfo=UTC)
        async with Bench(settings) as bench:
            await bench.settle(("c1", SetAlarm(counter="a", rings_at=at)))
            kept = await bench.store.reader.get(Alarm, "a")
            assert kept is not None
            assert kept.rings_at == at

    async def test_that_only_changed_in_part_are_written_in_part(self, settings: Settings) -> None:
        async with Bench(settings) as bench:
            await bench.settle(("c1", Count(counter="a")))
            await bench.store._database["counters"].update_one({"_id": "a"}, {"$set": {"unheard_of": 1}})
            await bench.settle(("c2", Count(counter="a")))
            raw = await bench.store._database["counters"].find_one({"_id": "a"})
            assert raw is not None
            assert (raw["total"], raw["version"], raw["unheard_of"]) == (2, 2, 1)
