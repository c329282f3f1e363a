"""How a card becomes a member's."""

import pytest

from contracts.cards import CardLinked, CardLinkRefused, CardState, LinkCard
from tests.decisions import NOON, decide, refused
from tests.workers.cards.deck import ANA, BEN, NUMBER, OPERATOR, OTHER, by, card, registered
from workers.cards.documents import Card, LinkedCards
from workers.cards.linking import know_member, link_card


def no(code: str) -> list[CardLinkRefused]:
    return [CardLinkRefused(card_number=NUMBER, member_id=ANA, code=code)]


class TestMemberRegistered:
    def test_activates_the_card_and_links_it(self) -> None:
        said = decide(know_member, registered(), card=card(category="employee"), context=by())

        linked = said.document(Card)
        assert said.events == [CardLinked(card_number=NUMBER, member_id=ANA, category="employee")]
        assert (linked.state, linked.member_id, linked.linked_at) == (CardState.ACTIVE, ANA, NOON)
        assert said.document(LinkedCards).card_numbers == (NUMBER,)

    def test_adds_to_the_cards_that_the_member_has(self) -> None:
        held = LinkedCards(id=ANA, card_numbers=(OTHER,))
        said = decide(know_member, registered(), card=card(), linked=held, context=by())

        assert said.document(LinkedCards).card_numbers == (OTHER, NUMBER)

    def test_makes_the_member_known_without_a_card(self) -> None:
        said = decide(know_member, registered(None), context=by())

        assert (said.events, said.all(Card)) == ([], [])
        assert (said.document(LinkedCards).id, said.document(LinkedCards).card_numbers) == (ANA, ())

    def test_is_told_when_the_card_is_unknown(self) -> None:
        said = decide(know_member, registered(), context=by())

        assert (said.events, said.all(Card)) == (no("unknown_card"), [])

    def test_is_told_when_the_card_is_somebody_s(self) -> None:
        said = decide(know_member, registered(), card=card(CardState.ACTIVE, BEN), context=by())

        assert (said.events, said.all(Card)) == (no("card_already_linked"), [])

    @pytest.mark.parametrize("state", [each for each in CardState if each is not CardState.TO_ISSUE])
    def test_is_told_when_the_card_is_not_to_issue(self, state: CardState) -> None:
        said = decide(know_member, registered(), card=card(state), context=by())

        assert (said.events, said.all(Card)) == (no("card_not_to_issue"), [])

    def test_is_told_when_the_member_has_as_many_cards_as_they_may(self) -> None:
        held = LinkedCards(id=ANA, card_numbers=(OTHER, "378282246310005"))
        said = decide(know_member, registered(), card=card(), linked=held, context=by())

        assert (said.events, said.all(Card)) == (no("too_many_cards"), [])


LINK = LinkCard(card_number=NUMBER, member_id=ANA)
NOTHING = LinkedCards(id=ANA, card_numbers=())


class TestLinkCard:
    def test_gives_a_card_to_somebody_who_is_a_member_already(self) -> None:
        said = decide(link_card, LINK, card=card(category="employee"), linked=NOTHING, context=by(OPERATOR))

        linked = said.document(Card)
        assert said.events == [CardLinked(card_number=NUMBER, member_id=ANA, category="employee")]
        assert (linked.state, linked.member_id, linked.linked_at) == (CardState.ACTIVE, ANA, NOON)
        assert said.document(LinkedCards).card_numbers == (NUMBER,)

    def test_is_refused_for_somebody_who_is_no_member(self) -> None:
        with refused("unknown_member"):
            decide(link_card, LINK, card=card(), context=by(OPERATOR))

    def test_is_refused_when_the_card_is_somebody_s(self) -> None:
        with refused("card_already_linked"):
            decide(link_card, LINK, card=card(CardState.ACTIVE, BEN), linked=NOTHING, context=by(OPERATOR))

    @pytest.mark.parametrize("state", [each for each in CardState if each is not CardState.TO_ISSUE])
    def test_is_refused_when_the_card_is_not_to_issue(self, state: CardState) -> None:
        with refused("card_not_to_issue", state=state.value):
            decide(link_card, LINK, card=card(state), linked=NOTHING, context=by(OPERATOR))

    def test_is_refused_when_the_member_has_as_many_cards_as_they_may(self) -> None:
        full = LinkedCards(id=ANA, card_numbers=(OTHER, "378282246310005"))
        with refused("too_many_cards"):
            decide(link_card, LINK, card=card(), linked=full, context=by(OPERATOR))

    def test_is_refused_to_who_may_not_link(self) -> None:
        with refused("actor_not_allowed", actor="pos"):
            decide(link_card, LINK, card=card(), linked=NOTHING, context=by())
