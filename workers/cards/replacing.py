"""How a card takes the place of another: who holds it, its category, its history and its balance go with it."""

from typing import Annotated

from contracts.card_life import Act, may
from contracts.cards import CardKind, CardLinked, CardReplaced, CardState, ReplaceCard
from runtime.decisions import Key, Refused
from workers import Changes, Context
from workers.cards.documents import Card, LinkedCards
from workers.cards.suspending import unsettled
from workers.cards.worker import worker


@worker.handles(ReplaceCard)
def replace_card(
    command: ReplaceCard,
    card: Annotated[Card, Key("card_number")],
    replacement: Annotated[Card | None, Key("new_card_number")],
    linked: Annotated[LinkedCards | None, Key("card.member_id")],
    context: Context,
) -> Changes:
    if not may(card.state, Act.REPLACE):
        raise Refused("card_not_blocked", state=card.state.value)
    if card.member_id is None or linked is None:
        raise Refused("card_not_linked")
    if replacement is None:
        raise Refused("unknown_replacement")
    refuse_replacement(replacement)

    first = card.first_number or card.number
    yield card.evolve(
        state=CardState.REPLACED, replaced_by=replacement.number, replaced_at=context.now, first_number=first
    )
    yield replacement.evolve(
        state=CardState.ACTIVE,
        category=card.category,
        member_id=linked.id,
        linked_at=context.now,
        replaces=card.number,
        first_number=first,
    )
    yield linked.with_place_of(card.number, replacement.number)
    yield CardReplaced(
        card_number=card.number,
        member_id=linked.id,
        new_card_number=replacement.number,
        first_card_number=first,
        stopped_at=card.blocked_at or context.now,
    )
    yield CardLinked(card_number=replacement.number, member_id=linked.id, category=card.category, replaces=card.number)
    yield from unsettled(replacement, linked)


def refuse_replacement(replacement: Card) -> None:
    """Refuse a card that can't take another's place.

    Raises:
        Refused: `replacement_not_to_issue`, `replacement_linked` or `replacement_not_physical`.
    """
    if replacement.member_id is not None:
        raise Refused("replacement_linked")
    if not may(replacement.state, Act.TAKE_OVER):
        raise Refused("replacement_not_to_issue", state=replacement.state.value)
    if replacement.kind is not CardKind.PHYSICAL:
        raise Refused("replacement_not_physical")
