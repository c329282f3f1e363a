"""A coupon is used in a sale that other processes refund in the same moment: it isn't used in a sale that is over."""

from contextlib import AsyncExitStack

from contracts.coupons import ReturnCoupons
from contracts.messages import Actor, ActorKind, Command
from contracts.rewards import RefundLine
from contracts.topics import commands_topic
from runtime.batch import Batches
from runtime.settings import Settings
from runtime.store import Transaction
from tests.decisions import NOON, TILL
from tests.runtime import faults
from tests.runtime.machine import Bench, message, outcomes
from tests.workers.registration.test_views import keep
from tests.workers.rewards.counter import PURCHASE_ID, Shop, coffees, receipt, refund
from tests.workers.rewards.offers import issue, offer_shop, use
from workers.rewards.worker import worker

CLOCK = Actor(kind=ActorKind.SYSTEM, id="clock")


class Desk(Bench):
    """Rewards, in the state of a shop in memory."""

    def __init__(self, settings: Settings, shop: Shop) -> None:
        super().__init__(settings, worker)
        self.batches = Batches(worker, shop.programme, self.store, settings, self.telemetry, lambda: NOON)

    async def ask(self, id: str, command: Command, actor: Actor = TILL) -> tuple[str, str | None]:
        """What a command comes to."""
        topic = commands_topic(self.settings.prefix, worker.name)
        sent = message(self.settings, id, command, time=NOON, topic=topic, actor=actor)
        ((outcome, code),) = outcomes(await self.settle(sent))
        return outcome, code


class TestUseCoupon:
    async def test_in_a_sale_that_is_refunded_meanwhile_is_refused(self, settings: Settings) -> None:
        shop = offer_shop()
        code = issue(shop)
        shop.say(receipt(coffees(2)))
        async with AsyncExitStack() as stack:
            desk, other = [await stack.enter_async_context(Desk(settings, shop)) for _ in range(2)]
            await keep(desk.store, *(each for kind in worker.documents.values() for each in shop.all(kind)))

            async def give_back(_: Transaction) -> None:
                whole = refund(RefundLine(line=1, quantity=2, price_minor=700))
                assert await other.ask("refunded", whole) == ("done", None)
                returned = ReturnCoupons(purchase_id=PURCHASE_ID)
                assert await other.ask("returned", returned, CLOCK) == ("done", None)

            faults.interfere(desk.store, give_back)
            assert await desk.ask("used", use(code)) == ("refused", "purchase_already_refunded")
