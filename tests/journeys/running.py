"""All of Punchcard in one process, for journeys: workers, gateway and SMS stand-in, on the servers of the test."""

import asyncio
import contextlib
import importlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx
import uvicorn

from contracts.messages import WORKERS, ActorKind
from contracts.programme import Programme
from runtime.local import free_port
from runtime.serve import Process
from runtime.settings import Settings
from services.gateway.keys import create_key
from services.gateway.server import running
from services.sms_standin.app import create_app as create_standin
from tests.mailbox import Mailbox, listening

T = TypeVar("T")
PATIENCE_SECONDS = 30.0


@dataclass
class Punchcard:
    """What a journey talks to: the gateway as each kind of caller, the phone network, and where emails come."""

    url: str
    sms: httpx.AsyncClient
    mailbox: Mailbox
    callers: dict[ActorKind, httpx.AsyncClient]
    processes: list[Process]

    def dead_letters(self) -> dict[str, float]:
        """How many messages each worker could not process; only those that buried some."""
        counts = {
            name: process.telemetry.registry.get_sample_value("punchcard_dead_letters_total") or 0.0
            for name, process in zip(WORKERS, self.processes, strict=True)
        }
        return {name: count for name, count in counts.items() if count}

    async def say(self, by: ActorKind, command: str, key: str | None = None, **body: Any) -> httpx.Response:
        """Send a command and wait for its end."""
        headers = {"Prefer": "wait=20"} | ({} if key is None else {"Idempotency-Key": key})
        return await self.callers[by].post(f"/v1/commands/{command}", json=body, headers=headers)

    async def done(self, by: ActorKind, command: str, key: str | None = None, **body: Any) -> dict[str, dict[str, Any]]:
        """Send a command that must be done; its events by type."""
        answer = await self.say(by, command, key, **body)
        assert answer.status_code == 200, f"{command}: {answer.status_code} {answer.text}"
        return {event["type"]: event["body"] for event in answer.json()["events"]}

    async def read(self, by: ActorKind, path: str) -> Any:
        """Read what must be there."""
        answer = await self.callers[by].get(path)
        assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text}"
        return answer.json()


async def eventually(
    ask: Callable[[], Awaitable[T]], is_so: Callable[[T], bool], what: str, every_seconds: float = 0.05
) -> T:
    """Ask until it is so: what one worker did is known to the others a little later."""
    end = time.monotonic() + PATIENCE_SECONDS
    while True:
        found = await ask()
        if is_so(found):
            return found
        assert time.monotonic() < end, f"{what} did not come to be: {found}"
        await asyncio.sleep(every_seconds)


@contextlib.asynccontextmanager
async def everything(settings: Settings) -> AsyncIterator[Punchcard]:
    """Punchcard, whole and ready."""
    port = free_port()
    settings = settings.model_copy(update={"sms_port": port, "sms_url": f"http://{settings.host}:{port}"})
    programme = Programme.read(settings.programme_file)
    mailbox = Mailbox(port=free_port())
    settings = settings.model_copy(
        update={"smtp_host": "127.0.0.1", "smtp_port": mailbox.port, "smtp_security": "none"}
    )
    processes = [Process(importlib.import_module(f"workers.{name}").worker, programme, settings) for name in WORKERS]
    kinds = (ActorKind.POS, ActorKind.APP, ActorKind.OPERATOR)
    keys = {kind: create_key(settings.keys_file, f"the-{kind}", kind) for kind in kinds}

    async with contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(standin(settings))
        await stack.enter_async_context(listening(mailbox))
        tasks = [asyncio.create_task(process.run()) for process in processes]
        stack.push_async_callback(stopped, processes, tasks)
        gateway = await stack.enter_async_context(running(settings))
        sms = await stack.enter_async_context(httpx.AsyncClient(base_url=settings.sms_url))
        callers = {
            kind: await stack.enter_async_context(
                httpx.AsyncClient(base_url=gateway.url, headers={"Authorization": f"Bearer {key}"}, timeout=30)
            )
            for kind, key in keys.items()
        }
        await until_ready(processes, tasks, callers[ActorKind.OPERATOR])
        yield Punchcard(gateway.url, sms, mailbox, callers, processes)


@contextlib.asynccontextmanager
async def standin(settings: Settings) -> AsyncIterator[None]:
    """The SMS provider's stand-in."""
    config = uvicorn.Config(
        create_standin(), host=settings.host, port=settings.sms_port, log_config=None, lifespan="off"
    )
    server = uvicorn.Server(config)
    server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign,assignment]  # the test has its own
    task = asyncio.create_task(server.serve())
    try:
        yield
    finally:
        server.should_exit = True
        await task


async def until_ready(processes: list[Process], tasks: list[asyncio.Task[None]], client: httpx.AsyncClient) -> None:
    """Wait until every worker has its partitions and the gateway answers."""

    async def obstacles() -> list[str]:
        for task in tasks:
            if task.done():
                task.result()
        found = [each for process in processes for each in process.obstacles]
        answer = await client.get("/ready")
        return found if answer.status_code == 200 else [*found, answer.text]

    await eventually(obstacles, lambda found: not found, "readiness")


async def stopped(processes: list[Process], tasks: list[asyncio.Task[None]]) -> None:
    """Stop the workers as SIGTERM does."""
    for process in processes:
        process.stop()
    await asyncio.gather(*tasks)
