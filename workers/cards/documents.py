"""What the cards worker keeps: cards, and which of them each member has."""

from datetime import datetime
from typing import ClassVar, Self

from contracts.cards import CardKind, CardState
from runtime.documents import Document, Index


class Card(Document):
    """A card; its id is its number."""

    collection: ClassVar = "cards"
    indexes: ClassVar = (Index(("member_id",)), Index(("first_number",), sparse=True))

    kind: CardKind
    category: str
    state: CardState
    issued_at: datetime
    member_id: str | None = None
    linked_at: datetime | None = None
    suspended_at: datetime | None = None
    """Since when it doesn't work because its holder is blocked, whatever its state."""
    blocked_at: datetime | None = None
    block_reason: str | None = None
    deleted_at: datetime | None = None
    deleted_from: CardState | None = None
    """What it was, and is again when it is restored."""
    replaced_by: str | None = None
    """The next card in its chain."""
    replaced_at: datetime | None = None
    replaces: str | None = None
    """The one before it."""
    first_number: str | None = None
    """Where its chain begins, itself included; cards that neither replace nor are replaced have none."""

    @property
    def number(self) -> str:
        """What is printed on it."""
        return self.id


class LinkedCards(Document):
    """The cards that a member has in use, by the member's id; a member without any is known by it, too.

    It makes their limit hold whoever links two at once.

    A card that was replaced or deleted takes no place here, though it is still known whose it was.
    """

    collection: ClassVar = "linked_cards"

    card_numbers: tuple[str, ...]
    blocked_at: datetime | None = None
    """Since when none of them works, as the member is blocked."""
    member_news: int = 0
    """The member's version of which the newest event about a block told."""
    drawn: tuple[str, ...] = ()
    """Numbers for the next virtual cards; whether they are free is seen when one is issued."""

    def with_place_of(self, old: str, new: str) -> Self:
        """The same with one card in the place of another."""
        return self.evolve(card_numbers=tuple(new if each == old else each for each in self.card_numbers))

    def without(self, number: str) -> Self:
        """The same without a card."""
        return self.evolve(card_numbers=tuple(each for each in self.card_numbers if each != number))
