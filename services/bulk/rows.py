"""What stands in a command file: its rows, each with an id of its own, derived from the file and the row."""

import csv
import io
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Final
from uuid import NAMESPACE_URL, uuid5

from contracts.messages import Command

NAMESPACE: Final = uuid5(NAMESPACE_URL, "punchcard-command-file")
MOST_ROWS: Final = 1_000_000
FIRST_ROW: Final = 2
"""Rows are counted as spreadsheets do: the names of the columns are row 1."""


class InvalidFile(Exception):
    """A file that is no command file at all; the text is one line."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row, and the command that it asks for, or why there is none."""

    number: int
    about: str
    """What it is about, as the outcome file shows it: a card's number."""
    id: str
    """The command's: the same row of the same file again is the same command, whenever its first sender sends it."""
    command: Command | None
    problem: str | None = None
    waits: bool = False
    """Of a row that is foreseen: whether it would wait for a second person."""


@dataclass(frozen=True, slots=True)
class Table:
    """The cells of a file, by row and column, and a digest of all of it."""

    digest: str
    rows: tuple[tuple[int, Mapping[str, str]], ...]

    def id_of(self, number: int) -> str:
        """The command id of a row."""
        return str(uuid5(NAMESPACE, f"{self.digest}/{number}"))


def read_table(file: Path, columns: Collection[str], needed: Collection[str]) -> Table:
    """The cells of a CSV file, separated by comma or semicolon, the first row naming the columns; empty rows are none.

    Raises:
        InvalidFile: it can't be read, is no UTF-8, too long, or has other columns.
    """
    try:
        content = file.read_bytes()
        text = content.decode("utf-8-sig")
    except OSError as error:
        raise InvalidFile(f"{file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InvalidFile(f"{file}: is not UTF-8") from error
    head, _, _ = text.partition("\n")
    lines = csv.reader(io.StringIO(text), delimiter=";" if ";" in head else ",", strict=True)
    try:
        names = [name.strip() for name in next(lines, [])]
        _check_columns(file, names, columns, needed)
        rows = []
        for number, cells in enumerate(lines, start=FIRST_ROW):
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) > len(names):
                raise InvalidFile(f"{file}: row {number} has more cells than there are columns")
            rows.append((number, {name: cell.strip() for name, cell in zip(names, cells, strict=False)}))
            if len(rows) > MOST_ROWS:
                raise InvalidFile(f"{file}: has more than {MOST_ROWS:,} rows")
    except csv.Error as error:
        raise InvalidFile(f"{file}: row {lines.line_num}: {error}") from error
    return Table(blake2b(content, digest_size=16).hexdigest(), tuple(rows))


def _check_columns(file: Path, names: Collection[str], columns: Collection[str], needed: Collection[str]) -> None:
    missing = [name for name in needed if name not in names]
    unknown = [name for name in names if name not in columns]
    if missing:
        raise InvalidFile(f"{file}: row 1 must name the columns; {', '.join(missing)} is missing")
    if unknown or len(set(names)) < len(names):
        raise InvalidFile(f"{file}: row 1 may name {', '.join(columns)}, each once")
