"""Kafka and MongoDB for tests: those that the environment names, else Docker's, else the local default."""

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from runtime.local import LocalServers, free_port
from runtime.local.broker import broker_answers
from runtime.local.database import REPLICA_SET, initiate, mongo_url

HOST = "127.0.0.1"

KAFKA_IMAGE = "apache/kafka:4.1.0"
MONGO_IMAGE = "mongo:7.0"


@dataclass(frozen=True, slots=True)
class Servers:
    """Where the servers of this test run are, and what they are."""

    kafka_servers: str
    mongo_url: str
    kind: str
    """`environment`, `docker` or `local`; tests of evictions and killed brokers skip on `local`."""

    @property
    def kafka_is_apache(self) -> bool:
        """Whether the broker is Apache Kafka (the local default's never evicts a dead member)."""
        return self.kind != "local"


def named(what: str) -> str | None:
    """A server that the environment names for tests, or for everything."""
    return os.environ.get(f"PUNCHCARD_TEST_{what}") or os.environ.get(f"PUNCHCARD_{what}")


def docker_answers() -> bool:
    """Whether a Docker engine answers, asked for at most three seconds."""
    docker = shutil.which("docker")
    if docker is None:
        return False
    try:
        asked = subprocess.run(
            [docker, "info", "--format", "{{.ServerVersion}}"], capture_output=True, timeout=3, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return asked.returncode == 0


@contextlib.contextmanager
def running_servers() -> Iterator[Servers]:
    """The servers of a test run, stopped at its end if they were started for it."""
    kafka, mongo = named("KAFKA_SERVERS"), named("MONGO_URL")
    with contextlib.ExitStack() as stack:
        if kafka and mongo:
            yield Servers(kafka, mongo, "environment")
        elif kafka is None and mongo is None and docker_answers():
            yield stack.enter_context(_in_docker())
        else:
            folder = stack.enter_context(_state_dir())
            local = stack.enter_context(LocalServers(folder))
            yield Servers(kafka or local.kafka_servers, mongo or local.mongo_url, "environment" if kafka else "local")


@contextlib.contextmanager
def _state_dir() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="punchcard-test-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _in_docker() -> Iterator[Servers]:
    from testcontainers.core.container import DockerContainer

    # The ports are the same inside and outside, so that what the servers say about themselves is true on both sides.
    kafka_port, mongo_port = free_port(), free_port()
    kafka = (
        DockerContainer(KAFKA_IMAGE).with_bind_ports(kafka_port, kafka_port).with_envs(**_kafka_environment(kafka_port))
    )
    mongo = DockerContainer(MONGO_IMAGE).with_bind_ports(mongo_port, mongo_port)
    mongo = mongo.with_command(["--replSet", REPLICA_SET, "--bind_ip_all", "--port", str(mongo_port)])
    with kafka, mongo:
        _wait(lambda: broker_answers(HOST, kafka_port), "Apache Kafka in Docker")
        _wait(lambda: initiate(HOST, mongo_port), "MongoDB in Docker")
        yield Servers(f"{HOST}:{kafka_port}", mongo_url(HOST, mongo_port), "docker")


def _kafka_environment(port: int) -> dict[str, str]:
    return {
        "KAFKA_NODE_ID": "1",
        "KAFKA_PROCESS_ROLES": "broker,controller",
        "KAFKA_LISTENERS": f"PLAINTEXT://0.0.0.0:{port},CONTROLLER://localhost:9093",
        "KAFKA_ADVERTISED_LISTENERS": f"PLAINTEXT://{HOST}:{port}",
        "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
        "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
        "KAFKA_CONTROLLER_QUORUM_VOTERS": "1@localhost:9093",
        "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
        "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
        "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR": "1",
        "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
        "KAFKA_AUTO_CREATE_TOPICS_ENABLE": "false",
    }


def _wait(is_ready: Callable[[], bool], what: str, timeout_seconds: float = 120) -> None:
    end = time.monotonic() + timeout_seconds
    while not is_ready():
        if time.monotonic() > end:
            raise TimeoutError(f"{what} did not answer within {timeout_seconds:.0f} s")
        time.sleep(0.2)
