"""What becomes of the cards of members who became one: they are the survivor's, in use and out of use, and go on."""

from typing import Any

from contracts.cards import (
    BlockCard,
    CardLinked,
    CardLinkRefused,
    CardMerged,
    CardRestored,
    CardState,
    DeleteCard,
    IssueCard,
    IssueVirtualCard,
    LinkCard,
    ReplaceCard,
    RestoreCard,
    UnblockCard,
    VirtualCardIssued,
)
from contracts.merging import MembersMerged
from tests.decisions import NOON, decide
from tests.workers.cards.deck import ANA, BEN, NUMBER, OTHER, PROGRAMME, by, card, registered
from tests.workers.town import OPERATOR, Town
from workers.cards.documents import Card, LinkedCards
from workers.cards.linking import know_member
from workers.cards.merging import hand_over_cards

CID = "cid"
THIRD, FOURTH, FIFTH = "378282246310005", "6011111111111117", "4000000000000002"


def merged(member_id: str = BEN, absorbed_id: str = ANA) -> MembersMerged:
    return MembersMerged(member_id=member_id, absorbed_id=absorbed_id, merge_id="m", is_confirmed=True, merged_at=NOON)


def anas(*numbers: str, **changes: Any) -> LinkedCards:
    return LinkedCards(id=ANA, card_numbers=numbers, **changes)


def bens(*numbers: str, **changes: Any) -> LinkedCards:
    return LinkedCards(id=BEN, card_numbers=numbers, **changes)


def hers(number: str = NUMBER, state: CardState = CardState.ACTIVE) -> Card:
    return card(state, ANA, id=number)


class TestMembersMerged:
    def test_makes_the_cards_the_survivor_s_and_lets_them_collect_together(self) -> None:
        said = decide(
            hand_over_cards,
            merged(),
            left=anas(NUMBER),
            held=bens(OTHER),
            cards=(hers(),),
            former=(),
            own=(card(CardState.ACTIVE, BEN, id=OTHER),),
            earlier=(),
        )

        stays, gone = said.all(LinkedCards)
        assert (stays.card_numbers, stays.absorbed, stays.pool_number) == ((OTHER, NUMBER), (ANA,), OTHER)
        assert (gone.card_numbers, gone.merged_into) == ((), BEN)
        assert said.events == [
            CardMerged(card_number=NUMBER, member_id=BEN, from_member_id=ANA, state=CardState.ACTIVE, pool_number=OTHER)
        ]

    def test_lets_the_survivor_s_own_cards_collect_together_too(self) -> None:
        own = tuple(card(CardState.ACTIVE, BEN, id=each) for each in (OTHER, THIRD))
        said = decide(
            hand_over_cards, merged(), left=None, held=bens(OTHER, THIRD), cards=(), former=(), own=own, earlier=()
        )

        (told,) = said.events
        assert isinstance(told, CardMerged)
        assert (told.card_number, told.member_id, told.from_member_id, told.pool_number) == (THIRD, BEN, BEN, OTHER)

    def test_takes_along_what_is_out_of_use_without_what_it_collected(self) -> None:
        gone = hers(state=CardState.DELETED)
        said = decide(
            hand_over_cards,
            merged(),
            left=anas(former=(NUMBER,)),
            held=bens(OTHER),
            cards=(),
            former=(gone,),
            own=(card(CardState.ACTIVE, BEN, id=OTHER),),
            earlier=(),
        )

        assert said.all(LinkedCards)[0].former == (NUMBER,)
        (told,) = said.events
        assert isinstance(told, CardMerged)
        assert (told.member_id, told.state, told.pool_number) == (BEN, CardState.DELETED, None)

    def test_collects_with_the_absorbed_one_s_card_where_the_survivor_has_none(self) -> None:
        said = decide(
            hand_over_cards,
            merged(),
            left=anas(NUMBER, THIRD, pool_number=THIRD),
            held=bens(),
            cards=(hers(), hers(THIRD)),
            former=(),
            own=(),
            earlier=(),
        )
        assert said.all(LinkedCards)[0].pool_number == THIRD
        assert {each.pool_number for each in said.events if isinstance(each, CardMerged)} == {THIRD}

    def test_is_noted_for_members_who_are_not_heard_of_yet(self) -> None:
        said = decide(hand_over_cards, merged(), cards=(), former=(), own=(), earlier=())

        assert said.events == []
        assert [(each.id, each.merged_into, each.absorbed) for each in said.all(LinkedCards)] == [
            (BEN, None, (ANA,)),
            (ANA, BEN, ()),
        ]

    def test_turns_round_whom_the_absorbed_one_had_absorbed(self) -> None:
        cid = LinkedCards(id=CID, card_numbers=(), merged_into=ANA)
        said = decide(
            hand_over_cards,
            merged(),
            left=anas(absorbed=(CID,)),
            held=bens(),
            cards=(),
            former=(),
            own=(),
            earlier=(cid,),
        )

        by_id = {each.id: each for each in said.all(LinkedCards)}
        assert (by_id[CID].merged_into, by_id[BEN].absorbed) == (BEN, (ANA, CID))

    def test_changes_nothing_of_one_who_was_absorbed(self) -> None:
        said = decide(
            hand_over_cards,
            merged(),
            left=anas(merged_into=CID),
            held=bens(),
            cards=(),
            former=(),
            own=(),
            earlier=(),
        )
        assert (said.documents, said.events) == ([], [])


