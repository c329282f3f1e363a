"""The topics: shots by the thousand to where Kafka's clients write, and a reader of all that came of them."""

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from importlib import import_module
from random import Random
from typing import Any, Final, Self

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from pymongo import MongoClient

from contracts.messages import WORKERS
from contracts.topics import dead_topic, results_topic
from runtime.admin import Backlog, backlogs, connection, needed_topics
from runtime.decisions import Worker
from runtime.persons import DEAD_LETTERS, PersonKey
from runtime.publishing import LARGEST_REQUEST_BYTES, partition_of
from runtime.serve import listen_topics
from runtime.settings import Settings
from runtime.transaction import JOURNAL
from tests.fuzz.account import Account, Aftermath
from tests.fuzz.mutations import aged, mutated, repeated, strayed
from tests.fuzz.shots import Shot, Valid

REMEMBERED: Final = 2_000
Look = Callable[[], Awaitable[dict[str, Backlog]]]


class Stuck(Exception):
    """Records lie there and nobody takes them."""


def all_workers() -> list[Worker[Any]]:
    """The workers' decisions, by their packages."""
    return [import_module(f"workers.{name}").worker for name in WORKERS]


class Shooter:
    """Makes shots, one like another run with the same seed (but for the time of day in them)."""

    def __init__(self, settings: Settings, seed: int) -> None:
        self._random = Random(seed)
        self._valid = Valid(settings.prefix, self._random)
        self._topics = [topic.name for topic in needed_topics(settings)]
        self._before: list[Shot] = []

    def shots(self, count: int) -> list[Shot]:
        """The next ones."""
        return [self._next() for _ in range(count)]

    def _next(self) -> Shot:
        random, chance = self._random, self._random.random()
        if chance < 0.06 and self._before:
            shot = repeated(random, random.choice(self._before))
        else:
            shot = self._valid.shot()
            if chance < 0.70:
                shot = mutated(random, shot)
            elif chance < 0.74:
                shot = strayed(random, shot, self._topics)
            elif chance < 0.77:
                shot = aged(random, shot)
        if len(self._before) < REMEMBERED:
            self._before.append(shot)
        else:
            self._before[random.randrange(REMEMBERED)] = shot
        return shot


class Topics:
    """A producer that writes what is no message, and knows where each of it lies."""

    def __init__(self, settings: Settings, account: Account, *, takes_any_time: bool = True) -> None:
        self._takes_any_time = takes_any_time
        """Whether the broker takes a record of the far future; Apache Kafka refuses whole requests for one."""
        self._settings = settings
        self._account = account
        self._counts = {topic.name: topic.partitions for topic in needed_topics(settings)}
        self._producer: AIOKafkaProducer | None = None

    async def __aenter__(self) -> Self:
        self._producer = AIOKafkaProducer(
            **connection(self._settings),
            acks="all",
            enable_idempotence=True,
            linger_ms=0,
            max_batch_size=LARGEST_REQUEST_BYTES,
            max_request_size=LARGEST_REQUEST_BYTES + 48_576,
        )
        await self._producer.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._producer is not None
        await self._producer.stop()

    async def send(self, shots: Iterable[Shot]) -> None:
        """Send these, in order within each partition; each is noted at the place where it was acknowledged."""
        parts: dict[tuple[str, int], list[Shot]] = defaultdict(list)
        for shot in shots:
            parts[shot.topic, self._partition(shot)].append(shot)
        await asyncio.gather(*(self._send(topic, number, part) for (topic, number), part in parts.items()))

    def _partition(self, shot: Shot) -> int:
        count = self._counts[shot.topic]
        if shot.partition is not None:
            return shot.partition % count
        return partition_of(shot.key or b"", count)

    def _stamp(self, shot: Shot) -> int | None:
        stamp = shot.timestamp_ms
        is_fit = stamp is None or 0 <= stamp <= time.time() * 1_000
        return stamp if is_fit or self._takes_any_time else None

    async def _send(self, topic: str, partition: int, shots: Sequence[Shot]) -> None:
        producer = self._producer
        assert producer is not None
        rest = list(shots)
        while rest:
            builder, taken = producer.create_batch(), 0
            for shot in rest:
                # aiokafka writes null headers though its types say bytes.
                fields: dict[str, Any] = {"key": shot.key, "value": shot.value, "headers": shot.headers}
                if builder.append(timestamp=self._stamp(shot), **fields) is None:
                    break
                taken += 1
            assert taken, f"no request takes {rest[0].marks}, {rest[0].size} bytes"
            written = await (await producer.send_batch(builder, topic, partition=partition))
            for number, shot in enumerate(rest[:taken]):
                self._account.note((topic, partition, written.offset + number), shot)
            rest = rest[taken:]


