"""Publishing: messages out in order, in few requests, and nothing done until all are acknowledged."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache
from typing import Final
from zlib import crc32

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.partitioner import murmur2

from runtime.admin import connection
from runtime.journal import Outgoing
from runtime.settings import Settings

LARGEST_REQUEST_BYTES: Final = 1_000_000
REQUEST_TIMEOUT_MS: Final = 15_000
PUBLISH_SECONDS: Final = 10.0
"""How long everything may take to be acknowledged; without a limit aiokafka tries on in silence while Kafka is away."""
CUT_OFF_SECONDS: Final = 5.0
Place = tuple[str, int]
"""A topic and one of its partitions."""


class Unsent(Exception):
    """Not everything was acknowledged; what comes after in the same partitions was not sent."""


@lru_cache(maxsize=100_000)
def partition_of(key: bytes, partitions: int) -> int:
    """The partition of a key, as Kafka's own clients choose it (murmur2, positive, modulo)."""
    return int((murmur2(key) & 0x7FFFFFFF) % partitions)


class Publisher:
    """Sends messages in order, in as few requests as there are partitions, and waits for every acknowledgement."""

    def __init__(self, settings: Settings, client_id: str) -> None:
        self._settings = settings
        self._client_id = client_id
        self._producer: AIOKafkaProducer | None = None
        self._counts: dict[str, int] = {}
        self._turn = asyncio.Lock()
        """One call at a time: one that meets an error cuts the producer off, and others' messages with it."""

    async def start(self) -> None:
        """Connect.

        Raises:
            KafkaError: no broker can be reached.
        """
        self._producer = AIOKafkaProducer(
            **connection(self._settings),
            client_id=self._client_id,
            acks="all",
            enable_idempotence=True,
            linger_ms=0,
            max_batch_size=LARGEST_REQUEST_BYTES,
            max_request_size=LARGEST_REQUEST_BYTES + 48_576,
            request_timeout_ms=REQUEST_TIMEOUT_MS,
        )
        try:
            await self._producer.start()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Send what is under way and disconnect."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await producer.stop()

    async def publish(self, outgoing: Sequence[Outgoing]) -> None:
        """Send these, in order within each partition, and wait until all are acknowledged.

        Raises:
            Unsent: an error stopped it; to be called again with the same messages.
        """
        async with self._turn:
            try:
                async with asyncio.timeout(PUBLISH_SECONDS):
                    await self._publish(outgoing)
            except (KafkaError, OSError) as error:  # a timeout is an OSError
                await self._restart()
                raise Unsent(type(error).__name__) from error

    async def _publish(self, outgoing: Sequence[Outgoing]) -> None:
        if self._producer is None:
            await self.start()
        parts: dict[Place, list[Outgoing]] = defaultdict(list)
        for each in outgoing:
            parts[each.topic, await self._choose(each)].append(each)
        sending = (self._send(topic, partition, each) for (topic, partition), each in parts.items())
        for result in await asyncio.gather(*sending, return_exceptions=True):
            if result is not None:
                raise result

    async def _restart(self) -> None:
        """An idempotent producer that met an error may refuse everything after; the next call makes a new one.

        The old one is cut off, not stopped: stopping waits for what is under way, and in an outage that lived on and
        was sent when the broker came back, behind what had been sent since.
        """
        producer, self._producer = self._producer, None
        if producer is None:
            return
        producer._closed = True  # noqa: SLF001  # aiokafka has no door for this
        with suppress(TimeoutError):
            async with asyncio.timeout(CUT_OFF_SECONDS):
                if producer._sender is not None:  # noqa: SLF001
                    await producer._sender.close()  # noqa: SLF001
                await producer.client.close()

    async def _choose(self, outgoing: Outgoing) -> int:
        count = self._counts.get(outgoing.topic)
        if count is None:
            assert self._producer is not None
            count = self._counts[outgoing.topic] = len(await self._producer.partitions_for(outgoing.topic))
        if count == 1:
            return 0
        if outgoing.key is None:
            return crc32(outgoing.value or b"") % count
        return partition_of(outgoing.key, count)

    async def _send(self, topic: str, partition: int, messages: Sequence[Outgoing]) -> None:
        producer = self._producer
        assert producer is not None
        builder = producer.create_batch()
        for each in messages:
            fields = {"timestamp": None, "key": each.key, "value": each.value, "headers": each.headers}
            if builder.append(**fields) is None:
                await (await producer.send_batch(builder, topic, partition=partition))
                builder = producer.create_batch()
                builder.append(**fields)
        await (await producer.send_batch(builder, topic, partition=partition))
