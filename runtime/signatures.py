"""How a function is filed under a message: its signature says which documents it needs, and where their ids stand."""

import inspect
import re
import types
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import Annotated, Any, Final, Union, get_args, get_origin, get_type_hints

from contracts.messages import ActorKind, Command, Event, Message
from runtime.context import Asked, Context, Refused
from runtime.documents import Document, Erase, Slot, View

MOST_ALIASES: Final = 32
"""Steps from a document that stands for another to that one: more are a circle."""

Change = Document | Event | Command | Erase
Changes = Iterator[Change | tuple[Change, ...]]
"""What a handler yields: new documents, events, commands for other workers, erasures; one at a time or in tuples."""


@dataclass(frozen=True, slots=True)
class Key:
    """Where a document's id stands: a field or property of the message, or of an earlier parameter (`card.holder`).

    A document that stands for another one (`Document.alias`) is followed to that one, unless it is wanted `as_is`.
    """

    path: str
    as_is: bool = False


class UnfitHandler(TypeError):
    """A handler's signature that the runtime can't serve; says what is wrong with it."""


class NotLoaded(LookupError):
    """A document that a decision needs and that the batch has not asked for yet."""

    def __init__(self, slots: tuple[Slot, ...]) -> None:
        super().__init__(f"{len(slots)} documents")
        self.slots = slots


@dataclass(frozen=True, slots=True)
class Need:
    """One document parameter of a handler: which class, by what key, one or several, and whether it must exist."""

    name: str
    document: type[Document]
    origin: str | None
    """The earlier parameter that holds the key; None for the message."""
    read: Callable[[Any], Any]
    optional: bool
    many: bool
    depth: int
    """How many loads must come before this one."""
    alias: str | None = None
    """The field by which a document is followed to the one that it stands for."""

    def slots(self, message: Message | Asked[Command], found: Mapping[str, Any]) -> tuple[Slot, ...]:
        """The slots that it asks for, given what was found for the earlier parameters."""
        source = message if self.origin is None else found.get(self.origin)
        if source is None:
            return ()
        value = self.read(source)
        if value is None:
            return ()
        if self.many:
            return tuple((self.document, each) for each in value)
        return ((self.document, value),)

    def followed(self, slot: Slot, view: View) -> Slot:
        """The slot of the document that the one at a slot stands for, as far as the view knows the way: mostly its own.

        Raises:
            LookupError: the way has no end.
        """
        if self.alias is None:
            return slot
        for _ in range(MOST_ALIASES):
            document = view.at(slot) if view.knows(slot) else None
            other = None if document is None else getattr(document, self.alias)
            if other is None:
                return slot
            slot = (self.document, other)
        raise LookupError(f"{self.document.__name__} {slot[1]} stands for itself")


@dataclass(frozen=True, slots=True)
class Handler:
    """A decision, filed: its message, its function and the documents that it needs."""

    message: type[Message]
    function: Callable[..., Changes]
    needs: tuple[Need, ...]
    context_name: str | None
    guards: tuple["Guard", ...] = ()

    def slots_at(self, depth: int, message: Message, view: View) -> list[Slot]:
        """Slots that the needs of one depth ask for and that the view doesn't know yet; lesser depths are loaded."""
        wanted: list[Slot] = []
        found: dict[str, Document | None] = {}
        for need in self.needs:
            if need.depth > depth:
                continue
            slots = need.slots(message, found)
            if need.depth == depth:
                wanted += [slot for slot in slots if not view.knows(slot)]
            elif slots and not need.many:
                slot = need.followed(slots[0], view)
                if view.knows(slot):
                    found[need.name] = view.at(slot)
        return wanted

    def arguments(self, message: Message, view: View) -> dict[str, Any]:
        """The documents for the handler's parameters.

        Raises:
            NotLoaded: some were never asked for.
            Refused: one that must exist doesn't.
        """
        return _arguments(self.needs, message, view)


def _arguments(needs: tuple[Need, ...], source: Message | Asked[Command], view: View) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for need in needs:
        slots = need.slots(source, found)
        if need.alias is not None:
            slots = tuple(need.followed(slot, view) for slot in slots)
        unknown = [slot for slot in slots if not view.knows(slot)]
        if unknown:
            raise NotLoaded(tuple(unknown))
        if need.many:
            found[need.name] = tuple(document for slot in slots if (document := view.at(slot)) is not None)
            continue
        document = view.at(slots[0]) if slots else None
        if document is None and not need.optional:
            raise Refused(f"unknown_{snake_case(need.document.__name__)}")
        found[need.name] = document
    return found


