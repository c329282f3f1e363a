"""Card files: numbers drawn from a range, and what issues them."""

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from contracts.cards import IssueCard
from contracts.messages import problems
from contracts.programme import Programme
from services.bulk.rows import Row, Table

COLUMNS: Final = ("card_number", "kind", "category")
NEEDED: Final = ("card_number",)


def card_rows(table: Table, programme: Programme) -> list[Row]:
    """A row's command for every row of a card file; rows that can't be right say why."""
    first: dict[str, int] = {}
    rows: list[Row] = []
    for number, cells in table.rows:
        about = cells.get("card_number", "")
        command, problem = _read({name: cell for name, cell in cells.items() if cell}, programme)
        if command is not None and (earlier := first.setdefault(command.card_number, number)) != number:
            command, problem = None, f"card_number: stands in row {earlier} already"
        rows.append(Row(number, about, table.id_of(number), command, problem))
    return rows


def _read(cells: dict[str, str], programme: Programme) -> tuple[IssueCard | None, str | None]:
    try:
        command = IssueCard.model_validate(cells)
    except ValidationError as error:
        return None, "; ".join(str(problem) for problem in problems(error))
    if command.category not in programme.cards.categories:
        return None, f"category: the programme has {', '.join(programme.cards.categories)}"
    return command, None


def draw(file: Path, numbers: Iterable[str], category: str | None) -> int:
    """Write a card file of these numbers; says how many. A file that is there already is never overwritten.

    Raises:
        OSError: it can't be written, or is there already.
    """
    count = 0
    with file.open("x", encoding="utf-8", newline="") as opened:
        writer = csv.writer(opened)
        writer.writerow(["card_number"] if category is None else ["card_number", "category"])
        for count, number in enumerate(numbers, start=1):  # noqa: B007 - it is what is returned
            writer.writerow([number] if category is None else [number, category])
    return count
