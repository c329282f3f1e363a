"""How a card becomes a member's."""

import pytest

from contracts.cards import CardLinked, CardLinkRefused, CardState
from tests.decisions import NOON, decide
from tests.workers.cards.deck import ANA, BEN, NUMBER, OTHER, by, card, registered
from workers.cards.documents import Card, LinkedCards
from workers.cards.linking import link_card


def no(code: str) -> list[CardLinkRefused]:
    return [CardLinkRefused(card_number=NUMBER, member_id=ANA, code=code)]


class TestMemberRegistered:
    def test_activates_the_card_and_links_it(self) -> None:
        said = decide(link_card, registered(), card=card(category="employee"), context=by())

        linked = said.document(Card)
        assert said.events == [CardLinked(card_number=NUMBER, member_id=ANA, category="employee")]
        assert (linked.state, linked.member_id, linked.linked_at) == (CardState.ACTIVE, ANA, NOON)
        assert said.document(LinkedCards).card_numbers == (NUMBER,)

    def test_adds_to_the_cards_that_the_member_has(self) -> None:
        held = LinkedCards(id=ANA, card_numbers=(OTHER,))
        said = decide(link_card, registered(), card=card(), linked=held, context=by())

        assert said.document(LinkedCards).card_numbers == (OTHER, NUMBER)

    def test_changes_nothing_without_a_card(self) -> None:
        said = decide(link_card, registered(None), context=by())

        assert (said.events, said.documents) == ([], [])

    def test_is_told_when_the_card_is_unknown(self) -> None:
        said = decide(link_card, registered(), context=by())

        assert (said.events, said.documents) == (no("unknown_card"), [])

    def test_is_told_when_the_card_is_somebody_s(self) -> None:
        said = decide(link_card, registered(), card=card(CardState.ACTIVE, BEN), context=by())

        assert (said.events, said.documents) == (no("card_already_linked"), [])

    @pytest.mark.parametrize("state", [each for each in CardState if each is not CardState.TO_ISSUE])
    def test_is_told_when_the_card_is_not_to_issue(self, state: CardState) -> None:
        said = decide(link_card, registered(), card=card(state), context=by())

        assert (said.events, said.documents) == (no("card_not_to_issue"), [])

    def test_is_told_when_the_member_has_as_many_cards_as_they_may(self) -> None:
        held = LinkedCards(id=ANA, card_numbers=(OTHER, "378282246310005"))
        said = decide(link_card, registered(), card=card(), linked=held, context=by())

        assert (said.events, said.documents) == (no("too_many_cards"), [])
