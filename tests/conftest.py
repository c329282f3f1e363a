"""What every test may ask for: `servers`, once per run, and `settings`, with names of its own per test."""

import uuid
from collections.abc import Generator, Iterator
from pathlib import Path

import hypothesis
import pytest
from hypothesis.internal.conjecture import providers
from hypothesis.internal.constants_ast import Constants
from pydantic import SecretStr
from pymongo import MongoClient

from runtime.settings import Settings
from tests.security.scan import logged, shown
from tests.servers import Servers, running_servers

# Every run tries the same examples, however slow the machine; `--hypothesis-profile default` looks for new ones.
hypothesis.settings.register_profile("same", derandomize=True, deadline=None)
hypothesis.settings.load_profile("same")
# Nor may they depend on which tests run beside them: it would draw constants out of whatever modules are loaded.
providers._get_local_constants = Constants


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks what uses the servers, directly or through another fixture, so that `-m "not servers"` is quick."""
    for item in items:
        if "servers" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.servers)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fails a test that showed something personal or secret, or whose processes have it in their logs at its end."""
    report = yield
    whens = ("setup", "call") if call.when == "call" else (call.when,)
    sections = [(kind, text) for when, kind, text in item._report_sections if when in whens]
    folder = getattr(item, "funcargs", {}).get("tmp_path")
    if call.when == "teardown" and folder is not None:
        sections += logged(folder)
    found = shown(sections)
    if report.passed and found:
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} shows {', '.join(found)}"
    return report


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    """Kafka and MongoDB, shared by the whole run."""
    with running_servers() as running:
        yield running


@pytest.fixture
def settings(servers: Servers, tmp_path: Path) -> Iterator[Settings]:
    """Settings that point at the servers under a prefix of this test's own; its databases are dropped afterwards."""
    own = Settings(
        prefix=f"test-{uuid.uuid4().hex[:10]}",
        kafka_servers=servers.kafka_servers,
        mongo_url=SecretStr(servers.mongo_url),
        partitions=3,
        lanes=2,
        health_port=0,
        gateway_port=0,
        sms_port=0,
        state_dir=tmp_path / "state",
        keys_file=tmp_path / "keys.yaml",
    )
    yield own
    with MongoClient[dict[str, object]](servers.mongo_url) as client:
        for name in client.list_database_names():
            if name.startswith(own.prefix):
                client.drop_database(name)
