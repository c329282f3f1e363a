"""The commands, each thin: it reads the settings, calls what does the work, and turns errors into one line."""

import asyncio
import importlib
import inspect
import logging
import signal
import sys
from collections.abc import Coroutine
from typing import Annotated, Any, NoReturn, TypeVar

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table

from contracts.messages import WORKERS
from runtime.admin import AdminError, create_topics, show_topics
from runtime.local import LocalError
from services.cli import dead
from services.cli.session import SessionError, load_settings, read_programme, run, say

T = TypeVar("T")

app = typer.Typer(
    help="Punchcard, a message-driven loyalty platform. Settings come from PUNCHCARD_* variables.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
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
    programme = read_programme(settings)
    run(serve_worker(importlib.import_module(f"workers.{name}").worker, programme, settings))


@app.command()
def gateway() -> None:
    """Run the HTTP gateway for tills and apps."""
    _start("services.gateway", "serve", load_settings())


@app.command(name="sms-standin")
def sms_standin() -> None:
    """Run the stand-in for an SMS provider."""
    _start("services.sms_standin.app", "serve", load_settings())


@app.command()
def demo() -> None:
    """Play a day in a coffee chain against a running Punchcard."""
    _start("services.demo", "run", load_settings())


@app.command()
def docs() -> None:
    """Write the generated pages under docs/: AsyncAPI, JSON Schemas, the message catalogue, the settings."""
    _start("services.docs", "write")


@app.command()
def reconcile() -> None:
    """Check that every balance is the sum of its ledger; exits with 1 when one is not."""
    _start("services.reconcile", "run", load_settings())


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
