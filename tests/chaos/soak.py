"""The course of a soak: servers and workers up, load and faults, heal, wait until all is quiet, stop, judge, replay."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from aiokafka.errors import KafkaError
from pydantic import SecretStr

from contracts.messages import WORKERS
from contracts.programme import Programme
from runtime.admin import AdminError, backlogs, create_topics
from runtime.decisions import Worker
from runtime.local import LocalError
from runtime.mongo import Away
from runtime.serve import listen_topics
from runtime.settings import Settings
from runtime.store import Library
from tests.chaos.commands import Commands
from tests.chaos.faults import Faults, Kind, schedule, two_of
from tests.chaos.fleet import Fleet
from tests.chaos.gathering import gather, rewind
from tests.chaos.office import Office
from tests.chaos.sending import Ear, Sender
from tests.chaos.servers import SHORT_LIVED, Servers
from tests.chaos.verdict import covered, figures, outcomes, shown
from tests.chaos.watchdog import Watchdog
from tests.chaos.workers import all_workers
from tests.proof.case import Case, Violation
from tests.proof.checker import compare, judge
from tests.proof.history import History

SESSION_MS: Final = 4_000
PARTITIONS: Final = 4
AHEAD_SECONDS: Final = 20.0
"""How far the load may run ahead of the faults, in its own time: it makes up for outages, and doesn't end too soon."""
PATIENCE_SECONDS: Final = 150.0
"""How long nothing may change until a soak says that it does not come to rest; a text that was lost with its courier
is taken up after 60 seconds."""
REST_SECONDS: Final = 5_400.0
"""How long it may take in all, for what goes round in circles: longer than the timers before a replay."""
LOOK_SECONDS: Final = 0.25
REPLAY_TAKES: Final = timedelta(minutes=45)
"""How long judging and replaying may take; what a timer brings meanwhile is not the replay's doing."""
SETTLED_AFTER: Final = timedelta(seconds=10)
RESTS: Final = 4


class NoRest(LocalError):
    """The system does not come to rest: a lag or an outbox stays as it is."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What was asked for."""

    kills: int
    commands: int
    rate: float
    seed: int
    gap_seconds: float
    backlog: int
    """Commands without an outcome at which the load waits; 0: it never does."""
    replay: bool = False
    texts: bool = True
    """Whether to wait until every text has reached its provider."""
    kinds: tuple[Kind, ...] = tuple(Kind)
    """What may be done."""


@dataclass(slots=True)
class Course:
    """How it went."""

    load_seconds: float = 0.0
    load_messages: int = 0
    """What was acknowledged in that time."""
    quiet_seconds: float = 0.0
    seconds: float = 0.0
    commands: int = 0
    kills: int = 0
    faults: dict[str, int] = field(default_factory=dict)
    ended_unasked: dict[str, int] = field(default_factory=dict)
    stubborn: list[str] = field(default_factory=list)
    publishings_again: int = 0
    waited_for_outcomes: bool = False
    no_rest: str | None = None
    """Why it did not come to rest, if it didn't."""


Say = Callable[[str], None]


