"""With history: the same commands and reads beside few members and many, on a new account and on an old one, in turn.

All of it stands on the same servers at once, and every round measures each, so that what else the machine does meets
all of them. Nobody but the one worker that is measured runs meanwhile, and nobody at all while reads are timed: what
MongoDB read for them is the difference of its own counters.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, Final

from pymongo import MongoClient

from contracts.messages import Command
from contracts.programme import Programme
from contracts.rewards import PurchaseLine
from runtime.settings import Settings
from runtime.store import Library
from tests.bench.commands import Shop, card_number
from tests.bench.examined import examined
from tests.bench.grown import Beside, Grown, Read
from tests.bench.history import FIRST, OldAccount, free_cards, members, old_account, put, workload
from tests.bench.script import Workload
from tests.bench.ways import Run, Sample
from workers.rewards.documents import LedgerEntry
from workers.rewards.views import RewardsViews, cursor_of

WARM_UP_SHARE: Final = 6
READS: Final = 60
"""Of each kind."""
CHEAP_MINOR: Final = 60
"""What a coffee costs where no account is to climb into a tier meanwhile: it earns a stamp and no points."""
Say = Callable[[str, int, int], None]
"""What is done now, and how much of how much of it."""
Ask = Callable[[RewardsViews, OldAccount, str], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much history is to be there."""

    members: tuple[int, ...]
    entries: int
    """At least so many beside the most members; 0: as many as their first purchases make."""
    accounts: tuple[int, ...]
    """Ledger entries of one account, beside the most members."""


@dataclass(slots=True)
class Place:
    """Databases and topics of their own, with so many members."""

    settings: Settings
    size: int
    entries: int = 0
    joined: int = 0
    """How many were let join since."""
    accounts: dict[int, OldAccount] = field(default_factory=dict)
    """By how many entries they were to have."""


ASKED: Final[Mapping[str, Ask]] = {
    "balance": lambda views, old, _: views.balance(old.card_number, datetime.now(UTC)),
    "explanation": lambda views, old, _: views.explanation(old.account_id),
    "ledger, newest page": lambda views, old, _: views.ledger(old.account_id),
    "ledger, oldest page": lambda views, old, before: views.ledger(old.account_id, before=before),
    "purchases": lambda views, old, _: views.purchases(old.account_id),
    "purchases, the oldest": lambda views, old, _: views.purchases(old.account_id, sort=(("purchased_at", 1),)),
    "purchases of a store": lambda views, old, _: views.purchases(old.account_id, store="store-1"),
    "purchases of no store": lambda views, old, _: views.purchases(old.account_id, store="store-none"),
    "rewards": lambda views, old, _: views.rewards(old.account_id),
    "adjustments": lambda views, old, _: views.adjustments(old.account_id),
    "coupons": lambda views, old, _: views.coupons(old.account_id),
}
"""What an account's page asks for."""


