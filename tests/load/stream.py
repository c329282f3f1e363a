"""The stream: what tills send, at a rate that nothing slows down, and how long each outcome took.

Latency counts from the moment at which a command was due, not from when it could be sent: a sender that was held up
counts as the system's fault (else the slowest moments would be asked least).
"""

import asyncio
import time
from collections import deque
from random import Random
from typing import Any, Final, Self

from aiokafka import AIOKafkaConsumer, TopicPartition
from uuid_utils import uuid7

from contracts.cards import IssueCard
from contracts.messages import Command, header
from contracts.programme import Programme
from contracts.topics import results_topic
from runtime.admin import connection
from runtime.edge import stamped
from runtime.publishing import Publisher
from runtime.settings import Settings
from tests.bench.commands import TILL, Shop, card_number
from tests.bench.latency import MIX

TICK_SECONDS: Final = 0.02
AT_ONCE: Final = 500
POLL_MS: Final = 200
FIRST_CARDS: Final = 2_000
FIRST_MEMBERS: Final = 1_000
APART: Final = 500
"""A card is given to a member so many cards after it was issued: by then registration has heard of it."""


class Till:
    """Commands as tills send them, without end: purchases mostly, on cards of members who collect and spend."""

    def __init__(self, programme: Programme, seed: int) -> None:
        self._shop = Shop(programme, seed)
        self._random = Random(seed)
        self._issued = 0
        self._free: deque[str] = deque()
        self._members: list[str] = []

    def beginning(self) -> list[list[Command]]:
        """What has to be there first, in parts; each part after the one before was taken in."""
        cards = [self._issue() for _ in range(FIRST_CARDS)]
        return [list(cards), [self._join() for _ in range(FIRST_MEMBERS)]]

    def next(self) -> Command:
        """The next command."""
        kind = self._random.choices(list(MIX), list(MIX.values()))[0]
        if kind == "IssueCard":
            return self._issue()
        if kind == "RegisterMember" and len(self._free) > APART:
            return self._join()
        card = self._random.choice(self._members)
        return self._shop.redemption(card) if kind == "RedeemReward" else self._shop.purchase(card)

    def _issue(self) -> Command:
        card = card_number(self._issued)
        self._issued += 1
        self._free.append(card)
        return IssueCard(card_number=card)

    def _join(self) -> Command:
        card = self._free.popleft()
        self._members.append(card)
        return self._shop.member(len(self._members), card)


class Stream:
    """Sends commands and hears their outcomes."""

    def __init__(self, settings: Settings, till: Till) -> None:
        self._settings = settings
        self._till = till
        self._publisher = Publisher(settings, "load")
        self._open: dict[str, float] = {}
        self.latencies: list[float] = []
        self.sent = 0
        self._listening: asyncio.Task[None] | None = None

    @property
    def open(self) -> int:
        """Commands without an outcome."""
        return len(self._open)

    @property
    def answered(self) -> int:
        """Commands that have one."""
        return self.sent - len(self._open)

    async def __aenter__(self) -> Self:
        await self._publisher.start()
        consumer = AIOKafkaConsumer(**connection(self._settings), enable_auto_commit=False)
        await consumer.start()
        topic = results_topic(self._settings.prefix)
        consumer.assign([TopicPartition(topic, number) for number in range(self._settings.partitions)])
        await consumer.seek_to_beginning()
        self._listening = asyncio.create_task(self._listen(consumer))
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.wait([self._listening])
        await self._publisher.stop()

    async def _listen(self, consumer: AIOKafkaConsumer) -> None:
        try:
            while True:
                found = await consumer.getmany(timeout_ms=POLL_MS)
                now = time.monotonic()
                for records in found.values():
                    for record in records:
                        self._hear(record, now)
        finally:
            await consumer.stop()

    def _hear(self, record: Any, now: float) -> None:
        due = self._open.pop(header(record.headers, "ce_subject") or "", None)
        if due is not None:
            self.latencies.append(now - due)

    async def send(self, commands: list[Command], due: list[float]) -> None:
        """Send these, due at these times."""
        messages = []
        for command, at in zip(commands, due, strict=True):
            name = str(uuid7())
            messages.append(stamped(self._settings, "load", command, name, TILL, None))
            self._open[name] = at
        self.sent += len(messages)
        for start in range(0, len(messages), AT_ONCE):
            await self._publisher.publish(messages[start : start + AT_ONCE])

    async def send_next(self, count: int) -> None:
        """Send so many at once, due now."""
        now = time.monotonic()
        await self.send([self._till.next() for _ in range(count)], [now] * count)

    async def hold(self, rate: float, seconds: float) -> None:
        """Send at a rate for so long."""
        began = time.monotonic()
        sent = 0
        while (passed := time.monotonic() - began) < seconds:
            count = min(AT_ONCE, int(passed * rate) - sent)
            if count:
                due = [began + (sent + number) / rate for number in range(count)]
                await self.send([self._till.next() for _ in range(count)], due)
                sent += count
            await asyncio.sleep(TICK_SECONDS)
