"""Rights at the door: every route of the gateway by every kind of key, by keys with halves of all scopes, by none."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from contracts.catalogue import COMMANDS
from contracts.messages import ActorKind
from contracts.programme import Programme
from services.gateway.app import create_app
from services.gateway.examples import CARD, COUPON
from services.gateway.keys import Keys, create_key
from services.gateway.scopes import DEFAULT_SCOPES, KNOWN_SCOPES
from tests.contracts.golden.examples import example
from tests.decisions import VAULT
from tests.security.test_rights import PAGE
from tests.services.gateway import FakeEdge, FakeLibrary

OPEN = frozenset({"/live", "/ready", "/metrics"})
OWN = "/v1/commands/{id}"
"""What a caller sent itself: any key may ask, and learns of nothing else."""
SHUT = frozenset({401, 403})


@dataclass(frozen=True)
class Route:
    """One way in."""

    method: str
    path: str

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def url(self) -> str:
        known = {"member_id": "member-1", "card_number": CARD, "id": "019ab000-0000-7000-8000-000000000002"}
        known |= {"coupon_code": COUPON, "reward_id": "5c1f0f6a2b8e5d0c9a7e4f3b2a1d0c9e", "offer": "coffee"}
        known |= {"account_id": "account-1", "receipt_number": "17", "entry_id": "5c1f0f6a2b8e5d0c9a7e4f3b2a1d0c9e"}
        known |= {"call_id": "0b9c2f0f6a2b8e5d0c9a7e4f3b2a1d0c"}
        return self.path.format(**known)


class House:
    """The gateway with its doors, a key for each kind, and keys with halves of all scopes.

    Scopes are numbered, and for each binary digit of the number two keys have those with a 1 and those with a 0 there.
    Any two scopes differ in a digit, so no other scope opens what exactly the keys open that have one.
    """

    def __init__(
        self, client: httpx.AsyncClient, kinds: dict[ActorKind, str], halves: list[tuple[str, frozenset[str]]]
    ) -> None:
        self.client = client
        self.kinds = kinds
        self.halves = halves

    async def routes(self) -> list[Route]:
        document: dict[str, Any] = (await self.client.get("/openapi.json")).json()
        return [Route(method.upper(), path) for path, each in document["paths"].items() for method in each]

    async def knock(self, route: Route, key: str | None) -> int:
        """The status of a valid request."""
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        name = route.path.rpartition("/")[2]
        body: Any = None
        if route.method != "GET":
            body = {"card_number": CARD} if name not in COMMANDS else example(COMMANDS[name]).model_dump(mode="json")
        return (await self.client.request(route.method, route.url, headers=headers, json=body)).status_code

    async def is_opened_by(self, route: Route, scope: str) -> bool:
        """Whether this scope opens a route, alone, and no other does."""
        return all([(await self.knock(route, key) not in SHUT) is (scope in half) for key, half in self.halves])


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    file = tmp_path / "keys.yaml"
    kinds = {kind: create_key(file, f"kind-{kind.value}", kind) for kind in ActorKind}
    scopes = sorted(KNOWN_SCOPES)
    halves: list[tuple[str, frozenset[str]]] = []
    for digit in range((len(scopes) - 1).bit_length()):
        for side in (0, 1):
            half = frozenset(each for number, each in enumerate(scopes) if number >> digit & 1 == side)
            halves.append((create_key(file, f"half-{digit}-{side}", ActorKind.OPERATOR, sorted(half)), half))
    programme = Programme.read(Path("programme.yaml"))
    app = create_app(FakeEdge(), FakeLibrary(), Keys(file), programme, VAULT)  # type: ignore[arg-type]  # stands for a Library
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway") as client:
        yield House(client, kinds, halves)


def reads() -> dict[str, str]:
    """The scope of each read, as the table in docs/security.md says it to people."""
    lines = PAGE.read_text(encoding="utf-8").split("<!-- reads -->")[1].splitlines()
    rows = [line.strip("|").split("|") for line in lines if line.startswith("| `")]
    return {path.strip(" `"): scope.strip(" `") for path, scope in rows}


class TestEveryRoute:
    async def test_is_open_to_exactly_those_who_have_its_scope(self, house: House) -> None:
        known = reads()
        for route in await house.routes():
            if route.path in OPEN or route.path == OWN:
                continue
            scope = route.path.rpartition("/")[2] if route.name not in known else known[route.name]
            assert scope in KNOWN_SCOPES, route.name
            assert await house.is_opened_by(route, scope), route.name
            for kind, key in house.kinds.items():
                expected = scope in DEFAULT_SCOPES[kind]
                assert (await house.knock(route, key) not in SHUT) is expected, f"{route.name} by {kind}"

    async def test_is_shut_to_who_has_no_key_or_a_wrong_one(self, house: House) -> None:
        good = house.kinds[ActorKind.SYSTEM]
        wrong = good[:-1] + ("A" if good[-1] != "A" else "B")
        others = [None, "", wrong, good.upper(), good.replace("system", "pos"), "pk_nobody_" + "x" * 43, good + "x"]
        for route in await house.routes():
            for key in others:
                assert await house.knock(route, key) == (200 if route.path in OPEN else 401), f"{route.name} {key}"

    async def test_is_in_the_table(self, house: House) -> None:
        found = {each.name for each in await house.routes() if each.path not in OPEN and each.path != OWN}
        assert found == {f"POST /v1/commands/{name}" for name in COMMANDS} | reads().keys()

    async def test_who_asks_for_a_command_needs_a_key_and_no_scope(self, house: House) -> None:
        route = Route("GET", OWN)
        assert await house.knock(route, house.kinds[ActorKind.WORKER]) == 404
        assert await house.knock(route, None) == 401


class TestKinds:
    def test_have_no_scope_that_their_commands_would_refuse(self) -> None:
        for kind, scopes in DEFAULT_SCOPES.items():
            for name in scopes & COMMANDS.keys():
                assert kind in COMMANDS[name].actors, f"{kind} has the scope {name}, and no worker would do it"
