"""A worker process: its pipeline, its timers and companions, its health, from start to clean stop."""

import asyncio
import contextlib
import signal
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any, Final, TypeVar

import uvicorn
from aiokafka.errors import KafkaError
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from contracts.messages import Actor, ActorKind, Command
from contracts.topics import commands_topic, events_topic, results_topic
from runtime.admin import AdminError, create_topics
from runtime.batch import Batches
from runtime.clearing import Clearing
from runtime.decisions import Due, Worker
from runtime.documents import Document
from runtime.edge import stamped
from runtime.lanes import Lanes
from runtime.mongo import Away
from runtime.pipeline import Pipeline
from runtime.publishing import Publisher, Unsent
from runtime.settings import Settings
from runtime.store import Reader, Store
from runtime.telemetry import Telemetry, set_up_logs
from runtime.vault import Vault
from runtime.wire import Consumer, make_broker

P = TypeVar("P")

DUE_EVERY_SECONDS: Final = 1.0
DUE_AT_ONCE: Final = 500
FIRE_AGAIN_SECONDS: Final = 60.0
"""How long a command that time brought is waited for before it is sent again, under the same id."""
SAY_AT_ONCE: Final = 1_000
WATCH_EVERY_SECONDS: Final = 10.0
HANGING_SECONDS: Final = 60.0
LOOK_EVERY_SECONDS: Final = 5.0
"""How often an idle process asks whether its servers are there; one that works notices."""
RETRY_SECONDS: Final = 2.0


class Hanging(RuntimeError):
    """Records lie there and no poll returns them: the consumer hangs, as it may after a broker restart."""


@dataclass(frozen=True, slots=True)
class Beside:
    """What a companion of the batches may use."""

    reader: Reader
    publish: Callable[..., Awaitable[None]]
    """`await publish(command, id=…, actor=…, correlation_id=…)`: acknowledged when it returns."""
    take_leases: Callable[[Sequence[str], float], Awaitable[set[str]]]
    """`await take_leases(names, seconds)`: those that are ours for so long."""
    settings: Settings
    programme: Any
    stop: asyncio.Event


def listen_topics(worker: Worker[Any], prefix: str) -> list[str]:
    """The topics that a worker reads."""
    others = [results_topic(prefix) if name == "results" else events_topic(prefix, name) for name in worker.listens_to]
    return [commands_topic(prefix, worker.name), *others]


