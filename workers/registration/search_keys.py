"""What of a member is indexed for searching; it stands in the member's own document, and goes with it."""

from collections.abc import Mapping, Sequence
from datetime import date
from itertools import combinations
from typing import Any, Final

from contracts.values import comparable_email
from workers.registration.folding import MOST_WORDS, words_of

MOST_TAILS: Final = 5
"""So many words of an email's local part can be found by their beginning."""
_BREAKS: Final = "._-+"


def search_keys(
    first_name: str | None,
    last_name: str | None,
    phone: str,
    email: str | None,
    born_on: date | None,
    card_numbers: Sequence[str],
) -> Mapping[str, Any]:
    """By what a member is found; what they haven't said has no key."""
    firsts, lasts = words_of(first_name), words_of(last_name)
    keys: dict[str, Any] = {"phone": backwards(phone.removeprefix("+"))}
    if firsts or lasts:
        keys["last"], keys["first"] = next(iter(lasts), ""), next(iter(firsts), "")
    if more := further_pairs(lasts, firsts):
        keys["more"] = more
    if email is not None:
        keys["email"] = tails(comparable_email(email))
    if born_on is not None:
        # Within an object of its own, so that who gave no birthday has no entry in its index.
        keys["birth"] = {"day": birthday_key(born_on), "words": words_kept(lasts, firsts)}
    if card_numbers:
        keys["cards"] = [backwards(number) for number in card_numbers]
    return keys


def backwards(digits: str) -> str:
    """Digits from the last to the first: what ends alike begins alike."""
    return digits[::-1]


def birthday_key(born_on: date) -> str:
    """A birthday by month and day, its year last: `02-29-1984`."""
    return f"{born_on:%m-%d}-{born_on.year:04d}"


def tails(email: str) -> list[str]:
    """An email, and what is left of it from each further word of its local part on."""
    local = email.rpartition("@")[0]
    starts = [place + 1 for place, letter in enumerate(local) if letter in _BREAKS and local[place + 1 :]]
    further = [email[start:] for start in starts if email[start] not in _BREAKS][: MOST_TAILS - 1]
    return list(dict.fromkeys((email, *further)))


def further_pairs(lasts: Sequence[str], firsts: Sequence[str]) -> list[dict[str, str]]:
    """Every two words of a name, but those that stand as `last` and `first` already; one word alone beside none."""
    words = words_kept(lasts, firsts)
    main = {next(iter(lasts), ""), next(iter(firsts), "")}
    return [{"a": one, "b": other} for one, other in combinations(words, 2) if {one, other} != main]


def words_kept(lasts: Sequence[str], firsts: Sequence[str]) -> list[str]:
    """The words of a name by which somebody is found, each once."""
    return list(dict.fromkeys((*lasts, *firsts)))[: MOST_WORDS + 1]
