"""MongoDB: bulk reads, the transaction of a batch, and the journal that is both inbox and outbox."""

from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, TypeVar

import msgpack
from bson.codec_options import CodecOptions, TypeEncoder, TypeRegistry
from bson.errors import BSONError
from motor.motor_asyncio import (
    AsyncIOMotorClient,
    AsyncIOMotorClientSession,
    AsyncIOMotorCollection,
    AsyncIOMotorDatabase,
)
from pymongo import DeleteMany, DeleteOne, InsertOne, ReadPreference, ReplaceOne, UpdateMany, UpdateOne
from pymongo.errors import (
    BulkWriteError,
    ConfigurationError,
    ConnectionFailure,
    DocumentTooLarge,
    DuplicateKeyError,
    InvalidOperation,
    OperationFailure,
    PyMongoError,
)
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from contracts.messages import Actor, CommandEnded, Outcome, read_body
from runtime.documents import Document, Slot, View
from runtime.settings import DAY_SECONDS, Settings

D = TypeVar("D", bound=Document)
Raw = Mapping[str, Any]
"""What MongoDB keeps."""

Write = InsertOne[Raw] | DeleteOne | DeleteMany | ReplaceOne[Raw] | UpdateOne | UpdateMany
"""What MongoDB's bulk write takes; ours are inserts and updates of one."""

JOURNAL: Final = "journal"
LEASES: Final = "leases"
MAJORITY: Final = WriteConcern("majority", wtimeout=30_000)
DUPLICATE_KEY: Final = 11_000
LASTING_CODES: Final = frozenset({2, 9, 14, 52, 55, 56, 57, 121, 146, 257, 10_334, 17_280, 17_419, 17_420})
"""Server errors that the same write will meet again: bad names and types, documents and transactions too large."""
SERVER_SELECTION_MS: Final = 2_000
SOCKET_TIMEOUT_MS: Final = 30_000


class Conflict(Exception):
    """Somebody changed what the batch had loaded, or the commit's fate is unknown: again, from the journal on.

    `duplicate` says that it was a key that exists; alone and again and again, that is a handler's bug.
    """

    def __init__(self, reason: str, *, duplicate: bool = False) -> None:
        super().__init__(reason)
        self.duplicate = duplicate


class Away(Exception):
    """MongoDB can't be reached, or can't work now: wait and try again."""


class Unfit(Exception):
    """The batch holds something that can never be written."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message as bytes, ready for its topic."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]]


@dataclass(frozen=True, slots=True)
class JournalRecord:
    """How one message ended, and what was said because of it."""

    id: str
    type: str
    digest: bytes
    actor: Actor
    outcome: Outcome
    at: datetime
    result: Outgoing | None
    """The answer to a command; kept as long as the record is."""
    messages: tuple[Outgoing, ...]
    """Events, commands and dead letters; dropped once they are dispatched."""
    is_dispatched: bool = False


class _DayEncoder(TypeEncoder):
    python_type = date

    def transform_python(self, value: date) -> str:
        return value.isoformat()


CODEC: Final[CodecOptions[Raw]] = CodecOptions(tz_aware=True, tzinfo=UTC, type_registry=TypeRegistry([_DayEncoder()]))


def connect(settings: Settings) -> AsyncIOMotorClient:
    """A client with what Punchcard needs set on purpose: majority, short selection, no hidden retries."""
    options: dict[str, Any] = {}
    if settings.mongo_ca_file is not None:
        options = {"tls": True, "tlsCAFile": str(settings.mongo_ca_file)}
    return AsyncIOMotorClient(
        settings.mongo_url.get_secret_value(),
        serverSelectionTimeoutMS=SERVER_SELECTION_MS,
        socketTimeoutMS=SOCKET_TIMEOUT_MS,
        connectTimeoutMS=SERVER_SELECTION_MS,
        retryWrites=False,
        appname=settings.prefix,
        **options,
    )


def to_raw(document: Document) -> Raw:
    """A document as MongoDB keeps it."""
    raw: dict[str, Any] = document.__pydantic_serializer__.to_python(document)
    raw["_id"] = raw.pop("id")
    return raw


def from_raw(document_class: type[D], raw: Raw) -> D:
    """What MongoDB keeps as a document."""
    document: D = document_class.__pydantic_validator__.validate_python({**raw, "id": raw["_id"]})
    return document


def changed_fields(before: Document, after: Document) -> Raw:
    """The top-level fields that differ, as MongoDB keeps them."""
    old, new = before.__dict__, after.__dict__
    names = {name for name, value in new.items() if value is not old.get(name) and value != old.get(name)}
    changed: Raw = after.__pydantic_serializer__.to_python(after, include=names)
    return changed


@asynccontextmanager
async def sorted_errors() -> AsyncIterator[None]:
    """Turn PyMongo's errors into `Conflict`, `Away` and `Unfit`."""
    try:
        yield
    except DuplicateKeyError as error:
        raise Conflict("duplicate key", duplicate=True) from error
    except BulkWriteError as error:
        raise _sort_bulk(error) from error
    except (DocumentTooLarge, BSONError, OverflowError, ConfigurationError) as error:
        raise Unfit(type(error).__name__) from error
    except ConnectionFailure as error:
        if error.has_error_label("UnknownTransactionCommitResult"):
            raise Conflict("the commit's fate is unknown") from error
        raise Away(type(error).__name__) from error
    except OperationFailure as error:
        raise _sort_failure(error) from error
    except InvalidOperation as error:
        raise Conflict("the session was lost") from error
    except PyMongoError as error:
        raise Away(type(error).__name__) from error


