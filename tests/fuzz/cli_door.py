"""The command line: dead letters that strangers wrote, addresses that are none, files of commands; all is answered."""

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from random import Random
from typing import Final

from contracts.messages import WORKERS
from runtime.settings import Settings
from services.bulk import outcome_file_of
from services.bulk.writing import INVALID, NOT_SENT
from tests.fuzz.absurdities import ABSURD_IDS
from tests.fuzz.system import environment_of
from tests.fuzz.tables import KINDS, FileKind, outcomes_in, spoilt, valid

SECONDS: Final = 120
HARMLESS: Final = frozenset("\n")


class CommandLine:
    """Asks `punchcard` as an operator does, in processes of their own; the settings say by whose key."""

    def __init__(self, settings: Settings, folder: Path, seed: int) -> None:
        self._environment = os.environ | environment_of(settings)
        self._folder = folder
        self._random = Random(seed)
        self.outcomes: Counter[str] = Counter()
        self.faults: list[str] = []

    def attack(self) -> None:
        """Look at letters, at what is no letter, send some back, and have files of commands carried out."""
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
        for kind in KINDS:
            self._ask((*kind.asked, str(self._folder)))
            self._carry_out(kind, valid(random, kind)[0].encode(), is_right=True)
            self._carry_out(kind, spoilt(random, kind), "--dry-run")
            for _ in range(2):
                self._carry_out(kind, spoilt(random, kind), "--skip-invalid")

    def _carry_out(self, kind: FileKind, raw: bytes, *options: str, is_right: bool = False) -> None:
        """A file of commands: each row that was sent has an outcome; of a file that is right all rows were."""
        file = self._folder / f"{kind.name}.csv"
        out = outcome_file_of(file)
        out.unlink(missing_ok=True)
        file.write_bytes(raw)
        arguments = (*kind.asked, str(file), *options)
        self._ask(arguments)
        found = outcomes_in(out) if out.exists() else []
        unknown = {INVALID, NOT_SENT} if is_right else {NOT_SENT}
        lost = [each["row"] for each in found if each["outcome"] in unknown]
        if lost or (is_right and not found):
            self.faults.append(f"{arguments}: no outcome of rows {', '.join(lost) or 'at all'}")

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
