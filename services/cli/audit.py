"""`punchcard audit`: whether the trail is whole, and still the one that it was."""

from pathlib import Path
from typing import Annotated

import typer

from services.cli.session import load_settings, run

app = typer.Typer(help="The trail: whether it is whole, and still what it was.", no_args_is_help=True)


@app.command()
def verify(
    since: Annotated[
        Path | None, typer.Option(help="Heads that were noted earlier: the chains have to go through them.")
    ] = None,
    note: Annotated[
        Path | None,
        typer.Option(help="Where to note the heads, if all is whole; keep them out of reach of the database."),
    ] = None,
) -> None:
    """Hash the whole trail anew and say where it is broken; exits with 1 if it is. Safe while workers write."""
    from services.cli.trail import noted, verified

    raise typer.Exit(run(verified(load_settings(), noted(since), note)))
