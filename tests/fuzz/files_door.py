"""The doors of those who run the platform: programme and keys files, settings, files of commands."""

import contextlib
import io
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, Final

from pydantic import ValidationError

from contracts.programme import InvalidProgramme, Programme
from runtime.settings import Settings
from services.bulk import InvalidFile
from services.gateway.keys import KeysError, read_keys
from tests.fuzz.absurdities import ABSURD_NUMBERS, ABSURD_TEXTS
from tests.fuzz.lines import spoil_lines, written
from tests.fuzz.tables import KINDS, FileKind, account_for, spoilt, valid

SETTINGS: Final = tuple(Settings.model_fields)
VALID_TABLES: Final = 0.15


class Files:
    """Attacks files and settings, in this process: each is either taken or refused in words."""

    def __init__(self, folder: Path, seed: int) -> None:
        self._folder = folder
        self._random = Random(seed)
        self.outcomes: Counter[str] = Counter()
        self.faults: list[str] = []

    def attack(self, count: int, programme: str, keys: str) -> None:
        """So many files and settings, by turns."""
        good = self._folder / "good.yaml"
        good.write_text(programme, encoding="utf-8")
        rules = Programme.read(good)
        turns: list[Callable[[], None]] = [
            lambda: self._programme(programme),
            lambda: self._keys(keys),
            self._settings,
            *(partial(self._table, kind, rules) for kind in KINDS),
        ]
        for number in range(count):
            turns[number % len(turns)]()

    def _programme(self, text: str) -> None:
        file = self._spoilt("programme.yaml", text)
        self._try("programme", lambda: Programme.read(file), InvalidProgramme)

    def _keys(self, text: str) -> None:
        file = self._spoilt("keys.yaml", text)
        self._try("keys", lambda: read_keys(file), KeysError)

    def _settings(self) -> None:
        random = self._random
        absurd = [str(each) for each in (*ABSURD_TEXTS, *ABSURD_NUMBERS, "nan", "inf", "1e400", "-0", "x" * 5_000)]
        chosen: dict[str, Any] = {name: random.choice(absurd) for name in random.sample(SETTINGS, random.randint(1, 3))}
        self._try("settings", lambda: Settings(**chosen), ValidationError)

    def _table(self, kind: FileKind, rules: Programme) -> None:
        file = self._folder / f"{kind.name}.csv"
        right: int | None = None
        if self._random.random() < VALID_TABLES:
            text, right = valid(self._random, kind)
            file.write_bytes(text.encode())
        else:
            file.write_bytes(spoilt(self._random, kind))
        self._try(f"{kind.name} as CSV", lambda: account_for(kind, file, rules, right), InvalidFile)

    def _try(self, what: str, read: Callable[[], object], refusal: type[Exception]) -> None:
        try:
            with contextlib.redirect_stderr(io.StringIO()):
                read()
        except refusal:
            self.outcomes[f"{what}: refused"] += 1
        except Exception as error:  # noqa: BLE001  # anything else is what is looked for
            self.outcomes[f"{what}: {type(error).__name__}"] += 1
            self.faults.append(f"{what}: {type(error).__name__}: {str(error)[:200]}")
        else:
            self.outcomes[f"{what}: taken"] += 1

    def _spoilt(self, name: str, text: str) -> Path:
        lines = text.split("\n")
        spoil_lines(self._random, lines, ":", " ")
        file = self._folder / name
        file.write_bytes(written(self._random, lines))
        return file
