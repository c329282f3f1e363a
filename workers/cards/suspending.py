"""What a block of a member means for their cards: none works meanwhile, and each keeps the state that it has by itself.

A card is suspended by an event of its own, so that who knows cards by their events needs to know nothing of members.
"""

from datetime import datetime
from typing import Annotated

from contracts.cards import CardResumed, CardSuspended, SettleCard
from contracts.member_life import MemberBlocked, MemberUnblocked
from runtime.decisions import Key
from workers import Changes, Context
from workers.cards.documents import Card, LinkedCards
from workers.cards.worker import worker


@worker.handles(MemberBlocked)
def suspend_cards(
    event: MemberBlocked,
    linked: Annotated[LinkedCards | None, Key("member_id")],
    cards: Annotated[tuple[Card, ...], Key("linked.card_numbers")],
    context: Context,
) -> Changes:
    held = linked or LinkedCards(id=event.member_id, card_numbers=())
    # Nobody is merged while blocked: what is heard of an absorbed member was over before.
    if held.id == event.member_id:
        yield from told(held, cards, event.blocked_at, context)


@worker.handles(MemberUnblocked)
def resume_cards(
    event: MemberUnblocked,
    linked: Annotated[LinkedCards | None, Key("member_id")],
    cards: Annotated[tuple[Card, ...], Key("linked.card_numbers")],
    context: Context,
) -> Changes:
    held = linked or LinkedCards(id=event.member_id, card_numbers=())
    if held.id == event.member_id:
        yield from told(held, cards, None, context)


def told(held: LinkedCards, cards: tuple[Card, ...], blocked_at: datetime | None, context: Context) -> Changes:
    """Let a member's cards be as an event tells, unless newer ones told otherwise."""
    version = context.version or held.member_news + 1
    if version <= held.member_news:
        return
    # Written even where nothing else changes: a card that is linked meanwhile must meet it.
    yield held.evolve(blocked_at=blocked_at, member_news=version)
    for card in cards:
        yield from settled(card, held.id, blocked_at)


@worker.handles(SettleCard)
def settle_card(
    command: SettleCard,
    card: Annotated[Card, Key("card_number")],
    linked: Annotated[LinkedCards | None, Key("card.member_id")],
) -> Changes:
    if linked is None or linked.blocked_at == card.suspended_at:
        return
    # Written, too: who blocks or unblocks the member in this moment has seen this card as it was.
    yield linked.evolve()
    yield from settled(card, linked.id, linked.blocked_at)


def settled(card: Card, member_id: str, blocked_at: datetime | None) -> Changes:
    """Suspend a card, or let it be what it is; nothing where it is so already."""
    if blocked_at == card.suspended_at:
        return
    yield card.evolve(suspended_at=blocked_at)
    if blocked_at is None:
        yield CardResumed(card_number=card.number, member_id=member_id)
        return
    yield CardSuspended(card_number=card.number, member_id=member_id, suspended_at=blocked_at)


def unsettled(card: Card, held: LinkedCards) -> Changes:
    """Ask for a card that comes to a member, or back to them, to be settled: one message says one thing of it."""
    if card.suspended_at != held.blocked_at:
        yield SettleCard(card_number=card.number)
