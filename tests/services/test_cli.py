"""The command line as a person meets it: what it says when something is wrong, and that nothing ends in a traceback."""

import os
import subprocess
import sys
from pathlib import Path

import pytest


def punchcard(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Runs a command as a process of its own."""
    command = [sys.executable, "-m", "services.cli", *arguments]
    return subprocess.run(
        command, env=os.environ | environment, capture_output=True, text=True, timeout=60, check=False
    )


class TestErrors:
    @pytest.mark.parametrize(
        ("arguments", "environment", "code", "line"),
        [
            (
                ["up"],
                {"PUNCHCARD_GATEWAY_PORT": "70000"},
                2,
                "punchcard: PUNCHCARD_GATEWAY_PORT: Input should be less than or equal to 65535",
            ),
            (
                ["topics"],
                {"PUNCHCARD_RETENTION_DAYS": "30"},
                2,
                (
                    "punchcard: settings: Value error, journal_days (14.0) must exceed retention_days (30.0): "
                    "a record that is still in its topic must still be in the journal"
                ),
            ),
            (
                ["worker", "sales"],
                {},
                1,
                "punchcard: no worker 'sales'; there are: registration, cards, rewards, notifications, audit",
            ),
            (
                ["worker", "cards"],
                {"PUNCHCARD_PROGRAMME_FILE": "nowhere.yaml"},
                1,
                "punchcard: nowhere.yaml (PUNCHCARD_PROGRAMME_FILE): No such file or directory",
            ),
            (
                ["dead", "list", "--worker", "sales"],
                {},
                1,
                "punchcard: no worker 'sales'; there are: registration, cards, rewards, notifications, audit",
            ),
        ],
    )
    def test_are_one_clear_line(self, arguments: list[str], environment: dict[str, str], code: int, line: str) -> None:
        ended = punchcard(*arguments, **environment)

        assert (ended.returncode, ended.stdout, ended.stderr.splitlines()) == (code, "", [line])

    def test_of_the_keys_file_are_one_clear_line(self, tmp_path: Path) -> None:
        file = tmp_path / "keys.yaml"
        file.write_bytes(b"- id: caf\xe9\n")

        ended = punchcard("gateway", PUNCHCARD_KEYS_FILE=str(file), PUNCHCARD_GATEWAY_PORT="0")

        assert (ended.returncode, ended.stdout, ended.stderr) == (1, "", f"punchcard: {file}: is not UTF-8\n")

    @pytest.mark.parametrize("arguments", [("worker", "cards"), ("gateway",), ("secret",)])
    def test_refuse_to_start_without_a_secret(self, arguments: tuple[str, ...], tmp_path: Path) -> None:
        file = tmp_path / "secret"
        environment = {name: value for name, value in os.environ.items() if name != "PUNCHCARD_SECRET"}
        command = [sys.executable, "-m", "services.cli", *arguments]
        ended = subprocess.run(
            command,
            env=environment | {"PUNCHCARD_SECRET_FILE": str(file)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

        line = f"there is no secret: set PUNCHCARD_SECRET, or make {file} with `punchcard secret --create`"
        assert (ended.returncode, ended.stdout, ended.stderr) == (1, "", f"punchcard: {line}\n")

    def test_say_that_the_broker_does_not_answer(self) -> None:
        ended = punchcard("topics", PUNCHCARD_KAFKA_SERVERS="127.0.0.1:1")

        assert ended.returncode == 1
        assert len(ended.stderr.splitlines()) == 1
        assert ended.stderr.startswith("punchcard: Kafka at 127.0.0.1:1: ")
