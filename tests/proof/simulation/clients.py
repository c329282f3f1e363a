"""What stands in for aiokafka and FastStream's broker: the same calls, over the simulated Kafka."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any, Final

from aiokafka import TopicPartition
from aiokafka.errors import IllegalStateError, KafkaConnectionError, KafkaTimeoutError

from tests.proof.history import Place
from tests.proof.simulation.kafka import HEARTBEAT_SECONDS, SESSION_SECONDS, Group
from tests.proof.simulation.loop import BODY
from tests.proof.simulation.world import World

REPLICATION_SECONDS: Final = 0.004
BATCH_BYTES: Final = 1_000_000


def place_of(partition: TopicPartition) -> Place:
    """A partition as histories name it."""
    return partition.topic, partition.partition


def done(future: asyncio.Future[None]) -> None:
    """Let a future be done, if it isn't."""
    if not future.done():
        future.set_result(None)


class Builder:
    """A batch for one partition."""

    def __init__(self) -> None:
        self.said: list[tuple[bytes | None, bytes | None, Any]] = []
        self._size = 0

    def append(self, *, timestamp: float | None, key: bytes | None, value: bytes | None, headers: Any) -> object:
        """Take one in; None when it is full."""
        size = len(key or b"") + len(value or b"") + 200
        if self._size + size > BATCH_BYTES:
            return None
        self._size += size
        self.said.append((key, value, headers))
        return True


class SimulatedProducer:
    """aiokafka's producer, as far as `runtime.publishing` uses it."""

    def __init__(self, world: World, options: Mapping[str, Any]) -> None:
        self._world = world
        self._acks = options.get("acks", 1)
        self._closed = False
        self._sender = SimpleNamespace(close=self._nothing)
        self.client = SimpleNamespace(close=self._nothing)

    async def _nothing(self) -> None:
        return None

    async def start(self) -> None:
        """Connect."""
        await asyncio.sleep(self._world.latency())
        if self._world.strikes("kafka"):
            raise KafkaConnectionError

    async def stop(self) -> None:
        """Disconnect."""

    async def partitions_for(self, topic: str) -> set[int]:
        """The partitions of a topic."""
        return set(range(self._world.brokers.partitions[topic]))

    def create_batch(self) -> Builder:
        """An empty batch."""
        return Builder()

    async def send_batch(self, builder: Builder, topic: str, *, partition: int) -> asyncio.Future[None]:
        """Send a batch; the future is done when it is acknowledged."""
        world = self._world
        loop = world.loop
        world.crash_point("publish")
        acknowledged: asyncio.Future[None] = loop.create_future()
        fate = world.strikes("kafka")
        failovers = world.brokers.failovers
        is_lost_unsent = (fate and world.random.random() < 0.4) or world.is_cut_off()

        def replicated() -> None:
            if is_lost_unsent or world.brokers.failovers != failovers:
                if not acknowledged.done():
                    acknowledged.set_exception(KafkaTimeoutError())
                return
            world.brokers.append((topic, partition), builder.said, world.now_ms())
            if acknowledged.done():
                return
            if fate:
                acknowledged.set_exception(KafkaTimeoutError())
            elif self._acks != 1:
                acknowledged.set_result(None)

        latency = world.latency()
        if self._acks == 1 and not fate:
            loop.call_later(latency, done, acknowledged)
        # What is under way belongs to nobody: it arrives even if its sender dies.
        context = world.outside.copy()
        loop.call_later(latency + REPLICATION_SECONDS, replicated, context=context)
        if world.brokers.is_failing:
            world.brokers.is_failing = False
            later = latency + REPLICATION_SECONDS / 2
            loop.call_later(later, world.brokers.fail_over, context=world.outside.copy())
        body = BODY.get()
        acknowledged.add_done_callback(lambda _: world.crash_point("published", body))
        return acknowledged


