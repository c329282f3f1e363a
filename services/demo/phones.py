"""Phone numbers that are kept for fiction and belong to nobody, yet have the form of real ones."""

from typing import Final

_PLACES: Final = (
    ("+4917139200", 2),  # mobile
    ("+493023125", 3),  # Berlin
    ("+496990009", 3),  # Frankfurt
    ("+494066969", 3),  # Hamburg
    ("+492214710", 3),  # Cologne
    ("+498999998", 3),  # Munich
)

PHONES: Final = tuple(f"{place}{number:0{digits}d}" for place, digits in _PLACES for number in range(10**digits))
"""German numbers that the Bundesnetzagentur keeps for films ("Drama Numbers"): 100 mobile, 5,000 of five cities."""


def phone_of(seed: int, number: int) -> str:
    """The phone of a demo's person; other seeds begin elsewhere, but meet the same people in the end."""
    return PHONES[(seed * 1_013 + number) % len(PHONES)]
