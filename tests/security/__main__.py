"""`make security`: the tests of rights, secrets, connections and dependencies; its last line is one JSON object.

They run on Apache Kafka: the one that PUNCHCARD_TEST_KAFKA_SERVERS names, else one of their own where Java, Maven and
the jars can be had, else on the local default; the line says on which, and why tests were skipped.
"""

import asyncio
import json
import os
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest

from runtime.local import LocalError
from tests.chaos.servers import NoKafka, Servers, check_apache
from tests.chaos.watchdog import Watchdog
from tests.servers import named

INTERRUPTED: Final = 130


@dataclass(eq=False)
class Tally:
    """Counts how the tests of a run ended; a plugin of pytest, which hashes those."""

    ended: dict[str, str] = field(default_factory=dict)
    """By test, the worst of its setup, its course and its teardown."""
    skipped_why: Counter[str] = field(default_factory=Counter)
    is_interrupted: bool = False

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take in how one part of a test ended."""
        if report.failed or self.ended.get(report.nodeid) == "failed":
            self.ended[report.nodeid] = "failed"
        elif report.skipped:
            self.ended[report.nodeid] = "skipped"
            reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else "expected to fail"
            self.skipped_why[reason.removeprefix("Skipped: ")] += 1
        else:
            self.ended.setdefault(report.nodeid, "passed")

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Take in a file that can't be read: its tests are none that passed."""
        if report.failed:
            self.ended[report.nodeid] = "failed"

    def pytest_keyboard_interrupt(self) -> None:
        """Take in that somebody wants an end; its exit code is also that of a file that can't be read."""
        self.is_interrupted = True

    @property
    def counts(self) -> dict[str, int]:
        """How many passed, were skipped, failed."""
        counted = Counter(self.ended.values())
        return {each: counted[each] for each in ("passed", "skipped", "failed")}


@contextmanager
def kafka() -> Iterator[str]:
    """Names the broker to the tests; says what it is."""
    if named("KAFKA_SERVERS") is not None:
        yield "as named"
        return
    try:
        check_apache()
    except NoKafka as error:
        print(f"security: {error}: on the local default", file=sys.stderr)
        yield "local default"
        return
    watchdog = Watchdog(folder := Path(tempfile.mkdtemp(prefix="punchcard-security-")))
    try:
        servers = Servers(folder, watchdog)
        asyncio.run(servers.start_kafka())
        os.environ["PUNCHCARD_TEST_KAFKA_SERVERS"] = servers.kafka_servers
        yield "Apache Kafka"
    finally:
        watchdog.end()


def main(arguments: list[str]) -> int:
    """Run the tests, with pytest's own arguments, and say how they ended; 0 if some passed and none failed."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    began = time.monotonic()
    tally = Tally()
    is_named = any(Path(each.partition("::")[0]).exists() for each in arguments if not each.startswith("-"))
    places = [] if is_named else [str(Path(__file__).parent)]
    try:
        with kafka() as kind:
            code = int(pytest.main(["-q", *arguments, *places], plugins=[tally]))
    except LocalError as error:
        print(f"security: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        tally.is_interrupted = True
    if tally.is_interrupted:
        print("security: interrupted", file=sys.stderr)
        return INTERRUPTED
    seconds = round(time.monotonic() - began, 1)
    found = tally.counts | {"kafka": kind, "skipped_why": dict(tally.skipped_why), "seconds": seconds}
    print(json.dumps(found), flush=True)
    return code or int(not tally.counts["passed"])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
