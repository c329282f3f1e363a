"""The OpenAPI document: what FastAPI knows of the reads, and a path for every command, out of its contract class."""

from collections.abc import Mapping
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from contracts.catalogue import COMMANDS
from contracts.messages import Command
from runtime.settings import Settings
from services.gateway.answers import PATH
from services.gateway.asgi import LARGEST_BODY_BYTES
from services.gateway.calls import HEADER
from services.gateway.examples import EXAMPLES
from services.gateway.preferences import DEFAULT_WAIT_SECONDS, LONGEST_WAIT_SECONDS
from services.gateway.scopes import BEYOND, OURS
from services.gateway.search_shapes import Search

Described = dict[str, Any]

DAYS: Final[float] = Settings.model_fields["journal_days"].default
_REF: Final = "#/components/schemas/{model}"
_SAID: Final[Described] = {
    "type": "object",
    "description": "What happened because of it; what is personal is left out.",
    "required": ["type", "body"],
    "properties": {"type": {"type": "string", "example": "CardBlocked"}, "body": {"type": "object"}},
}
_COMMAND: Final[Described] = {
    "type": "object",
    "required": ["id", "type", "status"],
    "properties": {
        "id": {"type": "string", "format": "uuid"},
        "type": {"type": "string"},
        "status": {"enum": ["pending", "done", "refused", "failed"]},
        "events": {"type": "array", "items": _SAID},
        "code": {"type": "string", "description": "Why it was refused or failed."},
        "text": {"type": "string", "description": "A refusal in words for an operator."},
        "details": {"type": "object", "description": "The facts that explain it; none is personal."},
    },
}
_PROBLEM: Final[Described] = {
    "type": "object",
    "description": "A problem (RFC 9457).",
    "required": ["type", "title", "status", "code", "detail"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string", "description": "For programs; stays as it is."},
        "detail": {"type": "string", "description": "For people."},
        "id": {"type": "string", "format": "uuid", "description": "The command's id, where there is one."},
        "details": {"type": "object", "description": "Of a refusal: the facts that explain it."},
        "problems": {
            "type": "array",
            "description": "Of an invalid body: every field with the rule that it breaks.",
            "items": {
                "type": "object",
                "required": ["field", "rule"],
                "properties": {"field": {"type": "string"}, "rule": {"type": "string"}},
            },
        },
    },
}
_PROBLEMS: Final = {
    "400": "The body is no JSON, or the Idempotency-Key or Punchcard-Call breaks its rule.",
    "401": "No API key, or one that isn't known.",
    "403": "The key lacks the scope.",
    "404": "Not there.",
    "409": "Refused: the rules say no; `code` and `detail` say why. `call_missing`, `call_not_open`: operators do "
    "this in an open call of theirs.",
    "413": f"The body is larger than {LARGEST_BODY_BYTES} bytes.",
    "415": "The body is not application/json.",
    "422": "Fields break rules, each is listed; or the Idempotency-Key stands for a command with another body.",
    "500": "The command failed, or the gateway did: a bug of ours.",
    "503": "Kafka or MongoDB is away; try again with the same Idempotency-Key.",
}
_OF_READS: Final = _PROBLEMS | {
    "400": "The Punchcard-Call is no call's id, or a body no JSON.",
    "409": "`call_missing`, `call_not_open`: operators look in an open call of theirs. `consent_to_look_missing`: "
    "once its caller agreed.",
    "422": "Fields break rules; each is listed.",
    "503": "Kafka or MongoDB is away; try again.",
}
_CALL: Final[Described] = {
    "name": HEADER,
    "in": "header",
    "description": "The call in which an operator does this; of others it is ignored. Where the programme says "
    "`registration.calls.is_required`, operators touch and see members in a call alone.",
    "schema": {"type": "string", "pattern": "^[0-9a-f]{32}$"},
    "example": "0b9c2f0f6a2b8e5d0c9a7e4f3b2a1d0c",
}
_HEADERS: Final[list[Described]] = [
    {
        "name": "Idempotency-Key",
        "in": "header",
        "description": "Makes a retry safe: the same key and body have one effect and one answer. "
        "Keys are your own, for each type of command. For as long as commands are remembered "
        f"({DAYS:g} days, unless PUNCHCARD_JOURNAL_DAYS says otherwise) a key with another body is refused. Never use "
        "it again after that either: what was made under it still stands, so it is refused then, too (409, "
        "`id_used_before`), or, where the first command made nothing that is kept under its id, done once more.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[\\x21-\\x7e]+$"},
        "example": "till-7-2026-11-22-000123",
    },
    {
        "name": "Prefer",
        "in": "header",
        "description": f"`wait=N`: seconds to wait for the answer (RFC 7240), {DEFAULT_WAIT_SECONDS:.0f} by default, "
        f"{LONGEST_WAIT_SECONDS:.0f} at most; `respond-async` doesn't wait.",
        "schema": {"type": "string"},
        "example": "wait=5",
    },
    _CALL,
]


