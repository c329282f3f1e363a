"""Mutants: the runtime with one promise broken on purpose, by patching it from outside; the checker must catch each."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final
from unittest.mock import patch

from aiokafka.errors import KafkaError

from runtime.arrivals import Decoder
from runtime.batch import Batches
from runtime.documents import at_version
from runtime.journal import JournalRecord, Outgoing, Place
from runtime.mongo import Away, Conflict
from runtime.pipeline import Pipeline
from runtime.publishing import Publisher, Unsent
from runtime.sayings import Scribe
from runtime.store import Store
from runtime.transaction import JOURNAL, Transaction
from runtime.wire import Consumer
from tests.proof.simulation.clients import SimulatedProducer
from tests.proof.simulation.driver import Session

Mutant = Callable[[], Any]
MUTANTS: Final[dict[str, Mutant]] = {}
KNOWN: Final = {
    "no_version_check": (4, 500),
    "no_journal_look_up": (0, 30),
    "publishing_from_memory": (1, 150),
    "nothing_is_too_old": (5, 150),
}
"""Seed and number of commands that caught a mutant before; the rest fell to the first seed with 150 commands."""
REPLAYED: Final = frozenset({"nothing_is_too_old"})
"""Those whose input is replayed as the machine's own is; it would take longer and catch no more of the others."""


def mutant(make: Callable[[], Iterator[Any]]) -> Callable[[], Iterator[Any]]:
    """File a generator of one patch under its name."""
    MUTANTS[make.__name__] = contextmanager(make)
    return make


@mutant
def offsets_first() -> Iterator[Any]:
    """Offsets are committed before what they caused is published."""
    publish = Pipeline._publish

    async def hasty(self: Pipeline, ours: Any) -> None:
        await self._commit(ours)
        await publish(self, ours)

    with patch.object(Pipeline, "_publish", hasty):
        yield


@mutant
def journal_outside() -> Iterator[Any]:
    """The journal is written after the documents, in a transaction of its own."""
    command, commit = Transaction._command, Transaction.commit

    def documents_first(self: Transaction, asked: dict[str, Any], count: int) -> None:
        late: list[tuple[dict[str, Any], int]] | None = self.__dict__.get("late")
        if late is not None and asked.get("insert") in (JOURNAL, "outbox"):
            late.append((asked, count))
            return
        command(self, asked, count)

    async def twice(self: Transaction, view: Any, records: Sequence[JournalRecord]) -> list[Place]:
        late: list[tuple[dict[str, Any], int]] = []
        self.__dict__["late"] = late
        places = await commit(self, view, records)
        del self.__dict__["late"]
        self._session = None
        for asked, count in late:
            await self._hop(partial(self._command, asked, count))
        await self._hop(self._seal())
        return places

    with patch.object(Transaction, "_command", documents_first), patch.object(Transaction, "commit", twice):
        yield


@mutant
def acks_1() -> Iterator[Any]:
    """The leader alone acknowledges."""
    init = SimulatedProducer.__init__

    def careless(self: SimulatedProducer, world: Any, options: Any) -> None:
        init(self, world, {**options, "acks": 1})

    with patch.object(SimulatedProducer, "__init__", careless):
        yield


@mutant
def commit_without_arguments() -> Iterator[Any]:
    """Offsets of everything polled are committed, whatever became of it."""

    async def all_of_it(self: Consumer, offsets: Any) -> None:
        await self._aiokafka.commit()

    with patch.object(Consumer, "commit", all_of_it):
        yield


@mutant
def no_twins() -> Iterator[Any]:
    """Twins in a batch are both executed, and the journal keeps one record for both."""
    write = Transaction._write

    def once(self: Transaction, view: Any, records: Sequence[JournalRecord], places: Sequence[Place]) -> None:
        first = {record.id: number for number, record in reversed(list(enumerate(records)))}
        kept = sorted(first.values())
        write(self, view, [records[number] for number in kept], [places[number] for number in kept])

    def decode(self: Decoder, records: Any) -> Any:
        inner = Decoder._decode_one
        now = self.clock()
        return [
            inner(self, place, record, now.replace(year=2000), now.replace(year=2100))
            for place, record in enumerate(records)
        ]

    with patch.object(Decoder, "decode", decode), patch.object(Transaction, "_write", once):
        yield


@mutant
def publishing_from_memory() -> Iterator[Any]:
    """A commit of unknown fate counts as done, and what was decided is published."""
    commit = Session.commit_transaction

    def believing(self: Session) -> Any:
        blocked = commit(self)
        finish = blocked.finish

        def believed(future: asyncio.Future[Any]) -> None:
            inner: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

            def believe(result: asyncio.Future[Any]) -> None:
                result.exception()
                if not future.done():
                    future.set_result(None)

            inner.add_done_callback(believe)
            finish(inner)

        blocked.finish = believed
        return blocked

    with patch.object(Session, "commit_transaction", believing):
        yield


