"""How a card takes the place of another."""

from typing import Any

import pytest

from contracts.cards import CardKind, CardLinked, CardReplaced, CardState, ReplaceCard
from tests.decisions import NOON, decide, refused
from tests.workers.cards.deck import ANA, BEN, MORNING, NUMBER, OPERATOR, OTHER, by, card
from tests.workers.memory_reader import MemoryReader
from workers.cards.documents import Card, LinkedCards
from workers.cards.replacing import replace_card
from workers.cards.views import CardsViews

THIRD = "378282246310005"
REPLACE = ReplaceCard(card_number=NUMBER, new_card_number=OTHER)
HELD = LinkedCards(id=ANA, card_numbers=(THIRD, NUMBER))


def lost(**changes: Any) -> Card:
    return card(**{"state": CardState.BLOCKED, "member_id": ANA, "blocked_at": MORNING, **changes})


def fresh(**changes: Any) -> Card:
    return card(**{"id": OTHER, **changes})


class TestReplaceCard:
    def test_lets_the_new_card_have_the_holder_and_the_category_of_the_old_one(self) -> None:
        old = lost(category="employee")
        said = decide(replace_card, REPLACE, card=old, replacement=fresh(), linked=HELD, context=by(OPERATOR))

        before, after = said.all(Card)
        assert (before.state, before.replaced_by, before.member_id) == (CardState.REPLACED, OTHER, ANA)
        assert (after.state, after.replaces, after.member_id, after.category) == (
            *(CardState.ACTIVE, NUMBER, ANA),
            "employee",
        )
        assert after.linked_at == before.replaced_at == NOON
        assert said.events == [
            CardReplaced(
                card_number=NUMBER,
                member_id=ANA,
                new_card_number=OTHER,
                first_card_number=NUMBER,
                stopped_at=MORNING,
            ),
            CardLinked(card_number=OTHER, member_id=ANA, category="employee", replaces=NUMBER),
        ]

    def test_takes_the_old_card_s_place_among_the_member_s_cards(self) -> None:
        full = LinkedCards(id=ANA, card_numbers=(NUMBER, THIRD))
        said = decide(replace_card, REPLACE, card=lost(), replacement=fresh(), linked=full, context=by(OPERATOR))

        assert said.document(LinkedCards).card_numbers == (OTHER, THIRD)

    def test_remembers_where_a_chain_of_replacements_began(self) -> None:
        second = lost(replaces=THIRD, first_number=THIRD)
        said = decide(replace_card, REPLACE, card=second, replacement=fresh(), linked=HELD, context=by(OPERATOR))

        assert [each.first_number for each in said.all(Card)] == [THIRD, THIRD]
        replaced = next(event for event in said.events if isinstance(event, CardReplaced))
        assert replaced.first_card_number == THIRD

    @pytest.mark.parametrize("state", [each for each in CardState if each is not CardState.BLOCKED])
    def test_is_refused_unless_the_old_card_was_blocked_first(self, state: CardState) -> None:
        with refused("card_not_blocked", state=state.value):
            decide(replace_card, REPLACE, card=lost(state=state), replacement=fresh(), context=by(OPERATOR))

    def test_is_refused_for_a_card_that_is_nobody_s(self) -> None:
        with refused("card_not_linked"):
            decide(replace_card, REPLACE, card=lost(member_id=None), replacement=fresh(), context=by(OPERATOR))

    def test_is_refused_when_the_new_card_is_not_known(self) -> None:
        with refused("unknown_replacement"):
            decide(replace_card, REPLACE, card=lost(), linked=HELD, context=by(OPERATOR))

    @pytest.mark.parametrize("state", [each for each in CardState if each is not CardState.TO_ISSUE])
    def test_is_refused_when_the_new_card_is_not_to_issue(self, state: CardState) -> None:
        with refused("replacement_not_to_issue", state=state.value):
            other = fresh(state=state)
            decide(replace_card, REPLACE, card=lost(), replacement=other, linked=HELD, context=by(OPERATOR))

    def test_is_refused_when_the_new_card_is_linked(self) -> None:
        with refused("replacement_linked"):
            other = fresh(state=CardState.ACTIVE, member_id=BEN)
            decide(replace_card, REPLACE, card=lost(), replacement=other, linked=HELD, context=by(OPERATOR))

    def test_is_refused_when_the_new_card_is_virtual(self) -> None:
        with refused("replacement_not_physical"):
            other = fresh(kind=CardKind.VIRTUAL)
            decide(replace_card, REPLACE, card=lost(), replacement=other, linked=HELD, context=by(OPERATOR))

    def test_is_refused_for_a_card_in_its_own_place(self) -> None:
        with refused("replacement_linked"):
            same = ReplaceCard(card_number=NUMBER, new_card_number=NUMBER)
            decide(replace_card, same, card=lost(), replacement=lost(), linked=HELD, context=by(OPERATOR))

    def test_is_refused_to_who_may_not_replace(self) -> None:
        with refused("actor_not_allowed", actor="pos"):
            decide(replace_card, REPLACE, card=lost(), replacement=fresh(), linked=HELD, context=by())


async def test_a_replaced_card_stays_known_and_leads_to_the_newest_chains_included() -> None:
    first = lost(state=CardState.REPLACED, first_number=NUMBER, replaced_by=OTHER)
    second = fresh(state=CardState.REPLACED, first_number=NUMBER, replaces=NUMBER, replaced_by=THIRD)
    newest = card(CardState.ACTIVE, ANA, id=THIRD, first_number=NUMBER, replaces=OTHER)
    alone = card(id="30569309025904")
    views = CardsViews(MemoryReader([newest, alone, second, first]))

    for each in (first, second, newest):
        assert [card.number for card in await views.chain_of(each)] == [NUMBER, OTHER, THIRD]
    assert await views.chain_of(alone) == [alone]
