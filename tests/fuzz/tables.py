"""Command files: CSV of every kind that the command line takes, valid or spoilt, and an account of their rows."""

import csv
import gzip
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Final

from contracts.programme import Programme
from services.bulk import (
    InvalidFile,
    Row,
    Table,
    adjustment_rows,
    adjustments,
    card_rows,
    cards,
    outcome_file_of,
    read_table,
    write_outcomes,
)
from services.gateway.examples import EXAMPLES
from tests.fuzz.absurdities import ABSURD_IDS, ABSURD_NUMBERS, ABSURD_TEXTS
from tests.fuzz.lines import spoil_lines, written
from tests.fuzz.shots import CARDS, card_number

MOST_ROWS: Final = 20
BEYOND_THE_LIMIT: Final = 200_000
"""Characters in one cell: more than Python's reader of CSV takes."""
FORMULAS: Final = ("=1+1", "=HYPERLINK(1)", "+1", "-1", "@x", "\t=1", "\r=1")
"""What a spreadsheet would carry out."""
Spoiling = Callable[[Random, list[str]], None]


class Torn(Exception):
    """A file was taken, and not each of its rows is accounted for."""


@dataclass(frozen=True, slots=True)
class FileKind:
    """A kind of command file."""

    name: str
    asked: tuple[str, ...]
    """What `punchcard` is asked, followed by the file."""
    columns: tuple[str, ...]
    needed: tuple[str, ...]
    example: Mapping[str, Any]
    rows: Callable[[Table, Programme], list[Row]]


KINDS: Final = (
    FileKind("cards", ("cards", "issue"), cards.COLUMNS, cards.NEEDED, EXAMPLES["IssueCard"], card_rows),
    FileKind(
        "adjustments",
        ("adjust",),
        adjustments.COLUMNS,
        adjustments.NEEDED,
        EXAMPLES["AdjustBalance"],
        lambda table, programme: adjustment_rows(table, programme, "olga"),
    ),
)


def _one_of(*cells: str) -> Callable[[Random], str]:
    return lambda random: random.choice(cells)


_CELLS: Final[Mapping[str, Callable[[Random], str]]] = {
    "kind": _one_of("", "physical", "virtual"),
    "category": _one_of("", "normal", "employee"),
    "unit": _one_of("stamps", "points"),
    "amount": lambda random: str(random.choice((-1, 1)) * random.randint(1, 20)),
    "reason": _one_of("missing_stamps", "goodwill", "wrong_booking", "misuse"),
    "comment": _one_of("", "Sorry", 'They said "soon"; it was late, so', "Ü 李 🙂", "=1+1"),
    "expected_balance": _one_of("", "0", "4"),
}
"""What columns of these names are filled with; all others as in the command's example."""


def valid(random: Random, kind: FileKind) -> tuple[str, int]:
    """A file as spreadsheets write them, each row of which is right, and how many rows it has."""
    names = [name for name in kind.columns if name in kind.needed or random.random() < 0.7]
    random.shuffle(names)
    first = random.choice((random.randrange(CARDS), random.randrange(10**9, 2 * 10**9)))
    count = random.randint(1, MOST_ROWS)
    text = io.StringIO()
    lines = csv.writer(
        text,
        delimiter=random.choice(",;"),
        lineterminator=random.choice(("\n", "\r\n")),
        quoting=random.choice((csv.QUOTE_MINIMAL, csv.QUOTE_ALL)),
    )
    lines.writerow(names)
    for number in range(first, first + count):
        row = {"card_number": card_number(number)} | {name: fill(random) for name, fill in _CELLS.items()}
        lines.writerow(row.get(name, str(kind.example.get(name, ""))) for name in names)
    return random.choice(("", "\ufeff")) + text.getvalue(), count


# ---------------------------------------------------------------- what is done to them


def _separator(lines: Sequence[str]) -> str:
    return ";" if ";" in lines[0] else ","


def spoils_lines(random: Random, lines: list[str]) -> None:
    """As any file is spoilt."""
    spoil_lines(random, lines, _separator(lines), _separator(lines))


def opens_a_quote(random: Random, lines: list[str]) -> None:
    """A quotation mark where none belongs."""
    place = random.randrange(len(lines))
    at = random.randrange(len(lines[place]) + 1)
    lines[place] = lines[place][:at] + random.choice(('"', '""', "'", '"x"')) + lines[place][at:]


def changes_separators(random: Random, lines: list[str]) -> None:
    """Another separator, in all lines or in one."""
    now, other = _separator(lines), random.choice((";", ",", "\t", "|", ",,", " , "))
    place = random.randrange(len(lines))
    for number in random.choice((range(len(lines)), (0,), (place,))):
        lines[number] = lines[number].replace(now, other)


def empties_a_line(random: Random, lines: list[str]) -> None:
    """A line of nothing, or of nothing but separators."""
    lines.insert(random.randrange(len(lines) + 1), random.choice(("", ",,,", ";;", "   ", "\t", '""', '"",""')))


def lengthens_a_line(random: Random, lines: list[str]) -> None:
    """A line with many cells, or with one that is very long."""
    place = random.randrange(len(lines))
    more = random.choice((_separator(lines) * random.choice((1, 10, 10_000)), "x" * BEYOND_THE_LIMIT, "9" * 5_000))
    lines[place] = random.choice((lines[place] + more, more + lines[place]))


