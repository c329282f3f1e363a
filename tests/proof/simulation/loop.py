"""A loop with a clock of its own: time passes when nobody has anything to do, and chance says whose turn it is.

What belongs to a process carries it in its context, so a process can be killed (nothing of it ever runs again, not
even a `finally`), paused and resumed from outside. Within a process callbacks keep their order, as asyncio promises.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from contextlib import suppress
from contextvars import Context, ContextVar, copy_context
from heapq import heappop, heappush
from random import Random
from typing import Any, Final, cast

MOST_CALLBACKS: Final = 20_000_000


class Body:
    """A process, as the loop sees it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.ready: deque[Turn] = deque()
        self.is_alive = True
        self.is_paused = False
        self.skew_seconds = 0.0
        """How far its wall clock is off."""


OUTSIDE: Final = Body("outside")
BODY: Final[ContextVar[Body]] = ContextVar("body", default=OUTSIDE)


class Turn:
    """A callback that waits for its turn."""

    __slots__ = ("arguments", "at", "body", "callback", "context", "is_cancelled")

    def __init__(
        self, callback: Callable[..., object], arguments: tuple[Any, ...], context: Context, body: Body, at: float = 0.0
    ) -> None:
        self.callback = callback
        self.arguments = arguments
        self.context = context
        self.body = body
        self.at = at
        self.is_cancelled = False

    def cancel(self) -> None:
        """Take it back."""
        self.is_cancelled = True

    def cancelled(self) -> bool:
        """Whether it was taken back."""
        return self.is_cancelled

    def when(self) -> float:
        """When it is due."""
        return self.at


class Blocked:
    """What a blocking call comes to later: a thread that waits, as the loop sees it."""

    def __init__(self, finish: Callable[[asyncio.Future[Any]], None]) -> None:
        self.finish = finish


def _step_name(step: Any) -> str:
    """What a hop does: a lambda has the name of the function that made it."""
    return str(getattr(step, "__qualname__", "hop")).removesuffix(".<locals>.<lambda>").rpartition(".")[2]


