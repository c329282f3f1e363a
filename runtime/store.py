"""MongoDB: bulk reads, the transaction of a batch, the journal and its outbox."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar, cast

from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorCollection, AsyncIOMotorDatabase
from pymongo import UpdateOne
from pymongo.database import Database
from pymongo.errors import BulkWriteError, OperationFailure
from pymongo.read_concern import ReadConcern

from runtime.documents import Document, fields_read
from runtime.journal import JournalRecord, Outgoing, Place, ended, record_from_raw, unpack
from runtime.mongo import (
    CODEC,
    DUPLICATE_KEY,
    MAJORITY,
    Away,
    Conflict,
    Raw,
    Unfit,
    check_writes,
    connect,
    from_raw,
    sorted_errors,
    to_raw,
)
from runtime.settings import DAY_SECONDS, Settings
from runtime.transaction import JOURNAL, OUTBOX, Transaction, Turns

D = TypeVar("D", bound=Document)
T = TypeVar("T")

LEASES: Final = "leases"


class Store:
    """The one worker's database: its documents, its journal, its leases."""

    def __init__(self, settings: Settings, worker: str, documents: Iterable[type[Document]]) -> None:
        self._settings = settings
        self._client = connect(settings)
        self._database = self._client.get_database(
            settings.database(worker), codec_options=CODEC, write_concern=MAJORITY, read_concern=ReadConcern("majority")
        )
        self._journal: AsyncIOMotorCollection = self._database[JOURNAL]
        self._documents = tuple(documents)
        self._synchronous: Database[Raw] = cast(Any, self._database).delegate
        """What Motor wraps, for threads that do more than one thing on one hop."""
        self._threads: list[ThreadPoolExecutor] = []
        self._turns = Turns()

    async def open(self) -> None:
        """Make collections and indexes; safe to repeat.

        Raises:
            Away: MongoDB can't be reached.
        """
        async with sorted_errors():
            present = set(await self._database.list_collection_names())
            for name in {JOURNAL, OUTBOX, LEASES, *(each.collection for each in self._documents)} - present:
                await self._create(name)
            await self._expire_journal(int(self._settings.journal_days * DAY_SECONDS))
            await self._database[LEASES].create_index("until", expireAfterSeconds=0)
            # A process that died between taking a parcel's last part and the parcel left an empty one.
            await self._database[OUTBOX].delete_many({"parts": {}})
            for document_class in self._documents:
                for index in document_class.indexes:
                    fields = [("_id" if field == "id" else field, 1) for field in index.fields]
                    await self._database[document_class.collection].create_index(
                        fields, unique=index.unique, sparse=index.sparse
                    )

    async def _create(self, name: str) -> None:
        try:
            await self._database.create_collection(name)
        except OperationFailure as error:
            if error.code != 48:  # NamespaceExists: another process of this worker was quicker
                raise

    async def _expire_journal(self, seconds: int) -> None:
        try:
            await self._journal.create_index("at", expireAfterSeconds=seconds)
        except OperationFailure as error:
            if error.code != 85:  # IndexOptionsConflict: the setting was changed
                raise
            index = {"keyPattern": {"at": 1}, "expireAfterSeconds": seconds}
            await self._database.command({"collMod": JOURNAL, "index": index})

    def close(self) -> None:
        """Let go of the connections."""
        for thread in self._threads:
            thread.shutdown(wait=False)
        self._client.close()

    async def ping(self) -> None:
        """Ask whether MongoDB answers.

        Raises:
            Away: it doesn't.
        """
        async with sorted_errors():
            await self._client.admin.command("ping")

    async def finished(self, ids: Sequence[str]) -> dict[str, JournalRecord]:
        """Which of these messages this worker has finished, by majority.

        Raises:
            Away: MongoDB can't be reached.
        """
        async with sorted_errors(), self._thread() as thread:
            return await asyncio.get_running_loop().run_in_executor(thread, self._finished, ids)

    def _finished(self, ids: Sequence[str]) -> dict[str, JournalRecord]:
        journal, outbox = self._synchronous[JOURNAL], self._synchronous[OUTBOX]
        found = list(journal.find({"_id": {"$in": list(ids)}}, batch_size=len(ids) + 1))
        if not found:
            return {}
        wanted = list({raw["parcel"] for raw in found})
        parcels = list(outbox.find({"_id": {"$in": wanted}}))
        self._turns.met(parcels)
        parts = {parcel["_id"]: parcel["parts"] for parcel in parcels}
        return {raw["_id"]: record_from_raw(raw, parts) for raw in found}

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """A snapshot transaction that is aborted unless it was committed.

        Raises:
            Conflict, Away, Unfit: as `sorted_errors` says.
        """
        async with (
            sorted_errors(),
            self._thread() as thread,
            Transaction(self._synchronous, thread, self._turns) as transaction,
        ):
            yield transaction

    @asynccontextmanager
    async def _thread(self) -> AsyncIterator[ThreadPoolExecutor]:
        thread = self._threads.pop() if self._threads else ThreadPoolExecutor(1, "store")
        try:
            yield thread
        finally:
            self._threads.append(thread)

    async def undispatched(self) -> list[Outgoing]:
        """What lies in the outbox, in an order in which nothing passes what it may follow from.

        Raises:
            Away: MongoDB can't be reached.
        """
        async with sorted_errors():
            parcels = await self._database[OUTBOX].find({}).sort("at", 1).to_list(None)
        self._turns.met(parcels)
        parts = [parcel["parts"][part] for parcel in parcels for part in sorted(parcel["parts"], key=int)]
        return [outgoing for part in parts for outgoing in unpack(part)]

    async def mark_dispatched(self, places: Iterable[Place]) -> None:
        """Note that everything said at these places is acknowledged: its bytes leave the outbox.

        A parcel whose parts are all among them goes in one; else its parts go, and the parcel with the last of them.

        Raises:
            Away: MongoDB can't be reached.
        """
        parcels: dict[str, set[Place]] = defaultdict(set)
        for place in places:
            parcels[place.parcel].add(place)
        whole = [parcel for parcel, parts in parcels.items() if len(parts) == max(each.of for each in parts)]
        partly = parcels.keys() - whole
        outbox = self._database[OUTBOX]
        async with sorted_errors():
            if whole:
                await outbox.delete_many({"_id": {"$in": whole}})
            for parcel in partly:
                gone = {f"parts.{place.part}": "" for place in parcels[parcel]}
                await outbox.update_one({"_id": parcel}, {"$unset": gone})
            if partly:
                await outbox.delete_many({"_id": {"$in": list(partly)}, "parts": {}})

    async def derive_anew(self, document_class: type[Document]) -> int:
        """Bring up to date what documents keep besides their fields, as after an upgrade that derives it otherwise.

        Safe beside workers that write: one that changes a document at this moment derives it itself.

        Returns:
            How many documents had something else.

        Raises:
            Away: MongoDB can't be reached.
        """
        collection = self._database[document_class.collection]
        changed = 0
        async with sorted_errors():
            async for raw in collection.find({}):
                derived = from_raw(document_class, raw).derived()
                differing = {name: kept for name, kept in derived.items() if raw.get(name) != kept}
                if differing:
                    same = {"_id": raw["_id"], "version": raw["version"]}
                    changed += (await collection.update_one(same, {"$set": differing})).matched_count
        return changed

    def reader_of(self, worker: str) -> "Reader":
        """Read-only access to another worker's database, for the keys that lie there and nothing else."""
        return _reader(self._client, self._settings, worker)

    @property
    def reader(self) -> "Reader":
        """Read-only access to the same database."""
        return Reader(self._database)

    async def take_leases(self, names: Sequence[str], seconds: float) -> set[str]:
        """Take leases by name for so long, in one round trip; those that nobody else holds are returned.

        Raises:
            Away: MongoDB can't be reached; what was taken all the same runs out.
        """
        now = datetime.now(UTC)
        until = {"$set": {"until": now + timedelta(seconds=seconds)}}
        wishes = [UpdateOne({"_id": name, "until": {"$lte": now}}, until, upsert=True) for name in names]
        held: set[str] = set()
        async with sorted_errors():
            try:
                await self._database[LEASES].bulk_write(wishes, ordered=False)
            except BulkWriteError as error:
                failed = error.details["writeErrors"]
                held = {names[each["index"]] for each in failed if each["code"] == DUPLICATE_KEY}
                check_writes(each for each in failed if each["code"] != DUPLICATE_KEY)
                if error.details["writeConcernErrors"]:
                    raise Away("leases that a majority doesn't know yet") from error
        return {name for name in names if name not in held}


