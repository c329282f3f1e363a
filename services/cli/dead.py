"""`punchcard dead`: what could not be processed, why, and back to where it came from."""

import asyncio
import sys
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from contracts.messages import WORKERS
from runtime.admin import AdminError, DeadLetter, find_dead, open_letter, read_dead, replay
from runtime.settings import Settings
from services.cli.session import load_settings, say

app = typer.Typer(help="Dead letters: messages that a worker could not process.", no_args_is_help=True)

Address = Annotated[str, typer.Argument(help="Where it lies, as `list` shows it: worker/partition/offset.")]


@app.command(name="list")
def list_letters(
    worker: Annotated[str | None, typer.Option(help="Only this worker's.")] = None,
    reason: Annotated[str | None, typer.Option(help="Only those with this reason.")] = None,
) -> None:
    """List dead letters, without what was in them."""
    letters = asyncio.run(_letters(load_settings(), worker, reason))
    table = Table("address", "when", "reason", "type", "message id")
    for letter in letters:
        when = letter.header("dead_at") or letter.buried_at.isoformat(timespec="seconds")
        said = (when, letter.header("dead_reason"), letter.header("ce_type"), letter.header("ce_id"))
        table.add_row(letter.address, *(Text(harmless(each)) for each in said))
    if letters:
        Console(width=None if sys.stdout.isatty() else 200).print(table)
    say(f"{len(letters)} dead letter{'' if len(letters) == 1 else 's'}")


@app.command()
def show(
    address: Address,
    show_bytes: Annotated[
        bool, typer.Option("--bytes", help="Also the original bytes, and what was shut: may hold personal data.")
    ] = False,
) -> None:
    """Show one dead letter: its headers and size, and its bytes only when asked."""
    settings = load_settings()
    letter = asyncio.run(find_dead(settings, address))
    if show_bytes:
        letter = asyncio.run(open_letter(settings, letter))
    for name, value in letter.headers:
        say(harmless(f"{name}: {(value or b'').decode(errors='replace')}"))
    say(f"key: {_size(letter.key)}")
    say(f"value: {_size(letter.value)}")
    if show_bytes and letter.value is not None:
        sys.stdout.flush()
        sys.stdout.buffer.write(letter.value + b"\n")


@app.command(name="replay")
def replay_letters(
    address: Annotated[list[str], typer.Argument(help="Which: worker/partition/offset, several allowed.")],
    as_new: Annotated[
        bool,
        typer.Option("--as-new", help="With a new, derived id: for a command that its worker remembers failing at."),
    ] = False,
) -> None:
    """Send dead letters back to the topic that they came from: the same key, bytes and headers."""
    settings = load_settings()
    for one in address:
        topic = asyncio.run(_replay(settings, one, as_new))
        say(f"{one} sent to {topic}")


async def _letters(settings: Settings, worker: str | None, reason: str | None) -> list[DeadLetter]:
    if worker is not None and worker not in WORKERS:
        raise AdminError(f"no worker {worker!r}; there are: {', '.join(WORKERS)}")
    letters = read_dead(settings, WORKERS if worker is None else [worker])
    return [letter async for letter in letters if reason in {None, letter.header("dead_reason")}]


async def _replay(settings: Settings, address: str, as_new: bool) -> str:
    return await replay(settings, await find_dead(settings, address), as_new=as_new)


def _size(value: bytes | None) -> str:
    return "none" if value is None else f"{len(value)} bytes"


def harmless(text: str) -> str:
    """A stranger's text for a terminal: what would move its cursor or turn its lines round is shown by its code."""
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)
