"""Names that are looked for: filters for who may have them, and how close a member's own name is."""

import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, Final

from rapidfuzz.distance import OSA
from rapidfuzz.process import extract

from runtime.mongo import begins_with
from workers.registration.folding import (
    PARTICLES,
    beginnings_of_neighbours,
    errors_allowed,
    one_error_away,
    spellings,
)

Filter = Mapping[str, Any]
Spellings = tuple[str, ...]
"""A word of a query, in every way in which it may stand in a name."""

LOOKED_UP: Final = 2
"""So many words of a name are looked up in indexes, the longest; whoever looks checks the others."""
PLACES: Final = ("search.last", "search.first", "search.more.a", "search.more.b")
"""Where a word of a name stands."""
LEAST_LETTERS: Final = 2
MOST_WORDS_WANTED: Final = 5
END: Final = "\U0010ffff"
"""Sorts behind whatever a text goes on with."""
_APART: Final = re.compile(r"[\s,;.:/_\-]+")


class Match(StrEnum):
    """How close somebody is to what was looked for, the closest first."""

    WHOLE = "whole"
    PART = "part"
    NEAR = "near"

    @property
    def rank(self) -> int:
        """Its place in that order."""
        return _ORDER.index(self)


_ORDER: Final = tuple(Match)


def begins(text: str) -> Filter:
    """What begins with a text."""
    return {"$gte": text, "$lt": text + END}


def words_wanted(text: str) -> tuple[Spellings, ...]:
    """The words that tell people apart, the longest first; none if that is too little, or too much, to look for."""
    found = [each for token in _APART.split(text) if (each := spellings(token))]
    telling = [each for each in found if not PARTICLES.intersection(each)] or found
    longest_first = tuple(sorted(telling, key=lambda each: len(each[0]), reverse=True))
    if not longest_first or len(longest_first[0][0]) < LEAST_LETTERS or len(longest_first) > MOST_WORDS_WANTED:
        return ()
    return longest_first


def named(words: Sequence[Spellings], level: Match, near: Mapping[Spellings, Sequence[str]], day: str | None) -> Filter:
    """Who may have these words, one or two, in their name.

    Args:
        words: what is looked for.
        level: how far from them a name may be.
        near: by word, the names that are near to it.
        day: how the birthday's key begins, if it is known, too; then one word of a name may stand for both.
    """
    standing = [_standing(each, level, near.get(each, ())) for each in words]
    if day is not None:
        return {"search.birth.day": begins(day), "$and": [{"search.birth.words": each} for each in standing]}
    ways: list[Filter]
    if len(words) == 1:
        ways = [{place: standing[0]} for place in PLACES]
    else:
        ways = [{"search.last": standing[one], "search.first": standing[1 - one]} for one in (0, 1)]
        ways += [{"search.more": {"$elemMatch": {"a": standing[one], "b": standing[1 - one]}}} for one in (0, 1)]
    return {"$or": ways}


def anywhere(word: Spellings, level: Match) -> Filter:
    """Who has a word beside two others anywhere in their name, written without errors."""
    return {"$or": [{place: _standing(word, level, ())} for place in PLACES]}


def _standing(word: Spellings, level: Match, near: Sequence[str]) -> Filter:
    """What may stand where a word is looked for."""
    if level is Match.WHOLE:
        return {"$in": list(word)}
    return {"$in": [*near, *(begins_with(way) for way in word)]}


def neighbours(words: Sequence[Spellings]) -> list[Any]:
    """Every word that is as near to one of these as it may be, or how it begins."""
    whole: set[str] = set()
    begun: set[str] = set()
    for way in (way for word in words for way in word):
        if errors_allowed(way) == 1:
            whole |= one_error_away(way)
        elif errors_allowed(way):
            begun |= beginnings_of_neighbours(way)
    return [*sorted(whole), *map(begins_with, sorted(begun))]


def near_to(word: Spellings, names: Sequence[str]) -> list[str]:
    """Which of many names are near to a word, or begin with it."""
    found = {name for name in names if name.startswith(word)}
    for way in word:
        found.update(
            name
            for name, _, _ in extract(way, names, scorer=OSA.distance, score_cutoff=errors_allowed(way), limit=None)
        )
    return sorted(found)


def closeness(words: Sequence[Spellings], name: Sequence[str]) -> tuple[Match, int] | None:
    """How close a name comes to what was looked for, and by how many errors; each of its words counts once.

    Args:
        words: what was looked for.
        name: a member's words, folded.

    Returns:
        None: it doesn't.
    """
    if not words:
        return Match.WHOLE, 0
    found: list[tuple[int, int]] = []
    for place, word in enumerate(name):
        here = word_closeness(words[0], word)
        rest = None if here is None else closeness(words[1:], [*name[:place], *name[place + 1 :]])
        if here is not None and rest is not None:
            found.append((max(here[0].rank, rest[0].rank), here[1] + rest[1]))
    if not found:
        return None
    rank, errors = min(found)
    return _ORDER[rank], errors


def word_closeness(wanted: Spellings, word: str) -> tuple[Match, int] | None:
    """How close a word of a name comes to one that was looked for, and by how many errors; None: it doesn't."""
    if word in wanted:
        return Match.WHOLE, 0
    if word.startswith(wanted):
        return Match.PART, 0
    distances = [(OSA.distance(way, word), way) for way in wanted]
    errors = [distance for distance, way in distances if distance <= errors_allowed(way)]
    return (Match.NEAR, min(errors)) if errors else None
