"""Files of lines, spoilt: what is done to a programme, a keys file or a command file before it is read."""

from random import Random
from typing import Final

from tests.fuzz.absurdities import ABSURD_NUMBERS, ABSURD_TEXTS

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
"""What means something in YAML, or nothing anywhere."""


def spoil_lines(random: Random, lines: list[str], mark: str, gap: str) -> None:
    """Change one to three lines; `mark` stands between a name and its value, `gap` between any two words."""
    for _ in range(random.randint(1, 3)):
        place = random.randrange(len(lines))
        line = lines[place]
        kind = random.randrange(6)
        if kind == 0:
            lines[place] = line[: random.randrange(len(line) + 1)]
        elif kind == 1:
            lines.insert(place, lines[random.randrange(len(lines))])
        elif kind == 2:
            before, found, _ = line.partition(mark)
            lines[place] = before + found + " " + random.choice((*WORDS, *map(str, ABSURD_NUMBERS), *ABSURD_TEXTS))
        elif kind == 3:
            lines[place] = " " * random.randint(0, 9) + line.lstrip()
        elif kind == 4:
            del lines[place : place + random.randint(1, 4)]
            lines += [] if lines else [""]
        else:
            lines[place] = line.replace(gap, random.choice(WORDS), 1)


def written(random: Random, lines: list[str]) -> bytes:
    """The file of these lines; in one of five a byte is another."""
    raw = bytearray("\n".join(lines).encode("utf-8", "surrogatepass"))
    if raw and random.random() < 0.2:
        raw[random.randrange(len(raw))] = random.randrange(256)
    return bytes(raw)
