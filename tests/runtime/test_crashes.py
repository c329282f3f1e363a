"""Crashes: whatever is killed when, every command has one outcome, and its effect happens at most once."""

import asyncio
import os
import random
import signal
import sys
from pathlib import Path

import pytest

from contracts.messages import Message, Outcome
from runtime.settings import Settings
from tests.runtime import faults
from tests.runtime.counting import Claim, Count, Explode
from tests.runtime.machine import Machine, fresh_id, message, texts

REPOSITORY = Path(__file__).parents[2]


def mixed(count: int, counters: int = 4) -> list[tuple[str, Message]]:
    """Commands of every outcome, over a few counters."""
    kinds: list[Message] = []
    for number in range(count):
        name = f"k{number % counters}"
        kinds.append(
            Explode(counter=name) if number % 11 == 10 else Count(counter=name, by=-1 if number % 7 == 6 else 1)
        )
    return [(fresh_id(), each) for each in kinds]


class TestCrash:
    @pytest.mark.parametrize("step", faults.STEPS)
    async def test_after_a_step_loses_nothing_and_does_nothing_twice(self, settings: Settings, step: str) -> None:
        async with Machine(settings) as machine:
            pairs = mixed(30)
            await machine.send(*pairs, *pairs[:3])
            process = machine.process()
            faults.STEPS[step](process)
            with pytest.raises(BaseExceptionGroup) as caught:
                await asyncio.wait_for(process.run(), 30)
            assert caught.value.subgroup(faults.Crash) is not None

            await machine.send(*pairs[3:6])
            async with machine.running(machine.process()):
                await machine.quiet()
            heard = await machine.check()
            assert {each.outcome for each in heard.answers().values()} == set(Outcome)

    async def test_of_one_process_after_another_comes_to_an_end(self, settings: Settings) -> None:
        async with Machine(settings) as machine:
            await machine.send(*mixed(20))
            for step in ("write", "half of publishing", "offsets"):
                process = machine.process()
                faults.STEPS[step](process)
                with pytest.raises(BaseExceptionGroup):
                    await asyncio.wait_for(process.run(), 30)
                await machine.send(*mixed(5))
            async with machine.running(machine.process()):
                await machine.quiet()
            await machine.check()

    async def test_before_the_answer_was_sent_still_brings_it(self, settings: Settings) -> None:
        async with Machine(settings) as machine:
            await machine.send(("c1", Claim(counter="n", owner="us")))
            process = machine.process()
            faults.STEPS["commit"](process)
            with pytest.raises(BaseExceptionGroup):
                await asyncio.wait_for(process.run(), 30)
            assert (await machine.heard()).on(".results") == []
            async with machine.running(machine.process()):
                await machine.quiet()
            heard = await machine.heard()
            assert heard.answers()["c1"].outcome is Outcome.DONE
            assert list(heard.copies(".cards.events")) == ["c1/cards-1"]

    async def test_has_what_was_left_unsaid_said_before_anything_is_decided_on_top_of_it(
        self, settings: Settings
    ) -> None:
        async with Machine(settings) as machine:
            await machine.send(*((f"c{number}", Count(counter="a")) for number in range(3)))
            process = machine.process()
            faults.STEPS["settled"](process)
            with pytest.raises(BaseExceptionGroup):
                await asyncio.wait_for(process.run(), 30)
            assert (await machine.heard()).on(".cards.events") == []
            process = machine.process()
            await process._open()
            assert list((await machine.heard()).copies(".cards.events")) == [
                f"c{number}/cards-1" for number in range(3)
            ]
            await process.publisher.stop()
            process.store.close()
            async with machine.running(machine.process()):
                await machine.quiet()
            await machine.check()

    @pytest.mark.long
    async def test_by_kill_9_again_and_again_loses_nothing(self, settings: Settings) -> None:
        async with Machine(settings) as machine:
            for number in range(3):
                child = await started(settings)
                pairs = mixed(150)
                for first in range(0, 150, 30):
                    await machine.send(*pairs[first : first + 30])
                    await asyncio.sleep(0.02)
                if number < 2:
                    await asyncio.sleep(random.uniform(0, 0.2))
                    child.kill()
                    await child.wait()
            await machine.quiet()
            child.send_signal(signal.SIGTERM)
            assert await asyncio.wait_for(child.wait(), 20) == 0
            await machine.check()


class TestRestart:
    async def test_answers_what_was_done_before_it_with_the_same_bytes(self, settings: Settings) -> None:
        async with Machine(settings) as machine:
            async with machine.running(machine.process()):
                await machine.send(("c1", Count(counter="a")))
                await machine.quiet()
            async with machine.running(machine.process()):
                await machine.send(("c1", Count(counter="a")), ("c2", Count(counter="a")))
                await machine.quiet()
            heard = await machine.check()
            copies = heard.copies(".results")["c1/result"]
            assert len(copies) == 2
            assert len(heard.copies(".cards.events")["c1/cards-1"]) == 1

    async def test_does_not_forget_which_ids_were_used(self, settings: Settings) -> None:
        async with Machine(settings) as machine:
            async with machine.running(machine.process()):
                await machine.send(("c1", Count(counter="a")))
                await machine.quiet()
            async with machine.running(machine.process()):
                await machine.put(message(settings, "c1", Count(counter="a", by=5)))
                await machine.quiet()
            heard = await machine.check()
            [letter] = heard.on(".dead")
            assert texts(letter.headers)["dead_reason"] == "id_reused"
            assert len(heard.on(".results")) == 1


async def started(settings: Settings) -> asyncio.subprocess.Process:
    """A worker process of the operating system's, to be killed; returns when it has its partitions."""
    environment = dict(
        os.environ,
        PUNCHCARD_PREFIX=settings.prefix,
        PUNCHCARD_PARTITIONS=str(settings.partitions),
        PUNCHCARD_KAFKA_SERVERS=settings.kafka_servers,
        PUNCHCARD_MONGO_URL=settings.mongo_url.get_secret_value(),
        PUNCHCARD_HEALTH_PORT="0",
    )
    program = (
        "import asyncio; from runtime.serve import serve_worker; from runtime.settings import Settings;"
        "from tests.runtime.counting import worker; asyncio.run(serve_worker(worker, None, Settings()))"
    )
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, cwd=REPOSITORY, env=environment, stderr=asyncio.subprocess.PIPE
    )
    assert child.stderr is not None
    while b"started" not in (line := await asyncio.wait_for(child.stderr.readline(), 30)):
        assert line, "ended before it had started"
    _DRAINS.append(asyncio.create_task(child.stderr.read()))
    return child


_DRAINS: list[asyncio.Task[bytes]] = []
"""What reads a child's words, so that it never waits for a reader."""
