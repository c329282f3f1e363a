"""A card is settled while its holder is unblocked: whichever of two processes is second sees what the first did."""

from datetime import datetime

import pytest

from contracts.cards import CardState, SettleCard
from contracts.member_life import MemberBlocked, MemberUnblocked
from contracts.messages import Actor, ActorKind, Event
from runtime.settings import Settings
from runtime.store import Transaction
from tests.decisions import NOON
from tests.runtime import faults
from tests.runtime.machine import two
from tests.workers.cards.deck import ANA, NUMBER, card
from tests.workers.registration.test_views import keep
from workers.cards.documents import Card, LinkedCards
from workers.cards.worker import worker

CLOCK = Actor(kind=ActorKind.SYSTEM, id="clock")
BLOCKED = MemberBlocked(member_id=ANA, reason="abuse", blocked_at=NOON)
UNBLOCKED = MemberUnblocked(member_id=ANA, reason="cleared")


class TestSettleCard:
    @pytest.mark.parametrize(("before", "news", "after"), [(NOON, UNBLOCKED, None), (None, BLOCKED, NOON)])
    async def test_makes_the_card_as_its_holder_is_whoever_is_second(
        self, settings: Settings, before: datetime | None, news: Event, after: datetime | None
    ) -> None:
        async with two(settings, worker) as (desk, other):
            linked = LinkedCards(id=ANA, card_numbers=(NUMBER,), blocked_at=before, member_news=2)
            await keep(desk.store, card(CardState.ACTIVE, ANA, suspended_at=after), linked)

            async def meanwhile(_: Transaction) -> None:
                assert await other.ask("news", news) == ("done", None)

            faults.interfere(desk.store, meanwhile)
            assert await desk.ask("settled", SettleCard(card_number=NUMBER), CLOCK) == ("done", None)
            kept = await desk.store.reader.get(Card, NUMBER)
            assert kept is not None
            assert kept.suspended_at == after
