"""What others may read of the trail: timelines, and whether the trail is whole."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from datetime import UTC, datetime
from json import loads
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, JsonValue

from contracts.audit import RecordLook
from contracts.messages import Actor, CommandEnded, Outcome, wire_time
from runtime.store import Reader, Unfit
from workers.audit.chains import BEGINNING, CHAINS, chain_name, entry_hash, entry_id
from workers.audit.documents import Chain, Entry

PAGE: Final = 1_000
LONGEST_TIMELINE: Final = 1_000
AFTER_ALL_ENTRIES: Final = "~"
"""Sorts behind every entry's sequence."""


class Line(BaseModel):
    """One line of a timeline: what happened, when, by whom, in which call, with what outcome."""

    model_config = ConfigDict(frozen=True)

    id: str
    what: str
    """An event (`CardBlocked`), a look (`RecordLook`), or a command whose outcome is given (`BlockCard`)."""
    worker: str
    happened_at: datetime
    recorded_at: datetime
    actor: Actor
    outcome: Outcome | None = None
    """Of a command: how it ended; of a look that was refused at the door: that."""
    code: str | None = None
    """Why it was refused or failed."""
    correlation_id: str
    """The command that it goes back to."""
    subjects: tuple[str, ...]
    facts: dict[str, JsonValue]
    """What was said, less what is personal."""

    @property
    def cursor(self) -> str:
        """Where a timeline goes on after this line."""
        return f"{wire_time(self.happened_at)}|{self.id}"


class InvalidCursor(ValueError):
    """A cursor that no line has."""


class Break(BaseModel):
    """The first place where a chain is not what it was."""

    model_config = ConfigDict(frozen=True)

    chain: str
    sequence: int
    reason: str


class Verdict(BaseModel):
    """What a verification found.

    Somebody who may write to the database can write a whole trail anew. Note `heads` somewhere else, and compare:
    a chain that is shorter than it once was, or has another hash at a length that was noted, was rewritten.
    """

    model_config = ConfigDict(frozen=True)

    entries: int
    heads: dict[str, str]
    """For each chain that has entries: `<length>:<hash of the last>`."""
    breaks: tuple[Break, ...]
    """Of each chain that is broken, the first break."""

    @property
    def is_whole(self) -> bool:
        """Whether nothing was found."""
        return not self.breaks


