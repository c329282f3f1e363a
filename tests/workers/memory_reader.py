"""A reader over documents in memory, for views and the courier: as much of MongoDB's filters as they use."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from re import search
from typing import Any, TypeVar

from bson.regex import Regex

from runtime.documents import Document
from runtime.store import Reader, from_raw, to_raw

D = TypeVar("D", bound=Document)

COMBINED: dict[str, Callable[[Iterable[bool]], bool]] = {"$or": any, "$and": all}
COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "$lt": lambda held, wanted: is_ordered(held, wanted) and held < wanted,
    "$lte": lambda held, wanted: is_ordered(held, wanted) and held <= wanted,
    "$gt": lambda held, wanted: is_ordered(held, wanted) and held > wanted,
    "$gte": lambda held, wanted: is_ordered(held, wanted) and held >= wanted,
    "$ne": lambda held, wanted: held != wanted,
    "$in": lambda held, wanted: any(is_like(held, each) for each in wanted),
    "$nin": lambda held, wanted: not any(is_like(held, each) for each in wanted),
    "$regex": lambda held, wanted: isinstance(held, str) and search(wanted, held) is not None,
    "$not": lambda held, wanted: not holds(held, wanted),
}


def is_ordered(held: Any, wanted: Any) -> bool:
    """Whether two values have an order: MongoDB compares text with text and numbers with numbers alone."""
    return held is not None and isinstance(held, str) is isinstance(wanted, str)


def is_like(held: Any, wanted: Any) -> bool:
    """Whether a value is what was wanted, or like the pattern that was."""
    if isinstance(wanted, Regex):
        # As `runtime.mongo.begins_with` makes them; compiling hundreds of them for each document took a second.
        return isinstance(held, str) and held.startswith(wanted.pattern.removeprefix("^"))
    return bool(held == wanted)


def holds(value: Any, wanted: Any) -> bool:
    """Whether a field, or any part of an array, is what a filter wants."""
    if isinstance(wanted, Mapping) and "$elemMatch" in wanted:
        condition = wanted["$elemMatch"]
        is_of_fields = not any(each.startswith("$") for each in condition)
        return any(matches(part, condition) if is_of_fields else holds(part, condition) for part in value or ())
    if isinstance(value, list | tuple):
        return any(holds(part, wanted) for part in value)
    if isinstance(wanted, Mapping):
        return all(COMPARISONS[operator](value, operand) for operator, operand in wanted.items())
    return bool(value == wanted)


def at(raw: Any, path: str) -> Any:
    """What stands at a dotted path; of an array what stands there in each part."""
    if isinstance(raw, list | tuple):
        return [at(part, path) for part in raw]
    field, _, rest = path.partition(".")
    found = raw.get(field)
    return at(found, rest) if rest and found is not None else found


def matches(raw: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether a raw document matches a filter."""
    return all(
        combined(matches(raw, each) for each in condition)
        if (combined := COMBINED.get(field)) is not None
        else holds(at(raw, field), condition)
        for field, condition in wanted.items()
    )


def in_order(found: Iterable[Mapping[str, Any]], sort: Iterable[tuple[str, int]]) -> list[Mapping[str, Any]]:
    """Raw documents sorted by fields, each ascending or descending."""
    ordered = list(found)
    for field, direction in reversed(list(sort)):
        ordered.sort(key=lambda raw: raw[field], reverse=direction < 0)
    return ordered


class MemoryReader(Reader):
    """Documents by class and id; raw, as the database would hold them, so that a test can tamper with them."""

    def __init__(self, documents: Iterable[Document] = ()) -> None:
        self.raw: dict[str, dict[str, dict[str, Any]]] = {}
        self.put(*documents)

    def put(self, *documents: Document) -> None:
        """Write documents, as a committed batch would."""
        for document in documents:
            self.collection(type(document))[document.id] = dict(to_raw(document))

    def collection(self, document_class: type[Document]) -> dict[str, dict[str, Any]]:
        """The raw documents of a class."""
        return self.raw.setdefault(document_class.collection, {})

    async def get(self, document_class: type[D], document_id: str) -> D | None:
        raw = self.collection(document_class).get(document_id)
        return None if raw is None else from_raw(document_class, dict(raw))

    async def distinct(self, document_class: type[Document], filters: Mapping[str, Mapping[str, Any]]) -> set[Any]:
        there = self.collection(document_class).values()
        return {at(raw, field) for field, wanted in filters.items() for raw in there if matches(raw, wanted)}

    async def find(
        self,
        document_class: type[D],
        filter: Mapping[str, Any],
        *,
        sort: Sequence[tuple[str, int]] = (),
        limit: int = 100,
    ) -> list[D]:
        found = self._sorted(document_class, filter, sort)
        return [from_raw(document_class, dict(raw)) for raw in (found[:limit] if limit else found)]

    async def find_among(
        self,
        document_class: type[D],
        filter: Mapping[str, Any],
        wanted: Mapping[str, Any],
        *,
        among: int,
        sort: Sequence[tuple[str, int]] = (),
        limit: int = 100,
    ) -> list[D]:
        found = [raw for raw in self._sorted(document_class, filter, sort)[:among] if matches(raw, wanted)]
        return [from_raw(document_class, dict(raw)) for raw in found[:limit]]

    async def aggregate(self, document_class: type[Document], pipeline: Sequence[Mapping[str, Any]]) -> list[Any]:
        found: list[Mapping[str, Any]] = list(self.collection(document_class).values())
        for stage in pipeline:
            (operator, operand), *_ = stage.items()
            if operator == "$match":
                found = [raw for raw in found if matches(raw, operand)]
            elif operator == "$sort":
                found = in_order(found, operand.items())
            elif operator == "$limit":
                found = found[:operand]
            elif operator == "$project":
                found = [{field: raw[field] for field in ("_id", *operand) if field in raw} for raw in found]
            else:
                raise NotImplementedError(operator)
        return found

    def _sorted(
        self, document_class: type[Document], filter: Mapping[str, Any], sort: Sequence[tuple[str, int]]
    ) -> list[Mapping[str, Any]]:
        found = [raw for raw in self.collection(document_class).values() if matches(raw, filter)]
        return in_order(found, sort)
