"""How a member gets a card that is nothing but a number, at once."""

import hmac
from typing import Annotated, Final

from contracts.cards import CardKind, CardState, DrawVirtualCard, IssueVirtualCard, VirtualCardIssued
from contracts.programme.cards import NumberRange
from contracts.values import luhn_digit
from runtime.decisions import Key, Refused
from workers import Changes, Context
from workers.cards.documents import Card, LinkedCards
from workers.cards.suspending import unsettled
from workers.cards.worker import worker

DRAWN: Final = 4
"""Numbers drawn for a member ahead: a handler knows whether a number is free only if it could be looked up before."""
BYTES_EACH: Final = 16
"""Of a keyed hash for one number: so many that no number is likelier than another, and one hash is enough for all."""


@worker.handles(IssueVirtualCard)
def issue_virtual_card(
    command: IssueVirtualCard,
    linked: Annotated[LinkedCards | None, Key("member_id")],
    taken: Annotated[tuple[Card, ...], Key("linked.drawn")],
    context: Context,
) -> Changes:
    yield from issued(command.category, linked, taken, context)


@worker.handles(DrawVirtualCard)
def draw_virtual_card(
    command: DrawVirtualCard,
    linked: Annotated[LinkedCards | None, Key("member_id")],
    taken: Annotated[tuple[Card, ...], Key("linked.drawn")],
    context: Context,
) -> Changes:
    yield from issued(command.category, linked, taken, context)


def issued(category: str, linked: LinkedCards | None, taken: tuple[Card, ...], context: Context) -> Changes:
    """Issue a card by the first free number that was drawn for a member; where none is free, draw and try again.

    Raises:
        Refused: `virtual_cards_not_offered`, `card_category_unknown`, `unknown_member` or `too_many_cards`.
    """
    rules = context.programme.cards
    if rules.virtual_numbers is None:
        raise Refused("virtual_cards_not_offered")
    if category not in rules.categories:
        raise Refused("card_category_unknown", category=category)
    if linked is None or linked.is_removed:
        raise Refused("unknown_member")
    if len(linked.card_numbers) >= rules.max_linked_cards:
        raise Refused("too_many_cards")

    occupied = {card.number for card in taken}
    free = tuple(number for number in linked.drawn if number not in occupied)
    if not free:
        yield linked.evolve(drawn=drawn(rules.virtual_numbers, DRAWN, context))
        yield DrawVirtualCard(member_id=linked.id, category=category)
        return

    number, *left = free
    more = drawn(rules.virtual_numbers, DRAWN - len(left), context)
    card = Card(
        id=number,
        kind=CardKind.VIRTUAL,
        category=category,
        state=CardState.ACTIVE,
        issued_at=context.now,
        member_id=linked.id,
        linked_at=context.now,
    )
    now = linked.with_card(number, collects_together=rules.collects_together).evolve(drawn=(*left, *more))
    yield card, now
    yield VirtualCardIssued(card_number=number, member_id=linked.id, category=category, pool_number=now.pool_number)
    yield from unsettled(card, linked)


def drawn(numbers: NumberRange, count: int, context: Context) -> tuple[str, ...]:
    """At most `DRAWN` numbers out of a range, which redoing draws again; they may be taken.

    Whoever chooses a message's id doesn't foresee them: they are drawn by a key that only we have.
    """
    room = numbers.free_digits
    drawn_bytes = hmac.digest(context.vault.key("card-numbers"), context.new_id().encode(), "sha512")
    found: list[str] = []
    for start in range(0, count * BYTES_EACH, BYTES_EACH):
        number = int.from_bytes(drawn_bytes[start : start + BYTES_EACH])
        digits = f"{numbers.prefix}{number % 10**room:0{room}d}"
        found.append(digits + luhn_digit(digits))
    return tuple(found)
