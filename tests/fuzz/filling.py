"""Values for what a JSON schema describes, by its names and types: mostly such as a door takes."""

from collections.abc import Mapping
from random import Random
from typing import Any, Final

from services.gateway.examples import MEMBER
from tests.contracts.golden.examples import BY_NAME
from tests.fuzz.shots import POOLS

_AS_PEOPLE_WRITE: Final[Mapping[str, tuple[str, ...]]] = {
    "name": ("Ana", "ana mul", "Çelik", "李", "O'Neil; --", "\u202eAna", "a b c d e f", "x"),
    "birthday": ("1984-02-29", "29.2.1984", "02-29", "29.2.", "31.02.", "1.1.1", "30/02/1990"),
    "phone": ("000007", "0007", "0151 12000007", "+49 (151) 12-000-007", "7", "00491511"),
    "email": ("member1", "exa", "member1@", "@example.org", "MEMBER1@EXAMPLE.ORG", "a.b"),
    "member_id": (MEMBER, MEMBER[:8], MEMBER[:7]),
    "card_number": ("0008", "77000000000", "7700 0000 0008"),
}
"""What searches are asked for, beside what is valid everywhere."""
_DEEPEST: Final = 6


class Filler:
    """Fills what an OpenAPI document's schemas describe."""

    def __init__(self, document: Mapping[str, Any], random: Random) -> None:
        self._schemas: Mapping[str, Any] = document.get("components", {}).get("schemas", {})
        self._random = random

    def value(self, schema: Mapping[str, Any], name: str = "", depth: int = 0) -> Any:
        """A value for a schema; `name` is the field's, which says more than a type."""
        random, schema = self._random, self._resolved(schema)
        either = schema.get("anyOf") or schema.get("oneOf")
        if either:
            return self.value(
                random.choice([each for each in either if each.get("type") != "null"] or either), name, depth
            )
        kind = schema.get("type")
        if "enum" in schema or "const" in schema:
            return random.choice(schema.get("enum") or [schema["const"]])
        if kind == "object" or "properties" in schema:
            return self._object(schema, depth)
        if kind == "array":
            count = random.randint(0, 3) if depth < _DEEPEST else 0
            return [self.value(schema.get("items", {}), name, depth + 1) for _ in range(count)]
        if kind in {"integer", "number"}:
            least = int(schema.get("minimum", 0))
            return random.randint(least, max(least, min(int(schema.get("maximum", 1_000)), least + 1_000)))
        if kind == "boolean":
            return random.random() < 0.5
        return None if kind == "null" else self._text(name)

    def _object(self, schema: Mapping[str, Any], depth: int) -> dict[str, Any]:
        """What it needs, with one left out now and then, and few or many of the fields that it may have."""
        random, needed = self._random, schema.get("required", ())
        share = random.choice((0.1, 0.3, 0.8)) if depth < _DEEPEST else 0.0
        return {
            name: self.value(inner, name, depth + 1)
            for name, inner in schema.get("properties", {}).items()
            if random.random() < (0.98 if name in needed else share)
        }

    def _resolved(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        while True:
            several = schema.get("allOf", ())
            if len(several) == 1:
                schema = several[0]
            elif "$ref" in schema:
                schema = self._schemas.get(str(schema["$ref"]).rpartition("/")[2], {})
            else:
                return schema

    def _text(self, name: str) -> str:
        """A text by a field's name; one that nobody foresaw gets any that some field has."""
        random = self._random
        written = _AS_PEOPLE_WRITE.get(name)
        if written is not None and (name not in POOLS or random.random() < 0.4):
            return random.choice(written)
        if name in POOLS:
            return str(POOLS[name](random))
        if name in BY_NAME:
            return str(BY_NAME[name])
        return str(random.choice(list(POOLS.values()))(random))
