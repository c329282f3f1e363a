"""The life of one batch: decode, look up, load, handle, commit. Read this page first.

What a batch comes to is settled in MongoDB before anything is published; `pipeline.py` publishes it, in order, and
only then commits offsets. A crash anywhere is safe: before the commit nothing happened, after it the journal knows.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Generic, TypeVar

from contracts.messages import Outcome
from runtime.arrivals import Arrival, Decoder, Problem, Record
from runtime.decisions import Context, NotLoaded, Refused, Worker, decide
from runtime.documents import Erase, Slot, View
from runtime.journal import JournalRecord, Outgoing, Place
from runtime.keyring import Keyring
from runtime.mongo import Away, Conflict, Unfit
from runtime.persons import (
    DEAD_LETTERS,
    PersonKey,
    Shut,
    keys_wanted,
    make_keys,
    new_key,
    to_shut,
    with_key,
    with_keys,
)
from runtime.retrying import Waits, until_done
from runtime.sayings import Scribe
from runtime.settings import Settings
from runtime.store import Store, Transaction
from runtime.telemetry import Telemetry, where_from
from runtime.vault import Vault

P = TypeVar("P")

CONFLICTS_BEFORE_HALVING: Final = 2
LEAST_ROOM: Final = 20
"""Records that a batch may have whatever conflicts it meets, and by how many it grows without one."""
DUPLICATES_BEFORE_FAILING: Final = 5
"""How often one message alone may meet an existing key before that counts as its handler's bug."""
WAITS: Final = Waits(0.01, 5.0)
LETTERS_KEY: Final = Erase(PersonKey, DEAD_LETTERS)


@dataclass(slots=True)
class Settled:
    """What one record came to: what to publish for it, and where in the outbox that lies."""

    record: Record
    outgoing: tuple[Outgoing, ...] = ()
    place: Place | None = None
    is_published: bool = False


@dataclass(slots=True)
class Prepared:
    """A batch that was decoded, and what the journal knew of it then; None where it could not be asked."""

    settled: list[Settled]
    todo: list[Arrival]
    late: list[Arrival]
    """Reused ids, after the rest: which body was the first one only the journal knows when a batch comes again."""
    finished: dict[str, JournalRecord] | None


