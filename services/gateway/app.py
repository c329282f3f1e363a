"""The application: the quick path for commands beside FastAPI for everything else."""

import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse
from starlette.exceptions import HTTPException

from contracts.programme import Programme
from runtime.store import Away, JournalRecord, Library
from runtime.vault import NO_VAULT, Vault
from services.gateway.answers import PATH, unavailable
from services.gateway.asgi import CACHE_CONTROL, NO_STORE, AsgiScope, ClientGone, Receive, Send
from services.gateway.call_reads import router as calls
from services.gateway.choice_reads import router as choices
from services.gateway.commands import Asks, Commands, where
from services.gateway.describe import described
from services.gateway.keys import Keys
from services.gateway.ledger_reads import router as ledger
from services.gateway.looks import Looks
from services.gateway.member_page import router as member_page
from services.gateway.member_reads import router as members
from services.gateway.merge_reads import router as merging
from services.gateway.metrics import Metrics
from services.gateway.offer_reads import router as offers
from services.gateway.page import rendered
from services.gateway.passwords import Passwords
from services.gateway.problems import PROBLEM_JSON, Problem, bug, invalid_fields
from services.gateway.reads import Doors, note_refusal, router
from services.gateway.search import router as searching

PERSONAL: Final = "/v1/"
"""Below here nobody on the way may keep an answer: a cache would show it to who has no key, or no call."""
_OPERATION: Final = frozenset({"/live", "/ready", "/metrics"})
log = structlog.get_logger(__name__)


class LibraryJournals:
    """The journals of all workers."""

    def __init__(self, library: Library) -> None:
        self._library = library

    async def find(self, worker: str, command_id: str) -> JournalRecord | None:
        """How a command ended, if it has."""
        return await self._library.worker(worker).journal(command_id)


class Gateway:
    """The whole ASGI application."""

    def __init__(self, commands: Commands, rest: FastAPI, looks: Looks, metrics: Metrics) -> None:
        self._commands = commands
        self.looks = looks
        self.metrics = metrics
        self.rest = rest

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.rest(scope, receive, send)
        elif scope["path"].startswith(PATH):
            await self._commands(scope, receive, send)
        elif scope["path"] in _OPERATION:
            await self.rest(scope, receive, send)
        else:
            await self._counted(scope, receive, send)

    async def _counted(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        is_personal = scope["path"].startswith(PERSONAL)
        began = time.perf_counter()
        status = HTTPStatus.INTERNAL_SERVER_ERROR.value

        async def counting(message: Any) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                if is_personal:
                    message["headers"] = [*message["headers"], (CACHE_CONTROL, NO_STORE)]
            await send(message)

        try:
            await self.rest(scope, receive, counting)
        finally:
            self.metrics.answered("read", status, time.perf_counter() - began)


def create_app(edge: Asks, library: Library, keys: Keys, programme: Programme, vault: Vault = NO_VAULT) -> Gateway:
    """The gateway over an edge to Kafka, a library of the workers' databases, the keys of its callers, a programme.

    Without a vault it takes no commands that have something to seal.
    """
    metrics = Metrics()
    metrics.keys_refused.set_function(lambda: keys.is_refused)
    rest = FastAPI(
        title="Punchcard",
        version="1",
        summary="The door for tills and apps: commands with their answers, and reads.",
        docs_url=None,  # FastAPI's pages load their scripts from elsewhere, which fails where there is no elsewhere
        redoc_url=None,
        openapi_url=None,
    )
    looks = Looks(edge, metrics)
    doors = Doors(library, keys, looks, programme)
    rest.state.doors = doors
    rest.include_router(searching)
    rest.include_router(router)
    rest.include_router(members)
    rest.include_router(member_page)
    rest.include_router(offers)
    rest.include_router(merging)
    rest.include_router(ledger)
    rest.include_router(calls)
    rest.include_router(choices)
    _add_operation(rest, edge, library, metrics)
    _add_pages(rest)
    _add_errors(rest, looks)
    passwords = Passwords(doors.registration, programme.registration.passwords)
    journals = LibraryJournals(library)
    commands = Commands(
        edge, journals, keys, looks, calls=doors.calls, passwords=passwords, vault=vault, region=programme.region
    )
    return Gateway(commands, rest, looks, metrics)


def _add_operation(rest: FastAPI, edge: Asks, library: Library, metrics: Metrics) -> None:
    @rest.get("/live", tags=["operation"])
    async def live() -> dict[str, str]:
        """Whether the process runs."""
        return {"status": "live"}

    @rest.get("/ready", tags=["operation"], responses={503: {"description": "What is away."}})
    async def ready() -> Response:
        """Whether commands and reads can be served."""
        away = [] if edge.ready else ["Kafka is away"]
        try:
            await library.ping()
        except Away:
            away.append("MongoDB is away")
        if away:
            return JSONResponse({"status": "not ready", "because": away}, HTTPStatus.SERVICE_UNAVAILABLE)
        return JSONResponse({"status": "ready"})

    @rest.get("/metrics", tags=["operation"], response_class=Response)
    async def shown_metrics() -> Response:
        """What is counted, for Prometheus."""
        return Response(metrics.shown(), media_type="text/plain; version=0.0.4; charset=utf-8")


def _add_pages(rest: FastAPI) -> None:
    description: dict[str, Any] = {}

    def openapi() -> dict[str, Any]:
        if not description:
            description.update(described(rest))
        return description

    rest.openapi = openapi  # type: ignore[method-assign]  # FastAPI's own way to extend its description

    @rest.get("/openapi.json", include_in_schema=False)
    async def openapi_document() -> JSONResponse:
        return JSONResponse(openapi())

    @rest.get("/", include_in_schema=False)
    async def front() -> RedirectResponse:
        return RedirectResponse("/docs")

    @rest.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        policy = "default-src 'none'; style-src 'unsafe-inline'"
        return HTMLResponse(rendered(openapi()), headers={"Content-Security-Policy": policy})


def _add_errors(rest: FastAPI, looks: Looks) -> None:
    def answer(problem: Problem) -> Response:
        return Response(problem.encoded(), problem.status, problem.headers, PROBLEM_JSON.decode())

    async def on_problem(request: Request, error: Exception) -> Response:
        problem = error if isinstance(error, Problem) else bug()
        note_refusal(looks, request, problem)
        return answer(problem)

    async def on_away(_: Request, __: Exception) -> Response:
        return answer(unavailable())

    async def on_invalid(_: Request, error: Exception) -> Response:
        return answer(invalid_fields(error.errors()) if isinstance(error, RequestValidationError) else bug())

    async def on_http(_: Request, error: Exception) -> Response:
        status = HTTPStatus(error.status_code if isinstance(error, HTTPException) else 500)
        headers = dict(getattr(error, "headers", None) or {})
        return answer(Problem(status, status.name.lower(), f"{status.description or status.phrase}.", headers=headers))

    async def on_gone(_: Request, __: Exception) -> Response:
        return Response(status_code=HTTPStatus.BAD_REQUEST)  # for the metrics; nobody hears it

    async def on_bug(_: Request, error: Exception) -> Response:
        log.error("gateway_bug", what="read", error=type(error).__name__, where=where(error))
        return answer(bug())

    handlers: dict[type[Exception], Callable[[Request, Exception], Any]] = {
        Problem: on_problem,
        Away: on_away,
        ClientGone: on_gone,
        RequestValidationError: on_invalid,
        HTTPException: on_http,
        Exception: on_bug,
    }
    for kind, handler in handlers.items():
        rest.add_exception_handler(kind, handler)
