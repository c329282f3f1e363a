"""What `punchcard adjust` says of a file before it is sent: by row what is wrong, and by unit what would move."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from contracts.adjustments import AdjustBalance
from contracts.messages import Actor
from contracts.programme import Programme
from contracts.programme.adjustments import Exceeding
from contracts.refusals import text_of
from runtime.settings import Settings
from runtime.store import Away, Library, Reader
from services.bulk import InvalidFile, Row, adjustment_rows, read_table
from services.bulk.adjustments import COLUMNS, NEEDED
from services.bulk.sending import AT_ONCE
from services.cli.card_files import say_wrong
from services.cli.session import SessionError, run, say
from workers.rewards.views import Account, RewardsViews, balances


def read_rows(file: Path, programme: Programme, actor: Actor) -> list[Row]:
    """The rows of a file of adjustments by somebody; those that are invalid are said.

    Raises:
        SessionError: it is no such file.
    """
    try:
        rows = adjustment_rows(read_table(file, COLUMNS, NEEDED), programme, actor.id)
    except InvalidFile as error:
        raise SessionError(str(error)) from error
    say_wrong(rows)
    return rows


def say_what_would_be(settings: Settings, programme: Programme, rows: Sequence[Row], actor: Actor) -> int:
    """Say what would become of rows as balances are now, without sending any; the exit code.

    Raises:
        SessionError: the database doesn't answer.
    """
    now = datetime.now(UTC)
    judged = foreseen(rows, run(_known(settings, rows, programme, actor, now)), programme, now)
    refused = [row for row, before in zip(judged, rows, strict=True) if row.problem and not before.problem]
    say_wrong(refused)
    added, deducted = Counter[str](), Counter[str]()
    for row in judged:
        if isinstance(row.command, AdjustBalance) and row.problem is None and not row.waits:
            (added if row.command.amount > 0 else deducted)[row.command.unit] += abs(row.command.amount)
    for unit in sorted({*added, *deducted}):
        say(f"{unit}: {added[unit]:,} would be added, {deducted[unit]:,} deducted")
    wrong = sum(row.problem is not None for row in rows)
    waiting = sum(row.waits for row in judged)
    would = len(rows) - wrong - len(refused) - waiting
    say(
        f"{len(rows):,} rows: {would:,} would be done, {waiting:,} need approval, {len(refused):,} would be refused, "
        f"{wrong:,} are invalid; nothing was sent"
    )
    return 1 if wrong or refused else 0


def must_be_own(settings: Settings, rows: Sequence[Row], actor: Actor) -> None:
    """Let pass files that nobody else has begun: their rows' ids stand for commands by whoever sent them first.

    Raises:
        SessionError: somebody else has, or the database doesn't answer.
    """
    other = run(_beginner(settings, rows, actor))
    if other is not None:
        raise SessionError(f"this file was begun by {other}, and goes on under their key alone; nothing was sent")


async def _beginner(settings: Settings, rows: Sequence[Row], actor: Actor) -> str | None:
    library = Library(settings)
    try:
        return await begun_by(library.worker("rewards"), rows, actor)
    except Away as error:
        raise SessionError(f"MongoDB does not answer ({error}); `punchcard up` (make run) starts everything") from error
    finally:
        library.close()


async def begun_by(reader: Reader, rows: Sequence[Row], actor: Actor) -> str | None:
    """Who else has sent any of these rows; None if nobody has.

    A file is sent from its beginning on, so if anything was refused of one that was begun it is among its first rows.

    Raises:
        Away: MongoDB can't be reached.
    """
    ids = [row.id for row in rows if row.command is not None]
    records = await asyncio.gather(*(reader.journal(each) for each in ids[:AT_ONCE]))
    for record in records:
        if record is not None and record.actor.id != actor.id:
            return record.actor.id
    return await RewardsViews(reader).adjuster_of(ids, besides=actor.id)


class Known(NamedTuple):
    """What is known before a file is sent: by card its account and holder, and what binds who sends it."""

    accounts: Mapping[str, Account]
    holders: Mapping[str, str]
    own_member: str | None
    """Which member the sender is."""
    done: Mapping[str, int]
    """By unit what they have adjusted today; nothing where the caps don't bind them."""
    is_capped: bool


def foreseen(rows: Sequence[Row], known: Known, programme: Programme, now: datetime) -> list[Row]:
    """The rows, each that would be refused with the reason; what earlier rows move counts for later ones."""
    held: dict[tuple[str, str], int] = {}
    done = dict(known.done)
    judged: list[Row] = []
    for row in rows:
        command = row.command
        if not isinstance(command, AdjustBalance):
            judged.append(row)
            continue
        account = known.accounts.get(command.card_number)
        if account is not None and (account.id, command.unit) not in held:
            shown = balances(account, now, programme.rewards.shortfall)
            held[account.id, command.unit] = next((each.available for each in shown if each.unit == command.unit), 0)
        balance = 0 if account is None else held[account.id, command.unit]
        problem = _problem(command, balance, known, programme)
        waits = problem is None and known.is_capped and _is_above(command, done, programme)
        if problem is None and not waits and account is not None:
            held[account.id, command.unit] += command.amount
            done[command.unit] = done.get(command.unit, 0) + abs(command.amount)
        judged.append(replace(row, problem=problem, waits=waits))
    return judged


def _problem(command: AdjustBalance, held: int, known: Known, programme: Programme) -> str | None:
    """Why an adjustment would be refused where so much is held; None if it wouldn't."""
    if command.card_number not in known.accounts:
        return text_of("unknown_card", {})
    if known.own_member is not None and known.holders.get(command.card_number) == known.own_member:
        return text_of("own_account", {})
    if command.expected_balance is not None and command.expected_balance != held:
        return text_of("balance_changed", {"expected": command.expected_balance, "held": held})
    if -command.amount > held and programme.rewards.adjustments.exceeding is Exceeding.REFUSE:
        return text_of("adjustment_exceeds_balance", {"amount": -command.amount, "held": held})
    return None


def _is_above(command: AdjustBalance, done: Mapping[str, int], programme: Programme) -> bool:
    """Whether an adjustment is more than one person may do alone, after what they did today."""
    cap, amount = programme.rewards.adjustments.cap(command.unit), abs(command.amount)
    is_too_large = cap.each is not None and amount > cap.each
    return is_too_large or (cap.per_day is not None and done.get(command.unit, 0) + amount > cap.per_day)


async def _known(settings: Settings, rows: Sequence[Row], programme: Programme, actor: Actor, now: datetime) -> Known:
    library = Library(settings)
    numbers = sorted({row.command.card_number for row in rows if isinstance(row.command, AdjustBalance)})
    views = RewardsViews(library.worker("rewards"))
    try:
        operator = await views.operator(actor.id)
        day = now.astimezone(programme.zone).date()
        units = programme.rewards.units
        return Known(
            accounts=await views.accounts_by_card(numbers),
            holders=await views.holders_by_card(numbers),
            own_member=None if operator is None else operator.member_id,
            done={} if operator is None else {unit: operator.done(unit, day) for unit in units},
            is_capped=actor.kind in programme.rewards.adjustments.capped,
        )
    except Away as error:
        raise SessionError(f"MongoDB does not answer ({error}); `punchcard up` (make run) starts everything") from error
    finally:
        library.close()
