"""The edge: commands go out together, answers come in over the results topic, or don't in time."""

import asyncio
from time import monotonic

import pytest
from aiokafka.errors import KafkaConnectionError

from contracts.messages import Outcome
from runtime.edge import DEAF_AFTER, Away, Edge
from runtime.journal import Outgoing
from runtime.publishing import Unsent
from runtime.settings import Settings
from tests.runtime.counting import Count, Explode, Transfer
from tests.runtime.machine import TILL, Machine, fresh_id, until


class TestAsk:
    async def test_brings_the_one_outcome_of_each(self, settings: Settings) -> None:
        async with Machine(settings) as machine, machine.running(machine.process()), Edge(settings, "door") as edge:
            await until(lambda: edge.ready, "ready")
            done, refused, failed = await asyncio.gather(
                edge.ask(Count(counter="a"), id="c1", actor=TILL, wait_seconds=20),
                edge.ask(Transfer(counter="x", to="y", amount=1), id="c2", actor=TILL, wait_seconds=20),
                edge.ask(Explode(counter="b"), id="c3", actor=TILL, wait_seconds=20),
            )
            assert done is not None
            assert refused is not None
            assert failed is not None
            assert (done.outcome, [each.body for each in done.events]) == (
                Outcome.DONE,
                [{"counter": "a", "total": 1}],
            )
            assert (refused.outcome, refused.code) == (Outcome.REFUSED, "unknown_counter")
            assert (failed.outcome, failed.code) == (Outcome.FAILED, "bug")
            assert edge.waiting == 0

            again = await edge.ask(Count(counter="a"), id="c1", actor=TILL, wait_seconds=20)
            assert again == done

    async def test_of_the_same_id_twice_at_once_wakes_both(self, settings: Settings) -> None:
        async with Machine(settings) as machine, machine.running(machine.process()), Edge(settings, "door") as edge:
            await until(lambda: edge.ready, "ready")
            both = await asyncio.gather(
                *(edge.ask(Count(counter="a"), id="c1", actor=TILL, wait_seconds=20) for _ in range(2))
            )
            assert both[0] == both[1]
            assert both[0] is not None

    async def test_is_none_when_nobody_answers_in_time(self, settings: Settings) -> None:
        async with Edge(settings, "door") as edge:
            assert await edge.ask(Count(counter="a"), id="c1", actor=TILL, wait_seconds=0.2) is None
            assert edge.waiting == 0

    async def test_passes_over_what_is_no_answer(self, settings: Settings) -> None:
        async with Machine(settings) as machine, Edge(settings, "door") as edge:
            await until(lambda: edge.ready, "ready")
            asking = asyncio.create_task(edge.ask(Count(counter="a"), id="c1", actor=TILL, wait_seconds=20))
            topic = f"{settings.prefix}.results"
            await machine.put(Outgoing(topic, b"k", None, []), Outgoing(topic, None, b"{", [("ce_subject", b"c2")]))
            async with machine.running(machine.process()):
                assert await asking is not None


class TestSubmit:
    async def test_assembles_what_comes_at_once(self, settings: Settings) -> None:
        async with Machine(settings) as machine, Edge(settings, "door") as edge:
            requests: list[int] = []
            inner = edge._publisher.publish

            async def publish(outgoing: list[Outgoing]) -> None:
                requests.append(len(outgoing))
                await inner(outgoing)

            edge._publisher.publish = publish  # type: ignore[method-assign,assignment]  # it counts
            ids = [fresh_id() for _ in range(700)]
            await asyncio.gather(*(edge.submit(Count(counter="a"), id=each, actor=TILL) for each in ids))
            assert sum(requests) == 700
            assert len(requests) <= 4
            assert len((await machine.heard()).on(".commands")) == 700

    async def test_says_that_kafka_is_away_and_comes_back(self, settings: Settings) -> None:
        async with Machine(settings), Edge(settings, "door") as edge:
            await until(lambda: edge.ready, "ready")
            inner = edge._publisher.publish

            async def refuse(_: object) -> None:
                raise Unsent("no")

            edge._publisher.publish = refuse  # type: ignore[method-assign,assignment]  # that is the fault
            with pytest.raises(Away):
                await edge.submit(Count(counter="a"), id="c1", actor=TILL)
            with pytest.raises(Away):
                await edge.ask(Count(counter="a"), id="c2", actor=TILL, wait_seconds=1)
            assert not edge.ready
            assert edge.waiting == 0
            edge._publisher.publish = inner  # type: ignore[method-assign]  # back again
            await edge.submit(Count(counter="a"), id="c1", actor=TILL)
            assert edge.ready

    async def test_outlives_a_message_that_no_broker_takes(self, settings: Settings) -> None:
        async with Machine(settings), Edge(settings, "door") as edge:
            with pytest.raises(Away):
                await edge.submit(Count(counter="x" * 2_000_000), id="c1", actor=TILL)
            await edge.submit(Count(counter="a"), id="c2", actor=TILL)


async def test_without_kafka_does_not_open(settings: Settings) -> None:
    nowhere = settings.model_copy(update={"kafka_servers": "127.0.0.1:1"})
    with pytest.raises(Away):
        async with Edge(nowhere, "door"):
            pass


class TestMissed:
    async def test_makes_deaf_until_something_is_heard(self, settings: Settings) -> None:
        async with Machine(settings) as machine, Edge(settings, "door") as edge:
            await until(lambda: edge.ready, "ready")
            was_deaf = []
            for _ in range(DEAF_AFTER):
                was_deaf.append(edge.is_deaf)
                edge.missed(monotonic())
            assert [*was_deaf, edge.is_deaf] == [False] * DEAF_AFTER + [True]

            async with machine.running(machine.process()):
                assert await edge.ask(Count(counter="a"), id="c1", actor=TILL, wait_seconds=20) is not None
            assert not edge.is_deaf

    async def test_counts_nothing_that_was_sent_before_something_was_heard(self, settings: Settings) -> None:
        asked_at = monotonic()
        async with Machine(settings), Edge(settings, "door") as edge:
            for _ in range(DEAF_AFTER):
                edge.missed(asked_at)
            assert not edge.is_deaf


class TestClose:
    async def test_outlives_a_consumer_that_will_not_stop(
        self, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async with Machine(settings), Edge(settings, "door") as edge:
            await until(lambda: edge.ready, "ready")
            inner = edge._consumer.stop

            async def stop() -> None:
                await inner()
                raise KafkaConnectionError("gone")

            monkeypatch.setattr(edge._consumer, "stop", stop)

        assert edge._publisher._producer is None

    async def test_closes_all_and_says_what_ended_the_publishing(
        self, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def break_down(_: object) -> None:
            raise AssertionError("a bug")

        async with Machine(settings):
            edge = await Edge(settings, "door").__aenter__()
            await until(lambda: edge.ready, "ready")
            monkeypatch.setattr(edge._publisher, "publish", break_down)
            sending = asyncio.create_task(edge.submit(Count(counter="a"), id="c1", actor=TILL))
            await until(lambda: not edge.ready, "over")
            sending.cancel()

            with pytest.raises(AssertionError):
                await edge.close()

        assert edge._publisher._producer is None
        assert not edge._consumer.is_assigned
