"""What others may read about members and cards, out of a real database."""

from collections.abc import AsyncIterator
from datetime import date

import pytest

from contracts.cards import CardState
from contracts.messages import ActorKind
from contracts.registration import Channel
from runtime.documents import Document, View
from runtime.settings import Settings
from runtime.store import Store
from tests.decisions import NOON, decide
from tests.workers.cards import deck
from tests.workers.registration.people import ANA, MORNING, NUMBER, PHONE, at, joining, member
from workers import cards, registration
from workers.cards.views import CardsViews
from workers.registration.documents import Answer, Member, RefusedCard, Registration
from workers.registration.joining import register_member
from workers.registration.views import RegistrationViews

ANSWERS: dict[str, bool | int | str | tuple[str, ...]] = {
    "milk": ("oat", "cow"),
    "cups": 3,
    "children": False,
    "drink": "tea",
    "wedding": "2020-02-29",
}


async def keep(store: Store, *documents: Document) -> None:
    """Write documents as a batch would."""
    view = View()
    view.take({(type(each), each.id): each for each in documents}, [])
    async with store.transaction() as transaction:
        await transaction.commit(view, [])


@pytest.fixture
async def members(settings: Settings) -> AsyncIterator[Store]:
    store = Store(settings, "registration", registration.worker.documents.values())
    await store.open()
    yield store
    store.close()


@pytest.fixture
async def deck_of_cards(settings: Settings) -> AsyncIterator[Store]:
    store = Store(settings, "cards", cards.worker.documents.values())
    await store.open()
    yield store
    store.close()


class TestRegistrationViews:
    async def test_find_a_member_whole(self, members: Store) -> None:
        views = RegistrationViews(members.reader)
        ana = member(
            born_on=date(2000, 2, 29),
            card_numbers=("5500005555555559", NUMBER),
            refused_cards=(RefusedCard(card_number=NUMBER, code="too_many_cards", refused_at=NOON),),
            answers=tuple(
                Answer(question=code, value=value, answered_at=NOON, answered_by=ActorKind.APP)
                for code, value in ANSWERS.items()
            ),
        )
        await keep(members, ana)

        assert await views.member(ANA) == ana
        assert await views.member_by_phone(PHONE) == ana
        assert await views.member_by_card(NUMBER) == ana

    async def test_find_nobody_where_there_is_nobody(self, members: Store) -> None:
        views = RegistrationViews(members.reader)

        assert await views.member(ANA) is None
        assert await views.member_by_phone(PHONE) is None
        assert await views.member_by_card(NUMBER) is None


class TestRegistration:
    async def test_comes_back_from_the_database_as_it_went(self, members: Store) -> None:
        command = joining(Channel.MOBILE_APP, card_number=None, born_on=date(2000, 2, 29), answers=ANSWERS)
        kept = decide(register_member, command, context=at(Channel.MOBILE_APP)).document(Registration)
        await keep(members, kept)

        assert await members.reader.get(Registration, kept.id) == kept
        assert await members.reader.get(Member, kept.id) is None


class TestCardsViews:
    async def test_find_a_card_and_a_member_s_cards_in_order(self, deck_of_cards: Store) -> None:
        views = CardsViews(deck_of_cards.reader)
        later = deck.card(CardState.ACTIVE, ANA, linked_at=NOON)
        first = deck.card(CardState.BLOCKED, ANA, id=deck.OTHER, linked_at=MORNING, block_reason="lost")
        stranger = deck.card(id="378282246310005")
        await keep(deck_of_cards, later, first, stranger)

        assert await views.card(NUMBER) == later
        assert await views.card("4222222222222") is None
        assert await views.cards_of(ANA) == [first, later]
        assert await views.cards_of("nobody") == []