@dataclass(frozen=True, slots=True)
class Guard:
    """A rule that stands before every command of a family, where one kind of actor asks it."""

    family: type[Command]
    asked_by: ActorKind
    function: Callable[..., None]
    needs: tuple[Need, ...]

    def look(self, command: Command, context: Context[Any], view: View) -> None:
        """Let the rule look at a command.

        Raises:
            NotLoaded: it needs documents that the view was never asked for.
            Refused: the rule says no.
        """
        if context.asked_by is not self.asked_by:
            return
        asked = Asked(command, context.actor)
        self.function(asked, **_arguments(self.needs, asked, view))


def snake_case(name: str) -> str:
    """`BlockCard` as `block_card`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def read_signature(
    message: type[Message], function: Callable[..., Changes], documents: Mapping[str, type[Document]]
) -> Handler:
    """What a handler's parameters ask for.

    Raises:
        UnfitHandler: a parameter is neither the message, the context nor a document with a key.
    """
    if not inspect.isgeneratorfunction(function):
        raise UnfitHandler(f"{function.__name__} must be a generator function: it yields what changes")
    needs, context_name = _read_needs(function, message, documents)
    return Handler(message, function, needs, context_name)


def read_guard(
    family: type[Command],
    asked_by: ActorKind,
    function: Callable[..., None],
    documents: Mapping[str, type[Document]],
) -> Guard:
    """What a guard's parameters ask for.

    Raises:
        UnfitHandler: a parameter is neither what is asked nor a document with a key.
    """
    needs, context_name = _read_needs(function, Asked, documents)
    if context_name is not None:
        raise UnfitHandler(f"{function.__name__} is told who asks by its first parameter, and gets no context")
    return Guard(family, asked_by, function, needs)


def _read_needs(
    function: Callable[..., Any], source: type[Message] | type[Asked[Any]], documents: Mapping[str, type[Document]]
) -> tuple[tuple[Need, ...], str | None]:
    hints = get_type_hints(function, include_extras=True)
    parameters = list(inspect.signature(function).parameters)
    first = hints.get(parameters[0]) if parameters else None
    if (get_origin(first) or first) is not source:
        raise UnfitHandler(f"the first parameter of {function.__name__} must be typed {source.__name__}")

    needs: list[Need] = []
    context_name: str | None = None
    for name in parameters[1:]:
        hint = hints.get(name)
        if (get_origin(hint) or hint) is Context:
            context_name = name
            continue
        needs.append(_read_need(function.__name__, name, hint, source, needs, documents))
    return tuple(needs), context_name


def _read_need(
    function: str,
    name: str,
    hint: Any,
    message: type[Message] | type[Asked[Any]],
    earlier: list[Need],
    documents: Mapping[str, type[Document]],
) -> Need:
    keys = [part for part in getattr(hint, "__metadata__", ()) if isinstance(part, Key)]
    if get_origin(hint) is not Annotated or len(keys) != 1:
        raise UnfitHandler(f"{function}: {name} must be the context or Annotated[<document>, Key(…)]")
    wanted = get_args(hint)[0]
    options = get_args(wanted) if get_origin(wanted) in (Union, types.UnionType) else (wanted,)
    many = get_origin(options[0]) is tuple
    document = get_args(options[0])[0] if many else options[0]
    if not (isinstance(document, type) and issubclass(document, Document)):
        raise UnfitHandler(f"{function}: {name} is not a document")
    if documents.get(document.__name__) is not document:
        raise UnfitHandler(f"{function}: {document.__name__} is not among the worker's documents")

    head, _, rest = keys[0].path.partition(".")
    origin = next((need for need in earlier if need.name == head and rest), None)
    if origin is not None and origin.many:
        raise UnfitHandler(f"{function}: the key of {name}, {keys[0].path}, is not in one document but in several")
    source: type = origin.document if origin else message
    first = rest.partition(".")[0] if origin else head
    if first not in getattr(source, "model_fields", ()) and not hasattr(source, first):
        raise UnfitHandler(f"{function}: the key of {name}, {keys[0].path}, is not in {source.__name__}")
    return Need(
        name=name,
        document=document,
        origin=origin.name if origin else None,
        read=attrgetter(rest if origin else keys[0].path),
        optional=len(options) > 1,
        many=many,
        depth=origin.depth + 1 if origin else 0,
        alias=None if many or keys[0].as_is else document.alias,
    )
