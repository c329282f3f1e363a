"""How a card goes from use, and comes back."""

from typing import Any

import pytest

from contracts.cards import CardDeleted, CardKind, CardRestored, CardState, DeleteCard, RestoreCard
from runtime.decisions import Refused
from runtime.decisions import decide as run
from runtime.documents import View
from tests.decisions import NOON, Told, decide, refused
from tests.workers.cards.deck import ANA, MORNING, NUMBER, OPERATOR, OTHER, by, card
from workers.cards import worker
from workers.cards.deleting import delete_card, restore_card
from workers.cards.documents import Card, LinkedCards, Operator

DELETE = DeleteCard(card_number=NUMBER)
RESTORE = RestoreCard(card_number=NUMBER)
BOTH = LinkedCards(id=ANA, card_numbers=(NUMBER, OTHER))
SPARE = card(CardState.ACTIVE, ANA, id=OTHER)


def deleted(kept: Card, *others: Card) -> Told:
    return decide(delete_card, DELETE, card=kept, linked=BOTH, in_use=(kept, *others), context=by(OPERATOR))


def gone(**changes: Any) -> Card:
    fields = {"state": CardState.DELETED, "member_id": ANA, "deleted_at": NOON, "deleted_from": CardState.ACTIVE}
    return card(**{**fields, **changes})


class TestDeleteCard:
    def test_takes_a_card_out_of_use(self) -> None:
        said = deleted(card(CardState.ACTIVE, ANA), SPARE)

        kept = said.document(Card)
        assert (kept.state, kept.deleted_from, kept.deleted_at) == (CardState.DELETED, CardState.ACTIVE, NOON)
        assert said.document(LinkedCards).card_numbers == (OTHER,)
        assert said.events == [CardDeleted(card_number=NUMBER, member_id=ANA, stopped_at=NOON)]

    def test_says_since_when_a_blocked_card_works_no_more(self) -> None:
        said = deleted(card(CardState.BLOCKED, ANA, blocked_at=MORNING), SPARE)

        assert said.events == [CardDeleted(card_number=NUMBER, member_id=ANA, stopped_at=MORNING)]

    def test_is_refused_for_the_only_physical_card_of_a_member(self) -> None:
        with refused("only_physical_card"):
            deleted(card(CardState.ACTIVE, ANA))
        with refused("only_physical_card"):
            deleted(card(CardState.BLOCKED, ANA), SPARE.evolve(kind=CardKind.VIRTUAL))

    def test_is_refused_where_the_other_physical_card_does_not_work(self) -> None:
        with refused("only_physical_card"):
            deleted(card(CardState.ACTIVE, ANA), SPARE.evolve(state=CardState.BLOCKED))

    def test_takes_a_virtual_card_whatever_else_there_is(self) -> None:
        assert deleted(card(CardState.ACTIVE, ANA, kind=CardKind.VIRTUAL)).events

    @pytest.mark.parametrize("state", [CardState.TO_ISSUE, CardState.REPLACED, CardState.DELETED])
    def test_is_refused_for_a_card_that_is_not_in_use(self, state: CardState) -> None:
        with refused("card_not_in_use", state=state.value):
            deleted(card(state), SPARE)

    def test_is_refused_to_who_may_not_delete(self) -> None:
        with refused("actor_not_allowed", actor="pos"):
            decide(delete_card, DELETE, card=card(CardState.ACTIVE, ANA), linked=BOTH, in_use=(SPARE,), context=by())

    def test_leaves_one_card_when_both_are_deleted_one_after_the_other(self) -> None:
        view = View()
        for document in (card(CardState.ACTIVE, ANA), SPARE, BOTH):
            view.loaded((type(document), document.id), document)
        view.loaded((Operator, OPERATOR.id), None)
        decision = run(worker.handlers["DeleteCard"], DELETE, by(OPERATOR), view)
        view.take(decision.documents, decision.erased)

        with pytest.raises(Refused, match="only_physical_card"):
            run(worker.handlers["DeleteCard"], DeleteCard(card_number=OTHER), by(OPERATOR), view)


class TestRestoreCard:
    @pytest.mark.parametrize(
        ("state", "blocked_at"), [(CardState.ACTIVE, None), (CardState.BLOCKED, MORNING)], ids=["active", "blocked"]
    )
    def test_makes_a_card_what_it_was(self, state: CardState, blocked_at: Any) -> None:
        before = card(state, ANA, blocked_at=blocked_at)
        taken = deleted(before, SPARE)
        left = taken.document(LinkedCards)
        said = decide(restore_card, RESTORE, card=taken.document(Card), linked=left, context=by(OPERATOR))

        assert said.document(Card) == before
        assert said.document(LinkedCards).card_numbers == (OTHER, NUMBER)
        assert said.events == [CardRestored(card_number=NUMBER, member_id=ANA, state=state, stopped_at=blocked_at)]

    @pytest.mark.parametrize("state", [each for each in CardState if each is not CardState.DELETED])
    def test_is_refused_for_a_card_that_is_not_deleted(self, state: CardState) -> None:
        with refused("card_not_deleted", state=state.value):
            decide(restore_card, RESTORE, card=gone(state=state), linked=BOTH, context=by(OPERATOR))

    def test_is_refused_when_the_member_has_as_many_cards_as_they_may(self) -> None:
        full = LinkedCards(id=ANA, card_numbers=(OTHER, "378282246310005"))
        with refused("too_many_cards"):
            decide(restore_card, RESTORE, card=gone(), linked=full, context=by(OPERATOR))

    def test_is_refused_for_a_card_that_is_nobody_s(self) -> None:
        with refused("card_not_linked"):
            decide(restore_card, RESTORE, card=gone(member_id=None), context=by(OPERATOR))

    def test_is_refused_to_who_may_not_restore(self) -> None:
        with refused("actor_not_allowed", actor="pos"):
            decide(restore_card, RESTORE, card=gone(), linked=BOTH, context=by())
