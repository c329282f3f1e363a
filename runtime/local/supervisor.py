"""What watches over the children: starts them in stages, restarts what dies, stops everything in order."""

import http.client
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from runtime.local.child import STOP_SECONDS, Child, LocalError, last_words

TICK_SECONDS = 0.1
FIRST_WAIT_SECONDS = 0.5
LONGEST_WAIT_SECONDS = 30.0
GOOD_LIFE_SECONDS = 30.0
"""A child that lived this long starts its back-off from the beginning."""
TRIES_BEFORE_READY = 4
"""A child that ended this often without ever having been ready will not get better."""
TRIM_SECONDS = 5.0


def http_is_ready(host: str, port: int, path: str = "/ready", timeout_seconds: float = 1.0) -> bool:
    """Whether an HTTP server there answers `path` with 200."""
    connection = http.client.HTTPConnection(host, port, timeout=timeout_seconds)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


@dataclass(frozen=True, slots=True)
class Role:
    """A process that has to run."""

    name: str
    command: tuple[str, ...]
    is_ready: Callable[[], bool]
    environment: Mapping[str, str] = field(default_factory=dict)
    follows: frozenset[str] = frozenset()
    """Roles whose restart means a restart of this one too."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Roles that start together once the stage before is ready, and stop together before it does."""

    roles: tuple[Role, ...]
    afterwards: Callable[[], None] | None = None
    """What has to happen once they are ready and before the next stage starts."""


class _Watched:
    """A role and the process that fills it now."""

    def __init__(self, role: Role, child: Child) -> None:
        self.role = role
        self.child = child
        self.started_at = 0.0
        self.failures = 0
        self.due_at: float | None = None
        self.was_ready = False
        self.is_coming_back = False
        self.held_by: _Watched | None = None

    def start(self, now: float) -> None:
        self.due_at = None
        self.held_by = None
        self.started_at = now
        self.child.start()


class Supervisor:
    """Runs stages of roles until it is told to stop.

    Args:
        stages: what runs, in the order in which it starts.
        logs: folder of the children's logs.
        say: takes lines for whoever watches.
        start_seconds: how long a stage may take to get ready.
        stop_seconds: how long a child may take to stop before it is killed.
        first_wait_seconds: wait before the first restart of a child; it doubles up to `LONGEST_WAIT_SECONDS`.
    """

    def __init__(
        self,
        stages: Sequence[Stage],
        logs: Path,
        say: Callable[[str], None],
        start_seconds: float = 60.0,
        stop_seconds: float = STOP_SECONDS,
        first_wait_seconds: float = FIRST_WAIT_SECONDS,
    ) -> None:
        self._stages = stages
        self._watched: list[list[_Watched]] = []
        self._logs = logs
        self._say = say
        self._start_seconds = start_seconds
        self._stop_seconds = stop_seconds
        self._first_wait_seconds = first_wait_seconds
        self._stop = threading.Event()
        self._trimmed_at = time.monotonic()

    def ask_to_stop(self) -> None:
        """Makes `run` stop everything and return; may be called from a signal handler or another thread."""
        self._stop.set()

    def run(self, on_ready: Callable[[], None]) -> None:
        """Starts every stage, calls `on_ready` when all are ready, watches until asked to stop, stops all in order.

        Raises:
            LocalError: a child can't start, or isn't ready in time; everything has been stopped then.
        """
        try:
            if self._start():
                on_ready()
                while not self._stop.wait(TICK_SECONDS):
                    self._tick()
        finally:
            self._stop_all()

    def _start(self) -> bool:
        for stage in self._stages:
            watched = [_Watched(role, self._child(role)) for role in stage.roles]
            self._watched.append(watched)
            for one in watched:
                one.start(time.monotonic())
            if not self._wait_ready(watched):
                return False
            if stage.afterwards:
                stage.afterwards()
        return True

    def _child(self, role: Role) -> Child:
        return Child(role.name, role.command, self._logs / f"{role.name}.log", role.environment)

    def _wait_ready(self, watched: list[_Watched]) -> bool:
        end = time.monotonic() + self._start_seconds
        waiting = list(watched)
        while waiting:
            for one in list(waiting):
                if one.child.ended() is None and one.role.is_ready():
                    one.was_ready = True
                    waiting.remove(one)
            self._tick()
            if time.monotonic() > end:
                names = ", ".join(one.role.name for one in waiting)
                raise LocalError(f"not ready within {self._start_seconds:.0f} s: {names}; see {self._logs}")
            if self._stop.wait(TICK_SECONDS):
                return False
        return True

    def _tick(self) -> None:
        now = time.monotonic()
        everyone = [one for stage in self._watched for one in stage]
        for one in everyone:
            if one.held_by is not None:
                self._release(one, now)
            elif one.due_at is not None:
                self._restart(one, now)
            elif one.child.ended() is not None:
                self._note_end(one, now, everyone)
            elif one.is_coming_back and one.role.is_ready():
                one.is_coming_back = False
                self._say(f"{one.role.name} is ready again")
        if now - self._trimmed_at > TRIM_SECONDS:
            self._trimmed_at = now
            for one in everyone:
                one.child.trim_log()

    def _restart(self, one: _Watched, now: float) -> None:
        if one.due_at is not None and now >= one.due_at:
            one.start(now)

    def _release(self, one: _Watched, now: float) -> None:
        leader = one.held_by
        if leader and leader.due_at is None and leader.child.ended() is None and leader.role.is_ready():
            one.start(now)

    def _note_end(self, one: _Watched, now: float, everyone: list[_Watched]) -> None:
        if now - one.started_at > GOOD_LIFE_SECONDS:
            one.failures = 0
        one.failures += 1
        if not one.was_ready and one.failures >= TRIES_BEFORE_READY:
            raise LocalError(f"{one.role.name} can't start ({_end(one.child)}): {last_words(one.child.log)}")
        wait_seconds: float = min(LONGEST_WAIT_SECONDS, self._first_wait_seconds * 2 ** (one.failures - 1))
        one.due_at = now + wait_seconds
        one.is_coming_back = one.was_ready
        self._say(f"{one.role.name} ended ({_end(one.child)}), again in {wait_seconds:g} s; see {one.child.log}")
        self._hold_followers(one, everyone)

    def _hold_followers(self, leader: _Watched, everyone: list[_Watched]) -> None:
        followers = [one for one in everyone if leader.role.name in one.role.follows]
        for one in followers:
            one.child.ask_to_stop()
        for one in followers:
            one.child.wait_stopped(self._stop_seconds)
            one.held_by, one.due_at, one.is_coming_back = leader, None, one.was_ready
        if followers:
            self._say(f"restarting with the {leader.role.name}: {', '.join(one.role.name for one in followers)}")

    def _stop_all(self) -> None:
        for stage in reversed(self._watched):
            for one in stage:
                one.child.ask_to_stop()
            for one in stage:
                if not one.child.wait_stopped(self._stop_seconds):
                    self._say(f"{one.role.name} did not stop within {self._stop_seconds:g} s and was killed")


def _end(child: Child) -> str:
    code = child.ended()
    return f"signal {-code}" if code is not None and code < 0 else f"exit {code}"
