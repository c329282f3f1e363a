"""A broker and a database of one's own, for as long as a `with` lasts: for tests, benchmarks and `punchcard up`."""

import fcntl
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from runtime.local.broker import broker_answers, broker_child
from runtime.local.child import Child, LocalError, free_port, is_port_free, last_words
from runtime.local.database import database_child, database_is_primary, initiate, mongo_url

FREE_BYTES = 1024 * 1024 * 1024
"""Below this much free disk the servers are not started: they would stop half-way, with a worse message."""
START_SECONDS = 60.0


def lock_state(state_dir: Path) -> IO[str]:
    """Takes `state_dir` for this process; the lock ends with the file that is returned, or with the process.

    Raises:
        LocalError: another process has it, or it can't be written.
    """
    try:
        state_dir.mkdir(parents=True, exist_ok=True)
        file = (state_dir / "lock").open("a+", encoding="utf-8")
    except OSError as error:
        raise LocalError(f"can't write to {state_dir}: {error.strerror}") from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.seek(0)
        holder = file.read().strip() or "unknown"
        file.close()
        raise LocalError(f"{state_dir} is in use by another punchcard (process {holder})") from error
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()
    return file


def check_disk(state_dir: Path) -> None:
    """Refuses a disk that is nearly full.

    Raises:
        LocalError: less than `FREE_BYTES` are free.
    """
    free = shutil.disk_usage(state_dir).free
    if free < FREE_BYTES:
        raise LocalError(
            f"no disk space: {free // 2**20} MiB are free at {state_dir}, {FREE_BYTES // 2**20} are needed"
        )


def check_port(host: str, port: int, what: str, setting: str) -> None:
    """Refuses a port that is taken.

    Raises:
        LocalError: something listens there.
    """
    if not is_port_free(host, port):
        raise LocalError(f"port {port} ({what}) is in use: free it, or set {setting}")


def wait_for(child: Child, is_ready: Callable[[], bool], timeout_seconds: float = START_SECONDS) -> None:
    """Waits until a child is ready.

    Raises:
        LocalError: it ended first, or took too long.
    """
    end = time.monotonic() + timeout_seconds
    while not is_ready():
        if child.ended() is not None:
            raise LocalError(f"the {child.name} did not start (exit {child.ended()}): {last_words(child.log)}")
        if time.monotonic() > end:
            raise LocalError(f"the {child.name} was not ready within {timeout_seconds:.0f} s; see {child.log}")
        time.sleep(0.05)


class LocalServers:
    """Broker and database as child processes under `state_dir`; stopped when the `with` (or `async with`) ends.

    Args:
        state_dir: where they keep files and logs; locked meanwhile.
        kafka_port: 0 takes a free one.
        mongo_port: 0 takes a free one.
        host: address to listen on.

    Raises:
        LocalError: on entering: a server is missing, a port taken, the state in use, the disk full.
    """

    def __init__(self, state_dir: Path, kafka_port: int = 0, mongo_port: int = 0, host: str = "127.0.0.1") -> None:
        self.state_dir = state_dir
        self.host = host
        self.kafka_port = kafka_port or free_port(host)
        self.mongo_port = mongo_port or free_port(host)
        self._lock: IO[str] | None = None
        self.broker: Child | None = None
        self.database: Child | None = None

    @property
    def kafka_servers(self) -> str:
        """What goes into the setting `kafka_servers`."""
        return f"{self.host}:{self.kafka_port}"

    @property
    def mongo_url(self) -> str:
        """What goes into the setting `mongo_url`."""
        return mongo_url(self.host, self.mongo_port)

    def start(self) -> None:
        """Starts both and returns when they answer."""
        self._lock = lock_state(self.state_dir)
        try:
            check_disk(self.state_dir)
            check_port(self.host, self.kafka_port, "Kafka", "PUNCHCARD_KAFKA_SERVERS")
            check_port(self.host, self.mongo_port, "MongoDB", "PUNCHCARD_MONGO_URL")
            self.database = database_child(self.state_dir, self.host, self.mongo_port)
            self.broker = broker_child(self.state_dir, self.host, self.kafka_port)
            self.database.start()
            self.broker.start()
            wait_for(self.broker, self.broker_is_ready)
            wait_for(self.database, lambda: initiate(self.host, self.mongo_port))
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stops both, cleanly."""
        children = [child for child in (self.broker, self.database) if child]
        for child in children:
            child.ask_to_stop()
        for child in children:
            child.wait_stopped()
        if self._lock:
            self._lock.close()
            self._lock = None

    def broker_is_ready(self) -> bool:
        """Whether the broker answers."""
        return broker_answers(self.host, self.kafka_port)

    def database_is_ready(self) -> bool:
        """Whether the database takes writes."""
        return database_is_primary(self.host, self.mongo_port)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