@mutant
def no_version_check() -> Iterator[Any]:
    """Documents are loaded outside of the snapshot, and no version is looked at when they are written."""
    find = Transaction._find

    def outside(self: Transaction, document_class: Any, ids: Any) -> Any:
        own, self._session = self._session, None
        try:
            return find(self, document_class, ids)
        finally:
            self._begun().end_session()
            self._session = own

    def unguarded(self: Session, slot: Any, document: Any) -> None:
        self.writes[slot] = document

    with patch.object(Transaction, "_find", outside), patch.object(Session, "write", unguarded):
        yield


@mutant
def versions_not_counted() -> Iterator[Any]:
    """A changed document keeps the version that it had."""

    def same(document: Any, version: int, *, shared: bool) -> Any:
        return at_version(document, max(version - 1, 1), shared=shared)

    with patch("runtime.decisions.at_version", same):
        yield


@mutant
def nothing_is_too_old() -> Iterator[Any]:
    """What comes after the journal's time is executed, though nobody knows any more whether it was before."""
    with patch("runtime.arrivals.born", lambda envelope: datetime.max.replace(tzinfo=UTC)):
        yield


@mutant
def marks_before_publishing() -> Iterator[Any]:
    """The journal says dispatched before it is."""
    publish = Pipeline._publish

    async def marked(self: Pipeline, ours: Any) -> None:
        await self._store.mark_dispatched([each.place for each in ours if each.place is not None])
        await publish(self, ours)

    with patch.object(Pipeline, "_publish", marked):
        yield


@mutant
def acknowledgements_not_awaited() -> Iterator[Any]:
    """Publishing is over when everything is handed to the producer."""

    async def send(self: Publisher, topic: str, partition: int, messages: Sequence[Outgoing]) -> None:
        producer: Any = self._producer
        builder = producer.create_batch()
        for each in messages:
            builder.append(timestamp=None, key=each.key, value=each.value, headers=each.headers)
        (await producer.send_batch(builder, topic, partition=partition)).add_done_callback(
            lambda done: done.exception()
        )

    with patch.object(Publisher, "_send", send):
        yield


@mutant
def lost_acknowledgements_are_successes() -> Iterator[Any]:
    """An error of the broker is taken for an acknowledgement."""
    send = Publisher._send

    async def optimistic(self: Publisher, topic: str, partition: int, messages: Sequence[Outgoing]) -> None:
        with suppress(KafkaError):
            await send(self, topic, partition, messages)

    with patch.object(Publisher, "_send", optimistic):
        yield


@mutant
def no_journal_look_up() -> Iterator[Any]:
    """What was finished before is executed again."""

    async def nothing(self: Batches[Any], arrivals: Any) -> dict[str, JournalRecord]:
        return {}

    with patch.object(Batches, "_look_up", nothing):
        yield


@mutant
def failed_batches_are_passed() -> Iterator[Any]:
    """What could not be published is tried again later, and what comes after it goes first."""
    retry = Pipeline._send

    async def later(self: Pipeline, step: Any, *batches: Any) -> None:
        try:
            await step([settled for batch in batches for settled in self._still_ours(batch)])
        except (Unsent, KafkaError):
            self.__dict__.setdefault("late", []).append(asyncio.ensure_future(_after(0.3, retry(self, step, *batches))))

    with patch.object(Pipeline, "_send", later):
        yield


async def _after(seconds: float, coroutine: Any) -> None:
    await asyncio.sleep(seconds)
    await coroutine


@mutant
def digests_not_compared() -> Iterator[Any]:
    """The same id with another body counts as a repetition."""
    finished = Store.finished
    decode = Decoder.decode

    def same(self: Decoder, records: Any) -> Any:
        with patch("contracts.messages.Message.digest", lambda self: b"same"):
            return decode(self, records)

    with patch.object(Decoder, "decode", same), patch.object(Store, "finished", finished):
        yield


@mutant
def dead_letters_dropped() -> Iterator[Any]:
    """What can't be read is answered and forgotten."""
    with patch.object(Scribe, "dead_letter", lambda self, arrival: ()):
        yield


@mutant
def conflicts_are_done() -> Iterator[Any]:
    """A batch that met a conflict is not tried again."""

    async def once(self: Batches[Any], arrivals: Any, settled: Any, finished: Any = None) -> None:
        with suppress(Conflict, Away):
            known = await self._look_up(arrivals)
            await self._attempt(self._unfinished(arrivals, settled, known), settled)

    with patch.object(Batches, "_settle", once):
        yield
