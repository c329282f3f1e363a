"""A worker: its decisions and its rules, filed, and the running of one decision."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, Generic, TypeVar

from contracts.messages import ActorKind, Command, Event, Message
from runtime.context import Context, Refused, refuse_asker
from runtime.documents import Document, Erase, Slot, View, at_version
from runtime.persons import PersonKey
from runtime.signatures import (
    Change,
    Changes,
    Guard,
    Handler,
    Key,
    Need,
    NotLoaded,
    UnfitHandler,
    read_guard,
    read_signature,
    snake_case,
)

P = TypeVar("P")
H = TypeVar("H", bound=Callable[..., Any])

__all__ = [
    "Change",
    "Changes",
    "Context",
    "Decision",
    "Due",
    "Guard",
    "Handler",
    "Key",
    "Need",
    "NotLoaded",
    "Refused",
    "UnfitHandler",
    "Worker",
    "decide",
    "read_signature",
    "refuse_asker",
    "snake_case",
]


@dataclass(frozen=True, slots=True)
class Decision:
    """What one message came to: documents by slot, erasures, and messages in the order in which they were said."""

    documents: dict[Slot, Document] = field(default_factory=dict)
    erased: list[Erase] = field(default_factory=list)
    messages: list[Event | Command] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Due:
    """Something that time brings: documents whose `field` has come, and the command that says so."""

    document: type[Document]
    field: str
    command: Callable[[Any], Command]


class Worker(Generic[P]):
    """A named set of decisions and the documents that they keep."""

    def __init__(
        self,
        name: str,
        *,
        documents: tuple[type[Document], ...],
        pace_seconds: float = 0.0,
        opens_personal: bool = False,
        hears_all: bool = False,
    ) -> None:
        self.name = name
        self.pace_seconds = pace_seconds
        """How long a batch that isn't full waits for company; for workers whose outcome nobody waits for."""
        self.opens_personal = opens_personal
        """Whether its handlers are shown what is personal in events; else there is nothing in those fields."""
        self.hears_all = hears_all
        """Whether it is to miss no event: one of a type that it doesn't know is a dead letter, not passed over."""
        kept: tuple[type[Document], ...] = (*documents, PersonKey)
        self.documents = {document.__name__: document for document in kept}
        self.handlers: dict[str, Handler] = {}
        self._guards: list[Guard] = []
        self.timers: list[Due] = []
        self.companions: list[Callable[..., Any]] = []

    def handles(self, message: type[Message]) -> Callable[[H], H]:
        """File a handler under a message class.

        Raises:
            UnfitHandler: the message has a handler already, or the signature can't be served.
        """

        def file(function: H) -> H:
            if message.__name__ in self.handlers:
                raise UnfitHandler(f"{message.__name__} has a handler already")
            handler = read_signature(message, function, self.documents)
            guards = tuple(guard for guard in self._guards if issubclass(message, guard.family))
            self.handlers[message.__name__] = replace(handler, guards=guards)
            return function

        return file

    def guards(self, family: type[Command], *, asked_by: ActorKind) -> Callable[[H], H]:
        """File a rule that stands before every command of a family which such an actor asks, whoever handles it.

        It is a plain function of an `Asked` and documents, and refuses or doesn't. A command that is added to the
        family later can't forget it. Its documents are loaded when it looks: others than such actors pay nothing.

        Raises:
            UnfitHandler: the signature can't be served.
        """

        def file(function: H) -> H:
            guard = read_guard(family, asked_by, function, self.documents)
            self._guards.append(guard)
            for name, handler in self.handlers.items():
                if issubclass(handler.message, family):
                    self.handlers[name] = replace(handler, guards=(*handler.guards, guard))
            return function

        return file

    @property
    def listens_to(self) -> tuple[str, ...]:
        """Whose events this worker handles; `results` stands for the outcomes of commands."""
        heard = {each.message.worker for each in self.handlers.values() if not issubclass(each.message, Command)}
        return tuple(sorted(heard))

    def due(self, document: type[Document], *, field: str, command: Callable[[Any], Command]) -> None:
        """Have a command published for every document whose `field` is an instant that has come.

        The command's id derives from the document and the instant, so any process may find it, any number of times.
        The handler must move or clear the field, or erase the document.
        """
        self.timers.append(Due(document, field, command))

    def beside(self, companion: Callable[..., Any]) -> None:
        """Run an async function beside the batches, in the same process: for side effects such as sending."""
        self.companions.append(companion)


def decide(handler: Handler, message: Message, context: Context[Any], view: View) -> Decision:
    """Run one decision against what the view holds; the view stays as it is.

    Raises:
        Refused: who asks may not, or the rules say no.
        NotLoaded: it needs documents that the view was never asked for.
        Exception: anything else is a bug of the handler's.
    """
    if isinstance(message, Command):
        refuse_asker(message, context)
        for guard in handler.guards:
            guard.look(message, context, view)
    arguments = handler.arguments(message, view)
    if handler.context_name is not None:
        arguments[handler.context_name] = context

    decision = Decision()
    for item in handler.function(message, **arguments):
        for change in item if isinstance(item, tuple) else (item,):
            _note(decision, change)
    for slot, document in decision.documents.items():
        before = view.at(slot) if view.knows(slot) else None
        version = before.version + 1 if before is not None else 1
        decision.documents[slot] = at_version(document, version, shared=document is before)
    return decision


def _note(decision: Decision, change: Change) -> None:
    if isinstance(change, Document):
        decision.documents[(type(change), change.id)] = change
    elif isinstance(change, Erase):
        for slot in [slot for slot, document in decision.documents.items() if change.covers(document)]:
            del decision.documents[slot]
        decision.erased.append(change)
    elif _is_message(type(change)):
        decision.messages.append(change)
    else:
        raise TypeError(f"a handler can't yield a {type(change).__name__}")


@cache
def _is_message(kind: type) -> bool:
    """Pydantic's classes are abstract ones, where `isinstance` costs microseconds."""
    return issubclass(kind, Event | Command)
