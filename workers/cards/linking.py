"""How a card becomes a member's."""

from typing import Annotated

from contracts.card_life import Act, may
from contracts.cards import CardLinked, CardLinkRefused, CardState, LinkCard
from contracts.registration import MemberRegistered
from runtime.decisions import Key, Refused
from workers import Changes, Context
from workers.cards.documents import Card, LinkedCards
from workers.cards.suspending import unsettled
from workers.cards.virtual import DRAWN, drawn
from workers.cards.worker import worker


@worker.handles(MemberRegistered)
def know_member(
    event: MemberRegistered,
    card: Annotated[Card | None, Key("card_number")],
    linked: Annotated[LinkedCards | None, Key("member_id")],
    context: Context,
) -> Changes:
    rules = context.programme.cards
    numbers = () if rules.virtual_numbers is None else drawn(rules.virtual_numbers, DRAWN, context)
    held = linked or LinkedCards(id=event.member_id, card_numbers=(), drawn=numbers)
    if event.card_number is None:
        yield held
        return
    most = None if is_late(event, held) else rules.max_linked_cards
    problem = "unknown_member" if held.is_removed else link_problem(card, held, most)
    if card is None or problem is not None:
        yield held
        yield CardLinkRefused(card_number=event.card_number, member_id=event.member_id, code=problem or "unknown_card")
        return

    yield from linked_to(card, held, context)


def is_late(event: MemberRegistered, held: LinkedCards) -> bool:
    """Whether a member was merged before their registration is heard of: their own first card is within the limit."""
    return held.id != event.member_id or bool(held.absorbed)


@worker.handles(LinkCard)
def link_card(
    command: LinkCard,
    card: Annotated[Card, Key("card_number")],
    linked: Annotated[LinkedCards | None, Key("member_id")],
    context: Context,
) -> Changes:
    if linked is None or linked.is_removed:
        raise Refused("unknown_member")
    problem = link_problem(card, linked, context.programme.cards.max_linked_cards)
    if problem == "card_not_to_issue":
        raise Refused(problem, state=card.state.value)
    if problem is not None:
        raise Refused(problem)

    yield from linked_to(card, linked, context)


def linked_to(card: Card, held: LinkedCards, context: Context) -> Changes:
    """Activate a card for the member who holds some already."""
    now = held.with_card(card.number, collects_together=context.programme.cards.collects_together)
    yield card.evolve(state=CardState.ACTIVE, member_id=held.id, linked_at=context.now), now
    yield CardLinked(card_number=card.number, member_id=held.id, category=card.category, pool_number=now.pool_number)
    yield from unsettled(card, held)


def link_problem(card: Card | None, held: LinkedCards, max_linked_cards: int | None) -> str | None:
    """The code of what stands against giving a card to a member who holds some already; None if nothing does."""
    if card is None:
        return "unknown_card"
    if card.member_id is not None:
        return "card_already_linked"
    if not may(card.state, Act.LINK):
        return "card_not_to_issue"
    if max_linked_cards is not None and len(held.card_numbers) >= max_linked_cards:
        return "too_many_cards"
    return None
