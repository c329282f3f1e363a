"""Names as they are compared: plain small letters, whatever the writing, and the spellings that are near to one."""

import re
from typing import Final
from unicodedata import normalize

from anyascii import anyascii

LETTERS: Final = "abcdefghijklmnopqrstuvwxyz"
LONGEST_WORD: Final = 40
MOST_WORDS: Final = 5
"""Of a name; each makes a key with every other."""
PARTICLES: Final = frozenset(
    {
        *("al", "bin", "d", "da", "de", "degli", "dei", "del", "della", "den", "der", "des", "di", "do", "dos", "du"),
        *("el", "ibn", "la", "las", "le", "les", "los", "ter", "van", "vom", "von", "y", "zu", "zum", "zur"),
    }
)
"""What stands before many names and tells nobody apart."""
ONE_ERROR_FROM: Final = 3
"""A word of so many letters may have one error."""
TWO_ERRORS_FROM: Final = 8

_APART: Final = re.compile("[^a-z0-9]+")
_INSIDE: Final = re.compile("['`´’ʼ]")  # O'Neil is one word
_UMLAUTS: Final = str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "å": "aa", "ø": "oe"}
)
_DIGRAPHS: Final = re.compile("(?<=[aou])e|(?<=a)a")


def folded(text: str) -> str:
    """Text in plain small letters, of whatever script: `Müller` as `muller`, `Иванов` as `ivanov`."""
    plain = text if text.isascii() else anyascii(text)
    return plain.casefold()


def words_of(name: str | None) -> list[str]:
    """The words of a name that tell people apart, folded, without repetitions."""
    if not name:
        return []
    plain = folded(name)
    if plain.isascii() and plain.isalpha():  # most names; without it they cost a registration five times as much
        return [plain[:LONGEST_WORD]]
    words = [word[:LONGEST_WORD] for word in _APART.split(_INSIDE.sub("", plain)) if word]
    telling = [word for word in words if word not in PARTICLES]
    return list(dict.fromkeys(telling or words))[:MOST_WORDS]


def spellings(word: str) -> tuple[str, ...]:
    """How a word of a query may stand in a name: folded, and with its umlauts written the other way."""
    written = normalize("NFC", word).casefold().translate(_UMLAUTS)
    ways = {folded(word), folded(written), _DIGRAPHS.sub("", folded(word))}
    plain = (_APART.sub("", _INSIDE.sub("", way))[:LONGEST_WORD] for way in ways)
    return tuple(sorted({way for way in plain if way}))


def errors_allowed(word: str) -> int:
    """How many typing errors a word of a query may have."""
    return (len(word) >= ONE_ERROR_FROM) + (len(word) >= TWO_ERRORS_FROM)


def one_error_away(word: str) -> set[str]:
    """Every word that is at most one letter more, less, other, or two swapped neighbours away."""
    places = range(len(word) + 1)
    found = {word[:place] + letter + word[place:] for place in places for letter in LETTERS}
    for place in places[:-1]:
        before, after = word[:place], word[place + 1 :]
        found |= {before + after, *(before + letter + after for letter in LETTERS)}
        found.add(before + after[:1] + word[place] + after[1:])
    return (found | {word}) - {""}


def beginnings_of_neighbours(word: str) -> set[str]:
    """Beginnings of every word that is two errors away, if at most one of them is in the first half."""
    found = one_error_away(word[: len(word) // 2])
    return {each for each in found if not any(each[:length] in found for length in range(1, len(each)))}
