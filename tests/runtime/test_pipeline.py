"""The pipeline: order kept, partitions given up in time, dead letters that stop it, servers that go away."""

import asyncio
import time
from collections.abc import Sequence
from typing import Any

import pytest

from contracts.messages import Outcome
from runtime.arrivals import Record
from runtime.batch import Prepared, Settled
from runtime.journal import Outgoing
from runtime.mongo import Away
from runtime.pipeline import Pipeline
from runtime.publishing import Place, Unsent
from runtime.settings import Settings
from runtime.telemetry import Telemetry
from runtime.wire import Unowned
from tests.runtime import faults
from tests.runtime.counting import Count, Explode
from tests.runtime.machine import FakeRecord, Machine, fresh_id, texts, until


class Stand:
    """A pipeline between stand-ins that note what is asked of them; a batch settles when it is let go."""

    def __init__(self, **changes: Any) -> None:
        self.settings = Settings(batch_records=4, **changes)
        self.telemetry = Telemetry("cards")
        self.room = self.settings.batch_records
        self.batches: list[list[int]] = []
        self.said: list[str] = []
        self.commits: list[dict[Place, int]] = []
        self.is_paused = False
        self.go = asyncio.Event()
        self.go.set()
        self.refuses_commits = False
        self.pipeline = Pipeline(self, self, self, self.settings, self.telemetry)  # type: ignore[arg-type]  # stand-ins
        self.pipeline.consumer = self  # type: ignore[assignment]  # a stand-in

    async def prepare(self, records: Sequence[Record]) -> Prepared:
        self.batches.append([each.offset for each in records])
        return Prepared([Settled(each) for each in records], [], [], None)

    async def finish(self, prepared: Prepared) -> list[Settled]:
        await self.go.wait()
        self.said.append("settled")
        return prepared.settled

    async def publish(self, outgoing: Sequence[Any]) -> None:
        self.said.append("published")

    async def mark_dispatched(self, places: Sequence[Any]) -> None:
        self.said.append("marked")

    async def commit(self, offsets: dict[Place, int]) -> None:
        if self.refuses_commits:
            raise Unowned("gone")
        self.said.append("committed")
        self.commits.append(dict(offsets))

    def pause(self, by: object) -> None:
        self.is_paused = True

    def resume(self, by: object) -> None:
        self.is_paused = False


def records(*offsets: int, partition: int = 0) -> list[Any]:
    return [FakeRecord("t", b"", (), partition=partition, offset=each) for each in offsets]


