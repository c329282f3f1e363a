"""Answers: how a command's end is put for the one who sent it."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from pydantic_core import to_json

from contracts.messages import CommandEnded, Outcome
from contracts.refusals import text_of
from services.gateway.problems import Problem

PATH: Final = "/v1/commands/"
AGAIN_SECONDS: Final = 1
"""When to ask again for what isn't finished, or to try again what can't be taken now."""

Answer = tuple[int, bytes, Mapping[str, str]]


def done_or_problem(ended: CommandEnded, headers: Mapping[str, str]) -> Answer:
    """The answer to a command that ended.

    Raises:
        Problem: 409, it was refused; 500, it failed, which is a bug of ours and never the caller's fault.
    """
    if ended.outcome is Outcome.DONE:
        return HTTPStatus.OK, shown(ended), headers
    code = ended.code or "failed"
    members = {"id": ended.command_id, "command": ended.command, "details": ended.details}
    if ended.outcome is Outcome.REFUSED:
        raise Problem(HTTPStatus.CONFLICT, code, text_of(code, dict(ended.details)), headers=headers, **members)
    detail = "The command could not be processed; it was put aside for the people who run the platform."
    raise Problem(HTTPStatus.INTERNAL_SERVER_ERROR, code, detail, headers=headers, **members)


def shown(ended: CommandEnded) -> bytes:
    """How a command ended, as JSON: its outcome, what happened because of it, or why nothing did."""
    content: dict[str, Any] = {
        "id": ended.command_id,
        "type": ended.command,
        "status": ended.outcome,
        "events": ended.events,
    }
    if ended.code is not None:
        content |= {"code": ended.code, "details": ended.details}
    if ended.outcome is Outcome.REFUSED and ended.code is not None:
        content["text"] = text_of(ended.code, dict(ended.details))
    return to_json(content)


def pending(command_id: str, command: str, headers: Mapping[str, str]) -> Answer:
    """The answer while a command isn't finished: where to ask, and when."""
    content = to_json({"id": command_id, "type": command, "status": "pending"})
    more = {"Location": PATH + command_id, "Retry-After": str(AGAIN_SECONDS)}
    return HTTPStatus.ACCEPTED, content, {**headers, **more}


def reused(command_id: str) -> Problem:
    """The answer to a second command under the key of a first one."""
    detail = "This Idempotency-Key stands for a command with another body; take a new key."
    return Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "idempotency_key_reused", detail, id=command_id)


def unavailable(command_id: str | None = None) -> Problem:
    """The answer while Kafka or MongoDB can't be reached."""
    detail = "Not available now. Try again with the same Idempotency-Key: it is done once, however often it is sent."
    members = {} if command_id is None else {"id": command_id}
    headers = {"Retry-After": str(AGAIN_SECONDS)}
    return Problem(HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", detail, headers=headers, **members)


def unknown_command() -> Problem:
    """The answer to an id that isn't there, or is somebody else's."""
    detail = "No command of yours with this id has ended, and none that was sent through this gateway waits."
    return Problem(HTTPStatus.NOT_FOUND, "unknown_command", detail)
