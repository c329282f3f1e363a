"""The demo's course: find the day, play it, let it come to rest, and settle accounts."""

import asyncio
import time
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any, Final

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from contracts.programme import Programme
from contracts.registration import RegisterMember
from runtime.admin import AdminError
from runtime.decisions import Worker
from runtime.settings import Settings
from runtime.store import Library
from services.demo.books import Books, changed_documents, opened
from services.demo.day import Day, Step
from services.demo.scale import Scale
from services.demo.sending import Sending, Stray
from services.demo.stream import Stream
from services.demo.summary import (
    Pace,
    answered,
    buried,
    check_table,
    console,
    joined,
    outcome_table,
    pace_line,
    refusal_table,
)
from workers.cards.views import CardsViews

INTERRUPTED: Final = 130
"""The exit code of who was stopped by Ctrl-C."""
OLDEST_DAYS: Final = 60
"""Older days would bring points that have expired, or are about to."""


class Demo:
    """One run of the demo."""

    def __init__(self, scale: Scale, programme: Programme, settings: Settings, books: Books, library: Library) -> None:
        self._scale = scale
        self._programme = programme
        self._settings = settings
        self._books = books
        self._library = library
        self._console = console()
        self._bar = Progress(
            TextColumn("{task.description:14}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeElapsedColumn(),
            console=self._console,
            transient=False,
        )
        self._task: TaskID = self._bar.add_task("waking up", total=None, rate="")
        self._stream = Stream(settings, self._advance)
        self._registrations: list[Sending] = []
        self._began_at = time.monotonic()

    async def run(self) -> int:
        """Play the day; 0 if everything reconciles, 1 if not, 130 if it was interrupted."""
        try:
            with self._bar:
                return await self._run()
        except asyncio.CancelledError:
            done = len(self._stream.answers)
            self._console.print(
                f"stopped after {done:,} answers; the same command again does the rest and nothing twice"
            )
            return INTERRUPTED

    async def _run(self) -> int:
        if not await self._books.until_quiet():
            raise AdminError("the system doesn't come to rest: look at /ready of its workers, then try again")
        before, journaled = await self._books.versions(), await self._books.journal()
        self._began_at = time.monotonic()
        async with self._stream:
            day = await self._find_day()
            for step in day.steps:
                await self._play(step)
            streaming = time.monotonic() - self._began_at
            self._bar.update(self._task, description="coming to rest")
            is_quiet = await self._books.until_quiet()
            pace = Pace(streaming, time.monotonic() - self._began_at)
            self._bar.update(self._task, description="settling up")
            after, journaled_after = await self._books.versions(), await self._books.journal()
            checks = [
                answered(self._stream),
                await buried(self._stream, self._settings),
                await joined(self._stream, self._registrations, self._library),
                *await self._books.checks(),
            ]
        self._bar.update(self._task, description="done", completed=len(self._stream.answers))
        self._bar.stop()
        for table in (outcome_table(self._stream), refusal_table(self._stream), check_table(checks)):
            self._console.print(table)
        self._console.print(f"day {day.scale.day}, seed {day.scale.seed}: {pace_line(self._stream, pace)}")
        if not is_quiet:
            self._console.print("texts are still on their way: does the SMS provider answer?")
        changed = changed_documents(before, after)
        by_worker = f" ({', '.join(f'{name} {count:,}' for name, count in changed.items())})" if changed else ""
        self._console.print(f"changed documents: {sum(changed.values()):,} of {len(after):,}{by_worker}")
        remembered = sum(journaled_after.values()) - sum(journaled.values())
        self._console.print(f"new outcomes in the journals: {remembered:,}")
        is_right = all(check.is_right for check in checks)
        self._console.print("reconciles" if is_right else "does NOT reconcile")
        return 0 if is_right else 1

    async def _find_day(self) -> Day:
        """The day as it was asked for, else the one before the demo's first card was issued: the same every time."""
        first = Day(self._scale, self._programme, self._settings).first_card()
        await self._stream.play([first])
        scale = self._scale
        if scale.day is None:
            card = await CardsViews(self._library.worker("cards")).card(str(first.command.key_value))
            if card is None:
                raise AdminError(f"the first card was not issued: {self._stream.answers[first.id].code}")
            scale = scale.on(card.issued_at.astimezone(self._programme.zone).date() - timedelta(days=1))
        return Day(scale, self._programme, self._settings)

    async def _play(self, step: Step) -> None:
        sendings: Sequence[Sending | Stray] = list(step.say(self._stream.answers))
        self._registrations += [
            each for each in sendings if isinstance(each, Sending) and isinstance(each.command, RegisterMember)
        ]
        new = {each.id for each in sendings if each.has_outcome} - self._stream.kinds.keys()
        total = len(self._stream.kinds) + len(new)
        self._bar.update(self._task, description=step.name, total=total)
        await self._stream.play(sendings)
        if step.needs and not await self._books.until_level(step.needs):
            raise AdminError(f"{', '.join(step.needs)}: not all take in what was said; do they run?")

    def _advance(self, count: int) -> None:
        rate = len(self._stream.answers) / max(0.001, time.monotonic() - self._began_at)
        self._bar.update(self._task, advance=count, rate=f"{rate:,.0f}/s")


async def run(scale: Scale, programme: Programme, settings: Settings, workers: Sequence[Worker[Any]]) -> int:
    """Play a demo against a running system; 0 if everything reconciles, 1 if not, 130 if it was interrupted.

    Raises:
        AdminError: the system doesn't run, or doesn't answer.
    """
    async with opened(settings, workers) as (books, library):
        return await Demo(scale, programme, settings, books, library).run()


async def reconcile(settings: Settings, workers: Sequence[Worker[Any]]) -> int:
    """Check the books of a running system; 0 if everything holds, 1 if not.

    Raises:
        AdminError: the system doesn't run, or doesn't answer.
    """
    async with opened(settings, workers) as (books, _):
        checks = await books.checks()
    console().print(check_table(checks))
    return 0 if all(check.is_right for check in checks) else 1


def why_not_on(day: date, today: date) -> str | None:
    """What speaks against playing a day; None if nothing does."""
    if day > today:
        return "must not be in the future"
    if day < today - timedelta(days=OLDEST_DAYS):
        return f"must not be more than {OLDEST_DAYS} days ago"
    return None
