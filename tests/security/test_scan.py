"""The scan over what tests print and log, on tests that show something they mustn't and on ones that don't."""

import subprocess
import sys
import time
from pathlib import Path

from contracts.messages import ActorKind
from services.gateway.keys import create_key
from tests.security.scan import SECRETS, kinds, logged, shown

ROOT = Path(__file__).parents[2]
SHOWING = """
import logging, os, sys, pytest

def test_prints():
    print("+49151" + "12345678")

def test_writes():
    sys.stderr.write("ana@" + "example.org")

def test_logs():
    logging.warning("Mül" + "ler")

@pytest.fixture
def printing():
    print("+49151" + "12345678")

def test_prepares(printing):
    pass

def test_tells():
    print("Authorization: Bearer pk_till-1_" + 43 * "x")

def test_leaves(tmp_path):
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "worker.log.1").write_text("secret=" + os.environ["PUNCHCARD_SECRET"])

def test_shows_nothing(tmp_path):
    print("member-1 4000000000000002 pk_<id>_<secret>")
    (tmp_path / "worker.log").write_text("ready")
    (tmp_path / "keys.yaml").write_text("pk_till-1_" + 43 * "x")
"""
FOUND = {
    "prints": "something personal on stdout",
    "writes": "something personal on stderr",
    "logs": "something personal on log",
    "prepares": "something personal on stdout",
    "tells": "a secret on stdout",
    "leaves": "a secret on worker.log.1",
}


class TestScan:
    def test_fails_who_shows_something_personal_or_secret(self, tmp_path: Path) -> None:
        (tmp_path / "conftest.py").write_text(
            "from tests.conftest import pytest_runtest_makereport\n", encoding="utf-8"
        )
        (tmp_path / "test_showing.py").write_text(SHOWING, encoding="utf-8")

        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", "/dev/null"]
        ended = subprocess.run(
            [*command, "--rootdir", str(tmp_path), "-o", f"pythonpath={ROOT}", str(tmp_path)],
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
        )

        assert "4 failed, 2 passed, 2 errors" in ended.stdout, ended.stdout + ended.stderr
        for name, what in FOUND.items():
            assert f"test_{name} shows {what}" in ended.stdout

    def test_knows_a_key_that_the_gateway_made(self, tmp_path: Path) -> None:
        for kind in ActorKind:
            key = create_key(tmp_path / "keys.yaml", f"kind-{kind.value}", kind)
            assert kinds(f'{{"authorization": "Bearer {key}"}}') == ["a secret"]
            assert kinds(key[:-1]) == kinds(f"pk_kind-{kind.value}_") == []

    def test_knows_every_secret_that_tests_give(self) -> None:
        for secret in SECRETS:
            assert len(secret) > 10
            assert shown([("stdout", f"before {secret} after"), ("stderr", "nothing")]) == ["a secret on stdout"]

    def test_takes_no_time_over_a_long_line(self) -> None:
        began = time.monotonic()
        assert kinds("x" * 10_000_000) == []
        assert time.monotonic() - began < 10

    def test_reads_logs_that_were_moved_aside_too(self, tmp_path: Path) -> None:
        (tmp_path / "deep").mkdir()
        for name in ("worker.log", "deep/worker.log.1", "worker.txt"):
            (tmp_path / name).write_text(name, encoding="utf-8")
        assert dict(logged(tmp_path)) == {"worker.log": "worker.log", "worker.log.1": "deep/worker.log.1"}
