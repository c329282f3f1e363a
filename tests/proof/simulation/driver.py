"""What stands in for Motor and PyMongo: clients, sessions and collections over the simulated replica set."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any, Self

from pymongo.errors import AutoReconnect, DuplicateKeyError, InvalidOperation

from tests.proof.simulation.loop import BODY, Blocked
from tests.proof.simulation.mongo import DUPLICATE_KEY, WRITE_CONFLICT, Raw, Slot, changed, matches, plain, transient
from tests.proof.simulation.world import World

UNKNOWN = {"errorLabels": ["UnknownTransactionCommitResult"]}


class Session:
    """A client session with one transaction."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.writes: dict[Slot, Raw | None] = {}
        self.is_open = False
        self.snapshot = 0
        self.body = BODY.get()
        self._term = 0

    def start_transaction(self, **_: object) -> None:
        """Begin; the snapshot is taken with the first operation, which follows at once."""
        self.is_open = True
        self.snapshot = -1

    def enter(self) -> None:
        """Take part in an operation.

        Raises:
            PyMongoError: there is no primary, or the transaction went with the last one.
        """
        replicas = self.world.replicas
        replicas.refuse_while_electing()
        if not self.is_open:
            raise InvalidOperation("no transaction")
        if self.snapshot < 0:
            self.snapshot, self._term = replicas.time, replicas.term
            replicas.open[self] = self.snapshot
        if self._term != replicas.term:
            raise transient(251, "NoSuchTransaction")
        if self.world.strikes("mongo"):
            self.drop()
            raise AutoReconnect("connection closed", {"errorLabels": ["TransientTransactionError"]})

    def sees(self, slot: Slot) -> Raw | None:
        """A document as the transaction sees it."""
        if slot in self.writes:
            return self.writes[slot]
        return self.world.replicas.one(slot, self.snapshot)

    def write(self, slot: Slot, document: Raw | None) -> None:
        """Write one document within the transaction.

        Raises:
            OperationFailure: somebody else has changed it since, or is about to.
        """
        replicas = self.world.replicas
        chain = replicas.collections[slot[0], slot[1]].get(slot[2])
        owner = replicas.locks.get(slot)
        if (chain is not None and chain.times[-1] > self.snapshot) or (owner is not None and owner is not self):
            self.drop()
            raise transient(WRITE_CONFLICT, "WriteConflict")
        replicas.locks[slot] = self
        self.writes[slot] = document

    def commit_transaction(self) -> Blocked:
        """Commit, and wait for a majority; what becomes of it may stay unknown."""
        self.enter()
        world = self.world
        fate = world.strikes("commit")
        if fate and world.random.random() < 0.5:
            self.drop()
            return Blocked(lambda future: _reject(future, AutoReconnect("lost", UNKNOWN)))
        self._close()
        waiting: list[asyncio.Future[Any]] = []

        def settle(stood: bool) -> None:
            for future in waiting:
                if not stood or fate:
                    _reject(future, AutoReconnect("lost", UNKNOWN))
                elif not future.done():
                    future.set_result(None)

        world.confirm_later(world.replicas.apply(self.writes, settle))
        return Blocked(waiting.append)

    def end_session(self) -> None:
        """Abort what was not committed."""
        if self.is_open:
            self.drop()

    def drop(self) -> None:
        """Abort."""
        self._close()
        self.writes = {}

    def _close(self) -> None:
        self.is_open = False
        replicas = self.world.replicas
        replicas.open.pop(self, None)
        for slot in self.writes:
            if replicas.locks.get(slot) is self:
                del replicas.locks[slot]


def _reject(future: asyncio.Future[Any], error: Exception) -> None:
    if not future.done():
        future.set_exception(error)


class SyncCollection:
    """A collection as PyMongo gives it, for threads."""

    def __init__(self, world: World, database: str, name: str) -> None:
        self._world = world
        self.name = (database, name)

    def find(self, wanted: Raw, *, session: Session | None = None, batch_size: int = 0) -> list[Raw]:
        """Documents as the transaction sees them; without one, as a majority has them."""
        if session is None:
            return _by_majority(self._world, self.name, wanted)
        session.enter()
        there = self._world.replicas.scan(self.name, wanted, session.snapshot)
        if not session.writes:
            return there
        found = {each["_id"]: each for each in there}
        for (database, collection, key), document in session.writes.items():
            if (database, collection) == self.name:
                found.pop(key, None)
                if document is not None and matches(document, wanted):
                    found[key] = document
        return list(found.values())

    def delete_many(self, wanted: Raw, *, session: Session) -> None:
        """Delete what matches."""
        for document in self.find(wanted, session=session):
            session.write((*self.name, document["_id"]), None)


def _by_majority(world: World, name: tuple[str, str], wanted: Raw) -> list[Raw]:
    world.replicas.refuse_while_electing()
    if world.strikes("mongo"):
        raise AutoReconnect("connection closed")
    return world.replicas.scan(name, wanted, world.replicas.majority_time)


