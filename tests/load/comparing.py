"""Comparisons: two processes of a worker against one, and what a command costs when there are many members."""

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from random import Random
from secrets import token_hex
from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition

from contracts.messages import Command
from contracts.programme import Programme
from contracts.topics import results_topic
from runtime.admin import connection
from runtime.local import free_port
from runtime.local.child import Child, last_words
from runtime.settings import Settings
from tests.bench.commands import Shop, card_number
from tests.bench.history import FIRST, free_cards, put, workload
from tests.bench.history import members as people
from tests.bench.script import Workload, rehearse
from tests.bench.ways import IDLE_SECONDS, LOOK_SECONDS, Run, Stuck

WARM_UP: Final = 4
"""A part of so many at the beginning isn't timed: all processes have to have joined by then."""


class Several(Run):
    """One worker with several processes, on commands that lie in its topic."""

    def __init__(self, workload: Workload, settings: Settings, logs: Path, processes: int = 1) -> None:
        super().__init__("ours", workload, settings, {}, logs)
        self._processes = processes

    async def rate(self, count: int) -> float:
        """Commands a second, by the answers' arrival.

        Raises:
            Stuck: they were not all answered.
        """
        await self._publish(count)
        consumer = AIOKafkaConsumer(**connection(self._settings))
        await consumer.start()
        children = [self._process(slot) for slot in range(self._processes)]
        topic = results_topic(self._settings.prefix)
        places = [TopicPartition(topic, number) for number in range(self._settings.partitions)]
        before = sum((await consumer.end_offsets(places)).values())
        try:
            for child in children:
                child.start()
            return await self._timed(consumer, places, before, children, count)
        finally:
            for child in children:
                child.ask_to_stop()
            for child in children:
                await asyncio.to_thread(child.stop)
            await consumer.stop()

    def _process(self, slot: int) -> Child:
        environment = {
            **self._environment,
            "PUNCHCARD_HEALTH_PORT": str(free_port(self._settings.host)),
            "PUNCHCARD_SLOT": str(slot),
            "PUNCHCARD_PARTITIONS": str(self._settings.partitions),
        }
        return Child(f"ours-{slot}", self._command(Path(), None), self._logs / f"ours-{slot}.log", environment)

    async def _timed(
        self,
        consumer: AIOKafkaConsumer,
        places: Sequence[TopicPartition],
        before: int,
        children: Sequence[Child],
        count: int,
    ) -> float:
        started: tuple[int, float] | None = None
        seen, seen_at = 0, time.monotonic()
        while seen < count:
            now = sum((await consumer.end_offsets(places)).values()) - before
            at = time.monotonic()
            if now > seen:
                seen, seen_at = now, at
                if started is None and seen >= count // WARM_UP:
                    started = (seen, at)
            for child in children:
                if child.ended() is not None:
                    raise Stuck(f"{child.name} ended with {child.ended()}: {last_words(child.log)}")
            if at - seen_at > IDLE_SECONDS:
                raise Stuck(f"{seen} of {count} answered: {last_words(children[0].log)}")
            await asyncio.sleep(LOOK_SECONDS)
        assert started is not None
        return (count - started[0]) / (seen_at - started[1])


def under(servers: Settings, partitions: int = 4) -> Settings:
    """Settings for a run of its own."""
    return servers.model_copy(update={"prefix": f"bench-{token_hex(4)}", "partitions": partitions})


async def processes(servers: Settings, programme: Programme, logs: Path, count: int, most: int) -> dict[str, float]:
    """Purchases a second with one process of rewards and with several."""
    (workload,) = [each for each in await rehearse(programme, count) if each.name == "purchase"]
    found: dict[str, float] = {}
    for number in (1, most):
        run = Several(workload, under(servers), logs, number)
        try:
            await run.prepare()
            found[str(number)] = await run.rate(count)
        finally:
            await run.clean()
    return found


# -- many members


async def members(
    servers: Settings, programme: Programme, logs: Path, size: int, count: int, seed: int
) -> dict[str, float]:
    """Registrations and purchases a second where so many members are there already, and how long that took to make."""
    random, shop, first = Random(seed), Shop(programme, seed), FIRST + size
    joining: list[Command] = [shop.member(first + number, card_number(first + number)) for number in range(count)]
    buying: list[Command] = [shop.purchase(card_number(FIRST + random.randrange(size))) for _ in range(count)]
    found: dict[str, float] = {}
    for each in (workload("registration", joining), workload("purchase", buying)):
        run = Several(each, settings := under(servers), logs)
        try:
            await run.prepare()
            began = time.monotonic()
            there = [await people(programme, each.worker, size)]
            there += [await free_cards(programme, first, count)] if each.worker == "registration" else []
            for copies in there:
                await put(settings, copies, lambda _: None)
            found[f"{each.worker} filled in seconds"] = round(time.monotonic() - began, 1)
            found[each.name] = await run.rate(count)
        finally:
            await run.clean()
    return found
