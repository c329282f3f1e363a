"""What a request's headers ask for: how long to wait (RFC 7240), under which id, and in what form the body is."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from uuid_utils import UUID, uuid5, uuid7

from contracts.messages import Actor
from services.gateway.problems import Problem

DEFAULT_WAIT_SECONDS: Final = 2.0
LONGEST_WAIT_SECONDS: Final = 30.0
ID_SPACE: Final = UUID("0d0b5f0e-8f0a-5f43-9d4e-6a3f3b2d7c11")

Headers = Mapping[bytes, bytes]
_KEY: Final = re.compile(rb"[\x21-\x7e]{1,200}")
_WAIT: Final = re.compile(rb"(?:^|[,;])\s*wait\s*=\s*\"?(\d{1,9})\"?\s*(?=$|[,;])", re.IGNORECASE)
_ASYNC: Final = re.compile(rb"(?:^|,)\s*respond-async\s*(?=$|[,;])", re.IGNORECASE)
_TRACE: Final = re.compile(rb"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


@dataclass(frozen=True, slots=True)
class Wait:
    """How long the caller is willing to wait, and what of its preference was taken up."""

    seconds: float
    applied: str | None = None


def wait_of(headers: Headers) -> Wait:
    """How long a request may wait; a `Prefer` that can't be read is ignored, as RFC 7240 wants it."""
    prefer = headers.get(b"prefer")
    if prefer is None:
        return Wait(DEFAULT_WAIT_SECONDS)
    match = _WAIT.search(prefer)
    if match is not None:
        seconds = min(float(match[1]), LONGEST_WAIT_SECONDS)
        return Wait(seconds, f"wait={seconds:.0f}")
    if _ASYNC.search(prefer):
        return Wait(0.0, "respond-async")
    return Wait(DEFAULT_WAIT_SECONDS)


def id_for(actor: Actor, command: str, headers: Headers) -> tuple[str, bool]:
    """The id of the command in a request, and whether the caller can say it again.

    It derives from the caller, the command's type and the `Idempotency-Key`: callers can't meet each other's, and a
    till that uses a receipt's number to record and then to confirm a purchase gets two commands, not one.

    Raises:
        Problem: 400, the key is none.
    """
    key = headers.get(b"idempotency-key")
    if key is None:
        return str(uuid7()), False
    if not _KEY.fullmatch(key):
        detail = "Idempotency-Key: must be 1 to 200 visible ASCII characters"
        raise Problem(HTTPStatus.BAD_REQUEST, "invalid_idempotency_key", detail)
    return str(uuid5(ID_SPACE, f"{actor.kind}\n{actor.id}\n{command}\n{key.decode()}")), True


def trace_of(headers: Headers) -> str | None:
    """The W3C trace that the request belongs to; one that can't be read is none."""
    trace = headers.get(b"traceparent")
    return trace.decode() if trace is not None and _TRACE.fullmatch(trace) else None


def must_be_json(headers: Headers) -> None:
    """Let pass bodies that say that they are JSON.

    Raises:
        Problem: 415, this one says something else, or nothing.
    """
    kind = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
    if kind != b"application/json" or headers.get(b"content-encoding", b"identity") != b"identity":
        detail = "Send the body as Content-Type: application/json, in UTF-8 and not compressed."
        raise Problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "not_json", detail, headers={"Accept": "application/json"})
