"""What is measured: commands to be processed, the documents that stand before, and every byte that comes of it.

All of it is rehearsed once, in memory, by the machine itself: `Batches` with a notebook in place of MongoDB. So all
ways start from the same documents and take the same commands, and the bare pipe can write and send the very bytes that
ours does without knowing what they mean. Names begin with a placeholder of a prefix's length, which takes its place.
"""

import pickle
from collections import deque
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Final, Literal, Self, cast

from contracts.programme import Programme
from contracts.topics import commands_topic
from runtime.batch import Batches
from runtime.decisions import Worker
from runtime.documents import Document, Slot, View
from runtime.journal import JournalRecord, Outgoing, Place, pack, record_to_raw
from runtime.mongo import to_raw, update_of
from runtime.settings import Settings
from runtime.store import Store
from runtime.telemetry import Telemetry
from tests.bench import commands

PLACEHOLDER: Final = "bench-00000000"
BATCH: Final = 500
Write = tuple[str, Literal["insert", "change"], str, dict[str, Any]]
"""Collection, what is done, the document's id, and the document or the fields that change."""


@dataclass(slots=True)
class Played:
    """What one command comes to: writes, its journal record and outbox part as MongoDB keeps them, and messages."""

    writes: list[Write]
    journal: dict[str, Any]
    part: bytes
    outgoing: tuple[Outgoing, ...]


@dataclass(slots=True)
class Workload:
    """Commands of one kind for one worker, in the order in which they are sent, and what each of them comes to."""

    name: str
    worker: str
    seeds: dict[str, list[dict[str, Any]]]
    """By collection, the documents that stand before."""
    commands: list[Outgoing]
    played: list[Played]

    def under(self, prefix: str) -> Self:
        """The same under another prefix of the same length, in topics, sources and the journal alike."""
        assert len(prefix) == len(PLACEHOLDER)
        renamed: Self = pickle.loads(pickle.dumps(self).replace(PLACEHOLDER.encode(), prefix.encode()))  # our own
        return renamed


@dataclass(slots=True)
class _Record:
    """A message as a consumer would see it."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]
    partition: int = 0
    offset: int = 0
    timestamp: int = 0


@dataclass(slots=True)
class _Notebook:
    """Stands in for `Store`: documents in a dictionary, and what the last batch wrote."""

    documents: dict[Slot, Document] = field(default_factory=dict)
    writes: list[Write] = field(default_factory=list)
    journal: list[dict[str, Any]] = field(default_factory=list)
    parts: list[bytes] = field(default_factory=list)
    round_trips: int = 0

    async def finished(self, ids: Sequence[str]) -> dict[str, JournalRecord]:
        return {}

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Self]:
        yield self

    async def load(self, levels: Iterable[Iterable[Slot]], view: View) -> None:
        for level in levels:
            for slot in level:
                view.loaded(slot, self.documents.get(slot))

    async def commit(self, view: View, records: Sequence[JournalRecord]) -> list[Place]:
        assert not view.erased, "no workload erases"
        self.writes = []
        for kind, before, after in view.written():
            fields = to_raw(after) if before is None else update_of(before, after)["$set"]
            self.writes.append((type(after).collection, kind, after.id, dict(fields)))
            self.documents[type(after), after.id] = after
        places = [Place(records[0].id, part, len(records)) for part in range(len(records))]
        self.journal = [record_to_raw(*each) for each in zip(records, places, strict=True)]
        self.parts = [pack(record.messages) for record in records]
        return places


class Rehearsal:
    """One worker, played in memory, a message at a time."""

    def __init__(self, name: str, programme: Programme, settings: Settings) -> None:
        worker: Worker[Programme] = import_module(f"workers.{name}").worker
        self._notebook = _Notebook()
        self._start: dict[Slot, Document] = {}
        self._own_topic = commands_topic(settings.prefix, name)
        self._batches = Batches(worker, programme, cast(Store, self._notebook), settings, Telemetry(name))

    async def prepare(self, messages: Sequence[Outgoing]) -> None:
        """Let things happen that aren't measured."""
        for start in range(0, len(messages), BATCH):
            await self._batches.settle([_record(each) for each in messages[start : start + BATCH]])
        self._start = dict(self._notebook.documents)

    async def live(self, messages: Sequence[Outgoing]) -> None:
        """Let things happen one after the other, each with the commands to the same worker that follow from it."""
        waiting = deque(messages)
        while waiting:
            played = await self.play(waiting.popleft())
            waiting.extendleft(reversed([each for each in played.outgoing if each.topic == self._own_topic]))
        self._start = dict(self._notebook.documents)

    def begin_anew(self) -> None:
        """Go back to what stood after the preparation."""
        self._notebook.documents = dict(self._start)

    async def play(self, message: Outgoing) -> Played:
        """What one message comes to; the next one sees it."""
        (settled,) = await self._batches.settle([_record(message)])
        (journal,), (part,) = self._notebook.journal, self._notebook.parts
        return Played(self._notebook.writes, journal, part, settled.outgoing)

    def documents(self) -> dict[str, list[dict[str, Any]]]:
        """What stood after the preparation, by collection, as MongoDB would keep it."""
        found: dict[str, list[dict[str, Any]]] = {}
        for document in self._start.values():
            found.setdefault(document.collection, []).append(dict(to_raw(document)))
        return found


def _record(message: Outgoing) -> _Record:
    return _Record(message.topic, message.key, message.value, message.headers)


async def rehearse(programme: Programme, count: int) -> list[Workload]:
    """What is measured, with so many commands of each kind."""
    settings = Settings(prefix=PLACEHOLDER)
    workloads: list[Workload] = []
    for name, plan in commands.plans(programme, settings, count).items():
        rehearsal = Rehearsal(name, programme, settings)
        await rehearsal.prepare(plan.before)
        for kind, messages in plan.workloads.items():
            rehearsal.begin_anew()
            played = [await rehearsal.play(message) for message in messages]
            unfit = {each.journal["outcome"] for each in played} - {"done"}
            assert not unfit, f"{kind}: a rehearsed command ended as {unfit}"
            workloads.append(Workload(kind, name, rehearsal.documents(), messages, played))
    return workloads
