"""What searches took: by kind of key, warm and cold, with what MongoDB looked at for them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any, Final

MOST_MS: Final = 50
"""What a search may take."""


@dataclass(slots=True)
class Kind:
    """The searches of one kind."""

    example: str
    warm_ms: list[float] = field(default_factory=list)
    cold_ms: list[float] = field(default_factory=list)
    documents: list[int] = field(default_factory=list)
    """That MongoDB looked at for one."""
    keys: list[int] = field(default_factory=list)
    hits: list[int] = field(default_factory=list)
    missed: int = 0
    """How often neither was found who was meant, nor was it said that there are more."""

    def summary(self) -> dict[str, Any]:
        """For machines."""
        return {
            "p50_ms": round(median(self.warm_ms), 2),
            "p99_ms": round(high(self.warm_ms), 2),
            "longest_ms": round(max(self.warm_ms), 2),
            "cold_p50_ms": round(median(self.cold_ms), 2),
            "cold_longest_ms": round(max(self.cold_ms), 2),
            "documents_examined": max(self.documents),
            "keys_examined": max(self.keys),
            "missed": self.missed,
        }


@dataclass(slots=True)
class Searched:
    """Everything that was found."""

    members: int = 0
    kinds: dict[str, Kind] = field(default_factory=dict)
    registrations: dict[str, float] = field(default_factory=dict)
    options: str = ""

    @property
    def longest_ms(self) -> float:
        """The longest of all searches."""
        return max(ms for each in self.kinds.values() for ms in (*each.warm_ms, *each.cold_ms))

    def summary(self) -> dict[str, Any]:
        """The part of the last line's object."""
        return {
            "members": self.members,
            "longest_ms": round(self.longest_ms, 2),
            "kinds": {name: each.summary() for name, each in self.kinds.items()},
        }

    def tables(self) -> list[tuple[str, list[str], list[list[str]]]]:
        """Title, head and rows."""
        head = [f"search among {self.members:,} members", "p50 ms", "p99 ms", "longest ms"]
        head += ["cold: p50 ms", "longest ms", "keys read, most", "documents read, most"]
        return [("Search", head, [self._row(name, each) for name, each in self.kinds.items()])] if self.kinds else []

    def _row(self, name: str, each: Kind) -> list[str]:
        times = (median(each.warm_ms), high(each.warm_ms), max(each.warm_ms), median(each.cold_ms), max(each.cold_ms))
        return [
            f"{name}: {each.example}",
            *(f"{ms:.1f}" for ms in times),
            f"{max(each.keys):,}",
            f"{max(each.documents):,}",
        ]


def high(values: Sequence[float]) -> float:
    """Of a hundred one is higher."""
    return sorted(values)[min(len(values) - 1, int(0.99 * len(values)))]
