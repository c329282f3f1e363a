"""The message catalogue: per worker its commands, events and refusals, for those who build on them."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from contracts.catalogue import COMMANDS, EVENTS
from contracts.messages import WORKERS, ActorKind, Command, CommandEnded, Event, Message
from contracts.refusals import REFUSALS
from runtime.arrivals import Problem
from services.docs.sources import HandlerPlace, handler_places, refusals_of

INTRODUCTION = """\
Made from the code by `make docs`; don't edit. A command goes to `punchcard.<worker>.commands`, its outcome comes on
`punchcard.results`, what happened on `punchcard.<worker>.events`. Headers and topics: [AsyncAPI](asyncapi.json).
Fields marked *personal* say something about a person: they are in no key, log or answer. In an event all of them are
shut in one field, `personal`, which only Punchcard opens, and nobody once the person is removed.
"""
PROBLEMS = {
    Problem.MALFORMED: "A header or a field breaks its rule; `details.reason` names both.",
    Problem.UNKNOWN_TYPE: "The topic takes no message of this type.",
    Problem.TOO_OLD: "It is older than the journal remembers and may have had its outcome: no second one, no answer.",
    Problem.TOO_MANY_HOPS: "Too many messages lie between it and the command at its root: a loop.",
    Problem.REUSED: "Its id was used for another content; the first keeps its answer, this one gets none.",
    Problem.REFUSED_EVENT: "A handler refused an event, which has no sender to tell.",
    Problem.BUG: "The handler failed; the log says where.",
    Problem.UNWRITABLE: "What it came to can't be written, as it is too large or meets a key that exists.",
}
"""What operators are told of the reasons for dead letters."""


def message_page(root: Path) -> str:
    """The page, as Markdown."""
    return "\n".join(_page(root)) + "\n"


def _page(root: Path) -> Iterator[str]:
    places = handler_places(root)
    yield "# Messages"
    yield ""
    yield from INTRODUCTION.splitlines()
    for worker in WORKERS:
        commands = [each for each in COMMANDS.values() if each.worker == worker]
        events = [each for each in EVENTS.values() if each.worker == worker]
        yield from ("", f"## {worker}")
        for title, messages in (("Commands", commands), ("Events", events)):
            if messages:
                yield from ("", f"### {title}")
            for message in messages:
                yield from _message(message, places.get(message.__name__, []))
        codes = refusals_of(root, worker)
        if codes:
            yield from ("", f"### Refusals of {worker}", "", "| code | text |", "|---|---|")
            yield from (f"| `{code}` | {_cell(REFUSALS[code])} |" for code in codes)
    yield from ("", "## results")
    yield from _message(CommandEnded, places.get("CommandEnded", []))
    yield from ("", "## Why a message fails", "", "| code | what happened |", "|---|---|")
    yield from (f"| `{problem}` | {PROBLEMS[problem]} |" for problem in Problem)


def _message(message: type[Message], places: list[HandlerPlace]) -> Iterator[str]:
    sentence, _, remark = (message.__doc__ or "").strip().partition("\n\n")
    yield from ("", f"#### {message.__name__}", "", " ".join(sentence.split()))
    if remark:
        yield from ("", " ".join(remark.split()))
    yield from ("", _facts(message, places), "", "| field | type | |", "|---|---|---|")
    schema = message.model_json_schema()
    for name, field in schema.get("properties", {}).items():
        notes = []
        if name in message.personal:
            notes.append("*personal*")
        if name in schema.get("required", ()):
            notes.append("required")
        elif "default" in field:
            notes.append(f"default `{_shown(field['default'])}`")
        if field.get("description"):
            notes.append(" ".join(field["description"].split()))
        yield f"| `{name}` | {_cell(_type(field, schema))} | {_cell(', '.join(notes))} |"


def _facts(message: type[Message], places: list[HandlerPlace]) -> str:
    facts = [f"Key: `{message.key}`."]
    if issubclass(message, Event):
        document, field = message.about
        facts.append(f"About: `{document}` `{field}`.")
    if issubclass(message, Command):
        kinds = ", ".join(kind for kind in ActorKind if kind in message.actors)
        facts.append(f"Asked by: {kinds}" + (f", if in the programme's `{message.right}`." if message.right else "."))
    links = ", ".join(f"[`{each.function}`](../../{each.file}) in {each.worker}" for each in places)
    if links:
        facts.append(f"Handled by {links}.")
    facts.append(f"[Schema](schemas/{message.__name__}.json).")
    return " ".join(facts)


def _type(field: dict[str, Any], schema: dict[str, Any]) -> str:
    if "$ref" in field:
        name = field["$ref"].rpartition("/")[2]
        found = schema["$defs"][name]
        return _choices(found["enum"]) if "enum" in found else name
    for word in ("anyOf", "oneOf"):
        if word in field:
            return " or ".join(dict.fromkeys(_type(each, schema) for each in field[word]))
    if "enum" in field:
        return _choices(field["enum"])
    if field.get("type") == "array":
        return f"list of {_type(field['items'], schema)}" if "items" in field else "list"
    if field.get("type") == "object":
        return "object"
    return _plain(field)


def _plain(field: dict[str, Any]) -> str:
    rules = [f"{field['type']}" if "type" in field else "any"]
    if "format" in field:
        rules = [field["format"]]
    if "pattern" in field:
        rules.append(f"`{field['pattern']}`")
    if "minimum" in field and "maximum" in field:
        rules.append(f"{field['minimum']} to {field['maximum']}")
    elif "minimum" in field:
        rules.append(f"from {field['minimum']}")
    if "maxLength" in field:
        rules.append(f"up to {field['maxLength']} characters")
    return ", ".join(rules)


def _choices(values: list[Any]) -> str:
    return ", ".join(f"`{value}`" for value in values)


def _shown(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
