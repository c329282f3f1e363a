"""What MongoDB looks at for a read."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

from pymongo import MongoClient

TIMES: Final = 2
"""The server has other things to do, too: the least of so many times counts."""


async def examined(client: MongoClient[dict[str, Any]], ask: Callable[[], Awaitable[object]]) -> tuple[int, int]:
    """Documents and keys that MongoDB looks at for a read, by its own counters."""
    found: list[tuple[int, int]] = []
    for _ in range(TIMES):
        before = await _counted(client)
        await ask()
        after = await _counted(client)
        found.append((after[0] - before[0], after[1] - before[1]))
    return min(found)


async def _counted(client: MongoClient[dict[str, Any]]) -> tuple[int, int]:
    status = await asyncio.to_thread(client.admin.command, "serverStatus")
    counters = status["metrics"]["queryExecutor"]
    return int(counters["scannedObjects"]), int(counters["scanned"])
