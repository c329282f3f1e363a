"""The pipeline of a worker: records wait, a batch is settled, what it said is published, its offsets are committed.

Four stages run beside one another: while one batch is published, the next is settled, the one after it is decoded, and
those before are closed: marked as dispatched, then their offsets are committed. Each stage takes batches in order, so
nothing of a key passes what came before it, and offsets are committed only after everything that they caused is
acknowledged. They come last: what is not marked yet must come again, for once its offset is committed nobody would ever
mark it.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic
from typing import Any, Final

from aiokafka.errors import KafkaError

from runtime.arrivals import Problem, Record
from runtime.batch import Batches, Prepared, Settled
from runtime.journal import Outgoing
from runtime.mongo import Away, Conflict
from runtime.publishing import Place, Publisher, Unsent
from runtime.retrying import Waits, until_done
from runtime.settings import Settings
from runtime.store import Store
from runtime.telemetry import Telemetry
from runtime.wire import Consumer, Unowned

PATIENCE_SECONDS: Final = 1.0
"""How long a poll may wait for room before the partitions are paused and polling goes on without records."""
WAITS: Final = Waits(0.05, 5.0)
MOST_UNCLOSED: Final = 64
"""Published batches that wait to be closed; beyond that publishing waits, too."""
CLOSE_SECONDS: Final = 0.05
"""How long a published batch may wait to be closed with others: for its answers nobody waits any more."""
REUSED: Final = ("dead_reason", Problem.REUSED.value.encode())
"""The header of a dead letter whose id was used before for something else."""


@dataclass(slots=True)
class Waiting:
    """A record, and which holding of its partition it was polled under."""

    record: Record
    holding: int


@dataclass(slots=True)
class Batch:
    """Records on their way, and what they came to."""

    waiting: Sequence[Waiting]
    settled: Sequence[Settled]


def is_letter(outgoing: Outgoing) -> bool:
    """Whether it is a dead letter."""
    return outgoing.topic.endswith(".dead")


def is_mistaken(settled: Settled, letter: Outgoing) -> bool:
    """Whether a dead letter is a mistake of who sent the command, who used an id for two, and so says nothing of us."""
    return settled.record.topic.endswith(".commands") and REUSED in letter.headers


class Pipeline:
    """Carries records of one worker process from the poll to the committed offset."""

    def __init__(
        self,
        batches: Batches[Any],
        store: Store,
        publisher: Publisher,
        settings: Settings,
        telemetry: Telemetry,
        *,
        pace_seconds: float = 0.0,
    ) -> None:
        self._batches = batches
        self._store = store
        self._publisher = publisher
        self._settings = settings
        self._telemetry = telemetry
        self._pace_seconds = pace_seconds
        self.consumer: Consumer
        self._deciding = 0
        """Batches that are prepared or settled now: one, and while there is more than it took, the next."""
        self.taken = 0
        """How many records were polled so far."""
        self._waiting: deque[Waiting] = deque()
        self._changed = asyncio.Condition()
        self._holdings: Counter[Place] = Counter()
        self._in_hand = 0
        self._is_stopping = False
        self._is_paused = False
        self._is_hurried = False
        self._dead: deque[tuple[float, int, int]] = deque()
        self._prepared: asyncio.Queue[tuple[Sequence[Waiting], Prepared] | None] = asyncio.Queue(maxsize=1)
        self._settled: asyncio.Queue[Batch | None] = asyncio.Queue(maxsize=1)
        self._published: asyncio.Queue[Batch | None] = asyncio.Queue(MOST_UNCLOSED)

    # -- in

    @property
    def is_hungry(self) -> bool:
        """Whether it waits for records and nothing else."""
        return not (self._waiting or self._in_hand or self._is_paused or self._is_stopping)

    @property
    def is_settling(self) -> bool:
        """Whether a batch is being decided, so that records which come now wait anyway."""
        return self._deciding > 0

    async def take(self, records: Sequence[Record]) -> None:
        """Take in a poll's records; waits for room, a little, then has the partitions paused."""
        room = self._settings.batch_records
        self.taken += len(records)
        async with self._changed:
            if self._is_stopping:
                return
            for record in records:
                self._waiting.append(Waiting(record, self._holdings[record.topic, record.partition]))
            self._changed.notify_all()
            try:
                async with asyncio.timeout(PATIENCE_SECONDS):
                    await self._changed.wait_for(lambda: len(self._waiting) < room or self._is_stopping)
            except TimeoutError:
                # Room may have come in the very moment that the wait ended; nobody would ever resume then.
                if len(self._waiting) >= room:
                    self._is_paused = True
                    self.consumer.pause(self)

    async def revoked(self, places: Iterable[Place]) -> None:
        """Give partitions up: what waits is left to the next owner, what is in hand is finished if that is soon."""
        gone = set(places)
        async with self._changed:
            kept = [each for each in self._waiting if (each.record.topic, each.record.partition) not in gone]
            self._waiting = deque(kept)
            self._changed.notify_all()
        self._resume_with_room()
        try:
            async with asyncio.timeout(self._settings.rebalance_timeout_ms / 2_000):
                await self.drained()
        except TimeoutError:
            self._telemetry.log.warning("partitions went before their batch was finished", partitions=len(gone))
        for place in gone:
            self._holdings[place] += 1

    async def drained(self) -> None:
        """Wait until no batch is in hand."""
        async with self._changed:
            self._is_hurried = True
            self._changed.notify_all()
            try:
                await self._changed.wait_for(lambda: self._in_hand == 0)
            finally:
                self._is_hurried = False

    # -- through

    async def run(self) -> None:
        """Carry batches until `stop`; returns when everything taken in hand is closed."""
        async with asyncio.TaskGroup() as stages:
            stages.create_task(self._prepare_batches())
            stages.create_task(self._settle_batches())
            stages.create_task(self._publish_batches())
            stages.create_task(self._close_batches())
            await self._stopped()
            await self.drained()
            await self._prepared.put(None)
            await self._settled.put(None)
            await self._published.put(None)

    async def stop(self) -> None:
        """Finish what is in hand, leave what waits."""
        async with self._changed:
            self._is_stopping = True
            self._waiting.clear()
            self._changed.notify_all()

    async def _stopped(self) -> None:
        async with self._changed:
            await self._changed.wait_for(lambda: self._is_stopping)

    async def _prepare_batches(self) -> None:
        while True:
            await self._pace()
            waiting = await self._next()
            if waiting is None:
                return
            self._telemetry.batch(len(waiting))
            await self._prepared.put((waiting, await self._batches.prepare([each.record for each in waiting])))

    async def _settle_batches(self) -> None:
        while (next_one := await self._prepared.get()) is not None:
            waiting, prepared = next_one
            await self._settled.put(Batch(waiting, await self._batches.finish(prepared)))
            async with self._changed:
                self._deciding -= 1
                self._changed.notify_all()

    async def _next(self) -> list[Waiting] | None:
        """Everything that came while the last batch was settled, up to the limit; None when stopping."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._is_stopping or self._is_due())
            if self._is_stopping:
                return None
            count = min(len(self._waiting), self._batches.room)
            batch = [self._waiting.popleft() for _ in range(count)]
            self._in_hand += 1
            self._deciding += 1
            self._changed.notify_all()
        self._resume_with_room()
        return batch

    def _is_due(self) -> bool:
        """Whether to begin a batch: when none is in work, and ahead of time when the next one is full already."""
        if self._telemetry.is_stopped_by_dead_letters:
            return False
        is_full = len(self._waiting) >= self._batches.room
        return (self._deciding == 0 and bool(self._waiting)) or (self._deciding == 1 and is_full)

    async def _pace(self) -> None:
        """Let a batch fill for a while, where nobody waits for it."""
        if not self._pace_seconds:
            return
        async with self._changed:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._pace_seconds):
                    await self._changed.wait_for(lambda: self._is_stopping or len(self._waiting) >= self._batches.room)

    def _resume_with_room(self) -> None:
        if self._is_paused and len(self._waiting) < self._settings.batch_records:
            self._is_paused = False
            self.consumer.resume(self)

    async def _publish_batches(self) -> None:
        while (batch := await self._settled.get()) is not None:
            await self._send(self._publish, batch)
            self._watch_dead_letters(batch)
            await self._published.put(batch)

    async def _close_batches(self) -> None:
        """Close what was published meanwhile, several batches with one mark and one commit of offsets."""
        while (batch := await self._published.get()) is not None:
            await self._gather_some()
            batches = [batch]
            while not self._published.empty():
                another = self._published.get_nowait()
                assert another is not None  # it comes when no batch is in hand
                batches.append(another)
            await self._mark(batches)
            await self._send(self._commit, *batches)
            async with self._changed:
                self._in_hand -= len(batches)
                self._changed.notify_all()

    async def _gather_some(self) -> None:
        """Wait for more batches to close with one mark and one commit, unless somebody waits for the end of all."""
        async with self._changed:
            with suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_SECONDS):
                    await self._changed.wait_for(lambda: self._is_stopping or self._is_hurried)

    # -- out

    async def _send(self, step: Callable[[list[Settled]], Awaitable[None]], *batches: Batch) -> None:
        """Take a step until Kafka acknowledges it; what is another's by now is left to its new owner."""

        async def send() -> None:
            await step([settled for batch in batches for settled in self._still_ours(batch)])

        await until_done(send, Unsent, KafkaError, waits=WAITS, note=self._note_absence)
        self._telemetry.kafka_is_away = False

    def _note_absence(self, error: Exception, attempt: int) -> None:
        self._telemetry.kafka_is_away = True
        self._telemetry.log.warning("Kafka did not acknowledge", error=type(error).__name__, attempt=attempt)

    def _still_ours(self, batch: Batch) -> list[Settled]:
        return [
            settled
            for waiting, settled in zip(batch.waiting, batch.settled, strict=True)
            if self._holdings[waiting.record.topic, waiting.record.partition] == waiting.holding
        ]

    async def _publish(self, ours: Sequence[Settled]) -> None:
        outgoing = [each for settled in ours for each in settled.outgoing]
        with self._telemetry.step("publish"):
            if outgoing:
                await self._publisher.publish(outgoing)
        for settled in ours:
            settled.is_published = True

    async def _mark(self, batches: Sequence[Batch]) -> None:
        """Note what needs no publishing again; while MongoDB is away that waits, and with it the offsets."""
        places = [
            settled.place
            for batch in batches
            for settled in batch.settled
            if settled.is_published and settled.place is not None
        ]

        async def mark() -> None:
            with self._telemetry.step("mark"):
                await self._store.mark_dispatched(places)

        await until_done(mark, Away, Conflict, waits=WAITS)

    async def _commit(self, ours: Sequence[Settled]) -> None:
        offsets: dict[Place, int] = {}
        for settled in ours:
            record = settled.record
            place = (record.topic, record.partition)
            offsets[place] = max(offsets.get(place, 0), record.offset + 1)
        if not offsets:
            return
        try:
            with self._telemetry.step("offsets"):
                await self.consumer.commit(offsets)
        except Unowned as error:
            self._telemetry.log.info("offsets left to the next owner", reason=str(error), partitions=len(offsets))

    def _watch_dead_letters(self, batch: Batch) -> None:
        letters = [(settled, each) for settled in batch.settled for each in settled.outgoing if is_letter(each)]
        dead = sum(not is_mistaken(settled, letter) for settled, letter in letters)
        now = monotonic()
        self._dead.append((now, dead, len(batch.settled)))
        while self._dead and self._dead[0][0] < now - self._settings.dead_letter_window_seconds:
            self._dead.popleft()
        if not letters:
            return
        self._telemetry.dead_letters(len(letters))
        total, seen = sum(each[1] for each in self._dead), sum(each[2] for each in self._dead)
        if total >= self._settings.dead_letter_limit and total * 2 > seen:
            self._telemetry.is_stopped_by_dead_letters = True
            self._telemetry.log.error(
                "stopped: too many dead letters; look at them, then restart", dead=total, seen=seen
            )
