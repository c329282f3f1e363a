"""How an outcome is written whose events are JSON already."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic_core import to_json

from contracts.messages import Outcome


def encode_ended(
    command_id: str,
    command: str,
    subject: str | None,
    outcome: Outcome,
    code: str | None,
    details: Mapping[str, Any],
    events: Iterable[tuple[str, bytes]],
    subjects: Sequence[str] = (),
) -> bytes:
    """The JSON of a `CommandEnded` whose events are JSON already: what `encoded()` would give, without parsing them."""
    head = to_json(
        {
            "command_id": command_id,
            "command": command,
            "subject": subject,
            "outcome": outcome,
            "code": code,
            "details": details,
            "subjects": subjects,
        }
    )
    said = b",".join([b'{"type":"%b","body":%b}' % (name.encode(), body) for name, body in events])
    return b'%b,"events":[%b]}' % (head[:-1], said)