class TestALateRegistration:
    def test_gives_its_card_to_the_survivor_even_beyond_the_limit(self) -> None:
        full = bens(OTHER, THIRD, absorbed=(ANA,), pool_number=OTHER)
        assert len(full.card_numbers) == PROGRAMME.cards.max_linked_cards
        said = decide(know_member, registered(), card=card(), linked=full, context=by())

        assert said.events == [CardLinked(card_number=NUMBER, member_id=BEN, category="normal", pool_number=OTHER)]
        assert said.document(LinkedCards).card_numbers == (OTHER, THIRD, NUMBER)

    def test_of_the_survivor_gives_them_theirs_beside_what_came_before(self) -> None:
        held = anas(OTHER, THIRD, absorbed=(BEN,), pool_number=OTHER)
        said = decide(know_member, registered(), card=card(), linked=held, context=by())
        assert said.document(Card).member_id == ANA

    def test_whose_card_is_gone_releases_it_under_the_name_that_claimed_it(self) -> None:
        said = decide(know_member, registered(), linked=bens(absorbed=(ANA,)), context=by())
        assert said.events == [CardLinkRefused(card_number=NUMBER, member_id=ANA, code="unknown_card")]


def town() -> Town:
    """Ana was absorbed by Ben; each has a card, and Ana a deleted one and one that was replaced."""
    opened = Town(programme=PROGRAMME)
    view = opened.views["cards"]
    documents = (
        anas(merged_into=BEN),
        bens(NUMBER, former=(THIRD,), absorbed=(ANA,), pool_number=NUMBER),
        card(CardState.ACTIVE, BEN),
        card(CardState.DELETED, BEN, id=THIRD, deleted_from=CardState.ACTIVE),
    )
    view.take({(type(each), each.id): each for each in documents}, [])
    return opened


class TestLateCommandsForAnAbsorbedMember:
    def test_give_a_card_to_the_survivor(self) -> None:
        opened = town()
        assert opened.ask(IssueCard(card_number=OTHER)) == "done"
        assert opened.ask(LinkCard(card_number=OTHER, member_id=ANA)) == "done"

        (told,) = opened.events(CardLinked)
        assert (told.member_id, told.pool_number) == (BEN, NUMBER)
        assert opened.all("cards", LinkedCards)[ANA].card_numbers == ()

    def test_make_a_virtual_card_for_the_survivor(self) -> None:
        opened = town()
        assert opened.ask(IssueVirtualCard(member_id=ANA)) == "done"
        while not opened.events(VirtualCardIssued):
            opened.deliver(0)

        (told,) = opened.events(VirtualCardIssued)
        assert (told.member_id, told.pool_number) == (BEN, NUMBER)

    def test_keep_to_the_survivor_s_limit(self) -> None:
        opened = town()
        for number, code in ((OTHER, "done"), (FOURTH, "too_many_cards")):
            assert opened.ask(IssueCard(card_number=number)) == "done"
            assert opened.ask(LinkCard(card_number=number, member_id=ANA)) == code

    def test_restore_a_card_for_the_survivor(self) -> None:
        opened = town()
        assert opened.ask(RestoreCard(card_number=THIRD)) == "done"

        (told,) = opened.events(CardRestored)
        assert (told.member_id, told.pool_number) == (BEN, NUMBER)
        held = opened.all("cards", LinkedCards)[BEN]
        assert (held.card_numbers, held.former) == ((NUMBER, THIRD), ())

    def test_work_with_cards_that_were_the_absorbed_one_s(self) -> None:
        opened = town()
        for command in (
            IssueCard(card_number=FIFTH),
            BlockCard(card_number=NUMBER, reason="lost"),
            UnblockCard(card_number=NUMBER, reason="found"),
            BlockCard(card_number=NUMBER, reason="lost"),
            ReplaceCard(card_number=NUMBER, new_card_number=FIFTH),
            RestoreCard(card_number=THIRD),
            DeleteCard(card_number=THIRD),
        ):
            assert opened.ask(command, OPERATOR) == "done"
        held = opened.all("cards", LinkedCards)[BEN]
        assert (held.card_numbers, sorted(held.former)) == ((FIFTH,), sorted((NUMBER, THIRD)))
