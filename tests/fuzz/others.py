"""Others who answer us whatever they like: an SMS provider, a ticket system, a mail server."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from random import Random
from typing import Final, Protocol
from urllib.parse import urlsplit

from runtime.settings import Settings

SMS: Final = "SMS provider's answers"
TICKETS: Final = "ticket system's answers"
MAIL: Final = "mail server's answers"
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
    (b"200 OK\r\nContent-Encoding: gzip", b"no gzip"),
    (b"200 OK\r\nTransfer-Encoding: chunked", b"ZZ\r\n{}"),
    (b"200 OK\r\nSet-Cookie: \xff=\x00; Expires=never", b""),
    (b"301 Moved\r\nLocation: http://[", b""),
    *((status, b"") for status in (b"999 What", b"099 What", b"-20 What", b"1000 What", b"xyz")),
)
MAIL_END: Final = b"\r\n.\r\n"
MAIL_RIGHT: Final[Mapping[bytes, bytes]] = {
    b"EHLO": b"250-mail\r\n250-SIZE 10\r\n250 SMTPUTF8",
    b"DATA": b"354 Go on",
    b"QUIT": b"221 Bye",
}
MAIL_ANSWERS: Final = (
    *(b"250 OK", b"421 Bye", b"450 Later", b"452 Full", b"530 Who?", b"550 Never", b"552 Too much", b"354 Go on"),
    *(b"250-OK\r\n550 Never", b"250-" + b"x" * 5_000 + b"\r\n250 OK", b"250-a\r\n" * 3_000 + b"250 OK"),
    *(b"250", b"2", b"", b"-250 OK", b"999 What", b"25\xff OK", b"550 \xff\xfe", b"550 a\x00b", b"HTTP/1.1 200 OK"),
    b"250 " + b"x" * 100_000,
)


class Other(Protocol):
    """Counts what it said."""

    outcomes: Counter[str]

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Say anything on a connection."""


class HttpOther:
    """Answers HTTP."""

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


class MailServer:
    """Answers SMTP, mostly as it should, so that one meets the rest at every step."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)
        self.outcomes: Counter[str] = Counter()

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Greet, and answer what is said until either side has enough."""
        try:
            step, said = "greeting", self._said(b"220 mail")
            while said:
                writer.write(said + b"\r\n")
                await writer.drain()
                is_letter = said == MAIL_RIGHT[b"DATA"]
                line = await reader.readuntil(MAIL_END if is_letter else b"\r\n")
                step = "letter" if is_letter else line[:4].decode("latin-1").strip().upper()
                said = self._said(b"250 OK" if is_letter else MAIL_RIGHT.get(line[:4].upper(), b"250 OK"))
                self.outcomes[f"{step}: {_kind(said)}"] += 1
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            self.outcomes["the courier hung up"] += 1
        finally:
            writer.close()

    def _said(self, right: bytes) -> bytes:
        """The right answer in four cases of five; nothing where it hangs up."""
        kind = self._random.random()
        if kind < 0.8:
            return right
        return b"" if kind < 0.84 else self._random.choice((*MAIL_ANSWERS, self._random.randbytes(200)))


def _kind(said: bytes) -> str:
    code = said[:3].decode("latin-1")
    return code if code.isdecimal() else "nonsense" if said else "hung up"


@asynccontextmanager
async def misbehaving(settings: Settings, seed: int) -> AsyncIterator[Mapping[str, Other]]:
    """All others, where the settings say that they are; by name."""
    sms, tickets = urlsplit(settings.sms_url), urlsplit(settings.tickets_url or "")
    others: dict[str, Other] = {SMS: HttpOther(seed), TICKETS: HttpOther(seed + 1), MAIL: MailServer(seed)}
    ports = {SMS: sms.port, TICKETS: tickets.port, MAIL: settings.smtp_port}
    async with AsyncExitStack() as stack:
        for name, other in others.items():
            server = await asyncio.start_server(other.answer, settings.host, ports[name])
            stack.callback(server.close)
        yield others
