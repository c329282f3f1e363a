"""One run of the machine: processes under a supervisor, a door that sends, a storm that strikes, and the history."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from pathlib import Path
from random import Random
from typing import Any, Final

import msgspec

import runtime.serve
from contracts.messages import Actor, Command, Envelope
from contracts.programme import Programme
from contracts.programme.registration import Verification
from contracts.registration import Channel
from contracts.topics import all_topics, commands_topic
from runtime.persons import PersonKey
from runtime.publishing import partition_of
from runtime.settings import Settings
from runtime.vault import Vault, with_seals
from tests.proof.history import History, Record, Sent
from tests.proof.simulation import mailbox
from tests.proof.simulation.commands import Sender
from tests.proof.simulation.loop import Body
from tests.proof.simulation.memory import remembering_readers
from tests.proof.simulation.remains import gathered
from tests.proof.simulation.stand_ins import stood_in
from tests.proof.simulation.world import World
from workers import audit, cards, notifications, registration, rewards

WORKERS: Final = tuple(each.worker for each in (registration, cards, rewards, notifications, audit))
PROGRAMME: Final = Path(__file__).parents[3] / "programme.yaml"
FEED_SECONDS: Final = 6.0
REST_SECONDS: Final = 120.0
"""How long the machine may take to come to rest after the storm."""
JUMPS: Final = (timedelta(seconds=301), timedelta(days=1, seconds=1))
"""By how much the wall clock goes forward once all is quiet, so that timers fire."""
YOUNG: Final = timedelta(days=1)
"""More than what was said last of all is younger than the rest."""


@dataclass
class Slot:
    """A place for a process, and who fills it."""

    worker: Any
    settings: Settings
    body: Body
    task: asyncio.Task[Any] | None = None


@dataclass
class Run:
    """One seed."""

    seed: int
    commands: int
    is_calm: bool = False
    is_replayed: bool = False
    sent: list[Sent] = field(default_factory=list)
    slots: list[Slot] = field(default_factory=list)
    mishaps: list[str] = field(default_factory=list)
    """What should never happen to a process: an exception out of it, a machine that doesn't come to rest."""
    is_forgotten: bool = False
    """Before the replay so much time passes that no journal remembers anything: what comes again is too old."""
    before: History | None = None
    """Where the whole input is replayed at the end: how things stood before that."""
    remembered: History | None = None
    """Where journals forget: how things stood before that."""

    def __post_init__(self) -> None:
        self.random = Random(self.seed ^ 0x5EED)
        choose = self.random.choice
        self.partitions = choose((1, 2, 2, 3))
        chosen = {"partitions": self.partitions, "lanes": choose((1, 1, 2)), "batch_records": choose((20, 100, 500))}
        self.settings = settings().model_copy(update=chosen)
        self.readers = remembering_readers()
        self.vault = Vault.of(self.settings)
        topics = all_topics("sim", self.partitions, 1.0)
        self.world = World(self.seed, {each.name: each.partitions for each in topics})
        self.programme = programme()
        self.listened: Counter[tuple[str, int]] = Counter()
        self.sender = Sender(self.random, self.programme, self.world.wall_clock())

    def history(self) -> History:
        """Run it from its beginning until it is at rest."""
        with stood_in(self.world, self.readers):
            self.world.loop.run(self._whole())
        self.mishaps += self.world.loop.errors
        return self._gathered()

    def _gathered(self) -> History:
        return gathered(self.world, self.settings, WORKERS, self.sent, self.notes())

    def notes(self) -> dict[str, Any]:
        """What to remember of it."""
        empty = sum(not parcel["parts"] for worker in WORKERS for parcel in self._parcels(worker))
        return {
            "seed": self.seed,
            "faults": dict(self.world.faults),
            "mishaps": list(self.mishaps),
            "empty_parcels": empty,
        }

    async def _whole(self) -> None:
        for worker in WORKERS:
            for number in range(self.random.choice((1, 1, 2, 3))):
                settings = self.settings.model_copy(update={"slot": number})
                self.slots.append(Slot(worker, settings, Body(f"{worker.name}-{number}")))
        for slot in self.slots:
            self._start(slot)
        supervisor = asyncio.ensure_future(self._supervise())
        await self._open()
        self.world.is_stormy = not self.is_calm
        storm = asyncio.ensure_future(self._storm())
        await self._feed()
        await asyncio.sleep(2.0)
        storm.cancel()
        self._clear_up()
        for jump in (*JUMPS, None):
            await self._rest()
            if jump is not None:
                await self._jump(jump)
        if self.is_replayed:
            await self._fired()
            if self.is_forgotten:
                self.remembered = self._gathered()
                await self._jump(timedelta(seconds=self.settings.journal_seconds) + YOUNG)
                await self._fired()
            self.before = self._gathered()
            for group in self.world.brokers.groups.values():
                group.rewind()
            await self._rest()
        supervisor.cancel()

    async def _jump(self, by: timedelta) -> None:
        self.world.jumped += by
        self.world.replicas.expire(self.world.wall_clock())
        await asyncio.sleep(2.5)

    # -- processes

    def _start(self, slot: Slot) -> None:
        body = slot.body = Body(slot.body.name)
        body.skew_seconds = self.random.uniform(-1, 1)

        async def live() -> None:
            await runtime.serve.Process(slot.worker, self.programme, slot.settings).run()

        slot.task = self.world.loop.start(body, live())

    async def _supervise(self) -> None:
        while True:
            await asyncio.sleep(0.1)
            for slot in self.slots:
                task = slot.task
                if task is not None and task.done():
                    self.mishaps.append(f"{slot.body.name} ended: {task.exception()!r}")
                    self.world.kill(slot.body)
                if slot.task is not None and not slot.body.is_alive:
                    slot.task = None
                    after = self.random.choice((0.05, 0.3, 1.0, 8.0))
                    self.world.loop.call_later(after, self._start, slot)

    # -- what happens to them

    async def _storm(self) -> None:
        random, world = self.random, self.world
        while True:
            await asyncio.sleep(random.expovariate(1.2))
            if not world.is_stormy:
                continue
            slot = random.choice(self.slots)
            chance = random.random()
            if chance < 0.3:
                world.count("kill")
                world.kill(slot.body)
            elif chance < 0.55:
                self._pause(slot.body, random.choice((0.5, 3.0, 9.0)))
            elif chance < 0.65:
                self._replace(slot)
            elif chance < 0.78:
                self._cut_off(slot)
            elif chance < 0.9:
                world.step_down()
            else:
                world.fail_over()

    def _pause(self, body: Body, seconds: float) -> None:
        world = self.world
        if not body.is_alive or body.is_paused:
            return
        world.count("pause")
        world.loop.pause(body)
        if body in world.consumers:
            world.consumers[body].is_silent()
        world.loop.call_later(seconds, world.loop.resume, body)

    def _cut_off(self, slot: Slot) -> None:
        """Nothing that a process sends arrives, and in the middle of that its group rebalances."""
        group = self.world.brokers.groups.get(self.settings.group(slot.worker.name))
        if group is None:
            return
        self.world.count("cut")
        self.world.cut_until[slot.body] = self.world.loop.now + self.random.uniform(1.0, 9.0)
        self.world.loop.call_later(self.random.uniform(0.0, 1.0), group.unsettle)

    def _replace(self, slot: Slot) -> None:
        """A zombie: paused, replaced under the same name, and going on for a while when it wakes."""
        old = slot.body
        if not old.is_alive or old.is_paused or slot.task is None:
            return
        self.world.count("zombie")
        self.world.loop.pause(old)
        self._start(slot)
        self.world.loop.call_later(self.random.uniform(0.2, 4.0), self.world.loop.resume, old)
        self.world.loop.call_later(6.0, self.world.kill, old)

    def _clear_up(self) -> None:
        self.world.is_stormy = False
        self.world.cut_until.clear()
        for slot in self.slots:
            self.world.loop.resume(slot.body)

    # -- what they are given

    async def _open(self) -> None:
        """Let a shop come into being, before the storm."""
        for part in self.sender.opening:
            for command, actor in part:
                self._ask(command, actor)
            await self._rest()

    async def _feed(self) -> None:
        left = self.commands
        while left > 0:
            count = min(left, self.random.choice((1, 5, 40)))
            self._listen()
            for _ in range(count):
                self._ask(*self.sender.command())
            left -= count
            await asyncio.sleep(self.random.expovariate(self.commands / 15.0 / FEED_SECONDS))

    def _listen(self) -> None:
        """Hear what was said since."""
        for worker in ("registration", "cards", "rewards", "notifications"):
            for number in range(self.partitions):
                log = self.world.brokers.logs[f"sim.{worker}.events", number]
                for record in log[self.listened[worker, number] :]:
                    fields = self._fields_of(record)
                    self.sender.heard.hear(record.type or "", fields, record.cause)
                self.listened[worker, number] = len(log)

    def _fields_of(self, record: Record) -> dict[str, Any]:
        """An event's fields, with what whoever it sends something to reads there."""
        fields: dict[str, Any] = msgspec.json.decode(record.value or b"{}")
        person, replicas = mailbox.whose(record), self.world.replicas
        if person is not None:
            slot = (self.settings.database("registration"), PersonKey.collection, person)
            kept = replicas.one(slot, replicas.time)
            fields.update({} if kept is None else mailbox.received(record, kept["key"], self.vault))
        return fields

    def _ask(self, command: Command, actor: Actor) -> None:
        random, world = self.random, self.world
        number = len(self.sent)
        # Ids as doors make them, but from the seed: UUIDv7 of the moment.
        milliseconds = world.now_ms()
        moment = f"{milliseconds >> 16:08x}-{milliseconds & 0xFFFF:04x}"
        name = f"{moment}-7{number & 0xFFF:03x}-8000-{random.getrandbits(48):012x}"
        envelope = Envelope(
            id=name,
            type=type(command).__name__,
            time=world.wall_clock(),
            actor=actor,
            correlation_id=name,
        )
        command = with_seals(command, name, self.vault)
        self.sender.heard.note(name, command)
        key = command.key_value
        self._put(
            commands_topic("sim", command.worker),
            name,
            None if key is None else key.encode(),
            command.encoded(),
            envelope.headers("/sim/door"),
        )

    def _put(self, topic: str, name: str, key: bytes | None, body: bytes, headers: list[tuple[str, bytes]]) -> None:
        """Send; sometimes twice, sometimes what is no command, sometimes under an id that was used before."""
        random = self.random
        chance = random.random()
        if chance < 0.02:
            self._append(
                topic, name, key, random.choice((None, b"", b"{", b"[]", body[: len(body) // 2])), headers, False
            )
            return
        if chance < 0.03:
            unknown = [(each, b"Unheard" if each == "ce_type" else value) for each, value in headers]
            self._append(topic, name, key, body, unknown, False)
            return
        if chance < 0.04 and not self.is_forgotten:
            # Without an envelope nothing says how old it is, so this one would be answered again.
            self._append(topic, name, key, body, [each for each in headers if each[0] != "ce_actorkind"], False)
            return
        if chance < 0.055 and self.sent:
            # An id that somebody used before, for something else.
            earlier = random.choice(self.sent)
            if earlier.id is not None and earlier.topic == topic and earlier.is_decodable:
                name = earlier.id
                headers = [(each, name.encode() if each == "ce_id" else value) for each, value in headers]
        self._append(topic, name, key, body, headers, True)
        if chance > 0.95:
            again = self.world.latency() * random.choice((0, 10, 1_000))
            self.world.loop.call_later(again, self._append, topic, name, key, body, headers, True)

    def _append(
        self, topic: str, name: str, key: bytes | None, body: bytes | None, headers: Any, is_decodable: bool
    ) -> None:
        self.sent.append(Sent(topic, name, key, body, is_decodable))
        place = 0 if key is None else partition_of(key, self.partitions)
        self.world.brokers.append((topic, place), [(key, body, headers)], self.world.now_ms())

    # -- rest

    async def _rest(self) -> None:
        end = self.world.loop.now + REST_SECONDS
        while not self._is_quiet():
            if self.world.loop.now > end:
                self.mishaps.append(f"doesn't come to rest: {self._restless()}")
                return
            await asyncio.sleep(0.5)

    def _is_quiet(self) -> bool:
        return not self._restless()

    def _parcels(self, worker: Any) -> list[Any]:
        replicas = self.world.replicas
        return replicas.scan((self.settings.database(worker.name), "outbox"), {}, replicas.time)

    def _restless(self) -> list[str]:
        found = [f"{name} lags by {group.lag}" for name, group in self.world.brokers.groups.items() if group.lag]
        for worker in WORKERS:
            if self.settings.group(worker.name) not in self.world.brokers.groups:
                found.append(f"{worker.name} never joined")
            if any(parcel["parts"] for parcel in self._parcels(worker)):
                found.append(f"{worker.name} has something in its outbox")
        return found

    async def _fired(self) -> None:
        """Wait for what time brings: who fires it may have to start first. Replayed input is to meet nothing else."""
        for _ in range(int(REST_SECONDS)):
            if not self._due():
                break
            await asyncio.sleep(1.0)
        await self._rest()

    def _due(self) -> int:
        """How many documents' time has come."""
        replicas, now = self.world.replicas, self.world.wall_clock()
        return sum(
            len(
                replicas.scan(
                    (self.settings.database(worker.name), due.document.collection),
                    {due.field: {"$lte": now}},
                    replicas.time,
                )
            )
            for worker in WORKERS
            for due in worker.timers
        )


@cache
def settings() -> Settings:
    """What all seeds have in common."""
    return Settings(
        prefix="sim",
        session_timeout_ms=6_000,
        rebalance_timeout_ms=6_000,
        programme_file=PROGRAMME,
        dead_letter_limit=100_000,
    )


@cache
def programme() -> Programme:
    """The demo programme, read once; in its app phones are verified."""
    demo = Programme.read(PROGRAMME)
    app = demo.registration.channels[Channel.MOBILE_APP].model_copy(update={"verification": Verification.REQUIRED})
    channels = {**demo.registration.channels, Channel.MOBILE_APP: app}
    return demo.model_copy(update={"registration": demo.registration.model_copy(update={"channels": channels})})
