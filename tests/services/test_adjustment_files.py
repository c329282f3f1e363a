"""Files of adjustments: what is read from them, what is foreseen of them, and what is sent."""

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from contracts.adjustments import AdjustBalance
from contracts.messages import Actor, ActorKind, CommandEnded, Envelope, Outcome, Said
from contracts.programme import Programme
from runtime.decisions import Context
from runtime.documents import Document
from runtime.journal import JournalRecord
from runtime.settings import Settings
from services.bulk import Row, adjustment_rows, read_table, write_outcomes
from services.bulk.adjustments import COLUMNS, NEEDED
from services.cli.adjustment_files import Known, begun_by, foreseen
from services.cli.callers import bulk_adjuster
from services.cli.commands import app
from services.cli.session import SessionError
from services.gateway.keys import create_key
from tests.decisions import NOON, VAULT, decide
from tests.workers.memory_reader import MemoryReader
from tests.workers.rewards.counter import NUMBER, OPERATOR, OTHER, OTTO, account, adjust, card, holding
from tests.workers.rewards.counter import PROGRAMME as DEMO
from workers.rewards.adjusting import adjust_balance
from workers.rewards.adjustment_documents import Counted, Operator
from workers.rewards.documents import Account, Card
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
        judged = foreseen(rows, known(account(holding("stamps", 2))), PROGRAMME, NOON)

        assert [row.problem for row in judged] == [
            None,
            None,
            "1 can't be deducted: only 0 can be spent.",
            "The balance was 9 when you looked and is 0 now: look again before you go on.",
            "There is no card with this number.",
        ]

    def test_foresees_what_would_wait_for_a_second_person(self, file: Path) -> None:
        rows = rows_of(
            file,
            f"{NUMBER},stamps,21,goodwill,,",
            f"{NUMBER},stamps,20,goodwill,,",
            f"{NUMBER},stamps,15,goodwill,,",
            f"{NUMBER},stamps,10,goodwill,,",
        )
        judged = foreseen(rows, known(account(), done={"stamps": 70}), PROGRAMME, NOON)
        assert [row.waits for row in judged] == [True, False, True, False]
        freely = foreseen(rows, known(account(), done={"stamps": 70}, is_capped=False), PROGRAMME, NOON)
        assert not any(row.waits for row in freely)

    def test_foresees_that_nobody_adjusts_their_own_account(self, file: Path) -> None:
        rows = rows_of(file, f"{NUMBER},stamps,1,goodwill,,")
        (judged,) = foreseen(rows, known(account(), own_member="ana"), PROGRAMME, NOON)
        assert judged.problem == "Nobody works on their own account or cards: ask somebody else."

    async def test_finds_accounts_by_cards(self) -> None:
        reader = MemoryReader([account(), Card(id=NUMBER, account_id=account().id), Card(id=OTHER)])
        assert await LedgerViews(reader).accounts_by_card([NUMBER, OTHER]) == {NUMBER: account()}

    async def test_finds_holders_by_cards_and_what_the_sender_did_today(self) -> None:
        olga = Operator(id="olga", counted_on=NOON.date(), counted=(Counted(unit="stamps", amount=7),))
        views = LedgerViews(MemoryReader([Card(id=NUMBER, member_id="ana"), Card(id=OTHER), olga]))
        assert await views.holders_by_card([NUMBER, OTHER]) == {NUMBER: "ana"}
        assert await views.operator("olga") == olga
        assert await views.operator("otto") is None


def known(of: Account, **changes: Any) -> Known:
    """What is known of one account, before somebody whom the caps bind sends a file."""
    fields = {"accounts": {NUMBER: of}, "holders": {NUMBER: "ana"}, "own_member": None, "done": {}, "is_capped": True}
    return Known(**{**fields, **changes})


@pytest.fixture
def keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PUNCHCARD_KEYS_FILE", str(tmp_path / "keys.yaml"))
    return tmp_path / "keys.yaml"


BULK = ("AdjustBalance", "bulk:adjustments")


