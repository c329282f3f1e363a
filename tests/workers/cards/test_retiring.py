"""What becomes of the cards of a member who is removed."""

from typing import Any

from contracts.cards import CardLinkRefused, CardRetired, CardState, IssueVirtualCard, LinkCard
from contracts.merging import MembersMerged
from contracts.removal import MemberRemoved
from tests.decisions import NOON, decide, refused
from tests.workers.cards.deck import ANA, BEN, MORNING, NUMBER, OPERATOR, OTHER, by, card, registered
from workers.cards.documents import Card, LinkedCards
from workers.cards.linking import know_member, link_card
from workers.cards.merging import hand_over_cards
from workers.cards.retiring import retire_cards
from workers.cards.virtual import issue_virtual_card

REMOVED = MemberRemoved(member_id=ANA, absorbed_ids=(), former_ids=(), reason="on_request", removed_at=NOON)
GONE = LinkedCards(id=ANA, card_numbers=(), is_removed=True)


def retire(*cards: Card, former: tuple[Card, ...] = ()) -> Any:
    linked = LinkedCards(
        id=ANA, card_numbers=tuple(each.id for each in cards), former=tuple(each.id for each in former), drawn=("1",)
    )
    return decide(retire_cards, REMOVED, linked=linked, cards=cards, former=former, context=by(OPERATOR))


class TestMemberRemoved:
    def test_takes_every_card_out_of_use_and_says_no_more_whose_it_was(self) -> None:
        blocked = card(CardState.BLOCKED, ANA, id=OTHER, blocked_at=MORNING)
        said = retire(card(CardState.ACTIVE, ANA, suspended_at=MORNING), former=(blocked,))

        assert [(each.state, each.member_id, each.suspended_at) for each in said.all(Card)] == [
            (CardState.DELETED, None, None)
        ] * 2
        assert all(each.is_retired for each in said.all(Card))
        assert said.document(LinkedCards) == GONE
        assert said.events == [
            CardRetired(card_number=NUMBER, state=CardState.DELETED, stopped_at=NOON),
            CardRetired(card_number=OTHER, state=CardState.DELETED, stopped_at=MORNING),
        ]

    def test_leaves_a_replaced_card_what_it_is(self) -> None:
        said = retire(former=(card(CardState.REPLACED, ANA, replaced_at=MORNING, replaced_by=OTHER),))
        assert said.document(Card).state is CardState.REPLACED
        assert said.document(Card).is_retired
        assert said.events == [CardRetired(card_number=NUMBER, state=CardState.REPLACED, stopped_at=MORNING)]

    def test_is_remembered_of_a_member_who_is_not_heard_of_yet(self) -> None:
        said = decide(retire_cards, REMOVED, cards=(), former=(), context=by(OPERATOR))
        assert said.documents == [GONE]


class TestIsRetired:
    def test_is_no_card_that_is_only_blocked_replaced_or_deleted(self) -> None:
        deleted = {"deleted_at": NOON, "deleted_from": CardState.BLOCKED}
        for each in (
            card(),
            card(CardState.BLOCKED, ANA, blocked_at=MORNING),
            card(CardState.REPLACED, ANA, replaced_at=MORNING, replaced_by=OTHER),
            card(CardState.DELETED, ANA, **deleted),
            card(CardState.DELETED, None, **deleted),
        ):
            assert not each.is_retired


class TestAfterwards:
    def test_a_late_registration_sets_its_card_free(self) -> None:
        said = decide(know_member, registered(), card=card(), linked=GONE, context=by())
        assert said.events == [CardLinkRefused(card_number=NUMBER, member_id=ANA, code="unknown_member")]
        assert said.all(Card) == []

    def test_nobody_gives_them_a_card(self) -> None:
        with refused("unknown_member"):
            command = LinkCard(card_number=NUMBER, member_id=ANA)
            decide(link_card, command, card=card(), linked=GONE, context=by(OPERATOR))
        with refused("unknown_member"):
            decide(issue_virtual_card, IssueVirtualCard(member_id=ANA), linked=GONE, taken=(), context=by(OPERATOR))

    def test_cards_that_come_late_by_a_merge_go_too(self) -> None:
        merged = MembersMerged(member_id=ANA, absorbed_id=BEN, merge_id="m", is_confirmed=True, merged_at=NOON)
        bens = LinkedCards(id=BEN, card_numbers=(NUMBER,))
        said = decide(
            hand_over_cards,
            merged,
            left=bens,
            held=GONE,
            earlier=(),
            cards=(card(CardState.ACTIVE, BEN),),
            former=(),
            own=(),
            context=by(OPERATOR),
        )
        assert said.document(Card).member_id is None
        assert said.events == [CardRetired(card_number=NUMBER, state=CardState.DELETED, stopped_at=NOON)]
        assert {each.id: each.is_removed for each in said.all(LinkedCards)} == {ANA: True, BEN: False}
