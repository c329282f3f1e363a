"""The fleet: all workers as real processes, and a supervisor that starts again at once whatever ended."""

import asyncio
import math
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from contracts.messages import WORKERS
from runtime.local import LocalError, free_port
from runtime.local.child import Child, last_words
from runtime.local.supervisor import http_is_ready
from runtime.settings import Settings
from tests.chaos.watchdog import Watchdog

TWO_OF: Final = ("rewards", "audit")
"""Workers that have two processes unless others are named: those with the most to do."""
SMS: Final = "sms-standin"
LOOK_SECONDS: Final = 0.05
BETWEEN_STARTS_SECONDS: Final = 0.5
READY_SECONDS: Final = 60.0
STOP_SECONDS: Final = 40.0
GRACE_SECONDS: Final = 90.0
"""How long one may take to stop in the middle of a soak, servers away meanwhile; then it is killed, as anywhere."""
CONFESS_SECONDS: Final = 1.0
CONFESSION: Final = Path(__file__).parent / "confession"


@dataclass(slots=True)
class Post:
    """One process's place in the fleet."""

    name: str
    worker: str
    child: Child
    port: int
    is_held: bool = False
    """Whether the supervisor leaves it alone."""
    started_at: float = 0.0

    @property
    def runs(self) -> bool:
        """Whether there is a process (it may be frozen, or not ready yet)."""
        return self.child.pid is not None and self.child.ended() is None


