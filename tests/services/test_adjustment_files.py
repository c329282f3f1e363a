"""Files of adjustments: what is read from them, what is foreseen of them, and what is sent."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from contracts.adjustments import AdjustBalance
from contracts.programme import Programme
from services.bulk import Row, adjustment_rows, read_table
from services.bulk.adjustments import COLUMNS, NEEDED
from services.cli.adjustment_files import foreseen
from services.cli.commands import app
from services.cli.session import SessionError
from tests.decisions import NOON
from tests.workers.memory_reader import MemoryReader
from tests.workers.rewards.counter import NUMBER, OTHER, account, holding
from workers.rewards.documents import Card
from workers.rewards.ledger_views import LedgerViews

PROGRAMME = Programme.read(Path("programme.yaml"))
HEAD = "card_number,unit,amount,reason,comment,expected_balance\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "adjust.csv"


def rows_of(file: Path, *lines: str) -> list[Row]:
    file.write_text(HEAD + "\n".join(lines), encoding="utf-8")
    return adjustment_rows(read_table(file, COLUMNS, NEEDED), PROGRAMME, "cli-olga")


class TestAFile:
    def test_has_a_command_in_every_row_by_who_sends_it(self, file: Path) -> None:
        first, second = rows_of(file, f"{NUMBER},stamps,3,goodwill,Sorry,4", f"{OTHER},points,-20,misuse,,")

        assert first.command == AdjustBalance(
            card_number=NUMBER,
            operator_id="cli-olga",
            unit="stamps",
            amount=3,
            reason="goodwill",
            comment="Sorry",
            expected_balance=4,
        )
        assert second.command == AdjustBalance(
            card_number=OTHER, operator_id="cli-olga", unit="points", amount=-20, reason="misuse"
        )

    def test_again_has_the_same_ids_and_each_row_its_own(self, file: Path) -> None:
        line = f"{NUMBER},stamps,3,goodwill,,"
        first, second = rows_of(file, line, line), rows_of(file, line, line)

        assert [row.id for row in first] == [row.id for row in second]
        assert len({row.id for row in first}) == 2

    @pytest.mark.parametrize(
        ("line", "problem"),
        [
            ("4111111111111112,stamps,3,goodwill,,", "card_number"),
            (f"{NUMBER},miles,3,goodwill,,", "unit: the programme has stamps, points"),
            (f"{NUMBER},stamps,0,goodwill,,", "must not be 0"),
            (f"{NUMBER},stamps,three,goodwill,,", "amount"),
            (f"{NUMBER},stamps,3,whim,,", "reason: the programme has missing_stamps"),
            (f"{NUMBER},stamps,3,goodwill,,x", "expected_balance"),
        ],
    )
    def test_says_of_a_row_what_is_wrong(self, file: Path, line: str, problem: str) -> None:
        (row,) = rows_of(file, line)
        assert row.command is None
        assert problem in (row.problem or "")


class TestDryRun:
    def test_foresees_what_would_be_refused_and_counts_earlier_rows(self, file: Path) -> None:
        rows = rows_of(
            file,
            f"{NUMBER},stamps,3,goodwill,,2",
            f"{NUMBER},stamps,-5,misuse,,5",
            f"{NUMBER},stamps,-1,misuse,,",
            f"{NUMBER},stamps,1,goodwill,,9",
            f"{OTHER},stamps,1,goodwill,,",
        )
        judged = foreseen(rows, {NUMBER: account(holding("stamps", 2))}, PROGRAMME, NOON)

        assert [row.problem for row in judged] == [
            None,
            None,
            "1 can't be deducted: only 0 can be spent.",
            "The balance was 9 when you looked and is 0 now: look again before you go on.",
            "There is no card with this number.",
        ]

    async def test_finds_accounts_by_cards(self) -> None:
        reader = MemoryReader([account(), Card(id=NUMBER, account_id=account().id), Card(id=OTHER)])
        assert await LedgerViews(reader).accounts_by_card([NUMBER, OTHER]) == {NUMBER: account()}


class TestCommandLine:
    def test_sends_nothing_of_a_file_with_invalid_rows(self, file: Path) -> None:
        rows_of(file, f"{NUMBER},stamps,0,goodwill,,")
        answer = CliRunner().invoke(app, ["adjust", str(file)])

        assert answer.exit_code != 0
        assert isinstance(answer.exception, SessionError)
        assert "1 of 1 rows are invalid: nothing was sent" in str(answer.exception)
