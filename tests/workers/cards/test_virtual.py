"""Cards without plastic: their numbers are drawn, fit the range, and can't be foreseen."""

from itertools import pairwise

import pytest

from contracts.cards import CardKind, CardState, DrawVirtualCard, IssueVirtualCard, VirtualCardIssued
from contracts.messages import OURS, Actor, ActorKind
from contracts.programme.cards import NumberRange
from contracts.values import luhn_digit
from runtime.decisions import Context
from runtime.vault import NO_VAULT, NoSecret, Vault
from tests.decisions import NOON, Told, context, decide, refused
from tests.workers.cards.deck import ANA, OPERATOR, PROGRAMME, RULES, by, card, registered
from workers.cards.documents import Card, LinkedCards
from workers.cards.linking import know_member
from workers.cards.virtual import DRAWN, draw_virtual_card, drawn, issue_virtual_card

ISSUE = IssueVirtualCard(member_id=ANA, category="employee")
AGAIN = DrawVirtualCard(member_id=ANA, category="employee")
US = Actor(kind=ActorKind.SYSTEM, id="us")


def joined(*card_numbers: str) -> LinkedCards:
    """Ana, as she was taken in."""
    kept = decide(know_member, registered(None), context=context(PROGRAMME, message_id="m-0")).document(LinkedCards)
    return kept.evolve(card_numbers=card_numbers)


def issued(linked: LinkedCards | None, *taken: str, message_id: str = "m-1") -> Told:
    cards = tuple(card(id=number) for number in taken)
    at = context(PROGRAMME, message_id=message_id, actor=OPERATOR)
    return decide(issue_virtual_card, ISSUE, linked=linked, taken=cards, context=at)


class TestIssueVirtualCard:
    def test_makes_a_card_that_works_at_once(self) -> None:
        said = issued(joined())

        made = said.document(Card)
        assert said.events == [VirtualCardIssued(card_number=made.number, member_id=ANA, category="employee")]
        assert (made.kind, made.state, made.member_id) == (CardKind.VIRTUAL, CardState.ACTIVE, ANA)
        assert (made.issued_at, made.linked_at, made.category) == (NOON, NOON, "employee")
        assert said.document(LinkedCards).card_numbers == (made.number,)

    def test_has_a_number_of_the_range_with_a_check_digit(self) -> None:
        number = issued(joined()).document(Card).number

        assert (number[:3], len(number)) == ("978", 16)
        assert luhn_digit(number[:-1]) == number[-1]

    def test_gives_the_same_when_it_is_done_again(self) -> None:
        assert issued(joined()).documents == issued(joined()).documents

    def test_draws_as_many_as_it_took(self) -> None:
        linked = joined()
        said = issued(linked, *linked.drawn[:2])

        left = said.document(LinkedCards).drawn
        assert said.document(Card).number == linked.drawn[2]
        assert (len(left), left[0]) == (DRAWN, linked.drawn[3])
        assert not set(left) & set(linked.drawn[:3])

    @pytest.mark.parametrize("is_drawn", [True, False])
    def test_draws_again_when_all_that_was_drawn_is_taken_or_nothing_was(self, is_drawn: bool) -> None:
        linked = joined() if is_drawn else joined().evolve(drawn=())
        said = issued(linked, *linked.drawn)

        assert (said.all(Card), said.events, said.commands) == ([], [], [AGAIN])
        fresh = said.document(LinkedCards)
        assert not set(fresh.drawn) & set(linked.drawn)
        again = decide(draw_virtual_card, AGAIN, linked=fresh, taken=(), context=by(US))
        assert again.document(Card).number == fresh.drawn[0]

    def test_is_refused_for_somebody_who_is_no_member(self) -> None:
        with refused("unknown_member"):
            issued(None)

    def test_is_refused_when_the_member_has_as_many_cards_as_they_may(self) -> None:
        with refused("too_many_cards"):
            issued(joined("1", "2"))

    def test_is_refused_for_a_category_that_the_programme_does_not_have(self) -> None:
        with refused("card_category_unknown", category="gold"):
            command = ISSUE.model_copy(update={"category": "gold"})
            decide(issue_virtual_card, command, linked=joined(), taken=(), context=by(OPERATOR))

    def test_is_refused_where_the_programme_has_none(self) -> None:
        rules = RULES.model_copy(update={"virtual_numbers": None})
        with refused("virtual_cards_not_offered"):
            at: Context[object] = context(PROGRAMME.model_copy(update={"cards": rules}), actor=OPERATOR)
            decide(issue_virtual_card, ISSUE, linked=joined(), taken=(), context=at)

    def test_is_refused_to_who_may_not(self) -> None:
        with refused("actor_not_allowed", actor="pos"):
            decide(issue_virtual_card, ISSUE, linked=joined(), taken=(), context=by())


class TestDrawnNumbers:
    def test_are_different_and_in_no_order(self) -> None:
        numbers = NumberRange(prefix="978", digits=16)
        found = [drawn(numbers, 1, context(message_id=f"m-{turn}"))[0] for turn in range(500)]

        assert len(set(found)) == 500
        steps = [int(after) - int(before) for before, after in pairwise(found)]
        assert 150 < sum(step > 0 for step in steps) < 350
        assert min(abs(step) for step in steps) > 1_000
        assert {number[3] for number in found} == set("0123456789")

    def test_are_drawn_anew_by_each_step_of_one_message(self) -> None:
        numbers, one = NumberRange(prefix="978", digits=16), context()
        assert len({*drawn(numbers, DRAWN, one), *drawn(numbers, DRAWN, one)}) == 2 * DRAWN

    def test_are_unforeseeable_by_who_chooses_the_messages_id(self) -> None:
        """The same id draws the same by our secret, and others by another one, or by a key for something else."""
        numbers = NumberRange(prefix="978", digits=16)

        def with_secret(vault: Vault) -> tuple[str, ...]:
            return drawn(numbers, DRAWN, context(vault=vault))

        ours = with_secret(Vault(b"ours"))
        assert with_secret(Vault(b"ours")) == ours
        assert not set(with_secret(Vault(b"another"))) & set(ours)
        with pytest.raises(NoSecret):
            with_secret(NO_VAULT)


def test_drawing_is_asked_by_ourselves_alone() -> None:
    assert DrawVirtualCard.actors == OURS
