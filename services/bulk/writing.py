"""What came of every row, as a file: the outcome, and why it isn't done where it isn't."""

import csv
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from contracts.messages import CommandEnded
from contracts.refusals import text_of
from services.bulk.rows import Row

INVALID: Final = "invalid"
NEEDS_APPROVAL: Final = "needs approval"
"""It is above what its operator may do alone: nothing has moved until a second person approves it."""
WAITING: Final = "AdjustmentSubmitted"
NOT_SENT: Final = "no outcome"
"""Not sent, or not answered: the same file again goes on with it."""


def outcome_file_of(file: Path) -> Path:
    """Where the outcomes of a command file's rows are written: beside it."""
    return file.with_name(f"{file.stem}.outcome.csv")


def write_outcomes(file: Path, rows: Sequence[Row], answers: Mapping[str, CommandEnded]) -> Counter[str]:
    """Write one line for every row, in their order; says how many ended how.

    The file is replaced as a whole, so that there is never half of one.

    Raises:
        OSError: it can't be written.
    """
    counts: Counter[str] = Counter()
    part = file.with_name(f"{file.name}.part")
    with part.open("w", encoding="utf-8", newline="") as opened:
        writer = csv.writer(opened)
        writer.writerow(("row", "about", "outcome", "code", "text"))
        for row in rows:
            outcome, code, text = _outcome(row, answers.get(row.id))
            counts[outcome] += 1
            writer.writerow((row.number, _harmless(row.about), outcome, code, text))
    part.replace(file)
    return counts


def _outcome(row: Row, ended: CommandEnded | None) -> tuple[str, str, str]:
    if row.problem is not None:
        return INVALID, INVALID, row.problem
    if ended is None:
        return NOT_SENT, "", ""
    for said in ended.events:
        if said.type == WAITING:
            waiting = f"adjustment {said.body['adjustment_id']} waits for a second person until {said.body['ends_at']}"
            return NEEDS_APPROVAL, "", waiting
    code = ended.code or ""
    return ended.outcome.value, code, text_of(code, dict(ended.details)) if code else ""


def _harmless(cell: str) -> str:
    """A cell that a spreadsheet doesn't take for a formula."""
    return f"'{cell}" if cell[:1] in "=+-@\t\r" and cell else cell
