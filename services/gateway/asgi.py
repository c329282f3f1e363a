"""The little of ASGI that the quick path needs: read a body, send an answer."""

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from http import HTTPStatus
from typing import Any, Final

from services.gateway.preferences import Headers, must_be_json
from services.gateway.problems import Problem

LARGEST_BODY_BYTES: Final = 256 * 1024
CACHE_CONTROL: Final = b"cache-control"
NO_STORE: Final = b"no-store"

AsgiScope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class ClientGone(Exception):
    """Whoever asked has hung up; there is nobody to answer."""


async def read_json(headers: Headers, receive: Receive) -> bytes:
    """The whole body of a request that says that it is JSON.

    Raises:
        Problem: 415, it is something else; 413, it is too large.
        ClientGone: it never came.
    """
    must_be_json(headers)
    length = headers.get(b"content-length", b"0")
    if length.isdigit() and int(length) > LARGEST_BODY_BYTES:
        raise _too_large()
    message = await receive()
    if not message.get("more_body") and message["type"] == "http.request":
        body: bytes = message.get("body", b"")
        if len(body) > LARGEST_BODY_BYTES:
            raise _too_large()
        return body
    return await _read_on(message, receive)


async def _read_on(message: MutableMapping[str, Any], receive: Receive) -> bytes:
    parts = bytearray()
    while True:
        if message["type"] == "http.disconnect":
            raise ClientGone
        parts += message.get("body", b"")
        if len(parts) > LARGEST_BODY_BYTES:
            raise _too_large()
        if not message.get("more_body"):
            return bytes(parts)
        message = await receive()


async def answer(send: Send, status: int, content: bytes, kind: bytes, headers: Mapping[str, str]) -> None:
    """Send a whole answer; nobody on the way may keep it."""
    raw = [
        (b"content-type", kind),
        (b"content-length", str(len(content)).encode()),
        (CACHE_CONTROL, NO_STORE),
        *((name.lower().encode(), value.encode()) for name, value in headers.items()),
    ]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": content})


def _too_large() -> Problem:
    detail = f"The body is larger than {LARGEST_BODY_BYTES} bytes."
    # What is left of the body is not read: the connection can't be used again.
    headers = {"Connection": "close"}
    return Problem(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_large", detail, headers=headers, most_bytes=LARGEST_BODY_BYTES
    )
