"""How a card becomes a member's."""

from typing import Annotated

from contracts.card_life import Act, may
from contracts.cards import CardLinked, CardLinkRefused, CardState
from contracts.registration import MemberRegistered
from runtime.decisions import Key
from workers import Changes, Context
from workers.cards.documents import Card, LinkedCards
from workers.cards.worker import worker


@worker.handles(MemberRegistered)
def link_card(
    event: MemberRegistered,
    card: Annotated[Card | None, Key("card_number")],
    linked: Annotated[LinkedCards | None, Key("member_id")],
    context: Context,
) -> Changes:
    if event.card_number is None:
        return
    held = linked or LinkedCards(id=event.member_id, card_numbers=())
    problem = link_problem(card, held, context.programme.cards.max_linked_cards)
    if card is None or problem is not None:
        yield CardLinkRefused(card_number=event.card_number, member_id=event.member_id, code=problem or "unknown_card")
        return

    yield card.evolve(state=CardState.ACTIVE, member_id=event.member_id, linked_at=context.now)
    yield held.evolve(card_numbers=(*held.card_numbers, card.number))
    yield CardLinked(card_number=card.number, member_id=event.member_id, category=card.category)


def link_problem(card: Card | None, held: LinkedCards, max_linked_cards: int) -> str | None:
    """The code of what stands against giving a card to a member who holds some already; None if nothing does."""
    if card is None:
        return "unknown_card"
    if card.member_id is not None:
        return "card_already_linked"
    if not may(card.state, Act.LINK):
        return "card_not_to_issue"
    if len(held.card_numbers) >= max_linked_cards:
        return "too_many_cards"
    return None
