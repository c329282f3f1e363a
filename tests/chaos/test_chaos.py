"""The soak itself: its schedule, its watchdog, its verdict, and a short run on the servers that the tests have."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from datetime import date
from itertools import combinations, islice
from pathlib import Path

import pytest

from contracts.catalogue import COMMANDS
from contracts.messages import WORKERS, CommandEnded, Outcome
from contracts.programme import Programme
from runtime.admin import create_topics
from runtime.local import LocalError
from runtime.settings import Settings
from services.demo.scale import Scale
from services.demo.sending import Sending
from tests.chaos.commands import Commands
from tests.chaos.faults import AT_SERVERS, KILLS, Kind, schedule, two_of
from tests.chaos.office import TRIES, Office
from tests.chaos.soak import Soak, Wish
from tests.chaos.verdict import FIGURES, figures
from tests.contracts.golden.examples import example
from tests.proof.case import Violation
from tests.proof.history import History, Kept
from tests.servers import Servers

SESSION_MS = 6_000
"""The shortest that brokers allow unless they are told otherwise."""
LINES = 30
"""Of each process's log, shown when the soak gets nowhere."""
NOTHING = History("test", (), (), {"rewards": Kept(frozenset(), {}, (), {}, {})})


class TestSchedule:
    @pytest.mark.parametrize("kills", [1, 2, 7, 40, 200])
    def test_has_as_many_kills_as_were_asked_for(self, kills: int) -> None:
        assert sum(KILLS.get(fault.kind, 0) for fault in schedule(kills, seed=3)) == kills

    def test_follows_from_its_seed(self) -> None:
        assert schedule(40, seed=3) == schedule(40, seed=3) != schedule(40, seed=4)

    def test_knows_every_kind_and_comes_in_order(self) -> None:
        plan = schedule(40, seed=3)
        assert {fault.kind for fault in plan} == set(Kind)
        assert [fault.share for fault in plan] == sorted(fault.share for fault in plan)
        assert all(0 <= fault.share < 1 for fault in plan)

    def test_does_only_what_it_may(self) -> None:
        assert {fault.kind for fault in schedule(40, seed=3, allowed=(Kind.KILL,))} == {Kind.KILL}

    @pytest.mark.parametrize("first", [0, 7, 9_990])
    def test_gives_every_pair_of_workers_its_turn(self, first: int) -> None:
        pairs = [frozenset(two_of(seed)) for seed in range(first, first + 10)]
        assert sorted(map(sorted, pairs)) == sorted(sorted(pair) for pair in combinations(WORKERS, 2))
        assert {name for pair in pairs[:5] for name in pair} == set(WORKERS)


class TestCommands:
    def test_cover_every_worker_and_every_command_of_the_contracts(self) -> None:
        programme = Programme.read(Path("programme.yaml"))
        commands = Commands(1, programme, Settings(), 1_500, date(2026, 11, 20))
        sent = list(islice(commands.all({}), 1_500))
        assert {each.kind for each in sent if isinstance(each, Sending)} == set(COMMANDS)
        counts = Counter(each.command.worker for each in sent if isinstance(each, Sending))
        assert set(counts) == set(WORKERS)
        assert any(count > 1 for count in Counter(each.id for each in sent).values()), "nothing is repeated"


class TestOffice:
    def test_says_anew_what_is_refused_under_another_id_and_gives_up_in_the_end(self) -> None:
        office = Office(Programme.read(Path("programme.yaml")))
        refused = example(CommandEnded).model_copy(update={"outcome": Outcome.REFUSED})
        scale = Scale(seed=1, cards=260, registrations=160, receipts=1_400, day=date(2026, 11, 20))
        said = list(office.begin(scale, times=2))
        heard: dict[str, CommandEnded] = {}
        for _ in range(TRIES):
            assert office.is_busy
            assert list(office.go_on(heard)) == [], "it goes on without an answer"
            heard = {each.id: refused for each in said}
            said += office.go_on(heard)
        assert not office.is_busy
        assert len({each.id for each in said}) == len(said) == 10 * TRIES
        assert office.figures() == {"begun": 10, "ended": 0, "refused": {"IssueCard": 10}}


