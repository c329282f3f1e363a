"""What is reckoned again and again from the same bytes and comes to the same: remembered within one run.

Several workers read one record, and each delivery of it once more. Envelopes and messages are frozen, so that all may
have the same one; what can't be read is looked at anew each time.
"""

from collections.abc import Callable, Iterable
from functools import lru_cache, partial
from types import FunctionType, MethodType, SimpleNamespace
from typing import Any, Final, NamedTuple

import phonenumbers
from tenacity._utils import is_coroutine_callable

from contracts.messages import Envelope, Message, read_body, read_envelope

CO_COROUTINE: Final = 0x80
digest: Final = Message.digest


class Readers(NamedTuple):
    """`read_envelope`, `read_body` and `Message.digest` of one run."""

    envelope: Callable[[Iterable[tuple[str, bytes]]], Envelope]
    body: Callable[[type[Any], bytes | None], Any]
    digest: Callable[[Message], bytes]


def remembering_readers() -> Readers:
    """Those that remember."""
    envelopes: dict[Any, Envelope] = {}
    bodies: dict[tuple[type, bytes | None], Any] = {}
    digests: dict[int, bytes] = {}
    """By Python's identity of a message that `bodies` keeps."""

    def envelope_of(headers: Iterable[tuple[str, bytes]]) -> Envelope:
        found = envelopes.get(headers)
        if found is None:
            found = envelopes[headers] = read_envelope(headers)
        return found

    def body_of(message_class: type[Any], body: bytes | None) -> Any:
        found = bodies.get((message_class, body))
        if found is None:
            found = bodies[message_class, body] = read_body(message_class, body)
            digests[id(found)] = b""
        return found

    def digest_of(message: Message) -> bytes:
        found = digests.get(id(message))
        if not found:
            found = digest(message)
            if id(message) in digests:
                digests[id(message)] = found
        return found

    return Readers(envelope_of, body_of, digest_of)


@lru_cache(maxsize=1_000)
def _parsed(number: str, region: str | None = None) -> phonenumbers.FrozenPhoneNumber:
    return phonenumbers.FrozenPhoneNumber(phonenumbers.parse(number, region))


_KNOWN: Final = {
    "parse": _parsed,
    "is_valid_number": lru_cache(maxsize=1_000)(phonenumbers.is_valid_number),
    "format_number": lru_cache(maxsize=1_000)(phonenumbers.format_number),
}
PHONES: Final = SimpleNamespace(**{**vars(phonenumbers), **_KNOWN})
"""The library of phone numbers, which is asked of the same few all the time."""


def is_coroutine(call: Any) -> bool:
    """Tenacity's own question, which it asks 20 times a batch, by way of `inspect`."""
    if type(call) is FunctionType:
        return bool(call.__code__.co_flags & CO_COROUTINE)
    if isinstance(call, MethodType):
        return is_coroutine(call.__func__)
    called = type(call).__call__
    if type(called) is FunctionType and not isinstance(call, type | partial):
        return bool(called.__code__.co_flags & CO_COROUTINE)
    return bool(is_coroutine_callable(call))
