"""A worker process: its health, its timers and companions, its clean stop, and what it listens to."""

import asyncio
import json
import signal
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from contracts.messages import Outcome
from runtime.decisions import Worker
from runtime.local import free_port
from runtime.serve import Beside, due_id, health, listen_topics
from runtime.settings import Settings
from tests.runtime import counting
from tests.runtime.counting import BellRung, BellStolen, Count, Counter, Explode, Name, Ring, SetAlarm
from tests.runtime.machine import TILL, Machine, counter, fresh_id, message, texts, until
from tests.runtime.test_crashes import started


class TestListening:
    async def test_is_to_commands_and_to_the_events_of_others(self, settings: Settings) -> None:
        prefix = settings.prefix
        assert listen_topics(counting.worker, prefix) == [f"{prefix}.cards.commands", f"{prefix}.rewards.events"]
        async with Machine(settings) as machine, machine.running(machine.process()):
            await machine.put(
                *[message(settings, "e1", BellRung(counter="a"))] * 3,
                message(settings, "e2", BellStolen(counter="a")),
                message(settings, "e3", counting.BellBroken(counter="a")),
            )
            await machine.send(("c1", Count(counter="a")))
            await machine.quiet()
            heard = await machine.heard()
            assert list(heard.answers()) == ["c1"]
            assert [texts(each.headers)["dead_reason"] for each in heard.on(".dead")] == ["refused_event"]
            kept = await machine.store.reader.get(Counter, "a")
            assert kept is not None
            assert (kept.total, kept.version) == (2, 2)


class TestTimers:
    async def test_fire_once_in_effect_though_two_processes_find_them(self, settings: Settings) -> None:
        async with Machine(settings) as machine:
            now = datetime.now(UTC)
            await machine.send(
                *((fresh_id(), SetAlarm(counter=f"k{each}", rings_at=now + timedelta(seconds=1))) for each in range(5)),
                (fresh_id(), SetAlarm(counter="late", rings_at=now + timedelta(hours=1))),
            )
            async with machine.running(machine.process()), machine.running(machine.process(slot=1)):
                for number in range(5):
                    await counter(machine.store.reader, f"k{number}")
                await asyncio.sleep(1.2)
                await machine.quiet()
            found = await machine.store.reader.find(Counter, {})
            assert sorted((each.id, each.total) for each in found) == [(f"k{each}", 1) for each in range(5)]
            rung = [texts(each.headers) for each in (await machine.heard()).on(".commands")]
            assert {each["ce_actorid"] for each in rung if each["ce_type"] == "Ring"} == {"cards-clock"}

    def test_name_their_commands_after_what_is_due(self) -> None:
        at = datetime(2026, 11, 22, 12, tzinfo=UTC)
        names = {
            due_id(Counter, "a", "rings_at", at, at),
            due_id(counting.Alarm, "a", "rings_at", at, at),
            due_id(Counter, "b", "rings_at", at, at),
            due_id(Counter, "a", "ends_at", at, at),
            due_id(Counter, "a", "rings_at", at + timedelta(milliseconds=1), at),
            due_id(Counter, "a", "rings_at", at, at + timedelta(hours=1)),
        }
        assert len(names) == 6
        assert due_id(Counter, "a", "rings_at", at, at) in names

    @pytest.mark.parametrize("odd", ["with a space", "ünï", "x" * 300])
    async def test_fire_for_documents_of_any_id(self, settings: Settings, odd: str) -> None:
        async with Machine(settings) as machine:
            await machine.send((fresh_id(), SetAlarm(counter=odd, rings_at=datetime.now(UTC))))
            async with machine.running(machine.process()):
                await counter(machine.store.reader, odd)


