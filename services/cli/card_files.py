"""What `punchcard cards` does with a card file: says what would become of it, or sends it, as other files are sent."""

import asyncio
import getpass
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from contracts.cards import IssueCard
from contracts.messages import Actor, ActorKind, CommandEnded, Outcome
from contracts.programme import Programme
from runtime.settings import Settings
from runtime.store import Away, Library
from services.bulk import NEEDS_APPROVAL, InvalidFile, Row, Sending, Unanswered, card_rows, read_table, write_outcomes
from services.bulk.cards import COLUMNS, NEEDED
from services.cli.session import SessionError, run, say
from workers.cards.views import CardsViews

SHOWN: Final = 20
"""Rows with an error that are said on the screen; all of them stand in the outcome file."""


def read_rows(file: Path, programme: Programme) -> list[Row]:
    """The rows of a card file; those that are invalid are said.

    Raises:
        SessionError: it is no card file.
    """
    try:
        rows = card_rows(read_table(file, COLUMNS, NEEDED), programme)
    except InvalidFile as error:
        raise SessionError(str(error)) from error
    say_wrong(rows)
    return rows


def sender() -> Actor:
    """Who sends a file's commands: this process, for who started it."""
    return Actor(kind=ActorKind.SYSTEM, id=f"cli-{getpass.getuser()}")


def say_wrong(rows: Sequence[Row]) -> None:
    """Say what is wrong with the first of the rows that are."""
    wrong = [row for row in rows if row.problem is not None]
    for row in wrong[:SHOWN]:
        say(f"row {row.number}: {row.problem}")
    if len(wrong) > SHOWN:
        say(f"and {len(wrong) - SHOWN:,} more")


def say_what_would_be(settings: Settings, rows: list[Row]) -> int:
    """Say what would become of rows, without sending any; the exit code.

    Raises:
        SessionError: the database doesn't answer.
    """
    known = run(_issued_before(settings, rows))
    wrong = sum(row.problem is not None for row in rows)
    new = len(rows) - wrong - known
    say(
        f"{len(rows):,} rows: {new:,} would be issued, {known:,} are known already, {wrong:,} invalid; nothing was sent"
    )
    return 1 if wrong else 0


def send(settings: Settings, rows: list[Row], out: Path, actor: Actor | None = None) -> int:
    """Send rows with a progress bar, write their outcomes however it ends, and say them; the exit code.

    They are sent by this process, unless it is said by whom.
    """
    answers: dict[str, CommandEnded] = {}
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    problem, began_at = None, time.monotonic()
    with Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("rows", total=sum(row.command is not None for row in rows))
        try:
            run(_sent(settings, rows, answers, lambda count: progress.advance(task, count), actor or sender()))
        except Unanswered as error:
            problem = str(error)
        except (KeyboardInterrupt, asyncio.CancelledError):
            problem = "interrupted"
    seconds = time.monotonic() - began_at
    try:
        counts = write_outcomes(out, rows, answers)
    except OSError as error:
        raise SessionError(f"{out}: {error.strerror}") from error
    ended = ", ".join(f"{count:,} {outcome}" for outcome, count in sorted(counts.items()))
    say(f"{len(rows):,} rows in {seconds:.1f} s: {ended}; see {out}")
    if problem is not None:
        say(f"punchcard: {problem}; the same command goes on where this ended", error=True)
    return 0 if counts.total() == counts[Outcome.DONE.value] + counts[NEEDS_APPROVAL] else 1


async def _sent(
    settings: Settings,
    rows: list[Row],
    answers: dict[str, CommandEnded],
    advance: Callable[[int], None],
    actor: Actor,
) -> None:
    task = asyncio.current_task()
    if task is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    async with Sending(settings, actor, answers, advance) as sending:
        await sending.send(rows)


async def _issued_before(settings: Settings, rows: list[Row]) -> int:
    """How many of these cards are known already.

    Raises:
        SessionError: the database doesn't answer.
    """
    library = Library(settings)
    numbers = [row.command.card_number for row in rows if isinstance(row.command, IssueCard)]
    try:
        return await CardsViews(library.worker("cards")).count_known(numbers)
    except Away as error:
        raise SessionError(f"MongoDB does not answer ({error}); `punchcard up` (make run) starts everything") from error
    finally:
        library.close()
