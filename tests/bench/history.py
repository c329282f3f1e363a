"""History at once: members, and an old account, put into databases as copies of what the workers' own handlers made.

Documents are encoded once, cut where copies differ, and put together again from so many bytes as were cut out, so that
their lengths stay right. Ids of copies rise and are spread over all that ids can be: they go in fast, in order, and
what is measured then falls between them, as everywhere. An old account's copies are of what it once bought, each so
long before the other; its account document says what all of them come to. Only `balance_after` of a copy is still that
of what it is a copy of.
"""

import asyncio
import re
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Final, Self

import bson
from bson.raw_bson import RawBSONDocument
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.write_concern import WriteConcern

from contracts.cards import CardIssued, CardKind, CardLinked
from contracts.messages import Command
from contracts.programme import Programme
from contracts.rewards import RecordPurchase
from runtime.documents import Document
from runtime.mongo import CODEC, MAJORITY, Raw, from_raw, to_raw
from runtime.settings import Settings
from tests.bench.commands import Shop, asked, card_number, happened
from tests.bench.script import PLACEHOLDER, Played, Rehearsal, Workload
from tests.chaos.workers import all_workers
from workers.rewards.counts import Counter
from workers.rewards.documents import Account, Holding, LedgerEntry, Lot, Purchase
from workers.rewards.reckoning import what_counts

FIRST: Final = 1_000_000
"""Members are numbered from here on, so that all their numbers have as many digits."""
OLD: Final = 9_000_000
"""Cards of old accounts are numbered from here on."""
AT_ONCE: Final = 5_000
CHECKED: Final = 50
"""One of so many lots that go in together is read back through its class."""
BLOCK: Final = 120
"""Purchases of an old account that its handlers really made."""
DAYS_APART: Final = 3
"""Days between them: so they fill a year, and leave a lot for each of its months."""
BEFORE: Final = timedelta(hours=6)
"""So much earlier is each copy of them."""
ID: Final = re.compile(r"[0-9a-f]{32}")
NOTHING: Final = Played([], {}, b"", ())
Marks = Mapping[bytes, bytes]
"""What stands there, and what takes its place; equally long."""
Documents = Mapping[str, Sequence[Raw]]
"""By collection."""
Note = Callable[[int], None]
"""Is told how many documents more are there now."""


class Mould:
    """One document as BSON, cut at what differs from copy to copy."""

    def __init__(self, document: Raw, pattern: "re.Pattern[bytes] | None") -> None:
        encoded = bson.encode(document, codec_options=CODEC)
        self._pieces = [encoded] if pattern is None else pattern.split(encoded)

    def copy(self, values: Marks) -> RawBSONDocument:
        """A copy with these values in the marks' places."""
        pieces = self._pieces.copy()
        pieces[1::2] = [values[mark] for mark in pieces[1::2]]
        return RawBSONDocument(b"".join(pieces))


@dataclass(frozen=True, slots=True)
class Copies:
    """A worker's documents to be put into its database so many times, each time with other values."""

    worker: str
    count: int
    moulds: Mapping[str, Sequence[Mould]]
    """By collection."""
    values: Callable[[int], Marks]

    @classmethod
    def of(cls, worker: str, count: int, documents: Documents, values: Callable[[int], Marks]) -> Self:
        """Copies of these documents.

        Raises:
            ValueError: something would take the place of what is shorter or longer.
        """
        marks = values(0)
        if any(len(mark) != len(value) for mark, value in marks.items()):
            raise ValueError("a copy's values must be as long as what they take the place of")
        pattern = re.compile(b"(%b)" % b"|".join(map(re.escape, sorted(marks))), re.DOTALL) if marks else None
        moulds = {name: [Mould(each, pattern) for each in found] for name, found in documents.items() if found}
        return cls(worker, count, moulds, values)

    @property
    def each(self) -> int:
        """How many documents go in each time."""
        return sum(len(moulds) for moulds in self.moulds.values())


