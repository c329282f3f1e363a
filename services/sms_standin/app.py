"""The stand-in's doors: `POST /messages` as providers have it, `GET /messages` and `/` to see what came."""

import asyncio
from pathlib import Path
from typing import Annotated, Final

import uvicorn
from fastapi import FastAPI, Header, Query, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse
from jinja2 import Environment, FileSystemLoader
from pydantic import BaseModel
from starlette.requests import Request

from contracts.values import MessageId, Reference
from runtime.settings import Settings
from services.sms_standin.received import Behaviour, Inbox, KeyReused, Outgoing, Taken

ON_THE_PAGE: Final = 200


class Accepted(BaseModel):
    """The answer to a text that was taken."""

    reference: Reference


class Problem(BaseModel):
    """Why a request was not served; never with what it held."""

    code: str
    field: str | None = None
    rule: str | None = None


class Counts(BaseModel):
    """How many texts were taken, and how many requests came for them."""

    texts: int
    requests: int


def create_app(inbox: Inbox | None = None) -> FastAPI:
    """The stand-in as an ASGI application, with an inbox of its own unless one is given."""
    texts = inbox or Inbox()
    app = FastAPI(
        title="SMS stand-in",
        description="A stand-in for an SMS provider, for development. It sends nothing to anybody.",
        version="1",
    )
    app.add_exception_handler(RequestValidationError, _say_which_field)

    _add_sending(app, texts)
    _add_looking(app, texts)
    return app


def _add_sending(app: FastAPI, texts: Inbox) -> None:
    @app.post("/messages", status_code=202, responses={422: {"model": Problem}, 503: {"model": Problem}})
    async def send(
        text: Outgoing, idempotency_key: Annotated[MessageId, Header(description="The same key is sent once.")]
    ) -> Response:
        """Take a text; the same key again gives the same reference."""
        behaviour = texts.behaviour
        if behaviour.delay_ms:
            await asyncio.sleep(behaviour.delay_ms / 1_000)
        fails = texts.fails_now()
        if fails and not behaviour.is_taken:
            return _problem(behaviour.status, "told_to_fail")
        try:
            taken = texts.take(idempotency_key, text)
        except KeyReused:
            return _problem(422, "idempotency_key_reused", "Idempotency-Key", "must not be used for another text")
        if fails:
            return _problem(behaviour.status, "told_to_fail")
        return JSONResponse(Accepted(reference=taken.reference).model_dump(), 202)

    @app.post("/behaviour")
    async def behave(behaviour: Behaviour) -> Behaviour:
        """Misbehave from now on, for tests of those who send."""
        texts.behaviour = behaviour
        return behaviour


def _add_looking(app: FastAPI, texts: Inbox) -> None:
    pages = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True)

    @app.get("/messages")
    async def received(
        to: Annotated[str | None, Query(max_length=32)] = None, limit: Annotated[int, Query(ge=1, le=10_000)] = 100
    ) -> list[Taken]:
        """What was taken, newest first."""
        # A plus sign in a query that nobody escaped arrives as a space.
        return texts.newest(None if to is None else f"+{to.strip().removeprefix('+')}", limit)

    @app.get("/counts")
    async def counts() -> Counts:
        """How many texts were taken, and how many requests came for them."""
        return Counts(**texts.counts())

    @app.get("/", response_class=HTMLResponse, include_in_schema=False)
    async def page() -> str:
        """What was taken, to look at."""
        newest = texts.newest(limit=ON_THE_PAGE)
        return pages.get_template("page.html.jinja").render(texts=newest, counts=texts.counts())

    @app.get("/live")
    @app.get("/ready")
    async def ready() -> dict[str, str]:
        """Whether it answers; it depends on nothing."""
        return {"status": "ready"}


def _problem(status: int, code: str, field: str | None = None, rule: str | None = None) -> JSONResponse:
    return JSONResponse(Problem(code=code, field=field, rule=rule).model_dump(exclude_none=True), status)


async def _say_which_field(_: Request, error: Exception) -> JSONResponse:
    """Names the field and the rule, without the value: FastAPI's own answer repeats a phone number."""
    if not isinstance(error, RequestValidationError):
        raise error
    problem = error.errors()[0]
    field = ".".join(str(part) for part in problem["loc"][1:]) or "body"
    return _problem(422, "malformed", field, problem["msg"])


async def serve(settings: Settings) -> None:
    """Serve the stand-in until the process is told to end.

    There is no access log: its lines would hold the numbers that are asked for.
    """
    config = uvicorn.Config(
        create_app(), host=settings.host, port=settings.sms_port, log_config=None, access_log=False, lifespan="off"
    )
    await uvicorn.Server(config).serve()
