"""A worker in memory: the runtime's own batches over a dictionary in place of MongoDB."""

import time
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Self, cast

from contracts.programme import Programme
from runtime.batch import Batches, Settled
from runtime.decisions import Worker
from runtime.documents import Document, Slot, View
from runtime.journal import JournalRecord, Place
from runtime.mongo import to_raw
from runtime.persons import DEAD_LETTERS, PersonKey
from runtime.settings import Settings
from runtime.store import Store
from runtime.telemetry import Telemetry
from tests.fuzz.shots import Shot


@dataclass(slots=True)
class Taken:
    """A shot as a poll gives it."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]
    partition: int = 0
    offset: int = 0
    timestamp: int = 0


@dataclass(slots=True)
class Notebook:
    """Stands in for `Store`: documents and journal in dictionaries."""

    documents: dict[Slot, Document] = field(default_factory=dict)
    journal: dict[str, JournalRecord] = field(default_factory=dict)
    round_trips: int = 0

    async def finished(self, ids: Sequence[str]) -> dict[str, JournalRecord]:
        return {name: self.journal[name] for name in ids if name in self.journal}

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Self]:
        yield self

    async def load(self, levels: Iterable[Iterable[Slot]], view: View) -> None:
        for level in levels:
            for slot in level:
                view.loaded(slot, self.documents.get(slot))

    async def commit(self, view: View, records: Sequence[JournalRecord]) -> list[Place]:
        for erase in view.erased:
            for slot in [slot for slot, document in self.documents.items() if erase.covers(document)]:
                del self.documents[slot]
        for _, _, after in view.written():
            to_raw(after)
            self.documents[type(after), after.id] = after
        self.journal |= {record.id: record for record in records}
        return [Place(records[0].id, part, len(records)) for part in range(len(records))]


class InMemory:
    """One worker, and all that it said."""

    def __init__(self, name: str, programme: Programme, settings: Settings) -> None:
        self.worker: Worker[Programme] = import_module(f"workers.{name}").worker
        self.notebook = Notebook()
        self.telemetry = Telemetry(name)
        self._batches = Batches(self.worker, programme, cast(Store, self.notebook), settings, self.telemetry)

    @property
    def letters_key(self) -> bytes | None:
        """What shuts its dead letters."""
        found = self.notebook.documents.get((PersonKey, DEAD_LETTERS))
        return found.key if isinstance(found, PersonKey) else None

    async def settle(self, shots: Mapping[int, Shot]) -> list[Settled]:
        """Settle these, by their offsets, as one batch."""
        return await self._batches.settle([_taken(offset, shot) for offset, shot in shots.items()])


def _taken(offset: int, shot: Shot) -> Taken:
    stamp = shot.timestamp_ms if shot.timestamp_ms is not None else int(time.time() * 1_000)
    headers = cast(Any, shot.headers)  # a header may be null: that is the point
    return Taken(shot.topic, shot.key, shot.value, headers, offset=offset, timestamp=stamp)
