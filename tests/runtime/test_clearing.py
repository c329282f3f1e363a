"""Settled commands leave their topic after a while; what nobody has settled stays, however long it lies there."""

import asyncio
import time
from typing import Any

import pytest
import structlog
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError, NotLeaderForPartitionError

from contracts.topics import commands_topic
from runtime.admin import show_topics
from runtime.clearing import Clearing
from runtime.settings import Settings
from tests.runtime.counting import Count, worker
from tests.runtime.machine import Machine, fresh_id

HOUR = 3_600.0


@pytest.fixture
def hourly(settings: Settings) -> Settings:
    """Settings by which commands stay for an hour."""
    return settings.model_copy(update={"commands_kept_hours": 1})


class TestClearing:
    async def test_takes_what_was_settled_and_sent_long_enough_ago_and_nothing_else(self, hourly: Settings) -> None:
        async with Machine(hourly) as machine:
            async with machine.running(machine.process()):
                await machine.send(*((fresh_id(), Count(counter=each)) for each in "abcdef"))
                noon = await between()
                await machine.send(*((fresh_id(), Count(counter=each)) for each in "ghi"))
                await machine.quiet()
            evening = await between()
            await machine.send(*((fresh_id(), Count(counter=each)) for each in "jk"))

            # A worker that was started just now knows as well what is due: nothing is remembered.
            for now, left in ((noon, 11), (noon + HOUR, 5), (evening + HOUR, 2), (evening + 9 * HOUR, 2)):
                await cleared(hourly, now)
                assert await lying(hourly) == left, now

            async with machine.running(machine.process()):
                await machine.quiet()
            await cleared(hourly, evening)
            assert await lying(hourly) == 2
            await cleared(hourly, evening + 9 * HOUR)
            assert await lying(hourly) == 0
            await cleared(hourly, evening + 10 * HOUR)

    async def test_tries_again_what_could_not_be_deleted(
        self, hourly: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def refuse(*_: Any) -> None:
            raise NotLeaderForPartitionError

        async with Machine(hourly) as machine:
            async with machine.running(machine.process()):
                await machine.send(*((fresh_id(), Count(counter=each)) for each in "abc"))
                await machine.quiet()
            clearing = Clearing(hourly, worker.name, structlog.get_logger())
            due = await between() + HOUR
            with monkeypatch.context() as patched:
                patched.setattr(AIOKafkaAdminClient, "delete_records", refuse)
                with pytest.raises(KafkaError):
                    await clearing._clear(due)
            assert await lying(hourly) == 3
            await clearing._clear(due)
            assert await lying(hourly) == 0

    async def test_has_nothing_to_do_where_nothing_was_settled(self, hourly: Settings) -> None:
        async with Machine(hourly) as machine:
            await machine.send((fresh_id(), Count(counter="a")))
            await cleared(hourly, time.time() + 9 * HOUR)
            assert await lying(hourly) == 1


async def between() -> float:
    """An instant after all that was sent so far, and before what is sent next: records are stamped in milliseconds."""
    await asyncio.sleep(0.01)
    now = time.time()
    await asyncio.sleep(0.01)
    return now


async def cleared(settings: Settings, now: float) -> None:
    """Look once, as a process does that has just been started."""
    await Clearing(settings, worker.name, structlog.get_logger())._clear(now)


async def lying(settings: Settings) -> int:
    """How many commands lie there."""
    topic: Any = commands_topic(settings.prefix, worker.name)
    return next(each.records for each in await show_topics(settings) if each.topic.name == topic)
