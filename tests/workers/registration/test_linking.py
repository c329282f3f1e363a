"""What registration learns about cards, and what becomes of the cards that members gave."""

from contracts.cards import (
    CardBlocked,
    CardDeleted,
    CardIssued,
    CardKind,
    CardLinked,
    CardLinkRefused,
    CardReplaced,
    CardRestored,
    CardState,
    CardUnblocked,
    VirtualCardIssued,
)
from contracts.registration import MemberCardRefused
from tests.decisions import NOON, decide
from tests.workers.registration.people import ANA, BEN, NUMBER, at, known, member
from workers.registration.documents import KnownCard, Member, RefusedCard
from workers.registration.linking import (
    give_card,
    give_virtual_card,
    know_card,
    note_block,
    note_deletion,
    note_replacement,
    note_restoration,
    note_unblock,
    release_card,
)

ISSUED = CardIssued(card_number=NUMBER, kind=CardKind.PHYSICAL, category="normal")
LINKED = CardLinked(card_number=NUMBER, member_id=ANA, category="normal")
NOT_LINKED = CardLinkRefused(card_number=NUMBER, member_id=ANA, code="too_many_cards")


class TestCardIssued:
    def test_makes_the_card_known(self) -> None:
        assert decide(know_card, ISSUED).document(KnownCard) == known()

    def test_takes_nothing_back_when_more_is_known(self) -> None:
        assert decide(know_card, ISSUED, card=known(CardState.ACTIVE, member_id=ANA)).documents == []


class TestCardLinked:
    def test_makes_the_card_the_member_s(self) -> None:
        said = decide(give_card, LINKED, card=known(claimed_by=ANA), member=member())

        assert said.document(KnownCard) == known(CardState.ACTIVE, member_id=ANA)
        assert said.document(Member).card_numbers == (NUMBER,)

    def test_adds_to_the_cards_that_they_have_once(self) -> None:
        said = decide(give_card, LINKED, card=known(), member=member(card_numbers=("1",)))
        assert said.document(Member).card_numbers == ("1", NUMBER)

        said = decide(give_card, LINKED, card=known(), member=member(card_numbers=(NUMBER,)))
        assert said.all(Member) == []

    def test_is_noted_for_a_member_that_is_gone(self) -> None:
        said = decide(give_card, LINKED)

        assert said.documents == [known(CardState.ACTIVE, member_id=ANA)]


class TestCardLinkRefused:
    def test_leaves_the_member_and_says_that_the_card_is_not_theirs(self) -> None:
        said = decide(release_card, NOT_LINKED, card=known(claimed_by=ANA), member=member(), context=at())

        refusal = RefusedCard(card_number=NUMBER, code="too_many_cards", refused_at=NOON)
        assert said.document(Member) == member(refused_cards=(refusal,))
        assert said.events == [MemberCardRefused(member_id=ANA, card_number=NUMBER, code="too_many_cards")]

    def test_releases_the_claim(self) -> None:
        said = decide(release_card, NOT_LINKED, card=known(claimed_by=ANA), member=member(), context=at())

        assert said.document(KnownCard) == known()

    def test_leaves_the_claim_of_somebody_else(self) -> None:
        said = decide(release_card, NOT_LINKED, card=known(claimed_by=BEN), member=member(), context=at())

        assert said.all(KnownCard) == []

    def test_says_nothing_of_a_member_that_is_gone(self) -> None:
        said = decide(release_card, NOT_LINKED, context=at())

        assert (said.documents, said.events) == ([], [])


class TestCardBlocked:
    def test_is_known(self) -> None:
        event = CardBlocked(card_number=NUMBER, member_id=ANA, reason="lost")
        kept = known(CardState.BLOCKED, member_id=ANA)

        assert decide(note_block, event, card=known(CardState.ACTIVE, member_id=ANA)).documents == [kept]
        assert decide(note_block, event).documents == [kept]


class TestOldNews:
    def test_change_nothing(self) -> None:
        lost = CardBlocked(card_number=NUMBER, member_id=ANA, reason="lost")
        blocked = decide(note_block, lost, context=at(version=3)).document(KnownCard)

        late = decide(give_card, LINKED, card=blocked, context=at(version=2)).document(KnownCard)
        assert (late.state, late.member_id) == (CardState.BLOCKED, ANA)
        found = CardUnblocked(card_number=NUMBER, member_id=ANA, reason="found")
        assert (
            decide(note_unblock, found, card=late, context=at(version=4)).document(KnownCard).state is CardState.ACTIVE
        )


class TestCardUnblocked:
    def test_is_known(self) -> None:
        event = CardUnblocked(card_number=NUMBER, member_id=ANA, reason="found")
        kept = known(CardState.ACTIVE, member_id=ANA)

        assert decide(note_unblock, event, card=known(CardState.BLOCKED, member_id=ANA)).documents == [kept]
        assert decide(note_unblock, event).documents == [kept]


class TestCardReplaced:
    def test_is_known_and_stays_the_member_s(self) -> None:
        event = CardReplaced(
            card_number=NUMBER,
            member_id=ANA,
            new_card_number="5500005555555559",
            first_card_number=NUMBER,
            stopped_at=NOON,
        )
        kept = known(CardState.REPLACED, member_id=ANA)

        assert decide(note_replacement, event, card=known(CardState.BLOCKED, member_id=ANA)).documents == [kept]
        assert decide(note_replacement, event).documents == [kept]


class TestCardDeletedAndRestored:
    def test_are_known_in_whatever_order(self) -> None:
        deleted = CardDeleted(card_number=NUMBER, member_id=ANA, stopped_at=NOON)
        restored = CardRestored(card_number=NUMBER, member_id=ANA, state=CardState.BLOCKED, stopped_at=NOON)

        gone = decide(note_deletion, deleted, context=at(version=3)).document(KnownCard)
        assert (gone.state, gone.member_id) == (CardState.DELETED, ANA)
        back = decide(note_restoration, restored, card=gone, context=at(version=4)).document(KnownCard)
        assert back.state is CardState.BLOCKED
        assert decide(note_deletion, deleted, card=back, context=at(version=3)).document(KnownCard) == back
        assert decide(note_restoration, restored).document(KnownCard) == known(CardState.BLOCKED, member_id=ANA)


class TestVirtualCardIssued:
    def test_makes_the_card_the_member_s(self) -> None:
        event = VirtualCardIssued(card_number=NUMBER, member_id=ANA, category="normal")
        said = decide(give_virtual_card, event, member=member(card_numbers=("1",)), context=at(version=1))

        assert said.document(KnownCard).member_id == ANA
        assert said.document(KnownCard).state is CardState.ACTIVE
        assert said.document(Member).card_numbers == ("1", NUMBER)
        assert decide(give_virtual_card, event, member=member(card_numbers=(NUMBER,))).all(Member) == []
