"""A card is settled while its holder is unblocked: whichever of two processes is second sees what the first did."""

from contextlib import AsyncExitStack

from contracts.cards import CardState, SettleCard
from contracts.member_life import MemberBlocked, MemberUnblocked
from contracts.messages import Actor, ActorKind, Message
from contracts.topics import commands_topic, events_topic
from runtime.settings import Settings
from runtime.store import Transaction
from tests.decisions import NOON
from tests.runtime import faults
from tests.runtime.machine import Bench, message, outcomes
from tests.workers.cards.deck import ANA, NUMBER, card
from tests.workers.registration.test_views import keep
from workers.cards.documents import Card, LinkedCards
from workers.cards.worker import worker

CLOCK = Actor(kind=ActorKind.SYSTEM, id="clock")


class Desk(Bench):
    """The cards worker."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings, worker)

    async def hear(self, id: str, said: Message) -> None:
        """Let a message have its outcome: it is done."""
        topic = commands_topic if isinstance(said, SettleCard) else events_topic
        sent = message(self.settings, id, said, topic=topic(self.settings.prefix, said.worker), actor=CLOCK)
        assert outcomes(await self.settle(sent)) in ([], [("done", None)])


class TestSettleCard:
    async def test_while_the_holder_is_unblocked_leaves_a_card_that_works(self, settings: Settings) -> None:
        async with AsyncExitStack() as stack:
            desk, other = [await stack.enter_async_context(Desk(settings)) for _ in range(2)]
            blocked = LinkedCards(id=ANA, card_numbers=(NUMBER,), blocked_at=NOON, member_news=2)
            await keep(desk.store, card(CardState.ACTIVE, ANA), blocked)

            async def unblock(_: Transaction) -> None:
                await other.hear("unblocked", MemberUnblocked(member_id=ANA, reason="cleared"))

            faults.interfere(desk.store, unblock)
            await desk.hear("settled", SettleCard(card_number=NUMBER))
            kept = await desk.store.reader.get(Card, NUMBER)
            assert kept is not None
            assert kept.suspended_at is None

    async def test_while_the_holder_is_blocked_leaves_a_card_that_does_not_work(self, settings: Settings) -> None:
        async with AsyncExitStack() as stack:
            desk, other = [await stack.enter_async_context(Desk(settings)) for _ in range(2)]
            free = LinkedCards(id=ANA, card_numbers=(NUMBER,), member_news=2)
            await keep(desk.store, card(CardState.ACTIVE, ANA, suspended_at=NOON), free)

            async def block(_: Transaction) -> None:
                await other.hear("blocked", MemberBlocked(member_id=ANA, reason="abuse", blocked_at=NOON))

            faults.interfere(desk.store, block)
            await desk.hear("settled", SettleCard(card_number=NUMBER))
            kept = await desk.store.reader.get(Card, NUMBER)
            assert kept is not None
            assert kept.suspended_at is not None
