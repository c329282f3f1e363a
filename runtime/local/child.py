"""A child process with a log file: started in a session of its own, ended with its parent, stopped in good order."""

import contextlib
import ctypes
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

LOG_BYTES = 10 * 1024 * 1024
"""A log longer than this moves to `<name>.log.1`; one such is kept."""
LAST_WORDS_LENGTH = 400
STOP_SECONDS = 20.0
"""How long a child may take to stop before it is killed."""
_PR_SET_PDEATHSIG = 1


class LocalError(Exception):
    """The local default can't go on; the text is one line for whoever started it."""


def free_port(host: str = "127.0.0.1") -> int:
    """A TCP port of `host` that nobody uses now."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port


def is_port_free(host: str, port: int) -> bool:
    """Whether a server could listen there now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


def answers(host: str, port: int, timeout_seconds: float = 0.5) -> bool:
    """Whether somebody accepts connections there."""
    try:
        with socket.create_connection((host, port), timeout_seconds):
            return True
    except OSError:
        return False


def last_words(log: Path) -> str:
    """The line of a child's log that says best why it ended: MongoDB's first error, else the last line of all."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 8192))
            lines = [line.strip() for line in file.read().decode(errors="replace").splitlines() if line.strip()]
    except OSError:
        return ""
    errors = [words for words in map(_error_of, lines) if words]
    return errors[0] if errors else (lines[-1] if lines else "")[:LAST_WORDS_LENGTH]


def _error_of(line: str) -> str:
    """What a line of MongoDB's JSON log complains of; empty for any other line."""
    try:
        entry = json.loads(line)
        if entry["s"] not in {"E", "F"}:
            return ""
        attributes = entry.get("attr", {})
        return f"{entry['msg']} {attributes.get('error', attributes)}".strip()[:LAST_WORDS_LENGTH]
    except (ValueError, KeyError, TypeError):
        return ""


def _tie_to_parent() -> Callable[[], None] | None:
    """What a child does before it runs: ask Linux for SIGTERM when its parent dies, so that nothing is orphaned."""
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None, use_errno=True)
    parent = os.getpid()

    def tie() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it died between the fork and the call
            os._exit(1)

    return tie


class Child:
    """One child process; may be started again after it ended.

    Args:
        name: how people are told of it; names its log.
        command: program and arguments.
        log: file that takes its output.
        environment: variables on top of this process's own.
    """

    def __init__(
        self, name: str, command: Sequence[str], log: Path, environment: Mapping[str, str] | None = None
    ) -> None:
        self.name = name
        self.log = log
        self._command = list(command)
        self._environment = dict(environment or {})
        self._process: subprocess.Popen[bytes] | None = None
        self._tie = _tie_to_parent()

    @property
    def command(self) -> tuple[str, ...]:
        """Program and arguments."""
        return tuple(self._command)

    @property
    def pid(self) -> int | None:
        """Process id, while there is a process."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Starts the process.

        Raises:
            LocalError: the program can't be run.
        """
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self.trim_log()
        with self.log.open("ab") as output:
            self._process = self._run(output)

    def _run(self, output: IO[bytes]) -> "subprocess.Popen[bytes]":
        try:
            # A session of its own: the terminal's Ctrl-C reaches only the parent, which stops everybody in order.
            return subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=os.environ | self._environment,
                start_new_session=True,
                preexec_fn=self._tie,  # noqa: PLW1509 - one C call; this process starts children before any thread
            )
        except OSError as error:
            raise LocalError(f"{self.name} can't be run: {error}") from error

    def ended(self) -> int | None:
        """Exit code if the process has ended (negative: the signal), None while it runs."""
        return self._process.poll() if self._process else None

    def stop(self, timeout_seconds: float = STOP_SECONDS) -> bool:
        """Asks it to stop, waits, and kills it if it doesn't; says whether it stopped by itself."""
        self.ask_to_stop()
        return self.wait_stopped(timeout_seconds)

    def ask_to_stop(self) -> None:
        """Sends SIGTERM, if it runs, without waiting."""
        if self._process and self._process.poll() is None:
            self._process.terminate()

    def wait_stopped(self, timeout_seconds: float = STOP_SECONDS) -> bool:
        """Waits for its end; kills it after `timeout_seconds` and then says False."""
        if self._process is None:
            return True
        try:
            self._process.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            return False
        return True

    def kill(self) -> None:
        """Ends it as a crash would, with all that it started in its session."""
        if self._process and self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def trim_log(self) -> None:
        """Moves a long log aside; the child keeps writing (its file is open for appending)."""
        if self.log.exists() and self.log.stat().st_size > LOG_BYTES:
            shutil.copyfile(self.log, self.log.with_suffix(".log.1"))
            os.truncate(self.log, 0)
