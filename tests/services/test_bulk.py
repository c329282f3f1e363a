"""Command files: what is read from them, the numbers in them, and what is written of them."""

import csv
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from contracts.cards import CardKind, IssueCard
from contracts.messages import CommandEnded, Outcome
from contracts.programme import Programme
from contracts.programme.cards import NumberRange
from contracts.values import luhn_digit
from services.bulk import (
    InvalidFile,
    NumberKey,
    Row,
    card_rows,
    draw,
    outcome_file_of,
    read_table,
    write_outcomes,
)
from services.bulk.cards import COLUMNS, NEEDED
from services.cli.commands import app
from services.cli.session import SessionError

PROGRAMME = Programme.read(Path("programme.yaml"))
NUMBER, OTHER = "4111111111111111", "5500005555555559"
KEY = NumberKey(b"k" * 32)
RANGE = NumberRange(prefix="977", digits=16)


def rows_of(file: Path, text: str) -> list[Row]:
    file.write_text(text, encoding="utf-8")
    return card_rows(read_table(file, COLUMNS, NEEDED), PROGRAMME)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "cards.csv"


class TestACardFile:
    @pytest.mark.parametrize("mark", ["", "\ufeff"])
    @pytest.mark.parametrize("separator", [",", ";"])
    def test_has_a_command_in_every_row(self, file: Path, separator: str, mark: str) -> None:
        lines = ("card_number,category,kind", f"{NUMBER},employee,virtual", "", f" {OTHER} ,,")
        first, second = rows_of(file, mark + "\n".join(lines).replace(",", separator))

        assert first.command == IssueCard(card_number=NUMBER, category="employee", kind=CardKind.VIRTUAL)
        assert second.command == IssueCard(card_number=OTHER)
        assert (first.number, second.number) == (2, 4)

    def test_gives_every_row_an_id_of_its_own_that_is_the_same_again(self, file: Path, tmp_path: Path) -> None:
        text = f"card_number\n{NUMBER}\n{OTHER}\n"
        first = [row.id for row in rows_of(file, text)]

        assert [row.id for row in rows_of(tmp_path / "copy.csv", text)] == first
        assert len({*first, *(row.id for row in rows_of(file, text + "\n"))}) == 4

    @pytest.mark.parametrize(
        ("cells", "problem"),
        [
            ("4111111111111112,,", "card_number: Value error, the check digit is wrong"),
            ("411111111111111l,,", "card_number: String should match pattern '^[0-9]{12,19}$'"),
            (f"{NUMBER},gold,", "category: the programme has normal, employee"),
            (f"{NUMBER},,paper", "kind: Input should be 'physical' or 'virtual'"),
            (",normal,", "card_number: Field required"),
            (f"{OTHER},,", "card_number: stands in row 2 already"),
        ],
    )
    def test_says_of_a_row_what_is_wrong(self, file: Path, cells: str, problem: str) -> None:
        good, bad = rows_of(file, f"card_number,category,kind\n{OTHER},,\n{cells}\n")

        assert good.problem is None
        assert (bad.command, bad.number, bad.problem) == (None, 3, problem)

    @pytest.mark.parametrize(
        ("content", "problem"),
        [
            (b"", "row 1 must name the columns; card_number is missing"),
            (b"number\n1\n", "row 1 must name the columns; card_number is missing"),
            (b"card_number,colour\n", "row 1 may name card_number, kind, category, each once"),
            (b"card_number,card_number\n", "row 1 may name card_number, kind, category, each once"),
            (b"card_number\n\xff\n", "is not UTF-8"),
            (b"card_number\n1,2\n", "row 2 has more cells than there are columns"),
            (b'card_number\n"1"2\n', "row 2: ',' expected after '\"'"),
        ],
    )
    def test_is_refused_when_it_is_none(self, file: Path, content: bytes, problem: str) -> None:
        file.write_bytes(content)
        with pytest.raises(InvalidFile) as caught:
            read_table(file, COLUMNS, NEEDED)
        assert str(caught.value) == f"{file}: {problem}"

    def test_is_refused_when_it_is_not_there(self, file: Path) -> None:
        with pytest.raises(InvalidFile, match="No such file"):
            read_table(file, COLUMNS, NEEDED)


