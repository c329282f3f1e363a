"""Whether the trail is whole: each entry hashed anew, each chain held against its head, and nothing beside them."""

from collections.abc import AsyncIterator, Callable, Collection, Mapping
from json import loads
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

from contracts.messages import wire_time
from runtime.store import Reader, Unfit, from_raw
from workers.audit.chains import BEGINNING, CHAINS, chain_name, entry_hash, entry_id
from workers.audit.documents import Chain, Entry

PAGE: Final = 1_000
BEHIND_ALL_ENTRIES: Final = ":"
"""Sorts behind every sequence, which are digits."""
NAMES: Final = tuple(chain_name(number) for number in range(CHAINS))
ENTRY_ID: Final = rf"^(?:{'|'.join(NAMES)})/[0-9]{{12}}(?![\s\S])"
"""What every entry's id looks like; `$` would let a line's end follow."""
MOST_STRAYS: Final = 100
LONGEST_SHOWN: Final = 80

Heads = Mapping[str, tuple[int, str]]
"""How long each chain was once, and its last entry's hash."""
NO_HEADS: Final[Heads] = {}


class InvalidHeads(ValueError):
    """What was noted is no heads of chains."""


def read_heads(text: str) -> Heads:
    """Heads from the JSON of a verdict's `heads`.

    Raises:
        InvalidHeads: it is none.
    """
    try:
        noted = {name: head.split(":") for name, head in loads(text).items()}
        heads = {name: (int(length), digest) for name, (length, digest) in noted.items()}
    except (ValueError, AttributeError, TypeError):
        raise InvalidHeads("no JSON object of chains and `<length>:<hash>`") from None
    if strange := heads.keys() - set(NAMES):
        raise InvalidHeads(f"there is no chain {min(strange)!r}")
    return heads


class Break(BaseModel):
    """The first place where a chain is not what it was, or something that is no part of any."""

    model_config = ConfigDict(frozen=True)

    chain: str
    """Of what stands outside of all chains: its id, as Python writes it."""
    sequence: int
    """0: the chain's head, or something outside of all chains."""
    reason: str

    @property
    def where(self) -> str:
        """Which entry it is, where it is one of a chain's."""
        return entry_id(self.chain, self.sequence) if self.sequence else self.chain


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
    """Of each chain that is broken, the first break; then what stands outside of all chains."""

    @property
    def is_whole(self) -> bool:
        """Whether nothing was found."""
        return not self.breaks


async def verify(reader: Reader, noted: Heads = NO_HEADS, each: Callable[[Entry], None] | None = None) -> Verdict:
    """Read every chain from its beginning and find the first break in each, and what stands outside of all.

    Safe while entries are added: a chain is read up to the head that it had when its turn came.

    Args:
        reader: where the trail is.
        noted: heads that an earlier verdict told: chains have to go through them.
        each: is given every entry that is right, chain by chain, in order.
    """
    entries = 0
    heads: dict[str, str] = {}
    breaks: list[Break] = []
    for name in NAMES:
        last = await _last_id(reader, name)
        try:
            # After the last entry: one that is added between the two moves the head, so none is beyond it.
            head = await reader.get(Chain, name)
        except Unfit:
            breaks.append(Break(chain=name, sequence=0, reason="the chain's head can't be read"))
            continue
        begun = head or Chain(id=name, length=0, hash=BEGINNING)
        length, found = await _verify_chain(reader, begun, noted, last, each)
        entries += length
        if found is not None:
            breaks.append(found)
        if head is not None:
            heads[name] = f"{head.length}:{head.hash}"
    return Verdict(entries=entries, heads=heads, breaks=(*breaks, *await _strays(reader)))


async def unrecorded(reader: Reader, message_ids: Collection[str]) -> set[str]:
    """Those of these messages that have no entry; reads the whole trail."""
    missing = set(message_ids)
    for name in NAMES:
        async for raw in _entries(reader, name, BEHIND_ALL_ENTRIES):
            missing.discard(_said_id(raw.get("content")))
    return missing