def doubles_a_column(random: Random, lines: list[str]) -> None:
    """A column is named twice, or one that nobody knows."""
    names = lines[0].rstrip("\r").split(_separator(lines))
    lines[0] = _separator(lines).join((*names, random.choice((random.choice(names), "unheard_of", "", " "))))


def renames_a_column(random: Random, lines: list[str]) -> None:
    """A column has another name, or stands elsewhere."""
    names = lines[0].rstrip("\r").split(_separator(lines))
    if random.random() < 0.5:
        random.shuffle(names)
    else:
        place = random.randrange(len(names))
        names[place] = random.choice(
            (names[place].upper(), f" {names[place]} ", names[place] + "\x00", "", "operator_id")
        )
    lines[0] = _separator(lines).join(names)


def ends_lines_otherwise(random: Random, lines: list[str]) -> None:
    """Line ends of other systems, between lines or within one."""
    place = random.randrange(len(lines))
    at = random.randrange(len(lines[place]) + 1)
    lines[place] = lines[place][:at] + random.choice(("\r", "\r\n", "\u2028", "\x0b", "\x1e")) + lines[place][at:]


def writes_an_absurd_cell(random: Random, lines: list[str]) -> None:
    """A cell that other systems stumbled over, well quoted, so that it is read as it stands."""
    absurd = random.choice((*ABSURD_TEXTS, *ABSURD_IDS, *map(str, ABSURD_NUMBERS), *FORMULAS))
    place = random.randrange(len(lines))
    cells = lines[place].split(_separator(lines))
    cells[random.randrange(len(cells))] = '"' + absurd.replace('"', '""') + '"'
    lines[place] = _separator(lines).join(cells)


def repeats_lines(random: Random, lines: list[str]) -> None:
    """Rows stand there twice, or very often."""
    lines += lines[1:] * random.choice((1, 1, 1, 50))


SPOILINGS: Final[tuple[Spoiling, ...]] = (
    *(spoils_lines, opens_a_quote, changes_separators, empties_a_line, lengthens_a_line, doubles_a_column),
    *(renames_a_column, ends_lines_otherwise, writes_an_absurd_cell, writes_an_absurd_cell, repeats_lines),
)
ENCODINGS: Final[tuple[Callable[[bytes], bytes], ...]] = (
    lambda raw: b"\xef\xbb\xbf" + raw,
    lambda raw: raw.decode("utf-8", "replace").encode("utf-16"),
    lambda raw: raw.decode("utf-8", "replace").encode("utf-16-le"),
    lambda raw: raw.decode("utf-8", "replace").encode("cp1252", "replace"),
    lambda raw: raw.replace(b",", b"\x00,", 3),
    lambda raw: raw.replace(b"\n", b"\x00\n"),
    lambda raw: raw[: len(raw) // 2],
    lambda raw: raw[:3],
    lambda _: b"",
    lambda raw: b"\x00" * len(raw),
    gzip.compress,
)
"""What saving and sending does to a whole file."""


def spoilt(random: Random, kind: FileKind) -> bytes:
    """A file that was valid before one to three things were done to it."""
    lines = valid(random, kind)[0].split("\n")
    for _ in range(random.choice((1, 1, 2, 3))):
        random.choice(SPOILINGS)(random, lines)
    raw = written(random, lines)
    return random.choice(ENCODINGS)(raw) if random.random() < 0.2 else raw


# ---------------------------------------------------------------- what has to come of them


def account_for(kind: FileKind, file: Path, programme: Programme, right: int | None = None) -> list[Row]:
    """Read a file as the command line does, write the outcomes of its rows, and look whether each row has one.

    Raises:
        InvalidFile: it is refused, in one line.
        Torn: it isn't all accounted for; so many of its rows are `right`, if that is known.
    """
    try:
        rows = kind.rows(read_table(file, kind.columns, kind.needed), programme)
    except InvalidFile as error:
        if right is not None or not str(error).isprintable():
            raise Torn(f"refused, with {right} right rows: {error!r}") from error
        raise
    if right is not None and [row.problem for row in rows] != [None] * right:
        raise Torn(f"of {right} right rows came {[row.problem for row in rows]}")
    for row in rows:
        if (row.command is None) == (row.problem is None) or not (row.problem or "").isprintable():
            raise Torn(f"row {row.number} is {row.command!r} and has the problem {row.problem!r}")
    if len({row.id for row in rows}) < len(rows):
        raise Torn("two rows have one id")
    out = outcome_file_of(file)
    write_outcomes(out, rows, {})
    found = outcomes_in(out)
    if [each["row"] for each in found] != [str(row.number) for row in rows]:
        raise Torn(f"{len(found)} of {len(rows)} rows have an outcome")
    formulas = [each["about"] for each in found if each["about"].startswith(tuple("=+-@\t\r"))]
    if formulas:
        raise Torn(f"outcomes that a spreadsheet carries out: {formulas}")
    return rows


def outcomes_in(file: Path) -> list[dict[str, str]]:
    """The lines of an outcome file."""
    with file.open(encoding="utf-8", newline="") as opened:
        return list(csv.DictReader(opened, strict=True))