class Growth:
    """One measurement of what history costs."""

    def __init__(
        self, settings: Callable[[], Settings], programme: Programme, logs: Path, pids: Mapping[str, int], say: Say
    ) -> None:
        self._settings = settings
        self._programme = programme
        self._logs = logs
        self._pids = pids
        self._say = say
        self._shop = Shop(programme, seed=9)
        self._random = Random(9)

    async def measure(self, sizes: Sizes, rounds: int, commands: int) -> Grown:
        """Put the history there, then measure in turn; nothing of it is left when this returns, however it does."""
        found = Grown(options=f"{rounds} rounds of {commands:,} commands of each kind, {READS} reads of each")
        places: list[Place] = []
        try:
            for size in sizes.members:
                places.append(Place(self._settings(), size))
                is_most = size == sizes.members[-1]
                await self._fill(places[-1], rounds * commands, sizes.entries if is_most else 0)
                found.members[size] = Beside(places[-1].entries)
            if len(places) > 1:
                await self._grow(places[0], sizes.accounts[:1], found)
            await self._grow(places[-1], sizes.accounts, found)
            await self._settle()
            await self._read(places, found)
            for number in range(rounds):
                await self._round(places, found, commands, number, f"round {number + 1} of {rounds}")
        finally:
            self._say("cleaning up", 0, 0)
            for place in places:
                await self._clean(place)
        return found

    async def _grow(self, place: Place, accounts: tuple[int, ...], found: Grown) -> None:
        for number, entries in enumerate(accounts):
            self._say(f"an account with {entries:,} ledger entries", 0, entries)
            old = await old_account(place.settings, self._programme, number, entries, lambda _: None)
            place.accounts[entries] = old
            found.accounts[place.size, entries] = Beside(old.entries)

    async def _fill(self, place: Place, joining: int, entries: int) -> None:
        one = await members(self._programme, "rewards", place.size)
        entries_each = len(one.moulds[LedgerEntry.collection])
        purchases = max(1, -(-entries // (place.size * entries_each)))
        place.entries = place.size * purchases * entries_each
        there = [
            await members(self._programme, "rewards", place.size, purchases),
            await members(self._programme, "registration", place.size),
            await free_cards(self._programme, FIRST + place.size, joining),
        ]
        for name in ("rewards", "registration"):
            await self._run(place, Workload(name, name, {}, [], [])).prepare()
        total = sum(copies.count * copies.each for copies in there)
        done = 0

        def note(count: int) -> None:
            nonlocal done
            done += count
            self._say(f"{place.size:,} members, {place.entries:,} ledger entries", done, total)

        await asyncio.gather(put(place.settings, there[0], note), self._one_by_one(place.settings, there[1:], note))

    async def _one_by_one(self, settings: Settings, there: list[Any], note: Callable[[int], None]) -> None:
        for copies in there:
            await put(settings, copies, note)

    async def _settle(self) -> None:
        """Let MongoDB write out what was put there, so that it doesn't meanwhile."""
        self._say("writing out", 0, 0)
        with MongoClient[dict[str, Any]](self._settings().mongo_url.get_secret_value()) as client:
            await asyncio.to_thread(client.admin.command, "fsync")

    async def _round(self, places: list[Place], found: Grown, commands: int, number: int, where: str) -> None:
        """Measure each once, in every other round the other way round: who comes first may meet a colder machine."""
        turn = -1 if number % 2 else 1
        for place in places[::turn]:
            beside = found.members[place.size]
            for each in (self._registrations(place, commands), self._purchases(place, commands)):
                self._say(f"{where}: {each.name}s beside {place.size:,} members", 0, 0)
                beside.samples.setdefault(each.name, []).append(await self._sample(place, each))
        old_ones = [(place, entries, old) for place in places for entries, old in place.accounts.items()]
        for place, entries, old in old_ones[::turn]:
            self._say(f"{where}: purchases on an account with {entries:,} entries", 0, 0)
            beside = found.accounts[place.size, entries]
            sample = await self._sample(place, self._coffees(old, commands))
            beside.samples.setdefault("purchase", []).append(sample)

    async def _sample(self, place: Place, each: Workload) -> Sample:
        count = len(each.commands)
        return await self._run(place, each).measure(count, count // WARM_UP_SHARE)

    def _run(self, place: Place, each: Workload) -> Run:
        return Run("ours", each, place.settings, self._pids, self._logs)

    def _registrations(self, place: Place, count: int) -> Workload:
        first = FIRST + place.size + place.joined
        place.joined += count
        numbers = range(first, first + count)
        return workload("registration", [self._shop.member(number, card_number(number)) for number in numbers])

    def _purchases(self, place: Place, count: int) -> Workload:
        cards = [card_number(FIRST + self._random.randrange(place.size)) for _ in range(count)]
        return workload("purchase", [self._shop.purchase(card) for card in cards])

    def _coffees(self, old: OldAccount, count: int) -> Workload:
        bought: list[Command] = []
        for _ in range(count):
            receipt = self._shop.purchase(old.card_number, items=1)
            (line,) = receipt.lines
            cheap = PurchaseLine.model_validate({**line.model_dump(), "price_minor": CHEAP_MINOR})
            bought.append(receipt.model_copy(update={"lines": (cheap,)}))
        return workload("purchase", bought)

    async def _read(self, places: list[Place], found: Grown) -> None:
        self._say("reads", 0, 0)
        libraries = {place.size: Library(place.settings) for place in places}
        views = {size: RewardsViews(library.worker("rewards")) for size, library in libraries.items()}
        asks: list[tuple[Beside, str, Callable[[], Awaitable[object]]]] = []
        for place in places:
            one = views[place.size]
            asks.append((found.members[place.size], "balance", partial(self._any, one, place.size)))
        for place in places:
            for entries, old in place.accounts.items():
                before = await self._oldest(libraries[place.size], old)
                for name, asked in ASKED.items():
                    asks.append(
                        (found.accounts[place.size, entries], name, partial(asked, views[place.size], old, before))
                    )
        times: list[list[float]] = [[] for _ in asks]
        for _ in range(READS):
            for taken, (_, _, ask) in zip(times, asks, strict=True):
                began = time.perf_counter()
                await ask()
                taken.append(1e3 * (time.perf_counter() - began))
        with MongoClient[dict[str, Any]](places[-1].settings.mongo_url.get_secret_value()) as client:
            for taken, (beside, name, ask) in zip(times, asks, strict=True):
                documents, keys = await examined(client, ask)
                beside.reads[name] = Read(tuple(taken), documents, keys)
        for library in libraries.values():
            library.close()

    async def _any(self, views: RewardsViews, size: int) -> object:
        """The balance of somebody."""
        found = await views.balance(card_number(FIRST + self._random.randrange(size)), datetime.now(UTC))
        assert found is not None
        return found

    async def _oldest(self, library: Library, old: OldAccount) -> str:
        """Where the last page of an account's ledger begins."""
        where, oldest = {"account_id": old.account_id}, (("at", 1), ("_id", 1))
        page = await library.worker("rewards").find(LedgerEntry, where, sort=oldest, limit=101)
        return cursor_of(page[-1]) if page else f"0.{'0' * 32}"

    async def _clean(self, place: Place) -> None:
        client = MongoClient[dict[str, Any]](place.settings.mongo_url.get_secret_value())
        await asyncio.to_thread(client.drop_database, place.settings.database("registration"))
        client.close()
        await self._run(place, Workload("rewards", "rewards", {}, [], [])).clean()
