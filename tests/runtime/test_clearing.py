"""Settled commands leave their topic after a while; what nobody has settled stays, however long it lies there."""

from typing import Any

import structlog

from contracts.topics import commands_topic
from runtime.admin import show_topics
from runtime.clearing import Clearing
from runtime.settings import Settings
from tests.runtime.counting import Count, worker
from tests.runtime.machine import Machine, fresh_id


class TestClearing:
    async def test_takes_what_was_settled_long_enough_ago_and_nothing_else(self, settings: Settings) -> None:
        settings = settings.model_copy(update={"commands_kept_hours": 1})
        clearing = Clearing(settings, worker.name, structlog.get_logger())
        async with Machine(settings) as machine:
            async with machine.running(machine.process()):
                await machine.send(*((fresh_id(), Count(counter=each)) for each in "abcdef"))
                await machine.quiet()
            await machine.send(*((fresh_id(), Count(counter=each)) for each in "ghi"))

            for now, left in ((0.0, 9), (3_599.0, 9), (3_600.0, 3), (10_000.0, 3), (20_000.0, 3)):
                await clearing._clear(now)
                assert await lying(settings) == left, now

            async with machine.running(machine.process()):
                await machine.quiet()
            await clearing._clear(30_000.0)
            await clearing._clear(33_600.0)
            assert await lying(settings) == 0


async def lying(settings: Settings) -> int:
    """How many commands lie there."""
    topic: Any = commands_topic(settings.prefix, worker.name)
    return next(each.records for each in await show_topics(settings) if each.topic.name == topic)
