"""Servers that go away: nothing is lost, nothing is done twice, and the process is ready again when they are back."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from subprocess import DEVNULL

import pytest
from pydantic import SecretStr

from runtime.local import LocalServers, free_port
from runtime.local.child import Child
from runtime.local.servers import wait_for
from runtime.settings import Settings
from tests.runtime.counting import Count
from tests.runtime.machine import Machine, counter, fresh_id, until
from tests.servers import Servers

APACHE = Path(__file__).parents[2] / ".ci" / "apache-kafka"


@pytest.fixture
def own(tmp_path: Path) -> Iterator[LocalServers]:
    """Servers of this test's own, to be killed."""
    with LocalServers(tmp_path / "servers") as running:
        yield running


def pointed(settings: Settings, own: LocalServers) -> Settings:
    """The same settings for other servers."""
    return settings.model_copy(
        update={"kafka_servers": own.kafka_servers, "mongo_url": SecretStr(own.mongo_url), "batch_records": 20}
    )


async def restart(own: LocalServers, child: Child) -> None:
    """Start a server again, on its old port and files; returns when it answers."""
    child.start()  # in this thread: a child ends with the thread that started it
    await asyncio.to_thread(wait_for, child, own.database_is_ready if child is own.database else own.broker_is_ready)


def counts(number: int) -> list[tuple[str, Count]]:
    return [(fresh_id(), Count(counter=f"k{each % 5}")) for each in range(number)]


class TestMongodbAway:
    async def test_pauses_keeps_membership_and_loses_nothing(self, own: LocalServers, settings: Settings) -> None:
        async with Machine(pointed(settings, own)) as machine, machine.running(machine.process()) as process:
            await machine.send(*counts(50))
            await machine.quiet()
            held = process.consumer.held()
            assert own.database is not None
            own.database.kill()
            await until(lambda: process.obstacles == ["MongoDB is away"], "noticed while idle")
            await machine.send(*counts(200))
            await until(lambda: any(lane._is_paused for lane in process.lanes._lanes), "paused")
            assert process.consumer.held() == held

            await restart(own, own.database)
            await machine.quiet(60)
            assert process.obstacles == []
            assert process.consumer.held() == held
            await machine.check()


class TestKafkaAway:
    async def test_is_noticed_by_an_idle_process_too(self, own: LocalServers, settings: Settings) -> None:
        async with Machine(pointed(settings, own)) as machine:
            process = machine.process()
            running = asyncio.create_task(process.run())
            await until(lambda: not process.obstacles, "ready")
            assert own.broker is not None
            own.broker.ask_to_stop()
            await asyncio.to_thread(own.broker.wait_stopped)
            await until(lambda: process.obstacles == ["Kafka is away"], "noticed")
            process.stop()
            await restart(own, own.broker)
            running.cancel()
            await asyncio.wait([running], timeout=40)

    async def test_on_the_local_default_is_survived_with_a_restart_of_the_process(
        self, own: LocalServers, settings: Settings
    ) -> None:
        async with Machine(pointed(settings, own)) as machine:
            async with machine.running(machine.process()):
                await machine.send(*counts(50))
                await machine.quiet()
            assert own.broker is not None
            first = machine.process()
            running = asyncio.create_task(first.run())
            await until(lambda: not first.obstacles, "ready")
            # Nothing may be on its way to this broker when it ends: it acknowledges to the last and doesn't keep all.
            async with first.publisher._turn:
                await machine.send(*counts(100))
                await counter(machine.store.reader, "k0", 11)
                own.broker.ask_to_stop()
                await asyncio.to_thread(own.broker.wait_stopped)
            await until(lambda: first.obstacles == ["Kafka is away"], "noticed")
            first.stop()
            await restart(own, own.broker)
            running.cancel()
            await asyncio.wait([running], timeout=40)
            async with machine.running(machine.process()):
                await machine.send(*counts(20))
                await machine.quiet(60)
            await machine.check()

    @pytest.mark.timeout(180)
    async def test_on_apache_kafka_is_survived_without_a_restart(
        self, own: LocalServers, servers: Servers, settings: Settings, tmp_path: Path
    ) -> None:
        if not servers.kafka_is_apache:
            pytest.skip("the local default's broker takes its clients down with it")
        port, folder = free_port(), tmp_path / "apache"

        async def kafka(*words: str) -> None:
            process = await asyncio.create_subprocess_exec(APACHE, *words, stdout=DEVNULL, stderr=DEVNULL)
            assert await process.wait() == 0

        await kafka("start", str(folder), str(port))
        try:
            there = pointed(settings, own).model_copy(update={"kafka_servers": f"127.0.0.1:{port}"})
            async with Machine(there) as machine, machine.running(machine.process()) as process:
                await machine.send(*counts(200))
                await kafka("kill", str(folder))
                await until(lambda: process.obstacles == ["Kafka is away"] or process.lanes.is_hungry, "noticed")
                await kafka("start", str(folder), str(port))
                await machine.send(*counts(50))
                await machine.quiet(90)
                assert process.obstacles == []
                await machine.check()
        finally:
            await kafka("stop", str(folder))