class Loop:
    """Runs callbacks of several processes, in an order that follows from the seed.

    It has what asyncio calls, and no more: nothing here has sockets, signals or children.
    """

    def __init__(self, random: Random) -> None:
        self.random = random
        self.now = 0.0
        self.hop_seconds: Callable[[], float] = lambda: 0.001
        self.before_hop: Callable[[str], None] = lambda name: None
        self.after_hop: Callable[[str], None] = lambda name: None
        self.errors: list[str] = []
        self.graveyard: list[Any] = []
        """Tasks of the dead: collected later, as their `finally` would run otherwise."""
        self.is_over = False
        OUTSIDE.ready.clear()
        self._active: list[Body] = []
        self._timers: list[tuple[float, int, Turn]] = []
        self._count = 0

    # -- what asyncio asks for

    def get_debug(self) -> bool:
        """Never."""
        return False

    def is_running(self) -> bool:
        """Always."""
        return True

    def is_closed(self) -> bool:
        """Never."""
        return False

    def time(self) -> float:
        """The virtual time, in seconds."""
        return self.now

    def call_soon(self, callback: Any, *args: Any, context: Context | None = None) -> Any:
        """Have it called in its turn."""
        if context is None:
            context = copy_context()
        body = context.get(BODY, OUTSIDE)
        turn = Turn(callback, args, context, body)
        if body.is_alive and not self.is_over:
            ready = body.ready
            if not ready and not body.is_paused:
                self._active.append(body)
            ready.append(turn)
        return turn

    def call_later(self, delay: float, callback: Any, *args: Any, context: Context | None = None) -> Any:
        """Have it called after so many seconds."""
        return self._file(self.now + delay, callback, args, context)

    def call_at(self, when: float, callback: Any, *args: Any, context: Context | None = None) -> Any:
        """Have it called then."""
        return self._file(when, callback, args, context)

    def _file(self, when: float, callback: Any, arguments: tuple[Any, ...], context: Context | None) -> Turn:
        if context is None:
            context = copy_context()
        turn = Turn(callback, arguments, context, context.get(BODY, OUTSIDE), when)
        if not self.is_over:
            self._count += 1
            heappush(self._timers, (when, self._count, turn))
        return turn

    def create_future(self) -> asyncio.Future[Any]:
        """A future of this loop."""
        return asyncio.Future(loop=cast(Any, self))

    def create_task(self, coro: Any, *, name: Any = None, context: Context | None = None) -> Any:
        """A task of this loop, in the process of whoever makes it."""
        task = asyncio.Task(coro, loop=cast(Any, self), name=name, context=context)
        task._log_destroy_pending = False  # type: ignore[attr-defined]  # the dead leave theirs pending
        self.graveyard.append(task)
        return task

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Note what nobody caught."""
        self.errors.append(f"{context.get('message')}: {context.get('exception')!r}")

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> Any:
        """Run it at once in one go, some time later, as a thread would that has nobody beside it."""
        future = self.create_future()
        name = _step_name(func)

        def run() -> None:
            try:
                self.before_hop(name)
                if not BODY.get().is_alive:
                    return
                result = func(*args)
            except BaseException as error:  # noqa: BLE001  # whatever it is, who waits gets it
                if not future.done():
                    future.set_exception(error)
                return
            self.after_hop(name)
            if isinstance(result, Blocked):
                result.finish(future)
            elif not future.done():
                future.set_result(result)

        self.call_later(self.hop_seconds(), run)
        return future

    # -- processes

    def start(self, body: Body, coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run a coroutine as a process."""
        context = copy_context()
        context.run(BODY.set, body)
        task: asyncio.Task[Any] = self.create_task(coroutine, context=context)
        return task

    def kill(self, body: Body) -> None:
        """End a process: nothing of it runs any more."""
        body.is_alive = False
        body.ready.clear()
        if body in self._active:
            self._active.remove(body)

    def pause(self, body: Body) -> None:
        """Stop a process where it is."""
        body.is_paused = True
        if body in self._active:
            self._active.remove(body)

    def resume(self, body: Body) -> None:
        """Let a paused process go on, unaware."""
        if body.is_paused:
            body.is_paused = False
            if body.ready and body.is_alive:
                self._active.append(body)

    # -- running

    def run(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        """Run until this is done."""
        asyncio._set_running_loop(cast(Any, self))
        try:
            main: asyncio.Task[Any] = self.create_task(coroutine)
            self._turn_until(main.done)
            main.result()
        finally:
            self._end()
            asyncio._set_running_loop(None)

    def _end(self) -> None:
        """Let everything go; what was under way ends here, and nothing that it still says is heard."""
        self.is_over = True
        self._timers.clear()
        for task in self.graveyard:
            if not task.done():
                with suppress(BaseException):
                    task.get_coro().close()
        self.graveyard.clear()

    def _turn_until(self, is_done: Callable[[], bool]) -> None:
        """Let bodies have their turns: most of a run passes through here, so it is one function."""
        active, timers, chance = self._active, self._timers, self.random.random
        left = MOST_CALLBACKS
        while not is_done():
            if timers and (timers[0][0] <= self.now or not active):
                self._pass_time()
            several = len(active)
            if not several:
                raise RuntimeError("nobody has anything to do any more")
            place = int(chance() * several) if several > 1 else 0
            body = active[place]
            ready = body.ready
            turn = ready.popleft()
            if not ready:
                active[place] = active[-1]
                active.pop()
            if not turn.is_cancelled:
                turn.context.run(turn.callback, *turn.arguments)
            left -= 1
            if not left:
                raise RuntimeError("the simulation doesn't come to rest")

    def _pass_time(self) -> None:
        """Give their turn to those whose time has come; if nobody else has anything to do, that is the next of all."""
        active, timers = self._active, self._timers
        while timers and (timers[0][0] <= self.now or not active):
            at, _, turn = heappop(timers)
            body = turn.body
            if turn.is_cancelled or not body.is_alive:
                continue
            self.now = max(self.now, at)
            if not body.ready and not body.is_paused:
                active.append(body)
            body.ready.append(turn)