class Process:
    """One process of one worker."""

    def __init__(self, worker: Worker[P], programme: P, settings: Settings) -> None:
        self._worker = worker
        self._programme = programme
        self._settings = settings
        self.telemetry = Telemetry(worker.name, settings.slot)
        client_id = f"{settings.prefix}-{worker.name}-{settings.slot}"
        self.store = Store(settings, worker.name, worker.documents.values())
        self.publisher = Publisher(settings, client_id)
        self.batches = Batches(worker, programme, self.store, settings, self.telemetry)
        parts = (self.batches, self.store, self.publisher, settings, self.telemetry)
        pipelines = [Pipeline(*parts, pace_seconds=worker.pace_seconds) for _ in range(settings.lanes)]
        self.lanes = Lanes(pipelines)
        self.consumer = Consumer(settings, make_broker(settings, client_id), self.lanes.take, self.lanes.revoked)
        self.consumer.join(listen_topics(worker, settings.prefix), settings.group(worker.name), settings.slot)
        self.consumer.is_busy = lambda: self.lanes.is_settling
        for pipeline in pipelines:
            pipeline.consumer = self.consumer
        self._stop = asyncio.Event()
        self._is_started = False

    def stop(self) -> None:
        """Ask the process to stop cleanly."""
        self._stop.set()

    @property
    def obstacles(self) -> list[str]:
        """Why the process is not ready; empty when it is."""
        if not self._is_started or not self.consumer.is_assigned:
            return ["starting"]
        return self.telemetry.obstacles()

    async def run(self) -> None:
        """Run until `stop`: finish the batch, publish, commit, leave the group.

        Raises:
            Hanging: the consumer gets no records though there are some; to be restarted.
        """
        try:
            await self._open()
            if self._stop.is_set():
                return
            async with asyncio.TaskGroup() as tasks:
                lanes = tasks.create_task(self.lanes.run())
                beside = [tasks.create_task(each) for each in self._beside()]
                await self._join()
                await self._stop.wait()
                await self.lanes.stop()
                await lanes
                await self.consumer.stop()
                for task in beside:
                    task.cancel()
        finally:
            await self.consumer.stop()
            with contextlib.suppress(KafkaError, OSError):
                await self.publisher.stop()
            self.store.close()
            self.telemetry.log.info("stopped")

    async def _open(self) -> None:
        """Topics, collections, a producer: again and again until the servers are there."""
        while not self._stop.is_set():
            try:
                await create_topics(self._settings)
                await self.store.open()
                await self.publisher.start()
                await self._say_again()
            except (Away, AdminError, KafkaError, OSError, Unsent) as error:
                self.telemetry.log.warning("waiting for servers", error=type(error).__name__, text=str(error)[:200])
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(RETRY_SECONDS):
                        await self._stop.wait()
            else:
                return

    async def _join(self) -> None:
        """Begin to poll; again and again if Kafka went away meanwhile."""
        while not self._stop.is_set():
            try:
                await self.consumer.start()
            except (KafkaError, OSError) as error:
                self.telemetry.log.warning("waiting for servers", error=type(error).__name__, text=str(error)[:200])
                await self.consumer.stop()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(RETRY_SECONDS):
                        await self._stop.wait()
            else:
                self._is_started = True
                self.telemetry.log.info("started")
                return

    async def _say_again(self) -> None:
        """Publish what a crash left unsaid, before anything is decided on top of it: what follows would overtake it.

        Its records come again and have it marked; what is said twice until then is the same, byte by byte.
        """
        left = await self.store.undispatched()
        for start in range(0, len(left), SAY_AT_ONCE):
            await self.publisher.publish(left[start : start + SAY_AT_ONCE])

    def _beside(self) -> list[Any]:
        deps = Beside(
            self.store.reader, self._publish, self.store.take_leases, self._settings, self._programme, self._stop
        )
        timers = [self._fire(each) for each in self._worker.timers]
        own = [self._watch(), self._look_for_servers()]
        if self._settings.slot == 0:
            own.append(Clearing(self._settings, self._worker.name, self.telemetry.log).run())
        return [*timers, *(each(deps) for each in self._worker.companions), *own]

    async def _publish(
        self,
        command: Command,
        *,
        id: str,
        actor: Actor,
        correlation_id: str | None = None,
    ) -> None:
        await self.publisher.publish([stamped(self._settings, self._worker.name, command, id, actor, correlation_id)])

    async def _fire(self, due: Due) -> None:
        """Turn documents whose time has come into commands, with ids that any process would give them."""
        actor = Actor(kind=ActorKind.SYSTEM, id=f"{self._worker.name}-clock")
        vault = Vault.of(self._settings)
        key = vault.key("due") if vault.is_open else b""
        fired: dict[str, float] = {}
        while True:
            await asyncio.sleep(DUE_EVERY_SECONDS)
            if self.telemetry.obstacles():
                continue
            fired = {name: at for name, at in fired.items() if at > time.monotonic() - FIRE_AGAIN_SECONDS}
            try:
                now = datetime.now(UTC)
                found = await documents_due(self.store.reader, due, now)
                ids = [due_id(due.document, each.id, due.field, getattr(each, due.field), now, key) for each in found]
                commands = [
                    stamped(self._settings, self._worker.name, due.command(document), name, actor, None)
                    for name, document in zip(ids, found, strict=True)
                    if name not in fired
                ]
                if commands:
                    await self.publisher.publish(commands)
                    fired |= dict.fromkeys(ids, time.monotonic())
            except (Away, Unsent) as error:
                self.telemetry.log.info("timers wait", error=type(error).__name__)

    async def _look_for_servers(self) -> None:
        """Say of an idle process whether it could work."""
        while True:
            await asyncio.sleep(LOOK_EVERY_SECONDS)
            if not self._is_started or not self.lanes.is_hungry:
                continue
            try:
                await self.store.ping()
                self.telemetry.database_is_away = False
            except Away:
                self.telemetry.database_is_away = True
            try:
                async with asyncio.timeout(LOOK_EVERY_SECONDS):
                    await self.consumer.true_lag()
                self.telemetry.kafka_is_away = False
            except (KafkaError, OSError, TimeoutError):
                self.telemetry.kafka_is_away = True

    async def _watch(self) -> None:
        """Report lag, and find out whether the consumer hangs."""
        quiet_since = time.monotonic()
        last = -1
        while True:
            await asyncio.sleep(WATCH_EVERY_SECONDS if self._is_started else 1.0)
            self.telemetry.lag(self.consumer.lag())
            taken = self.lanes.taken
            if taken != last or not self.lanes.is_hungry:
                quiet_since, last = time.monotonic(), taken
                continue
            if time.monotonic() - quiet_since < HANGING_SECONDS:
                continue
            try:
                async with asyncio.timeout(WATCH_EVERY_SECONDS):
                    lag = await self.consumer.true_lag()
            except (KafkaError, OSError, TimeoutError):
                continue
            if lag > 0 and self.lanes.taken == last:
                raise Hanging(f"{lag} records, none of them polled for {HANGING_SECONDS:.0f} seconds")
            quiet_since = time.monotonic()


