"""A campaign: everything is attacked at once, then all has to come to rest, and every message is accounted for."""

import asyncio
import json
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from pydantic import SecretStr

from contracts.messages import WORKERS
from tests.fuzz.account import Account
from tests.fuzz.cli_door import CommandLine
from tests.fuzz.errands import Errands
from tests.fuzz.files_door import Files
from tests.fuzz.http_door import Order
from tests.fuzz.http_raw import Wire, request
from tests.fuzz.others import misbehaving
from tests.fuzz.shots import card_number
from tests.fuzz.system import GATEWAY, STANDIN, System
from tests.fuzz.topics_door import (
    Look,
    Shooter,
    Stuck,
    Topics,
    aftermath_of,
    all_workers,
    until_behind,
    until_quiet,
    watching,
)

AT_ONCE: Final = 1_000
MOST_BEHIND: Final = 4_000
"""How far workers may fall behind before the storm waits for them."""
STUCK_SECONDS: Final = 60.0
UNUSED_CARD: Final = 999_999
Say = Callable[[str, int], None]


class AttackFailed(Exception):
    """The attack itself broke off; that says nothing about what was attacked."""


@dataclass(frozen=True, slots=True)
class Shares:
    """How many messages each door gets."""

    topics: int
    requests: int
    cases: int
    sockets: int
    files: int

    @classmethod
    def of(cls, messages: int) -> "Shares":
        """So many in all."""
        requests, cases = messages // 12, messages // 100
        sockets, files = messages // 400, messages // 100
        return cls(messages - requests - cases - sockets - files, requests, cases, sockets, files)


@dataclass
class Verdict:
    """What came of it."""

    seed: int
    doors: dict[str, Counter[str]] = field(default_factory=dict)
    crashes: dict[str, str] = field(default_factory=dict)
    http_500: list[str] = field(default_factory=list)
    stuck: list[str] = field(default_factory=list)
    unaccounted: list[str] = field(default_factory=list)
    not_attacked: list[str] = field(default_factory=list)
    """What the attack left out."""
    seconds: float = 0.0

    @property
    def faults(self) -> list[str]:
        """Everything that must not be, one line each."""
        return [
            *(f"crash: {name}: {how}" for name, how in self.crashes.items()),
            *(f"500: {each}" for each in self.http_500),
            *(f"stuck: {each}" for each in self.stuck),
            *(f"unaccounted: {each}" for each in self.unaccounted),
            *(f"not attacked: {each}" for each in self.not_attacked),
        ]

    def summary(self) -> dict[str, Any]:
        """The last line."""
        return {
            "messages": sum(sum(outcomes.values()) for outcomes in self.doors.values()),
            "seed": self.seed,
            "seconds": round(self.seconds, 1),
            "doors": {door: dict(sorted(outcomes.items())) for door, outcomes in sorted(self.doors.items())},
            "crashes": len(self.crashes),
            "http_500": len(self.http_500),
            "stuck": len(self.stuck),
            "unaccounted": len(self.unaccounted),
            "not_attacked": len(self.not_attacked),
        }


