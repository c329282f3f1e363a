"""The machine under test: records for a batch, processes to start and kill, and a reader of all that was said."""

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

import uuid_utils
from aiokafka import AIOKafkaConsumer, TopicPartition

from contracts.messages import Actor, ActorKind, Command, CommandEnded, Envelope, Message, Outcome, read_body
from contracts.topics import commands_topic, events_topic
from runtime.admin import connection, create_topics, needed_topics
from runtime.batch import Batches, Settled
from runtime.decisions import Worker
from runtime.letters import DEAD_SHUT, opened_letter
from runtime.persons import DEAD_LETTERS, PersonKey
from runtime.publishing import Place, Publisher
from runtime.serve import Process, listen_topics
from runtime.settings import Settings
from runtime.store import Outgoing, Reader, Store
from runtime.telemetry import Telemetry
from tests.runtime.counting import Counter, worker

TILL = Actor(kind=ActorKind.POS, id="till-1")
Headers = list[tuple[str, bytes]]


def fresh_id() -> str:
    """An id as an edge makes it."""
    return str(uuid_utils.uuid7())


@dataclass
class FakeRecord:
    """A record as a poll gives it."""

    topic: str
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]
    key: bytes | None = None
    partition: int = 0
    offset: int = 0
    timestamp: int = 1_790_000_000_000


def message(
    settings: Settings,
    id: str,
    body: Message,
    *,
    time: datetime | None = None,
    hops: int = 0,
    topic: str | None = None,
    actor: Actor = TILL,
) -> Outgoing:
    """A message as its author sends it."""
    envelope = Envelope(
        id=id,
        type=type(body).__name__,
        time=time or datetime.now(UTC),
        actor=actor,
        correlation_id=id,
        hops=hops,
        traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    )
    own = commands_topic if body.worker == worker.name else events_topic
    key = body.key_value
    return Outgoing(
        topic or own(settings.prefix, body.worker),
        None if key is None else key.encode(),
        body.encoded(),
        envelope.headers("/test"),
    )


def without(headers: Iterable[tuple[str, bytes]], name: str) -> Headers:
    """Headers less one."""
    return [(key, value) for key, value in headers if key != name]


def replaced(headers: Iterable[tuple[str, bytes]], name: str, value: Any) -> Headers:
    """Headers with one changed."""
    return [(key, value if key == name else old) for key, old in headers]


def texts(headers: Iterable[tuple[str, bytes]]) -> dict[str, str]:
    """Headers as text."""
    return {name: (value or b"").decode(errors="replace") for name, value in headers}


class Bench:
    """Batches of one worker on a real MongoDB, without Kafka."""

    def __init__(
        self,
        settings: Settings,
        own: Worker[Any] = worker,
        clock: Callable[[], datetime] | None = None,
        programme: Any = None,
    ) -> None:
        self.settings = settings
        self.store = Store(settings, own.name, own.documents.values())
        self.telemetry = Telemetry(own.name)
        self._clock = clock or (lambda: datetime.now(UTC))
        self._asked = commands_topic(settings.prefix, own.name)
        self.batches: Batches[Any] = Batches(own, programme, self.store, settings, self.telemetry, self._clock)
        self._offset = 0

    async def __aenter__(self) -> Self:
        await self.store.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.store.close()

    def record(self, outgoing: Outgoing) -> FakeRecord:
        """What a poll gives for a message."""
        self._offset += 1
        return FakeRecord(outgoing.topic, outgoing.value, outgoing.headers, outgoing.key, offset=self._offset)

    async def settle(self, *messages: Outgoing | tuple[str, Message]) -> list[Settled]:
        """Settle these as one batch."""
        sent = [each if isinstance(each, Outgoing) else message(self.settings, *each) for each in messages]
        return await asyncio.wait_for(self.batches.settle([self.record(each) for each in sent]), 60)

    async def ask(self, id: str, body: Message, actor: Actor = TILL) -> tuple[str, str | None]:
        """What one message comes to, and all that follows from it in this worker; an event that is taken in is done."""
        topic = commands_topic if isinstance(body, Command) else events_topic
        sent = message(
            self.settings, id, body, time=self._clock(), topic=topic(self.settings.prefix, body.worker), actor=actor
        )
        settled = followed = await self.settle(sent)
        while asked := [each for one in followed for each in one.outgoing if each.topic == self._asked]:
            followed = await self.settle(*asked)
            assert letters(followed) == []
        assert letters(settled) == []
        return next(iter(outcomes(settled)), ("done", None))

    async def dispatched(self, *settled: Settled) -> None:
        """Mark what these came to as dispatched."""
        await self.store.mark_dispatched([each.place for each in settled if each.place is not None])

    async def total(self, counter: str) -> int | None:
        """What a counter stands at; None where there is none."""
        found = await self.store.reader.get(Counter, counter)
        return None if found is None else found.total


