"""How a card comes into another category, by which it earns from then on."""

from typing import Annotated

from contracts.card_life import Act, may
from contracts.cards import CardCategoryChanged, ChangeCardCategory
from runtime.decisions import Key, Refused
from workers import Changes, Context
from workers.cards.documents import Card
from workers.cards.worker import worker


@worker.handles(ChangeCardCategory)
def change_card_category(
    command: ChangeCardCategory, card: Annotated[Card, Key("card_number")], context: Context
) -> Changes:
    if command.category not in context.programme.cards.categories:
        raise Refused("card_category_unknown", category=command.category)
    if not may(card.state, Act.CHANGE_CATEGORY):
        raise Refused("card_out_of_use", state=card.state.value)
    if card.category == command.category:
        raise Refused("card_category_unchanged", category=command.category)

    yield card.evolve(category=command.category)
    yield CardCategoryChanged(
        card_number=card.number, member_id=card.member_id, category=command.category, earlier=card.category
    )
