"""What others may read about cards."""

from collections.abc import Sequence
from typing import Final

from runtime.store import Reader
from workers.cards.documents import Card

__all__ = ["Card", "CardsViews"]
MOST_IN_CHAIN: Final = 500
AT_ONCE: Final = 5_000
"""Numbers that are looked up in one query."""


class CardsViews:
    """Read-only queries over the cards worker's documents.

    Every one raises `runtime.store.Away` when MongoDB can't be reached.
    """

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def card(self, card_number: str) -> Card | None:
        """The card with a number; None if nobody knows it."""
        return await self._reader.get(Card, card_number)

    async def count_known(self, card_numbers: Sequence[str]) -> int:
        """How many of these numbers are those of cards."""
        count = 0
        for start in range(0, len(card_numbers), AT_ONCE):
            part = list(card_numbers[start : start + AT_ONCE])
            count += len(
                await self._reader.aggregate(Card, ({"$match": {"_id": {"$in": part}}}, {"$project": {"_id": 1}}))
            )
        return count

    async def chain_of(self, card: Card) -> list[Card]:
        """The cards that took one another's place, this one among them, the first of all first."""
        if card.first_number is None:
            return [card]
        found = await self._reader.find(Card, {"first_number": card.first_number}, limit=MOST_IN_CHAIN)
        by_number = {each.number: each for each in found}
        chain: list[Card] = []
        number: str | None = card.first_number
        while number in by_number:
            chain.append(by_number.pop(number))
            number = chain[-1].replaced_by
        return chain

    async def holders_of(self, card_numbers: Sequence[str]) -> set[str]:
        """The members whose cards any of these are; cards that are nobody's lead to none."""
        found = await self._reader.find(Card, {"_id": {"$in": list(card_numbers)}}, limit=0)
        return {each.member_id for each in found if each.member_id is not None}

    async def cards_of(self, member_id: str) -> list[Card]:
        """A member's cards, the first linked first."""
        return await self._reader.find(Card, {"member_id": member_id}, sort=(("linked_at", 1), ("_id", 1)))
