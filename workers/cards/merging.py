"""What becomes of the cards of two members who became one: all are the survivor's, and collect in one account.

Merges of several members may be heard of in any order. Whom a member absorbed leads to whoever stays in one step,
however long the chain is, as each merge turns round all that led to the one who goes.
"""

from collections.abc import Iterable
from typing import Annotated

from contracts.cards import CardMerged
from contracts.merging import MembersMerged
from runtime.decisions import Key
from workers import Changes, Context
from workers.cards.documents import Card, LinkedCards
from workers.cards.retiring import retired
from workers.cards.suspending import unsettled
from workers.cards.worker import worker


@worker.handles(MembersMerged)
def hand_over_cards(
    event: MembersMerged,
    left: Annotated[LinkedCards | None, Key("absorbed_id", as_is=True)],
    held: Annotated[LinkedCards | None, Key("member_id")],
    earlier: Annotated[tuple[LinkedCards, ...], Key("left.absorbed")],
    cards: Annotated[tuple[Card, ...], Key("left.card_numbers")],
    former: Annotated[tuple[Card, ...], Key("left.former")],
    own: Annotated[tuple[Card, ...], Key("held.card_numbers")],
    context: Context,
) -> Changes:
    gone = left or LinkedCards(id=event.absorbed_id, card_numbers=())
    stays = held or LinkedCards(id=event.member_id, card_numbers=())
    if gone.merged_into is not None or gone.id == stays.id:
        return

    now = united(stays, gone)
    yield now.evolve(card_numbers=(), former=(), pool_number=None) if stays.is_removed else now
    yield LinkedCards(id=gone.id, card_numbers=(), merged_into=stays.id)
    yield tuple(each.evolve(merged_into=stays.id) for each in earlier)
    if stays.is_removed:
        yield from retired((*cards, *former), context)
        return

    yield from moved(cards, now.id, now.pool_number)
    for card in cards:
        yield from unsettled(card, now)
    yield from moved(former, now.id, None)
    if stays.pool_number is None:
        yield from moved((each for each in own if each.number != now.pool_number), now.id, now.pool_number)


def united(stays: LinkedCards, gone: LinkedCards) -> LinkedCards:
    """What a member has who absorbed another; more than the programme's limit, if both had many."""
    numbers = (*stays.card_numbers, *gone.card_numbers)
    pools = (stays.pool_number, *stays.card_numbers, gone.pool_number, *gone.card_numbers)
    return stays.evolve(
        card_numbers=numbers,
        former=(*stays.former, *gone.former),
        absorbed=(*stays.absorbed, gone.id, *gone.absorbed),
        pool_number=next((each for each in pools if each is not None), None),
    )


def moved(cards: Iterable[Card], member_id: str, pool_number: str | None) -> Changes:
    """Let cards be a member's, and collect in the pool's account."""
    for card in cards:
        yield card.evolve(member_id=member_id)
        yield CardMerged(
            card_number=card.number,
            member_id=member_id,
            from_member_id=card.member_id or member_id,
            state=card.state,
            pool_number=pool_number,
        )