async def put(settings: Settings, copies: Copies, note: Note) -> None:
    """Put copies into their worker's database, by as many at once as MongoDB takes gladly."""
    url = settings.mongo_url.get_secret_value()
    with MongoClient[RawBSONDocument](url, document_class=RawBSONDocument, retryWrites=False) as client:
        database = client.get_database(settings.database(copies.worker), write_concern=WriteConcern(w=1))
        step = max(1, AT_ONCE // max(1, copies.each))
        for turn, start in enumerate(range(0, copies.count, step)):
            numbers = range(start, min(copies.count, start + step))
            if numbers.stop == copies.count:  # who reads by majority then finds all of it
                database = database.with_options(write_concern=MAJORITY)
            await asyncio.to_thread(_insert, database, copies, numbers, is_checked=turn % CHECKED == 0)
            note(len(numbers) * copies.each)


def _insert(database: Database[RawBSONDocument], copies: Copies, numbers: range, *, is_checked: bool) -> None:
    values = [copies.values(number) for number in numbers]
    for collection, moulds in copies.moulds.items():
        made = [mould.copy(each) for mould in moulds for each in values]
        database[collection].insert_many(made, ordered=False)
        if is_checked:
            from_raw(_class_of(copies.worker, collection), bson.decode(made[-1].raw, codec_options=CODEC))


def _class_of(worker: str, collection: str) -> type[Document]:
    (own,) = [each for each in all_workers() if each.name == worker]
    return next(each for each in own.documents.values() if each.collection == collection)


def _as_it_is(_: int) -> Marks:
    return {}


# -- many members


async def members(programme: Programme, worker: str, size: int, purchases: int = 1) -> Copies:
    """So many members, each with so many purchases, as the worker's own handlers make one."""
    settings = Settings(prefix=PLACEHOLDER)
    card, shop = card_number(FIRST), Shop(programme)
    said = [happened(settings, CardIssued(card_number=card, kind=CardKind.PHYSICAL, category="normal"))]
    if worker == "registration":
        said += asked(settings, [shop.member(FIRST, card)])
    else:
        bought = [earlier(shop.purchase(card, items=20), days=30 * (purchases - 1 - each)) for each in range(purchases)]
        linked = CardLinked(card_number=card, member_id=f"member-{FIRST}", category="normal")
        said += [happened(settings, linked), *asked(settings, bought)]
    rehearsal = Rehearsal(worker, programme, settings)
    await rehearsal.live(said)
    documents = rehearsal.documents()
    ids = sorted({each["_id"].encode() for found in documents.values() for each in found if ID.fullmatch(each["_id"])})

    def values(number: int) -> Marks:
        member = FIRST + number
        own = {
            card.encode(): card_number(member).encode(),
            b"1511%07d" % FIRST: b"1511%07d" % member,
            b"%d@" % FIRST: b"%d@" % member,
            b"member-%d" % FIRST: b"member-%d" % member,
        }
        return {
            **own,
            # What is looked for by its last digits is kept backwards, too.
            **{mark[::-1]: value[::-1] for mark, value in own.items()},
            **{name: spread(number * len(ids) + place, size * len(ids)) for place, name in enumerate(ids)},
            **{b"r-%08d" % (each + 1): b"m-%08d" % (number * purchases + each) for each in range(purchases)},
        }

    return Copies.of(worker, size, documents, values)


def earlier(receipt: RecordPurchase, days: int) -> RecordPurchase:
    """The receipt of a purchase so many days before, so that what it earns expires as much earlier."""
    at = receipt.purchased_at - timedelta(days=days)
    return receipt.model_copy(update={"purchased_at": at, "business_day": at.date(), "is_offline": days > 0})


def spread(number: int, count: int) -> bytes:
    """The n-th of so many ids of 32 digits that rise and are equally far from one another."""
    return b"%032x" % ((number << 128) // count)


async def free_cards(programme: Programme, first: int, count: int) -> Copies:
    """Cards that registration knows and nobody has, for those who join."""
    settings, card = Settings(prefix=PLACEHOLDER), card_number(first)
    rehearsal = Rehearsal("registration", programme, settings)
    await rehearsal.live([happened(settings, CardIssued(card_number=card, kind=CardKind.PHYSICAL, category="normal"))])

    def values(number: int) -> Marks:
        return {card.encode(): card_number(first + number).encode()}

    return Copies.of("registration", count, rehearsal.documents(), values)


def workload(name: str, commands: Sequence[Command]) -> Workload:
    """Commands to be measured on documents that are there already."""
    worker = "registration" if name == "registration" else "rewards"
    messages = asked(Settings(prefix=PLACEHOLDER), commands)
    return Workload(name, worker, {}, messages, [NOTHING] * len(messages))


# -- an old account


@dataclass(frozen=True, slots=True)
class OldAccount:
    """An account that has been used for long."""

    card_number: str
    account_id: str
    entries: int


async def old_account(settings: Settings, programme: Programme, place: int, entries: int, note: Note) -> OldAccount:
    """Put an account with so many ledger entries, and the purchases that they tell of, into the rewards database."""
    card = card_number(OLD + place)
    documents = await _used(programme, card, BLOCK if entries else 0)
    (raw,) = documents.pop(Account.collection)
    account = from_raw(Account, raw)
    bought = documents.get(Purchase.collection, [])
    kept = [from_raw(LedgerEntry, each) for each in documents.get(LedgerEntry.collection, [])]
    earned = [each for each in kept if each.purchase_id is not None]
    times = -(-max(0, entries - len(kept)) // len(earned)) if earned else 0

    values = _earlier(place, [from_raw(Purchase, each) for each in bought], earned)
    again = {Purchase.collection: bought, LedgerEntry.collection: [to_raw(each) for each in earned]}
    whole = grown(account, earned, times, {what_counts(each) for each in programme.rewards.tier_systems})
    for copies in (
        Copies.of("rewards", 1, {Account.collection: [to_raw(whole)]}, _as_it_is),
        Copies.of("rewards", 1, documents, values),
        Copies.of("rewards", times, again, lambda number: values(number + 1)),
    ):
        await put(settings, copies, note)
    return OldAccount(card, account.id, len(kept) + times * len(earned))


async def _used(programme: Programme, card: str, purchases: int) -> dict[str, list[Raw]]:
    settings, shop = Settings(prefix=PLACEHOLDER), Shop(programme)
    linked = CardLinked(card_number=card, member_id=f"member-of-{card}", category="normal")
    said = [happened(settings, CardIssued(card_number=card, kind=CardKind.PHYSICAL, category="normal"))]
    bought = [earlier(shop.purchase(card), days=DAYS_APART * (purchases - each)) for each in range(purchases)]
    said += [happened(settings, linked), *asked(settings, bought)]
    rehearsal = Rehearsal("rewards", programme, settings)
    await rehearsal.live(said)
    return {name: list(found) for name, found in rehearsal.documents().items()}


def _earlier(place: int, purchases: Sequence[Purchase], entries: Sequence[LedgerEntry]) -> Callable[[int], Marks]:
    """Other receipts, entries and times for each copy: the n-th is so many times earlier; copy 0 keeps its own."""
    told = {each.at for each in entries}
    told |= {at for each in purchases for at in (each.purchased_at, each.recorded_at) if at is not None}

    def values(number: int) -> Marks:
        def name(entry_id: str) -> bytes:
            other = blake2b(f"{entry_id}/{number}".encode(), digest_size=16).hexdigest()
            return (other if number else entry_id).encode()

        return {
            **{
                each.receipt_number.encode(): b"%c-%08d" % (ord("A") + place, number * len(purchases) + count)
                for count, each in enumerate(purchases)
            },
            **{each.id.encode(): name(each.id) for each in entries},
            **{_kept(at): _kept(at - number * BEFORE) for at in told},
        }

    return values


def _kept(at: datetime) -> bytes:
    """An instant as BSON has it."""
    return struct.pack("<q", round(at.timestamp() * 1_000))


def grown(account: Account, entries: Sequence[LedgerEntry], times: int, counted: set[str]) -> Account:
    """The account after these entries came so many times again, each in the lots in which it was."""
    added: dict[tuple[str, str | None], int] = {}
    for entry in entries:
        for part in entry.parts:
            added[entry.unit, part.lot] = added.get((entry.unit, part.lot), 0) + times * part.amount

    def more(holding: Holding) -> Holding:
        lots = tuple(
            Lot(terms=lot.terms, amount=lot.amount + added.get((holding.unit, lot.terms.id), 0)) for lot in holding.lots
        )
        return Holding(
            unit=holding.unit,
            balance=sum(lot.amount for lot in lots) - holding.debt,
            pending=holding.pending,
            held=holding.held,
            debt=holding.debt,
            lots=lots,
        )

    def counter(each: Counter) -> Counter:
        amount = each.amount * (times + 1) if each.what in counted else each.amount
        return Counter(what=each.what, period=each.period, amount=amount, kept_until=each.kept_until)

    return account.evolve(
        version=account.version + times * len(entries),
        holdings=tuple(more(each) for each in account.holdings),
        counters=tuple(counter(each) for each in account.counters),
    )
