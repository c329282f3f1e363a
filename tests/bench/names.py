"""Names as people have them: a few very often, very many seldom, some double, some with accents, in many languages."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import accumulate, product
from pathlib import Path
from random import Random
from typing import Final

FILE: Final = Path(__file__).with_name("names.txt")
SECOND_FIRST_NAME, DOUBLE_LAST_NAME, OF_NOBILITY = 0.12, 0.06, 0.02


@dataclass(frozen=True, slots=True)
class Drawn:
    """Names with how often each is drawn: the n-th in proportion to 1 / (n + an offset), by Zipf and Mandelbrot."""

    names: Sequence[str]
    weights: Sequence[float]

    def some(self, random: Random, count: int) -> list[str]:
        """So many of them."""
        return random.choices(self.names, cum_weights=self.weights, k=count)


@cache
def parts() -> Mapping[str, tuple[str, ...]]:
    """What names are made of, by section."""
    sections = FILE.read_text(encoding="utf-8").split("\n[")[1:]
    return {name: tuple(words.split()) for name, _, words in (each.partition("]") for each in sections)}


def drawn(names: Sequence[str], offset: int) -> Drawn:
    """Names, the most frequent first."""
    return Drawn(names, list(accumulate(1 / (place + offset) for place in range(1, len(names) + 1))))


def first_names() -> Drawn:
    """Some thousand; the first has two in a hundred."""
    rare = ["".join(each).title() for each in product(parts()["syllables"], repeat=3)]
    Random(3).shuffle(rare)
    return drawn((*parts()["first"], *rare), 8)


def last_names() -> Drawn:
    """Some ten thousand; the first has one in a hundred."""
    beginnings, middles, endings = parts()["beginnings"], ("", *parts()["middles"]), parts()["endings"]
    rare = ["".join(each).capitalize() for each in product(beginnings, middles, endings)]
    Random(4).shuffle(rare)
    return drawn((*parts()["last"], *rare), 9)


class People:
    """First and last names of people, by thousands."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)
        self._first, self._last = first_names(), last_names()

    def some(self, count: int) -> list[tuple[str, str]]:
        """The names of so many."""
        random = self._random
        firsts, lasts = self._first.some(random, count), self._last.some(random, count)
        for place in range(count):
            if random.random() < SECOND_FIRST_NAME:
                firsts[place] = f"{firsts[place]} {random.choice(parts()['first'])}"
            if random.random() < DOUBLE_LAST_NAME:
                lasts[place] = f"{lasts[place]}-{random.choice(parts()['last'])}"
            elif random.random() < OF_NOBILITY:
                lasts[place] = f"von {lasts[place]}"
        return list(zip(firsts, lasts, strict=True))