class Reader:
    """Reads one worker's database, by majority, outside of transactions; it can't write."""

    def __init__(self, database: AsyncIOMotorDatabase) -> None:
        self._database = database

    async def get(self, document_class: type[D], document_id: str) -> D | None:
        """One document by its id.

        Raises:
            Away: MongoDB can't be reached.
        """
        async with sorted_errors():
            collection = self._database[document_class.collection]
            raw = await collection.find_one({"_id": document_id}, fields_read(document_class))
        return None if raw is None else from_raw(document_class, raw)

    async def find(
        self,
        document_class: type[D],
        filter: Mapping[str, Any],
        *,
        sort: Sequence[tuple[str, int]] = (),
        limit: int = 100,
    ) -> list[D]:
        """Documents that match, at most `limit` (0: all of them).

        Raises:
            Away: MongoDB can't be reached.
        """
        async with sorted_errors():
            # All in the first answer: MongoDB gives 101 documents otherwise, and the rest when it is asked again.
            collection, fields = self._database[document_class.collection], fields_read(document_class)
            cursor = collection.find(dict(filter), fields, limit=limit, batch_size=limit)
            if sort:
                cursor = cursor.sort(list(sort))
            return [from_raw(document_class, raw) for raw in await cursor.to_list(None)]

    async def distinct(self, document_class: type[Document], filters: Mapping[str, Mapping[str, Any]]) -> set[Any]:
        """What stands in any of these fields, in the documents that match the field's filter; asked for at once.

        Raises:
            Away: MongoDB can't be reached.
        """
        ask = self._database[document_class.collection].distinct
        async with sorted_errors():
            found = await asyncio.gather(*(ask(field, dict(wanted)) for field, wanted in filters.items()))
        return {value for values in found for value in values}

    async def find_among(
        self,
        document_class: type[D],
        filter: Mapping[str, Any],
        wanted: Mapping[str, Any],
        *,
        among: int,
        sort: Sequence[tuple[str, int]] = (),
        limit: int = 100,
    ) -> list[D]:
        """Of the first `among` documents that match, at most `limit` that are `wanted`, by what no index knows.

        Raises:
            Away: MongoDB can't be reached.
        """
        stages: list[Raw] = [{"$match": filter}, {"$limit": among}, {"$match": wanted}, {"$limit": limit}]
        if sort:
            stages.insert(1, {"$sort": dict(sort)})
        found = await self.aggregate(document_class, stages)
        return [from_raw(document_class, raw) for raw in found]

    async def aggregate(self, document_class: type[Document], pipeline: Sequence[Mapping[str, Any]]) -> list[Raw]:
        """What an aggregation over a document class's collection gives, as plain dictionaries.

        Raises:
            Away: MongoDB can't be reached.
        """
        async with sorted_errors():
            return await self._database[document_class.collection].aggregate(list(pipeline)).to_list(None)

    async def journal(self, message_id: str) -> JournalRecord | None:
        """How a message ended, if it has.

        Raises:
            Away: MongoDB can't be reached.
        """
        async with sorted_errors():
            raw = await self._database[JOURNAL].find_one({"_id": message_id})
        return None if raw is None else record_from_raw(raw, {})

    async def journal_totals(self) -> dict[str, int]:
        """How many journal records there are by outcome, and as `undispatched` those whose messages may be unsent.

        Raises:
            Away: MongoDB can't be reached.
        """
        async with sorted_errors():
            groups = self._database[JOURNAL].aggregate([{"$group": {"_id": "$outcome", "count": {"$sum": 1}}}])
            totals = {each["_id"]: each["count"] for each in await groups.to_list(None)}
            size = {"$size": {"$objectToArray": "$parts"}}
            parcels = self._database[OUTBOX].aggregate([{"$group": {"_id": None, "count": {"$sum": size}}}])
            totals["undispatched"] = sum(each["count"] for each in await parcels.to_list(None))
        return totals


def _reader(client: AsyncIOMotorClient, settings: Settings, worker: str) -> Reader:
    name, majority = settings.database(worker), ReadConcern("majority")
    return Reader(client.get_database(name, codec_options=CODEC, read_concern=majority))


class Library:
    """Readers of every worker's database, for the edges."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._client = connect(settings)

    def worker(self, name: str) -> Reader:
        """The reader of one worker's database."""
        return _reader(self._client, self._settings, name)

    async def ping(self) -> None:
        """Ask whether MongoDB answers.

        Raises:
            Away: it doesn't.
        """
        async with sorted_errors():
            await self._client.admin.command("ping")

    def close(self) -> None:
        """Let go of the connections."""
        self._client.close()


__all__ = [
    "CODEC",
    "JOURNAL",
    "MAJORITY",
    "Away",
    "Conflict",
    "JournalRecord",
    "Library",
    "Outgoing",
    "Reader",
    "Store",
    "Transaction",
    "Unfit",
    "connect",
    "ended",
    "from_raw",
    "to_raw",
]
