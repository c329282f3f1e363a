"""Clearing: commands leave their topic some time after they were settled, as what came in clear lies there in clear.

Retention alone would do it, too, but by the clock: it takes commands that a worker which was away has not read yet.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.errors import KafkaError

from contracts.topics import commands_topic
from runtime.admin import connection
from runtime.settings import Settings

LOOKS: Final = 4
"""How often it looks within the time for which commands are kept."""
LEAST_SECONDS: Final = 1.0
MOST_SECONDS: Final = 600.0

Offsets = Mapping[TopicPartition, int]


class Clearing:
    """Deletes what a worker has settled from its topic of commands, once it lies there for long enough."""

    def __init__(self, settings: Settings, worker: str, log: Any) -> None:
        self._settings = settings
        self._topic = commands_topic(settings.prefix, worker)
        self._group = settings.group(worker)
        self._log = log
        self._kept_seconds = settings.commands_kept_hours * 3_600
        self._seen: deque[tuple[float, Offsets]] = deque()
        """What was settled, and since when that is known; the oldest first."""

    async def run(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Look and clear, again and again."""
        while True:
            await asyncio.sleep(min(max(self._kept_seconds / LOOKS, LEAST_SECONDS), MOST_SECONDS))
            try:
                await self._clear(monotonic())
            except (KafkaError, OSError) as error:
                self._log.warning("settled commands can't be cleared", error=type(error).__name__)

    async def _clear(self, now: float) -> None:
        admin = AIOKafkaAdminClient(**connection(self._settings))
        try:
            await admin.start()
            self._seen.append((now, await self._settled(admin.list_consumer_group_offsets)))
            due = self._due(now)
            if due:
                await admin.delete_records({place: RecordsToDelete(before_offset=end) for place, end in due.items()})
        finally:
            await admin.close()

    async def _settled(self, ask: Callable[[str], Awaitable[Any]]) -> Offsets:
        """Up to where the worker has settled each partition of its commands: all processes of it, in one group."""
        committed = await ask(self._group)
        return {
            place: each.offset for place, each in committed.items() if place.topic == self._topic and each.offset > 0
        }

    def _due(self, now: float) -> Offsets:
        """What was settled long enough ago; what is older than that is in it."""
        due: Offsets = {}
        while self._seen and self._seen[0][0] <= now - self._kept_seconds:
            due = self._seen.popleft()[1]
        return due
