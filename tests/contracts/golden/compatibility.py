"""Whether what was written under an old JSON Schema may be read under a new one."""

from collections.abc import Callable, Iterator
from typing import Any, Final

Schema = dict[str, Any]

LOWER_BOUNDS: Final = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
UPPER_BOUNDS: Final = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
FIXED: Final = ("type", "pattern", "format", "const", "multipleOf", "uniqueItems")


def breaks(old: Schema, new: Schema, path: str) -> Iterator[str]:
    """What stands in the way, one line each, with the field; nothing where old messages are still good ones.

    Fields may be added with defaults, choices may be added, bounds may be relaxed. Nothing else may change.
    """
    yield from _breaks(old, new, path, _resolver(old), _resolver(new))


def _resolver(root: Schema) -> Callable[[Schema], Schema]:
    def resolve(schema: Schema) -> Schema:
        if "$ref" not in schema:
            return schema
        return {**root["$defs"][schema["$ref"].rpartition("/")[2]], **{k: v for k, v in schema.items() if k != "$ref"}}

    return resolve


Resolve = Callable[[Schema], Schema]


def _breaks(old: Schema, new: Schema, path: str, was: Resolve, now: Resolve) -> Iterator[str]:
    old, new = was(old), now(new)
    if "anyOf" in old or "anyOf" in new:
        yield from _lost_alternatives(old, new, path, was, now)
        return
    for word in FIXED:
        if word in new and old.get(word) != new[word]:
            yield f"{path}: {word} was {old.get(word)!r} and is {new[word]!r}"
    for value in old.get("enum", ()):
        if "enum" in new and value not in new["enum"]:
            yield f"{path}: the choice {value!r} is gone"
    if "enum" in new and "enum" not in old:
        yield f"{path}: is a choice now"
    yield from _tightened(old, new, path)
    yield from _lost_fields(old, new, path, was, now)
    yield from _inside(old, new, path, was, now)


def _tightened(old: Schema, new: Schema, path: str) -> Iterator[str]:
    for word in LOWER_BOUNDS:
        if word in new and (word not in old or new[word] > old[word]):
            yield f"{path}: {word} was {old.get(word)} and is {new[word]}"
    for word in UPPER_BOUNDS:
        if word in new and (word not in old or new[word] < old[word]):
            yield f"{path}: {word} was {old.get(word)} and is {new[word]}"


def _lost_alternatives(old: Schema, new: Schema, path: str, was: Resolve, now: Resolve) -> Iterator[str]:
    choices = new.get("anyOf", [new])
    for alternative in old.get("anyOf", [old]):
        found = [list(_breaks(alternative, choice, path, was, now)) for choice in choices]
        if all(found):
            shown = was(alternative)
            same = [
                each
                for each, choice in zip(found, choices, strict=True)
                if now(choice).get("type") == shown.get("type")
            ]
            yield from same[0] if len(same) == 1 else [f"{path}: can't be {shown.get('type') or shown} any more"]


def _lost_fields(old: Schema, new: Schema, path: str, was: Resolve, now: Resolve) -> Iterator[str]:
    before, after = old.get("properties", {}), new.get("properties", {})
    for name, field in before.items():
        if name not in after:
            yield f"{path}.{name}: is gone; fields are never removed or renamed"
            continue
        yield from _breaks(field, after[name], f"{path}.{name}", was, now)
        if name not in new.get("required", ()) and field.get("default") != after[name].get("default"):
            yield f"{path}.{name}: its default was {field.get('default')!r} and is {after[name].get('default')!r}"
    for name in new.get("required", ()):
        if name not in before:
            yield f"{path}.{name}: is new and has no default"
        elif name not in old.get("required", ()):
            yield f"{path}.{name}: had a default and has none now"


def _inside(old: Schema, new: Schema, path: str, was: Resolve, now: Resolve) -> Iterator[str]:
    for word in ("items", "additionalProperties", "propertyNames"):
        if isinstance(old.get(word), dict) and isinstance(new.get(word), dict):
            yield from _breaks(old[word], new[word], f"{path}[]", was, now)
        elif isinstance(new.get(word), dict) or (new.get(word) is False and old.get(word) is not False):
            yield f"{path}[]: {word} is ruled now"
    before, after = old.get("prefixItems", []), new.get("prefixItems", [])
    if len(before) != len(after):
        yield f"{path}[]: had {len(before)} places and has {len(after)}"
    for place, (earlier, later) in enumerate(zip(before, after, strict=False)):
        yield from _breaks(earlier, later, f"{path}[{place}]", was, now)
