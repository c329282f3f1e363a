"""What the cards worker keeps: cards, and which of them each member has."""

from datetime import datetime
from typing import ClassVar

from contracts.cards import CardKind, CardState
from runtime.documents import Document, Index


class Card(Document):
    """A card; its id is its number."""

    collection: ClassVar = "cards"
    indexes: ClassVar = (Index(("member_id",)),)

    kind: CardKind
    category: str
    state: CardState
    issued_at: datetime
    member_id: str | None = None
    linked_at: datetime | None = None
    blocked_at: datetime | None = None
    block_reason: str | None = None

    @property
    def number(self) -> str:
        """What is printed on it."""
        return self.id


class LinkedCards(Document):
    """The cards of one member, by the member's id; it makes their limit hold whoever links two at once."""

    collection: ClassVar = "linked_cards"

    card_numbers: tuple[str, ...]
