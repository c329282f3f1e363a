"""How a card comes into another category."""

import pytest

from contracts.cards import CardCategoryChanged, CardState, ChangeCardCategory
from tests.decisions import decide, refused
from tests.workers.cards.deck import ANA, NUMBER, OPERATOR, by, card
from workers.cards.categories import change_card_category
from workers.cards.documents import Card

STAFF = ChangeCardCategory(card_number=NUMBER, category="employee")


class TestChangeCardCategory:
    def test_puts_the_card_into_the_category(self) -> None:
        said = decide(change_card_category, STAFF, card=card(CardState.ACTIVE, ANA), context=by(OPERATOR))

        assert said.document(Card).category == "employee"
        assert said.events == [
            CardCategoryChanged(card_number=NUMBER, member_id=ANA, category="employee", earlier="normal")
        ]

    def test_is_refused_for_a_category_that_the_programme_does_not_have(self) -> None:
        with refused("card_category_unknown", category="gold"):
            command = STAFF.model_copy(update={"category": "gold"})
            decide(change_card_category, command, card=card(CardState.ACTIVE, ANA), context=by(OPERATOR))

    def test_is_refused_where_it_changes_nothing(self) -> None:
        with refused("card_category_unchanged", category="employee"):
            staff = card(CardState.ACTIVE, ANA, category="employee")
            decide(change_card_category, STAFF, card=staff, context=by(OPERATOR))

    @pytest.mark.parametrize("state", [CardState.REPLACED, CardState.DELETED])
    def test_is_refused_for_a_card_that_is_out_of_use(self, state: CardState) -> None:
        with refused("card_out_of_use", state=state.value):
            decide(change_card_category, STAFF, card=card(state, ANA), context=by(OPERATOR))

    def test_is_refused_to_who_may_not(self) -> None:
        with refused("actor_not_allowed", actor="pos"):
            decide(change_card_category, STAFF, card=card(CardState.ACTIVE, ANA), context=by())
