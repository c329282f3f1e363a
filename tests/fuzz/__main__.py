"""`make fuzz`: attacks a system of its own, prints what came of it, and as its last line one JSON object."""

import asyncio
import json
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated, Final

import typer
from pydantic import SecretStr
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from runtime.admin import AdminError, create_topics
from runtime.local import LocalError, LocalServers, free_port
from runtime.settings import Settings
from tests.fuzz.campaign import AttackFailed, Campaign, Shares, Verdict
from tests.fuzz.system import running_system

MOST_SHOWN: Final = 40
NO_LIMIT: Final = 10**9
"""Most of what is sent becomes dead letters on purpose: no worker shall stop itself for that."""

console = Console(width=None if sys.stdout.isatty() else 160)
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def fuzz(
    messages: Annotated[int, typer.Option(min=1_000, help="How many, over all doors.")] = 200_000,
    seed: Annotated[int, typer.Option(help="Another seed, other messages.")] = 1,
    keep: Annotated[bool, typer.Option(help="Keep the folder with logs and data.")] = False,
) -> int:
    """Attack every topic and every door; exits with 1 if anything is not as promised."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    folder = Path(tempfile.mkdtemp(prefix="punchcard-fuzz-"))
    try:
        verdict = attack(folder, messages, seed)
    finally:
        if keep:
            console.print(f"kept: {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    show(verdict)
    return 1 if verdict.faults else 0


def attack(folder: Path, messages: int, seed: int) -> Verdict:
    """Servers, processes, the campaign, and the end of all of them."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    began = time.monotonic()
    with Progress(*columns, console=console, transient=True) as progress, LocalServers(folder) as local:
        task = progress.add_task("starting", total=messages)
        settings = Settings(
            prefix="fuzz",
            kafka_servers=local.kafka_servers,
            mongo_url=local.mongo_url,
            keys_file=folder / "keys.yaml",
            state_dir=folder,
            sms_url=f"http://{local.host}:{free_port(local.host)}",
            tickets_url=f"http://{local.host}:{free_port(local.host)}",
            tickets_secret=SecretStr("t" * 32),
            smtp_host=local.host,
            smtp_port=free_port(local.host),
            smtp_security="none",
            dead_letter_limit=NO_LIMIT,
        )
        asyncio.run(create_topics(settings))
        with running_system(settings, folder / "logs") as system:
            campaign = Campaign(
                system,
                folder,
                Shares.of(messages),
                seed,
                lambda what, count: progress.update(task, description=what, advance=count),
            )
            verdict = asyncio.run(campaign.run())
            progress.update(task, description="stopping")
            verdict.stuck += [f"{name} did not stop" for name in system.stop() if name not in verdict.crashes]
    verdict.seconds = time.monotonic() - began
    return verdict


def show(verdict: Verdict) -> None:
    """A table of doors and outcomes, the faults, and the line of JSON."""
    table = Table("door", "messages", "outcomes")
    for door, outcomes in sorted(verdict.doors.items()):
        table.add_row(
            door, f"{sum(outcomes.values()):,}", ", ".join(f"{name} {n:,}" for name, n in sorted(outcomes.items()))
        )
    console.print(table)
    for fault in verdict.faults[:MOST_SHOWN]:
        console.print(fault, markup=False)
    print(json.dumps(verdict.summary()), flush=True)


def say_failed(reason: str) -> None:
    """The last lines of an attack that broke off itself: for people, and as JSON."""
    print(f"fuzz: {reason}", file=sys.stderr)
    print(json.dumps({"failed": reason}), flush=True)


def main() -> None:
    """Run; an interrupted run leaves nothing behind."""
    try:
        code = app(standalone_mode=False)
    except (LocalError, AdminError, AttackFailed) as error:
        say_failed(str(error))
        sys.exit(1)
    except (KeyboardInterrupt, typer.Abort):
        print("fuzz: interrupted", file=sys.stderr)
        sys.exit(130)
    except Exception as error:  # nobody foresaw it: its traceback is shown, too
        say_failed(f"{type(error).__name__}: {error}")
        raise
    sys.exit(code)


if __name__ == "__main__":
    main()
