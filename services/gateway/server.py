"""The gateway as a process: its connection to Kafka, its server, from start to clean stop."""

import asyncio
import contextlib
import gc
import signal
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import structlog
import uvicorn

from contracts.messages import Actor, Command, CommandEnded
from contracts.programme import Programme
from runtime.edge import Away, Edge
from runtime.settings import Settings
from runtime.store import Library
from runtime.telemetry import set_up_logs
from runtime.vault import Vault
from services.gateway.app import create_app
from services.gateway.keys import Keys

RETRY_SECONDS: Final = 1.0
LOST_AFTER: Final = 3
"""After how many looks in a row that found it not ready an edge is opened anew."""
STOP_SECONDS: Final = 8
"""How long callers who wait are still served after a stop was asked for."""
IDLE_SECONDS: Final = 75
"""How long a connection may be idle: longer than callers and balancers keep one, so that no request meets its end."""
LOOKS_SECONDS: Final = 5
"""How long the last looks have to be noted, once everybody was served."""

log = structlog.get_logger(__name__)


class PortTaken(OSError):
    """Another process listens where the gateway should; says where."""


class LastingEdge:
    """An edge that opens when Kafka is there, however late: until then the gateway lives, and isn't ready."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._edge: Edge | None = None

    @property
    def ready(self) -> bool:
        """Whether commands can be sent and answers heard."""
        return self._edge is not None and self._edge.ready

    async def hold(self) -> None:
        """Hold it open until cancelled; open it anew when it can't be opened, was deaf, or not ready for a while."""
        while True:
            try:
                async with Edge(self._settings, source="gateway") as edge:
                    self._edge = edge
                    log.info("gateway_connected")
                    await _until_lost(edge)
            except Away as error:
                log.warning("gateway_waits_for_kafka", text=str(error.__cause__ or error)[:200])
            except Exception as error:  # noqa: BLE001  # whatever it was: who stops trying stays away for good
                log.error("gateway_lost_kafka", error=type(error).__name__)  # noqa: TRY400  # no trace: it may hold values
            finally:
                self._edge = None
            await asyncio.sleep(RETRY_SECONDS)

    def missed(self, asked_at: float) -> None:
        """As `Edge.missed`."""
        if self._edge is not None:
            self._edge.missed(asked_at)

    async def ask(
        self,
        command: Command,
        *,
        id: str,
        actor: Actor,
        wait_seconds: float,
        correlation_id: str | None = None,
        time: datetime | None = None,
        traceparent: str | None = None,
    ) -> CommandEnded | None:
        """As `Edge.ask`.

        Raises:
            Away: Kafka can't be reached.
        """
        return await self._open.ask(
            command,
            id=id,
            actor=actor,
            wait_seconds=wait_seconds,
            correlation_id=correlation_id,
            time=time,
            traceparent=traceparent,
        )

    async def submit(
        self,
        command: Command,
        *,
        id: str,
        actor: Actor,
        correlation_id: str | None = None,
        time: datetime | None = None,
        traceparent: str | None = None,
    ) -> None:
        """As `Edge.submit`.

        Raises:
            Away: Kafka can't be reached.
        """
        await self._open.submit(
            command, id=id, actor=actor, correlation_id=correlation_id, time=time, traceparent=traceparent
        )

    @property
    def _open(self) -> Edge:
        if self._edge is None:
            raise Away("not open")
        return self._edge


async def _until_lost(edge: Edge) -> None:
    """Return once an edge is deaf or hasn't been ready for a while: what is wrong, only opening it anew tells."""
    times = 0
    while times < LOST_AFTER:
        await asyncio.sleep(RETRY_SECONDS)
        times = 0 if edge.ready else times + 1
        if edge.is_deaf:
            log.warning("gateway_is_deaf")
            return


@dataclass(frozen=True, slots=True)
class Running:
    """A gateway that answers."""

    url: str
    server: uvicorn.Server
    edge: LastingEdge


@contextlib.asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Running]:
    """A gateway for as long as the context is open.

    Raises:
        PortTaken: another process listens there.
        KeysError: the keys file can't be used.
        InvalidProgramme: the programme's file breaks rules.
    """
    keys = Keys(settings.keys_file)
    library = Library(settings)
    edge = LastingEdge(settings)
    app = create_app(edge, library, keys, Programme.read(settings.programme_file), Vault.of(settings))
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,  # what callers ask for is theirs
        lifespan="off",
        server_header=False,
        timeout_keep_alive=IDLE_SECONDS,
        timeout_graceful_shutdown=STOP_SECONDS,
    )
    server = uvicorn.Server(config)
    server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign,assignment]  # the process has its own
    with _listener(settings) as listener:
        tasks = [asyncio.create_task(edge.hold()), asyncio.create_task(app.metrics.watch_loop())]
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            host, port = listener.getsockname()[:2]
            yield Running(f"http://{host}:{port}", server, edge)
        finally:
            server.should_exit = True
            await serving
            await app.looks.end(LOOKS_SECONDS)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            library.close()


async def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT; then answer those who wait, and leave.

    Raises:
        PortTaken: another process listens there.
        KeysError: the keys file can't be used.
        InvalidProgramme: the programme's file breaks rules.
    """
    set_up_logs(settings)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with running(settings) as gateway:
        # What stands now stays: leaving it out of collections takes the longest pauses away.
        gc.collect()
        gc.freeze()
        log.info("gateway_started", url=gateway.url)
        await stop.wait()
    log.info("gateway_stopped")


def _listener(settings: Settings) -> socket.socket:
    try:
        return socket.create_server((settings.host, settings.gateway_port), backlog=2048)
    except OSError as error:
        raise PortTaken(f"{settings.host}:{settings.gateway_port}: {error.strerror}") from None
