"""The scan over what tests print, on tests that show something personal and on one that doesn't."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SHOWING = """
import logging, sys, pytest

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

def test_shows_nothing():
    print("member-1 4000000000000002")
"""


class TestScan:
    def test_fails_who_shows_something_personal(self, tmp_path: Path) -> None:
        (tmp_path / "conftest.py").write_text(
            "from tests.conftest import pytest_runtest_makereport\n", encoding="utf-8"
        )
        (tmp_path / "test_showing.py").write_text(SHOWING, encoding="utf-8")

        command = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "--rootdir",
            str(tmp_path),
            "-c",
            "/dev/null",
        ]
        ended = subprocess.run(
            [*command, "-o", f"pythonpath={ROOT}", str(tmp_path)],
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
        )

        assert "3 failed, 1 passed, 1 error" in ended.stdout, ended.stderr
        for name, kind in (("prints", "stdout"), ("writes", "stderr"), ("logs", "log"), ("prepares", "stdout")):
            assert f"test_{name} shows something personal on {kind}" in ended.stdout
