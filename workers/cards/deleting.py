"""How a card goes from use, and comes back."""

from collections.abc import Iterable
from typing import Annotated

from contracts.card_life import Act, may
from contracts.cards import CardDeleted, CardKind, CardRestored, CardState, DeleteCard, RestoreCard
from runtime.decisions import Key, Refused
from workers import Changes, Context
from workers.cards.documents import Card, LinkedCards
from workers.cards.suspending import unsettled
from workers.cards.worker import worker


@worker.handles(DeleteCard)
def delete_card(
    command: DeleteCard,
    card: Annotated[Card, Key("card_number")],
    linked: Annotated[LinkedCards | None, Key("card.member_id")],
    in_use: Annotated[tuple[Card, ...], Key("linked.card_numbers")],
    context: Context,
) -> Changes:
    if not may(card.state, Act.DELETE):
        raise Refused("card_not_in_use", state=card.state.value)
    if is_only_physical(card, in_use):
        raise Refused("only_physical_card")

    stopped_at = card.blocked_at or context.now
    yield card.evolve(state=CardState.DELETED, deleted_at=context.now, deleted_from=card.state)
    # Written even if it stays the same: two deletions at once must meet, or a member may lose both cards.
    if linked is not None:
        yield linked.without(card.number)
    yield CardDeleted(card_number=card.number, member_id=card.member_id, stopped_at=stopped_at)


def is_only_physical(card: Card, in_use: Iterable[Card]) -> bool:
    """Whether a card is the one physical card that its holder can use; a blocked one beside it is no use to them."""
    if card.kind is not CardKind.PHYSICAL:
        return False
    return not any(
        each.number != card.number and each.kind is CardKind.PHYSICAL and each.state is CardState.ACTIVE
        for each in in_use
    )


@worker.handles(RestoreCard)
def restore_card(
    command: RestoreCard,
    card: Annotated[Card, Key("card_number")],
    linked: Annotated[LinkedCards | None, Key("card.member_id")],
    context: Context,
) -> Changes:
    if not may(card.state, Act.RESTORE):
        raise Refused("card_not_deleted", state=card.state.value)
    if card.member_id is None:
        raise Refused("card_not_linked")
    held = linked or LinkedCards(id=card.member_id, card_numbers=())
    if len(held.card_numbers) >= context.programme.cards.max_linked_cards:
        raise Refused("too_many_cards")

    state = card.deleted_from or CardState.BLOCKED
    now = held.with_card(card.number, collects_together=context.programme.cards.collects_together)
    yield card.evolve(state=state, member_id=held.id, deleted_at=None, deleted_from=None), now
    yield CardRestored(
        card_number=card.number,
        member_id=held.id,
        state=state,
        stopped_at=card.blocked_at,
        pool_number=now.pool_number,
    )
    yield from unsettled(card, held)
