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
LEAST_WITHOUT_DIGRAPH: Final = 3
"""`Joe` isn't taken for a beginning of `Johann`, as `Joerg` is for `Jörg`."""

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
    """How a word of a query may stand in a name: folded, then with its umlauts written the other way."""
    plain = _plain(folded(word))
    written = _plain(folded(normalize("NFC", word).casefold().translate(_UMLAUTS)))
    others = {written, *(each for each in (_DIGRAPHS.sub("", plain),) if len(each) >= LEAST_WITHOUT_DIGRAPH)}
    return (plain, *sorted(others - {plain})) if plain else ()


def _plain(text: str) -> str:
    return _APART.sub("", _INSIDE.sub("", text))[:LONGEST_WORD]


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
    found: list[str] = []
    for each in sorted(one_error_away(word[: len(word) // 2])):
        if not found or not each.startswith(found[-1]):  # sorted, what begins alike stands together
            found.append(each)
    return set(found)
