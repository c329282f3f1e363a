"""The gateway as a process: it never stays away for good, and notes the last looks before it leaves."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, Self

import httpx
import pytest

from contracts.audit import RecordLook
from contracts.messages import ActorKind
from runtime.edge import Away
from runtime.settings import Settings
from services.gateway import server
from services.gateway.examples import CARD
from services.gateway.keys import create_key
from services.gateway.server import LastingEdge, running
from tests.runtime.machine import until
from tests.services.gateway import FakeEdge, FakeLibrary


class Opened(FakeEdge):
    """An edge that is opened and closed, and may fail at either."""

    def __init__(self, at_opening: Exception | None = None, at_closing: Exception | None = None) -> None:
        super().__init__()
        self.at_opening = at_opening
        self.at_closing = at_closing

    async def __aenter__(self) -> Self:
        if self.at_opening is not None:
            raise self.at_opening
        return self

    async def __aexit__(self, *_: object) -> None:
        if self.at_closing is not None:
            raise self.at_closing


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "RETRY_SECONDS", 0.001)


@contextlib.asynccontextmanager
async def holding(monkeypatch: pytest.MonkeyPatch, edges: list[Opened]) -> AsyncIterator[LastingEdge]:
    """A lasting edge that opens these, one after the other."""
    coming: Callable[..., Any] = lambda *_, **__: edges.pop(0)  # noqa: E731  # stands for a class
    monkeypatch.setattr(server, "Edge", coming)
    lasting = LastingEdge(Settings())
    task = asyncio.create_task(lasting.hold())
    try:
        yield lasting
    finally:
        task.cancel()
        await asyncio.wait({task})


class TestLastingEdge:
    async def test_opens_anew_after_whatever_happened(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        lost = Opened(at_closing=RuntimeError("SECRET"))
        lost.ready = False
        edges = [Opened(at_opening=Away("no")), Opened(at_opening=AssertionError("SECRET")), lost, Opened()]

        async with holding(monkeypatch, edges) as lasting:
            await until(lambda: lasting.ready and not edges, "ready")

        said = "".join(capsys.readouterr())
        assert said.count("gateway_lost_kafka") == 2
        assert "AssertionError" in said
        assert "RuntimeError" in said
        assert "SECRET" not in said

    async def test_opens_anew_when_it_is_deaf(self, monkeypatch: pytest.MonkeyPatch) -> None:
        deaf, next_one = Opened(), Opened()
        edges = [deaf, next_one]

        async with holding(monkeypatch, edges) as lasting:
            await until(lambda: lasting.ready, "ready")
            lasting.missed(0.0)
            deaf.is_deaf = True
            await until(lambda: lasting.ready and not edges, "ready again")
            lasting.missed(0.0)

        assert (deaf.misses, next_one.misses) == (1, 1)

    async def test_ends_when_it_is_cancelled(self, monkeypatch: pytest.MonkeyPatch) -> None:
        async with holding(monkeypatch, [Opened()]) as lasting:
            await until(lambda: lasting.ready, "ready")

        assert not lasting.ready


class Shelf(FakeLibrary):
    """A library that can be closed."""

    def close(self) -> None:
        """Nothing is open."""


async def test_the_last_looks_are_noted_before_it_leaves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(gateway_port=0, keys_file=tmp_path / "keys.yaml")
    key = create_key(settings.keys_file, "desk", ActorKind.OPERATOR)
    edge = Opened()
    edge.is_slow = True
    monkeypatch.setattr(server, "Edge", lambda *_, **__: edge)
    monkeypatch.setattr(server, "Library", lambda _: Shelf())

    async with running(settings) as gateway:
        await until(lambda: gateway.edge.ready, "ready")
        async with httpx.AsyncClient(base_url=gateway.url, headers={"Authorization": f"Bearer {key}"}) as client:
            answer = await client.post("/v1/members/search", json={"card_number": CARD})

    assert answer.status_code == 200
    assert [look for look, _, _ in edge.sent] == [
        RecordLook(subject="nobody", what="search", by=("card_number",), hits=0)
    ]
