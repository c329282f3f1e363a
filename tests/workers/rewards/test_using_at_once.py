"""What is done with coupons and rewards while others refund the sale that it is for, or join the account."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from contracts.cards import CardLinked
from contracts.coupons import CouponState, KeepOneCoupon, ResendCoupon, ShareCoupon
from contracts.messages import Actor, ActorKind, Message
from contracts.rewards import RedeemReward, RefundLine, UseReward
from runtime.settings import Settings
from runtime.store import Transaction
from tests.decisions import NOON, TILL
from tests.runtime import faults
from tests.runtime.machine import Bench, two
from tests.workers.registration.test_views import keep
from tests.workers.rewards.counter import (
    ANA,
    APP,
    ISSUED,
    NUMBER,
    OPERATOR,
    OTHER,
    PURCHASE_ID,
    Shop,
    coffees,
    receipt,
    refund,
)
from tests.workers.rewards.offers import DAY, issue, offer_shop, use
from tests.workers.rewards.test_keeping_one import both_answered, cancel
from tests.workers.rewards.test_merging import THIRD, account_of, codes, issued, linked, merged
from tests.workers.rewards.test_pastimes import answer, pastime_shop
from workers.rewards.coupon_documents import Coupon
from workers.rewards.documents import Reward
from workers.rewards.worker import worker

CLOCK = Actor(kind=ActorKind.SYSTEM, id="clock")
WHOLE = RefundLine(line=1, quantity=2, price_minor=700)


@asynccontextmanager
async def meeting(settings: Settings, shop: Shop, *meanwhile: tuple[Message, Actor]) -> AsyncIterator[Bench]:
    """A process in the state of a shop; while it decides, another does all this."""
    async with two(settings, worker, lambda: NOON, shop.programme) as (desk, other):
        await keep(desk.store, *(each for kind in worker.documents.values() for each in shop.all(kind)))

        async def act(_: Transaction) -> None:
            for number, (body, actor) in enumerate(meanwhile):
                assert await other.ask(f"meanwhile-{number}", body, actor) == ("done", None)

        faults.interfere(desk.store, act)
        yield desk


class TestUseCoupon:
    async def test_in_a_sale_that_is_refunded_meanwhile_is_refused(self, settings: Settings) -> None:
        shop = offer_shop()
        code = issue(shop)
        shop.say(receipt(coffees(2)))
        async with meeting(settings, shop, (refund(WHOLE), TILL)) as desk:
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
        async with meeting(settings, shop, (sold, TILL), (back, TILL)) as desk:
            assert await desk.ask("used", use_it) == ("refused", "purchase_of_another_card")


class TestResendCoupon:
    async def test_leaves_one_of_what_is_given_once_where_its_account_is_joined_meanwhile(
        self, settings: Settings
    ) -> None:
        shop, mine, other = both_answered()
        cancel(shop, mine)
        async with meeting(settings, shop, (merged(), CLOCK)) as desk:
            again = ResendCoupon(card_number=NUMBER, coupon_code=mine)
            assert await desk.ask("again", again, OPERATOR) == ("done", None)
            left = [await desk.store.reader.get(Coupon, code) for code in (other, await new_code_of(desk, mine))]
        states = [each.state for each in left if each is not None]
        assert sorted(states) == [CouponState.CANCELLED, CouponState.ISSUED]


class TestKeepOneCoupon:
    async def test_leaves_one_where_another_that_knows_more_lets_a_different_one_stay(self, settings: Settings) -> None:
        shop = pastime_shop()
        (mine,) = codes(shop.say(answer(), APP))
        shop.now += DAY
        (bens,) = codes(shop.say(answer(OTHER), APP))
        shop.say(issued(THIRD))
        shop.say(linked(THIRD, "cid"))
        shop.say(ShareCoupon(card_number=OTHER, coupon_code=bens, to_card_number=THIRD), APP)
        two = KeepOneCoupon(account_id=account_of(shop, NUMBER).id, coupon_codes=(mine, bens))
        joins = merged(THIRD, NUMBER, ANA, from_member_id="cid")
        async with meeting(settings, shop, (joins, CLOCK), (two, CLOCK)) as desk:
            assert await desk.ask("first", two, CLOCK) == ("done", None)
            left = [await desk.store.reader.get(Coupon, code) for code in (mine, bens)]
        assert [each.state for each in left if each is not None] == [CouponState.ISSUED, CouponState.CANCELLED]


async def new_code_of(desk: Bench, code: str) -> str:
    """The code that took another's place."""
    replaced = await desk.store.reader.get(Coupon, code)
    assert replaced is not None
    assert replaced.replaced_by is not None
    return replaced.replaced_by
