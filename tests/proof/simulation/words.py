"""The words that a programme uses, and which of them a command's field means."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from pydantic import BaseModel

from contracts.messages import ActorKind

ACTORS: Final = frozenset(ActorKind)
"""Lists of these say who may do something, and nothing of what."""
ROOT_LETTERS: Final = 5
"""How much of a word is alike in all its forms: `remove`, `removal`, `removers`."""


@dataclass(frozen=True, slots=True)
class Word:
    """A word of the programme, and where it stands."""

    text: str
    section: str
    name: str
    """What it stands under."""
    is_direct: bool
    """Whether that is the last name above it: the value, one of a list, or the code of one of its parts."""
    roots: frozenset[str]
    """What its whole path tells of."""


class Words:
    """Finds words by the names of what they stand under."""

    def __init__(self, programme: BaseModel) -> None:
        self._words: list[Word] = []
        self.parts: dict[str, list[Mapping[str, Any]]] = {}
        self._walk(programme.model_dump(mode="json"), (), "")

    def _walk(self, there: Any, path: tuple[str, ...], listed_under: str) -> None:
        if isinstance(there, Mapping):
            for name, inner in there.items():
                self._walk(inner, (*path, str(name)), listed_under if name == "code" else "")
        elif isinstance(there, list):
            if there and isinstance(there[0], Mapping):
                self.parts[path[-1]] = there
            for inner in there if not ACTORS.issuperset(map(str, there)) else ():
                self._walk(inner, path, path[-1])
        elif isinstance(there, str) and re.fullmatch(r"[\w.-]{1,64}", there):
            for name in path[1:]:
                is_direct = name == path[-1] or name == listed_under
                self._words.append(Word(there, path[0], stem(name), is_direct, roots_of(path)))

    def of(self, field: str, command: str, section: str) -> list[str]:
        """Words that stand under a name like the field's: `block_reasons` for the `reason` of `BlockCard`.

        Of several such names those of the worker's own section count more than others', and then those that tell of
        what the command is about.
        """
        root, about = stem(field), roots_in(command)
        found: dict[tuple[bool, bool, int, int], set[str]] = {}
        for each in self._words:
            if root in each.name:
                fit = (each.name == root) + each.name.endswith(root)
                rank = (each.section == section, each.is_direct, len(each.roots & about), fit)
                found.setdefault(rank, set()).add(each.text)
        return sorted(found[max(found)]) if found else []


def stem(name: str) -> str:
    """`category` and `categories` as `categor`."""
    return re.sub(r"(ies|y|s)$", "", name)


def roots_of(names: Iterable[str]) -> frozenset[str]:
    """The roots of names with underscores."""
    return frozenset(stem(word)[:ROOT_LETTERS] for name in names for word in name.split("_"))


@cache
def roots_in(command: str) -> frozenset[str]:
    """The roots of a command's name."""
    return frozenset(stem(word.lower())[:ROOT_LETTERS] for word in re.findall(r"[A-Z][a-z]+", command))
