"""What stands where the runtime looks for its libraries, clocks and telemetry, for as long as a simulated run takes."""

import asyncio
import contextlib
import random
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from datetime import datetime
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from runtime.decisions import decide
from runtime.settings import Settings
from runtime.telemetry import Telemetry
from runtime.transaction import Step, Transaction
from tests.proof.simulation.clients import SimulatedBroker, SimulatedProducer, prompt_subscriber
from tests.proof.simulation.driver import Client
from tests.proof.simulation.memory import PHONES, Readers, is_coroutine
from tests.proof.simulation.skew import LOOKED_AT_EVERY
from tests.proof.simulation.world import World
from workers import notifications


class Silent(Telemetry):
    """Telemetry without metrics, which cost more than what they measure here."""

    def __init__(self, worker: str, slot: int = 0) -> None:
        quiet = lambda *_, **__: None  # noqa: E731  # a logger that says nothing
        self.log = SimpleNamespace(info=quiet, warning=quiet, error=quiet)  # type: ignore[assignment]
        self.database_is_away = self.kafka_is_away = self.is_stopped_by_dead_letters = False

    def step(self, name: str) -> Any:
        return nullcontext()

    def batch(self, size: int) -> None: ...

    def ended(self, records: Any) -> None: ...

    def conflict(self) -> None: ...

    def dead_letters(self, count: int) -> None: ...

    def bug(self, message_type: str, place: str) -> None: ...

    def round_trips(self, count: int) -> None: ...

    def lag(self, lags: Any) -> None: ...


class Untidy:
    """Clears nothing: the checker reads every command."""

    def __init__(self, *_: Any) -> None: ...

    async def run(self) -> None:
        """Do nothing, for ever."""
        await asyncio.Event().wait()


@contextmanager
def stood_in(world: World, readers: Readers) -> Iterator[None]:
    """Put the simulated libraries, clocks and telemetry where the runtime looks for the real ones."""

    class Clock(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return world.wall_clock()

    def monotonic() -> float:
        return world.loop.now

    async def no_topics(settings: Settings) -> None:
        await asyncio.sleep(world.latency())

    places: dict[str, Any] = {
        "runtime.arrivals.read_envelope": readers.envelope,
        "runtime.arrivals.read_body": readers.body,
        "contracts.messages.Message.digest": readers.digest,
        "contracts.values.phonenumbers": PHONES,
        "tenacity._utils.is_coroutine_callable": is_coroutine,
        "runtime.mongo.AsyncIOMotorClient": lambda *_, **__: Client(world),
        "runtime.publishing.AIOKafkaProducer": lambda **options: SimulatedProducer(world, options),
        "runtime.serve.make_broker": lambda *_: SimulatedBroker(world),
        "runtime.serve.create_topics": no_topics,
        "runtime.serve.Telemetry": Silent,
        "runtime.serve.Clearing": Untidy,
        "runtime.wire.prompt_subscriber": prompt_subscriber,
        "runtime.serve.datetime": Clock,
        "runtime.store.datetime": Clock,
        "runtime.edge.datetime": Clock,
        "runtime.batch.datetime": Clock,
        "runtime.batch.decide": decide if world.seed % LOOKED_AT_EVERY else world.footprints.noting(decide),
        "runtime.persons.token_bytes": random.Random(f"{world.seed} keys").randbytes,
        "runtime.serve.time": SimpleNamespace(monotonic=monotonic),
        "runtime.pipeline.monotonic": monotonic,
        "runtime.wire.monotonic": monotonic,
    }
    with ExitStack() as stack:
        for place, replacement in places.items():
            stack.enter_context(patch(place, replacement))
        stack.enter_context(patch.object(notifications.worker, "companions", []))
        stack.enter_context(patch.object(Transaction, "_hop", _step_by_step))
        stack.enter_context(contextlib.closing(_Chance(world.seed)))
        yield


async def _step_by_step(transaction: Transaction, *steps: Step) -> None:
    """A hop for each step: between two of them a process may die and others may write."""
    for step in steps:
        await asyncio.get_running_loop().run_in_executor(transaction._thread, step)


class _Chance:
    """Python's own chance, which tenacity takes its jitter from, follows from the seed meanwhile."""

    def __init__(self, seed: int) -> None:
        self._state = random.getstate()
        random.seed(seed)

    def close(self) -> None:
        """Give it back as it was."""
        random.setstate(self._state)
