"""Problems: what a caller is told when something is wrong (RFC 9457), never with the values that it sent."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from http import HTTPStatus
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails, to_json

PROBLEM_JSON: Final = b"application/problem+json"
MOST_PROBLEMS: Final = 50
"""How many broken rules one answer lists."""
LONGEST_NAME: Final = 100
"""How much of a field's name an answer repeats: an unknown field's name is the caller's text."""

LACKS_A_RIGHT: Final = frozenset(
    {"scope_missing", "office_only", "call_missing", "call_not_open", "consent_to_look_missing"}
)
"""What people are refused for who lack a right, and so is noted; that something isn't there is none of it."""


class Problem(Exception):
    """Something that an HTTP request can't have: a status, a code for programs, a sentence for people."""

    def __init__(
        self,
        status: HTTPStatus,
        code: str,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        **members: Any,
    ) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.detail = detail
        self.headers = headers or {}
        self.members = members

    def encoded(self) -> bytes:
        """The problem as JSON."""
        return to_json(
            {
                "type": f"urn:punchcard:problem:{self.code}",
                "title": self.status.phrase,
                "status": self.status.value,
                "code": self.code,
                "detail": self.detail,
                **self.members,
            }
        )


def invalid(error: ValidationError, personal: AbstractSet[str] = frozenset(), *, within: str | None = None) -> Problem:
    """The answer to input that broke rules: every field with its rule, or that it is no JSON at all.

    Within a personal field no names are repeated: a member's answers are an object, and anything can be a name in it.
    `within` says of what the fields are, where there are others: `body.phone`, beside `query.limit`.
    """
    broken = error.errors(include_url=False, include_input=False)
    for each in broken:
        if each["loc"] and each["loc"][0] in personal:
            each["loc"] = (each["loc"][0], *(part for part in each["loc"][1:] if isinstance(part, int)))
    if broken[0]["type"] == "json_invalid":
        where = broken[0]["msg"].removeprefix("Invalid JSON: ")
        return Problem(HTTPStatus.BAD_REQUEST, "malformed_json", f"The body is not valid JSON: {where}.")
    if within is not None:
        for each in broken:
            each["loc"] = (within, *each["loc"])
    return invalid_fields(broken)


def invalid_fields(broken: Sequence[Any]) -> Problem:
    """The answer to fields that broke rules, as pydantic lists them."""
    problems = [{"field": field_of(each), "rule": rule_of(each)} for each in broken[:MOST_PROBLEMS]]
    first = problems[0]
    more = f" (and {len(broken) - 1} more)" if len(broken) > 1 else ""
    return Problem(
        HTTPStatus.UNPROCESSABLE_ENTITY, "invalid", f"{first['field']}: {first['rule']}{more}", problems=problems
    )


def bug() -> Problem:
    """The answer when we are at fault and don't know yet how."""
    detail = "Something is wrong on our side; it was noted."
    return Problem(HTTPStatus.INTERNAL_SERVER_ERROR, "bug", detail)


def field_of(problem: ErrorDetails) -> str:
    """Where a broken rule stands: `lines.2.quantity`, or `body` for the whole."""
    return ".".join(str(part)[:LONGEST_NAME] for part in problem["loc"]) or "body"


def rule_of(problem: ErrorDetails) -> str:
    """The rule that was broken, without the value that broke it."""
    if problem["type"] == "extra_forbidden":
        return "is not a field of this message"
    if problem["type"] == "missing":
        return "is required"
    if problem["type"] == "too_short":  # pydantic's own text speaks of tuples and of validation
        return f"at least {problem['ctx']['min_length']} required"
    if problem["type"] == "too_long":
        return f"at most {problem['ctx']['max_length']} allowed"
    if problem["type"] == "union_tag_invalid":  # pydantic's own text repeats the tag that was sent
        return f"must be one of {problem['ctx']['expected_tags']}"
    return problem["msg"].removeprefix("Value error, ")
