"""The edge: how a door puts commands on their topics and gets their answers, which come over the results topic."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from time import monotonic
from types import TracebackType
from typing import Final, Self

from aiokafka.errors import KafkaError

from contracts.messages import (
    Actor,
    Command,
    CommandEnded,
    Envelope,
    Malformed,
    header,
    read_body,
)
from contracts.topics import commands_topic, results_topic
from runtime.admin import AdminError, create_topics
from runtime.arrivals import Record
from runtime.journal import Outgoing
from runtime.publishing import Place, Publisher, Unsent
from runtime.settings import Settings
from runtime.wire import Consumer, make_broker

ACKNOWLEDGE_SECONDS: Final = 10.0
ASSEMBLE_AT: Final = 500
"""Most commands in one publishing."""
DEAF_AFTER: Final = 5
"""How many outcomes in a row have to be missed until an edge counts as deaf."""


class Away(Exception):
    """Kafka did not take a command in time; nothing is known of its fate, so the same id may be sent again."""


def stamped(
    settings: Settings,
    source: str,
    command: Command,
    id: str,
    actor: Actor,
    correlation_id: str | None,
    *,
    time: datetime | None = None,
    traceparent: str | None = None,
) -> Outgoing:
    """A command as the message that a door or a timer sends."""
    envelope = Envelope(
        id=id,
        type=type(command).__name__,
        time=time or datetime.now(UTC),
        actor=actor,
        correlation_id=correlation_id or id,
        schema_version=command.schema_version,
        traceparent=traceparent,
    )
    key = command.key_value
    return Outgoing(
        commands_topic(settings.prefix, command.worker),
        None if key is None else key.encode(),
        command.encoded(),
        envelope.headers(f"/{settings.prefix}/{source}"),
    )


class Edge:
    """A door's side of Kafka: commands out, answers in.

    Commands that come while others are on their way are published together: at 500 a second one request each cost
    more than all that the workers do with them.
    """

    def __init__(self, settings: Settings, source: str, heard: Callable[[CommandEnded], None] | None = None) -> None:
        """Disconnected yet; `heard` is told of every outcome that there is from now on, whoever waits for it."""
        self._settings = settings
        self._source = source
        self._heard = heard
        client_id = f"{settings.prefix}-{source}"
        self._publisher = Publisher(settings, client_id)
        self._consumer = Consumer(settings, make_broker(settings, client_id), self._hear, self._keep)
        self._consumer.follow(results_topic(settings.prefix), settings.partitions)
        self._waiting: dict[str, list[asyncio.Future[CommandEnded]]] = {}
        self._outbox: list[tuple[Outgoing, asyncio.Future[None]]] = []
        self._has_mail = asyncio.Event()
        self._postman: asyncio.Task[None] | None = None
        self._is_reachable = False
        self._heard_at = monotonic()
        self._missed = 0

    async def __aenter__(self) -> Self:
        try:
            await create_topics(self._settings)
            await self._publisher.start()
            await self._consumer.start()
            # Only asking makes it find the ends from which it reads on: an answer before that would be missed.
            async with asyncio.timeout(ACKNOWLEDGE_SECONDS):
                await self._consumer.true_lag()
        except (KafkaError, AdminError, OSError, TimeoutError) as error:
            await self.close()
            raise Away(type(error).__name__) from error
        except BaseException:
            await self.close()
            raise
        self._postman = asyncio.create_task(self._deliver())
        self._is_reachable = True
        self._heard_at = monotonic()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Disconnect, whatever state it is in.

        Raises:
            Exception: what ended the publishing before, if something did; all is closed then, too.
        """
        postman, self._postman = self._postman, None
        if postman is not None:
            postman.cancel()
            await asyncio.wait({postman})
        with suppress(KafkaError, OSError):
            await self._consumer.stop()
        with suppress(KafkaError, OSError):
            await self._publisher.stop()
        if postman is not None and not postman.cancelled():
            postman.result()

    @property
    def ready(self) -> bool:
        """Whether the last publishing was acknowledged and the results are followed."""
        is_publishing = self._postman is not None and not self._postman.done()
        return is_publishing and self._is_reachable and self._consumer.is_assigned

    def missed(self, asked_at: float) -> None:
        """Note that the outcome of a command is known elsewhere and was not heard here.

        It counts only if no outcome at all was heard since: under load answers come late, and that is no deafness.

        Args:
            asked_at: when the command was sent, in seconds of `time.monotonic`.
        """
        if asked_at >= self._heard_at:
            self._missed += 1

    @property
    def is_deaf(self) -> bool:
        """Whether outcomes don't reach it though there are some: a consumer may hang after a broker's restart."""
        return self._missed >= DEAF_AFTER

    @property
    def waiting(self) -> int:
        """How many commands somebody waits for."""
        return len(self._waiting)

    async def submit(
        self,
        command: Command,
        *,
        id: str,
        actor: Actor,
        correlation_id: str | None = None,
        time: datetime | None = None,
        traceparent: str | None = None,
    ) -> None:
        """Put a command on its topic; acknowledged when this returns.

        Raises:
            Away: Kafka did not take it in time.
        """
        message = stamped(
            self._settings, self._source, command, id, actor, correlation_id, time=time, traceparent=traceparent
        )
        taken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._outbox.append((message, taken))
        self._has_mail.set()
        try:
            async with asyncio.timeout(ACKNOWLEDGE_SECONDS):
                await taken
        except (Unsent, TimeoutError) as error:
            raise Away(type(error).__name__) from error

    async def send(self, messages: Sequence[Outgoing]) -> None:
        """Put messages on their topics as they are, in order; all acknowledged when this returns.

        Raises:
            Away: Kafka did not take them.
        """
        try:
            await self._publisher.publish(messages)
        except Unsent as error:
            raise Away(str(error)) from error

    async def ask(
        self,
        command: Command,
        *,
        id: str,
        actor: Actor,
        wait_seconds: float,
        correlation_id: str | None = None,
        time: datetime | None = None,
        traceparent: str | None = None,
    ) -> CommandEnded | None:
        """Put a command on its topic and wait for its one outcome; None if it has none in time.

        Raises:
            Away: Kafka did not take it in time.
        """
        answer: asyncio.Future[CommandEnded] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(id, []).append(answer)
        try:
            await self.submit(
                command, id=id, actor=actor, correlation_id=correlation_id, time=time, traceparent=traceparent
            )
            async with asyncio.timeout(wait_seconds):
                return await answer
        except TimeoutError:
            return None
        finally:
            left = self._waiting.get(id, [])
            if answer in left:
                left.remove(answer)
            if not left:
                self._waiting.pop(id, None)

    async def _deliver(self) -> None:
        """Publish what lies in the outbox, all of it at once, again and again."""
        while True:
            await self._has_mail.wait()
            mail, self._outbox = self._outbox[:ASSEMBLE_AT], self._outbox[ASSEMBLE_AT:]
            if not self._outbox:
                self._has_mail.clear()
            mail = [(message, taken) for message, taken in mail if not taken.done()]
            try:
                await self._publisher.publish([message for message, _ in mail])
            except Unsent as error:
                self._is_reachable = False
                for _, taken in mail:
                    if not taken.done():
                        taken.set_exception(error)
                continue
            self._is_reachable = True
            for _, taken in mail:
                if not taken.done():
                    taken.set_result(None)

    async def _hear(self, records: Sequence[Record]) -> None:
        """Wake those who wait for these outcomes; an outcome that nobody here waits for is not even parsed."""
        self._heard_at, self._missed = monotonic(), 0
        for record in records:
            command_id = header(record.headers, "ce_subject")
            futures = self._waiting.pop(command_id, None) if command_id is not None else None
            if futures is None and self._heard is None:
                continue
            try:
                ended = read_body(CommandEnded, record.value)
            except Malformed:
                continue
            if self._heard is not None:
                self._heard(ended)
            for future in futures or ():
                if not future.done():
                    future.set_result(ended)

    async def _keep(self, places: object) -> None:
        """Nothing is revoked from one who is in no group."""
        del places


__all__ = ["Away", "Edge", "Place", "stamped"]
