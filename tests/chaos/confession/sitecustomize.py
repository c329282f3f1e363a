"""In every process of a soak, by PYTHONPATH: on SIGUSR1 all tasks write down what they wait for, for one that hangs."""

import asyncio
import signal
import sys
from collections.abc import Iterator
from typing import Any

DEEPEST = 40


def frames(coroutine: Any) -> Iterator[str]:
    """Where a coroutine stands, and whatever it waits for."""
    for _ in range(DEEPEST):
        frame = getattr(coroutine, "cr_frame", None) or getattr(coroutine, "gi_frame", None)
        if frame is None:
            if coroutine is not None:
                yield f"    {coroutine!r:.160}"
            return
        yield f"    {frame.f_code.co_filename}:{frame.f_lineno} {frame.f_code.co_name}"
        coroutine = getattr(coroutine, "cr_await", None) or getattr(coroutine, "gi_yieldfrom", None)


def confess(*_: object) -> None:
    """Write it all to the process's log."""
    for task in asyncio.all_tasks(asyncio.get_event_loop_policy().get_event_loop()):
        print(f"waiting: {task.get_name()}", *frames(task.get_coro()), sep="\n", file=sys.stderr, flush=True)


signal.signal(signal.SIGUSR1, confess)
