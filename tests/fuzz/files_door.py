"""The doors of those who run the platform: programme and keys files, settings, dead letters on a terminal."""

import contextlib
import io
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any, Final

from pydantic import ValidationError

from contracts.programme import InvalidProgramme, Programme
from runtime.settings import Settings
from services.gateway.keys import KeysError, read_keys
from tests.fuzz.absurdities import ABSURD_NUMBERS, ABSURD_TEXTS

SETTINGS: Final = tuple(Settings.model_fields)
WORDS: Final = (
    *(
        "null",
        "~",
        "[]",
        "{}",
        "- -",
        "!!python/object:os.system x",
        "&a *a",
        "<<: *a",
        "2026-02-30",
        "0o17",
        "1e999",
        "\t",
    ),
    *(
        "yes",
        "'",
        '"',
        "%",
        "@",
        "|",
        ">",
        ": :",
        "? x",
        "---",
        "...",
        "\x00",
        "\ud800",
        "\u2028",
        "12:61:61",
        ".nan",
        "!!binary x",
    ),
)


class Files:
    """Attacks files and settings, in this process: each is either taken or refused in words."""

    def __init__(self, folder: Path, seed: int) -> None:
        self._folder = folder
        self._random = Random(seed)
        self.outcomes: Counter[str] = Counter()
        self.faults: list[str] = []

    def attack(self, count: int, programme: str, keys: str) -> None:
        """So many files and settings, by turns."""
        for number in range(count):
            (self._programme, self._keys, self._settings)[number % 3]((programme, keys, "")[number % 3])

    def _programme(self, text: str) -> None:
        file = self._written("programme.yaml", text)
        self._try("programme", lambda: Programme.read(file), (InvalidProgramme,))

    def _keys(self, text: str) -> None:
        file = self._written("keys.yaml", text)
        self._try("keys", lambda: read_keys(file), (KeysError,))

    def _settings(self, _: str) -> None:
        random = self._random
        absurd = [str(each) for each in (*ABSURD_TEXTS, *ABSURD_NUMBERS, "nan", "inf", "1e400", "-0", "x" * 5_000)]
        chosen: dict[str, Any] = {name: random.choice(absurd) for name in random.sample(SETTINGS, random.randint(1, 3))}
        self._try("settings", lambda: Settings(**chosen), (ValidationError,))

    def _try(self, what: str, read: Any, refusals: tuple[type[Exception], ...]) -> None:
        try:
            with contextlib.redirect_stderr(io.StringIO()):
                read()
        except refusals:
            self.outcomes[f"{what}: refused"] += 1
        except Exception as error:  # noqa: BLE001  # anything else is what is looked for
            self.outcomes[f"{what}: {type(error).__name__}"] += 1
            self.faults.append(f"{what}: {type(error).__name__}: {str(error)[:200]}")
        else:
            self.outcomes[f"{what}: taken"] += 1

    def _written(self, name: str, text: str) -> Path:
        random = self._random
        lines = text.split("\n")
        for _ in range(random.randint(1, 3)):
            place = random.randrange(len(lines))
            line = lines[place]
            kind = random.randrange(6)
            if kind == 0:
                lines[place] = line[: random.randrange(len(line) + 1)]
            elif kind == 1:
                lines.insert(place, lines[random.randrange(len(lines))])
            elif kind == 2:
                before, colon, _ = line.partition(":")
                lines[place] = before + colon + " " + random.choice((*WORDS, *map(str, ABSURD_NUMBERS), *ABSURD_TEXTS))
            elif kind == 3:
                lines[place] = " " * random.randint(0, 9) + line.lstrip()
            elif kind == 4:
                del lines[place : place + random.randint(1, 4)]
                lines = lines or [""]
            else:
                lines[place] = line.replace(" ", random.choice(WORDS), 1)
        raw = bytearray("\n".join(lines).encode("utf-8", "surrogatepass"))
        if raw and random.random() < 0.2:
            raw[random.randrange(len(raw))] = random.randrange(256)
        file = self._folder / name
        file.write_bytes(raw)
        return file