@asynccontextmanager
async def two(
    settings: Settings, own: Worker[Any], clock: Callable[[], datetime] | None = None, programme: Any = None
) -> AsyncIterator[tuple[Bench, Bench]]:
    """Two processes of one worker."""
    async with Bench(settings, own, clock, programme) as one, Bench(settings, own, clock, programme) as other:
        yield one, other


def answers(settled: Iterable[Settled]) -> list[CommandEnded]:
    """The answers among what is to be published."""
    said = [each for one in settled for each in one.outgoing if each.topic.endswith(".results")]
    return [read_body(CommandEnded, each.value) for each in said]


def outcomes(settled: Iterable[Settled]) -> list[tuple[str, str | None]]:
    """Outcome and code of every answer."""
    return [(each.outcome.value, each.code) for each in answers(settled)]


def events(settled: Iterable[Settled]) -> list[Outgoing]:
    """The events among what is to be published."""
    return [each for one in settled for each in one.outgoing if each.topic.endswith(".events")]


def letters(settled: Iterable[Settled]) -> list[Outgoing]:
    """The dead letters among what is to be published."""
    return [each for one in settled for each in one.outgoing if each.topic.endswith(".dead")]


async def whole(reader: Reader, letter: Outgoing) -> Outgoing | None:
    """A dead letter, opened with the worker's key if it was shut; None where that doesn't open it."""
    if DEAD_SHUT not in texts(letter.headers):
        return letter
    key = await reader.get(PersonKey, DEAD_LETTERS)
    assert key is not None
    return opened_letter(key.key, letter)


def reasons(settled: Iterable[Settled]) -> list[str]:
    """Why each dead letter is one."""
    return [texts(each.headers)["dead_reason"] for each in letters(settled)]


@dataclass
class Heard:
    """Everything that lies in the topics, in order."""

    records: list[Any] = field(default_factory=list)

    def on(self, ending: str) -> list[Any]:
        """What lies in the topics whose names end so."""
        return [each for each in self.records if each.topic.endswith(ending)]

    def copies(self, ending: str) -> dict[str, list[Any]]:
        """The same, by message id."""
        grouped: dict[str, list[Any]] = defaultdict(list)
        for each in self.on(ending):
            grouped[texts(each.headers)["ce_id"]].append(each)
        return grouped

    def answers(self) -> dict[str, CommandEnded]:
        """The one answer to each command; copies must be equal byte by byte."""
        found: dict[str, CommandEnded] = {}
        for copies in self.copies(".results").values():
            assert len({(each.key, each.value, each.headers) for each in copies}) == 1
            ended = read_body(CommandEnded, copies[0].value)
            assert ended.command_id not in found
            found[ended.command_id] = ended
        return found


