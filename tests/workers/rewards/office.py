"""Cards and members as they really are, and the news of them that is still on its way to the rewards worker."""

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
    CardMerged,
    CardReplaced,
    CardRestored,
    CardState,
    CardUnblocked,
)
from contracts.merging import MembersMerged
from contracts.messages import Event
from tests.workers.rewards.counter import ANA, NUMBER, OTHER

THIRD: Final = "378282246310005"
NUMBERS: Final = (NUMBER, OTHER, THIRD)
BEN: Final = "ben"


@dataclass(frozen=True)
class News:
    """Something that happened to a card or to members."""

    event: Event
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
    """Issues, links, blocks, replaces, deletes and restores cards, each only where its state allows it; merges once."""

    cards: dict[str, Truth] = field(default_factory=dict)
    in_use: dict[str, list[str]] = field(default_factory=lambda: {ANA: [], BEN: []})
    """Members' cards."""
    absorbed: str | None = None
    together: bool = False
    """Whether the programme lets all cards of a member collect in one account."""
    pools: dict[str, str | None] = field(default_factory=lambda: {ANA: None, BEN: None})
    """The card in whose account all of a member's collect, if they do."""
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

    def survivor(self, member: str) -> str:
        """Who a member is by now."""
        return member if member != self.absorbed else (BEN if member == ANA else ANA)

    def use(self, member: str, number: str) -> str | None:
        """A member has one more card in use; says where it collects, if they have or get such a pool."""
        cards = self.in_use[member]
        first = cards[0] if self.together and len(cards) == 1 else None
        other = number if self.absorbed not in (None, member) else None
        self.pools[member] = self.pools[member] or first or other
        cards.append(number)
        return self.pools[member]

    def link(self, number: str, at: datetime) -> None:
        card = self.cards[number]
        member = card.member = self.survivor(ANA if number == NUMBER else BEN)
        card.state, card.version = CardState.ACTIVE, card.version + 1
        pool = self.use(member, number)
        self.tell(card, CardLinked(card_number=number, member_id=member, category="normal", pool_number=pool), at)

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
        assert card.member is not None
        self.in_use[card.member].remove(number)
        self.tell(card, CardDeleted(card_number=number, member_id=card.member, stopped_at=stopped_at), at)

    def restore(self, number: str, at: datetime) -> None:
        card = self.cards[number]
        assert card.member is not None
        card.state, card.version = card.was, card.version + 1
        restored = CardRestored(
            card_number=number,
            member_id=card.member,
            state=card.was,
            stopped_at=card.blocked_at,
            pool_number=self.use(card.member, number),
        )
        self.tell(card, restored, at)

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
        new, member = self.cards[by], card.member
        assert member is not None
        new.member, new.state, new.version = member, CardState.ACTIVE, new.version + 1
        cards = self.in_use[member]
        cards[cards.index(number)] = by
        self.tell(new, CardLinked(card_number=by, member_id=member, category="normal", replaces=number), at)

    def merge(self, stays: str, at: datetime) -> None:
        """One member absorbs the other: all cards are theirs, and those in use collect together."""
        gone = self.absorbed = BEN if stays == ANA else ANA
        own, others = list(self.in_use[stays]), list(self.in_use[gone])
        had = self.pools[stays]
        pools = (had, *own, self.pools[gone], *others)
        pool = self.pools[stays] = next((each for each in pools if each is not None), None)
        self.in_use = {stays: [*own, *others], gone: []}
        told = MembersMerged(member_id=stays, absorbed_id=gone, merge_id="m1", is_confirmed=True, merged_at=at)
        self.mail.append(News(told, 1, at))
        for card in [each for each in self.cards.values() if each.member is not None]:
            if card.member == gone or (had is None and card.number in own and card.number != pool):
                moved = CardMerged(
                    card_number=card.number,
                    member_id=stays,
                    from_member_id=card.member or stays,
                    state=card.state,
                    pool_number=pool if card.number in (*own, *others) else None,
                )
                card.member, card.version = stays, card.version + 1
                self.tell(card, moved, at)
