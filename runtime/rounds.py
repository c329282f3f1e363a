"""Rounds: side effects outside of all decisions; what is due is found, leased, done, and reported as a command.

They keep nothing of their own. What they may do twice is safe to do twice: a lease makes it rare, the other side knows
it again by a key, and the report has an id that follows from document and attempt.
"""

import asyncio
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar, Final, Generic, Protocol, TypeVar

from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_delay, wait_exponential, wait_random

from contracts.messages import Actor, Command
from runtime.breaker import Breaker
from runtime.documents import Document
from runtime.publishing import Unsent
from runtime.store import Away
from runtime.telemetry import log, where_from

D = TypeVar("D", bound=Document)
E = TypeVar("E", bound=Document)

POLL_SECONDS: Final = 0.2
CARRIERS: Final = 32
"""Errands under way at once."""
PAGE: Final = 200
"""Errands looked for beyond those at hand."""
MOST_AT_HAND: Final = 2_000
"""Errands whose report the worker has yet to take in; beyond that the rounds wait for it."""
ATTEMPT_SECONDS: Final = 35.0
"""Longer than one attempt can take, its waits included."""
LEASE_SECONDS: Final = 60.0
"""Longer than an attempt and its turn can take; what was lost with a process is taken up after that."""
AWAY: Final = (Away, Unsent)
"""The database or the broker is away: wait, and do it again."""
AWAY_SECONDS: Final = 1.0
FAILED: Final = "internal_error"
"""The reason of an attempt that a mistake of ours ended."""


class Finds(Protocol):
    """Finds documents outside of transactions."""

    async def find(
        self,
        document_class: type[E],
        filter: Mapping[str, Any],
        *,
        sort: Sequence[tuple[str, int]] = (),
        limit: int = 100,
    ) -> list[E]:
        """Documents that a MongoDB filter matches."""


Publish = Callable[..., Awaitable[object]]
"""`publish(command, id=…, actor=…, correlation_id=…)`: the broker has it when it returns."""
TakeLeases = Callable[[Sequence[str], float], Awaitable[set[str]]]
"""Takes names for so many seconds and returns those that nobody else holds."""


