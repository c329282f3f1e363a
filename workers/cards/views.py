"""What others may read about cards."""

from runtime.store import Reader
from workers.cards.documents import Card


class CardsViews:
    """Read-only queries over the cards worker's documents.

    Every one raises `runtime.store.Away` when MongoDB can't be reached.
    """

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def card(self, card_number: str) -> Card | None:
        """The card with a number; None if nobody knows it."""
        return await self._reader.get(Card, card_number)

    async def cards_of(self, member_id: str) -> list[Card]:
        """A member's cards, the first linked first."""
        return await self._reader.find(Card, {"member_id": member_id}, sort=(("linked_at", 1), ("_id", 1)))