def _sort_bulk(error: BulkWriteError) -> Exception:
    if error.has_error_label("TransientTransactionError"):
        return Conflict("write conflict")
    details = error.details or {}
    codes = {each.get("code") for each in details.get("writeErrors", ())}
    if DUPLICATE_KEY in codes:
        return Conflict("duplicate key", duplicate=True)
    if codes & LASTING_CODES:
        return Unfit(f"codes {sorted(codes)}")
    return Away(f"codes {sorted(codes)}")


def _sort_failure(error: OperationFailure) -> Exception:
    if error.has_error_label("TransientTransactionError") or error.has_error_label("UnknownTransactionCommitResult"):
        return Conflict(f"code {error.code}")
    if error.code in LASTING_CODES:
        return Unfit(f"code {error.code}")
    return Away(f"code {error.code}")


class Transaction:
    """One attempt at a batch: a snapshot to load from, and one commit."""

    def __init__(self, database: AsyncIOMotorDatabase, session: AsyncIOMotorClientSession) -> None:
        self._database = database
        self._session = session
        self.round_trips = 0

    async def load(self, slots: Iterable[Slot], view: View) -> None:
        """Read documents into the view, one query per class; what isn't there is noted as such."""
        wanted: dict[type[Document], set[str]] = defaultdict(set)
        for document_class, document_id in slots:
            wanted[document_class].add(document_id)
        for document_class, ids in wanted.items():
            cursor = self._database[document_class.collection].find(
                {"_id": {"$in": list(ids)}}, session=self._session, batch_size=len(ids) + 1
            )
            found = await cursor.to_list(None)
            self.round_trips += 1
            for raw in found:
                document = from_raw(document_class, raw)
                view.loaded((document_class, document.id), document)
                ids.discard(document.id)
            for absent in ids:
                view.loaded((document_class, absent), None)

    async def commit(self, view: View, records: Sequence[JournalRecord]) -> None:
        """Write what the view changed and the journal, and commit.

        Raises:
            Conflict: a document was changed since it was loaded, or exists already.
            Unfit: something can't be written.
        """
        for erase in view.erased:
            name = "_id" if erase.field == "id" else erase.field
            await self._database[erase.document.collection].delete_many({name: erase.value}, session=self._session)
            self.round_trips += 1

        writes: dict[str, list[Write]] = defaultdict(list)
        changes: dict[str, int] = defaultdict(int)
        for kind, before, after in view.written():
            collection = type(after).collection
            if kind == "insert" or before is None:
                writes[collection].append(InsertOne(to_raw(after)))
            else:
                writes[collection].append(UpdateOne({"_id": after.id}, {"$set": changed_fields(before, after)}))
                changes[collection] += 1
        writes[JOURNAL] = [InsertOne(_journal_raw(record)) for record in records]

        for collection, requests in writes.items():
            if not requests:
                continue
            result = await self._database[collection].bulk_write(requests, ordered=True, session=self._session)
            self.round_trips += 1
            if result.matched_count != changes[collection]:
                raise Conflict(f"{changes[collection] - result.matched_count} documents are gone")
        await self._session.commit_transaction()
        self.round_trips += 1


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

    async def open(self) -> None:
        """Make collections and indexes; safe to repeat.

        Raises:
            Away: MongoDB can't be reached.
        """
        async with sorted_errors():
            present = set(await self._database.list_collection_names())
            for name in {JOURNAL, LEASES, *(each.collection for each in self._documents)} - present:
                await self._create(name)
            seconds = int(self._settings.journal_days * DAY_SECONDS)
            await self._expire_dispatched(seconds)
            await self._database[LEASES].create_index("until", expireAfterSeconds=0)
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

    async def _expire_dispatched(self, seconds: int) -> None:
        try:
            await self._journal.create_index("dispatched_at", expireAfterSeconds=seconds)
        except OperationFailure as error:
            if error.code != 85:  # IndexOptionsConflict: the setting was changed
                raise
            index = {"keyPattern": {"dispatched_at": 1}, "expireAfterSeconds": seconds}
            await self._database.command({"collMod": JOURNAL, "index": index})

    def close(self) -> None:
        """Let go of the connections."""
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
        async with sorted_errors():
            cursor = self._journal.find({"_id": {"$in": list(ids)}}, batch_size=len(ids) + 1)
            return {raw["_id"]: _journal_record(raw) for raw in await cursor.to_list(None)}

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """A snapshot transaction that is aborted unless it was committed.

        Raises:
            Conflict, Away, Unfit: as `sorted_errors` says.
        """
        async with sorted_errors(), await self._client.start_session() as session:
            session.start_transaction(
                read_concern=ReadConcern("snapshot"), write_concern=MAJORITY, read_preference=ReadPreference.PRIMARY
            )
            # Leaving the session aborts what was not committed.
            yield Transaction(self._database, session)

    async def mark_dispatched(self, ids: Sequence[str]) -> None:
        """Note that everything these messages said is acknowledged: their events' bytes go, their time to live starts.

        Raises:
            Away: MongoDB can't be reached.
        """
        async with sorted_errors():
            await self._journal.with_options(write_concern=WriteConcern(1)).update_many(
                {"_id": {"$in": list(ids)}},
                {"$set": {"dispatched_at": datetime.now(UTC)}, "$unset": {"messages": ""}},
            )

    @property
    def reader(self) -> "Reader":
        """Read-only access to the same database."""
        return Reader(self._database)

    async def take_lease(self, name: str, seconds: float) -> bool:
        """Take a lease by name for so long, unless somebody holds it.

        Raises:
            Away: MongoDB can't be reached.
        """
        now = datetime.now(UTC)
        try:
            async with sorted_errors():
                await self._database[LEASES].update_one(
                    {"_id": name, "until": {"$lte": now}},
                    {"$set": {"until": now + timedelta(seconds=seconds)}},
                    upsert=True,
                )
        except Conflict:
            return False
        return True


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
            raw = await self._database[document_class.collection].find_one({"_id": document_id})
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
            cursor = self._database[document_class.collection].find(dict(filter), limit=limit)
            if sort:
                cursor = cursor.sort(list(sort))
            return [from_raw(document_class, raw) for raw in await cursor.to_list(None)]

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
            raw = await self._database[JOURNAL].find_one({"_id": message_id}, {"messages": 0})
        return None if raw is None else _journal_record(raw)

    async def journal_totals(self) -> dict[str, int]:
        """How many journal records there are by outcome, and as `undispatched` those whose messages may be unsent.

        Raises:
            Away: MongoDB can't be reached.
        """
        async with sorted_errors():
            groups = self._database[JOURNAL].aggregate([{"$group": {"_id": "$outcome", "count": {"$sum": 1}}}])
            totals = {each["_id"]: each["count"] for each in await groups.to_list(None)}
            totals["undispatched"] = await self._database[JOURNAL].count_documents({"dispatched_at": None})
        return totals


