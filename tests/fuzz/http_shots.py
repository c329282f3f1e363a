"""HTTP requests at everything that an OpenAPI document names: valid ones spoilt, and what is no HTTP at all."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Final
from urllib.parse import quote, quote_from_bytes

from tests.fuzz import mutations
from tests.fuzz.absurdities import ABSURD_IDS, ABSURD_TEXTS, ABSURD_TIMES
from tests.fuzz.filling import Filler
from tests.fuzz.mutations import MUTATIONS
from tests.fuzz.shots import MESSAGES, Shot, Valid

BODY_MUTATIONS: Final = tuple(
    each
    for each in MUTATIONS
    if each
    not in {
        mutations.loses_headers,
        mutations.doubles_headers,
        mutations.spoils_headers,
        mutations.crowds_headers,
        mutations.sets_absurd_envelopes,
        mutations.claims_another_type,
        mutations.changes_the_key,
        mutations.goes_astray,
        mutations.lies_about_time,
    }
)
TYPES: Final = (
    b"text/plain",
    b"application/xml",
    b"",
    b"application/json;charset=utf-16",
    b"application/json\xff",
    b"a" * 5_000,
)
ABSURD_HEADERS: Final = (
    *(b"Idempotency-Key: ", b"Idempotency-Key: \xff\xfe", b"Idempotency-Key: " + b"k" * 201, b"Prefer: wait=999999999"),
    *(b"Prefer: wait=-1, respond-async", b"traceparent: 00-zz", b"Content-Encoding: gzip", b"Accept: nothing/at-all"),
    *(
        b"Content-Length: 5",
        b"Transfer-Encoding: chunked",
        b"Expect: 100-continue",
        b"Host: other",
        b"X: " + b"y" * 9_000,
    ),
    *(
        b"Authorization: Basic eDp5",
        b"Authorization: Bearer \x00",
        b"Range: bytes=0-1",
        b"Cookie: a=b; a=c",
        b"Upgrade: h2c",
    ),
)


@dataclass(frozen=True, slots=True)
class Operation:
    """Something that a door takes."""

    method: str
    path: str
    body: Mapping[str, Any] | None
    """The schema of its body, if it has one."""
    parameters: tuple[Mapping[str, Any], ...]

    @property
    def message(self) -> str | None:
        """The message that its body is, if it is one."""
        name = str((self.body or {}).get("$ref", "")).rpartition("/")[2]
        return name if name in MESSAGES else None


def operations(document: Mapping[str, Any]) -> list[Operation]:
    """Everything that an OpenAPI document names."""
    return [
        Operation(method.upper(), path, _body_of(operation), tuple(operation.get("parameters", ())))
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


def _body_of(operation: Mapping[str, Any]) -> Mapping[str, Any] | None:
    found: Mapping[str, Any] | None = (
        operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    )
    return found


class Requests:
    """Makes requests for all that an OpenAPI document names."""

    def __init__(self, document: Mapping[str, Any], keys: Sequence[str], prefix: str, random: Random) -> None:
        self._operations = operations(document)
        self._keys = [*keys, "", "pk_x_y", "pk_fuzz-pos_" + "A" * 43]
        self._random = random
        self._valid = Valid(prefix, random)
        self._filler = Filler(document, random)

    def next(self) -> bytes:
        """A request, well formed as far as HTTP goes (but for the headers that it carries now and then)."""
        random = self._random
        operation = random.choice(self._operations)
        method = (
            operation.method if random.random() < 0.97 else random.choice(("PUT", "DELETE", "PATCH", "OPTIONS", "BREW"))
        )
        body = self._body(operation)
        headers = [b"Host: fuzz", b"Content-Length: %d" % len(body)]
        if body:
            headers.append(
                b"Content-Type: " + (random.choice(TYPES) if random.random() < 0.05 else b"application/json")
            )
        if random.random() < 0.95:
            headers.append(b"Authorization: Bearer " + random.choice(self._keys).encode())
        headers.append(b"Prefer: " + (b"wait=1" if random.random() < 0.03 else b"respond-async"))
        if random.random() < 0.3:
            headers.append(b"Idempotency-Key: key-%d" % random.randrange(500))
        if random.random() < 0.1:
            headers.append(random.choice(ABSURD_HEADERS))
        target = self._target(operation).encode()
        return b"%b %b HTTP/1.1\r\n%b\r\n\r\n%b" % (method.encode(), target, b"\r\n".join(headers), body)

    def _target(self, operation: Operation) -> str:
        random = self._random
        path, query = operation.path, []
        for parameter in operation.parameters:
            if parameter["in"] == "path":
                path = path.replace("{" + parameter["name"] + "}", self._segment(parameter))
            elif parameter["in"] == "query" and random.random() < 0.6:
                absurd = random.choice(
                    (*ABSURD_TEXTS, *ABSURD_TIMES, *(f"{each}|x" for each in ABSURD_TIMES), "1", "500", "501")
                )
                value = self._parameter(parameter) if random.random() < 0.5 else absurd
                query.append(f"{parameter['name']}={quote(value, safe='', errors='replace')[:3_000]}")
        if random.random() < 0.03:
            path += random.choice(("/", "//", "/..", "/%00", "/%ff%fe", "?", ";x=y", "/" + "a" * 4_000))
        return path + ("?" + "&".join(query) if query else "")

    def _parameter(self, parameter: Mapping[str, Any]) -> str:
        return str(self._filler.value(parameter.get("schema", {}), parameter["name"]))

    def _segment(self, parameter: Mapping[str, Any]) -> str:
        random = self._random
        kind = random.randrange(4)
        if kind < 2:
            return quote(self._parameter(parameter), safe="", errors="replace") or "%20"
        if kind == 2:
            return quote_from_bytes(random.randbytes(random.choice((1, 8, 40))), safe="")
        return quote(random.choice(ABSURD_IDS)[:2_000], safe="", errors="replace") or "%20"

    def _body(self, operation: Operation) -> bytes:
        """What its schema describes, spoilt; a message mostly as the contracts have it, which is right more often."""
        random = self._random
        if operation.body is None:
            return b"" if random.random() < 0.95 else random.randbytes(30)
        if operation.message is not None and random.random() < 0.9:
            shot = self._valid.shot(operation.message)
        else:
            shot = Shot("", None, json.dumps(self._filler.value(operation.body)).encode(), [])
        for _ in range(random.choice((0, 1, 1, 1, 2))):
            random.choice(BODY_MUTATIONS)(random, shot)
        return shot.value or b""


def nonsense(random: Random) -> bytes:
    """Bytes that are no HTTP, or hardly."""
    get = b"GET /live HTTP/1.1\r\nHost: x\r\n"
    post = b"POST /v1/commands/IssueCard HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    return random.choice(
        (
            random.randbytes(random.choice((1, 16, 4_000))),
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + random.randbytes(200),
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            b"GET / HTTP/9.9\r\n\r\n",
            b"GET  /live HTTP/1.1\r\n\r\n",
            get + b"\x00: y\r\n\r\n",
            get + b"X" * 200_000 + b": y\r\n\r\n",
            get + b"".join(b"X-%d: y\r\n" % number for number in range(20_000)) + b"\r\n",
            b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n",
            post + b"Content-Length: -1\r\n\r\n{}",
            post + b"Content-Length: 99999999999999999999\r\n\r\n{}",
            post + b"Content-Length: 10\r\nContent-Length: 2\r\n\r\n{}",
            post + b"Transfer-Encoding: chunked\r\n\r\nZZ\r\n{}\r\n0\r\n\r\n",
            post + b"Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
            post + b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n{}",
            post + b"Content-Length: 400000\r\n\r\n" + b"{" * 400_000,
            get + get + b"\r\n",
            (get + b"\r\n") * 50,
            post + b"Content-Length: 500\r\n\r\n{",
            b"\r\n" * 1_000,
            b"CONNECT x:1 HTTP/1.1\r\n\r\n",
            b"GET http://other/v1 HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
        )
    )
