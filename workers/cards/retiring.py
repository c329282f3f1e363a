"""What becomes of the cards of a member who is removed: none works any more, for good, and nothing says whose it was.

A card's number stays known, so that it is given to nobody else.
"""

from collections.abc import Iterable
from typing import Annotated

from contracts.cards import CardRetired, CardState
from contracts.removal import MemberRemoved
from runtime.decisions import Key
from runtime.documents import Erase
from runtime.persons import DEAD_LETTERS, PersonKey
from workers import Changes, Context
from workers.cards.documents import Card, LinkedCards
from workers.cards.worker import worker


@worker.handles(MemberRemoved)
def retire_cards(
    event: MemberRemoved,
    linked: Annotated[LinkedCards | None, Key("member_id", as_is=True)],
    cards: Annotated[tuple[Card, ...], Key("linked.card_numbers")],
    former: Annotated[tuple[Card, ...], Key("linked.former")],
    context: Context,
) -> Changes:
    held = linked or LinkedCards(id=event.member_id, card_numbers=())
    yield held.evolve(card_numbers=(), former=(), drawn=(), pool_number=None, is_removed=True)
    yield Erase(PersonKey, DEAD_LETTERS)
    yield from retired((*cards, *former), context)


def retired(cards: Iterable[Card], context: Context) -> Changes:
    """Let cards be nobody's, and work no more."""
    for card in cards:
        state = card.state if card.state is CardState.REPLACED else CardState.DELETED
        yield card.evolve(
            state=state,
            member_id=None,
            suspended_at=None,
            deleted_at=card.deleted_at or context.now,
            deleted_from=None,
        )
        stopped_at = card.replaced_at or card.blocked_at or card.deleted_at or context.now
        yield CardRetired(card_number=card.number, state=state, stopped_at=stopped_at)