class Rounds(ABC, Generic[D]):
    """Finds documents that are due (`due_at`), does what each asks for, and reports how it went."""

    document: type[D]
    """What is looked for."""
    actor: ClassVar[Actor]
    """Who reports."""
    carriers: ClassVar[int] = CARRIERS

    def __init__(self, reader: Finds, publish: Publish, take_leases: TakeLeases) -> None:
        self._reader = reader
        self._publish = publish
        self._take_leases = take_leases
        self._due: asyncio.Queue[D | None] = asyncio.Queue()
        self._at_hand: dict[str, float] = {}
        """Attempts that are under way or reported but not yet taken in by the worker, and when they were found."""
        self._leases: dict[str, float] = {}
        """Until when attempts are ours."""
        self._ready: deque[D] = deque()
        """Errands whose attempt is ours and that wait for a carrier."""
        self._turn = asyncio.Lock()

    @abstractmethod
    def wanted(self, now: float) -> Mapping[str, Any] | None:
        """A filter of what may be done now (`time.monotonic`), whenever it is due; None where nothing may."""

    @abstractmethod
    def attempt_of(self, errand: D) -> str:
        """Names the next attempt."""

    @abstractmethod
    def correlation_of(self, errand: D) -> str:
        """The command at the root of it."""

    @abstractmethod
    def breaker_of(self, errand: D) -> Breaker:
        """The breaker of whoever is asked for it."""

    @abstractmethod
    def too_late(self, errand: D) -> Command | None:
        """The report on what isn't worth doing any more; None while it is."""

    @abstractmethod
    async def done(self, errand: D) -> Command:
        """Do it, and say how it went."""

    @abstractmethod
    def failed(self, errand: D) -> Command:
        """The report on an attempt that a mistake of ours ended: nobody knows how far it came, and it is made again."""

    @abstractmethod
    def report_name(self, errand: D, report: Command) -> str:
        """A report's id: who repeats the attempt and meets the same end says the same thing again."""

    async def run(self, stop: asyncio.Event, poll_seconds: float = POLL_SECONDS) -> None:
        """Go on until told to stop, then end what is under way; while the servers are away, wait for them."""
        async with asyncio.TaskGroup() as group:
            for _ in range(self.carriers):
                group.create_task(self._carry_on())
            while not stop.is_set():
                try:
                    await self._look()
                except AWAY:
                    await _wait(stop, AWAY_SECONDS)
                await _wait(stop, poll_seconds)
            self._drop_queue()

    async def _look(self) -> None:
        """Put what is due and not at hand in the queue."""
        now = time.monotonic()
        self._at_hand = {name: at for name, at in self._at_hand.items() if now - at < LEASE_SECONDS}
        self._leases = {name: until for name, until in self._leases.items() if until > now}
        wanted = self.wanted(now)
        if wanted is None or self._due.qsize() >= PAGE or len(self._at_hand) >= MOST_AT_HAND:
            return

        limit = PAGE + len(self._at_hand)
        where = {**wanted, "due_at": {"$lte": datetime.now(UTC)}}
        found = await self._reader.find(self.document, where, sort=(("due_at", 1),), limit=limit)
        new = [errand for errand in found if self.attempt_of(errand) not in self._at_hand]
        if len(found) < limit:
            still_due = {self.attempt_of(errand) for errand in found}
            self._at_hand = {name: at for name, at in self._at_hand.items() if name in still_due}
        for errand in new:
            self._at_hand[self.attempt_of(errand)] = now
            self._due.put_nowait(errand)

    async def _next(self) -> D | None:
        """An errand that is ours to do; None when there is an end to it."""
        async with self._turn:
            while not self._ready:
                several = [await self._due.get()]
                while len(several) < self.carriers and not self._due.empty():
                    several.append(self._due.get_nowait())
                found = [errand for errand in several if errand is not None]
                if len(found) < len(several):
                    self._due.put_nowait(None)  # the end is for every carrier
                if not found:
                    return None
                await self._lease(found)
            return self._ready.popleft()

    async def _lease(self, found: Sequence[D]) -> None:
        """Make those attempts ours that aren't yet and are nobody's, in one round trip."""
        now = time.monotonic()
        names = [self.attempt_of(errand) for errand in found]
        wanted = [name for name in names if name not in self._leases]
        try:
            taken = await self._take_leases(wanted, LEASE_SECONDS) if wanted else set()
        except AWAY:
            for name in names:
                self._at_hand.pop(name, None)
            raise
        self._leases.update(dict.fromkeys(taken, now + LEASE_SECONDS))
        # What is somebody else's stays at hand: it isn't asked for again before that lease can have run out.
        self._ready.extend(errand for name, errand in zip(names, found, strict=True) if name in self._leases)

    def _drop_queue(self) -> None:
        while not self._due.empty():
            self._due.get_nowait()
        self._due.put_nowait(None)

    async def _carry_on(self) -> None:
        while True:
            try:
                errand = await self._next()
            except AWAY:
                await asyncio.sleep(AWAY_SECONDS)
                continue
            if errand is None:
                return
            try:
                await self.carry(errand)
            except AWAY:
                # It is done again, at the latest when its lease runs out: the other side knows it by its key.
                await asyncio.sleep(AWAY_SECONDS)
                self._at_hand.pop(self.attempt_of(errand), None)

    async def carry(self, errand: D) -> None:
        """Do one errand, if who is asked is well and it is still ours for long enough, and report how it went."""
        breaker = self.breaker_of(errand)
        now = time.monotonic()
        is_ours = self._leases.get(self.attempt_of(errand), 0.0) - now > ATTEMPT_SECONDS
        if not is_ours or not breaker.lets_pass(now):
            self._at_hand.pop(self.attempt_of(errand), None)
            return
        try:
            report = await self._attempted(errand)
        finally:
            breaker.let_go()  # what ended without asking anybody was no trial, and nobody is to wait for it
        await self._report(errand, report)

    async def _attempted(self, errand: D) -> Command:
        try:
            return self.too_late(errand) or await self.done(errand)
        except AWAY:
            raise
        except Exception as bug:  # noqa: BLE001  # whatever it is, it is that errand's failure, not the worker's
            log().error("errand failed", attempt=self.attempt_of(errand), place=where_from(bug))
            return self.failed(errand)

    async def _report(self, errand: D, report: Command) -> None:
        tries = AsyncRetrying(
            stop=stop_after_delay(LEASE_SECONDS),
            wait=wait_exponential(0.1, max=5) + wait_random(0, 0.1),
            retry=retry_if_exception_type(AWAY),
            reraise=True,
        )
        name = self.report_name(errand, report)
        await tries(self._publish, report, id=name, actor=self.actor, correlation_id=self.correlation_of(errand))


async def _wait(stop: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return