class TestCompanions:
    async def test_run_beside_the_batches_and_stop_with_them(self, settings: Settings) -> None:
        own: Worker[None] = Worker("cards", documents=tuple(counting.worker.documents.values()))
        own.handlers.update(counting.worker.handlers)
        seen: list[str] = []

        async def ring(beside: Beside) -> None:
            assert await beside.take_leases(["ring"], 30)
            try:
                await beside.publish(Count(counter="a"), id="beside-1", actor=TILL)
                await counter(beside.reader, "a")
                seen.append("counted")
                await asyncio.sleep(60)
            finally:
                seen.append("stopped")

        own.beside(ring)
        async with Machine(settings) as machine:
            async with machine.running(machine.process(own=own)):
                await until(lambda: bool(seen), "counted")
                await machine.quiet()
            assert seen == ["counted", "stopped"]
            assert (await machine.heard()).answers()["beside-1"].outcome is Outcome.DONE

    async def test_that_fail_end_the_process_for_its_supervisor_to_restart(self, settings: Settings) -> None:
        own: Worker[None] = Worker("cards", documents=())

        async def stumble(_: Beside) -> None:
            await until(lambda: not process.obstacles, "started")
            raise ZeroDivisionError

        own.beside(stumble)
        async with Machine(settings) as machine:
            process = machine.process(own=own)
            with pytest.raises(ExceptionGroup) as caught:
                await asyncio.wait_for(process.run(), 20)
            assert caught.value.subgroup(ZeroDivisionError) is not None


class TestHealth:
    async def test_tells_life_readiness_and_figures(self, settings: Settings) -> None:
        here = settings.model_copy(update={"health_port": free_port()})
        async with Machine(here) as machine, httpx.AsyncClient(base_url=f"http://127.0.0.1:{here.health_port}") as web:
            process = machine.process()
            async with health(here, process.telemetry.registry, lambda: process.obstacles):
                assert (await web.get("/live")).status_code == 200
                early = await web.get("/ready")
                assert (early.status_code, early.json()) == (503, {"ready": False, "obstacles": ["starting"]})
                async with machine.running(process):
                    ready = await web.get("/ready")
                    assert (ready.status_code, ready.json()) == (200, {"ready": True, "obstacles": []})
                    await machine.send(("c1", Count(counter="a")), ("c2", Explode(counter="a")))
                    await machine.quiet()
                    figures = (await web.get("/metrics")).text
            assert 'punchcard_messages_total{outcome="done",type="Count"} 1.0' in figures
            assert 'punchcard_bugs_total{type="Explode"} 1.0' in figures
            assert "punchcard_dead_letters_total 1.0" in figures
            assert "punchcard_ready 1.0" in figures


class TestStop:
    async def test_by_sigterm_finishes_commits_and_leaves_nothing_undispatched(self, settings: Settings) -> None:
        async with Machine(settings) as machine:
            child = await started(settings)
            pairs = [(fresh_id(), Count(counter=f"k{number % 5}")) for number in range(400)]
            await machine.send(*pairs)
            await counter(machine.store.reader, "k0")
            child.send_signal(signal.SIGTERM)
            assert await asyncio.wait_for(child.wait(), 20) == 0
            committed, _ = await machine.offsets()
            totals = await machine.store.reader.journal_totals()
            assert totals["undispatched"] == 0
            assert sum(committed.values()) == totals["done"]
            async with machine.running(machine.process()):
                await machine.quiet()
            heard = await machine.check()
            assert all(len(copies) == 1 for copies in heard.copies(".results").values())

    async def test_before_the_servers_are_there_is_clean_too(self, settings: Settings) -> None:
        nowhere = settings.model_copy(update={"kafka_servers": "127.0.0.1:1"})
        process = Machine(nowhere).process()
        task = asyncio.create_task(process.run())
        await asyncio.sleep(0.2)
        assert process.obstacles == ["starting"]
        process.stop()
        await asyncio.wait_for(task, 10)


class TestSecrets:
    async def test_appear_in_no_log_and_no_reason(
        self, settings: Settings, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
    ) -> None:
        async with Machine(settings) as machine, machine.running(machine.process()):
            good = message(settings, "c2", Name(counter="a", first_name="Hortensia"))
            broken = type(good)(good.topic, good.key, b'{"first_name": ["Hortensia"]}', good.headers)
            await machine.put(
                message(settings, "c1", Explode(counter="Hortensia")),
                broken,
                message(settings, "c3", Name(counter="a", first_name="Hortensia")),
            )
            await machine.quiet()
            heard = await machine.heard()
        said = capsys.readouterr()
        assert "Hortensia" not in said.out + said.err + caplog.text
        assert len(heard.on(".dead")) == 2
        for letter in heard.on(".dead"):
            assert "Hortensia" not in json.dumps(texts(letter.headers))
        assert all("Hortensia" not in str(each.details) + str(each.events) for each in heard.answers().values())


def test_ring_is_what_alarms_bring() -> None:
    due: Any = counting.worker.timers[0]
    assert due.command(counting.Alarm(id="a")) == Ring(counter="a")
