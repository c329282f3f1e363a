"""HTTP by hand, over sockets: requests that no library would send, and what comes back, as it is."""

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any, Final

ANSWER_SECONDS: Final = 45.0
"""Longer than a gateway may keep a caller waiting."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def content(self) -> Any:
        """The body, if it is JSON, else None."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None


@dataclass(slots=True)
class Wire:
    """One connection at a time to a server; opened anew when the server closes it."""

    host: str
    port: int
    _reader: asyncio.StreamReader | None = None
    _writer: asyncio.StreamWriter | None = None

    async def ask(self, request: bytes) -> Answer | None:
        """The answer to a request; None if the server hung up without one. A fresh connection is tried once."""
        for _ in range(2):
            is_fresh = self._writer is None
            answer = await self._ask(request)
            if answer is not None or is_fresh:
                return answer
        return None

    async def _ask(self, request: bytes) -> Answer | None:
        try:
            if self._writer is None:
                self._reader, self._writer = await asyncio.open_connection(self.host, self.port)
            assert self._reader is not None
            self._writer.write(request)
            await self._writer.drain()
            answer = await asyncio.wait_for(read_answer(self._reader), ANSWER_SECONDS)
        except (OSError, asyncio.IncompleteReadError, ValueError):
            answer = None
        is_odd = b"Transfer-Encoding" in request or request.count(b"Content-Length") > 1
        if answer is None or is_odd or answer.headers.get("connection") == "close":
            await self.close()
        return answer

    async def close(self) -> None:
        """Hang up."""
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()
            try:
                await writer.wait_closed()
            except OSError:
                return


async def read_answer(reader: asyncio.StreamReader) -> Answer | None:
    """One answer off a connection, whatever was said to go on meanwhile; None at its end.

    Raises:
        ValueError: it is no HTTP.
        asyncio.IncompleteReadError: it ends in the middle.
    """
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    except asyncio.IncompleteReadError as end:
        if not end.partial:
            return None
        raise
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
    length = int(headers.get("content-length", "0"))
    body = await reader.readexactly(length) if length else b""
    status = int(head[0].split(" ")[1])
    return await read_answer(reader) if status < 200 else Answer(status, headers, body)


def request(method: str, path: str, key: str, body: bytes = b"") -> bytes:
    """A request of somebody who waits for its end."""
    head = f"{method} {path} HTTP/1.1\r\nHost: fuzz\r\nAuthorization: Bearer {key}\r\nContent-Length: {len(body)}\r\n"
    return (head + "Content-Type: application/json\r\nPrefer: wait=30\r\n\r\n").encode() + body