@asynccontextmanager
async def watching(settings: Settings) -> AsyncIterator[Look]:
    """A way to ask how far each worker is behind."""
    groups = {settings.group(worker.name): listen_topics(worker, settings.prefix) for worker in all_workers()}
    async with backlogs(settings, groups) as look:
        yield look


async def until_behind(look: Look, most: int, seconds: float) -> None:
    """Wait until nobody is further behind than this.

    Raises:
        Stuck: for so long nothing moved.
    """
    before: dict[str, Backlog] = {}
    moved_at = time.monotonic()
    while True:
        now = await look()
        if all(each.behind <= most for each in now.values()):
            return
        if now != before:
            before, moved_at = now, time.monotonic()
        if time.monotonic() - moved_at > seconds:
            behind = {group: each.behind for group, each in now.items() if each.behind}
            raise Stuck(f"nothing moved for {seconds:.0f} s: {behind}")
        await asyncio.sleep(0.2)


async def until_quiet(look: Look, seconds: float) -> None:
    """Wait until nobody is behind, and stays so: what one says another hears.

    Raises:
        Stuck: for so long nothing moved.
    """
    ends: dict[str, int] = {}
    while True:
        await until_behind(look, 0, seconds)
        now = {group: each.end for group, each in (await look()).items()}
        if now == ends:
            return
        ends = now
        await asyncio.sleep(1.5)


async def aftermath_of(settings: Settings) -> Aftermath:
    """Dead letters, answers and journals, as they lie there now."""
    found = Aftermath()
    dead = {dead_topic(settings.prefix, name): name for name in WORKERS}
    results = results_topic(settings.prefix)
    keys = await asyncio.to_thread(_letters_keys, settings)
    consumer = AIOKafkaConsumer(**connection(settings), enable_auto_commit=False)
    await consumer.start()
    try:
        topics = [topic for topic in needed_topics(settings) if topic.name in dead or topic.name == results]
        places = [TopicPartition(topic.name, number) for topic in topics for number in range(topic.partitions)]
        ends = {place: end for place, end in (await consumer.end_offsets(places)).items() if end}
        for place, end in ends.items():
            consumer.assign([place])
            consumer.seek(place, 0)
            while await consumer.position(place) < end:
                for record in (await consumer.getmany(place, timeout_ms=1_000, max_records=5_000)).get(place, ()):
                    if place.topic == results:
                        found.take_answer(record)
                    else:
                        found.take_letter(dead[place.topic], record, keys[dead[place.topic]])
    finally:
        await consumer.stop()
    found.journals = await asyncio.to_thread(_journals, settings)
    return found


def _letters_keys(settings: Settings) -> dict[str, bytes | None]:
    """By worker, what shuts its dead letters."""
    with MongoClient[dict[str, Any]](settings.mongo_url.get_secret_value()) as client:
        found = {
            name: client[settings.database(name)][PersonKey.collection].find_one({"_id": DEAD_LETTERS})
            for name in WORKERS
        }
        return {name: None if raw is None else raw["key"] for name, raw in found.items()}


def _journals(settings: Settings) -> dict[str, dict[str, str]]:
    with MongoClient[dict[str, Any]](settings.mongo_url.get_secret_value()) as client:
        return {
            name: {
                raw["_id"]: raw["outcome"] for raw in client[settings.database(name)][JOURNAL].find({}, {"outcome": 1})
            }
            for name in WORKERS
        }
