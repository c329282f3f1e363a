"""The faults: what is done to whom and when, drawn from one seed, and the doing of it."""

import asyncio
import signal
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import Final

from contracts.messages import WORKERS
from runtime.local import LocalError, free_port
from tests.chaos.fleet import Fleet, Post
from tests.chaos.servers import Servers

SERVER_EVERY: Final = 10
"""One of so many kills meets the broker, and one the database."""
ZOMBIES_SHARE: Final = 0.1
TWINS_SHARE: Final = 0.03
FREEZES_SHARE: Final = 0.06
ROLLS_SHARE: Final = 0.02
PAIRS_SHARE: Final = 0.15
PATIENCE_SECONDS: Final = 120.0
"""How long a fault may take until the soak gives up: then something doesn't come back."""
TWIN_SECONDS: Final = 3.0
LOOK_SECONDS: Final = 0.1


class Kind(StrEnum):
    """What is done."""

    KILL = "worker killed"
    PAIR = "two workers killed at once"
    BROKER = "broker killed"
    DATABASE = "database killed"
    ZOMBIE = "worker frozen past its session"
    TWIN = "worker frozen, replaced and thawed"
    FREEZE = "database frozen"
    ROLL = "rolling restart"


AT_SERVERS: Final = frozenset({Kind.BROKER, Kind.DATABASE, Kind.FREEZE})
KILLS: Final = {Kind.KILL: 1, Kind.PAIR: 2, Kind.BROKER: 1, Kind.DATABASE: 1, Kind.TWIN: 1}
"""How many `kill -9` there are in one of a kind."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing to do."""

    share: float
    """When: after so large a part of the load."""
    kind: Kind
    draw: float
    """Which of those it may meet, and for how long: a number from 0 to 1."""


