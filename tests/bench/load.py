"""A load generator that holds its rate whatever the answers do: `python -m tests.bench.load SCHEDULE HOST PORT`.

The schedule says when each request is to be sent, and latency is counted from then, not from when a connection was
free: a server that stands still for a second makes all requests of that second late, and each of them counts
(otherwise the slowest moments would be asked least: coordinated omission). The HTTP is as little as it takes, over
sockets that stay open, so that the generator leaves the processors to what it measures.
"""

import asyncio
import gc
import json
import pickle
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

LAST_ANSWER_SECONDS: Final = 10.0
OPEN_CONNECTIONS: Final = 32
LEAD_SECONDS: Final = 0.3
UNANSWERED: Final = "unanswered"


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent, and when, in seconds after the start."""

    at: float
    content: bytes
    is_counted: bool = True
    """Not during the warm-up."""


class Generator:
    """Sends a schedule and notes what comes back when."""

    def __init__(self, schedule: Sequence[Request], host: str, port: int) -> None:
        self._schedule = schedule
        self._host = host
        self._port = port
        self._free: list[Connection] = []
        self._opening: set[asyncio.Task[None]] = set()
        self._left = len(schedule)
        self._done = asyncio.Event()
        self.latencies: list[float] = []
        self.lags: list[float] = []
        """How late the generator itself was."""
        self.answers: Counter[str] = Counter()

    async def run(self) -> None:
        """Send everything at its time; back when all is answered, or nothing comes any more."""
        loop = asyncio.get_running_loop()
        await asyncio.gather(*(self._open() for _ in range(OPEN_CONNECTIONS)))
        start = loop.time() + LEAD_SECONDS
        for request in self._schedule:
            due = start + request.at
            delay = due - loop.time()
            if delay > 0:
                await asyncio.sleep(delay)
            if request.is_counted:
                self.lags.append(loop.time() - due)
            if self._free:
                self._free.pop().ask(request, due)
            else:
                task = asyncio.create_task(self._open_and_ask(request, due))
                self._opening.add(task)
                task.add_done_callback(self._opening.discard)
        try:
            await asyncio.wait_for(self._done.wait(), LAST_ANSWER_SECONDS)
        except TimeoutError:
            self.answers[UNANSWERED] += self._left

    async def _open(self) -> None:
        self._free.append(await self._connect())

    async def _open_and_ask(self, request: Request, due: float) -> None:
        (await self._connect()).ask(request, due)

    async def _connect(self) -> "Connection":
        _, connection = await asyncio.get_running_loop().create_connection(
            lambda: Connection(self), self._host, self._port
        )
        return connection

    def answered(self, connection: "Connection", request: Request, seconds: float, status: str) -> None:
        """Take in an answer; the connection is free again."""
        self._free.append(connection)
        self._left -= 1
        if request.is_counted:
            self.latencies.append(seconds)
            self.answers[status] += 1
        if self._left == 0:
            self._done.set()

    def lost(self, request: Request) -> None:
        """A connection went while a request waited on it."""
        self._left -= 1
        self.answers["connection lost"] += request.is_counted
        if self._left == 0:
            self._done.set()


class Connection(asyncio.Protocol):
    """One connection that stays open; one request at a time."""

    def __init__(self, generator: Generator) -> None:
        self._generator = generator
        self._transport: asyncio.WriteTransport
        self._request: Request | None = None
        self._due = 0.0
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport

    def ask(self, request: Request, due: float) -> None:
        """Send a request that was due at `due`."""
        self._request, self._due, self._received = request, due, b""
        self._transport.write(request.content)

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, found, body = self._received.partition(b"\r\n\r\n")
        if not found or self._request is None:
            return
        length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
        if len(body) < int(length or 0):
            return
        request, self._request = self._request, None
        seconds = asyncio.get_running_loop().time() - self._due
        self._generator.answered(self, request, seconds, head[9:12].decode())

    def connection_lost(self, error: Exception | None) -> None:
        request, self._request = self._request, None
        if self in self._generator._free:
            self._generator._free.remove(self)
        if request is not None:
            self._generator.lost(request)


def share(sorted_values: Sequence[float], part: float) -> float:
    """The value below which so large a part lies (nearest rank)."""
    return sorted_values[min(len(sorted_values) - 1, int(part * len(sorted_values)))]


def main(schedule_file: Path, host: str, port: int) -> None:
    """Print what came back, as JSON; requests that were never answered count as the longest wait there is."""
    schedule = pickle.loads(schedule_file.read_bytes())  # our own
    generator = Generator(schedule, host, port)
    gc.freeze()
    gc.disable()
    asyncio.run(generator.run())
    unanswered = sum(count for status, count in generator.answers.items() if not status.isdigit())
    latencies = sorted([*generator.latencies, *([LAST_ANSWER_SECONDS] * unanswered)])
    found = {
        "p50_ms": round(1e3 * share(latencies, 0.5), 2),
        "p99_ms": round(1e3 * share(latencies, 0.99), 2),
        "max_ms": round(1e3 * latencies[-1], 2),
        "generator_late_p99_ms": round(1e3 * share(sorted(generator.lags), 0.99), 2),
        "answers": dict(generator.answers),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
