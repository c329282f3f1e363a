"""Tests of pure handlers: `decide` runs one, `refused` expects a refusal; no server, no runtime."""

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar, get_origin, get_type_hints

import pytest

from contracts.messages import Actor, ActorKind, Command, Envelope, Event, Message
from runtime.decisions import Changes, Context, Refused, refuse_asker
from runtime.documents import Document, Erase
from runtime.vault import Vault

D = TypeVar("D", bound=Document)

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
TILL = Actor(kind=ActorKind.POS, id="till-1")
VAULT = Vault(b"for-tests-and-benchmarks-never-elsewhere")


@dataclass(frozen=True)
class Told:
    """What a handler yielded."""

    documents: list[Document]
    events: list[Event]
    commands: list[Command]
    erased: list[Erase]

    def document(self, document_class: type[D]) -> D:
        """The last version of the only document of a class."""
        found = {each.id: each for each in self.documents if isinstance(each, document_class)}
        assert len(found) == 1, f"{len(found)} documents of {document_class.__name__}"
        return next(iter(found.values()))

    def all(self, document_class: type[D]) -> list[D]:
        """Every document of a class, in the order in which they were yielded."""
        return [each for each in self.documents if isinstance(each, document_class)]

    @property
    def ids(self) -> list[str]:
        """The ids of the documents, in the order in which they were yielded."""
        return [each.id for each in self.documents]


def context(
    programme: Any = None,
    *,
    message_id: str = "m-1",
    actor: Actor = TILL,
    now: datetime = NOON,
    version: int | None = None,
    vault: Vault = VAULT,
) -> Context[Any]:
    """A context as the runtime would make it; `version` is that of an event's aggregate."""
    envelope = Envelope(id=message_id, type="Test", time=now, actor=actor, correlation_id=message_id, version=version)
    return Context(envelope, now, programme, vault)


def decide(
    handler: Callable[..., Changes], message: Message, /, *, context: Context[Any] | None = None, **documents: Any
) -> Told:
    """Run a handler on a message and the documents that it needs; those not given don't exist.

    Where the programme says who may ask, others are refused first, as the runtime does it.
    """
    if isinstance(message, Command) and message.right is not None and context is not None:
        refuse_asker(message, context)
    hints = get_type_hints(handler, include_extras=True)
    arguments: dict[str, Any] = {}
    for name in list(inspect.signature(handler).parameters)[1:]:
        is_context = (get_origin(hints[name]) or hints[name]) is Context
        arguments[name] = (context or globals()["context"]()) if is_context else documents.pop(name, None)
    assert not documents, f"{handler.__name__} has no parameter {', '.join(documents)}"

    changes: list[Any] = []
    for item in handler(message, **arguments):
        changes += item if isinstance(item, tuple) else (item,)
    return Told(
        documents=[each for each in changes if isinstance(each, Document)],
        events=[each for each in changes if isinstance(each, Event)],
        commands=[each for each in changes if isinstance(each, Command)],
        erased=[each for each in changes if isinstance(each, Erase)],
    )


@contextmanager
def refused(code: str, **details: Any) -> Iterator[None]:
    """Expect a refusal with this code and these details."""
    with pytest.raises(Refused) as caught:
        yield
    assert caught.value.code == code
    assert caught.value.details == details
