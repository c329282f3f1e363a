"""The commands, each thin: it reads the settings, calls what does the work, and turns errors into one line."""

import asyncio
import importlib
import inspect
import logging
import signal
import sys
from collections.abc import Coroutine
from datetime import datetime
from typing import Annotated, Any, NoReturn, TypeVar

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table

from contracts.messages import WORKERS
from runtime.admin import AdminError, create_topics, show_topics
from runtime.local import LocalError
from services.cli import adjustments, audit, cards, dead
from services.cli.session import SessionError, load_settings, must_have_secret, read_programme, run, say

T = TypeVar("T")

app = typer.Typer(
    help="Punchcard, a message-driven loyalty platform. Settings come from PUNCHCARD_* variables.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(audit.app, name="audit")
app.add_typer(cards.app, name="cards")
app.command(name="adjust")(adjustments.adjust)
app.add_typer(dead.app, name="dead")


def main() -> None:
    """Runs the command that the process's arguments name; exits with 1 and one line when it can't be done."""
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # what it says about an absent broker, we say in one line
    try:
        app()
    except ValidationError as error:
        for problem in error.errors():
            name = (
                "PUNCHCARD_" + "_".join(str(part) for part in problem["loc"]).upper() if problem["loc"] else "settings"
            )
            say(f"punchcard: {name}: {problem['msg']}", error=True)
        sys.exit(2)
    except (LocalError, AdminError, SessionError) as error:
        _fail(str(error))


def _fail(text: str) -> NoReturn:
    say(f"punchcard: {text}", error=True)
    sys.exit(1)


@app.command()
def up() -> None:
    """Run everything on this machine: broker, database, workers and doors; Ctrl-C stops it."""
    from services.cli.up import run_everything

    settings = load_settings()
    read_programme(settings)
    run_everything(settings, say)


@app.command()
def worker(
    name: Annotated[str, typer.Argument(help=f"One of: {', '.join(WORKERS)}.")],
    slot: Annotated[
        int | None, typer.Option(min=0, help="Which of the worker's fixed places this process fills.")
    ] = None,
) -> None:
    """Run one worker until SIGTERM or Ctrl-C."""
    from runtime.serve import serve_worker

    if name not in WORKERS:
        _fail(f"no worker {name!r}; there are: {', '.join(WORKERS)}")
    settings = load_settings() if slot is None else load_settings(slot=slot)
    must_have_secret(settings)
    programme = read_programme(settings)
    run(serve_worker(importlib.import_module(f"workers.{name}").worker, programme, settings))


@app.command()
def gateway() -> None:
    """Run the HTTP gateway for tills and apps."""
    from services.gateway.keys import KeysError

    settings = load_settings()
    must_have_secret(settings)
    try:
        _start("services.gateway", "serve", settings)
    except KeysError as error:
        _fail(str(error))


@app.command(name="sms-standin")
def sms_standin() -> None:
    """Run the stand-in for an SMS provider."""
    _start("services.sms_standin.app", "serve", load_settings())


@app.command()
def demo(
    seed: Annotated[int, typer.Option(help="Another seed, other cards and receipts; the same changes nothing.")] = 7,
    cards: Annotated[int, typer.Option(help="Cards to issue.")] = 2_000,
    registrations: Annotated[int, typer.Option(help="People who join, over all channels.")] = 1_000,
    receipts: Annotated[int, typer.Option(help="Receipts, with all that goes wrong with some.")] = 10_000,
    tills: Annotated[int, typer.Option(help="Tills that send them; one in twenty is offline until evening.")] = 20,
    day: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="The business day; else the one before this demo's first run."),
    ] = None,
) -> None:
    """Play a day in a coffee chain against a running Punchcard, and reconcile; exits with 1 if that fails."""
    from services.demo import Impossible, Scale, why_not_on

    settings = load_settings()
    programme = read_programme(settings)
    if day is not None and (reason := why_not_on(day.date(), datetime.now(programme.zone).date())) is not None:
        _fail(f"day: {reason}")
    try:
        scale = Scale(seed, cards, registrations, receipts, tills, None if day is None else day.date())
    except Impossible as error:
        _fail(str(error))
    _start("services.demo", "run", scale, programme, settings, _workers())


@app.command()
def docs() -> None:
    """Write the generated pages under docs/: AsyncAPI, JSON Schemas, the message catalogue, the settings."""
    _start("services.docs", "write")


@app.command()
def reconcile() -> None:
    """Check the books of a running Punchcard: ledger, balances, journals, trail; exits with 1 if something is off."""
    _start("services.demo", "reconcile", load_settings(), _workers())


@app.command()
def secret(
    create: Annotated[bool, typer.Option("--create", help="Make one, unless there is one.")] = False,
) -> None:
    """Say whether there is a secret to derive codes and seals from, and make one; never shows it."""
    from runtime.vault import ensure_secret

    settings = load_settings()
    if create and settings.secret is None:
        try:
            if ensure_secret(settings.secret_file):
                say(f"made {settings.secret_file}: give the same one to every worker and door, and keep it")
        except OSError as error:
            _fail(f"{settings.secret_file} (PUNCHCARD_SECRET_FILE): {error.strerror}")
    must_have_secret(settings)
    say("there is a secret")


@app.command()
def reindex() -> None:
    """Derive anew the keys by which members are searched: once, after an upgrade whose notes ask for it."""
    from runtime.store import Away
    from services.cli.reindexing import derive_anew

    try:
        changed = run(derive_anew(load_settings(), _workers()))
    except Away as error:
        _fail(f"MongoDB is away: {error}")
    say(f"{changed} documents had other keys")


@app.command()
def topics(
    create: Annotated[bool, typer.Option("--create", help="Create those that are missing.")] = False,
) -> None:
    """Show the topics, with what they are for and how much they hold."""
    settings = load_settings()
    if create:
        created = asyncio.run(create_topics(settings))
        say(f"created {len(created)}: {', '.join(created)}" if created else "nothing to create")
    table = Table("topic", "partitions", "records", "retention", "for")
    for state in asyncio.run(show_topics(settings)):
        topic = state.topic
        partitions = str(state.partitions) if state.partitions else "missing"
        if state.partitions not in {0, topic.partitions}:
            partitions += f" (settings say {topic.partitions})"
        days = f"{topic.retention_seconds / 86_400:g} d"
        table.add_row(topic.name, partitions, str(state.records), days, topic.purpose)
    Console(width=None if sys.stdout.isatty() else 160).print(table)


def _workers() -> list[Any]:
    return [importlib.import_module(f"workers.{name}").worker for name in WORKERS]


def _start(module: str, function: str, *arguments: object) -> None:
    """Calls `function` of a module that is loaded only now; waits for it if it is a coroutine."""
    result: Any = getattr(importlib.import_module(module), function)(*arguments)
    if inspect.iscoroutine(result):
        result = run_until_stopped(result)
    if isinstance(result, int) and result:
        raise typer.Exit(result)


def run_until_stopped(work: Coroutine[Any, Any, T]) -> T | None:
    """Runs a coroutine; SIGTERM cancels it as Ctrl-C does, and neither leaves a traceback."""

    async def stoppable() -> T:
        task = asyncio.current_task()
        if task is not None:
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        return await work

    try:
        return run(stoppable())
    except (KeyboardInterrupt, asyncio.CancelledError):
        return None
