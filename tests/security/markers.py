"""Markers: rare values for everything personal that commands carry, and how they are found again."""

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final
from urllib.parse import quote, quote_plus

from pydantic import TypeAdapter, ValidationError

from contracts.catalogue import COMMANDS
from contracts.messages import Command
from services.gateway.examples import EXAMPLES
from tests.contracts.golden.examples import example

CANDIDATES: Final[tuple[tuple[Any, str], ...]] = (
    ("+4915199887766", "15199887766"),
    ("zqx-{name}@example.org", "zqx-{name}@example.org"),
    ("Zqxä{name}", "Zqxä{name}"),
    ("1908-02-29", "1908-02-29"),
    ("sealed.zqx-{name}-zqx-zqx-zqx-zqx", "zqx-{name}-zqx-zqx-zqx-zqx"),
    ({"nickname": "Zqxö{name}"}, "Zqxö{name}"),
)
"""What is tried for a personal field, in order, and what of it is looked for."""


@dataclass(frozen=True, slots=True)
class Marked:
    """A command whose every personal field can be recognised."""

    command: type[Command]
    body: Mapping[str, Any]
    markers: Mapping[str, str]
    """By field, what is looked for."""


class NoMarker(LookupError):
    """Nothing that is tried fits a personal field: give it a candidate."""


def marked(**changes: Any) -> Iterator[Marked]:
    """Every command that carries something personal.

    Raises:
        NoMarker: a field takes none of the candidates.
    """
    for name, command in COMMANDS.items():
        if not command.personal:
            continue
        body = {**example(command).model_dump(mode="json"), **EXAMPLES.get(name, {})}
        markers: dict[str, str] = {}
        for field in sorted(command.personal):
            body[field], markers[field] = _marker(command, field)
        yield Marked(command, body | changes, markers)


def _marker(command: type[Command], field: str) -> tuple[Any, str]:
    info = command.model_fields[field]
    whole: Any = Annotated[info.annotation, *info.metadata] if info.metadata else info.annotation
    rule: TypeAdapter[Any] = TypeAdapter(whole)
    for value, sought in CANDIDATES:
        filled = _filled(value, field.replace("_", ""))
        try:
            rule.validate_json(json.dumps(filled))
        except ValidationError:
            continue
        return filled, sought.replace("{name}", field.replace("_", ""))
    raise NoMarker(f"{command.__name__}.{field}")


def _filled(value: Any, name: str) -> Any:
    if isinstance(value, dict):
        return {key: _filled(inner, name) for key, inner in value.items()}
    return value.replace("{name}", name)


def forms(marker: str) -> set[bytes]:
    """A marker in every dress in which it could be overlooked, in lower case."""
    raw = marker.encode()
    found = {
        raw,
        json.dumps(marker)[1:-1].encode(),
        quote(marker, safe="").encode(),
        quote_plus(marker).encode(),
        raw.hex().encode(),
        repr(raw)[2:-1].encode(),
        marker.encode("unicode_escape"),
    }
    # Base64 depends on where in three bytes it begins, so its ends are cut.
    for padding in range(3):
        shifted = base64.b64encode(b"\0" * padding + raw).rstrip(b"=")
        found.add(shifted[(0, 2, 3)[padding] + (padding > 0) : -2])
    return found


def seen(markers: Mapping[str, str], text: bytes) -> list[str]:
    """The fields whose markers stand in a text, in any dress and any case."""
    lowered = text.lower()
    return [field for field, marker in markers.items() if any(form.lower() in lowered for form in forms(marker))]
