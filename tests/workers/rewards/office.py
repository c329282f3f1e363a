"""Cards as they really are, and the news of them that is still on its way to the rewards worker."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from contracts.cards import (
    CardBlocked,
    CardDeleted,
    CardEvent,
    CardIssued,
    CardKind,
    CardLinked,
    CardReplaced,
    CardRestored,
    CardState,
    CardUnblocked,
)
from tests.workers.rewards.counter import ANA, NUMBER, OTHER

THIRD: Final = "378282246310005"
NUMBERS: Final = (NUMBER, OTHER, THIRD)
BEN: Final = "ben"


@dataclass(frozen=True)
class News:
    """Something that happened to a card."""

    event: CardEvent
    version: int
    at: datetime


@dataclass
class Truth:
    """A card as it is."""

    number: str
    state: CardState
    version: int = 1
    first: str = ""
    member: str | None = None
    blocked_at: datetime | None = None
    was: CardState = CardState.ACTIVE
    replaced_by: str | None = None


@dataclass
class Office:
    """Issues, links, blocks, replaces, deletes and restores cards, each only where its state allows it."""

    cards: dict[str, Truth] = field(default_factory=dict)
    mail: list[News] = field(default_factory=list)

    def tell(self, card: Truth, event: CardEvent, at: datetime) -> None:
        """Send the news off."""
        self.mail.append(News(event, card.version, at))

    def moves(self, number: str) -> tuple[str, ...]:
        """What can be done to a card now."""
        card = self.cards.get(number)
        if card is None:
            return ("issue",)
        blocked = ("unblock", "delete", *(("replace",) if self.successor(number) else ()))
        return {
            CardState.TO_ISSUE: ("link",),
            CardState.ACTIVE: ("block", "block", "delete"),
            CardState.BLOCKED: blocked,
            CardState.DELETED: ("restore",),
            CardState.REPLACED: (),
        }[card.state]

    def is_to_issue(self, number: str) -> bool:
        """Whether it is known, and nobody's."""
        return number in self.cards and self.cards[number].state is CardState.TO_ISSUE

    def successor(self, number: str) -> str | None:
        """A card that could take another's place: to issue, or still to be known."""
        there = (each for each in NUMBERS if each != number and (each not in self.cards or self.is_to_issue(each)))
        return next(there, None)

    def newest(self, number: str) -> str:
        """The card that has this one's place now."""
        while number in self.cards and (by := self.cards[number].replaced_by) is not None:
            number = by
        return number

    def issue(self, number: str, at: datetime) -> None:
        card = self.cards[number] = Truth(number, CardState.TO_ISSUE, first=number)
        self.tell(card, CardIssued(card_number=number, kind=CardKind.PHYSICAL, category="normal"), at)

    def link(self, number: str, at: datetime, member: str | None = None, replaces: str | None = None) -> None:
        card = self.cards[number]
        card.state, card.version = CardState.ACTIVE, card.version + 1
        card.member = member or (ANA if number == NUMBER else BEN)
        self.tell(card, CardLinked(card_number=number, member_id=card.member, category="normal", replaces=replaces), at)

    def block(self, number: str, at: datetime) -> None:
        card = self.cards[number]
        card.state, card.version, card.blocked_at = CardState.BLOCKED, card.version + 1, at
        self.tell(card, CardBlocked(card_number=number, member_id=card.member, reason="lost"), at)

    def unblock(self, number: str, at: datetime) -> None:
        card = self.cards[number]
        card.state, card.version, card.blocked_at = CardState.ACTIVE, card.version + 1, None
        self.tell(card, CardUnblocked(card_number=number, member_id=card.member, reason="found"), at)

    def delete(self, number: str, at: datetime) -> None:
        card = self.cards[number]
        card.was, card.state, card.version = card.state, CardState.DELETED, card.version + 1
        stopped_at = card.blocked_at or at
        self.tell(card, CardDeleted(card_number=number, member_id=card.member, stopped_at=stopped_at), at)

    def restore(self, number: str, at: datetime) -> None:
        card = self.cards[number]
        card.state, card.version = card.was, card.version + 1
        self.tell(
            card,
            CardRestored(card_number=number, member_id=card.member, state=card.was, stopped_at=card.blocked_at),
            at,
        )

    def replace(self, number: str, at: datetime) -> None:
        card = self.cards[number]
        by = self.successor(number)
        assert by is not None
        if by not in self.cards:
            self.issue(by, at)
        card.state, card.version, card.replaced_by = CardState.REPLACED, card.version + 1, by
        self.cards[by].first = card.first
        assert card.blocked_at is not None
        replaced = CardReplaced(
            card_number=number,
            member_id=card.member,
            new_card_number=by,
            first_card_number=card.first,
            stopped_at=card.blocked_at,
        )
        self.tell(card, replaced, at)
        self.link(by, at, card.member, replaces=number)