class Campaign:
    """One attack on a system that runs."""

    def __init__(self, system: System, folder: Path, shares: Shares, seed: int, say: Say) -> None:
        self._system = system
        self._folder = folder
        self._shares = shares
        self._say = say
        self.verdict = Verdict(seed)
        self._account = Account(system.settings.prefix)

    async def run(self) -> Verdict:
        """Attack all doors, wait for rest, and judge."""
        settings, seed = self._system.settings, self.verdict.seed
        async with misbehaving(settings, seed) as others, watching(settings) as look:
            self.verdict.not_attacked += await Errands(self._system, seed).give()
            await asyncio.gather(self._topics(look), self._doors(), asyncio.to_thread(self._files))
            self._say("waiting until all is quiet", 0)
            await self._rest(look)
            self._say("is it well?", 0)
            await self._is_well()
            self._say("the command line", 0)
            await asyncio.to_thread(self._command_line)
            await self._rest(look)
        self.verdict.doors |= {name: other.outcomes for name, other in others.items()}
        self.verdict.not_attacked += [
            f"nobody asked for {name}" for name, other in others.items() if not other.outcomes
        ]
        self.verdict.crashes = self._system.crashes
        self.verdict.stuck += [
            f"{name} is not ready" for name in self._system.not_ready() if name not in self.verdict.crashes
        ]
        self._say("accounting for every message", 0)
        aftermath = await aftermath_of(settings)
        outcomes, unaccounted = self._account.judge(all_workers(), aftermath)
        self.verdict.doors |= outcomes
        self.verdict.unaccounted += unaccounted
        return self.verdict

    async def _topics(self, look: Look) -> None:
        """The storm over Kafka; it ends early if a process has ended or a partition is stuck."""
        shooter = Shooter(self._system.settings, self.verdict.seed)
        async with Topics(self._system.settings, self._account) as topics:
            left = self._shares.topics
            while left > 0 and not self._system.crashes:
                count = min(left, AT_ONCE)
                await topics.send(await asyncio.to_thread(shooter.shots, count))
                left -= count
                self._say("topics", count)
                try:
                    await until_behind(look, MOST_BEHIND, STUCK_SECONDS)
                except Stuck:
                    return  # said once more, and counted, when rest is waited for

    async def _rest(self, look: Look) -> None:
        try:
            await until_quiet(look, STUCK_SECONDS)
        except Stuck as stuck:
            self.verdict.stuck.append(str(stuck))

    async def _doors(self) -> None:
        """The storm over HTTP, by another process; it says after each door what came back."""
        async for report in reports(self._folder, self._orders()):
            self.verdict.doors[report["name"]] = Counter(report["outcomes"])
            self.verdict.http_500 += report["faults"]
            self.verdict.not_attacked += [f"{report['name']}: {each}" for each in report["not_attacked"]]
            self.verdict.unaccounted += [f"{report['name']}: no answer to {each}" for each in report["unanswered"]]
            self._waiting = report["waiting"] if report["name"] == GATEWAY else self._waiting
            self._say("doors", report["sent"])

    _waiting: list[list[str]] = []  # noqa: RUF012  # replaced as a whole

    def _orders(self) -> list[Order]:
        system, shares, seed = self._system, self._shares, self.verdict.seed
        small = max(8, shares.requests // 50)

        def order(name: str, requests: int, cases: int, sockets: int) -> Order:
            mighty = [system.keys["system"], system.keys["operator"], system.keys["pos"]] * 4
            keys = [*system.keys.values(), *mighty] if name == GATEWAY else []
            return Order(name, system.url(name), system.settings.prefix, seed, requests, cases, sockets, keys)

        others = 1 + len(WORKERS)
        sockets = shares.sockets // (others + 1)
        return [
            order(GATEWAY, shares.requests - others * small, shares.cases * 9 // 10, shares.sockets - others * sockets),
            order(STANDIN, small, shares.cases - shares.cases * 9 // 10, sockets),
            *(order(name, small, 0, sockets) for name in WORKERS),
        ]

    def _files(self) -> None:
        """Programme and keys files, settings, and files of commands."""
        folder = self._folder / "files"
        folder.mkdir()
        files = Files(folder, self.verdict.seed)
        programme = self._system.settings.programme_file.read_text(encoding="utf-8")
        files.attack(self._shares.files, programme, self._system.settings.keys_file.read_text(encoding="utf-8"))
        self.verdict.doors["files and settings"] = files.outcomes
        self.verdict.unaccounted += files.faults
        self._say("files", self._shares.files)

    def _command_line(self) -> None:
        """What operators ask of what lies there now, and files of commands that they send."""
        key = SecretStr(self._system.keys["system"])
        settings = self._system.settings.model_copy(update={"api_key": key})
        line = CommandLine(settings, self._folder / "files", self.verdict.seed)
        line.attack()
        self.verdict.doors["command line"] = line.outcomes
        self.verdict.unaccounted += line.faults

    async def _is_well(self) -> None:
        """Commands that were taken have ended, and a till is served as ever."""
        wire = Wire(self._system.settings.host, self._system.ports[GATEWAY])
        ended = self.verdict.doors["commands that were taken"] = Counter()
        for key, location in self._waiting:
            answer = await wire.ask(request("GET", location, key))
            content = None if answer is None else answer.content
            outcome = content.get("status", "") if isinstance(content, dict) else ""
            ended[str(outcome)] += 1
            if outcome not in {"done", "refused", "failed"}:
                self.verdict.unaccounted.append(f"{location} was taken and is {outcome or answer}")
            if outcome == "failed":
                self.verdict.http_500.append(f"{location} failed: {content}")
        key = self._system.keys["operator"]
        card = card_number(UNUSED_CARD)
        issue = json.dumps({"card_number": card}).encode()
        answer = await wire.ask(request("POST", "/v1/commands/IssueCard", key, issue))
        read = await wire.ask(request("GET", f"/v1/cards/{card}", key))
        await wire.close()
        if answer is None or answer.status != 200 or read is None or read.status != 200:
            self.verdict.stuck.append(f"a card can't be issued any more: {answer}, {read}")


async def reports(folder: Path, orders: Sequence[Order]) -> AsyncIterator[dict[str, Any]]:
    """What comes back of each order, carried out by a process of its own.

    Raises:
        AttackFailed: that process did.
    """
    file = folder / "orders.json"
    file.write_text(json.dumps([asdict(order) for order in orders]), encoding="utf-8")
    command = (sys.executable, "-m", "tests.fuzz.http_door", str(file))
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, limit=2**26)
    assert process.stdout is not None
    try:
        async for line in process.stdout:
            yield json.loads(line)
        if await process.wait():
            raise AttackFailed(f"the attack over HTTP ended with exit {process.returncode}")
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
