"""What `punchcard adjust` says of a file before it is sent: by row what is wrong, and by unit what would move."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from contracts.adjustments import AdjustBalance
from contracts.programme import Programme
from contracts.programme.adjustments import Exceeding
from contracts.refusals import text_of
from runtime.settings import Settings
from runtime.store import Away, Library
from services.bulk import InvalidFile, Row, adjustment_rows, read_table
from services.bulk.adjustments import COLUMNS, NEEDED
from services.cli.card_files import say_wrong, sender
from services.cli.session import SessionError, run, say
from workers.rewards.views import Account, RewardsViews, balances


def read_rows(file: Path, programme: Programme) -> list[Row]:
    """The rows of a file of adjustments; those that are invalid are said.

    Raises:
        SessionError: it is no such file.
    """
    try:
        rows = adjustment_rows(read_table(file, COLUMNS, NEEDED), programme, sender().id)
    except InvalidFile as error:
        raise SessionError(str(error)) from error
    say_wrong(rows)
    return rows


def say_what_would_be(settings: Settings, programme: Programme, rows: Sequence[Row]) -> int:
    """Say what would become of rows as balances are now, without sending any; the exit code.

    A file that was sent already is looked at like any other; sent again it changes nothing.

    Raises:
        SessionError: the database doesn't answer.
    """
    accounts = run(_accounts(settings, rows))
    judged = foreseen(rows, accounts, programme, datetime.now(UTC))
    refused = [row for row, before in zip(judged, rows, strict=True) if row.problem and not before.problem]
    say_wrong(refused)
    added, deducted = Counter[str](), Counter[str]()
    for row in judged:
        if isinstance(row.command, AdjustBalance) and row.problem is None:
            (added if row.command.amount > 0 else deducted)[row.command.unit] += abs(row.command.amount)
    for unit in sorted({*added, *deducted}):
        say(f"{unit}: {added[unit]:,} would be added, {deducted[unit]:,} deducted")
    wrong = sum(row.problem is not None for row in rows)
    would = len(rows) - wrong - len(refused)
    say(f"{len(rows):,} rows: {would:,} would be done, {len(refused):,} refused, {wrong:,} invalid; nothing was sent")
    return 1 if wrong or refused else 0


def foreseen(rows: Sequence[Row], accounts: Mapping[str, Account], programme: Programme, now: datetime) -> list[Row]:
    """The rows, each that would be refused with the reason; what earlier rows move counts for later ones."""
    rules = programme.rewards
    held: dict[tuple[str, str], int] = {}
    judged: list[Row] = []
    for row in rows:
        command = row.command
        if not isinstance(command, AdjustBalance):
            judged.append(row)
            continue
        account = accounts.get(command.card_number)
        if account is None:
            judged.append(replace(row, problem=text_of("unknown_card", {})))
            continue
        key = (account.id, command.unit)
        if key not in held:
            shown = balances(account, now, rules.shortfall)
            held[key] = next((each.available for each in shown if each.unit == command.unit), 0)
        problem = None
        if command.expected_balance is not None and command.expected_balance != held[key]:
            problem = text_of("balance_changed", {"expected": command.expected_balance, "held": held[key]})
        elif -command.amount > held[key] and rules.adjustments.exceeding is Exceeding.REFUSE:
            problem = text_of("adjustment_exceeds_balance", {"amount": -command.amount, "held": held[key]})
        else:
            held[key] += command.amount
        judged.append(replace(row, problem=problem))
    return judged


async def _accounts(settings: Settings, rows: Sequence[Row]) -> dict[str, Account]:
    library = Library(settings)
    numbers = sorted({row.command.card_number for row in rows if isinstance(row.command, AdjustBalance)})
    try:
        return await RewardsViews(library.worker("rewards")).accounts_by_card(numbers)
    except Away as error:
        raise SessionError(f"MongoDB does not answer ({error}); `punchcard up` (make run) starts everything") from error
    finally:
        library.close()