class Batches(Generic[P]):
    """Settles batches of records for one worker, one after the other."""

    def __init__(
        self,
        worker: Worker[P],
        programme: P,
        store: Store,
        settings: Settings,
        telemetry: Telemetry,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._worker = worker
        self._programme = programme
        self._vault = Vault.of(settings)
        self._store = store
        self._keyring = Keyring(store)
        self._clock = clock
        self._telemetry = telemetry
        self._decoder = Decoder(worker, settings, clock, self._vault)
        self._scribe = Scribe(worker, settings)
        self.room = self._most = settings.batch_records
        """How many records the next batch may have: half as many after a conflict, and slowly more without.

        The longer a transaction takes, the likelier somebody else changes what it loaded, and redoing it takes longer
        still: without this, two busy processes that share some documents fall behind for good. (Additive increase,
        multiplicative decrease, as TCP does it: RFC 5681.)
        """
        self._depths = 1 + max((need.depth for each in worker.handlers.values() for need in each.needs), default=0)

    async def settle(self, records: Sequence[Record]) -> list[Settled]:
        """Settle a batch: afterwards every message in it has its one outcome, in the journal.

        Returns one entry per record, in the records' order. Waits without end while MongoDB is away.
        """
        return await self.finish(await self.prepare(records))

    async def prepare(self, records: Sequence[Record]) -> Prepared:
        """Decode a batch and look it up: what can be done while the batch before it is still being committed.

        What that one finishes meanwhile isn't known yet, but the journal takes no id twice: that is a conflict then.
        """
        settled = [Settled(record) for record in records]
        with self._telemetry.step("decode"):
            arrivals = self._decoder.decode(records)
        await self._open(arrivals)

        todo: list[Arrival] = []
        late: list[Arrival] = []
        for arrival in arrivals:
            if arrival.is_skipped:
                continue
            if arrival.journal_id is None:
                settled[arrival.position].outgoing = self._scribe.dead_letter(arrival)
                continue
            (late if arrival.is_late else todo).append(arrival)

        finished: dict[str, JournalRecord] | None = None
        with suppress(Away, Conflict):
            finished = await self._look_up(todo)
        return Prepared(settled, todo, late, finished)

    async def finish(self, prepared: Prepared) -> list[Settled]:
        """Settle a batch that was prepared, as `settle` does."""
        room = self.room
        if prepared.todo:
            await self._settle(prepared.todo, prepared.settled, prepared.finished)
        for arrival in prepared.late:
            await self._settle([arrival], prepared.settled)
        ends_letters = any(arrival.ends_letters for arrival in (*prepared.todo, *prepared.late))
        await self._shut_letters(prepared.settled, is_kept=not ends_letters)
        if self.room >= room:
            self.room = min(self._most, room + LEAST_ROOM)
        return prepared.settled

    async def _open(self, arrivals: Sequence[Arrival]) -> None:
        """Read what is personal in events, for a worker that opens such things: one query for each that says some."""
        closed = [each for each in arrivals if each.token is not None and not each.is_skipped]
        if not closed:
            return
        wanted: dict[str, dict[str, None]] = {}
        for each in closed:
            worker, person = each.whose_key
            wanted.setdefault(worker, {})[person] = None
        keys: dict[tuple[str, str], bytes] = {}

        async def ask() -> None:
            for worker, persons in wanted.items():
                found = await self._keyring.of(worker, list(persons))
                keys.update({(worker, person): key for person, key in found.items()})

        with self._telemetry.step("keys"):
            await self._patiently(ask)
        for each in closed:
            each.open(keys.get(each.whose_key))

    async def _shut_letters(self, settled: Sequence[Settled], *, is_kept: bool) -> None:
        """Shut dead letters that no journal keeps: those of messages without an id, and of ids that were used.

        Those of a batch that removes somebody get a key that nobody keeps, as they do in its transaction. Where it
        comes again after a crash its removal is over: they are buried later then, and have the key that is made next.
        """
        letters = [each for each in settled if any(isinstance(outgoing, Shut) for outgoing in each.outgoing)]
        if not letters:
            return

        async def shut() -> None:
            key = await self._keyring.at_hand(DEAD_LETTERS) if is_kept else new_key(DEAD_LETTERS).key
            for each in letters:
                each.outgoing = with_key(each.outgoing, {DEAD_LETTERS: key})

        await self._patiently(shut)

    async def _patiently(self, step: Callable[[], Awaitable[None]]) -> None:
        """Ask MongoDB, again and again while it is away."""
        await until_done(step, Conflict, Away, waits=WAITS, note=self._note_absence)
        self._telemetry.database_is_away = False

    async def _settle(
        self, arrivals: list[Arrival], settled: list[Settled], finished: dict[str, JournalRecord] | None = None
    ) -> None:
        """Redo until it stands: conflicts and absences again from the journal on, lasting reasons in halves."""
        conflicts = duplicates = 0

        def is_hopeless(error: Exception) -> bool:
            nonlocal conflicts, duplicates
            if not isinstance(error, Conflict):
                return False
            conflicts += 1
            duplicates += error.duplicate
            self.room = min(self._most, max(LEAST_ROOM, self.room // 2))
            self._telemetry.conflict()
            if len(arrivals) > 1:
                return conflicts >= CONFLICTS_BEFORE_HALVING
            return duplicates >= DUPLICATES_BEFORE_FAILING

        async def attempt() -> None:
            nonlocal finished
            known, finished = finished, None
            if known is None:
                known = await self._look_up(arrivals)
            await self._attempt(self._unfinished(arrivals, settled, known), settled)

        try:
            await until_done(attempt, Conflict, Away, waits=WAITS, is_hopeless=is_hopeless, note=self._note_absence)
        except (Conflict, Unfit) as error:
            if len(arrivals) > 1:
                middle = len(arrivals) // 2
                await self._settle(arrivals[:middle], settled)
                await self._settle(arrivals[middle:], settled)
                return
            if arrivals[0].problem is Problem.UNWRITABLE or arrivals[0].is_second:
                raise
            arrivals[0].is_second = isinstance(error, Conflict) and arrivals[0].has_made(error.key)
            if not arrivals[0].is_second:
                arrivals[0].fail(Problem.UNWRITABLE, type(error).__name__.lower() + ": " + str(error))
            await self._settle(arrivals, settled)
        finally:
            self._telemetry.database_is_away = False

    def _note_absence(self, error: Exception, _: int) -> None:
        self._telemetry.database_is_away = isinstance(error, Away)

    async def _look_up(self, arrivals: list[Arrival]) -> dict[str, JournalRecord]:
        if not arrivals:
            return {}
        with self._telemetry.step("journal"):
            return await self._store.finished([each.id for each in arrivals])

    def _unfinished(
        self, arrivals: list[Arrival], settled: list[Settled], finished: dict[str, JournalRecord]
    ) -> list[Arrival]:
        """Those that the journal doesn't know; for the others, what it says."""
        if not finished:
            return arrivals

        unfinished: list[Arrival] = []
        for arrival in arrivals:
            record = finished.get(arrival.id)
            if record is None:
                unfinished.append(arrival)
                continue
            entry = settled[arrival.position]
            # Another process may have refused what was decided otherwise here.
            arrival.ends_letters &= record.outcome is Outcome.DONE and record.digest == arrival.digest
            if record.digest != arrival.digest:
                arrival.fail(Problem.REUSED, f"first used for {record.type}")
                entry.outgoing, entry.place = self._scribe.dead_letter(arrival), None
                continue
            entry.outgoing = said_before(record)
            entry.place = None if record.is_dispatched else record.place
        return unfinished

    async def _attempt(self, arrivals: list[Arrival], settled: list[Settled]) -> None:
        """Load, handle and commit, in one snapshot transaction."""
        if not arrivals:
            return
        now = self._clock()
        now = now.replace(microsecond=now.microsecond // 1_000 * 1_000)
        view = View()
        for arrival in arrivals:
            arrival.forget_decision()
        async with self._timed_transaction() as transaction:
            with self._telemetry.step("load"):
                await self._load(arrivals, view, transaction)
            with self._telemetry.step("handle"):
                records = [await self._end(arrival, view, transaction, now) for arrival in arrivals]
                records = await self._shut(records, view, transaction)
            with self._telemetry.step("commit"):
                places = await transaction.commit(view, records)
        ends_letters = view.has_erased((PersonKey, DEAD_LETTERS))
        for arrival, record, place in zip(arrivals, records, places, strict=True):
            settled[arrival.position].outgoing = said_before(record)
            settled[arrival.position].place = place
            # An earlier attempt that wanted it can't stand any more, as this one does.
            arrival.ends_letters &= ends_letters
        self._telemetry.ended(records)

    async def _shut(self, records: list[JournalRecord], view: View, transaction: Transaction) -> list[JournalRecord]:
        """Shut what the batch says of persons, with keys that the same transaction makes for who has none."""
        messages = to_shut(records)
        if not messages:
            return records
        wanted = keys_wanted(messages, view)
        if wanted:
            await transaction.load([wanted], view)
        return with_keys(records, make_keys(messages, view))

    @asynccontextmanager
    async def _timed_transaction(self) -> AsyncIterator[Transaction]:
        async with self._store.transaction() as transaction:
            yield transaction
            self._telemetry.round_trips(transaction.round_trips)

    async def _load(self, arrivals: Sequence[Arrival], view: View, transaction: Transaction) -> None:
        """Load what handlers declare for the whole batch, level by level of what depends on what."""
        levels = (
            [slot for each in arrivals for slot in self._wanted(each, depth, view)] for depth in range(self._depths)
        )
        await transaction.load(levels, view)

    def _wanted(self, arrival: Arrival, depth: int, view: View) -> Sequence[Slot]:
        if arrival.handler is None or arrival.problem is not None or arrival.is_gone:
            return ()
        try:
            return arrival.handler.slots_at(depth, arrival.message, view)
        except Exception as bug:  # noqa: BLE001  # a message's key that can't be computed is that message's failure
            arrival.fail(Problem.BUG, where_from(bug))
            self._telemetry.bug(arrival.type, where_from(bug))
            return ()

    async def _end(self, arrival: Arrival, view: View, transaction: Transaction, now: datetime) -> JournalRecord:
        """Bring one message to its end; the view takes in what it changed."""
        if arrival.is_second:
            return self._scribe.refused(arrival, Refused("id_used_before"), now)
        if arrival.problem is not None:
            return self._scribe.failed(arrival, now)
        if arrival.is_gone:
            return self._scribe.passed_over(arrival, now)
        while True:
            try:
                return self._decide(arrival, view, now)
            except NotLoaded as missing:
                await transaction.load([missing.slots], view)

    def _decide(self, arrival: Arrival, view: View, now: datetime) -> JournalRecord:
        handler, message, envelope = arrival.parts
        context: Context[Any] = Context(envelope, now, self._programme, self._vault)
        try:
            decision = decide(handler, message, context, view)
            record = self._scribe.done(arrival, decision, view, now)
        except NotLoaded:
            raise
        except Refused as refusal:
            try:
                return self._scribe.refused(arrival, refusal, now)
            except ValueError as bug:  # a code or details that no answer can hold
                return self._note_bug(arrival, bug, now)
        except Exception as bug:  # noqa: BLE001  # whatever a handler raises is that message's failure, not the batch's
            return self._note_bug(arrival, bug, now)
        view.take(decision.documents, decision.erased)
        # Noted before it is known whether this stands: a commit whose answer was lost is not seen here again.
        arrival.ends_letters |= LETTERS_KEY in decision.erased
        return record

    def _note_bug(self, arrival: Arrival, bug: Exception, now: datetime) -> JournalRecord:
        arrival.fail(Problem.BUG, where_from(bug))
        self._telemetry.bug(arrival.type, where_from(bug))
        return self._scribe.failed(arrival, now)


def said_before(record: JournalRecord) -> tuple[Outgoing, ...]:
    """What a journal record has to be published: its messages until they are dispatched, its answer always."""
    answer = () if record.result is None else (record.result,)
    return record.messages + answer
