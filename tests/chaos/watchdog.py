"""A watchdog: a process of its own that ends what a soak started if the soak itself is killed.

A child asks Linux to be told of its parent's end, but one that is stopped hears nothing, and Apache Kafka runs in a
session of its own. So all of them are told to this process; when the pipe from the soak closes, for whatever reason, it
kills what is still there and removes the soak's files.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import IO, Final

START_SECONDS: Final = 1.0
"""A server that was being started when the soak ended needs so long to write its process id."""


class Watchdog:
    """The soak's end of the pipe."""

    def __init__(self, folder: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.watchdog", str(folder)],
            stdin=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def hold(self, pid: int | None) -> None:
        """Name a process (and its session) that has to end with the soak."""
        if pid is not None:
            self._say(f"pid {pid} {_born(pid)}")

    def hold_file(self, file: Path) -> None:
        """Name a file that holds a process id, now or later."""
        self._say(f"file {file}")

    def _say(self, line: str) -> None:
        self._pipe.write(line + "\n")
        self._pipe.flush()

    @property
    def _pipe(self) -> IO[str]:
        assert self._process.stdin is not None
        return self._process.stdin

    def end(self) -> None:
        """Let it end everything that is still there, and itself."""
        self._pipe.close()
        self._process.wait()


def _born(pid: int) -> str:
    """When a process started, in ticks since the machine did: a process id is used again, this isn't."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[19]
    except OSError:
        return ""


def _kill(pid: int, born: str) -> None:
    if born and _born(pid) == born:
        try:
            os.killpg(pid, signal.SIGKILL)
        except ProcessLookupError:
            return


def main(folder: Path) -> None:
    """Listen until the pipe closes, then end everything that was named."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    held: dict[int, str] = {}
    files: set[Path] = set()
    for line in sys.stdin:
        kind, _, rest = line.strip().partition(" ")
        if kind == "pid":
            pid, _, born = rest.partition(" ")
            held[int(pid)] = born
        else:
            files.add(Path(rest))
    if any(file.parent.exists() and not file.exists() for file in files):
        time.sleep(START_SECONDS)
    for pid, born in held.items():
        _kill(pid, born)
    for file in files:
        if file.exists() and (text := file.read_text(encoding="utf-8").strip()):
            _kill(int(text), _born(int(text)))
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
