"""Kafka through FastStream: batches of raw records in, messages out in order, explicit offsets."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from itertools import chain
from time import monotonic
from typing import Any, Final

from aiokafka import ConsumerRebalanceListener, TopicPartition
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.errors import (
    CommitFailedError,
    IllegalStateError,
    KafkaTimeoutError,
    RebalanceInProgressError,
    UnknownMemberIdError,
)
from aiokafka.protocol.fetch import FetchRequest
from faststream import AckPolicy
from faststream.kafka import KafkaBroker, KafkaMessage
from faststream.kafka import TopicPartition as DeclaredPartition
from faststream.kafka.annotations import KafkaMessage as CurrentMessage
from faststream.kafka.message import FAKE_CONSUMER
from faststream.kafka.opentelemetry import KafkaTelemetryMiddleware
from faststream.kafka.subscriber.usecase import BatchSubscriber
from faststream.security import BaseSecurity, SASLPlaintext, SASLScram256, SASLScram512
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from typing_extensions import override

from runtime.admin import connection
from runtime.arrivals import Record
from runtime.publishing import Place
from runtime.settings import Settings

POLL_MS: Final = 250
"""How long a poll waits for records; with the first it returns at once."""
SHORTEST_WAIT_SECONDS: Final = 0.002
LONGEST_WAIT_SECONDS: Final = 0.02
BUSY_WAIT_SECONDS: Final = 0.01
COMMIT_SECONDS: Final = 10.0


class Unowned(Exception):
    """Offsets can't be committed, as the partitions belong to another process now."""


Taker = Callable[[Sequence[Record]], Awaitable[None]]
Revoked = Callable[[Iterable[Place]], Awaitable[None]]


def prompt_subscriber(take: Taker, *, is_traced: bool) -> type[BatchSubscriber]:
    """FastStream's batch subscriber, without its sleep after an empty poll and, unless traced, on the shortest way.

    It sleeps as long as a poll may wait, so that either is latency or an idle process that wakes 100 times a second.
    And its middlewares and injected parameters, of which we need none but tracing, were a tenth of a small batch.
    """

    class PromptSubscriber(BatchSubscriber):
        __slots__ = ()

        @override
        async def get_msg(self, consumer: Any) -> tuple[Any, ...]:
            found = await consumer.getmany(timeout_ms=POLL_MS, max_records=self.max_records)
            return tuple(chain.from_iterable(found.values()))

        @override
        async def consume_one(self, records: tuple[Any, ...]) -> None:
            if is_traced:
                await super().consume_one(records)
            else:
                await take(records)

    return PromptSubscriber


