"""The books of a running system: whether all that was said was heard, and all that was earned adds up."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from math import inf
from typing import Any, Final

from contracts.catalogue import EVENTS
from contracts.messages import WORKERS
from contracts.topics import events_topic
from runtime.admin import AdminError, Backlog, backlogs, create_topics, message_types
from runtime.decisions import Worker
from runtime.serve import listen_topics
from runtime.settings import Settings
from runtime.store import Away, Library
from workers.audit.views import unrecorded, verify
from workers.notifications.views import NotificationViews
from workers.rewards.views import ledger_matches_balances

PATIENCE_SECONDS: Final = 30.0
"""How long what is under way may stand still before it is given up."""
LOOK_EVERY_SECONDS: Final = 0.1
LEVEL_SECONDS: Final = 120.0
"""How long a check waits for workers that never come to rest, as somebody goes on asking them."""

Look = Callable[[], Awaitable[Mapping[str, Backlog]]]
"""Asks how far each consumer group is behind."""
Versions = Mapping[tuple[str, str, str], int]
"""The version of every document, by worker, collection and id."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that has to hold, whether it does, and the figures that say so."""

    what: str
    is_right: bool
    figures: str


class Books:
    """Looks at a running system from the outside: its topics, and its databases read-only."""

    def __init__(self, settings: Settings, library: Library, workers: Sequence[Worker[Any]], look: Look) -> None:
        self._settings = settings
        self._library = library
        self._workers = {worker.name: worker for worker in workers}
        self._look = look

    async def until_level(
        self, names: Sequence[str] = WORKERS, *, patience_seconds: float = PATIENCE_SECONDS, most_seconds: float = inf
    ) -> bool:
        """Wait until these workers have taken in all that was said; False if that stands still or takes too long."""
        moved_at, last, level_at = time.monotonic(), None, None
        ends_at = moved_at + most_seconds
        while time.monotonic() < ends_at:
            looked = await self._look()
            now = [looked[self._settings.group(name)] for name in names]
            # Groups are asked one after the other, so it is over only if nothing was said between two looks.
            if not any(each.behind for each in now):
                if level_at == now:
                    return True
                level_at = now
                continue
            level_at = None
            if now != last:
                moved_at, last = time.monotonic(), now
            if time.monotonic() - moved_at > patience_seconds:
                return False
            await asyncio.sleep(LOOK_EVERY_SECONDS)
        return False

    async def until_quiet(self) -> bool:
        """Wait until all workers are level and no text is on its way to a member; False if that stands still."""
        views = NotificationViews(self._library.worker("notifications"))
        moved_at, last = time.monotonic(), -1
        while True:
            if not await self.until_level():
                return False
            waiting = await views.messages_on_their_way()
            if waiting == 0:
                return await self.until_level()
            if waiting != last:
                moved_at, last = time.monotonic(), waiting
            if time.monotonic() - moved_at > PATIENCE_SECONDS:
                return False
            await asyncio.sleep(LOOK_EVERY_SECONDS)

    async def versions(self) -> Versions:
        """The version of every document there is."""
        found: dict[tuple[str, str, str], int] = {}
        for worker in self._workers.values():
            reader = self._library.worker(worker.name)
            for document in worker.documents.values():
                for raw in await reader.aggregate(document, ({"$project": {"version": 1}},)):
                    found[worker.name, document.collection, raw["_id"]] = raw["version"]
        return found

    async def journal(self) -> dict[str, int]:
        """How many messages all workers remember, by outcome, and how many of them may not be published yet."""
        totals: dict[str, int] = {}
        for name in self._workers:
            for outcome, count in (await self._library.worker(name).journal_totals()).items():
                totals[outcome] = totals.get(outcome, 0) + count
        return totals

    async def checks(self) -> list[Check]:
        """Everything that has to hold in any running system in which nothing is being written."""
        is_level = await self.until_level(most_seconds=LEVEL_SECONDS)
        undispatched = (await self.journal())["undispatched"]
        sums = await ledger_matches_balances(self._library.worker("rewards"))
        audit = self._library.worker("audit")
        verdict = await verify(audit)
        topics = [events_topic(self._settings.prefix, name) for name in WORKERS]
        events = {name for name, kind in (await message_types(self._settings, topics)).items() if kind in EVENTS}
        missing = await unrecorded(audit, events)
        return [
            Check("every message is taken in", is_level, "no worker is behind" if is_level else "some are behind"),
            Check("everything said is published", undispatched == 0, f"{undispatched:,} undispatched"),
            Check("ledger = balances", sums.adds_up, ledger_figures(sums.entries, sums.balances, sums.accounts_off)),
            Check(
                "audit chains are whole",
                verdict.is_whole,
                f"{verdict.entries:,} entries in {len(verdict.heads)} chains"
                + "".join(f"; {each.where}: {each.reason}" for each in verdict.breaks),
            ),
            Check("every event is in the trail", not missing, f"{len(events):,} events, {len(missing):,} missing"),
        ]


def ledger_figures(entries: Mapping[str, int], balances: Mapping[str, int], accounts_off: int) -> str:
    """Sums of the ledger and of the balances, unit by unit."""
    units = sorted(entries.keys() | balances.keys())
    sums = [f"{unit} {entries.get(unit, 0):,} = {balances.get(unit, 0):,}" for unit in units]
    off = f"{accounts_off:,} accounts are off" if accounts_off else ""
    return "; ".join(part for part in (*sums, off) if part).replace(" = ", " = " if not accounts_off else " | ")


def changed_documents(before: Versions, after: Versions) -> dict[str, int]:
    """How many documents of each worker came, went or have another version."""
    changed: dict[str, int] = {}
    for key in before.keys() | after.keys():
        if before.get(key) != after.get(key):
            changed[key[0]] = changed.get(key[0], 0) + 1
    return dict(sorted(changed.items()))


@asynccontextmanager
async def opened(settings: Settings, workers: Sequence[Worker[Any]]) -> AsyncIterator[tuple[Books, Library]]:
    """The books of the system that the settings name.

    Raises:
        AdminError: MongoDB can't be reached.
    """
    library = Library(settings)
    try:
        with mongo_told():
            await library.ping()
            await create_topics(settings)
            groups = {settings.group(worker.name): listen_topics(worker, settings.prefix) for worker in workers}
            async with backlogs(settings, groups) as look:
                yield Books(settings, library, workers, look), library
    finally:
        library.close()


@contextmanager
def mongo_told() -> Iterator[None]:
    """One line where MongoDB is away.

    Raises:
        AdminError: it is.
    """
    try:
        yield
    except Away as error:
        raise AdminError("MongoDB does not answer; `punchcard up` (make run) starts everything") from error
