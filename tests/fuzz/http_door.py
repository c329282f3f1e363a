"""The HTTP doors: `python -m tests.fuzz.http_door`, a process of its own, prints what came back as one line of JSON."""

import asyncio
import json
import sys
import urllib.error
import urllib.request
from collections import Counter
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from random import Random
from typing import Any, Final
from urllib.parse import urlsplit

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from hypothesis.strategies import SearchStrategy
from schemathesis import Case, GenerationMode
from schemathesis.core.result import Ok

from tests.fuzz.http_raw import Answer, Wire, read_answer
from tests.fuzz.http_shots import Requests, nonsense

WIRES: Final = 8
NONSENSE_SECONDS: Final = 1.0
TOLD_TO: Final = frozenset({"/behaviour"})
"""What a stand-in does because it was told to misbehave is no fault of its own: nobody tells it."""
CASE_SECONDS: Final = 60
UNAVAILABLE: Final = 503
"""An honest answer, counted as an outcome: a server is away, try again."""


@dataclass
class Order:
    """What to attack, and how much."""

    name: str
    url: str
    prefix: str
    seed: int
    requests: int
    """Made by us."""
    cases: int
    """Made by schemathesis."""
    sockets: int
    """With what is no HTTP."""
    keys: list[str] = field(default_factory=list)


@dataclass
class Report:
    """What came back."""

    name: str
    sent: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    """Answers of 500 and more that no client should ever get."""
    unanswered: list[str] = field(default_factory=list)
    waiting: list[list[str]] = field(default_factory=list)
    """Commands that were taken and not finished then: the key that sent it, and where to ask."""
    not_attacked: list[str] = field(default_factory=list)
    """What the document names and no case, or none of a kind, was made of: the attack is not whole."""

    def note(self, kind: str, request: str, answer: Answer | None, key: str = "") -> None:
        """Take in one answer."""
        self.sent += 1
        if answer is None:
            self.outcomes[f"{kind}: no answer"] += 1
            self.unanswered.append(request[:300])
            return
        self.outcomes[f"{kind}: {answer.status}"] += 1
        if answer.status >= 500 and answer.status != UNAVAILABLE:
            self.faults.append(f"{answer.status} {answer.body[:200]!r} to {request[:300]}")
        if answer.status == 202 and "location" in answer.headers:
            self.waiting.append([key, answer.headers["location"]])


def attack(order: Order) -> Report:
    """Everything that is ordered."""
    report = Report(order.name)
    try:
        document = described(order.url, must_say=order.cases > 0)
    except ConnectionError:
        report.unanswered.append("/openapi.json")
        return report
    document["paths"] = {path: methods for path, methods in document["paths"].items() if path not in TOLD_TO}
    asyncio.run(_requests(order, document, report))
    asyncio.run(_sockets(order, report))
    if order.cases:
        _cases(order, document, report)
    return report


def described(url: str, *, must_say: bool) -> dict[str, Any]:
    """What a door says that it takes; one that needn't say has at least the addresses that tell whether it is well.

    Raises:
        urllib.error.HTTPError: it must say, and doesn't.
        ConnectionError: nobody is there.
    """
    try:
        with urllib.request.urlopen(url + "/openapi.json", timeout=30) as answer:
            found: dict[str, Any] = json.load(answer)
            return found
    except urllib.error.HTTPError as error:
        if must_say or error.code != HTTPStatus.NOT_FOUND:
            raise
        return {"paths": {path: {"get": {}} for path in ("/live", "/ready", "/metrics", "/")}}
    except urllib.error.URLError as error:
        raise ConnectionError(str(error)) from error


async def _requests(order: Order, document: dict[str, Any], report: Report) -> None:
    """Our own, over a few connections."""
    made = Requests(document, order.keys, order.prefix, Random(order.seed))
    place = urlsplit(order.url)
    left = order.requests

    async def one_by_one(wire: Wire) -> None:
        nonlocal left
        while left > 0:
            left -= 1
            request = made.next()
            answer = await wire.ask(request)
            key = request.partition(b"Authorization: Bearer ")[2].partition(b"\r\n")[0]
            report.note("request", request.decode("latin-1"), answer, key.decode("latin-1"))
        await wire.close()

    await asyncio.gather(*(one_by_one(Wire(place.hostname or "", place.port or 0)) for _ in range(WIRES)))