class Consumer:
    """Polls the topics of a worker as a member of its group, or all partitions of a topic without a group."""

    def __init__(self, settings: Settings, broker: KafkaBroker, take: Taker, revoked: Revoked) -> None:
        self._settings = settings
        self._broker = broker
        self._take = take
        self._revoked = revoked
        self._paused_by: set[int] = set()
        self.is_busy: Callable[[], bool] = lambda: False
        """Whether those who take the records have some in hand."""
        self._subscriber: Any = None

    def join(self, topics: Sequence[str], group: str, slot: int) -> None:
        """Take part in a group under the fixed name of a slot."""
        consumer = self
        settings = self._settings

        class Listener(ConsumerRebalanceListener):
            async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
                await consumer._revoked([(each.topic, each.partition) for each in revoked])

            async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
                if consumer._paused_by:
                    consumer._aiokafka.pause(*assigned)

        subscriber = self._broker.subscriber(
            *topics,
            group_id=group,
            group_instance_id=f"{group}-{slot}",
            batch=True,
            max_records=settings.batch_records,
            batch_timeout_ms=POLL_MS,
            fetch_max_wait_ms=500,
            ack_policy=AckPolicy.MANUAL,
            auto_offset_reset="earliest",
            partition_assignment_strategy=(RangePartitionAssignor,),
            session_timeout_ms=settings.session_timeout_ms,
            heartbeat_interval_ms=settings.session_timeout_ms // 4,
            rebalance_timeout_ms=settings.rebalance_timeout_ms,
            isolation_level="read_committed",
            listener=Listener(),
            parser=_leave_raw,
            decoder=_decode_nothing,
        )
        self._listen(subscriber)

    def follow(self, topic: str, partitions: int) -> None:
        """Read all partitions of a topic from now on, without a group."""
        subscriber = self._broker.subscriber(
            partitions=[DeclaredPartition(topic=topic, partition=number) for number in range(partitions)],
            batch=True,
            max_records=5_000,
            batch_timeout_ms=POLL_MS,
            ack_policy=AckPolicy.MANUAL,
            auto_offset_reset="latest",
            parser=_leave_raw,
            decoder=_decode_nothing,
        )
        self._listen(subscriber)

    def _listen(self, subscriber: Any) -> None:
        async def take_batch(message: CurrentMessage) -> None:
            raw = message.raw_message
            await self._take(raw if isinstance(raw, tuple) else (raw,))

        subscriber(take_batch)
        subscriber.__class__ = prompt_subscriber(self._take, is_traced=self._settings.tracing_endpoint is not None)
        self._subscriber = subscriber

    async def start(self) -> None:
        """Connect and poll.

        Raises:
            KafkaError: no broker can be reached.
        """
        await self._broker.start()
        _ask_politely(self._subscriber.consumer, self.is_busy)

    async def stop(self) -> None:
        """Leave the group and disconnect."""
        await self._broker.stop()

    @property
    def _aiokafka(self) -> Any:
        return self._subscriber.consumer

    @property
    def is_assigned(self) -> bool:
        """Whether the process has its place in the group."""
        consumer = self._subscriber.consumer
        return consumer is not None and (bool(consumer.assignment()) or self._has_joined(consumer))

    @staticmethod
    def _has_joined(consumer: Any) -> bool:
        subscription = consumer._subscription.subscription  # noqa: SLF001  # a member may hold no partition at all
        return subscription is not None and subscription.assignment is not None

    def held(self) -> frozenset[Place]:
        """The partitions that the process holds now."""
        consumer = self._subscriber.consumer
        if consumer is None:
            return frozenset()
        return frozenset((each.topic, each.partition) for each in consumer.assignment())

    def pause(self, by: object) -> None:
        """Keep polling, so that membership is kept, but get nothing."""
        self._paused_by.add(id(by))
        self._aiokafka.pause(*self._aiokafka.assignment())

    def resume(self, by: object) -> None:
        """Get records again, once all who paused have said so."""
        self._paused_by.discard(id(by))
        consumer = self._subscriber.consumer
        if consumer is not None and not self._paused_by:
            consumer.resume(*consumer.assignment())

    async def commit(self, offsets: Mapping[Place, int]) -> None:
        """Commit these offsets and no others.

        Raises:
            Unowned: the partitions are another's by now.
            KafkaError: Kafka can't be reached.
        """
        explicit = {TopicPartition(*place): offset for place, offset in offsets.items()}
        consumer = self._subscriber.consumer
        if consumer is None:
            raise Unowned("stopped")
        try:
            async with asyncio.timeout(COMMIT_SECONDS):
                await consumer.commit(explicit)
        except TimeoutError as error:  # aiokafka looks for the group's coordinator without end
            raise KafkaTimeoutError("offsets") from error
        except (IllegalStateError, CommitFailedError, RebalanceInProgressError, UnknownMemberIdError) as error:
            raise Unowned(type(error).__name__) from error

    def lag(self) -> dict[Place, int]:
        """By partition, how many records lie beyond what was polled, as far as the last answers said."""
        consumer = self._subscriber.consumer
        if consumer is None:
            return {}
        lag: dict[Place, int] = {}
        for partition in consumer.assignment():
            high = consumer.highwater(partition)
            state = consumer._subscription.subscription.assignment.state_value(partition)  # noqa: SLF001  # `position()` is a coroutine that may wait
            if high is not None and state is not None and state.has_valid_position:
                lag[partition.topic, partition.partition] = max(0, high - state.position)
        return lag

    async def true_lag(self) -> int:
        """How many records lie beyond what was polled, as the broker says when it is asked anew.

        Raises:
            KafkaError: Kafka can't be reached.
        """
        consumer = self._aiokafka
        places = list(consumer.assignment())
        ends = await consumer.end_offsets(places) if places else {}
        return sum([max(0, end - await consumer.position(place)) for place, end in ends.items()])