class TestVerdict:
    @pytest.mark.parametrize("name", FIGURES)
    def test_counts_each_finding_once(self, name: str) -> None:
        for code in FIGURES[name]:
            found = figures(NOTHING, [Violation(code, "…")])
            assert [found[each] for each in FIGURES] == [int(each == name) for each in FIGURES]
            assert found["otherwise_wrong"] == 0

    def test_counts_what_it_has_no_figure_for(self) -> None:
        assert figures(NOTHING, [Violation("trail", "…")])["otherwise_wrong"] == 1

    def test_says_by_how_much_the_ledger_is_off(self) -> None:
        documents: dict[str, tuple[dict[str, object], ...]] = {
            "ledger_entries": ({"account_id": "a", "unit": "points", "amount": 7},),
            "accounts": (
                {"_id": "a", "holdings": [{"unit": "points", "balance": 4}, {"unit": "stamps", "balance": 1}]},
            ),
        }
        history = History("test", (), (), {"rewards": Kept(frozenset(), documents, (), {}, {})})
        assert figures(history, [])["ledger_difference"] == 4


class TestWatchdog:
    def test_ends_what_a_killed_soak_left_even_if_it_is_frozen(self, tmp_path: Path) -> None:
        folder = tmp_path / "soak"
        folder.mkdir()
        program = (
            "import subprocess, sys, time, os, signal\n"
            "from pathlib import Path\n"
            "from tests.chaos.watchdog import Watchdog\n"
            f"watchdog = Watchdog(Path({str(folder)!r}))\n"
            "child = subprocess.Popen(['sleep', '300'], start_new_session=True)\n"
            "watchdog.hold(child.pid)\n"
            "os.kill(child.pid, signal.SIGSTOP)\n"
            "print(child.pid, flush=True)\n"
            "time.sleep(300)\n"
        )
        parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        parent.kill()
        parent.wait()
        parent.stdout.close()
        end = time.monotonic() + 10
        while (is_there(child) or folder.exists()) and time.monotonic() < end:
            time.sleep(0.05)
        if is_there(child):
            os.killpg(child, signal.SIGKILL)
            pytest.fail("the frozen process outlived the soak")
        assert not folder.exists()


def is_there(pid: int) -> bool:
    """Whether a process runs; one that ended and was not waited for doesn't."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


class TestNoRest:
    async def test_is_judged_all_the_same(
        self, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Nobody works, so that what was sent stays where it is."""
        monkeypatch.setattr("tests.chaos.soak.PATIENCE_SECONDS", 1.0)
        folder = tmp_path / "soak"
        folder.mkdir()
        soak = Soak(Wish(1, 100, 100, 3, 1.0, 0, replay=True), folder, lambda _: None, settings)

        async def nobody() -> None:
            """Start no process."""

        monkeypatch.setattr(soak.fleet, "start", nobody)
        commands = Commands(3, Programme.read(settings.programme_file), settings, 100, date(2026, 11, 20))
        try:
            await create_topics(settings)
            await soak.sender.send(list(islice(commands.all({}), 60)))
            await soak.come_to_rest()
            found = await soak.judged()
        finally:
            await soak.close()
            soak.release()
        assert found["held"] is False
        assert found["no_rest"].startswith("nothing moved for 1 s: {'registration': ")
        assert set(found["violations"]) >= {"no_rest", "lag", "without_outcome"}
        assert found["lost"] >= found["violations"]["lag"] > 0
        assert found["without_outcome"] > 10
        assert any(line.startswith("no_rest (1): nothing moved") for line in soak.wrong)


class TestSoak:
    @pytest.mark.timeout(240)
    async def test_keeps_every_promise_through_six_kills(
        self, servers: Servers, settings: Settings, tmp_path: Path
    ) -> None:
        if not servers.kafka_is_apache:
            pytest.skip("takes a minute; runs where Apache Kafka is under test, in .ci/run")
        kinds = tuple(kind for kind in Kind if kind not in AT_SERVERS | {Kind.ROLL})
        wish = Wish(6, 1_500, 200, 6, 1.0, 0, texts=False, kinds=kinds)
        told: list[str] = []
        named = settings.model_copy(update={"session_timeout_ms": SESSION_MS, "lanes": 1})
        folder = tmp_path / "soak"
        folder.mkdir()
        soak = Soak(wish, folder, told.append, named)
        try:
            await soak.run()
            found = await soak.judged()
        except LocalError:
            for log in (folder / "logs").glob("*.log"):
                print(log.name, *log.read_text(errors="replace").splitlines()[-LINES:], sep="\n  ")
            raise
        finally:
            await soak.close()
            soak.release()
        assert soak.wrong == []
        assert found["kills"] == 6
        assert found["commands"] >= 1_400
        assert min(found["commands_by_worker"].values()) > 10
        assert found["ended_unasked"] == {}
        assert found["office"]["ended"] > 10
        assert (found["no_rest"], found["held"]) == (None, True)