class SyncDatabase:
    """A database as PyMongo gives it, for threads."""

    def __init__(self, world: World, name: str) -> None:
        self._world = world
        self._name = name
        self.client = SimpleNamespace(start_session=lambda **_: Session(world))

    def __getitem__(self, name: str) -> SyncCollection:
        return SyncCollection(self._world, self._name, name)

    def command(self, command: Mapping[str, Any], *, session: Session, codec_options: Any) -> Raw:
        """`insert` and `update`, as the server answers them; they stop at the first error."""
        session.enter()
        if "insert" in command:
            return self._insert(command["insert"], command["documents"], session, codec_options)
        return self._update(command["update"], command["updates"], session, codec_options)

    def _insert(self, collection: str, documents: Sequence[Raw], session: Session, codec: Any) -> Raw:
        for place, document in enumerate(documents):
            slot = (self._name, collection, document["_id"])
            if session.sees(slot) is not None:
                return {"ok": 1.0, "n": place, "writeErrors": [{"index": place, "code": DUPLICATE_KEY}]}
            session.write(slot, plain(document, codec))
        return {"ok": 1.0, "n": len(documents)}

    def _update(self, collection: str, updates: Sequence[Raw], session: Session, codec: Any) -> Raw:
        count = 0
        for update in updates:
            session.enter()
            # The runtime updates by id and nothing else.
            (field, name), *more = update["q"].items()
            if field != "_id" or more:
                raise NotImplementedError(update["q"])
            slot = (self._name, collection, name)
            document = session.sees(slot)
            if document is not None:
                session.write(slot, changed(document, plain(update["u"], codec)))
                count += 1
        return {"ok": 1.0, "n": count}


class Cursor:
    """What Motor's `find` gives."""

    def __init__(self, collection: "AsyncCollection", wanted: Raw, limit: int) -> None:
        self._collection = collection
        self._wanted = wanted
        self._limit = limit
        self._sort: Sequence[tuple[str, int]] = ()

    def sort(self, fields: str | Sequence[tuple[str, int]], direction: int = 1) -> Self:
        """Sort by one field, or by these."""
        self._sort = [(fields, direction)] if isinstance(fields, str) else fields
        return self

    async def to_list(self, _: int | None) -> list[Raw]:
        """All of it, as a majority has it."""
        found = await self._collection.read(self._wanted)
        for name, direction in reversed(self._sort):
            found.sort(key=lambda each: each[name], reverse=direction < 0)
        return found[: self._limit] if self._limit else found


class AsyncCollection:
    """A collection as Motor gives it, outside of transactions."""

    def __init__(self, world: World, database: str, name: str) -> None:
        self._world = world
        self.name = (database, name)

    async def read(self, wanted: Raw) -> list[Raw]:
        """What matches, by majority."""
        world = self._world
        world.crash_point("read")
        await asyncio.sleep(world.latency())
        return _by_majority(world, self.name, wanted)

    def find(self, wanted: Raw, fields: None = None, *, limit: int = 0, batch_size: int = 0) -> Cursor:
        """A cursor over what matches."""
        return Cursor(self, wanted, limit)

    async def find_one(self, wanted: Raw, fields: None = None) -> Raw | None:
        """The first that matches."""
        return next(iter(await self.read(wanted)), None)

    async def create_index(self, fields: object, **options: Any) -> None:
        """Only those that expire documents do anything here."""
        if "expireAfterSeconds" in options:
            self._world.replicas.expiries[self.name] = (str(fields), options["expireAfterSeconds"])

    async def delete_many(self, wanted: Raw) -> None:
        """Delete what matches, for a majority."""
        await self._write(wanted, lambda document: None)

    async def update_one(self, wanted: Raw, update: Raw, *, upsert: bool = False) -> None:
        """Change the first that matches; or make it."""
        if await self._write(wanted, lambda document: changed(document, update), 1) or not upsert:
            return
        if self._world.replicas.one((*self.name, wanted["_id"]), self._world.replicas.time) is not None:
            raise DuplicateKeyError("it exists", DUPLICATE_KEY)
        made = changed({"_id": wanted["_id"]}, update)
        await self._applied({(*self.name, wanted["_id"]): made})

    async def _write(self, wanted: Raw, change: Callable[[Raw], Raw | None], limit: int = 0) -> int:
        world = self._world
        world.crash_point("mark")
        await asyncio.sleep(world.latency())
        world.replicas.refuse_while_electing()
        fate = world.strikes("mongo")
        if fate and world.random.random() < 0.5:
            raise AutoReconnect("connection closed")
        found = world.replicas.scan(self.name, wanted, world.replicas.time)
        found = found[:limit] if limit else found
        if found:
            await self._applied({(*self.name, each["_id"]): change(each) for each in found})
        world.crash_point("marked")
        if fate:
            raise AutoReconnect("connection closed")
        return len(found)

    async def _applied(self, writes: Mapping[Slot, Raw | None]) -> None:
        stands = self._world.loop.create_future()

        def settle(stood: bool) -> None:
            if not stands.done():
                stands.set_result(stood)

        self._world.confirm_later(self._world.replicas.apply(writes, settle))
        if not await stands:
            raise AutoReconnect("rolled back")


class AsyncDatabase:
    """A database as Motor gives it."""

    def __init__(self, world: World, name: str) -> None:
        self._world = world
        self._name = name
        self.delegate = SyncDatabase(world, name)

    def __getitem__(self, name: str) -> AsyncCollection:
        return AsyncCollection(self._world, self._name, name)

    async def list_collection_names(self) -> list[str]:
        """Those that were made."""
        await asyncio.sleep(self._world.latency())
        self._world.replicas.refuse_while_electing()
        return [name for database, name in self._world.replicas.collections if database == self._name]

    async def create_collection(self, name: str) -> None:
        """Make one."""
        _ = self._world.replicas.collections[self._name, name]


class Client:
    """A client as Motor gives it."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.admin = SimpleNamespace(command=self._ping)

    async def _ping(self, _: str) -> None:
        self._world.replicas.refuse_while_electing()

    def get_database(self, name: str, **_: object) -> AsyncDatabase:
        """A database by its name."""
        return AsyncDatabase(self._world, name)

    def close(self) -> None:
        """Let go."""
