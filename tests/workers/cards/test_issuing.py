"""How cards become known."""

import pytest

from contracts.cards import CardIssued, CardKind, CardState, IssueCard
from tests.decisions import NOON, decide, refused
from tests.workers.cards.deck import NUMBER, OPERATOR, SMS, by, card
from workers.cards.documents import Card
from workers.cards.issuing import issue_card


class TestIssueCard:
    def test_makes_a_card_that_is_to_issue(self) -> None:
        said = decide(issue_card, IssueCard(card_number=NUMBER), context=by())

        made = said.document(Card)
        assert said.events == [CardIssued(card_number=NUMBER, kind=CardKind.PHYSICAL, category="normal")]
        assert (made.number, made.state, made.member_id, made.issued_at) == (NUMBER, CardState.TO_ISSUE, None, NOON)

    def test_keeps_kind_and_category(self) -> None:
        command = IssueCard(card_number=NUMBER, kind=CardKind.VIRTUAL, category="employee")
        said = decide(issue_card, command, context=by(OPERATOR))

        assert said.events == [CardIssued(card_number=NUMBER, kind=CardKind.VIRTUAL, category="employee")]
        assert said.document(Card).category == "employee"

    @pytest.mark.parametrize("state", list(CardState))
    def test_is_refused_for_a_number_that_exists(self, state: CardState) -> None:
        with refused("card_already_issued"):
            decide(issue_card, IssueCard(card_number=NUMBER), card=card(state), context=by())

    def test_is_refused_for_a_category_that_the_programme_does_not_have(self) -> None:
        with refused("card_category_unknown", category="gold"):
            decide(issue_card, IssueCard(card_number=NUMBER, category="gold"), context=by())

    def test_is_refused_to_who_may_not_issue(self) -> None:
        with refused("actor_not_allowed", actor="sms"):
            decide(issue_card, IssueCard(card_number=NUMBER), card=card(), context=by(SMS))