async def documents_due(reader: Reader, due: Due, now: datetime) -> list[Document]:
    """Documents whose time has come, the longest overdue first, so many as are worth sending at once.

    Raises:
        Away: MongoDB can't be reached.
    """
    return await reader.find(due.document, {due.field: {"$lte": now}}, sort=[(due.field, 1)], limit=DUE_AT_ONCE)


def due_id(
    document: type[Document], document_id: str, field: str, instant: datetime, now: datetime, key: bytes = b""
) -> str:
    """The id of a command that time brings: the same whoever finds the document, within each hour that it is late.

    A handler whose clock is behind the finder's says that it isn't time yet; an hour later it is asked again. A
    hash, as a document's id may be anything: longer than a message's may be, or a phone, so it is a keyed one.
    """
    hours_late = int((now - instant).total_seconds() // 3_600)
    name = f"{document.collection}/{document_id}/{field}/{int(instant.timestamp() * 1_000)}/{hours_late}"
    return "due-" + blake2b(name.encode(), digest_size=16, key=key).hexdigest()


async def serve_worker(worker: Worker[P], programme: P, settings: Settings) -> None:
    """Run a worker process with its health address, until SIGTERM or SIGINT.

    Raises:
        Hanging: to be restarted by whoever supervises.
    """
    set_up_logs(settings)
    process = Process(worker, programme, settings)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, process.stop)
    async with health(settings, process.telemetry.registry, lambda: process.obstacles):
        await process.run()


@contextlib.asynccontextmanager
async def health(
    settings: Settings, registry: CollectorRegistry, obstacles: Callable[[], list[str]]
) -> AsyncIterator[None]:
    """Answer `/live`, `/ready` and `/metrics` on the health address for so long."""
    app = Starlette(routes=health_routes(registry, obstacles))
    config = uvicorn.Config(app, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=2)
    server = uvicorn.Server(config)
    listener = socket.create_server((settings.host, settings.health_port))
    with listener:
        task = asyncio.create_task(_serve_quietly(server, listener))
        try:
            yield
        finally:
            server.should_exit = True
            await task


async def _serve_quietly(server: uvicorn.Server, listener: socket.socket) -> None:
    """Serve without uvicorn's own signal handlers: the process has its own."""
    server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign,assignment]
    await server.serve(sockets=[listener])


def health_routes(registry: CollectorRegistry, obstacles: Callable[[], list[str]]) -> list[Route]:
    """Routes that say whether a process lives, whether it is ready, and its figures."""

    async def live(_: Request) -> Response:
        return JSONResponse({"live": True})

    async def ready(_: Request) -> Response:
        reasons = obstacles()
        return JSONResponse({"ready": not reasons, "obstacles": reasons}, status_code=503 if reasons else 200)

    async def metrics(_: Request) -> Response:
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return [Route("/live", live), Route("/ready", ready), Route("/metrics", metrics)]
