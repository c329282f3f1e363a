"""The transaction of a batch: loads and writes in one thread, one hop there and back for each step."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import Any, Final, Self

from pymongo import ReadPreference
from pymongo.client_session import ClientSession
from pymongo.database import Database
from pymongo.read_concern import ReadConcern

from runtime.documents import Document, Slot, View
from runtime.journal import JournalRecord, Place, pack, record_to_raw
from runtime.mongo import CODEC, MAJORITY, Conflict, Raw, check_writes, from_raw, to_raw, update_of

Step = Callable[[], object]
"""Something to do in a transaction's thread."""

JOURNAL: Final = "journal"
OUTBOX: Final = "outbox"
TURN: Final = timedelta(milliseconds=1)
"""As exactly as MongoDB keeps times."""


class Turns:
    """When parcels of the outbox have their turn: each after those that this process has met or made.

    Its clock alone won't do: what one process leaves unsaid is said by another, with another clock, and of what came in
    one partition nothing may pass what came before it. (As Lamport's clocks: Time, Clocks, and the Ordering of Events
    in a Distributed System, 1978.)
    """

    def __init__(self) -> None:
        self._last = datetime.min.replace(tzinfo=UTC)
        self._lock = Lock()

    def met(self, parcels: Iterable[Raw]) -> None:
        """Note parcels, as the outbox has them."""
        with self._lock:
            self._last = max([self._last, *(parcel["at"] for parcel in parcels)])

    def next(self, now: datetime) -> datetime:
        """The turn of a parcel that is made now."""
        with self._lock:
            self._last = max(now, self._last + TURN)
            return self._last


class Transaction:
    """One attempt at a batch: a snapshot to load from, and one commit.

    All of it runs in one thread of its own: one hop there and back to load, however many levels depend on one another,
    and one to write and commit. Motor hops for every operation, which for a batch of one was most of the work.
    """

    def __init__(self, database: Database[Raw], thread: ThreadPoolExecutor, turns: Turns) -> None:
        self._database = database
        self._turns = turns
        self._thread = thread
        self._session: ClientSession | None = None
        self._is_committed = False
        self.round_trips = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is None:
            return
        if self._is_committed:
            self._session.end_session()  # nothing is left to ask MongoDB for, so it needs no hop
            return
        # Ending the session aborts what was not committed.
        await asyncio.shield(self._hop(self._session.end_session))

    async def load(self, levels: Iterable[Iterable[Slot]], view: View) -> None:
        """Read documents into the view, one query per class and level; what isn't there is noted as such.

        Each level is asked for, in the thread, once the one before it is in the view.
        """
        await self._hop(lambda: self._load(levels, view))

    async def commit(self, view: View, records: Sequence[JournalRecord]) -> list[Place]:
        """Write what the view changed, the journal and the outbox, and commit; says where the records' messages lie.

        Raises:
            Conflict: a document was changed since it was loaded, or exists already.
            Unfit: something can't be written.
        """
        # The first message of a batch names its parcel: it is in no other batch that commits.
        places = [Place(records[0].id, part, len(records)) for part in range(len(records))]
        await self._hop(lambda: self._write(view, records, places), self._seal())
        self._is_committed = True
        self.round_trips += 1
        return places

    def _seal(self) -> Step:
        return self._begun().commit_transaction

    async def _hop(self, *steps: Step) -> None:
        await asyncio.get_running_loop().run_in_executor(self._thread, _in_turn, steps)

    # -- in the thread

    def _begun(self) -> ClientSession:
        if self._session is None:
            self._session = self._database.client.start_session(causal_consistency=False)
            self._session.start_transaction(
                read_concern=ReadConcern("snapshot"), write_concern=MAJORITY, read_preference=ReadPreference.PRIMARY
            )
        return self._session

    def _load(self, levels: Iterable[Iterable[Slot]], view: View) -> None:
        for level in levels:
            # Dictionaries keep an order that follows from the messages, so that redoing asks and writes in the same.
            wanted: dict[type[Document], dict[str, None]] = defaultdict(dict)
            for document_class, document_id in level:
                wanted[document_class][document_id] = None
            for document_class, ids in wanted.items():
                for document in self._find(document_class, ids):
                    view.loaded((document_class, document.id), document)
                    del ids[document.id]
                for absent in ids:
                    view.loaded((document_class, absent), None)

    def _find(self, document_class: type[Document], ids: Collection[str]) -> list[Document]:
        cursor = self._database[document_class.collection].find(
            {"_id": {"$in": list(ids)}}, session=self._begun(), batch_size=len(ids) + 1
        )
        found = [from_raw(document_class, raw) for raw in cursor]
        self.round_trips += 1
        return found

    def _write(self, view: View, records: Sequence[JournalRecord], places: Sequence[Place]) -> None:
        erased: dict[tuple[str, str], list[str]] = defaultdict(list)
        for erase in view.erased:
            erased[erase.document.collection, "_id" if erase.field == "id" else erase.field].append(erase.value)
        for (collection, field), values in erased.items():
            self._database[collection].delete_many({field: {"$in": values}}, session=self._begun())
            self.round_trips += 1

        inserts: dict[str, list[Raw]] = defaultdict(list)
        updates: dict[str, list[Raw]] = defaultdict(list)
        for kind, before, after in view.written():
            collection = type(after).collection
            if kind == "insert" or before is None:
                inserts[collection].append(to_raw(after))
            else:
                updates[collection].append({"q": {"_id": after.id}, "u": update_of(before, after)})
        if records:
            inserts[JOURNAL] = [record_to_raw(*each) for each in zip(records, places, strict=True)]
            parts = {str(place.part): pack(record.messages) for record, place in zip(records, places, strict=True)}
            inserts[OUTBOX] = [{"_id": records[0].id, "at": self._turns.next(records[0].at), "parts": parts}]

        for collection, changes in updates.items():
            self._command({"update": collection, "updates": changes}, len(changes))
        for collection, documents in inserts.items():
            self._command({"insert": collection, "documents": documents}, len(documents))

    def _command(self, command: dict[str, Any], count: int) -> None:
        """One write command; PyMongo's bulk writes took twice the CPU time for the same."""
        reply = self._database.command(command, session=self._begun(), codec_options=CODEC)
        self.round_trips += 1
        try:
            check_writes(reply.get("writeErrors", ()))
        except Conflict as conflict:
            # Another process has finished the message and a majority doesn't know yet: no handler made that key.
            conflict.duplicate = conflict.duplicate and command.get("insert") not in (JOURNAL, OUTBOX)
            raise
        if reply["n"] != count:
            raise Conflict(f"{count - reply['n']} documents are gone")


def _in_turn(steps: Iterable[Step]) -> None:
    for step in steps:
        step()
