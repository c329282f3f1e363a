"""A gateway over an edge and a library that a test fills."""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx

from contracts.messages import Actor, Command, CommandEnded, Outcome, Said
from runtime.edge import Away as KafkaAway
from runtime.store import Away as MongoAway
from runtime.store import JournalRecord, Outgoing
from runtime.vault import NO_VAULT, Vault, digest_of
from services.gateway.app import Gateway
from services.gateway.examples import CARD

ISSUE = {"card_number": CARD}
BLOCK = {"card_number": CARD, "reason": "lost"}


@dataclass
class FakeEdge:
    """Says what a test wants to hear."""

    ready: bool = True
    is_away: bool = False
    is_slow: bool = False
    """Takes its time with commands."""
    outcome: Outcome | None = Outcome.DONE
    code: str | None = None
    body_digest: str | None = None
    """Of which body the outcome is; says nothing of it as long as a test doesn't."""
    sent: list[tuple[Command, str, Actor]] = field(default_factory=list)
    is_deaf: bool = False
    misses: int = 0
    waited: list[float] = field(default_factory=list)
    traceparents: list[str | None] = field(default_factory=list)

    def missed(self, asked_at: float) -> None:
        self.misses += 1

    async def ask(
        self, command: Command, *, id: str, actor: Actor, wait_seconds: float, **more: Any
    ) -> CommandEnded | None:
        self.waited.append(wait_seconds)
        self.traceparents.append(more.get("traceparent"))
        await self.submit(command, id=id, actor=actor)
        if self.outcome is None:
            return None
        outcome = ended_as(id, type(command).__name__, self.outcome, self.code)
        return outcome.model_copy(update={"body_digest": self.body_digest})

    async def submit(self, command: Command, *, id: str, actor: Actor, **_: Any) -> None:
        if self.is_away:
            raise KafkaAway("away")
        if self.is_slow:
            await asyncio.sleep(0.05)
        self.sent.append((command, id, actor))


def ended_as(command_id: str, command: str, outcome: Outcome, code: str | None = None) -> CommandEnded:
    said = (Said(type="CardIssued", body={"card_number": CARD}),) if outcome is Outcome.DONE else ()
    details = {"state": "blocked"} if outcome is Outcome.REFUSED else {}
    return CommandEnded(
        command_id=command_id, command=command, outcome=outcome, code=code, details=dict(details), events=said
    )


class FakeReader:
    def __init__(self, library: "FakeLibrary", worker: str) -> None:
        self._library = library
        self._worker = worker

    async def journal(self, command_id: str) -> JournalRecord | None:
        if self._library.is_away:
            raise MongoAway("away")
        return self._library.journals.get((self._worker, command_id))

    async def get(self, document_class: type[Any], document_id: str) -> Any:
        if self._library.is_away:
            raise MongoAway("away")
        return None

    async def find(self, document_class: type[Any], *_: Any, **__: Any) -> list[Any]:
        return []

    async def distinct(self, *_: Any) -> list[Any]:
        return []

    async def aggregate(self, *_: Any) -> list[Any]:
        return []


@dataclass
class FakeLibrary:
    """Journals that a test writes."""

    is_away: bool = False
    journals: dict[tuple[str, str], JournalRecord] = field(default_factory=dict)
    vault: Vault = NO_VAULT

    def worker(self, name: str) -> Any:
        return FakeReader(self, name)

    async def ping(self) -> None:
        if self.is_away:
            raise MongoAway("away")

    def keep(self, command: Command, command_id: str, actor: Actor) -> None:
        name = type(command).__name__
        ended = ended_as(command_id, name, Outcome.DONE)
        self.journals[command.worker, command_id] = JournalRecord(
            id=command_id,
            type=name,
            digest=digest_of(command, self.vault),
            actor=actor,
            outcome=Outcome.DONE,
            at=datetime.now(UTC),
            result=Outgoing("results", None, ended.encoded(), []),
            messages=(),
        )


@dataclass
class Door:
    """A gateway, who knocks, and what stands behind it."""

    edge: FakeEdge
    library: FakeLibrary
    app: Gateway
    client: httpx.AsyncClient
    keys: dict[str, dict[str, str]]

    async def post(self, command: str, body: Any = None, by: str = "desk", **headers: str) -> httpx.Response:
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        content = {"content": body} if isinstance(body, bytes | str) else {"json": body}
        sent = {**self.keys[by], "Content-Type": "application/json", **names}
        return await self.client.post(f"/v1/commands/{command}", headers=sent, **content)

    async def get(self, path: str, by: str = "desk") -> httpx.Response:
        return await self.client.get(path, headers=self.keys[by])
