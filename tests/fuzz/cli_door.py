"""The command line: dead letters that strangers wrote, and addresses that are none; every answer is in words."""

import os
import subprocess
import sys
from collections import Counter
from random import Random
from typing import Final

from contracts.messages import WORKERS
from runtime.settings import Settings
from tests.fuzz.absurdities import ABSURD_IDS
from tests.fuzz.system import environment_of

SECONDS: Final = 120
HARMLESS: Final = frozenset("\n")


class CommandLine:
    """Asks `punchcard dead` as an operator does, in processes of their own."""

    def __init__(self, settings: Settings, seed: int) -> None:
        self._environment = os.environ | environment_of(settings)
        self._random = Random(seed)
        self.outcomes: Counter[str] = Counter()
        self.faults: list[str] = []

    def attack(self) -> None:
        """Look at letters, at what is no letter, and send some back."""
        random = self._random
        worker = random.choice(WORKERS)
        some = [f"{worker}/0/{random.randrange(100)}" for _ in range(2)]
        absurd = [
            each for each in random.sample(ABSURD_IDS, 2) if "\x00" not in each
        ]  # the system takes no such argument
        for arguments in (
            ("dead", "list", "--worker", worker),
            ("dead", "list", "--worker", "nobody"),
            *(("dead", "show", address) for address in some),
            *(("dead", "show", "--", f"{worker}/{address}") for address in absurd),
            ("dead", "replay", *some),
            ("dead", "replay", "--as-new", some[0]),
            ("worker", "--", absurd[0] if absurd else ""),
        ):
            self._ask(arguments)

    def _ask(self, arguments: tuple[str, ...]) -> None:
        command = [sys.executable, "-m", "services.cli", *arguments]
        try:
            ended = subprocess.run(command, capture_output=True, env=self._environment, timeout=SECONDS, check=False)
        except subprocess.TimeoutExpired:
            self.outcomes["hangs"] += 1
            self.faults.append(f"{arguments} hangs")
            return
        text = (ended.stdout + ended.stderr).decode(errors="replace")
        self.outcomes[f"exit {ended.returncode}"] += 1
        if ended.returncode not in {0, 1, 2} or "Traceback" in text:
            self.faults.append(f"{arguments}: exit {ended.returncode}: {text[-300:]!r}")
        for own in arguments:
            text = text.replace(own, "")  # what an operator typed is theirs
        if any(not each.isprintable() and each not in HARMLESS for each in text):
            self.faults.append(f"{arguments} prints what moves a terminal")
