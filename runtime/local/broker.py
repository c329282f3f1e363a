"""The local Kafka broker: the binary in the package `noida-db`, a broker for development.

It respects what was found out about it: the binary itself is run (SIGTERM to its console script orphans the server)
and only its Kafka half; a `kill -9` loses up to about a second of acknowledged records. SIGTERM loses none if nobody
produces then: it acknowledges to the last, also what comes after its last snapshot (15 of 15 tries lost some), so
whoever stops it stops the producers first.
"""

import importlib.util
import os
import shutil
import socket
import struct
from pathlib import Path

from runtime.local.child import Child, LocalError

_METADATA_REQUEST = struct.pack(">hhih", 3, 1, 1, -1) + struct.pack(">i", 0)
"""Metadata v1 of no topics, without a client id."""


def runnable(program: Path, state_dir: Path) -> Path:
    """`program` if its run bit is set, else a copy of it under `state_dir` that has one."""
    if os.access(program, os.X_OK):
        return program
    copy = state_dir / "bin" / program.name
    if not copy.exists() or copy.stat().st_size != program.stat().st_size:
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(program, copy)
    copy.chmod(0o755)
    return copy


def find_broker(state_dir: Path) -> Path:
    """The broker's binary.

    Raises:
        LocalError: the package isn't installed, or has no binary for this machine.
    """
    package = importlib.util.find_spec("noida_db")
    program = Path(package.origin).with_name("noida-db") if package and package.origin else None
    if program is None or not program.is_file():
        raise LocalError(
            "no local Kafka broker: the package noida-db is not installed (Linux x86-64 only); "
            "install it, or name a broker in PUNCHCARD_KAFKA_SERVERS"
        )
    return runnable(program, state_dir)


def broker_child(state_dir: Path, host: str, port: int) -> Child:
    """The broker as a child process, with its data in `state_dir`/kafka."""
    place = state_dir / "kafka"
    place.mkdir(parents=True, exist_ok=True)
    command = [str(find_broker(state_dir)), "start", "--only", "kafka", "--kafka-port", str(port)]
    command += ["--host", host, "--data-dir", str(place.resolve())]
    return Child("broker", command, state_dir / "logs" / "broker.log")


def broker_answers(host: str, port: int, timeout_seconds: float = 2.0) -> bool:
    """Whether a Kafka broker answers a metadata request there (an open port alone says little)."""
    try:
        with socket.create_connection((host, port), timeout_seconds) as connection:
            connection.sendall(struct.pack(">i", len(_METADATA_REQUEST)) + _METADATA_REQUEST)
            size = connection.recv(4, socket.MSG_WAITALL)
            return len(size) == 4 and struct.unpack(">i", size)[0] > 0
    except OSError:
        return False
