"""The sender: commands at a constant rate, kept once they are acknowledged, and the ear that hears the outcomes."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from contracts.messages import CommandEnded, Malformed, header, read_body
from contracts.topics import results_topic
from runtime.admin import connection
from runtime.journal import Outgoing
from runtime.publishing import Publisher, Unsent
from runtime.settings import Settings
from services.demo.sending import Sending, Stray

TICK_SECONDS: Final = 0.05
AT_ONCE: Final = 400
AGAIN_SECONDS: Final = 0.2
POLL_MS: Final = 500
OPEN_SECONDS: Final = 5.0


UNREADABLE: Final = ("malformed", "unknown_type")


@dataclass(frozen=True, slots=True)
class Posted:
    """A message that was acknowledged, and whether its sender knows it to be one that its topic takes."""

    message: Outgoing
    is_decodable: bool


@dataclass(slots=True)
class Acknowledged:
    """What Kafka acknowledged, in the order in which it did; nothing else counts as sent."""

    messages: list[Posted] = field(default_factory=list)
    """Repeats and spoilt ones among them."""
    at: dict[str, float] = field(default_factory=dict)
    """By command id, when it was first acknowledged (`time.monotonic`)."""
    unacknowledged: int = 0
    """Publishings that had to be done again with the same ids; the first try may lie in the topics all the same."""


class Ear:
    """Hears outcomes from the results topic, from where it left off, however often the broker goes."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._positions = dict.fromkeys(range(settings.partitions), 0)
        self.answers: dict[str, CommandEnded] = {}
        self.heard_at: dict[str, float] = {}
        self._is_stale = False

    def reopen(self) -> None:
        """Connect anew: a consumer may hang for good after a broker restart."""
        self._is_stale = True

    async def run(self) -> None:
        """Listen until cancelled."""
        while True:
            try:
                await self._listen()
            except (KafkaError, OSError, TimeoutError):
                await asyncio.sleep(AGAIN_SECONDS)

    async def _listen(self) -> None:
        consumer = AIOKafkaConsumer(**connection(self._settings), enable_auto_commit=False)
        self._is_stale = False
        try:
            await asyncio.wait_for(consumer.start(), OPEN_SECONDS)
            topic = results_topic(self._settings.prefix)
            consumer.assign([TopicPartition(topic, number) for number in self._positions])
            for number, position in self._positions.items():
                consumer.seek(TopicPartition(topic, number), position)
            while not self._is_stale:
                for place, records in (await consumer.getmany(timeout_ms=POLL_MS)).items():
                    for record in records:
                        self._hear(record)
                    self._positions[place.partition] = records[-1].offset + 1
        finally:
            with contextlib.suppress(KafkaError, OSError, TimeoutError):
                await asyncio.wait_for(consumer.stop(), OPEN_SECONDS)

    def _hear(self, record: Any) -> None:
        command_id = header(record.headers, "ce_subject")
        if command_id is None or command_id in self.answers:
            return
        with contextlib.suppress(Malformed):
            self.answers[command_id] = read_body(CommandEnded, record.value)
            self.heard_at[command_id] = time.monotonic()


class Sender:
    """Sends at a rate, whatever the answers do; what isn't acknowledged is sent again, under the same ids."""

    def __init__(self, settings: Settings, rate: float) -> None:
        self._settings = settings
        self._rate = rate
        self._publisher = Publisher(settings, "chaos-sender")
        self.sent = Acknowledged()
        self.count = 0
        """How many messages were acknowledged."""
        self.sending_seconds = 0.0

    async def run(
        self, sendings: Iterable[Sending | Stray], is_over: Callable[[int], bool], may_go_on: Callable[[int], bool]
    ) -> None:
        """Send until `is_over(count)`; waits while `may_go_on(count)` says no, and later doesn't make up for that.

        An outage is made up for: what its callers wanted to say they still want to say when it is over.
        """
        rest = iter(sendings)
        began = time.monotonic()
        waited = 0.0
        while not is_over(self.count):
            tick = time.monotonic()
            if not may_go_on(self.count):
                await asyncio.sleep(TICK_SECONDS)
                waited += time.monotonic() - tick
                continue
            due = min(AT_ONCE, int((tick - began - waited) * self._rate) - self.count)
            if due > 0:
                await self.send(list(islice(rest, due)))
            await asyncio.sleep(max(0.0, TICK_SECONDS - (time.monotonic() - tick)))
        self.sending_seconds = time.monotonic() - began

    async def send(self, sendings: Sequence[Sending | Stray]) -> None:
        """Send these, and remember them once they are acknowledged."""
        messages = [each.outgoing(self._settings) for each in sendings]
        await self.publish(messages)
        now = time.monotonic()
        for each, message in zip(sendings, messages, strict=True):
            is_decodable = isinstance(each, Sending) or each.reason not in UNREADABLE
            self.sent.messages.append(Posted(message, is_decodable))
        for each in sendings:
            self.sent.at.setdefault(each.id, now)
        self.count += len(messages)

    async def publish(self, messages: Sequence[Outgoing]) -> None:
        """Publish until acknowledged."""
        while True:
            try:
                return await self._publisher.publish(messages)
            except Unsent:
                self.sent.unacknowledged += 1
                await asyncio.sleep(AGAIN_SECONDS)

    async def stop(self) -> None:
        """Disconnect."""
        with contextlib.suppress(KafkaError, OSError):
            await self._publisher.stop()