def _said_id(content: object) -> str:
    """The id of the message that an entry is of; empty where that can't be read, which `verify` tells."""
    try:
        return str(loads(content)["id"]) if isinstance(content, str) else ""
    except (ValueError, KeyError, TypeError):
        return ""


async def _verify_chain(
    reader: Reader, head: Chain, noted: Heads, last: str, each: Callable[[Entry], None] | None
) -> tuple[int, Break | None]:
    """How many entries of a chain are right, up to the head, and where the first is that isn't."""
    name, length = head.id, head.length
    noted_length, noted_hash = noted.get(name, (0, BEGINNING))
    sequence, before = 0, BEGINNING
    try:
        async for raw in _entries(reader, name, f"{length:012d}"):
            entry = from_raw(Entry, raw)
            problem = problem_of(entry, entry_id(name, sequence + 1), before)
            if problem is not None:
                return sequence, Break(chain=name, sequence=sequence + 1, reason=problem)
            sequence, before = sequence + 1, entry.hash
            if sequence == noted_length and before != noted_hash:
                return sequence, Break(chain=name, sequence=sequence, reason="the entry had another hash when noted")
            if each is not None:
                each(entry)
    except Unfit:
        return sequence, Break(chain=name, sequence=sequence + 1, reason="the entry can't be read")

    if sequence < length:
        return sequence, Break(chain=name, sequence=sequence + 1, reason="the entry is missing at the chain's end")
    if before != head.hash:
        return sequence, Break(chain=name, sequence=sequence, reason="the chain's head has another hash than the entry")
    if last > entry_id(name, length):
        return sequence, Break(chain=name, sequence=length + 1, reason="the entry is beyond the chain's head")
    if length < noted_length:
        reason = f"the chain had {noted_length} entries when its head was noted"
        return sequence, Break(chain=name, sequence=length + 1, reason=reason)
    return sequence, None


async def _strays(reader: Reader) -> list[Break]:
    """What stands among entries and heads under an id that none of them has; timelines would show such entries."""
    found: list[Break] = []
    places: tuple[tuple[type[Entry | Chain], Mapping[str, Any], str], ...] = (
        (Entry, {"$not": {"$regex": ENTRY_ID}}, "an entry that belongs to no chain"),
        (Chain, {"$nin": NAMES}, "the head of no chain that there is"),
    )
    for document_class, strange, reason in places:
        stages = ({"$match": {"_id": strange}}, {"$limit": MOST_STRAYS}, {"$project": {"_id": 1}})
        ids = [repr(raw["_id"])[:LONGEST_SHOWN] for raw in await reader.aggregate(document_class, stages)]
        found += [Break(chain=each, sequence=0, reason=reason) for each in ids]
    return found


async def _last_id(reader: Reader, name: str) -> str:
    """The id of a chain's last entry; where it has none, what sorts before every one."""
    stages = ({"$match": _within(f"{name}/", name, BEHIND_ALL_ENTRIES)}, {"$sort": {"_id": -1}}, {"$limit": 1})
    found = await reader.aggregate(Entry, (*stages, {"$project": {"_id": 1}}))
    return str(found[0]["_id"]) if found else ""


async def _entries(reader: Reader, name: str, until: str) -> AsyncIterator[Mapping[str, Any]]:
    """A chain's entries in order, up to a sequence, as they are kept."""
    last = f"{name}/"
    while True:
        stages = ({"$match": _within(last, name, until)}, {"$sort": {"_id": 1}}, {"$limit": PAGE})
        page = await reader.aggregate(Entry, stages)
        for raw in page:
            yield raw
        if len(page) < PAGE:
            return
        last = page[-1]["_id"]


def _within(after: str, name: str, until: str) -> Mapping[str, Any]:
    return {"_id": {"$gt": after, "$lte": f"{name}/{until}"}}


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
