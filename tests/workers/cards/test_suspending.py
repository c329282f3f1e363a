"""What a block of a member means for their cards: none works meanwhile, and each keeps the state that it has."""

from typing import Any

import pytest

from contracts.cards import (
    CardResumed,
    CardState,
    CardSuspended,
    DeleteCard,
    IssueVirtualCard,
    LinkCard,
    ReplaceCard,
    RestoreCard,
    SettleCard,
)
from contracts.member_life import MemberBlocked, MemberUnblocked
from contracts.values import luhn_digit
from tests.decisions import NOON, Told, context, decide
from tests.workers.cards.deck import ANA, NUMBER, OPERATOR, OTHER, PROGRAMME, by, card, registered
from workers.cards.deleting import delete_card, restore_card
from workers.cards.documents import Card, LinkedCards
from workers.cards.linking import know_member, link_card
from workers.cards.replacing import replace_card
from workers.cards.suspending import resume_cards, settle_card, suspend_cards
from workers.cards.virtual import issue_virtual_card

BLOCKED = MemberBlocked(member_id=ANA, reason="abuse", blocked_at=NOON)
UNBLOCKED = MemberUnblocked(member_id=ANA, reason="cleared")
VIRTUAL = "978000000000000" + luhn_digit("978000000000000")


def held(*numbers: str, **changes: Any) -> LinkedCards:
    return LinkedCards(id=ANA, card_numbers=numbers, **changes)


def heard(version: int) -> Any:
    return context(PROGRAMME, actor=OPERATOR, version=version)


class TestMemberBlocked:
    def test_suspends_every_card_in_use_whatever_its_state(self) -> None:
        mine = (card(CardState.ACTIVE, ANA), card(CardState.BLOCKED, ANA, id=OTHER))
        said = decide(suspend_cards, BLOCKED, linked=held(NUMBER, OTHER), cards=mine, context=heard(2))

        assert said.all(Card) == [each.evolve(suspended_at=NOON) for each in mine]
        assert said.events == [
            CardSuspended(card_number=each.number, member_id=ANA, suspended_at=NOON) for each in mine
        ]
        assert said.document(LinkedCards) == held(NUMBER, OTHER, blocked_at=NOON, member_news=2)

    def test_is_remembered_of_a_member_without_cards_or_not_heard_of_yet(self) -> None:
        said = decide(suspend_cards, BLOCKED, linked=held(), cards=(), context=heard(2))
        assert said.document(LinkedCards).blocked_at == NOON

        said = decide(suspend_cards, BLOCKED, cards=(), context=heard(2))
        assert said.documents == [held(blocked_at=NOON, member_news=2)]

    def test_changes_nothing_when_it_is_older_news(self) -> None:
        newer = held(NUMBER, member_news=3)
        said = decide(suspend_cards, BLOCKED, linked=newer, cards=(card(CardState.ACTIVE, ANA),), context=heard(2))
        assert (said.documents, said.events) == ([], [])


class TestMemberUnblocked:
    def test_lets_every_card_be_what_it_is(self) -> None:
        mine = (card(CardState.ACTIVE, ANA, suspended_at=NOON), card(CardState.BLOCKED, ANA, id=OTHER))
        linked = held(NUMBER, OTHER, blocked_at=NOON, member_news=2)
        said = decide(resume_cards, UNBLOCKED, linked=linked, cards=mine, context=heard(3))

        assert said.all(Card) == [card(CardState.ACTIVE, ANA)]
        assert said.events == [CardResumed(card_number=NUMBER, member_id=ANA)]
        assert said.document(LinkedCards) == held(NUMBER, OTHER, member_news=3)

    def test_before_the_block_it_ends_leaves_nothing_blocked(self) -> None:
        early = decide(resume_cards, UNBLOCKED, linked=held(NUMBER), cards=(), context=heard(3))
        late = decide(
            suspend_cards, BLOCKED, linked=early.document(LinkedCards), cards=(card(CardState.ACTIVE, ANA),),
            context=heard(2),
        )  # fmt: skip
        assert late.documents == []


class TestCardThatComesToABlockedMember:
    """By whatever way: it is settled next."""

    def test_by_registration(self) -> None:
        linked = held(blocked_at=NOON, member_news=2)
        said = decide(know_member, registered(), card=card(), linked=linked, context=by(OPERATOR))
        assert said.commands == [SettleCard(card_number=NUMBER)]

    def test_by_a_link(self) -> None:
        said = self.linked(held(blocked_at=NOON))
        assert said.commands == [SettleCard(card_number=NUMBER)]
        assert said.document(LinkedCards).blocked_at == NOON
        assert self.linked(held()).commands == []

    def test_by_a_virtual_card(self) -> None:
        linked = held(blocked_at=NOON, drawn=(VIRTUAL,))
        command = IssueVirtualCard(member_id=ANA)
        said = decide(issue_virtual_card, command, linked=linked, taken=(), context=by(OPERATOR))
        assert said.commands == [SettleCard(card_number=VIRTUAL)]

    def test_by_a_replacement(self) -> None:
        said = decide(
            replace_card,
            ReplaceCard(card_number=NUMBER, new_card_number=OTHER),
            card=card(CardState.BLOCKED, ANA, suspended_at=NOON),
            replacement=card(id=OTHER),
            linked=held(NUMBER, blocked_at=NOON),
            context=by(OPERATOR),
        )
        assert said.commands == [SettleCard(card_number=OTHER)]

    def test_by_being_restored(self) -> None:
        gone = card(CardState.DELETED, ANA, deleted_from=CardState.ACTIVE)
        assert self.restored(gone, held(blocked_at=NOON)).commands == [SettleCard(card_number=NUMBER)]
        assert self.restored(gone, held()).commands == []

    def test_is_let_work_when_the_member_was_unblocked_while_it_was_deleted(self) -> None:
        suspended = card(CardState.ACTIVE, ANA, suspended_at=NOON)
        linked = held(NUMBER, OTHER, blocked_at=NOON)
        other = card(CardState.ACTIVE, ANA, id=OTHER)
        gone = decide(
            delete_card, DeleteCard(card_number=NUMBER), card=suspended, linked=linked, in_use=(suspended, other),
            context=by(OPERATOR),
        )  # fmt: skip
        assert self.restored(gone.document(Card), held(OTHER)).commands == [SettleCard(card_number=NUMBER)]

    def linked(self, linked: LinkedCards) -> Told:
        command = LinkCard(card_number=NUMBER, member_id=ANA)
        return decide(link_card, command, card=card(), linked=linked, context=by(OPERATOR))

    def restored(self, gone: Card, linked: LinkedCards) -> Told:
        return decide(restore_card, RestoreCard(card_number=NUMBER), card=gone, linked=linked, context=by(OPERATOR))


class TestSettleCard:
    @pytest.mark.parametrize(("before", "now"), [(None, NOON), (NOON, None)])
    def test_makes_the_card_as_its_holder_is(self, before: Any, now: Any) -> None:
        said = self.settled(card(CardState.ACTIVE, ANA, suspended_at=before), held(NUMBER, blocked_at=now))

        assert said.document(Card).suspended_at == now
        assert [type(each) for each in said.events] == [CardResumed if now is None else CardSuspended]

    def test_changes_nothing_where_it_is_so(self) -> None:
        assert self.settled(card(CardState.ACTIVE, ANA), held(NUMBER)).documents == []
        assert self.settled(card(), None).documents == []

    def settled(self, mine: Card, linked: LinkedCards | None) -> Told:
        return decide(settle_card, SettleCard(card_number=NUMBER), card=mine, linked=linked)
