"""`punchcard adjust`: a file of adjustments, first looked at, then sent."""

from pathlib import Path
from typing import Annotated

import typer

from services.cli.session import SessionError, load_settings, read_programme


def adjust(
    file: Annotated[
        Path,
        typer.Argument(
            help="A CSV file: card_number, unit, amount (below 0: deduct), reason; comment, expected_balance if wanted."
        ),
    ],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would become of it, row by row, and change nothing.")
    ] = False,
    skip_invalid: Annotated[bool, typer.Option("--skip-invalid", help="Send the rows that are right.")] = False,
    out: Annotated[Path | None, typer.Option(help="Where outcomes are written; beside the file if not said.")] = None,
) -> None:
    """Adjust the balances of a file, row by row, by whose key PUNCHCARD_API_KEY is; once more it changes nothing.

    What one operator may do alone binds them here as at their desk: what is above it waits for a second person.
    """
    from services.bulk import outcome_file_of
    from services.cli.adjustment_files import must_be_own, read_rows, say_what_would_be
    from services.cli.callers import bulk_adjuster
    from services.cli.card_files import send

    settings = load_settings()
    programme = read_programme(settings)
    actor = bulk_adjuster(settings)
    rows = read_rows(file, programme, actor)
    must_be_own(settings, rows, actor)
    if dry_run:
        raise typer.Exit(say_what_would_be(settings, programme, rows, actor))
    wrong = sum(row.problem is not None for row in rows)
    if wrong and not skip_invalid:
        raise SessionError(
            f"{wrong:,} of {len(rows):,} rows are invalid: nothing was sent; --skip-invalid sends the rest"
        )
    raise typer.Exit(send(settings, rows, out or outcome_file_of(file), actor))
