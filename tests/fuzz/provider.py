"""A provider of texts that answers whatever it likes: the door by which others answer us."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random
from typing import Final

TAKEN: Final = b'{"reference":"r-1"}'
ANSWERS: Final = (
    (b"202 Accepted", TAKEN),
    (b"202 Accepted", b'{"reference":null}'),
    (b"202 Accepted", b'{"reference":"' + b"x" * 5_000 + b'"}'),
    (b"202 Accepted", b"[" * 20_000),
    (b"200 OK", b"\xff\xfe not json"),
    (b"204 No Content", b""),
    (b"302 Found\r\nLocation: http://127.0.0.1:1/", b""),
    (b"400 Bad Request", b'{"code":"' + b"\xc3\x28" + b'"}'),
    (b"429 Too Many Requests\r\nRetry-After: -1", b"{}"),
    (b"429 Too Many Requests\r\nRetry-After: soon", b"{}"),
    (b"500 Oops", b"<html>"),
    (b"999 What", b""),
    (b"xyz", b""),
)


class Provider:
    """Counts what it said."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)
        self.outcomes: Counter[str] = Counter()

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Read a request's head, and answer in any way."""
        try:
            await reader.readuntil(b"\r\n\r\n")
            status, body = self._random.choice(ANSWERS)
            kind = self._random.random()
            if kind < 0.1:
                self.outcomes["hung up"] += 1
            elif kind < 0.15:
                self.outcomes["nonsense"] += 1
                writer.write(self._random.randbytes(200))
            else:
                self.outcomes[status.split()[0].decode()] += 1
                length = len(body) + (7 if kind > 0.97 else 0)
                writer.write(
                    b"HTTP/1.1 %b\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%b" % (status, length, body)
                )
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            self.outcomes["the courier hung up"] += 1
        finally:
            writer.close()


@asynccontextmanager
async def misbehaving(host: str, port: int, seed: int) -> AsyncIterator[Provider]:
    """A provider that listens there."""
    provider = Provider(seed)
    server = await asyncio.start_server(provider.answer, host, port)
    try:
        yield provider
    finally:
        server.close()
