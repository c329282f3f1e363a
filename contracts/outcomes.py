"""How an outcome is written whose events are JSON already."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from pydantic_core import to_json

from contracts.messages import Outcome


class Asked(NamedTuple):
    """What an outcome says of its command."""

    command_id: str
    command: str
    subject: str | None = None
    body_digest: bytes | None = None
    subjects: Sequence[str] = ()


def encode_ended(
    asked: Asked, outcome: Outcome, code: str | None, details: Mapping[str, Any], events: Iterable[tuple[str, bytes]]
) -> bytes:
    """The JSON of a `CommandEnded` whose events are JSON already: what `encoded()` would give, without parsing them."""
    head = to_json(
        {
            "command_id": asked.command_id,
            "command": asked.command,
            "subject": asked.subject,
            "body_digest": None if asked.body_digest is None else asked.body_digest.hex(),
            "outcome": outcome,
            "code": code,
            "details": details,
            "subjects": asked.subjects,
        }
    )
    said = b",".join([b'{"type":"%b","body":%b}' % (name.encode(), body) for name, body in events])
    return b'%b,"events":[%b]}' % (head[:-1], said)
