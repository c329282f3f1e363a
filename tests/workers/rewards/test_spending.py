"""Spending waits after a change of phone or email, on every card of the member, in whatever order the news come."""

from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest

from contracts.cards import CardIssued, CardKind, CardLinked, CardReplaced
from contracts.coupons import ReserveCoupon, ShareCoupon
from contracts.messages import Command, Event
from contracts.profiles import EmailChanged, PhoneChanged
from contracts.rewards import RedeemReward, UseReward
from contracts.spending import HoldSpending, SpendingHeld
from tests.decisions import NOON, TILL, decide, refused
from tests.workers.rewards.counter import (
    ANA,
    APP,
    ISSUED,
    NUMBER,
    OTHER,
    Shop,
    account,
    by,
    card,
    coffees,
    holding,
    receipt,
)
from tests.workers.rewards.offers import issue, offer_shop, use
from tests.workers.rewards.office import THIRD
from workers.rewards.documents import Card
from workers.rewards.redemption import redeem_reward
from workers.rewards.spending import hold_after_new_email, hold_after_new_phone, hold_spending

LATER = NOON + timedelta(hours=72)
LINKED = CardLinked(card_number=NUMBER, member_id=ANA, category="normal")
MOVED = PhoneChanged(
    member_id=ANA,
    card_numbers=(NUMBER,),
    spends_at=LATER,
    phone="+4915112345679",
    earlier_phone="+4915112345678",
    first_name=None,
    language="en",
)
REPLACED = CardReplaced(
    card_number=NUMBER,
    member_id=ANA,
    new_card_number=OTHER,
    first_card_number=NUMBER,
    stopped_at=NOON,
)


class TestContactChanged:
    def test_holds_every_card_of_the_member(self) -> None:
        event = MOVED.model_copy(update={"card_numbers": (NUMBER, OTHER)})
        assert decide(hold_after_new_phone, event).commands == [
            HoldSpending(card_number=number, spends_at=LATER) for number in (NUMBER, OTHER)
        ]
        mailed = EmailChanged(member_id=ANA, card_numbers=(OTHER,), spends_at=LATER, email="ana@example.com")
        assert decide(hold_after_new_email, mailed).commands == [HoldSpending(card_number=OTHER, spends_at=LATER)]

    def test_holds_nothing_where_the_old_address_agreed(self) -> None:
        assert decide(hold_after_new_phone, MOVED.model_copy(update={"spends_at": None})).commands == []


class TestHoldSpending:
    holding = HoldSpending(card_number=NUMBER, spends_at=LATER)

    def test_only_ever_makes_the_wait_longer(self) -> None:
        said = decide(hold_spending, self.holding, card=card(spends_at=NOON))
        assert said.document(Card).spends_at == LATER
        assert said.events == [SpendingHeld(card_number=NUMBER, spends_at=LATER)]
        longer = card(spends_at=LATER + timedelta(hours=1))
        assert decide(hold_spending, self.holding, card=longer).documents == []

    def test_follows_a_card_to_the_one_in_its_place(self) -> None:
        said = decide(hold_spending, self.holding, card=card(replaced_by=OTHER))
        assert said.commands == [HoldSpending(card_number=OTHER, spends_at=LATER)]

    def test_is_kept_for_a_card_that_nobody_told_of_yet(self) -> None:
        kept = decide(hold_spending, self.holding).document(Card)
        assert (kept.id, kept.spends_at, kept.is_unheard_of) == (NUMBER, LATER, False)


class TestRedemption:
    def redeemed(self, now: Any = NOON) -> Any:
        held = card(spends_at=LATER)
        stamps = account(holding("stamps", 10))
        command = RedeemReward(card_number=NUMBER, reward="coffee")
        return decide(redeem_reward, command, card=held, account=stamps, context=by(now=now))

    def test_is_refused_while_spending_waits_and_possible_afterwards(self) -> None:
        with refused("spending_waits", spends_at="2026-11-25T12:00:00+00:00"):
            self.redeemed(LATER - timedelta(seconds=1))
        assert self.redeemed(LATER).events

    def test_using_a_reward_waits_too(self) -> None:
        shop = Shop()
        for event in (ISSUED, LINKED):
            shop.say(event)
        shop.say(receipt(coffees(10)))
        issued = shop.say(RedeemReward(card_number=NUMBER, reward="coffee"))[0]
        reward_id = issued.model_dump()["reward_id"]
        shop.say(MOVED)
        with refused("spending_waits", spends_at="2026-11-25T12:00:00+00:00"):
            shop.say(UseReward(card_number=NUMBER, reward_id=reward_id, store="s1"))
        shop.wait(timedelta(hours=72))
        shop.say(UseReward(card_number=NUMBER, reward_id=reward_id, store="s1"))


class TestCoupons:
    @pytest.mark.parametrize("what", ["reserve", "use", "share"])
    def test_wait_too(self, what: str) -> None:
        counter = offer_shop()
        code = issue(counter)
        commands: dict[str, Command] = {
            "reserve": ReserveCoupon(card_number=NUMBER, coupon_code=code, store="s1", till="t1"),
            "use": use(code),
            "share": ShareCoupon(card_number=NUMBER, coupon_code=code, to_card_number=OTHER),
        }
        actor = APP if what == "share" else TILL
        counter.say(MOVED)
        with refused("spending_waits", spends_at="2026-11-25T12:00:00+00:00"):
            counter.say(commands[what], actor)
        counter.wait(timedelta(hours=72))
        assert counter.say(commands[what], actor)

    def test_are_shared_by_no_card_that_is_to_issue(self) -> None:
        counter = offer_shop()
        counter.say(CardIssued(card_number=THIRD, kind=CardKind.PHYSICAL, category="normal"))
        code = issue(counter, number=THIRD)
        with refused("card_not_active", state="to_issue"):
            counter.say(ShareCoupon(card_number=THIRD, coupon_code=code, to_card_number=OTHER), APP)


class TestAnyOrder:
    @pytest.mark.parametrize("order", list(permutations([(ISSUED, 1), (LINKED, 2), (REPLACED, 4), (MOVED, None)])))
    def test_the_card_in_its_place_waits_as_well(self, order: tuple[tuple[Event, int | None], ...]) -> None:
        shop = Shop()
        shop.say(CardIssued(card_number=OTHER, kind=CardKind.PHYSICAL, category="normal"), version=1)
        for event, version in order:
            shop.say(event, version=version)
        assert {each.id: each.spends_at for each in shop.all(Card)} == {NUMBER: LATER, OTHER: LATER}