def schedule(kills: int, seed: int, allowed: Collection[Kind] = tuple(Kind)) -> list[Fault]:
    """So many kills, with freezes and rolling restarts between them; the same for the same seed."""
    random = Random(f"faults/{seed}")
    kinds: list[Kind] = []
    left = kills
    rare = {Kind.BROKER: max(1, kills // SERVER_EVERY), Kind.DATABASE: max(1, kills // SERVER_EVERY)}
    for kind, wanted in (rare | {Kind.TWIN: max(1, round(kills * TWINS_SHARE))}).items():
        count = min(left, wanted) if kind in allowed else 0
        kinds += [kind] * count
        left -= count
    for kind, share in {Kind.ZOMBIE: ZOMBIES_SHARE, Kind.FREEZE: FREEZES_SHARE, Kind.ROLL: ROLLS_SHARE}.items():
        kinds += [kind] * (max(1, round(kills * share)) if kind in allowed else 0)
    while left:
        is_pair = Kind.PAIR in allowed and left > 1 and random.random() < PAIRS_SHARE
        kind = Kind.PAIR if is_pair else Kind.KILL
        kinds.append(kind)
        left -= KILLS[kind]
    random.shuffle(kinds)
    count = len(kinds)
    return [
        Fault((place + random.uniform(0.2, 0.8)) / count, kind, random.random()) for place, kind in enumerate(kinds)
    ]


def two_of(seed: int) -> tuple[str, str]:
    """The workers with two processes under a seed: any ten seeds in a row, of five workers, have every pair once."""
    first, further = seed % len(WORKERS), 1 + seed // len(WORKERS) % (len(WORKERS) // 2)
    return WORKERS[first], WORKERS[(first + further) % len(WORKERS)]


class Faults:
    """Does what the schedule says, each fault as a task of its own, so that they overlap as they come."""

    def __init__(
        self,
        plan: Sequence[Fault],
        fleet: Fleet,
        servers: Servers | None,
        *,
        session_seconds: float,
        gap_seconds: float,
        note: Callable[[str], None],
        broker_is_back: Callable[[], None],
    ) -> None:
        self._plan = plan
        self._fleet = fleet
        assert servers is not None or not any(each.kind in AT_SERVERS for each in plan)
        self._given_servers = servers
        self._session_seconds = session_seconds
        self._gap_seconds = gap_seconds
        self._note = note
        self._broker_is_back = broker_is_back
        self._at_servers = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self.done: Counter[Kind] = Counter()
        self.kills = 0
        self.started = 0
        """How many faults of the plan have begun."""
        self.is_over = False

    @property
    def next_share(self) -> float:
        """The part of the load after which the next fault comes; past the end when there is none."""
        return self._plan[self.started].share if self.started < len(self._plan) else 2.0

    async def run(self, share: Callable[[], float]) -> None:
        """Do it all, each at its part of the load, with some room between two; back when the last is healed.

        Raises:
            LocalError: something did not come back.
        """
        for fault in self._plan:
            while share() < fault.share:
                await self._look(0.05)
            self.started += 1
            self._tasks.add(asyncio.create_task(self._do(fault)))
            await self._look(self._gap_seconds)
        while self._tasks:
            await self._look(0.1)
        self.is_over = True

    async def _look(self, seconds: float) -> None:
        """Wait a little; what went wrong in a fault comes out here."""
        await asyncio.sleep(seconds)
        for task in [each for each in self._tasks if each.done()]:
            self._tasks.discard(task)
            task.result()

    async def stop(self) -> None:
        """Give up what is under way."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _do(self, fault: Fault) -> None:
        doing: dict[Kind, Callable[[Fault], Awaitable[None]]] = {
            Kind.KILL: self._kill,
            Kind.PAIR: self._kill_pair,
            Kind.BROKER: self._kill_broker,
            Kind.DATABASE: self._kill_database,
            Kind.ZOMBIE: self._zombie,
            Kind.TWIN: self._twin,
            Kind.FREEZE: self._freeze_database,
            Kind.ROLL: self._roll,
        }
        # A turn at the servers may come late, and that says nothing about how long it takes.
        async with self._at_servers if fault.kind in AT_SERVERS else nullcontext():
            try:
                async with asyncio.timeout(PATIENCE_SECONDS):
                    await doing[fault.kind](fault)
            except TimeoutError as error:
                raise LocalError(f"{fault.kind}: not over after {PATIENCE_SECONDS:.0f} s") from error
        self.done[fault.kind] += 1

    def _post(self, draw: float, among: Sequence[Post] | None = None) -> Post:
        posts = among or self._fleet.posts
        return posts[int(draw * len(posts))]

    @staticmethod
    async def _until(holds: Callable[[], bool]) -> None:
        """Wait for what nobody tells of: a process frozen or between two lives has its turn later."""
        while not holds():  # noqa: ASYNC110  # the operating system sets no event
            await asyncio.sleep(LOOK_SECONDS)

    # -- workers

    async def _kill(self, fault: Fault) -> None:
        await self._kill_post(self._post(fault.draw))

    async def _kill_pair(self, fault: Fault) -> None:
        first = self._post(fault.draw)
        others = [post for post in self._fleet.posts if post is not first]
        await asyncio.gather(self._kill_post(first), self._kill_post(self._post(fault.draw * 7 % 1, others)))

    async def _kill_post(self, post: Post) -> None:
        await self._until(lambda: post.runs and not post.is_held)
        self._note(f"kill -9 {post.name}")
        self.kills += 1
        await self._fleet.kill(post)

    async def _zombie(self, fault: Fault) -> None:
        post = await self._take(fault.draw)
        seconds = self._session_seconds * (1.5 + fault.draw)
        self._note(f"SIGSTOP {post.name} for {seconds:.0f} s")
        try:
            self._fleet.signal(post, signal.SIGSTOP)
            await asyncio.sleep(seconds)
        finally:
            self._fleet.signal(post, signal.SIGCONT)
            post.is_held = False
        self._note(f"SIGCONT {post.name}: a zombie")

    async def _twin(self, fault: Fault) -> None:
        """A machine that was given up comes back: two processes of one slot, the first with a batch in hand."""
        post = await self._take(fault.draw)
        slot = int(post.name.rpartition("-")[2])
        twin = self._fleet.child_of(post.worker, slot, f"{post.name}-twin", free_port())
        self._note(f"SIGSTOP {post.name}, and another in its place")
        try:
            self._fleet.signal(post, signal.SIGSTOP)
            twin.start()
            self._fleet.hold(twin)
            await asyncio.sleep(self._session_seconds * 1.5 + fault.draw * TWIN_SECONDS)
            self._fleet.signal(post, signal.SIGCONT)
            self._note(f"SIGCONT {post.name}: two of them")
            await asyncio.sleep(TWIN_SECONDS)
        finally:
            await asyncio.to_thread(twin.kill)
            self._fleet.signal(post, signal.SIGCONT)
            post.is_held = False
        self._note(f"kill -9 the other {post.name}")
        self.kills += 1
        self._fleet.ask_to_stop(post)

    async def _take(self, draw: float) -> Post:
        """Somebody of a worker with two processes, whom nobody else has under their hands, ready to work."""
        among = [post for post in self._fleet.posts if post.worker in self._fleet.two_of]
        post = self._post(draw, among)
        await self._until(lambda: post.runs and not post.is_held)
        post.is_held = True
        return post

    async def _roll(self, fault: Fault) -> None:
        self._note("rolling restart")
        end = time.monotonic() + PATIENCE_SECONDS / 2
        for post in self._fleet.posts:
            await self._until(lambda post=post: not post.is_held or time.monotonic() > end)  # type: ignore[misc]  # mypy reads no defaults here
            self._fleet.ask_to_stop(post)
            await asyncio.sleep(0.2)
            if time.monotonic() < end:
                await self._settle(post, end)
        self._note("rolling restart is over")

    async def _settle(self, post: Post, end: float) -> None:
        """Wait until one is ready again; with servers away or others killed meanwhile that may be later."""
        try:
            async with asyncio.timeout_at(asyncio.get_running_loop().time() + max(0.0, end - time.monotonic())):
                await self._fleet.until_post_ready(post)
        except TimeoutError:
            return

    # -- servers, one at a time

    @property
    def _servers(self) -> Servers:
        assert self._given_servers is not None
        return self._given_servers

    async def _kill_broker(self, fault: Fault) -> None:
        self._note("kill -9 of the broker")
        self.kills += 1
        await self._servers.kill_kafka()
        await asyncio.sleep(fault.draw * 3)
        await self._servers.start_kafka()
        self._broker_is_back()
        self._note("the broker is back")

    async def _kill_database(self, fault: Fault) -> None:
        self._note("kill -9 of the database")
        self.kills += 1
        await self._servers.kill_mongo()
        await asyncio.sleep(fault.draw * 3)
        await self._servers.start_mongo()
        self._note("the database is back")

    async def _freeze_database(self, fault: Fault) -> None:
        seconds = 1 + fault.draw * 6
        self._note(f"SIGSTOP of the database for {seconds:.0f} s")
        try:
            self._servers.freeze_mongo()
            await asyncio.sleep(seconds)
        finally:
            self._servers.thaw_mongo()
        self._note("the database goes on")
