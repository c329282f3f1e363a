"""A simulated MongoDB replica set: versions of documents, snapshot transactions, majority, stepdowns that roll back."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import NoneType
from typing import Any, Final

from bson import decode, encode
from pymongo.errors import NotPrimaryError, OperationFailure

Raw = Mapping[str, Any]
Slot = tuple[str, str, Any]
"""Database, collection, `_id`."""
WRITE_CONFLICT: Final = 112
NO_SUCH_TRANSACTION: Final = 251
DUPLICATE_KEY: Final = 11_000
FOREVER: Final = 2**62
AS_THEY_ARE: Final = frozenset({str, int, bool, bytes, NoneType})


def transient(code: int, text: str) -> OperationFailure:
    """An error that the server labels as worth another transaction."""
    return OperationFailure(text, code, {"errorLabels": ["TransientTransactionError"]})


@dataclass(slots=True)
class Chain:
    """The versions of one document that somebody may still look at, the newest last; None where it is gone."""

    times: list[int] = field(default_factory=list)
    versions: list[Raw | None] = field(default_factory=list)

    def at(self, time: int) -> Raw | None:
        """The document as it was."""
        for place in range(len(self.times) - 1, -1, -1):
            if self.times[place] <= time:
                return self.versions[place]
        return None


@dataclass(slots=True)
class Applied:
    """A commit on the primary that a majority may not have yet."""

    time: int
    slots: list[Slot]
    settle: Callable[[bool], None]
    """Told whether it stood, once that is known."""


class Replicas:
    """The data, and who is at work on it."""

    def __init__(self) -> None:
        self.collections: dict[tuple[str, str], dict[Any, Chain]] = defaultdict(dict)
        self.time = 0
        self.majority_time = 0
        self.term = 0
        self.is_electing = False
        self.locks: dict[Slot, object] = {}
        self.open: dict[Any, int] = {}
        """Transactions under way, and which time they look at."""
        self.unsure: list[Applied] = []
        self.expiries: dict[tuple[str, str], tuple[str, float]] = {}
        """TTL indexes: field and seconds."""
        self.told = ""
        self.on_applied: Callable[[str, str, Raw], None] = lambda *_: None
        """Told of every document that a commit which stood inserts into `told`: database, collection, document."""

    # -- reading

    def read(self, name: tuple[str, str], ids: Iterable[Any], time: int) -> list[Raw]:
        """Documents by id as they were at a time."""
        found: list[Raw] = []
        collection = self.collections[name]
        for each in ids:
            chain = collection.get(each)
            if chain is None:
                continue
            document = chain.versions[-1] if chain.times[-1] <= time else chain.at(time)
            if document is not None:
                found.append(document)
        return found

    def one(self, slot: Slot, time: int) -> Raw | None:
        """A document as it was at a time."""
        chain = self.collections[slot[0], slot[1]].get(slot[2])
        return None if chain is None else chain.at(time)

    def scan(self, name: tuple[str, str], wanted: Raw, time: int) -> list[Raw]:
        """Documents that a filter matches, as they were at a time."""
        by_id = wanted.get("_id")
        if by_id is None:
            return self._all(name, wanted, time)
        if type(by_id) is not dict:
            ids: Iterable[Any] = (by_id,)
        elif "$in" in by_id:
            ids = by_id["$in"]
        else:
            raise NotImplementedError(by_id)
        found = self.read(name, ids, time)
        rest = {each: condition for each, condition in wanted.items() if each != "_id"}
        return [each for each in found if matches(each, rest)] if rest else found

    def _all(self, name: tuple[str, str], wanted: Raw, time: int) -> list[Raw]:
        """Of all documents those that match: every timer looks through them, so this is written to be fast."""
        chains = self.collections[name].values()
        there = [chain.versions[-1] if chain.times[-1] <= time else chain.at(time) for chain in chains]
        found = [each for each in there if each is not None]
        for path, condition in wanted.items():
            found = [each for each in found if _holds(each.get(path), condition)]
        return found

    def refuse_while_electing(self) -> None:
        """There is nobody to ask while a new primary is elected.

        Raises:
            NotPrimaryError: now is such a time.
        """
        if self.is_electing:
            raise NotPrimaryError("no primary")

    # -- writing

    def apply(self, writes: Mapping[Slot, Raw | None], settle: Callable[[bool], None]) -> Applied:
        """Make writes visible on the primary; a majority has them when `confirm` is called."""
        self.time += 1
        for (database, collection, name), document in writes.items():
            chains = self.collections[database, collection]
            chain = chains.get(name)
            if chain is None:
                chain = chains[name] = Chain()
            chain.times.append(self.time)
            chain.versions.append(document)
        applied = Applied(self.time, list(writes), settle)
        self.unsure.append(applied)
        return applied

    def confirm(self, applied: Applied) -> None:
        """A majority has this commit, and all before it."""
        while self.unsure and self.unsure[0].time <= applied.time:
            first = self.unsure.pop(0)
            self.majority_time = first.time
            self._stands(first)
            first.settle(True)

    def _stands(self, applied: Applied) -> None:
        horizon = min(self.open.values(), default=FOREVER)
        for slot in applied.slots:
            database, collection, name = slot
            chains = self.collections[database, collection]
            chain = chains.get(name)
            if chain is None:
                continue
            place = chain.times.index(applied.time)
            document = chain.versions[place]
            if collection == self.told and document is not None and (not place or chain.versions[place - 1] is None):
                self.on_applied(database, collection, document)
            if applied.time <= horizon and place:
                del chain.times[:place], chain.versions[:place]
            if len(chain.times) == 1 and chain.versions[0] is None and applied.time <= horizon:
                del chains[name]

    def step_down(self) -> None:
        """The primary goes: what no majority has is rolled back, and every transaction under way is lost."""
        self.term += 1
        self.open.clear()
        self.locks.clear()
        lost, self.unsure = self.unsure, []
        for applied in reversed(lost):
            for database, collection, name in applied.slots:
                chains = self.collections[database, collection]
                chain = chains[name]
                place = chain.times.index(applied.time)
                del chain.times[place], chain.versions[place]
                if not chain.times:
                    del chains[name]
        for applied in lost:
            applied.settle(False)

    def expire(self, now: datetime) -> None:
        """What TTL indexes say is over goes."""
        for name, (path, seconds) in self.expiries.items():
            for chains in [self.collections[name]]:
                for key, chain in list(chains.items()):
                    document = chain.versions[-1]
                    at = None if document is None else document.get(path)
                    if isinstance(at, datetime) and (now - at).total_seconds() > seconds:
                        del chains[key]


def plain(document: Raw, codec: Any) -> dict[str, Any]:
    """A document as it comes back from MongoDB.

    BSON says whether it can be kept at all; that it would be read as it was written needs no reading, but for instants,
    of which MongoDB keeps milliseconds, and for what has parts.
    """
    encoded = encode(document, codec_options=codec)
    after: dict[str, Any] = {}
    for name, value in document.items():
        if type(value) in AS_THEY_ARE:
            after[name] = value
        elif type(value) is datetime and value.tzinfo is not None:
            instant = value.astimezone(UTC)
            after[name] = instant.replace(microsecond=instant.microsecond // 1_000 * 1_000)
        else:
            return decode(encoded, codec)
    return after


def matches(document: Raw, wanted: Raw) -> bool:
    """Whether a filter matches, as far as the runtime's and the workers' filters go."""
    return all(_holds(document.get(name), condition) for name, condition in wanted.items())


def _holds(value: Any, condition: Any) -> bool:
    if type(condition) is not dict or not condition:
        return bool(value == condition or (type(value) is list and condition in value))
    for operator, operand in condition.items():
        if operator == "$in":
            holds = any(each in operand for each in value) if type(value) is list else value in operand
        elif operator == "$lte":
            holds = value is not None and value <= operand
        elif operator == "$gt":
            holds = value is not None and value > operand
        else:
            raise NotImplementedError(operator)
        if not holds:
            return False
    return True


def changed(document: Raw, update: Raw) -> dict[str, Any]:
    """A document after `$set` and `$unset`; a path has at most two parts."""
    after = dict(document)
    for operator, changes in update.items():
        for path, value in changes.items():
            head, _, rest = path.partition(".")
            if rest:
                inner = dict(after.get(head) or {})
                after[head] = inner
            else:
                inner = after
            if operator == "$set":
                inner[rest or head] = value
            elif operator == "$unset":
                inner.pop(rest or head, None)
            else:
                raise NotImplementedError(operator)
    return after
