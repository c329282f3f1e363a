"""How a function is filed under a message: Worker, handles, Key, Context, Refused, and the running of one decision."""

import inspect
import re
import types
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from hashlib import blake2b
from operator import attrgetter
from typing import Annotated, Any, Final, Generic, TypeVar, Union, get_args, get_origin, get_type_hints

from contracts.messages import Actor, Command, Envelope, Event, Message
from runtime.documents import Document, Erase, Slot, View, at_version
from runtime.persons import PersonKey
from runtime.vault import NO_VAULT, Vault

P = TypeVar("P")
H = TypeVar("H", bound=Callable[..., Any])

MOST_ALIASES: Final = 32
"""Steps from a document that stands for another to that one: more are a circle."""

Change = Document | Event | Command | Erase
Changes = Iterator[Change | tuple[Change, ...]]
"""What a handler yields: new documents, events, commands for other workers, erasures; one at a time or in tuples."""


class Refused(Exception):
    """A business answer: no, with a code from the catalogue and the facts that explain it (none of them personal)."""

    def __init__(self, code: str, **details: Any) -> None:
        super().__init__(code)
        self.code = code
        self.details = details


@dataclass(frozen=True, slots=True)
class Key:
    """Where a document's id stands: a field or property of the message, or of an earlier parameter (`card.holder`).

    A document that stands for another one (`Document.alias`) is followed to that one, unless it is wanted `as_is`.
    """

    path: str
    as_is: bool = False


class Context(Generic[P]):
    """What a decision may know besides the message: who, when, under which programme, and ids that redoing repeats."""

    __slots__ = ("_ids", "actor", "asked_by", "correlation_id", "id", "now", "programme", "time", "vault", "version")

    def __init__(self, envelope: Envelope, now: datetime, programme: P, vault: Vault = NO_VAULT) -> None:
        self.id = envelope.id
        self.version = envelope.version
        """Of an event: the version of its aggregate it tells of. News may come in another order than they happened."""
        self.actor: Actor = envelope.actor
        self.asked_by = envelope.asked_by
        self.correlation_id = envelope.correlation_id
        self.time = envelope.time
        """When the sender says that it happened."""
        self.now = now
        """When it is decided, in UTC with milliseconds; the same for a whole batch."""
        self.programme = programme
        self.vault = vault
        """Derives what nobody may foresee and nobody has to keep: codes, keys of a purpose."""
        self._ids = 0

    def new_id(self) -> str:
        """An id that nothing else has, derived from the message's: 32 hexadecimal digits."""
        self._ids += 1
        return blake2b(f"{self.id}/{self._ids}".encode(), digest_size=16, person=b"punchcard-id").hexdigest()

    def opened(self, message: Command, field: str) -> str:
        """What a door sealed into a field of the command that is decided.

        Raises:
            Refused: `not_sealed`, it came in clear, or sealed for another command or with another secret.
        """
        text = self.vault.opened(getattr(message, field), f"{self.id}/{field}")
        if text is None:
            raise Refused("not_sealed", field=field)
        return text


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

    def slots(self, message: Message, found: Mapping[str, Any]) -> tuple[Slot, ...]:
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
        found: dict[str, Any] = {}
        for need in self.needs:
            slots = need.slots(message, found)
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
    ) -> None:
        self.name = name
        self.pace_seconds = pace_seconds
        """How long a batch that isn't full waits for company; for workers whose outcome nobody waits for."""
        self.opens_personal = opens_personal
        """Whether its handlers are shown what is personal in events; else there is nothing in those fields."""
        kept: tuple[type[Document], ...] = (*documents, PersonKey)
        self.documents = {document.__name__: document for document in kept}
        self.handlers: dict[str, Handler] = {}
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
            self.handlers[message.__name__] = read_signature(message, function, self.documents)
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
    hints = get_type_hints(function, include_extras=True)
    parameters = list(inspect.signature(function).parameters)
    if not inspect.isgeneratorfunction(function):
        raise UnfitHandler(f"{function.__name__} must be a generator function: it yields what changes")
    if not parameters or hints.get(parameters[0]) is not message:
        raise UnfitHandler(f"the first parameter of {function.__name__} must be a {message.__name__}")

    needs: list[Need] = []
    context_name: str | None = None
    for name in parameters[1:]:
        hint = hints.get(name)
        if (get_origin(hint) or hint) is Context:
            context_name = name
            continue
        needs.append(_read_need(function.__name__, name, hint, message, needs, documents))
    return Handler(message, function, tuple(needs), context_name)


def _read_need(
    function: str,
    name: str,
    hint: Any,
    message: type[Message],
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


def refuse_asker(command: Command, context: Context[Any]) -> None:
    """Let pass who may ask a command: by its contract, and where that leaves it to the programme by the programme.

    Raises:
        Refused: `actor_not_allowed`.
    """
    asked_by = context.asked_by
    is_allowed = asked_by in command.actors
    if is_allowed and command.right is not None:
        is_allowed = asked_by in attrgetter(command.right)(context.programme)
    if not is_allowed:
        raise Refused("actor_not_allowed", actor=asked_by.value)


def decide(handler: Handler, message: Message, context: Context[Any], view: View) -> Decision:
    """Run one decision against what the view holds; the view stays as it is.

    Raises:
        Refused: who asks may not, or the rules say no.
        NotLoaded: it needs documents that the view was never asked for.
        Exception: anything else is a bug of the handler's.
    """
    if isinstance(message, Command):
        refuse_asker(message, context)
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
