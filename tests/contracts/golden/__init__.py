"""Golden files: what messages looked like on the wire when they were accepted, and whether today's code reads it."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from contracts.catalogue import COMMANDS, EVENTS
from contracts.messages import CommandEnded, Event, Message, read_body, read_envelope
from tests.contracts.golden.compatibility import breaks
from tests.contracts.golden.examples import example, example_envelope

FOLDER: Final = Path(__file__).parent
MESSAGES: Final[Mapping[str, type[Message]]] = {**COMMANDS, **EVENTS, "CommandEnded": CommandEnded}


@dataclass(frozen=True)
class Golden:
    """What was accepted of one message type."""

    worker: str
    key: str
    about: list[str] | None
    personal: list[str]
    headers: dict[str, str]
    bodies: list[str]
    """Examples, oldest first: one more for every time that the type grew."""
    digests: list[str]
    """The digest of each: journals hold them, and the same message must have the same for ever."""
    schema: dict[str, Any]

    @classmethod
    def of(cls, message_class: type[Message]) -> "Golden":
        """What today's code would have accepted."""
        example_message = example(message_class)
        envelope = example_envelope(message_class)
        return cls(
            worker=message_class.worker,
            key=message_class.key,
            about=list(message_class.about) if issubclass(message_class, Event) else None,
            personal=sorted(message_class.personal),
            headers={name: value.decode() for name, value in envelope.headers(f"/punchcard/{message_class.worker}")},
            bodies=[example_message.encoded().decode()],
            digests=[example_message.digest().hex()],
            schema=message_class.model_json_schema(),
        )

    @classmethod
    def read(cls, file: Path) -> "Golden":
        """What a file holds."""
        return cls(**json.loads(file.read_text(encoding="utf-8")))

    def written(self) -> str:
        """The text of its file."""
        return json.dumps(vars(self), indent=2, ensure_ascii=False, sort_keys=True) + "\n"


def file_of(name: str) -> Path:
    """Where the golden file of a message type stands."""
    return FOLDER / f"{name}.json"


def problems(golden: Golden, message_class: type[Message]) -> Iterator[str]:
    """Why today's code does not read, or does not mean, what was accepted; nothing where it does."""
    name = message_class.__name__
    today = (message_class.worker, message_class.key)
    if today != (golden.worker, golden.key):
        yield f"{name}: worker and key were {golden.worker}, {golden.key} and are {', '.join(today)}"
    if golden.about is not None and issubclass(message_class, Event) and list(message_class.about) != golden.about:
        yield f"{name}: was about {golden.about} and is about {list(message_class.about)}"
    for field in sorted(set(golden.personal) - message_class.personal):
        yield f"{name}.{field}: was personal and is not any more"
    yield from breaks(golden.schema, message_class.model_json_schema(), name)
    yield from _unread(golden, message_class)


def _unread(golden: Golden, message_class: type[Message]) -> Iterator[str]:
    name = message_class.__name__
    try:
        read_envelope([(header, value.encode()) for header, value in golden.headers.items()])
    except ValueError as problem:
        yield f"{name}: its golden headers are not read any more: {problem}"
    for body, digest in zip(golden.bodies, golden.digests, strict=True):
        try:
            message = read_body(message_class, body.encode())
        except ValueError as problem:
            yield f"{name}: a golden body is not read any more: {problem}"
            continue
        if message.digest().hex() != digest:
            yield f"{name}: a golden body has another digest: what is repeated would count as another message"
        again = json.loads(message.encoded())
        for field, value in json.loads(body).items():
            if field not in again or again[field] != value:
                yield f"{name}.{field}: a golden body says something else when it is read and written again"


def accept(name: str, message_class: type[Message], folder: Path = FOLDER) -> str:
    """Write or extend the golden file of a message type; says what it did.

    Raises:
        ValueError: today's code does not read what was accepted; the file stays as it is.
    """
    file = folder / f"{name}.json"
    today = Golden.of(message_class)
    if not file.exists():
        file.write_text(today.written(), encoding="utf-8")
        return "new"
    before = Golden.read(file)
    found = list(problems(before, message_class))
    if found:
        raise ValueError("\n".join(found))
    if before.schema == today.schema and before.personal == today.personal:
        return "unchanged"
    digests = dict(zip(before.bodies + today.bodies, before.digests + today.digests, strict=True))
    grown = {**vars(today), "bodies": list(digests), "digests": list(digests.values())}
    file.write_text(Golden(**grown).written(), encoding="utf-8")
    return "grown"
