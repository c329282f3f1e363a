"""TLS and SASL: Punchcard's processes connect by settings alone; with wrong ones they say why and aren't ready."""

import asyncio
import json
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from contracts.messages import WORKERS
from runtime.admin import AdminError, create_topics
from runtime.local.child import Child
from runtime.local.database import mongo_url
from tests.fuzz.system import GATEWAY, environment_of, running_system
from tests.journeys.test_journey import card_number, joining
from tests.security.secured import HOST, PASSWORD, Secured, secured_servers, why_not
from tests.servers import Servers

PATIENCE_SECONDS = 40.0
WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "password": ({"kafka_password": "guessed-and-wrong"}, "uthentication failed"),
    "user": ({"kafka_username": "nobody"}, "uthentication failed"),
    "password by PLAIN": (
        {"kafka_password": "guessed-and-wrong", "kafka_sasl_mechanism": "PLAIN"},
        "uthentication failed",
    ),
    "password by a login alone": (
        {
            "kafka_password": "guessed-and-wrong",
            "kafka_security_protocol": "SASL_PLAINTEXT",
            "kafka_servers": "127.0.0.1:{login}",
        },
        "uthentication failed",
    ),
    "authority by TLS alone": (
        {"kafka_ca_file": "stranger", "kafka_security_protocol": "SSL", "kafka_servers": "127.0.0.1:{tls}"},
        "CERTIFICATE_VERIFY_FAILED",
    ),
    "authority of Kafka": ({"kafka_ca_file": "stranger"}, "CERTIFICATE_VERIFY_FAILED"),
    "host name of Kafka": ({"kafka_servers": "localhost:{kafka}"}, "not valid for 'localhost'"),
    "authority of MongoDB": ({"mongo_ca_file": "stranger"}, "CERTIFICATE_VERIFY_FAILED"),
    "host name of MongoDB": (
        {"mongo_url": "mongodb://localhost:{mongo}/?directConnection=true"},
        "not valid for 'localhost'",
    ),
}


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory, servers: Servers) -> Iterator[Secured]:
    if not servers.kafka_is_apache:
        pytest.skip("takes a minute; runs where Apache Kafka is under test, in .ci/run")
    reason = why_not()
    if reason is not None:
        pytest.skip(f"needs Apache Kafka itself: {reason}")
    with secured_servers(tmp_path_factory.mktemp("secured")) as own:
        yield own


class TestServers:
    def test_let_nobody_in_without(self, secured: Secured, tmp_path: Path) -> None:
        url = mongo_url(HOST, secured.mongo_port)
        with MongoClient[Any](url, serverSelectionTimeoutMS=1_500) as client, pytest.raises(PyMongoError):
            client.admin.command("ping")
        plain = secured.settings(tmp_path, kafka_security_protocol="SSL")
        with pytest.raises(AdminError):
            asyncio.run(create_topics(plain))


@pytest.mark.timeout(180)
class TestRightSettings:
    def test_carry_a_journey_through_every_process_by_every_way_in(self, secured: Secured, tmp_path: Path) -> None:
        settings = secured.settings(tmp_path)
        more = {
            GATEWAY: {"PUNCHCARD_KAFKA_SASL_MECHANISM": "PLAIN"},
            "cards": {"PUNCHCARD_KAFKA_SASL_MECHANISM": "SCRAM-SHA-256"},
            "registration": alone("SSL", secured.tls_port),
            "audit": alone("SASL_PLAINTEXT", secured.login_port),
        }
        asyncio.run(create_topics(settings))
        with running_system(settings, tmp_path / "logs", more=more) as system:
            card = card_number(1)

            def say(kind: str, command: str, body: dict[str, Any]) -> httpx.Response:
                headers = {"Authorization": f"Bearer {system.keys[kind]}", "Prefer": "wait=20"}
                return httpx.post(
                    f"{system.url(GATEWAY)}/v1/commands/{command}", json=body, headers=headers, timeout=30
                )

            assert say("operator", "IssueCard", {"card_number": card}).status_code == 200
            joined = until(
                lambda: say("pos", "RegisterMember", joining(card)), lambda answer: answer.status_code == 200
            )
            member = joined.json()["events"][0]["body"]["member_id"]
            headers = {"Authorization": f"Bearer {system.keys['operator']}"}
            told = until(
                lambda: httpx.get(f"{system.url(GATEWAY)}/v1/members/{member}/timeline", headers=headers),
                lambda answer: "CardLinked" in answer.text and "MessageQueued" in answer.text,
            )
            assert told.status_code == 200
            assert system.crashes == {}
        logs = "".join((tmp_path / "logs" / f"{name}.log").read_text() for name in (*WORKERS, GATEWAY))
        assert PASSWORD not in logs


def alone(protocol: str, port: int) -> dict[str, str]:
    """What a process is told that comes in by one thing alone; what it knows of the other is of no use there."""
    return {"PUNCHCARD_KAFKA_SECURITY_PROTOCOL": protocol, "PUNCHCARD_KAFKA_SERVERS": f"{HOST}:{port}"}


def until(ask: Any, is_so: Any) -> Any:
    """Ask until it is so."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not is_so(found := ask()):
        assert time.monotonic() < end, found.text
        time.sleep(0.2)
    return found


@pytest.fixture(scope="module")
def waiting(secured: Secured, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, tuple[Child, int]]]:
    """A process for each, all at once: what takes long is their start."""
    children: dict[str, tuple[Child, int]] = {}
    try:
        for name, (changes, _) in WRONG.items():
            folder = tmp_path_factory.mktemp("wrong")
            real = {key: real_value(value, secured) for key, value in changes.items()}
            settings = secured.settings(folder, **real)
            command = [sys.executable, "-m", "services.cli", "worker", "cards"]
            child = Child(name, command, folder / "worker.log", environment_of(settings))
            child.start()
            children[name] = (child, settings.health_port)
        yield children
    finally:
        for child, _ in children.values():
            child.ask_to_stop()
        for child, _ in children.values():
            child.wait_stopped()


def real_value(value: str, secured: Secured) -> Any:
    """A wrong setting, with what is only known now."""
    if value == "stranger":
        return secured.stranger.file
    ports = {"kafka": secured.kafka_port, "tls": secured.tls_port, "login": secured.login_port}
    return value.format(**ports, mongo=secured.mongo_port)


@pytest.mark.timeout(180)
class TestWrongSettings:
    @pytest.mark.parametrize("name", WRONG)
    def test_are_told_in_a_clear_line_and_keep_the_process_from_being_ready(
        self, waiting: dict[str, tuple[Child, int]], name: str
    ) -> None:
        child, port = waiting[name]
        lines = until_said(child.log)

        line = json.loads(lines[0])
        assert (line["event"], line["level"]) == ("waiting for servers", "warning")
        assert WRONG[name][1] in line["text"]
        assert child.ended() is None
        assert status(port) == 503
        assert not any(secret in child.log.read_text() for secret in (PASSWORD, "guessed-and-wrong"))
        assert len({json.loads(each)["text"] for each in lines}) == 1
        assert all(each.startswith("{") for each in child.log.read_text().splitlines())


def until_said(log: Path) -> list[str]:
    """The lines of a process that waits, once there are some."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not (lines := [each for each in log.read_text().splitlines() if "waiting for servers" in each]):
        assert time.monotonic() < end, log.read_text()
        time.sleep(0.2)
    return lines


def status(port: int) -> int:
    """What a process says when it is asked whether it is ready."""
    try:
        with urllib.request.urlopen(f"http://{HOST}:{port}/ready", timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
