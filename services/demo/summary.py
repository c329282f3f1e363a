"""The summary: what was sent, how it ended, and whether it all adds up."""

import sys
from collections import Counter, defaultdict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from contracts.messages import WORKERS, Outcome
from contracts.registration import RegisterMember
from runtime.admin import AdminError, DeadLetter, open_letter, read_dead
from runtime.settings import Settings
from runtime.store import Library
from services.demo.books import Check
from services.demo.sending import Sending
from services.demo.stream import Stream
from workers.registration.views import RegistrationViews


@dataclass(frozen=True, slots=True)
class Pace:
    """How long the streaming took, and until every worker and every text was through."""

    streaming_seconds: float
    all_seconds: float


def console() -> Console:
    """Where it is printed: as wide as the terminal, or wide enough for a log."""
    return Console(width=None if sys.stdout.isatty() else 140, highlight=False)


def outcome_table(stream: Stream) -> Table:
    """Commands by type and outcome."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for command_id, kind in stream.kinds.items():
        ended = stream.answers.get(command_id)
        counts[kind]["accepted"] += 1
        counts[kind]["none" if ended is None else ended.outcome.value] += 1
    columns = ("accepted", *(outcome.value for outcome in Outcome))
    table = Table("command", *columns, "adds up", title="Outcomes", title_justify="left")
    for kind, count in sorted(counts.items()):
        table.add_row(kind, *(f"{count[each]:,}" for each in columns), _mark(count["none"] == 0))
    total = sum(counts.values(), Counter[str]())
    table.add_section()
    table.add_row("all", *(f"{total[each]:,}" for each in columns), _mark(total["none"] == 0))
    return table


def refusal_table(stream: Stream) -> Table:
    """Why commands were refused, or failed."""
    codes = Counter(
        (ended.outcome.value, ended.code or "", stream.kinds[command_id])
        for command_id, ended in stream.answers.items()
        if ended.outcome is not Outcome.DONE
    )
    table = Table("outcome", "code", "command", "count", title="Why not done", title_justify="left")
    for (outcome, code, kind), count in sorted(codes.items()):
        table.add_row(outcome, code, kind, f"{count:,}")
    return table


def check_table(checks: Sequence[Check]) -> Table:
    """What has to hold, and whether it does."""
    table = Table("check", "", "figures", title="Reconciliation", title_justify="left")
    for check in checks:
        table.add_row(check.what, _mark(check.is_right), check.figures)
    return table


def answered(stream: Stream) -> Check:
    """Whether every accepted command has exactly one outcome."""
    accepted = len(stream.kinds)
    done, refused, failed = (stream.count(outcome) for outcome in Outcome)
    is_right = accepted == done + refused + failed and not stream.contradicted
    figures = f"{accepted:,} = {done:,} + {refused:,} + {failed:,}"
    if stream.contradicted:
        figures += f"; {len(stream.contradicted):,} got two different answers"
    return Check("accepted = done + refused + failed", is_right, figures)


async def buried(stream: Stream, settings: Settings) -> Check:
    """Whether each stray lies among the dead letters for the right reason, and nothing else that the demo said."""
    expected = {stray.marker: (stray.worker, stray.reason) for stray in stream.strays}
    found: dict[bytes, set[tuple[str, str]]] = defaultdict(set)
    strangers = 0
    async for letter in read_dead(settings, WORKERS):
        key = await _key_of(letter, settings)
        if key in expected:
            found[key].add((letter.worker, letter.header("dead_reason")))
        elif letter.header("ce_correlationid") in stream.kinds:
            strangers += 1
    right = sum(found[marker] == {wanted} for marker, wanted in expected.items())
    is_right = right == len(expected) and strangers == 0
    return Check("dead letters are those expected", is_right, f"{right:,} of {len(expected):,}, {strangers:,} others")


async def _key_of(letter: DeadLetter, settings: Settings) -> bytes | None:
    """The Kafka key of what lies in a letter; None where it had none, or nobody can know any more."""
    with suppress(AdminError):
        return (await open_letter(settings, letter)).key
    return None


async def joined(stream: Stream, registrations: Sequence[Sending], library: Library) -> Check:
    """Whether everybody whose registration was done is a member now: by a member's phone, all of them and once."""
    phones: set[str] = set()
    done = 0
    for sending in registrations:
        ended = stream.answers.get(sending.id)
        if ended is not None and ended.outcome is Outcome.DONE and isinstance(sending.command, RegisterMember):
            phones.add(sending.command.phone)
            done += 1
    members = await RegistrationViews(library.worker("registration")).members_by_phones(phones)
    figures = f"{done:,} done, {done - len(phones):,} of members already; {len(members):,} members"
    return Check("done registrations = members", len(members) == len(phones), figures)


def pace_line(stream: Stream, pace: Pace) -> str:
    """How fast it went."""
    rate = len(stream.answers) / pace.streaming_seconds if pace.streaming_seconds else 0.0
    return (
        f"{stream.messages:,} messages, {len(stream.kinds):,} commands accepted, {len(stream.strays):,} malformed; "
        f"answered in {pace.streaming_seconds:.1f} s ({rate:,.0f} a second), "
        f"everything taken in after {pace.all_seconds:.1f} s"
    )


def _mark(is_right: bool) -> str:
    return "[green]yes[/]" if is_right else "[bold red]NO[/]"
