"""`make security` counts what its tests came to, and fails when one of them does or none passed."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

TESTS = """
import pytest

def test_holds():
    pass

@pytest.mark.skipif(True, reason="not here")
def test_waits():
    raise AssertionError

@pytest.fixture
def spoilt():
    yield
    raise ValueError

def test_ends_badly(spoilt):
    pass

def test_breaks():
    raise AssertionError
"""


def ran(folder: Path, *names: str) -> tuple[int, dict[str, Any]]:
    """How these tests end: the command's exit code and its last line."""
    file = folder / "test_some.py"
    file.write_text(TESTS, encoding="utf-8")
    options = ["-p", "no:cacheprovider", "-c", "/dev/null", "--rootdir", str(folder)]
    ended = subprocess.run(
        [sys.executable, "-m", "tests.security", *options, *(f"{file}::{name}" for name in names)],
        env=os.environ | {"PUNCHCARD_TEST_KAFKA_SERVERS": "nobody:1"},
        capture_output=True,
        text=True,
        check=False,
    )
    return ended.returncode, json.loads(ended.stdout.splitlines()[-1])


class TestTally:
    def test_counts_every_test_once(self, tmp_path: Path) -> None:
        code, found = ran(tmp_path, "test_holds", "test_waits", "test_ends_badly", "test_breaks")
        assert (found["passed"], found["skipped"], found["failed"]) == (1, 1, 2)
        assert (code, found["kafka"], found["skipped_why"]) == (1, "as named", {"not here": 1})

    def test_is_content_with_what_passes_and_not_with_nothing(self, tmp_path: Path) -> None:
        assert ran(tmp_path, "test_holds", "test_waits")[0] == 0
        assert ran(tmp_path, "test_waits")[0] == 1
        assert ran(tmp_path, "test_that_is_not_there")[0] != 0
