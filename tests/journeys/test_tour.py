"""The README's tour, word for word, against what `punchcard up` runs: what it shows is what one sees."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from runtime.settings import Settings

ROOT = Path(__file__).parents[2]
START_SECONDS = 120.0
TOUR_SECONDS = 90.0
STEP = re.compile(r"```bash\n(.*?)```\n(?:```text\n(.*?)```\n)?", re.DOTALL)
ANSWER = re.compile(r'^\{"(?:id":"[^"]*","type":"[A-Z]\w*","status"|type":"urn:).*$', re.MULTILINE)
"""An answer to a command: how it ended, or the problem."""
MARK = "----- next step -----"


@dataclass(frozen=True)
class Step:
    """What the reader types, and what they are told to see."""

    typed: str
    shown: str


def tour() -> list[Step]:
    """The steps of the README's tour."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    section = text.split("## A five-minute tour\n")[1].split("\n## ")[0]
    return [Step(typed, shown or "") for typed, shown in STEP.findall(section)]


def looks_like(shown: str, seen: str) -> bool:
    """Whether output is what was shown; `…` stands for anything, on a line of its own for any lines or none.

    Spaces at the end of a line don't count.
    """
    seen = "\n".join(line.rstrip() for line in seen.strip().splitlines())
    dots = {"\n…\n": r"\n(.*\n)?", "…": ".*"}
    pattern = "".join(dots.get(part) or re.escape(part) for part in re.split("(\n…\n|…)", shown.strip()))
    return re.fullmatch(pattern, seen, re.DOTALL) is not None


@dataclass(frozen=True)
class Running:
    """A Punchcard that `punchcard up` runs, in a folder of its own."""

    folder: Path
    environment: dict[str, str]


@pytest.fixture
def running(settings: Settings, tmp_path: Path) -> Iterator[Running]:
    """`punchcard up` on the test's servers, with curl sent to where it listens instead of to the README's ports."""
    environment = os.environ | {
        "PUNCHCARD_PREFIX": settings.prefix,
        "PUNCHCARD_KAFKA_SERVERS": settings.kafka_servers,
        "PUNCHCARD_MONGO_URL": settings.mongo_url.get_secret_value(),
        "PUNCHCARD_PARTITIONS": "2",
        "PUNCHCARD_GATEWAY_PORT": "0",
        "PUNCHCARD_SMS_PORT": "0",
        "PUNCHCARD_HEALTH_PORT": "0",
        "PUNCHCARD_PROGRAMME_FILE": str(ROOT / "programme.yaml"),
        "CURL_HOME": str(tmp_path),
        "PYTHONUNBUFFERED": "1",
    }
    log = tmp_path / "up.log"
    with log.open("w", encoding="utf-8") as out:
        up = subprocess.Popen(
            [sys.executable, "-m", "services.cli", "up"], cwd=tmp_path, env=environment, stdout=out, stderr=out
        )
    try:
        said = until_ready(up, log)
        ports = {
            name: re.search(rf"^{name} +http://[^:]+:(\d+)", said, re.MULTILINE) for name in ("gateway", "SMS stand-in")
        }
        listens = {8080: ports["gateway"], 8025: ports["SMS stand-in"]}
        lines = [
            f'connect-to = "127.0.0.1:{told}:127.0.0.1:{found.group(1)}"' for told, found in listens.items() if found
        ]
        assert len(lines) == 2, said
        (tmp_path / ".curlrc").write_text("\n".join(lines) + "\n", encoding="utf-8")
        yield Running(tmp_path, environment)
    finally:
        up.send_signal(signal.SIGINT)
        try:
            up.wait(60)
        except subprocess.TimeoutExpired:
            up.kill()
            up.wait()


def until_ready(up: subprocess.Popen[bytes], log: Path) -> str:
    """What `punchcard up` said until it said `ready`."""
    end = time.monotonic() + START_SECONDS
    while True:
        said = log.read_text(encoding="utf-8")
        if re.search(r"^ready$", said, re.MULTILINE):
            return said
        assert up.poll() is None, said
        assert time.monotonic() < end, said
        time.sleep(0.2)


def test_the_tour_has_its_steps() -> None:
    steps = tour()
    assert len(steps) >= 8
    assert sum(bool(step.shown) for step in steps) == len(steps) - 1


@pytest.mark.parametrize(
    ("shown", "seen", "is_so"),
    [
        ('{"id":"…"}', '{"id":"a.b"}', True),
        ('{"id":"…"}', '{"di":"a.b"}', False),
        ("…\nb\n…", "a\nb\nc", True),
        ("a", "a\nb", False),
        ("a\n…\nb", "a\nb", True),
        ("a\n…\nb", "a\nx \ny\nb", True),
        ("a\n…\nb", "ab", False),
    ],
)
def test_what_is_shown_is_compared_with_what_is_seen(shown: str, seen: str, is_so: bool) -> None:
    assert looks_like(shown, seen) is is_so


@pytest.mark.long
@pytest.mark.skipif(shutil.which("curl") is None or shutil.which("bash") is None, reason="curl and bash are needed")
@pytest.mark.timeout(START_SECONDS + 2 * TOUR_SECONDS + 70)
def test_the_tour_shows_what_one_sees_and_the_same_again(running: Running) -> None:
    first = take(running)
    for step, seen in zip(tour(), first, strict=True):
        assert looks_like(step.shown, seen), f"\n{step.typed}\nshould show\n{step.shown}\nand shows\n{seen}"

    answers = [ANSWER.findall(seen) for seen in first]
    assert sum(map(len, answers)) == sum(step.typed.count("\nsay ") + step.typed.startswith("say ") for step in tour())
    assert [ANSWER.findall(seen) for seen in take(running)] == answers


def take(running: Running) -> list[str]:
    """What the steps of the tour print."""
    script = f"\necho '{MARK}'\n".join(step.typed for step in tour())
    told = subprocess.run(
        ["bash", "-c", "set -o pipefail\n" + script],
        cwd=running.folder,
        env=running.environment,
        capture_output=True,
        text=True,
        timeout=TOUR_SECONDS,
        check=False,
    )
    assert told.stderr == ""
    return told.stdout.split(MARK)