class TestNumbers:
    def test_have_prefix_length_and_check_digit(self) -> None:
        for number in KEY.walk(RANGE, 0, 200):
            assert (number[:3], len(number)) == ("977", 16)
            assert luhn_digit(number[:-1]) == number[-1]

    def test_are_all_different_and_fill_their_range(self) -> None:
        small = NumberRange.model_construct(prefix="97700000000", digits=15)
        assert len(set(KEY.walk(small, 0, 1_000))) == 1_000
        with pytest.raises(ValueError, match="positions 0 to 999"):
            list(KEY.walk(small, 999, 2))

    def test_go_on_where_an_earlier_walk_ended(self) -> None:
        assert [*KEY.walk(RANGE, 0, 30), *KEY.walk(RANGE, 30, 20)] == list(KEY.walk(RANGE, 0, 50))

    def test_are_not_sequential(self) -> None:
        numbers = [int(number[:-1]) for number in KEY.walk(RANGE, 0, 1_000)]
        steps = {after - before for before, after in pairwise(numbers)}

        assert len(steps) == 999
        assert min(abs(step) for step in steps) > 10_000
        assert 400 < sum(step > 0 for step in steps) < 600

    @given(st.integers(0, 10**12 - 1))
    def test_are_others_under_another_key_or_in_another_range(self, position: int) -> None:
        (number,) = KEY.walk(RANGE, position, 1)

        assert list(NumberKey(b"l" * 32).walk(RANGE, position, 1)) != [number]
        assert next(KEY.walk(NumberRange(prefix="978", digits=16), position, 1))[3:-1] != number[3:-1]

    def test_leave_so_much_room_that_nobody_tries_them_out(self) -> None:
        with pytest.raises(ValueError, match="must leave 8 digits"):
            NumberRange(prefix="9770", digits=12)


class TestAKeyFile:
    def test_is_made_once_for_its_owner_alone(self, tmp_path: Path) -> None:
        file = tmp_path / "new" / "key"
        first = list(NumberKey.kept_in(file).walk(RANGE, 0, 3))

        assert list(NumberKey.kept_in(file).walk(RANGE, 0, 3)) == first
        assert file.stat().st_mode & 0o777 == 0o600

    @pytest.mark.parametrize("text", ["", "abc", "00" * 31])
    def test_is_refused_when_it_holds_no_key(self, tmp_path: Path, text: str) -> None:
        (tmp_path / "key").write_text(text)
        with pytest.raises(ValueError, match=r"hex|bytes"):
            NumberKey.kept_in(tmp_path / "key")


class TestOutcomes:
    def test_say_of_every_row_what_came_of_it(self, file: Path) -> None:
        rows = rows_of(file, f"card_number\n{NUMBER}\n{OTHER}\n378282246310005\n30569309025904\n=1+1\n")
        answers = {
            row.id: CommandEnded(command_id=row.id, command="IssueCard", outcome=outcome, code=code)
            for row, outcome, code in (
                (rows[0], Outcome.DONE, None),
                (rows[1], Outcome.REFUSED, "card_already_issued"),
                (rows[2], Outcome.FAILED, "unwritable"),
            )
        }
        counts = write_outcomes(outcome_file_of(file), rows, answers)

        lines = list(csv.reader(outcome_file_of(file).open(encoding="utf-8")))
        assert outcome_file_of(file).name == "cards.outcome.csv"
        assert [line[:4] for line in lines] == [
            ["row", "about", "outcome", "code"],
            ["2", NUMBER, "done", ""],
            ["3", OTHER, "refused", "card_already_issued"],
            ["4", "378282246310005", "failed", "unwritable"],
            ["5", "30569309025904", "no outcome", ""],
            ["6", "'=1+1", "invalid", "invalid"],
        ]
        assert lines[2][4] == "A card with this number exists already."
        assert counts == {"done": 1, "refused": 1, "failed": 1, "no outcome": 1, "invalid": 1}


class TestCommandLine:
    def test_draws_a_file_and_never_overwrites_one(self, tmp_path: Path) -> None:
        out, key = tmp_path / "cards.csv", tmp_path / "key"
        arguments = ["cards", "draw", "--prefix", "977", "--count", "50", "--key-file", str(key), "--out", str(out)]
        ended = CliRunner().invoke(app, arguments)
        again = CliRunner().invoke(app, arguments)

        assert ended.exit_code == 0
        assert "--start 50" in ended.stdout
        rows = card_rows(read_table(out, COLUMNS, NEEDED), PROGRAMME)
        assert [row.problem for row in rows] == [None] * 50
        assert isinstance(again.exception, SessionError)
        assert str(again.exception) == f"{out}: is there already"

    def test_draws_nothing_from_a_range_that_is_too_small(self, tmp_path: Path) -> None:
        out = tmp_path / "cards.csv"
        arguments = ["cards", "draw", "--prefix", "97700", "--digits", "12", "--count", "1", "--out", str(out)]
        ended = CliRunner().invoke(app, arguments)

        assert str(ended.exception) == "must leave 8 digits between prefix and check digit"
        assert not out.exists()

    def test_sends_nothing_of_a_file_with_invalid_rows(self, file: Path) -> None:
        file.write_text(f"card_number\n{NUMBER}\n4111111111111112\n")
        ended = CliRunner().invoke(app, ["cards", "issue", str(file)])

        assert ended.stdout == "row 3: card_number: Value error, the check digit is wrong\n"
        assert str(ended.exception) == "1 of 2 rows are invalid: nothing was sent; --skip-invalid sends the rest"


def test_draw_counts_what_it_wrote(tmp_path: Path) -> None:
    assert draw(tmp_path / "none.csv", (), None) == 0
    assert (tmp_path / "none.csv").read_text() == "card_number\n"