class Machine:
    """Topics, processes and readers under one prefix."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.sent: dict[str, Message] = {}
        self.store = Store(settings, worker.name, worker.documents.values())
        self._publisher = Publisher(settings, "test")
        self._group = settings.group(worker.name)

    async def __aenter__(self) -> Self:
        await create_topics(self.settings)
        await self._publisher.start()
        await self.store.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.store.close()
        await self._publisher.stop()

    # -- in

    async def send(self, *pairs: tuple[str, Message]) -> None:
        """Send messages under these ids, with one request."""
        self.sent |= dict(pairs)
        await self.put(*(message(self.settings, *pair) for pair in pairs))

    async def put(self, *outgoing: Outgoing) -> None:
        """Send what may not be a message at all."""
        await self._publisher.publish(outgoing)

    # -- processes

    def process(self, slot: int = 0, own: Worker[Any] = worker) -> Process:
        """A process of the worker, not started."""
        return Process(own, None, self.settings.model_copy(update={"slot": slot}))

    @asynccontextmanager
    async def running(self, process: Process) -> AsyncIterator[Process]:
        """A process that runs meanwhile and is stopped cleanly."""
        task = asyncio.create_task(process.run())
        try:
            await until(lambda: task.done() or not process.obstacles, "ready")
            if task.done():
                task.result()
            yield process
        finally:
            process.stop()
            await asyncio.wait_for(task, 30)

    # -- out

    async def offsets(self) -> tuple[dict[Place, int], dict[Place, int]]:
        """Committed offsets and ends of what the worker listens to, where there is anything."""
        consumer = AIOKafkaConsumer(**connection(self.settings), group_id=self._group, enable_auto_commit=False)
        await consumer.start()
        try:
            topics = listen_topics(worker, self.settings.prefix)
            places = [TopicPartition(each, number) for each in topics for number in range(self.settings.partitions)]
            ends = {place: end for place, end in (await consumer.end_offsets(places)).items() if end}
            committed = {tuple(place): await consumer.committed(place) or 0 for place in ends}
        finally:
            await consumer.stop()
        return committed, {tuple(place): end for place, end in ends.items()}

    async def quiet(self, seconds: float = 30) -> None:
        """Wait until every offset is committed and every journal record is marked dispatched."""
        end = time.monotonic() + seconds
        while True:
            committed, ends = await self.offsets()
            totals = await self.store.reader.journal_totals()
            if committed == ends and totals["undispatched"] == 0:
                return
            assert time.monotonic() < end, f"not quiet: {committed} of {ends}, journal {totals}"
            await asyncio.sleep(0.05)

    async def heard(self) -> Heard:
        """Everything in all topics, as far as it lies there now."""
        consumer = AIOKafkaConsumer(**connection(self.settings), enable_auto_commit=False)
        await consumer.start()
        try:
            topics = needed_topics(self.settings)
            places = [TopicPartition(each.name, number) for each in topics for number in range(each.partitions)]
            ends = {place: end for place, end in (await consumer.end_offsets(places)).items() if end}
            consumer.assign(list(ends))
            for place in ends:
                consumer.seek(place, 0)
            heard = Heard()
            while any([await consumer.position(place) < end for place, end in ends.items()]):
                for records in (await consumer.getmany(timeout_ms=200)).values():
                    heard.records += records
        finally:
            await consumer.stop()
        return heard

    async def check(self, heard: Heard | None = None) -> Heard:
        """Everything that is promised of what was sent: one outcome each, effects once, versions without gaps."""
        heard = heard or await self.heard()
        ended = heard.answers()
        assert ended.keys() == self.sent.keys()
        versions: dict[str, list[int]] = defaultdict(list)
        for copies in heard.copies(".cards.events").values():
            assert len({(each.key, each.value, each.headers) for each in copies}) == 1
            attributes = texts(copies[0].headers)
            versions[attributes["ce_subject"]].append(int(attributes["ce_sequence"]))

        wanted: dict[str, int] = defaultdict(int)
        for sent, body in self.sent.items():
            journaled = await self.store.reader.journal(sent)
            assert journaled is not None
            assert journaled.outcome == ended[sent].outcome
            if ended[sent].outcome is Outcome.DONE:
                wanted[str(body.key_value)] += getattr(body, "by", 0)
        for counter, total in wanted.items():
            document = await self.store.reader.get(Counter, counter)
            assert document is not None
            assert document.total == total
            # A copy may come again later; the first ones come in order.
            assert versions[counter] == list(range(1, document.version + 1))
        committed, ends = await self.offsets()
        assert committed == ends
        assert (await self.store.reader.journal_totals())["undispatched"] == 0
        return heard


async def until(holds: Callable[[], bool], what: str, seconds: float = 30) -> None:
    """Wait until something holds."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"not {what} within {seconds:.0f} s"
        await asyncio.sleep(0.01)


async def counter(reader: Reader, id: str, total: int = 1) -> None:
    """Wait until a counter stands at so much."""
    end = time.monotonic() + 30
    while True:
        found = await reader.get(Counter, id)
        if found is not None and found.total >= total:
            return
        assert time.monotonic() < end, f"{id} does not stand at {total}"
        await asyncio.sleep(0.005)
