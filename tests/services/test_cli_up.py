"""`punchcard up` as a person meets it: `ready`, a worker that dies, Ctrl-C; and what it says when it can't start."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from runtime.local import free_port
from runtime.local.child import is_port_free

HOST = "127.0.0.1"
ROOT = Path(__file__).parents[2]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Variables for a Punchcard of this test's own: free ports, an empty state."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("PUNCHCARD_")}
    return own | {
        "PUNCHCARD_STATE_DIR": str(tmp_path / "state"),
        "PUNCHCARD_KEYS_FILE": str(tmp_path / "state" / "keys.yaml"),
        "PUNCHCARD_SECRET_FILE": str(tmp_path / "state" / "secret"),
        "PUNCHCARD_KAFKA_SERVERS": f"{HOST}:{free_port()}",
        "PUNCHCARD_MONGO_URL": f"mongodb://{HOST}:{free_port()}/?replicaSet=punchcard",
        "PUNCHCARD_GATEWAY_PORT": str(free_port()),
        "PUNCHCARD_SMS_PORT": str(free_port()),
        "PUNCHCARD_HEALTH_PORT": "0",
        "PUNCHCARD_PARTITIONS": "2",
    }


class Up:
    """`punchcard up` in a process of its own, and the lines that it prints."""

    def __init__(self, environment: dict[str, str], output: Path) -> None:
        self._output = output
        with output.open("wb") as file:
            command = [sys.executable, "-m", "services.cli", "up"]
            self.process = subprocess.Popen(command, env=environment, cwd=ROOT, stdout=file, stderr=subprocess.STDOUT)

    @property
    def lines(self) -> list[str]:
        return self._output.read_text().splitlines()

    def wait_for(self, line: str, timeout_seconds: float = 100) -> None:
        end = time.monotonic() + timeout_seconds
        while not any(said.startswith(line) for said in self.lines):
            assert self.process.poll() is None, self.lines
            assert time.monotonic() < end, self.lines
            time.sleep(0.1)

    def children(self) -> dict[str, int]:
        """Process ids of what it started, by the last argument of their commands."""
        tasks = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return {Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[-2].decode(): int(pid) for pid in tasks}


@pytest.fixture
def up(environment: dict[str, str], tmp_path: Path) -> Iterator[Up]:
    own = Up(environment, tmp_path / "output")
    yield own
    own.process.send_signal(signal.SIGTERM)
    own.process.wait(60)


@pytest.mark.long
@pytest.mark.servers
@pytest.mark.timeout(240)
@pytest.mark.skipif(sys.platform != "linux", reason="the local default's servers are Linux binaries")
class TestUp:
    def test_says_ready_restarts_a_killed_worker_and_stops_on_ctrl_c(self, up: Up, environment: dict[str, str]) -> None:
        up.wait_for("ready")
        children = up.children()
        os.kill(children["cards"], signal.SIGKILL)
        up.wait_for("cards ended (signal 9), again in 0.5 s")
        up.wait_for("cards is ready again")
        up.process.send_signal(signal.SIGINT)

        assert up.process.wait(60) == 0
        assert up.lines[-1] == "stopped"
        assert not any("Traceback" in line for line in up.lines)
        assert all(is_port_free(HOST, int(environment[f"PUNCHCARD_{door}_PORT"])) for door in ("GATEWAY", "SMS"))
        assert not any(Path(f"/proc/{pid}").exists() for pid in children.values())

    def test_says_in_one_line_which_port_is_in_use(self, environment: dict[str, str], tmp_path: Path) -> None:
        with socket.create_server((HOST, int(environment["PUNCHCARD_GATEWAY_PORT"]))):
            refused = Up(environment, tmp_path / "refused")

            assert refused.process.wait(60) == 1
        port = environment["PUNCHCARD_GATEWAY_PORT"]
        assert refused.lines == [
            f"punchcard: port {port} (gateway) is in use: free it, or set PUNCHCARD_GATEWAY_PORT",
        ]
