"""`make chaos KILLS=n`: shows what is done and what it does, and prints as its last line one JSON object."""

import asyncio
import json
import logging
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from runtime.local import LocalError
from tests.chaos.servers import NoKafka, check_apache
from tests.chaos.soak import Soak, Wish

NO_KAFKA: Final = 2
INTERRUPTED: Final = 130
SELDOM_SECONDS: Final = 10.0

console = Console(width=None if sys.stdout.isatty() else 140)
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


class Shown:
    """What people see: the figures now, and the last things that were done; on a pipe a line for each."""

    def __init__(self) -> None:
        columns = (
            SpinnerColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[figures]}"),
            TextColumn("{task.description}"),
        )
        self.bar = Progress(*columns, console=console, transient=True)
        self._task = self.bar.add_task("", total=None, figures="")
        self._began = self._told_at = time.monotonic()

    def say(self, text: str) -> None:
        """Show what is done now."""
        self.bar.update(self._task, description=text)
        is_small = text.startswith("coming to rest") and time.monotonic() - self._told_at < SELDOM_SECONDS
        if not console.is_terminal and not is_small:
            self._told_at = time.monotonic()
            console.print(f"{time.monotonic() - self._began:7.1f} s  {text}", highlight=False)

    async def follow(self, figures: Callable[[], str]) -> None:
        """Keep the figures up to date until cancelled."""
        while True:
            self.bar.update(self._task, figures=figures())
            await asyncio.sleep(0.5)


async def soak(wish: Wish, folder: Path, shown: Shown, keep: Path | None = None) -> dict[str, Any]:
    """Run one and judge it; everything is ended when this returns, however it does."""
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    one = Soak(wish, folder, shown.say)
    async with AsyncExitStack() as stack:
        stack.callback(one.release)
        if keep is not None:
            stack.callback(shutil.copytree, folder / "logs", keep, dirs_exist_ok=True)
        stack.push_async_callback(one.close)
        following = asyncio.create_task(shown.follow(one.figures))
        stack.callback(following.cancel)
        await one.run()
        found = await one.judged()
        for line in one.wrong:
            console.print(line, highlight=False, markup=False)
        return found


@app.command()
def chaos(  # noqa: PLR0917  # a command line's options have names
    kills: Annotated[
        int, typer.Option(min=1, help="How many `kill -9`; freezes and rolling restarts come on top.")
    ] = 20,
    commands: Annotated[int, typer.Option(min=100, help="At least so many commands.")] = 10_000,
    seed: Annotated[int, typer.Option(min=0, max=9_999, help="The same seed: the same commands and faults.")] = 1,
    rate: Annotated[float, typer.Option(min=1, help="Commands a second.")] = 500,
    gap: Annotated[
        float, typer.Option(min=0, help="Least seconds between two faults; more commands fill the time.")
    ] = 1.5,
    backlog: Annotated[
        int, typer.Option(min=0, help="Commands without outcome at which the load waits; 0: never.")
    ] = 0,
    replay: Annotated[bool, typer.Option(help="Afterwards everything is read once more from the beginning.")] = False,
    texts: Annotated[bool, typer.Option(help="Wait at the end until every text has reached its provider.")] = True,
    keep: Annotated[Path | None, typer.Option(help="Copy the logs there when it has ended.")] = None,
) -> None:
    """Kill, freeze and restart everything under load, and judge what is left."""
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    check_apache()
    wish = Wish(kills, commands, rate, seed, gap, backlog, replay=replay, texts=texts)
    folder = Path(tempfile.mkdtemp(prefix="punchcard-chaos-"))
    shown = Shown()
    try:
        with shown.bar:
            found = asyncio.run(soak(wish, folder, shown, keep))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(json.dumps(found), flush=True)
    raise typer.Exit(0 if found["held"] else 1)


def main() -> None:
    """Run; what can't be done is one line, an interrupted run leaves nothing behind."""
    try:
        code = app(standalone_mode=False)
    except NoKafka as error:
        print(f"chaos: {error}", file=sys.stderr)
        sys.exit(NO_KAFKA)
    except (LocalError, typer.BadParameter) as error:
        print(f"chaos: {error}", file=sys.stderr)
        sys.exit(1)
    except (KeyboardInterrupt, asyncio.CancelledError, typer.Abort):
        code = INTERRUPTED
    if code == INTERRUPTED:
        print("chaos: interrupted", file=sys.stderr)
    sys.exit(code or 0)


if __name__ == "__main__":
    main()
