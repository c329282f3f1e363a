"""`punchcard audit`: whether the trail is whole, and still the one that it was; and all of it as a file."""

from pathlib import Path
from typing import Annotated

import typer

from services.cli.session import load_settings, run

app = typer.Typer(help="The trail: whether it is whole, and all of it as a file.", no_args_is_help=True)


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


@app.command()
def export(
    out: Annotated[Path, typer.Argument(help="The file to write, JSON lines; it must not be there yet.")],
) -> None:
    """Write the whole trail to a file, with what it takes to verify it there; exits with 1 if it is broken."""
    from services.cli.trail import exported

    raise typer.Exit(run(exported(load_settings(), out)))
