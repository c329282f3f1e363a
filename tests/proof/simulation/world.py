"""The world of one seed: its loop, its servers, its clock, its chance, and when it strikes."""

import contextvars
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Final

from tests.proof.simulation.kafka import Brokers
from tests.proof.simulation.loop import BODY, OUTSIDE, Body, Loop
from tests.proof.simulation.mongo import Applied, Replicas
from tests.proof.simulation.skew import Footprints

BEGINNING: Final = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


@dataclass
class Weather:
    """How often what goes wrong: the chance per operation."""

    mongo: float = 0.0
    commit: float = 0.0
    kafka: float = 0.0
    redelivery: float = 0.0
    crash: float = 0.0
    slow: float = 0.0

    @classmethod
    def of(cls, random: Random) -> "Weather":
        """Some seeds are calm, some are wild, most are wild in one way."""
        wildness = random.choice((0.3, 1.0, 1.0, 2.5))

        def chance(most: float) -> float:
            return wildness * most * random.random() ** 2

        return cls(chance(0.03), chance(0.08), chance(0.03), chance(0.02), chance(0.01), chance(0.03))


class World:
    """Everything that the processes of one seed share."""

    def __init__(self, seed: int, partitions: dict[str, int]) -> None:
        self.seed = seed
        self.random = Random(seed)
        self.loop = Loop(Random(seed + 1))
        self.brokers = Brokers(self.loop, self.random, partitions)
        self.replicas = Replicas()
        self.weather = Weather.of(self.random)
        self.is_stormy = False
        self.faults: dict[str, int] = {}
        self.jumped = timedelta()
        """How far the wall clock was put forward."""
        self.consumers: dict[Body, Any] = {}
        self.cut_until: dict[Body, float] = {}
        """Processes whose messages reach no leader for a while, though the group still hears of them."""
        self.footprints = Footprints()
        self.promised: dict[str, list[bytes]] = {}
        """By database, every part of an outbox that a commit which stood put there."""
        self.replicas.told, self.replicas.on_applied = "outbox", self._note_promise
        self.outside = contextvars.Context()
        self.outside.run(BODY.set, OUTSIDE)
        self.loop.hop_seconds = self.latency
        self.loop.before_hop = self.crash_point
        self.loop.after_hop = self.crash_point

    def _note_promise(self, database: str, collection: str, document: Any) -> None:
        self.promised.setdefault(database, []).extend(document["parts"].values())

    # -- time

    def wall_clock(self) -> datetime:
        """What a process's clock says."""
        return BEGINNING + self.jumped + timedelta(seconds=self.loop.now + BODY.get().skew_seconds)

    def now_ms(self) -> int:
        """The brokers' clock."""
        return int((BEGINNING + self.jumped).timestamp() * 1_000 + self.loop.now * 1_000)

    def latency(self) -> float:
        """How long a request takes, there and back."""
        chance = self.random.random()
        if self.is_stormy and chance < self.weather.slow:
            return chance / self.weather.slow * self.random.choice((0.3, 1.5, 5.0))
        return 0.0005 + 0.002 * chance

    # -- what goes wrong

    def strikes(self, kind: str) -> bool:
        """Whether a fault of this kind happens now."""
        if not self.is_stormy or self.random.random() >= getattr(self.weather, kind):
            return False
        self.count(kind)
        return True

    def count(self, kind: str) -> None:
        """Note a fault."""
        self.faults[kind] = self.faults.get(kind, 0) + 1

    def crash_point(self, step: str, body: Body | None = None) -> None:
        """A place between two steps where a process may die."""
        if not self.is_stormy or self.random.random() >= self.weather.crash:
            return
        victim = body or BODY.get()
        if victim is not OUTSIDE and victim.is_alive:
            self.count(f"crash at {step}")
            self.kill(victim)

    def kill(self, body: Body) -> None:
        """End a process at once."""
        self.loop.kill(body)
        consumer = self.consumers.get(body)
        if consumer is not None:
            consumer.is_silent()
        self.loop.call_later(0.2 + 3 * self.random.random(), self._abort, body, context=self.outside.copy())

    def _abort(self, body: Body) -> None:
        """The server ends the transactions of the dead, after a while in which they lock what they wrote."""
        for session in list(self.replicas.open):
            if session.body is body:
                session.drop()

    def confirm_later(self, applied: Applied) -> None:
        """Let a majority have a commit, some time later."""
        term = self.replicas.term

        def confirm() -> None:
            if term == self.replicas.term:
                self.replicas.confirm(applied)

        self.loop.call_later(self.latency(), confirm, context=self.outside.copy())

    def step_down(self) -> None:
        """The primary goes; for a while there is none."""
        self.count("stepdown")
        self.replicas.step_down()
        self.replicas.is_electing = True

        def elected() -> None:
            self.replicas.is_electing = False

        self.loop.call_later(0.05 + self.random.random(), elected, context=self.outside.copy())

    def is_cut_off(self) -> bool:
        """Whether what this process sends reaches nobody."""
        return self.cut_until.get(BODY.get(), 0.0) > self.loop.now

    def fail_over(self) -> None:
        """The brokers' leaders change when next something is on its way to them: what is not replicated is gone."""
        self.count("failover")
        self.brokers.is_failing = True