def described(rest: FastAPI) -> Described:
    """The whole OpenAPI document."""
    document = get_openapi(
        title=rest.title,
        version=rest.version,
        summary=rest.summary,
        description="Commands change something and are answered with what happened; reads show what is.",
        routes=rest.routes,
    )
    schemas: Described = document.setdefault("components", {}).setdefault("schemas", {})
    _describe_reads(document["paths"])
    for name, command_class in COMMANDS.items():
        document["paths"][PATH + name] = {"post": _command(name, command_class, schemas)}
    document["paths"][PATH + "{id}"] = {"get": _ask_again()}
    schemas |= {"Command": _COMMAND, "Problem": _PROBLEM, "Search": Search.model_json_schema(ref_template=_REF)}
    for stale in ("HTTPValidationError", "ValidationError"):  # FastAPI's own errors, which nobody gets here
        schemas.pop(stale, None)
    document["components"]["securitySchemes"] = {
        "key": {"type": "http", "scheme": "bearer", "bearerFormat": "pk_<id>_<secret>"}
    }
    return document


def _describe_reads(paths: Described) -> None:
    for path, operations in paths.items():
        if not path.startswith("/v1/"):
            continue
        for operation in operations.values():
            operation["security"] = [{"key": []}]
            operation["responses"].pop("422", None)
            operation["parameters"] = [*operation.get("parameters", ()), _CALL]
            operation["responses"] |= _problems("400", "401", "403", "404", "409", "422", "503", texts=_OF_READS)
            if "requestBody" in operation:
                operation["responses"] |= _problems("413", "415")


def _command(name: str, command_class: type[Command], schemas: Described) -> Described:
    schema = command_class.model_json_schema(ref_template=_REF)
    schemas |= schema.pop("$defs", {})
    if "proof" in command_class.model_fields:
        schema = _with_password(schema)
    schemas[name] = {**schema, "additionalProperties": False}
    body: Described = {"schema": {"$ref": _REF.format(model=name)}}
    if name in EXAMPLES:
        body["example"] = EXAMPLES[name]
    note = " Said by Punchcard's own processes." if name in OURS else BEYOND.get(name, "")
    return {
        "tags": [command_class.worker],
        "operationId": name,
        "summary": (command_class.__doc__ or name).partition("\n")[0],
        "description": f"Needs the scope `{name}`.{note}",
        "security": [{"key": []}],
        "parameters": _HEADERS,
        "requestBody": {"required": True, "content": {"application/json": body}},
        "responses": {
            "200": _answer("Done: the events say what happened."),
            "202": {
                **_answer("Not finished in time; ask again at `Location`."),
                "headers": {
                    "Location": {"schema": {"type": "string"}},
                    "Retry-After": {"schema": {"type": "integer"}},
                },
            },
            **_problems(*(set(_PROBLEMS) - {"404"})),
        },
    }


def _with_password(schema: Described) -> Described:
    """Callers send a password, and the gateway makes the proof of it; one who makes it themselves sends that."""
    made = {"proof", "salt", "terms"}
    password = {"type": "string", "description": "Instead of proof, salt and terms, which are made of it."}
    return {
        **schema,
        "properties": {**schema["properties"], "password": password},
        "required": [name for name in schema["required"] if name not in made],
    }


def _ask_again() -> Described:
    return {
        "tags": ["commands"],
        "operationId": "command_by_id",
        "summary": "How a command ended that you sent; nobody else can ask for it.",
        "security": [{"key": []}],
        "parameters": [{"name": "id", "in": "path", "required": True, "schema": {"type": "string", "format": "uuid"}}],
        "responses": {
            "200": _answer("It ended: done, refused or failed."),
            "202": _answer("It waits."),
            **_problems("401", "404", "503"),
        },
    }


def _answer(description: str) -> Described:
    return {
        "description": description,
        "content": {"application/json": {"schema": {"$ref": _REF.format(model="Command")}}},
    }


def _problems(*statuses: str, texts: Mapping[str, str] = _PROBLEMS) -> Mapping[str, Described]:
    content = {"application/problem+json": {"schema": {"$ref": _REF.format(model="Problem")}}}
    return {status: {"description": texts[status], "content": content} for status in sorted(statuses)}
