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
    def is_retired(self) -> bool:
        """Whether its holder was removed: it is out of use for good, and nobody's."""
        return self.member_id is None and self.deleted_at is not None and self.deleted_from is None

    @property
    def number(self) -> str:
        """What is printed on it."""
        return self.id


class LinkedCards(Document):
    """The cards that a member has, by the member's id; a member without any is known by it, too.

    It makes the limit of cards in use hold whoever links two at once. That of a member whom another absorbed is empty
    and stands for the other's.
    """

    collection: ClassVar = "linked_cards"
    alias: ClassVar = "merged_into"

    card_numbers: tuple[str, ...]
    """Those in use: one that was replaced or deleted takes no place, though it is still known whose it was."""
    former: tuple[str, ...] = ()
    """Those that were replaced or deleted."""
    blocked_at: datetime | None = None
    """Since when none of them works, as the member is blocked."""
    member_news: int = 0
    """The member's version of which the newest event about a block told."""
    drawn: tuple[str, ...] = ()
    """Numbers for the next virtual cards; whether they are free is seen when one is issued."""
    merged_into: str | None = None
    """The member who absorbed this one."""
    absorbed: tuple[str, ...] = ()
    """Members whom this one absorbed, and whom those had."""
    is_removed: bool = False
    """Whether the member is gone: they get no card any more."""
    pool_number: str | None = None
    """The card in whose account all of theirs collect, if they do: the programme says so, or a member was absorbed."""

    def with_card(self, number: str, *, collects_together: bool) -> Self:
        """The same with one more card in use, and the card in whose account all collect.

        That is so where the programme says it, from a member's second card on, and for whoever absorbed a member. Of
        cards that a member had when the programme didn't say it yet each goes on by itself.
        """
        first = self.card_numbers[0] if collects_together and len(self.card_numbers) == 1 else None
        pool_number = self.pool_number or first or (number if self.absorbed else None)
        former = tuple(each for each in self.former if each != number)
        return self.evolve(card_numbers=(*self.card_numbers, number), former=former, pool_number=pool_number)

    def with_place_of(self, old: str, new: str) -> Self:
        """The same with one card in the place of another."""
        numbers = tuple(new if each == old else each for each in self.card_numbers)
        return self.evolve(card_numbers=numbers, former=(*self.former, old))

    def without(self, number: str) -> Self:
        """The same with a card out of use."""
        numbers = tuple(each for each in self.card_numbers if each != number)
        return self.evolve(card_numbers=numbers, former=(*self.former, number))


class Operator(Document):
    """What is known of somebody who works for the programme; the id is the actor's."""

    collection: ClassVar = "operators"

    member_id: str | None = None
    """Which member they are, if any."""
    news: int = 0
    """Registration's version of them of which the newest event told."""
