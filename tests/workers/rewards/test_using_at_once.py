"""A coupon or reward is used in a sale that others refund in the same moment: not in one that is over."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from contracts.adjustments import ReturnRewards
from contracts.cards import CardLinked
from contracts.coupons import ReturnCoupons
from contracts.messages import Actor, ActorKind, Command
from contracts.rewards import RedeemReward, RefundLine, UseReward
from runtime.settings import Settings
from runtime.store import Transaction
from tests.decisions import NOON, TILL
from tests.runtime import faults
from tests.runtime.machine import Bench, two
from tests.workers.registration.test_views import keep
from tests.workers.rewards.counter import ISSUED, NUMBER, OTHER, PURCHASE_ID, Shop, coffees, receipt, refund
from tests.workers.rewards.offers import issue, offer_shop, use
from workers.rewards.documents import Reward
from workers.rewards.worker import worker

CLOCK = Actor(kind=ActorKind.SYSTEM, id="clock")
WHOLE = RefundLine(line=1, quantity=2, price_minor=700)


@asynccontextmanager
async def meeting(settings: Settings, shop: Shop, *meanwhile: tuple[Command, Actor]) -> AsyncIterator[Bench]:
    """A process in the state of a shop; while it decides, another does all this."""
    async with two(settings, worker, lambda: NOON, shop.programme) as (desk, other):
        await keep(desk.store, *(each for kind in worker.documents.values() for each in shop.all(kind)))

        async def act(_: Transaction) -> None:
            for number, (command, actor) in enumerate(meanwhile):
                assert await other.ask(f"meanwhile-{number}", command, actor) == ("done", None)

        faults.interfere(desk.store, act)
        yield desk


class TestUseCoupon:
    async def test_in_a_sale_that_is_refunded_meanwhile_is_refused(self, settings: Settings) -> None:
        shop = offer_shop()
        code = issue(shop)
        shop.say(receipt(coffees(2)))
        returned = ReturnCoupons(purchase_id=PURCHASE_ID)
        async with meeting(settings, shop, (refund(WHOLE), TILL), (returned, CLOCK)) as desk:
            assert await desk.ask("used", use(code)) == ("refused", "purchase_already_refunded")


class TestUseReward:
    async def test_in_a_sale_of_another_account_that_comes_and_is_refunded_meanwhile_is_refused(
        self, settings: Settings
    ) -> None:
        shop = offer_shop()
        shop.say(ISSUED.model_copy(update={"card_number": OTHER}))
        shop.say(CardLinked(card_number=OTHER, member_id="ben", category="normal"))
        shop.say(receipt(coffees(10), receipt_number="16"))
        shop.say(RedeemReward(card_number=NUMBER, reward="coffee"))
        use_it = UseReward(card_number=NUMBER, reward_id=shop.only(Reward).id, purchase_id=PURCHASE_ID)
        sold, back = receipt(coffees(2), card_number=OTHER), refund(WHOLE, card_number=OTHER)
        returned = ReturnRewards(purchase_id=PURCHASE_ID)
        async with meeting(settings, shop, (sold, TILL), (back, TILL), (returned, CLOCK)) as desk:
            assert await desk.ask("used", use_it) == ("refused", "purchase_of_another_card")