class SimulatedConsumer:
    """aiokafka's consumer in a group, as far as `runtime.wire` uses it."""

    def __init__(self, world: World, group: Group, instance: str, listener: Any, max_records: int) -> None:
        self._world = world
        self.group = group
        self.instance = instance
        self._listener = listener
        self._max_records = max_records
        self.body = BODY.get()
        self.generation = -1
        self.tps: tuple[Place, ...] = ()
        self.positions: dict[Place, int] = {}
        self._paused: set[Place] = set()
        self._assigned = asyncio.Event()
        self._is_leaving = False
        self._rejoining: asyncio.Task[None] | None = None
        self._client = SimpleNamespace(send=None)
        self._subscription = SimpleNamespace(subscription=SimpleNamespace(assignment=self))

    # -- membership: what aiokafka does in the background

    async def start(self) -> None:
        """Join the group."""
        await asyncio.sleep(self._world.latency())
        self._in_body(self._heartbeat())
        self.group.join(self)

    def _in_body(self, coroutine: Any) -> Any:
        return self._world.loop.start(self.body, coroutine)

    async def _heartbeat(self) -> None:
        while not self._is_leaving:
            await asyncio.sleep(HEARTBEAT_SECONDS * (0.5 + self._world.random.random() / 2))
            if self.group.members.get(self.instance) is None:
                self._rejoin()

    def hear_of_rebalance(self, number: int) -> None:
        """The next heartbeat's answer says that the group rebalances."""
        if self.body.is_alive:
            delay = HEARTBEAT_SECONDS * self._world.random.random()
            context = self._world.outside.copy()
            context.run(BODY.set, self.body)
            self._world.loop.call_later(delay, self._rejoin_for, number, context=context)

    def _rejoin_for(self, number: int) -> None:
        if self.group.awaits(self, number):
            self._rejoin()

    def _rejoin(self) -> None:
        if self._rejoining is None or self._rejoining.done():
            self._rejoining = self._in_body(self._let_go_and_join())

    async def _let_go_and_join(self) -> None:
        other = self.group.members.get(self.instance)
        if self._is_leaving or (other is not None and other is not self):
            return  # fenced: somebody else has this slot's name now
        self._assigned.clear()
        await self._listener.on_partitions_revoked([TopicPartition(*each) for each in self.tps])
        await asyncio.sleep(self._world.latency())
        other = self.group.members.get(self.instance)
        if other is None or other is self:
            self.group.rejoined(self)

    def assign(self, generation: int, share: tuple[Place, ...]) -> None:
        """The coordinator's answer: from now on these partitions are ours, from their committed offsets on."""
        context = self._world.outside.copy()
        context.run(BODY.set, self.body)
        self._world.loop.call_later(self._world.latency(), self._take, generation, share, context=context)

    def _take(self, generation: int, share: tuple[Place, ...]) -> None:
        if generation != self.group.generation or self.group.members.get(self.instance) is not self:
            return
        self.generation = generation
        self.tps = share
        self._paused.clear()
        self.positions = {place: self.group.committed.get(place, 0) for place in share}
        self._in_body(self._listener.on_partitions_assigned([TopicPartition(*each) for each in share]))
        self._assigned.set()

    def is_silent(self) -> None:
        """Its process is dead or paused: if that lasts, the group goes on without it."""
        self._world.loop.call_later(SESSION_SECONDS, self._evict_if_silent, context=self._world.outside.copy())

    def _evict_if_silent(self) -> None:
        if not self.body.is_alive or self.body.is_paused:
            self.group.evict(self)

    async def stop(self) -> None:
        """A static member leaves without a word."""
        self._is_leaving = True

    # -- polling

    async def getmany(self, timeout_ms: int, max_records: int) -> dict[Place, list[Any]]:
        """Records from where it stands."""
        await self._assigned.wait()
        world = self._world
        found = self._drain(max_records)
        if found:
            world.crash_point("poll")
            return found
        waiter = world.loop.create_future()
        for place in self.tps:
            if place not in self._paused:
                world.brokers.waiters[place].append(waiter)
        handle = world.loop.call_later(5.0, done, waiter)
        await waiter
        handle.cancel()
        await asyncio.sleep(world.latency())
        await self._assigned.wait()
        return self._drain(max_records)

    def _drain(self, max_records: int) -> dict[Place, list[Any]]:
        world = self._world
        found: dict[Place, list[Any]] = {}
        room = max_records
        if self.tps and world.strikes("redelivery"):
            again = self.tps[int(world.random.random() * len(self.tps))]
            self.positions[again] = min(self.positions[again], self.group.committed.get(again, 0))
        for place in self.tps:
            if place in self._paused or room <= 0:
                continue
            at = self.positions[place]
            log = world.brokers.logs[place]
            if at >= len(log):
                continue
            count = min(room, len(log) - at)
            if world.random.random() < 0.1:
                count = 1 + int(world.random.random() * count)
            found[place] = log[at : at + count]
            self.positions[place] = at + len(found[place])
            room -= count
        return found

    # -- what the wire asks

    def assignment(self) -> set[TopicPartition]:
        """The partitions that it believes to have."""
        return {TopicPartition(*each) for each in self.tps}

    def pause(self, *partitions: TopicPartition) -> None:
        """Give no records of these."""
        self._paused |= {place_of(each) for each in partitions}

    def resume(self, *partitions: TopicPartition) -> None:
        """Give records of these again."""
        self._paused -= {place_of(each) for each in partitions}
        for place in self.tps:
            for waiter in self._world.brokers.waiters.pop(place, ()):
                if not waiter.done():
                    waiter.set_result(None)

    def highwater(self, partition: TopicPartition) -> int:
        """The end of a partition."""
        return len(self._world.brokers.logs[place_of(partition)])

    def state_value(self, partition: TopicPartition) -> Any:
        """Where it stands in a partition."""
        return SimpleNamespace(has_valid_position=True, position=self.positions.get(place_of(partition), 0))

    async def end_offsets(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """The ends of partitions."""
        return {each: self.highwater(each) for each in partitions}

    async def position(self, partition: TopicPartition) -> int:
        """Where it stands in a partition."""
        return self.positions.get(place_of(partition), 0)

    async def commit(self, offsets: Mapping[TopicPartition, int] | None = None) -> None:
        """Commit offsets; without any, of everything that it was given.

        Raises:
            IllegalStateError: one is not ours, as far as we know.
            CommitFailedError: the group went on without us.
        """
        world = self._world
        given = dict(self.positions) if offsets is None else {place_of(each): at for each, at in offsets.items()}
        if any(place not in self.tps for place in given):
            raise IllegalStateError("a partition is not assigned")
        world.crash_point("offsets")
        fate = world.strikes("kafka")
        generation = self.generation  # of the request: the group may go on while it is under way
        await asyncio.sleep(world.latency())
        if fate and world.random.random() < 0.5:
            raise KafkaTimeoutError
        try:
            self.group.commit(self, generation, given)
        except BaseException:
            self._rejoin()
            raise
        world.crash_point("committed")
        if fate:
            raise KafkaTimeoutError


class Subscriber:
    """What FastStream makes of a subscription, as far as `runtime.wire` touches it."""

    consumer: SimulatedConsumer | None = None
    take: Callable[[Sequence[Any]], Awaitable[None]]

    def __call__(self, function: object) -> object:
        """FastStream's way to name a handler; the wire gives its taker by `prompt_subscriber`."""
        return function


class SimulatedBroker:
    """FastStream's broker: makes the consumer and polls."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._subscriber = Subscriber()
        self._topics: tuple[str, ...] = ()
        self._options: dict[str, Any] = {}
        self._poll: asyncio.Task[None] | None = None

    def subscriber(self, *topics: str, **options: Any) -> Subscriber:
        """Note what is asked for."""
        self._topics, self._options = topics, options
        return self._subscriber

    async def start(self) -> None:
        """Join the group and poll."""
        group = self._world.brokers.group(self._options["group_id"], self._topics)
        consumer = SimulatedConsumer(
            self._world,
            group,
            self._options["group_instance_id"],
            self._options["listener"],
            self._options["max_records"],
        )
        self._subscriber.consumer = consumer
        self._world.consumers[consumer.body] = consumer
        await consumer.start()
        self._poll = asyncio.create_task(self._run(consumer))

    async def _run(self, consumer: SimulatedConsumer) -> None:
        most = self._options["max_records"]
        while True:
            found = await consumer.getmany(250, most)
            await self._subscriber.take(tuple(each for records in found.values() for each in records))

    async def stop(self) -> None:
        """Stop polling and let go of the group."""
        if self._poll is not None:
            self._poll.cancel()
        if self._subscriber.consumer is not None:
            await self._subscriber.consumer.stop()


def prompt_subscriber(take: Any, *, is_traced: bool) -> type[Subscriber]:
    """In place of FastStream's subscriber: the wire gives its taker to whoever polls."""

    class Prompt(Subscriber):
        pass

    Prompt.take = staticmethod(take)
    return Prompt