class AuditViews:
    """The trail, as operators and auditors may see it."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def timeline(self, subjects: Sequence[str], limit: int = 100, before: str | None = None) -> list[Line]:
        """What happened to any of the subjects, newest first, at most `limit` lines.

        Purchases know a card and an account, not a member: for all of a member pass the member's id with the
        numbers of the cards and the ids of the accounts. No subjects, no lines.

        Raises:
            InvalidCursor: `before` is no line's cursor.
        """
        if not subjects:
            return []
        wanted: dict[str, Any] = {"subjects": {"$in": list(dict.fromkeys(subjects))}}
        if before is not None:
            happened_at, entry = _read_cursor(before)
            # Said twice: the first bounds the index, without it all that is newer would be read again for each page.
            wanted["happened_at"] = {"$lte": happened_at}
            wanted["$or"] = [
                {"happened_at": {"$lt": happened_at}},
                {"happened_at": happened_at, "_id": {"$lt": entry}},
            ]
        newest_first = (("happened_at", -1), ("_id", -1))
        count = max(1, min(limit, LONGEST_TIMELINE))
        return [line_of(entry) for entry in await self._reader.find(Entry, wanted, sort=newest_first, limit=count)]


def _read_cursor(cursor: str) -> tuple[datetime, str]:
    happened_at, _, entry = cursor.partition("|")
    try:
        instant = datetime.fromisoformat(happened_at)
        if not entry or instant.tzinfo is None:
            raise ValueError("half a cursor")
        return instant.astimezone(UTC), entry
    except (ValueError, OverflowError):
        raise InvalidCursor("not a cursor of a timeline") from None


def line_of(entry: Entry) -> Line:
    """An entry as a timeline shows it."""
    said: dict[str, Any] = loads(entry.content)
    facts: dict[str, Any] = said["body"]
    what, outcome, code = said["what"], None, None
    if what == CommandEnded.__name__:
        what, outcome, code, facts = facts["command"], facts["outcome"], facts["code"], facts["details"]
    elif what == RecordLook.__name__ and facts.get("code") is not None:
        outcome, code = Outcome.REFUSED, facts["code"]
    return Line(
        id=entry.id,
        what=what,
        worker=said["worker"],
        happened_at=entry.happened_at,
        recorded_at=said["recorded_at"],
        actor=said["actor"],
        outcome=outcome,
        code=code,
        correlation_id=said["correlation_id"],
        subjects=entry.subjects,
        facts=facts,
    )


async def verify(reader: Reader) -> Verdict:
    """Read every chain from its beginning and find the first break in each; safe while entries are added."""
    entries = 0
    heads: dict[str, str] = {}
    breaks: list[Break] = []
    for number in range(CHAINS):
        name = chain_name(number)
        head = await reader.get(Chain, name)
        length, found = await _verify_chain(reader, name, head)
        entries += length
        if found is not None:
            breaks.append(found)
        if head is not None:
            heads[name] = f"{head.length}:{head.hash}"
    return Verdict(entries=entries, heads=heads, breaks=tuple(breaks))


async def unrecorded(reader: Reader, message_ids: Collection[str]) -> set[str]:
    """Those of these messages that have no entry; reads the whole trail."""
    missing = set(message_ids)
    for number in range(CHAINS):
        async for entry in _entries(reader, chain_name(number)):
            missing.discard(loads(entry.content)["id"])
    return missing


async def _verify_chain(reader: Reader, name: str, head: Chain | None) -> tuple[int, Break | None]:
    """How many entries of a chain are right, up to the head, and where the first is that isn't."""
    length, digest = (head.length, head.hash) if head is not None else (0, BEGINNING)
    sequence, before, is_beyond = 0, BEGINNING, False
    try:
        async for entry in _entries(reader, name):
            is_beyond = sequence == length
            if is_beyond:
                break
            problem = problem_of(entry, entry_id(name, sequence + 1), before)
            if problem is not None:
                return sequence, Break(chain=name, sequence=sequence + 1, reason=problem)
            sequence, before = sequence + 1, entry.hash
    except Unfit:
        return sequence, Break(chain=name, sequence=sequence + 1, reason="the entry can't be read")

    if sequence < length:
        return sequence, Break(chain=name, sequence=sequence + 1, reason="the entry is missing at the chain's end")
    if before != digest:
        return sequence, Break(chain=name, sequence=sequence, reason="the chain's head has another hash than the entry")
    return sequence, await _beyond(reader, name, length) if is_beyond else None


async def _beyond(reader: Reader, name: str, length: int) -> Break | None:
    """An entry after the head is new, if the head has moved meanwhile; else nobody recorded it."""
    head = await reader.get(Chain, name)
    if head is not None and head.length > length:
        return None
    return Break(chain=name, sequence=length + 1, reason="the entry is beyond the chain's head")


async def _entries(reader: Reader, name: str) -> AsyncIterator[Entry]:
    """A chain's entries in order; where a page holds one that can't be read, those before it come one by one."""
    last = f"{name}/"
    limit = PAGE
    while True:
        within: Mapping[str, Any] = {"_id": {"$gt": last, "$lt": f"{name}/{AFTER_ALL_ENTRIES}"}}
        try:
            page = await reader.find(Entry, within, sort=(("_id", 1),), limit=limit)
        except Unfit:
            if limit == 1:
                raise
            limit = 1
            continue
        for entry in page:
            yield entry
        if len(page) < limit:
            return
        last = page[-1].id


def problem_of(entry: Entry, expected_id: str, before: str) -> str | None:
    """What is wrong with an entry, given the hash before it; None if nothing is."""
    if entry.id != expected_id:
        return f"the entry is missing; {entry.id} is next"
    if entry.hash != entry_hash(before, entry.id, entry.content):
        return "the entry's hash doesn't fit its content and the entry before it"
    try:
        said = loads(entry.content)
        subjects, happened_at = tuple(said["subjects"]), said["happened_at"]
    except (ValueError, KeyError, TypeError):
        return "the entry's content can't be read"
    if subjects != entry.subjects:
        return "the entry is filed under other subjects than it names"
    if happened_at != wire_time(entry.happened_at):
        return "the entry is filed under another time than it names"
    return None