class Soak:
    """One soak in a folder of its own."""

    def __init__(self, wish: Wish, folder: Path, say: Say, named: Settings | None = None) -> None:
        """On servers of its own, else on those that `named` names: these are left as they are."""
        self._wish = wish
        self._say = say
        self._folder = folder
        self.workers: list[Worker[Any]] = all_workers()
        self._watchdog = Watchdog(folder)
        self.servers = Servers(folder, self._watchdog, SHORT_LIVED) if named is None else None
        self.settings = named or self._settings()
        self.fleet = Fleet(self.settings, folder / "logs", self._watchdog, two_of(wish.seed))
        self.sender = Sender(self.settings, wish.rate)
        self.ear = Ear(self.settings)
        self.course = Course()
        self.office: Office | None = None
        self.wrong: list[str] = []
        """What broke promises, as lines."""

    def _settings(self) -> Settings:
        assert self.servers is not None
        return Settings(
            prefix=f"chaos-{self._wish.seed}",
            kafka_servers=self.servers.kafka_servers,
            mongo_url=SecretStr(self.servers.mongo_url),
            partitions=PARTITIONS,
            session_timeout_ms=SESSION_MS,
            state_dir=self._folder,
            keys_file=self._folder / "keys.yaml",
        )

    async def close(self) -> None:
        """End all that runs."""
        await self.sender.stop()
        await self.fleet.end()
        if self.servers is not None:
            await self.servers.stop()

    def release(self) -> None:
        """Let the watchdog end what may be left, and remove the files."""
        self._watchdog.end()

    @property
    def unanswered(self) -> int:
        """Commands that were acknowledged and have no outcome yet; messages that nobody answers among them."""
        return len(self.sender.sent.at) - len(self.ear.heard_at)

    def figures(self) -> str:
        """Where it stands, in a few words."""
        return f"{self.sender.count:,} sent, {len(self.ear.heard_at):,} outcomes"

    async def judged(self) -> dict[str, Any]:
        """What is found, as figures; prints what is wrong.

        Raises:
            LocalError: what is there can't be read.
        """
        self._say("reading everything")
        history = await self.gathered()
        self._say(f"judging {len(history.records):,} records")
        case = Case(history)
        violations = await asyncio.to_thread(judge, case)
        course = self.course
        if self._wish.replay and course.no_rest is None:
            violations += await self._replayed(history)
        violations += [Violation("stubborn", f"{name} did not stop in time") for name in course.stubborn]
        violations += [Violation("no_rest", course.no_rest)] if course.no_rest is not None else []
        self.wrong = shown(violations)
        return {
            "kills": course.kills,
            "commands": course.commands,
            **figures(history, violations),
            "seed": self._wish.seed,
            "seconds": round(course.seconds, 1),
            "load_seconds": round(course.load_seconds, 1),
            "rate": round(course.load_messages / max(0.001, course.load_seconds)),
            "quiet_seconds": round(course.quiet_seconds, 1),
            "no_rest": course.no_rest,
            "replayed": self._wish.replay,
            "two_of": self.fleet.two_of,
            "faults": course.faults,
            "records": len(history.records),
            "letters_on_trust": case.letters_on_trust,
            "outcomes": outcomes(history),
            "commands_by_worker": covered(history),
            "office": None if self.office is None else self.office.figures(),
            "publishings_again": course.publishings_again,
            "ended_unasked": course.ended_unasked,
            "killed_as_overdue": dict(self.fleet.overdue),
            "waited_for_outcomes": course.waited_for_outcomes,
            "held": not violations,
        }

    async def gathered(self) -> History:
        """All that lies there now."""
        notes = {"seed": self._wish.seed, "faults": self.course.faults}
        return await gather(self.settings, self.workers, self.sender.sent.messages, notes)

    async def _replayed(self, before: History) -> list[Violation]:
        """Read everything once more, from the first record of every topic, and see what it changes."""
        self._say("setting all groups back to the beginning")
        await rewind(self.settings, self.workers)
        self._say("replaying everything")
        await self.come_to_rest()
        self._say("comparing")
        after = await self.gathered()
        return await asyncio.to_thread(compare, before, after)

    # -- the course

    async def run(self) -> None:
        """Load and faults, until all is healed and quiet, or never will be, and the workers are stopped.

        Raises:
            LocalError: something does not start, or does not come back.
        """
        began = time.monotonic()
        if self.servers is not None:
            self._say("starting Apache Kafka and MongoDB")
            await self.servers.start()
        await create_topics(self.settings)
        self._say("starting the workers")
        await self.fleet.start()
        listening = asyncio.create_task(self.ear.run())
        try:
            await self._load()
            quiet_from = time.monotonic()
            await self._end_cases()
            self.course.commands = len(self.sender.sent.at)
            await self.come_to_rest()
            self.course.quiet_seconds = time.monotonic() - quiet_from
        finally:
            listening.cancel()
            await asyncio.wait([listening])
        self.course.ended_unasked = dict(self.fleet.ended_unasked)
        self.course.seconds = time.monotonic() - began

    async def _load(self) -> None:
        wish, sender = self._wish, self.sender
        programme = Programme.read(self.settings.programme_file)
        yesterday = (datetime.now(UTC).astimezone(programme.zone) - timedelta(days=1)).date()
        commands = Commands(wish.seed, programme, self.settings, wish.commands, yesterday)
        self.office = commands.office
        plan = schedule(wish.kills, wish.seed, wish.kinds)
        total = max(wish.commands, round(len(plan) * wish.gap_seconds * wish.rate))
        faults = Faults(
            plan,
            self.fleet,
            self.servers,
            session_seconds=self.settings.session_timeout_ms / 1_000,
            gap_seconds=wish.gap_seconds,
            note=self._say,
            broker_is_back=self.ear.reopen,
        )

        def may_go_on(count: int) -> bool:
            if wish.backlog and self.unanswered > wish.backlog:
                self.course.waited_for_outcomes = True
                return False
            return count < (faults.next_share * total + AHEAD_SECONDS * wish.rate)

        def is_over(count: int) -> bool:
            return count >= total and faults.is_over

        attacking = asyncio.create_task(faults.run(lambda: sender.count / total))
        sending = asyncio.create_task(sender.run(commands.all(self.ear.answers), is_over, may_go_on))
        try:
            done, _ = await asyncio.wait([attacking, sending], return_when=asyncio.FIRST_EXCEPTION)
            for task in done:
                task.result()
        finally:
            for task in (attacking, sending):
                task.cancel()
            await asyncio.wait([attacking, sending])
            await faults.stop()
            self.course.load_seconds = sender.sending_seconds
            self.course.load_messages = sender.count
            self.course.kills = faults.kills
            self.course.faults = {kind.value: count for kind, count in sorted(faults.done.items())}
            self.course.publishings_again = sender.sent.unacknowledged
        self._say("healing")
        if self.servers is not None:
            await self.servers.heal()

    async def _end_cases(self) -> None:
        """Let the office end what it began: what it waits for may lie behind all that piled up under load."""
        office, heard, moved_at = self.office, 0, time.monotonic()
        while office is not None and office.is_busy and time.monotonic() - moved_at < PATIENCE_SECONDS:
            if len(self.ear.heard_at) > heard:
                heard, moved_at = len(self.ear.heard_at), time.monotonic()
                self._say(f"coming to rest: the office's cases: {office.figures()}")
            said = list(office.go_on(self.ear.answers))
            if said:
                await self.sender.send(said)
            await asyncio.sleep(1.0)

    async def come_to_rest(self) -> None:
        """Wait until all is quiet, and stop the workers; where that doesn't come, `no_rest` says why.

        What lies there is judged all the same: that a lag doesn't end is a finding, and others stand beside it.
        """
        try:
            await self._rest()
        except LocalError as error:
            self.course.no_rest = str(error)
            self._say(f"no rest: {error}; stopping the workers")
            self.course.stubborn += await self.fleet.stop()

    async def _rest(self) -> None:
        """Wait until everybody is there and all is quiet, stop the workers, and see that it stayed so.

        A timer or the courier may say something in the last moment: then they run on.

        Raises:
            LocalError: a worker doesn't come back.
            NoRest: something stays undone.
        """
        for _ in range(RESTS):
            await self.fleet.start()
            await self._until_quiet(self._wish.texts or self._wish.replay)
            self._say("stopping the workers")
            self.course.stubborn += await self.fleet.stop()
            if await self._undone(is_texts_too=False) == {}:
                return
            self._say("something was said in the last moment: the workers run on")
        raise NoRest(f"after {RESTS} rests something is always undone: {await self._undone(is_texts_too=False)}")

    async def _until_quiet(self, is_texts_too: bool) -> None:
        last: dict[str, int] | None = None
        began = moved_at = time.monotonic()
        is_once_quiet = False
        while True:
            try:
                undone = await self._undone(is_texts_too)
            except (AdminError, KafkaError, Away, OSError):
                undone = {"servers": 1}
            if not undone:
                if is_once_quiet:
                    return
                is_once_quiet = True
            else:
                is_once_quiet = False
            if undone != last:
                last, moved_at = undone, time.monotonic()
                left = ", ".join(f"{what} {count:,}" for what, count in undone.items())
                self._say(f"coming to rest: {left or '…'}")
            if time.monotonic() - moved_at > PATIENCE_SECONDS:
                raise NoRest(f"nothing moved for {PATIENCE_SECONDS:.0f} s: {undone}")
            if time.monotonic() - began > REST_SECONDS:
                raise NoRest(f"after {REST_SECONDS:.0f} s there is always something: {undone}")
            await asyncio.sleep(LOOK_SECONDS)

    async def _undone(self, is_texts_too: bool) -> dict[str, int]:
        """What is left to do, by what it is."""
        groups = {self.settings.group(each.name): listen_topics(each, self.settings.prefix) for each in self.workers}
        undone: dict[str, int] = {}
        async with backlogs(self.settings, groups) as look:
            for group, backlog in (await look()).items():
                undone[group.rpartition(".")[2]] = backlog.behind
        library = Library(self.settings)
        try:
            for name in WORKERS:
                undone[f"outbox of {name}"] = (await library.worker(name).journal_totals())["undispatched"]
            if is_texts_too:
                undone["texts"] = await texts_on_their_way(library)
            if self._wish.replay:
                undone["seconds until a timer"] = await self._seconds_until_due(library)
        finally:
            library.close()
        return {what: count for what, count in undone.items() if count}

    async def _seconds_until_due(self, library: Library) -> int:
        """Until the last timer that would ring before a replay is over, as if the replay had done it; 0 without one."""
        now = datetime.now(UTC)
        soon = {"$gt": now - SETTLED_AFTER, "$lte": now + REPLAY_TAKES}
        seconds = [0]
        for worker in self.workers:
            reader = library.worker(worker.name)
            for due in worker.timers:
                last = await reader.find(due.document, {due.field: soon}, sort=[(due.field, -1)], limit=1)
                seconds += [int((getattr(each, due.field) - now + SETTLED_AFTER).total_seconds()) + 1 for each in last]
        return max(seconds)


async def texts_on_their_way(library: Library) -> int:
    """Texts that are queued or tried again."""
    from workers.notifications.views import NotificationViews

    return await NotificationViews(library.worker("notifications")).messages_on_their_way()