async def _sockets(order: Order, report: Report) -> None:
    """What is no HTTP: whatever comes back, or that the server hangs up, is right, as long as it is no 500."""
    random = Random(order.seed)
    place = urlsplit(order.url)

    async def one() -> str:
        try:
            reader, writer = await asyncio.open_connection(place.hostname, place.port)
        except OSError:
            return "refused to connect"
        try:
            writer.write(nonsense(random))
            answer = await asyncio.wait_for(read_answer(reader), NONSENSE_SECONDS)
        except TimeoutError:
            return "waited for the rest"
        except (OSError, ValueError, asyncio.IncompleteReadError):
            return "hung up"
        finally:
            writer.close()
        if answer is not None and answer.status >= 500:
            report.faults.append(f"{answer.status} to a socket")
        return "hung up" if answer is None else str(answer.status)

    for _ in range(0, order.sockets, WIRES):
        for outcome in await asyncio.gather(*(one() for _ in range(WIRES))):
            report.sent += 1
            report.outcomes[f"socket: {outcome}"] += 1
            if outcome == "refused to connect":
                report.unanswered.append("a socket")


def _cases(order: Order, document: dict[str, Any], report: Report) -> None:
    """What schemathesis makes of the document, valid and not; what it can't make anything of is noted."""
    results = list(schemathesis.openapi.from_dict(document).get_all_operations())
    found = [each.ok() for each in results if isinstance(each, Ok)]
    broken = [each.err() for each in results if not isinstance(each, Ok)]
    report.not_attacked += [f"{each.label}: {each}" for each in broken]
    each_time = max(1, order.cases // (2 * max(1, len(found))))
    session = requests.Session()
    for operation in found:
        skipped = [each.name or str(each.location) for each in operation.skipped_parameters]
        if skipped:
            report.not_attacked.append(f"{operation.label}: {', '.join(skipped)}")
        before = report.sent
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            try:
                _send_cases(operation.as_strategy(generation_mode=mode), each_time, order, session, report)
            except Unsatisfiable as error:
                takes_something = bool(operation.body) or any(operation.iter_parameters())
                if mode is GenerationMode.POSITIVE or takes_something:
                    report.not_attacked.append(f"{operation.label}, {mode.value}: {error}")
        if report.sent == before:
            report.not_attacked.append(f"{operation.label}: no case was sent")


def _send_cases(
    cases: SearchStrategy[Case[Any]], count: int, order: Order, session: requests.Session, report: Report
) -> None:
    """Send so many cases, each with another key.

    Raises:
        Unsatisfiable: there are none.
    """
    keys = [*order.keys, ""]

    @seed(order.seed)
    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    @given(case=cases)
    def send(case: Case[Any]) -> None:
        key = keys[report.sent % len(keys)]
        headers = {"Authorization": f"Bearer {key}", "Prefer": "respond-async"}
        try:
            answer = case.call(base_url=order.url, session=session, headers=headers, timeout=CASE_SECONDS)
        except (requests.RequestException, UnicodeError, ValueError) as error:
            _note_unsent(report, case, error)
            return
        known = {name.lower(): values[0] for name, values in answer.headers.items()}
        request = f"{case.method} {case.formatted_path}"
        report.note("case", request, Answer(answer.status_code, known, answer.content), key)

    send()


def _note_unsent(report: Report, case: Case[Any], error: Exception) -> None:
    """A case that the client itself refuses never reached the door; one that broke off did."""
    if isinstance(error, requests.ConnectionError | requests.Timeout):
        report.note("case", f"{case.method} {case.formatted_path} {type(error).__name__}", None)
    else:
        report.outcomes["case: not sendable"] += 1


def main(file: Path) -> None:
    """Attack what the orders in a file say, one after the other."""
    for raw in json.loads(file.read_text(encoding="utf-8")):
        print(json.dumps(vars(attack(Order(**raw)))), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