def make_broker(settings: Settings, client_id: str) -> KafkaBroker:
    """FastStream's broker with what Punchcard needs set on purpose."""
    middlewares: list[Any] = []
    if settings.tracing_endpoint is not None:
        middlewares.append(KafkaTelemetryMiddleware(tracer_provider=_tracer_provider(settings, client_id)))
    return KafkaBroker(
        settings.kafka_servers,
        client_id=client_id,
        security=_security(settings),
        ack_policy=AckPolicy.MANUAL,
        acks="all",
        enable_idempotence=True,
        allow_auto_create_topics=False,
        graceful_timeout=30.0,
        middlewares=middlewares,
        logger=_fewer_words(),
        log_level=logging.DEBUG,
    )


def _tracer_provider(settings: Settings, client_id: str) -> TracerProvider:
    """Where spans go: to the OTLP address of the settings, in the background."""
    provider = TracerProvider(resource=Resource.create({"service.name": client_id}))
    exporter = OTLPSpanExporter(endpoint=settings.tracing_endpoint)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider


def _ask_politely(consumer: Any, is_busy: Callable[[], bool]) -> None:
    """Wait between fetches that came back empty and at once, and while what was fetched before is still worked on.

    Kafka holds a fetch until there is something; the local default's broker doesn't, and aiokafka asked it 2,000
    times a second. The wait begins anew with every record, so that it costs those who are busy nothing. Records that
    came while a batch is in hand were fetched one by one, though nobody had time for them: one fetch brings them all.
    """
    client = consumer._client  # noqa: SLF001  # aiokafka has no door for this
    send = client.send
    wait_seconds = SHORTEST_WAIT_SECONDS
    answered_at = 0.0

    async def send_politely(node: int, request: Any, **options: Any) -> Any:
        nonlocal wait_seconds, answered_at
        if not isinstance(request, FetchRequest):
            return await send(node, request, **options)
        rest = answered_at + BUSY_WAIT_SECONDS - monotonic()
        if rest > 0 and is_busy():
            await asyncio.sleep(rest)
        asked_at = monotonic()
        response = await send(node, request, **options)
        if any(partition[-1] for _, partitions in response.topics for partition in partitions):
            wait_seconds = SHORTEST_WAIT_SECONDS
        elif monotonic() - asked_at < wait_seconds:
            await asyncio.sleep(wait_seconds)
            wait_seconds = min(wait_seconds * 1.5, LONGEST_WAIT_SECONDS)
        answered_at = monotonic()
        return response

    client.send = send_politely


def _fewer_words() -> logging.Logger:
    """FastStream's own logger prints every assignment and every task's end; errors are enough."""
    logger = logging.getLogger("punchcard.faststream")
    logger.setLevel(logging.ERROR)
    return logger


def _security(settings: Settings) -> BaseSecurity | None:
    arguments = connection(settings)
    context = arguments.get("ssl_context")
    if "SASL" not in settings.kafka_security_protocol:
        return BaseSecurity(ssl_context=context, use_ssl=True) if context is not None else None
    kinds = {"PLAIN": SASLPlaintext, "SCRAM-SHA-256": SASLScram256, "SCRAM-SHA-512": SASLScram512}
    return kinds[settings.kafka_sasl_mechanism](
        username=settings.kafka_username or "",
        password=arguments["sasl_plain_password"] or "",
        ssl_context=context,
        use_ssl=context is not None,
    )


async def _leave_raw(records: Any) -> KafkaMessage:
    """FastStream's parser decodes every record's headers, and its decoder every body: ours do neither."""
    first = records[0] if isinstance(records, tuple) else records
    return KafkaMessage(
        body=b"", raw_message=records, message_id=f"{first.topic}/{first.offset}", consumer=FAKE_CONSUMER
    )


async def _decode_nothing(_: KafkaMessage) -> bytes:
    return b""