class Library:
    """Readers of every worker's database, for the edges."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._client = connect(settings)

    def worker(self, name: str) -> Reader:
        """The reader of one worker's database."""
        return Reader(
            self._client.get_database(
                self._settings.database(name), codec_options=CODEC, read_concern=ReadConcern("majority")
            )
        )

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


def ended(record: JournalRecord) -> CommandEnded | None:
    """The answer that a journal record keeps; None for what was no command."""
    return read_body(CommandEnded, record.result.value) if record.result is not None else None


def _pack(outgoing: Sequence[Outgoing]) -> bytes:
    """Messages as one value: as BSON arrays their headers took three times the room and time."""
    packed: bytes = msgpack.packb([(each.topic, each.key, each.value, each.headers) for each in outgoing])
    return packed


def _unpack(packed: bytes) -> tuple[Outgoing, ...]:
    return tuple(
        Outgoing(topic, key, value, [(name, content) for name, content in headers])
        for topic, key, value, headers in msgpack.unpackb(packed)
    )


def _journal_raw(record: JournalRecord) -> Raw:
    return {
        "_id": record.id,
        "type": record.type,
        "digest": record.digest,
        "actor": [record.actor.kind.value, record.actor.id, record.actor.call_id],
        "outcome": record.outcome.value,
        "at": record.at,
        "result": None if record.result is None else _pack([record.result]),
        "messages": _pack(record.messages),
        "dispatched_at": None,
    }


def _journal_record(raw: Raw) -> JournalRecord:
    kind, actor_id, call_id = raw["actor"]
    return JournalRecord(
        id=raw["_id"],
        type=raw["type"],
        digest=bytes(raw["digest"]),
        actor=Actor(kind=kind, id=actor_id, call_id=call_id),
        outcome=Outcome(raw["outcome"]),
        at=raw["at"],
        result=None if raw["result"] is None else _unpack(raw["result"])[0],
        messages=_unpack(raw["messages"]) if "messages" in raw else (),
        is_dispatched=raw["dispatched_at"] is not None,
    )
