"""What is reckoned again and again from the same bytes and comes to the same: remembered within one run.

Several workers read one record, and each delivery of it once more. Envelopes and messages are frozen, so that all may
have the same one; what can't be read is looked at anew each time.
"""

from collections.abc import Callable, Iterable
from functools import lru_cache, partial
from types import FunctionType, MethodType, SimpleNamespace
from typing import Any, Final

import phonenumbers
from tenacity._utils import is_coroutine_callable

from contracts.messages import Envelope, read_body, read_envelope

CO_COROUTINE: Final = 0x80


def remembering_reader() -> tuple[Callable[..., Envelope], Callable[..., Any]]:
    """`read_envelope` and `read_body` of one run."""
    envelopes: dict[Any, Envelope] = {}
    bodies: dict[tuple[type, bytes | None], Any] = {}

    def envelope_of(headers: Iterable[tuple[str, bytes]]) -> Envelope:
        found = envelopes.get(headers)
        if found is None:
            found = envelopes[headers] = read_envelope(headers)
        return found

    def body_of(message_class: type[Any], body: bytes | None) -> Any:
        found = bodies.get((message_class, body))
        if found is None:
            found = bodies[message_class, body] = read_body(message_class, body)
        return found

    return envelope_of, body_of


PHONES: Final = SimpleNamespace(**{**vars(phonenumbers), "parse": lru_cache(maxsize=1_000)(phonenumbers.parse)})
"""The library of phone numbers, which parses the same few all the time."""


@lru_cache(maxsize=100)
def _is_called_by_coroutine(kind: type) -> bool:
    return bool(is_coroutine_callable(kind.__call__))  # type: ignore[operator]  # tenacity's strategies are callable


def is_coroutine(call: Any) -> bool:
    """Tenacity's own question, which it asks 20 times a batch, by way of `inspect`."""
    if type(call) is FunctionType:
        return bool(call.__code__.co_flags & CO_COROUTINE)
    if isinstance(call, MethodType):
        return is_coroutine(call.__func__)
    if isinstance(call, type | partial):
        return bool(is_coroutine_callable(call))
    return _is_called_by_coroutine(type(call))