class TestWhoSendsAFile:
    def test_is_whose_key_the_environment_holds(self, keys: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PUNCHCARD_API_KEY", create_key(keys, "olga", ActorKind.OPERATOR, BULK))
        assert bulk_adjuster(Settings()) == Actor(kind=ActorKind.OPERATOR, id="olga")

    @pytest.mark.parametrize(
        ("kind", "scopes", "said"),
        [
            (ActorKind.OPERATOR, None, "lacks the scope bulk:adjustments"),
            (ActorKind.OPERATOR, ("bulk:adjustments",), "lacks the scope AdjustBalance"),
            (ActorKind.POS, BULK, "that of a pos"),
        ],
    )
    def test_has_the_right_to_do_many_at_once(
        self, keys: Path, monkeypatch: pytest.MonkeyPatch, kind: ActorKind, scopes: tuple[str, ...] | None, said: str
    ) -> None:
        monkeypatch.setenv("PUNCHCARD_API_KEY", create_key(keys, "somebody", kind, scopes))
        with pytest.raises(SessionError, match=said):
            bulk_adjuster(Settings())

    def test_is_not_nobody(self, keys: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        create_key(keys, "olga", ActorKind.OPERATOR, BULK)
        for key, said in ((None, "say who you are"), ("pk_olga_" + "x" * 43, "is no key of")):
            if key is not None:
                monkeypatch.setenv("PUNCHCARD_API_KEY", key)
            with pytest.raises(SessionError, match=said):
                bulk_adjuster(Settings())


class TestOutcomes:
    def test_name_the_adjustment_that_waits_for_a_second_person(self, file: Path) -> None:
        rows = rows_of(file, f"{NUMBER},stamps,25,goodwill,,", f"{NUMBER},stamps,1,goodwill,,")
        body = {"adjustment_id": "a" * 32, "ends_at": "2026-11-25T12:00:00Z"}
        answers = {
            row.id: CommandEnded(command_id=row.id, command="AdjustBalance", outcome=Outcome.DONE, events=events)
            for row, events in zip(rows, ((Said(type="AdjustmentSubmitted", body=body),), ()), strict=True)
        }
        counts = write_outcomes(file.with_name("out.csv"), rows, answers)

        assert counts == {"needs approval": 1, "done": 1}
        assert f"adjustment {'a' * 32} waits for a second person" in file.with_name("out.csv").read_text()


class TestCommandLine:
    def test_sends_nothing_of_a_file_with_invalid_rows(
        self, file: Path, keys: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PUNCHCARD_API_KEY", create_key(keys, "olga", ActorKind.OPERATOR, BULK))
        rows_of(file, f"{NUMBER},stamps,0,goodwill,,")
        answer = CliRunner().invoke(app, ["adjust", str(file)])

        assert answer.exit_code != 0
        assert isinstance(answer.exception, SessionError)
        assert "1 of 1 rows are invalid: nothing was sent" in str(answer.exception)

    @pytest.mark.parametrize("flags", [[], ["--dry-run"]])
    def test_sends_nothing_of_a_file_that_another_began(
        self, file: Path, keys: Path, monkeypatch: pytest.MonkeyPatch, flags: list[str]
    ) -> None:
        monkeypatch.setenv("PUNCHCARD_API_KEY", create_key(keys, OTTO.id, ActorKind.OPERATOR, BULK))
        (row,) = rows_of(file, f"{NUMBER},stamps,3,goodwill,,")
        monkeypatch.setattr("services.cli.adjustment_files.Library", lambda _: Shelf(Rewards(*done(row))))
        monkeypatch.setattr("services.cli.card_files.send", lambda *_: pytest.fail("it was sent"))
        answer = CliRunner().invoke(app, ["adjust", str(file), *flags])

        assert isinstance(answer.exception, SessionError)
        assert str(answer.exception).startswith("this file was begun by olga,")


class Rewards(MemoryReader):
    """What rewards keeps, with its journal."""

    def __init__(self, *documents: Document) -> None:
        super().__init__(documents)
        self.records: dict[str, JournalRecord] = {}

    async def journal(self, message_id: str) -> JournalRecord | None:
        return self.records.get(message_id)

    def refuse(self, row: Row, actor: Actor) -> None:
        """Note that a row was refused."""
        assert row.command is not None
        digest = row.command.digest()
        self.records[row.id] = JournalRecord(row.id, "AdjustBalance", digest, actor, Outcome.REFUSED, NOON, None, ())


class Shelf:
    """A library of rewards alone."""

    def __init__(self, rewards: Rewards) -> None:
        self.rewards = rewards

    def worker(self, _: str) -> Rewards:
        return self.rewards

    def close(self) -> None:
        """Nothing is open."""


def done(row: Row, actor: Actor = OPERATOR) -> list[Document]:
    """What rewards keeps once a row is done."""
    command = adjust(3, actor)
    at = Context(
        Envelope(id=row.id, type="AdjustBalance", time=NOON, actor=actor, correlation_id=row.id), NOON, DEMO, VAULT
    )
    return decide(adjust_balance, command, card=card(), account=account(), context=at).documents


class TestAFileThatWasBegun:
    async def test_is_known_by_what_was_adjusted_however_long_ago(self, file: Path) -> None:
        rows = rows_of(file, f"{OTHER},stamps,3,goodwill,,", f"{NUMBER},stamps,3,goodwill,,")
        rewards = Rewards(*done(rows[1]))

        assert await begun_by(rewards, rows, OTTO) == "olga"
        assert await begun_by(rewards, rows, OPERATOR) is None

    async def test_is_known_by_the_journal_where_its_rows_were_refused(self, file: Path) -> None:
        rows, rewards = rows_of(file, f"{NUMBER},stamps,-3,misuse,,"), Rewards()
        rewards.refuse(rows[0], OPERATOR)

        assert await begun_by(rewards, rows, OTTO) == "olga"
        assert await begun_by(rewards, rows, OPERATOR) is None

    async def test_is_nobodys_while_none_of_it_was_sent(self, file: Path) -> None:
        (olgas,) = rows_of(file, f"{NUMBER},stamps,3,goodwill,,")
        assert await begun_by(Rewards(*done(olgas)), rows_of(file, f"{NUMBER},stamps,4,goodwill,,"), OTTO) is None