class TestTake:
    async def test_makes_batches_no_larger_than_their_settling_has_room_for(self) -> None:
        stand = Stand()
        stand.room = 2
        running = asyncio.create_task(stand.pipeline.run())
        await stand.pipeline.take(records(1, 2, 3, 4))
        await until(lambda: len(stand.batches) == 2, "two batches")
        await stand.pipeline.stop()
        await running
        assert stand.batches == [[1, 2], [3, 4]]

    async def test_makes_the_next_batch_of_what_came_meanwhile(self) -> None:
        stand = Stand()
        stand.go.clear()
        running = asyncio.create_task(stand.pipeline.run())
        await stand.pipeline.take(records(0))
        await until(lambda: len(stand.batches) == 1, "begun")
        for offset in (1, 2):
            await stand.pipeline.take(records(offset))
        stand.go.set()
        await until(lambda: stand.commits[-1:] == [{("t", 0): 3}], "committed")
        assert stand.batches == [[0], [1, 2]]
        await stand.pipeline.stop()
        await running

    async def test_begins_a_full_batch_ahead_of_time_but_one_only(self) -> None:
        stand = Stand()
        stand.go.clear()
        running = asyncio.create_task(stand.pipeline.run())
        await stand.pipeline.take(records(0))
        await until(lambda: stand.batches == [[0]], "begun")
        await stand.pipeline.take(records(1, 2, 3))
        await asyncio.sleep(0.01)
        assert stand.batches == [[0]]
        await asyncio.wait_for(stand.pipeline.take(records(*range(4, 10))), 5)
        assert stand.batches == [[0], [1, 2, 3, 4]]
        stand.go.set()
        await until(lambda: stand.commits[-1:] == [{("t", 0): 10}], "committed")
        assert stand.batches == [[0], [1, 2, 3, 4], [5, 6, 7, 8], [9]]
        await stand.pipeline.stop()
        await running

    async def test_pauses_without_room_and_resumes_with_it(self) -> None:
        stand = Stand()
        stand.go.clear()
        running = asyncio.create_task(stand.pipeline.run())
        await stand.pipeline.take(records(0))
        await until(lambda: stand.batches == [[0]], "begun")
        await asyncio.wait_for(stand.pipeline.take(records(*range(1, 9))), 5)
        assert stand.is_paused
        stand.go.set()
        await until(lambda: not stand.is_paused and stand.commits[-1:] == [{("t", 0): 9}], "resumed")
        await stand.pipeline.stop()
        await running

    @pytest.mark.parametrize("turns", range(6))
    async def test_does_not_pause_for_good_when_room_comes_as_patience_ends(
        self, turns: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("runtime.pipeline.PATIENCE_SECONDS", 0.05)
        stand = Stand()
        stand.go.clear()
        running = asyncio.create_task(stand.pipeline.run())
        await stand.pipeline.take(records(0))
        await until(lambda: stand.batches == [[0]], "begun")
        taking = asyncio.create_task(stand.pipeline.take(records(*range(1, 9))))
        await asyncio.sleep(0.03)
        time.sleep(0.03)  # noqa: ASYNC251  # the loop comes too late to the end of patience: both happen in one turn
        for _ in range(turns):
            await asyncio.sleep(0)
        stand.go.set()
        await until(lambda: stand.commits[-1:] == [{("t", 0): 9}], "committed")
        await taking
        assert not stand.is_paused
        await stand.pipeline.stop()
        await running

    async def test_resumes_when_what_waits_is_another_processs_by_now(self) -> None:
        stand = Stand(rebalance_timeout_ms=1_000)
        stand.go.clear()
        running = asyncio.create_task(stand.pipeline.run())
        await stand.pipeline.take(records(0))
        await until(lambda: stand.batches == [[0]], "begun")
        await asyncio.wait_for(stand.pipeline.take(records(*range(1, 9))), 5)
        assert stand.is_paused
        await stand.pipeline.revoked([("t", 0)])
        stand.go.set()
        await until(lambda: not stand.is_paused, "resumed", 3)
        await stand.pipeline.stop()
        await running


class TestRevoked:
    async def test_waits_for_the_batch_in_hand_and_commits_it(self) -> None:
        stand = Stand()
        stand.go.clear()
        running = asyncio.create_task(stand.pipeline.run())
        await stand.pipeline.take(records(0))
        await until(lambda: stand.batches == [[0]], "begun")
        await stand.pipeline.take(records(1))
        asyncio.get_running_loop().call_later(0.2, stand.go.set)
        await stand.pipeline.revoked([("t", 0)])
        assert stand.commits == [{("t", 0): 1}]
        assert stand.batches == [[0]]
        await stand.pipeline.stop()
        await running

    async def test_leaves_a_batch_that_takes_too_long_to_the_next_owner(self) -> None:
        stand = Stand(rebalance_timeout_ms=1_000)
        stand.go.clear()
        running = asyncio.create_task(stand.pipeline.run())
        await stand.pipeline.take([*records(0), *records(7, partition=1)])
        await until(lambda: len(stand.batches) == 1, "begun")
        await stand.pipeline.revoked([("t", 0)])
        stand.go.set()
        await until(lambda: bool(stand.commits), "committed")
        assert stand.commits == [{("t", 1): 8}]

        await stand.pipeline.take(records(0))
        await until(lambda: stand.commits[1:] == [{("t", 0): 1}], "committed under the new holding")
        await stand.pipeline.stop()
        await running

    async def test_is_no_error_where_only_the_broker_knows_it(self) -> None:
        stand = Stand()
        stand.refuses_commits = True
        running = asyncio.create_task(stand.pipeline.run())
        await stand.pipeline.take(records(0))
        await until(lambda: stand.pipeline.is_hungry, "finished")
        stand.refuses_commits = False
        await stand.pipeline.take(records(1))
        await until(lambda: stand.commits == [{("t", 0): 2}], "committed")
        await stand.pipeline.stop()
        await running


class TestOrder:
    async def test_is_settle_publish_mark_commit(self) -> None:
        stand = Stand()
        inner = stand.finish

        async def finish(each: Prepared) -> list[Settled]:
            settled = await inner(each)
            settled[0].outgoing = (Outgoing("t.results", None, b"", []),)
            return settled

        stand.finish = finish  # type: ignore[method-assign,assignment]  # the same, with something to say
        running = asyncio.create_task(stand.pipeline.run())
        await stand.pipeline.take(records(0))
        await until(lambda: bool(stand.commits), "committed")
        assert stand.said == ["settled", "published", "marked", "committed"]
        await stand.pipeline.stop()
        await running

    async def test_keeps_offsets_back_while_kafka_or_mongodb_refuses(self) -> None:
        stand = Stand()
        refusals: list[Exception] = [Unsent("no"), Unsent("no"), Away("no")]

        async def publish(_: Sequence[Any]) -> None:
            if len(refusals) > 1:
                raise refusals.pop(0)

        async def mark(_: Sequence[Any]) -> None:
            if refusals:
                assert stand.commits == []
                raise refusals.pop()

        inner = stand.finish

        async def finish(each: Prepared) -> list[Settled]:
            settled = await inner(each)
            settled[0].outgoing = (Outgoing("t.results", None, b"", []),)
            return settled

        stand.finish, stand.publish, stand.mark_dispatched = finish, publish, mark  # type: ignore[method-assign,assignment]  # faults
        running = asyncio.create_task(stand.pipeline.run())
        await stand.pipeline.take(records(0))
        await until(lambda: bool(stand.commits), "committed")
        assert refusals == []
        await stand.pipeline.stop()
        await running


class TestStop:
    async def test_finishes_what_is_in_hand_and_leaves_what_waits(self) -> None:
        stand = Stand()
        stand.go.clear()
        running = asyncio.create_task(stand.pipeline.run())
        await stand.pipeline.take(records(0))
        await until(lambda: stand.batches == [[0]], "begun")
        await stand.pipeline.take(records(1))
        await stand.pipeline.stop()
        await asyncio.sleep(0.05)
        assert not running.done()
        stand.go.set()
        await asyncio.wait_for(running, 5)
        assert stand.commits == [{("t", 0): 1}]


class TestDeadLetters:
    async def test_of_which_there_are_too_many_stop_the_worker(self, settings: Settings) -> None:
        few = settings.model_copy(update={"dead_letter_limit": 5, "batch_records": 5})
        async with Machine(few) as machine:
            await machine.send(*((fresh_id(), Explode(counter="a")) for _ in range(40)))
            process = machine.process()
            task = asyncio.create_task(process.run())
            await until(lambda: process.obstacles == ["too many dead letters"], "stopped itself")
            await asyncio.sleep(0.3)
            buried = len((await machine.heard()).on(".dead"))
            assert 5 <= buried <= 20  # and no more: the topic is not emptied into the dead letters
            process.stop()
            await asyncio.wait_for(task, 20)
            committed, ends = await machine.offsets()
            assert committed != ends

    async def test_that_are_few_among_many_stop_nothing(self, settings: Settings) -> None:
        few = settings.model_copy(update={"dead_letter_limit": 3})
        async with Machine(few) as machine:
            pairs = [
                (fresh_id(), Explode(counter="a") if number % 5 == 0 else Count(counter="a")) for number in range(40)
            ]
            await machine.send(*pairs)
            async with machine.running(machine.process()) as process:
                await machine.quiet()
                assert process.obstacles == []
            await machine.check()

    async def test_of_commands_whose_ids_others_used_stop_nothing(self, settings: Settings) -> None:
        async with Machine(settings.model_copy(update={"dead_letter_limit": 5})) as machine:
            ids = [fresh_id() for _ in range(20)]
            async with machine.running(machine.process()) as process:
                for by in range(1, 5):
                    await machine.send(*((each, Count(counter="a", by=by)) for each in ids))
                    await machine.quiet()
                assert (len((await machine.heard()).on(".dead")), process.obstacles) == (60, [])


class TestSlots:
    async def test_share_the_work_when_a_second_joins_in_the_middle(self, settings: Settings) -> None:
        async with Machine(settings) as machine, machine.running(machine.process()) as first:
            pairs = [(fresh_id(), Count(counter=f"k{number % 7}")) for number in range(400)]
            await machine.send(*pairs[:200])
            second = machine.process(slot=1)
            async with machine.running(second):
                for start in range(200, 400, 20):
                    await machine.send(*pairs[start : start + 20], *pairs[:3])
                    await asyncio.sleep(0.02)
                await until(lambda: bool(second.consumer.held()) and bool(first.consumer.held()), "shared")
                assert not first.consumer.held() & second.consumer.held()
                await machine.quiet()
                await machine.check()

    async def test_that_lose_their_partitions_in_the_middle_of_a_batch_do_nothing_twice(
        self, settings: Settings
    ) -> None:
        short = settings.model_copy(update={"rebalance_timeout_ms": 2_000, "session_timeout_ms": 6_000})
        async with Machine(short) as machine:
            first = machine.process()
            slow = asyncio.Event()
            inner = first.publisher.publish

            async def publish(outgoing: Sequence[Any]) -> None:
                if any(each.topic.endswith(".results") for each in outgoing):
                    await slow.wait()
                await inner(outgoing)

            first.publisher.publish = publish  # type: ignore[method-assign]  # a broker that takes its time
            async with machine.running(first):
                await machine.send(*((fresh_id(), Count(counter=f"k{number % 7}")) for number in range(60)))
                await until(lambda: not first.lanes.is_hungry, "in hand")
                second = machine.process(slot=1)
                async with machine.running(second):
                    await until(lambda: bool(second.consumer.held()), "shared")
                    slow.set()
                    await machine.quiet()
                    await machine.check()


class TestPublishing:
    async def test_of_what_a_broker_refuses_is_repeated_in_order(self, settings: Settings) -> None:
        async with Machine(settings) as machine:
            process = machine.process()
            refusals = [4]

            def refuses(topic: str, partition: int) -> bool:
                if refusals[0] and topic.endswith(".events"):
                    refusals[0] -= 1
                    return True
                return False

            faults.balk(process.publisher, refuses)
            await machine.send(*((fresh_id(), Count(counter=f"k{number % 4}")) for number in range(40)))
            async with machine.running(process):
                await machine.quiet()
            heard = await machine.check()
            assert refusals == [0]
            seen: dict[str, int] = {}
            for each in heard.on(".events"):
                attributes = texts(each.headers)
                version, last = int(attributes["ce_sequence"]), seen.get(attributes["ce_subject"], 0)
                assert version <= last + 1  # a copy of what came before, or the next: nothing is passed over
                seen[attributes["ce_subject"]] = max(version, last)

    async def test_that_fails_says_so_and_is_ready_again_afterwards(self, settings: Settings) -> None:
        async with Machine(settings) as machine:
            process = machine.process()
            is_refusing = True
            faults.balk(process.publisher, lambda topic, _: is_refusing and topic.endswith(".results"))
            await machine.send(("c1", Count(counter="a")))
            async with machine.running(process):
                await until(lambda: process.obstacles == ["Kafka is away"], "noticed")
                committed, _ = await machine.offsets()
                assert not any(committed.values())
                is_refusing = False
                await machine.quiet()
                assert process.obstacles == []
            heard = await machine.check()
            assert heard.answers()["c1"].outcome is Outcome.DONE


@pytest.mark.parametrize("count", [1, 3])
async def test_an_id_that_comes_often_is_answered_with_one_answer(settings: Settings, count: int) -> None:
    async with Machine(settings) as machine, machine.running(machine.process()):
        for _ in range(count):
            await machine.send(*[("c1", Count(counter="a"))] * 3)
            await machine.quiet()
        await machine.check()
