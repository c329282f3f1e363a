"""Apache Kafka and MongoDB of a soak's own, to be killed, frozen and started again on their files."""

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from runtime.local import LocalError, free_port
from runtime.local.broker import broker_answers
from runtime.local.database import database_child, database_is_primary, initiate, mongo_url
from runtime.local.servers import check_disk
from tests.chaos.watchdog import Watchdog

HOST: Final = "127.0.0.1"
APACHE: Final = Path(__file__).parents[2] / ".ci" / "apache-kafka"
START_SECONDS: Final = 120.0
SHORT_LIVED: Final = "-XX:TieredStopAtLevel=1"
"""For a broker that is killed every few seconds: it never earns what Java's best compiler costs."""
LOOK_SECONDS: Final = 0.1


class NoKafka(LocalError):
    """Apache Kafka can't be had here: Java, Maven or its jars are missing."""


def check_apache() -> None:
    """Refuse a machine without Apache Kafka.

    Raises:
        NoKafka: it can't be had; the text says why.
    """
    asked = subprocess.run([str(APACHE), "available"], capture_output=True, text=True, check=False)
    if asked.returncode:
        reason = asked.stderr.strip().splitlines()
        raise NoKafka(f"Apache Kafka can't be had here ({reason[-1] if reason else 'no reason given'})")


class Servers:
    """One broker and one database; whoever holds them may end them as a crash would."""

    def __init__(self, folder: Path, watchdog: Watchdog, java_options: str = "") -> None:
        self._java_options = java_options
        self._kafka = folder / "kafka"
        self._watchdog = watchdog
        self.kafka_port = free_port(HOST)
        self.mongo_port = free_port(HOST)
        self._database = database_child(folder, HOST, self.mongo_port)
        watchdog.hold_file(self._kafka / "pid")
        check_disk(folder)

    @property
    def kafka_servers(self) -> str:
        """Where the broker listens."""
        return f"{HOST}:{self.kafka_port}"

    @property
    def mongo_url(self) -> str:
        """Where the database listens."""
        return mongo_url(HOST, self.mongo_port)

    @property
    def pids(self) -> dict[str, int]:
        """The servers' process ids, while they run."""
        file = self._kafka / "pid"
        broker = file.read_text(encoding="utf-8").strip() if file.exists() else ""
        return {"broker": int(broker or 0), "database": self._database.pid or 0}

    async def start(self) -> None:
        """Start both.

        Raises:
            LocalError: one does not start.
        """
        await asyncio.gather(self.start_kafka(), self.start_mongo())

    # -- the broker

    async def start_kafka(self) -> None:
        """Start the broker on its files; returns when it answers."""
        await self._script("start", str(self._kafka), str(self.kafka_port))
        await self._until(lambda: broker_answers(HOST, self.kafka_port), "Apache Kafka")

    async def kill_kafka(self) -> None:
        """`kill -9` of the broker."""
        await self._script("kill", str(self._kafka))

    async def _script(self, *words: str) -> None:
        process = await asyncio.create_subprocess_exec(
            str(APACHE),
            *words,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, "JAVA_TOOL_OPTIONS": self._java_options},
        )
        _, said = await process.communicate()
        if process.returncode:
            raise LocalError(f"Apache Kafka: {words[0]}: {said.decode(errors='replace').strip()[-300:]}")

    # -- the database

    async def start_mongo(self) -> None:
        """Start the database on its files; returns when it takes writes."""
        self._database.start()  # in this thread: a child ends with the thread that started it
        self._watchdog.hold(self._database.pid)
        await self._until(lambda: initiate(HOST, self.mongo_port), "MongoDB")

    async def kill_mongo(self) -> None:
        """`kill -9` of the database."""
        await asyncio.to_thread(self._database.kill)

    def freeze_mongo(self) -> None:
        """Stop the database where it stands."""
        self._signal(signal.SIGSTOP)

    def thaw_mongo(self) -> None:
        """Let the database go on."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        if self._database.pid is not None and self._database.ended() is None:
            os.kill(self._database.pid, number)

    async def heal(self) -> None:
        """Have both running, whatever was done to them."""
        self.thaw_mongo()
        if self._database.ended() is not None:
            await self.start_mongo()
        if not await asyncio.to_thread(broker_answers, HOST, self.kafka_port):
            await self.kill_kafka()
            await self.start_kafka()
        await self._until(lambda: database_is_primary(HOST, self.mongo_port), "MongoDB")

    async def stop(self) -> None:
        """End both at once: nothing of theirs is needed afterwards."""
        self.thaw_mongo()
        await self.kill_mongo()
        await self.kill_kafka()

    async def _until(self, is_ready: Callable[[], bool], what: str) -> None:
        end = time.monotonic() + START_SECONDS
        while not await asyncio.to_thread(is_ready):
            if time.monotonic() > end:
                raise LocalError(f"{what} did not answer within {START_SECONDS:.0f} s")
            await asyncio.sleep(LOOK_SECONDS)
