"""Documents: what workers keep, frozen, and what of them a batch may see."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict

D = TypeVar("D", bound="Document")


@dataclass(frozen=True, slots=True)
class Index:
    """An index of a collection: its fields in order, as MongoDB names them."""

    fields: tuple[str, ...]
    unique: bool = False
    sparse: bool = False


class Document(BaseModel):
    """One thing that a worker keeps; a handler never changes one, it yields the next version.

    `id` is MongoDB's `_id`, so what must be unique is an id. `version` counts the messages that changed the
    document; only the runtime sets it.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    collection: ClassVar[str]
    indexes: ClassVar[tuple[Index, ...]] = ()

    sparse_fields: ClassVar[frozenset[str]] = frozenset()
    """Fields of sparse indexes: where one is None MongoDB keeps nothing, so that the index has no entry either."""

    id: str
    version: int = 0

    @classmethod
    def __pydantic_init_subclass__(cls, **_: Any) -> None:
        cls.sparse_fields = frozenset(field for index in cls.indexes if index.sparse for field in index.fields)
        for name in cls.sparse_fields:
            if cls.__pydantic_fields__[name].default is not None:
                raise TypeError(f"{cls.__name__}.{name} has a sparse index, so it must be None by default")

    def evolve(self, **changes: Any) -> Self:
        """The same document with these fields changed.

        Raises:
            TypeError: a name is no field of the document.
        """
        cls = type(self)
        if not changes.keys() <= cls.__pydantic_fields__.keys():
            unknown = sorted(changes.keys() - cls.__pydantic_fields__.keys())
            raise TypeError(f"{cls.__name__} has no field {', '.join(unknown)}")
        # What `model_copy` does, at a fifth of its cost: this is every change of every document.
        after = cls.__new__(cls)
        object.__setattr__(after, "__dict__", {**self.__dict__, **changes})
        object.__setattr__(after, "__pydantic_fields_set__", self.__pydantic_fields_set__ | changes.keys())
        object.__setattr__(after, "__pydantic_extra__", None)
        object.__setattr__(after, "__pydantic_private__", None)
        return after


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
        return document.model_copy(update={"version": version})
    document.__dict__["version"] = version
    return document


class View:
    """What a batch has loaded and changed so far; *not there* (None) differs from *never asked for* (not in it)."""

    __slots__ = ("_base", "_erased", "_now")

    def __init__(self) -> None:
        self._base: dict[Slot, Document | None] = {}
        self._now: dict[Slot, Document | None] = {}
        self._erased: list[Erase] = []

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

    def take(self, changes: Mapping[Slot, Document], erased: list[Erase]) -> None:
        """Take in what one message changed, its erasures first; the next message sees it."""
        for erase in erased:
            self._erased.append(erase)
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
