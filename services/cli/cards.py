"""`punchcard cards`: card numbers drawn from a range, and whole files of cards issued."""

from pathlib import Path
from typing import Annotated, Final

import typer
from pydantic import ValidationError

from contracts.programme.cards import NumberRange
from services.cli.session import SessionError, load_settings, read_programme, say

app = typer.Typer(help="Cards in bulk: numbers drawn from a range, files of cards issued.", no_args_is_help=True)

KEY_FILE: Final = Path(".punchcard/card-numbers.key")


@app.command(name="draw")
def draw_numbers(
    prefix: Annotated[str, typer.Option(help="The digits in front.")],
    count: Annotated[int, typer.Option(min=1, help="How many numbers.")],
    out: Annotated[Path, typer.Option(help="The card file to write; it must not be there yet.")],
    digits: Annotated[int, typer.Option(help="How long the numbers are, with their check digit.")] = 16,
    start: Annotated[int, typer.Option(min=0, help="How many of the range were drawn before.")] = 0,
    category: Annotated[
        str | None, typer.Option(help="The cards' category; the programme's usual one if none.")
    ] = None,
    key_file: Annotated[
        Path, typer.Option(help="The secret of the order, made if there is none. Who has it foresees numbers.")
    ] = KEY_FILE,
) -> None:
    """Draw card numbers from a range, in an order that nobody foresees; the same call again draws the same."""
    from services.bulk import NumberKey, draw

    try:
        numbers = NumberRange(prefix=prefix, digits=digits)
        written = draw(out, NumberKey.kept_in(key_file).walk(numbers, start, count), category)
    except ValidationError as error:
        raise SessionError(
            "; ".join(problem["msg"].removeprefix("Value error, ") for problem in error.errors())
        ) from error
    except FileExistsError as error:
        raise SessionError(f"{out}: is there already") from error
    except (OSError, ValueError) as error:
        raise SessionError(str(error)) from error
    say(f"{written:,} numbers in {out}; the next of this range begin with --start {start + written}")


@app.command()
def issue(
    file: Annotated[Path, typer.Argument(help="A CSV file with the column card_number, and kind, category if wanted.")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would become of it, row by row, and change nothing.")
    ] = False,
    skip_invalid: Annotated[bool, typer.Option("--skip-invalid", help="Send the rows that are right.")] = False,
    out: Annotated[Path | None, typer.Option(help="Where outcomes are written; beside the file if not said.")] = None,
) -> None:
    """Issue the cards of a file, row by row; the same call again goes on where the last ended, or changes nothing."""
    from services.bulk import outcome_file_of
    from services.cli.card_files import read_rows, say_what_would_be, send

    settings = load_settings()
    rows = read_rows(file, read_programme(settings))
    if dry_run:
        raise typer.Exit(say_what_would_be(settings, rows))
    wrong = sum(row.problem is not None for row in rows)
    if wrong and not skip_invalid:
        raise SessionError(
            f"{wrong:,} of {len(rows):,} rows are invalid: nothing was sent; --skip-invalid sends the rest"
        )
    raise typer.Exit(send(settings, rows, out or outcome_file_of(file)))