class Fleet:
    """Processes of all workers, and the stand-in that takes their texts."""

    def __init__(self, settings: Settings, logs: Path, watchdog: Watchdog, two_of: Collection[str] = TWO_OF) -> None:
        self.two_of = two_of
        """Workers with two processes: only then somebody takes over what a zombie held."""
        self._settings = settings
        self._watchdog = watchdog
        self._logs = logs
        self._sms_port = free_port(settings.host)
        self.posts = [self._post(name, slot) for name in WORKERS for slot in range(2 if name in two_of else 1)]
        self._sms = Post(SMS, SMS, self._child(SMS, (SMS,), self._sms_port), self._sms_port)
        self._supervisor: asyncio.Task[None] | None = None
        self.ended_unasked: Counter[str] = Counter()
        """Processes that ended without having been told to, with their exit code."""
        self.overdue: Counter[str] = Counter()
        """Processes that were killed in the middle of a soak as they did not stop in time."""
        self._is_asked: set[int] = set()
        self._asked_at: dict[int, float] = {}

    def _post(self, worker: str, slot: int) -> Post:
        port = free_port(self._settings.host)
        name = f"{worker}-{slot}"
        return Post(name, worker, self.child_of(worker, slot, name, port), port)

    def child_of(self, worker: str, slot: int, name: str, port: int) -> Child:
        """A process of a worker, as `punchcard worker NAME --slot N` starts it; not started."""
        return self._child(name, ("worker", worker, "--slot", str(slot)), port)

    def _child(self, name: str, arguments: tuple[str, ...], port: int) -> Child:
        own = self._settings
        environment = {
            "PUNCHCARD_PREFIX": own.prefix,
            "PUNCHCARD_KAFKA_SERVERS": own.kafka_servers,
            "PUNCHCARD_MONGO_URL": own.mongo_url.get_secret_value(),
            "PUNCHCARD_HEALTH_PORT": str(port),
            "PUNCHCARD_SMS_PORT": str(self._sms_port),
            "PUNCHCARD_SMS_URL": f"http://{own.host}:{self._sms_port}",
            "PUNCHCARD_PARTITIONS": str(own.partitions),
            "PUNCHCARD_LANES": str(own.lanes),
            "PUNCHCARD_SESSION_TIMEOUT_MS": str(own.session_timeout_ms),
            "PUNCHCARD_STATE_DIR": str(own.state_dir),
            "PYTHONPATH": str(CONFESSION),
        }
        command = [sys.executable, "-m", "services.cli", *arguments]
        return Child(name, command, self._logs / f"{name}.log", environment)

    @property
    def pids(self) -> dict[str, int]:
        """The process ids of all workers that run."""
        return {post.name: post.child.pid for post in self.posts if post.runs and post.child.pid is not None}

    # -- together

    async def start(self) -> None:
        """Start everybody and supervise from now on; returns when all are ready.

        Raises:
            LocalError: one does not become ready.
        """
        for post in [self._sms, *self.posts]:
            if not post.runs:
                self.start_post(post)
            post.is_held = False
        if self._supervisor is None:
            self._supervisor = asyncio.create_task(self._supervise())
        await self.until_ready()

    async def until_ready(self) -> None:
        """Wait until all are ready.

        Raises:
            LocalError: one is not, for long.
        """
        for post in [self._sms, *self.posts]:
            await self.until_post_ready(post)

    async def until_post_ready(self, post: Post) -> None:
        """Wait until one is ready.

        Raises:
            LocalError: it is not, for long.
        """
        end = time.monotonic() + READY_SECONDS
        while not await asyncio.to_thread(http_is_ready, self._settings.host, post.port):
            if time.monotonic() > end:
                raise LocalError(f"{post.name} is not ready within {READY_SECONDS:.0f} s: {last_words(post.child.log)}")
            await asyncio.sleep(LOOK_SECONDS)

    async def stop(self) -> list[str]:
        """Ask all workers to stop, and wait; says who had to be killed."""
        for post in self.posts:
            post.is_held = True
            self.signal(post, signal.SIGCONT)
            self._is_asked.add(id(post))
            post.child.ask_to_stop()
        end = time.monotonic() + STOP_SECONDS
        while any(post.runs for post in self.posts) and time.monotonic() < end:  # noqa: ASYNC110  # nobody tells
            await asyncio.sleep(LOOK_SECONDS)
        stubborn = [post for post in self.posts if post.runs]
        for post in stubborn:
            await self._kill_overdue(post)
        return [post.name for post in stubborn]

    async def end(self) -> None:
        """End everybody at once."""
        if self._supervisor is not None:
            self._supervisor.cancel()
            await asyncio.wait([self._supervisor])
            self._supervisor = None
        for post in [*self.posts, self._sms]:
            post.is_held = True
            await asyncio.to_thread(post.child.kill)

    async def _supervise(self) -> None:
        while True:
            for post in [self._sms, *self.posts]:
                code = post.child.ended()
                if not post.is_held and time.monotonic() > self._asked_at.get(id(post), math.inf) + GRACE_SECONDS:
                    self.overdue[post.name] += 1
                    await self._kill_overdue(post)
                if post.is_held or code is None or time.monotonic() - post.started_at < BETWEEN_STARTS_SECONDS:
                    continue
                if id(post) not in self._is_asked:
                    self.ended_unasked[f"{post.name} exit {code}: {last_words(post.child.log)[:160]}"] += 1
                self.start_post(post)
            await asyncio.sleep(LOOK_SECONDS)

    async def _kill_overdue(self, post: Post) -> None:
        """`kill -9` of one that does not stop, once it has written down what it waits for."""
        self._asked_at.pop(id(post), None)
        self.signal(post, signal.SIGUSR1)
        await asyncio.sleep(CONFESS_SECONDS)
        await asyncio.to_thread(post.child.kill)

    # -- one by one

    def start_post(self, post: Post) -> None:
        """Start one, in this thread: a child ends with the thread that started it."""
        self._is_asked.discard(id(post))
        self._asked_at.pop(id(post), None)
        post.child.start()
        post.started_at = time.monotonic()
        self._watchdog.hold(post.child.pid)

    def hold(self, child: Child) -> None:
        """Have another process end with the soak."""
        self._watchdog.hold(child.pid)

    async def kill(self, post: Post) -> None:
        """`kill -9`; the supervisor starts it again."""
        self._is_asked.add(id(post))
        await asyncio.to_thread(post.child.kill)

    def ask_to_stop(self, post: Post) -> None:
        """SIGTERM; the supervisor starts it again."""
        self._is_asked.add(id(post))
        self._asked_at.setdefault(id(post), time.monotonic())
        post.child.ask_to_stop()

    def signal(self, post: Post, number: signal.Signals) -> None:
        """Send a signal, if there is a process."""
        if post.runs and post.child.pid is not None:
            os.kill(post.child.pid, number)
