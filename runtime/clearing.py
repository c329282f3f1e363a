"""Clearing: commands leave their topic some time after they were sent, as what came in clear lies there in clear.

Retention alone would do it, too, but by the clock alone: it takes commands that a worker which was away has not read
yet. Nothing is remembered from one look to the next: whoever looks finds what is due, however often a worker restarts,
and what could not be deleted is found again.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
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
    """Deletes what a worker has settled from its topic of commands, once it was sent for long enough."""

    def __init__(self, settings: Settings, worker: str, log: Any) -> None:
        self._settings = settings
        self._topic = commands_topic(settings.prefix, worker)
        self._group = settings.group(worker)
        self._log = log
        self._kept_seconds = settings.commands_kept_hours * 3_600

    async def run(self, clock: Callable[[], float] = time.time) -> None:
        """Look and clear, again and again; `clock` says the seconds since 1970, as records are stamped."""
        while True:
            await asyncio.sleep(min(max(self._kept_seconds / LOOKS, LEAST_SECONDS), MOST_SECONDS))
            try:
                await self._clear(clock())
            except (KafkaError, OSError) as error:
                self._log.warning("settled commands can't be cleared", error=type(error).__name__)

    async def _clear(self, now: float) -> None:
        admin = AIOKafkaAdminClient(**connection(self._settings))
        try:
            await admin.start()
            # What was settled is asked first: whatever is sent and settled after that is not taken for older.
            settled = await self._settled(admin)
            if settled:
                due = await self._due(settled, now - self._kept_seconds)
                await admin.delete_records({place: RecordsToDelete(before_offset=end) for place, end in due.items()})
        finally:
            await admin.close()

    async def _settled(self, admin: AIOKafkaAdminClient) -> Offsets:
        """Up to where the worker has settled each partition of its commands: all processes of it, in one group."""
        committed: Any = await admin.list_consumer_group_offsets(self._group)
        return {
            place: each.offset for place, each in committed.items() if place.topic == self._topic and each.offset > 0
        }

    async def _due(self, settled: Offsets, sent_before: float) -> Offsets:
        """Of what was settled, up to the first record that was sent later than that, in seconds since 1970."""
        limit = max(0, int(sent_before * 1_000))
        reader = AIOKafkaConsumer(**connection(self._settings), enable_auto_commit=False)
        try:
            await reader.start()
            younger: Any = await reader.offsets_for_times(dict.fromkeys(settled, limit))
            # A broker that lost its last records has fewer than were settled, and deletes nothing beyond its end.
            ends = await reader.end_offsets(list(settled))
        finally:
            await reader.stop()
        return {
            place: min(offset, ends[place] if younger[place] is None else younger[place].offset)
            for place, offset in settled.items()
        }
