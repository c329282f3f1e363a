"""Documents: what workers keep, frozen, and what of them a batch may see."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar, Final, Literal, Self, TypeVar, dataclass_transform, get_args

import msgspec

D = TypeVar("D", bound="Document")
NOTHING: Final[Mapping[str, Any]] = {}


@dataclass(frozen=True, slots=True)
class Index:
    """An index of a collection: its fields in order, as MongoDB names them."""

    fields: tuple[str, ...]
    unique: bool = False
    sparse: bool = False


class _Kept(msgspec.StructMeta):
    """Makes classes of what is kept: frozen, fields by name; no cycles, so the collector needn't look at them."""

    def __new__(cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **settings: Any) -> Any:
        settings = {"frozen": True, "kw_only": True, "gc": False, **settings}
        return super().__new__(cls, name, bases, namespace, **settings)


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(msgspec.field,))
class Part(msgspec.Struct, metaclass=_Kept, frozen=True):
    """A part of a document, frozen. A struct: what is kept was checked when it came in, and a model costs tenfold.

    Of parts that stand right in a document MongoDB keeps each field that is `packed` as one value (MessagePack): what
    nobody looks for and may be many costs a fifth so, most of all its instants.
    """

    packed: ClassVar[tuple[str, ...]] = ()

    def evolve(self, **changes: Any) -> Self:
        """The same part with these fields changed.

        Raises:
            TypeError: a name is no field of the part.
        """
        return msgspec.structs.replace(self, **changes)


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(msgspec.field,))
class Document(msgspec.Struct, metaclass=_Kept, frozen=True, rename={"id": "_id"}):
    """One thing that a worker keeps; a handler never changes one, it yields the next version.

    `id` is MongoDB's `_id`, so what must be unique is an id. `version` counts the messages that changed the
    document; only the runtime sets it. What MongoDB holds beyond the fields, of a newer version, is ignored.
    """

    collection: ClassVar[str]
    indexes: ClassVar[tuple[Index, ...]] = ()
    alias: ClassVar[str | None] = None
    """A field that, where it is set, names the document that this one stands for: handlers are given that one."""
    is_excerpt: ClassVar[bool] = False
    """Whether it has a few fields of what another class keeps in its collection: only these are read, never written."""

    id: str
    version: int = 0

    def evolve(self, **changes: Any) -> Self:
        """The same document with these fields changed.

        Raises:
            TypeError: a name is no field of the document.
        """
        return msgspec.structs.replace(self, **changes)

    def derived(self) -> Mapping[str, Any]:
        """What MongoDB keeps besides the fields: made of them whenever they are written, for indexes, never loaded."""
        return NOTHING


@lru_cache
def sparse_fields(document_class: type[Document]) -> frozenset[str]:
    """Fields of sparse indexes: where one is None MongoDB keeps nothing, so that the index has no entry either.

    Raises:
        TypeError: such a field isn't None by default.
    """
    indexed = {field for index in document_class.indexes if index.sparse for field in index.fields}
    found = [each for each in msgspec.structs.fields(document_class) if each.name in indexed]
    for each in found:
        if each.default is not None:
            raise TypeError(f"{document_class.__name__}.{each.name} has a sparse index, so it must be None by default")
    return frozenset(each.name for each in found)


@lru_cache
def packed_fields(document_class: type[Document]) -> Mapping[str, tuple[str, ...]]:
    """Fields of a document that hold parts some of whose fields are packed, and these."""
    found: dict[str, tuple[str, ...]] = {}
    for each in msgspec.structs.fields(document_class):
        kinds = [kind for kind in get_args(each.type) if isinstance(kind, type) and issubclass(kind, Part)]
        names = tuple(name for kind in kinds for name in kind.packed)
        if names:
            found[each.name] = names
    return found


@lru_cache
def fields_read(document_class: type[Document]) -> tuple[str, ...] | None:
    """What to ask MongoDB for, by its names; None: whole documents."""
    return document_class.__struct_encode_fields__ if document_class.is_excerpt else None


@dataclass(frozen=True, slots=True)
class Erase:
    """Asks to delete: one document by its id, or by an index all whose `field` equals `value`."""

    document: type[Document]
    value: str
    field: str = "id"

    def covers(self, document: Document) -> bool:
        """Whether this deletes the document; of a field with several values one is enough, as in MongoDB."""
        if type(document) is not self.document:
            return False
        value = getattr(document, self.field)
        return value == self.value or (isinstance(value, tuple) and self.value in value)


Slot = tuple[type[Document], str]
"""Where a document stands: its class and its id."""


def at_version(document: D, version: int, *, shared: bool) -> D:
    """The document with its version set.

    A document that a handler has just made belongs to nobody else yet and is stamped in place: copying each one
    cost a tenth of a batch. One that is `shared` with the loaded state is copied.
    """
    if shared:
        return msgspec.structs.replace(document, version=version)
    msgspec.structs.force_setattr(document, "version", version)
    return document


class View:
    """What a batch has loaded and changed so far; *not there* (None) differs from *never asked for* (not in it)."""

    __slots__ = ("_base", "_erased", "_now")

    def __init__(self) -> None:
        self._base: dict[Slot, Document | None] = {}
        self._now: dict[Slot, Document | None] = {}
        self._erased: dict[Erase, None] = {}

    def knows(self, slot: Slot) -> bool:
        """Whether the slot was asked for, or written by this batch."""
        return slot in self._now

    def loaded(self, slot: Slot, document: Document | None) -> None:
        """Take in what the database holds at a slot; what this batch has erased already stays gone."""
        self._base[slot] = document
        is_gone = document is not None and any(erase.covers(document) for erase in self._erased)
        self._now[slot] = None if is_gone else document

    def at(self, slot: Slot) -> Document | None:
        """The newest version at a slot.

        Raises:
            KeyError: it was never asked for.
        """
        return self._now[slot]

    def has_erased(self, slot: Slot) -> bool:
        """Whether this batch deletes what has this id, by the id; also where nothing is, or is written anew."""
        return Erase(*slot) in self._erased

    def take(self, changes: Mapping[Slot, Document], erased: list[Erase]) -> None:
        """Take in what one message changed, its erasures first; the next message sees it."""
        for erase in erased:
            self._erased[erase] = None
            for slot, there in list(self._now.items()):
                if there is not None and erase.covers(there):
                    self._now[slot] = None
            if erase.field == "id":
                self._now.setdefault((erase.document, erase.value), None)
        for slot, document in changes.items():
            self._base.setdefault(slot, None)
            self._now[slot] = document

    def written(self) -> Iterator[tuple[Literal["insert", "change"], Document | None, Document]]:
        """What the batch has to write, after it has deleted `erased`: (insert, None, new) or (change, before, after).

        What the deletion takes with it, as the database still holds what it covers, is written whole again.
        """
        for slot, document in self._now.items():
            before = self._base.get(slot)
            if document is None or document is before:
                continue
            if before is None or any(erase.covers(before) for erase in self._erased):
                yield "insert", None, document
            else:
                yield "change", before, document

    @property
    def erased(self) -> tuple[Erase, ...]:
        """What the batch has to delete, before it writes.

        A document that came to be covered within the batch is not so in the database: it is named by its id.
        """
        if not self._erased:
            return ()
        missed = (
            Erase(*slot)
            for slot, before in self._base.items()
            if before is not None
            and self._now[slot] is None
            and not any(erase.covers(before) for erase in self._erased)
        )
        return (*self._erased, *missed)
