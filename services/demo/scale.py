"""How large a demo's day is, and the names that follow from that: ids, card numbers, instants, chances."""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from hashlib import blake2b
from random import Random
from typing import Final, Self
from uuid import NAMESPACE_URL, uuid5
from zoneinfo import ZoneInfo

from contracts.values import luhn_digit
from services.demo.phones import PHONES

NAMESPACE: Final = uuid5(NAMESPACE_URL, "punchcard-demo")
ISSUER: Final = "977"
"""Numbers that begin with 9 are for national use (ISO/IEC 7812-1): nobody's bank card has one of ours."""
STRIDE: Final = 7_368_787
"""A prime: counting in such steps goes through all eight-digit numbers, in an order that nobody guesses by counting."""
OPENS: Final = time(6, 30)
OPEN_HOURS: Final = 13.5
MOST_SEEDS: Final = 10_000


class Impossible(ValueError):
    """A demo that can't be played as it was asked for; the text is one line."""


@dataclass(frozen=True, slots=True)
class Scale:
    """What a demo plays; everything in it follows from these, so the same again is the same messages."""

    seed: int = 7
    cards: int = 2_000
    registrations: int = 1_000
    receipts: int = 10_000
    tills: int = 20
    day: date | None = None
    """The business day; None until it is known: the day before the demo's first card was issued."""

    def __post_init__(self) -> None:
        if not 0 <= self.seed < MOST_SEEDS:
            raise Impossible(f"seed: must be 0 to {MOST_SEEDS - 1}")
        if not 10 <= self.registrations <= len(PHONES):
            raise Impossible(f"registrations: must be 10 to {len(PHONES)}, the phone numbers that are kept for fiction")
        if self.cards < self.registrations + 10:
            raise Impossible("cards: must be 10 more than registrations, for guests")
        if not (2 <= self.tills <= 1_000 and self.tills <= self.receipts <= 1_000_000):
            raise Impossible("tills: must be 2 to 1,000, and receipts at least as many as tills")

    def on(self, day: date) -> Self:
        """The same on a day that is known."""
        return replace(self, day=day)

    @property
    def sizes(self) -> str:
        """All that shapes the day's messages, as text."""
        return f"{self.seed}/{self.day}/{self.cards}/{self.registrations}/{self.receipts}/{self.tills}"

    @property
    def code(self) -> str:
        """Six letters that tell this day's receipts from those of a day of another shape."""
        return blake2b(self.sizes.encode(), digest_size=3).hexdigest()

    def id(self, name: str) -> str:
        """The id of a message by its name in the day; no UUIDv7, for it says nothing about when."""
        return str(uuid5(NAMESPACE, f"{self.sizes}/{name}"))

    def card_id(self, number: int) -> str:
        """The id of the command that issues a card: it is the same card on every day and at every size."""
        return str(uuid5(NAMESPACE, f"{self.seed}/card/{number}"))

    def card_number(self, number: int) -> str:
        """A card's number with its check digit."""
        digits = f"{ISSUER}{self.seed:04d}{(number * STRIDE + self.seed) % 10**8:08d}"
        return digits + luhn_digit(digits)

    def chance(self, name: str) -> Random:
        """Dice of their own for each thing in the day: what one throws doesn't change what another gets."""
        return Random(f"{self.sizes}/{name}")

    def at(self, share: float, zone: ZoneInfo) -> datetime:
        """The instant at which so much of the opening hours is over."""
        assert self.day is not None
        opening = datetime.combine(self.day, OPENS, zone)
        return (opening + timedelta(hours=OPEN_HOURS * share)).astimezone(UTC).replace(microsecond=0)
