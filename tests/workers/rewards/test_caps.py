"""Caps of rules: per day and period, given back by refunds, never passed whatever comes when."""

from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from contracts.cards import CardIssued, CardKind, CardReplaced
from contracts.messages import Command
from contracts.programme.earning import EarningRule
from contracts.programme.periods import Period
from contracts.programme.rewards import Shortfall
from contracts.rewards import CancelPurchase, RedeemReward, RefundLine, Stage
from runtime.decisions import Refused
from tests.decisions import NOON
from tests.workers.rewards.counter import (
    BUSINESS_DAY,
    ISSUED,
    NUMBER,
    OTHER,
    PROGRAMME,
    RULES,
    Shop,
    coffees,
    receipt,
    refund,
)
from workers.rewards.booking import shares
from workers.rewards.documents import Account, Purchase

CAPPED = EarningRule.model_validate(
    {
        "code": "capped",
        "unit": "stamps",
        "rate": {"amount": 1, "per_items": 1, "at_most": 5},
        "caps": [{"per": "day", "amount": 6}, {"per": "month", "amount": 10}],
    }
)
ZONE = ZoneInfo("Europe/Berlin")


def shop(*rules: EarningRule, **changes: Any) -> Shop:
    """A shop with these rules alone, where Ana's card is known."""
    earning = {"earning": rules or (CAPPED,)}
    opened = Shop(PROGRAMME.model_copy(update={"rewards": RULES.model_copy(update={**earning, **changes})}))
    opened.say(ISSUED)
    return opened


def sell(shop: Shop, number: str, quantity: int, at: datetime = NOON, **changes: Any) -> int:
    """Record a receipt of so many items; says what it earned."""
    said = shop.say(receipt(coffees(quantity), receipt_number=number, purchased_at=at, is_offline=True, **changes))
    return sum(each.amount for each in said[0].earned)  # type: ignore[union-attr]  # a purchase's event


def take_back(shop: Shop, number: str, quantity: int) -> None:
    """Refund so many items of a receipt."""
    line = RefundLine(line=1, quantity=quantity, price_minor=0)
    shop.say(refund(line, receipt_number=number, refund_number=f"r{shop.count}"))


class TestCaps:
    def test_bound_a_purchase_a_day_and_a_period(self) -> None:
        open_shop = shop()
        assert [sell(open_shop, "1", 9), sell(open_shop, "2", 9), sell(open_shop, "3", 9)] == [5, 1, 0]
        tomorrow = NOON + timedelta(days=1)
        open_shop.now = tomorrow
        assert [sell(open_shop, "4", 9, tomorrow), sell(open_shop, "5", 9, tomorrow)] == [4, 0]
        assert open_shop.only(Account).holding("stamps").balance == 10

    def test_end_with_the_day_in_the_programmes_zone(self) -> None:
        open_shop = shop()
        night = datetime(2026, 11, 22, 23, 59, tzinfo=ZONE)
        assert sell(open_shop, "1", 5, night) + sell(open_shop, "2", 5, night) == 6
        assert sell(open_shop, "3", 9, night + timedelta(minutes=1)) == 4

    def test_are_given_back_what_a_refund_takes(self) -> None:
        open_shop = shop()
        assert [sell(open_shop, "1", 5), sell(open_shop, "2", 5)] == [5, 1]
        take_back(open_shop, "1", 3)
        assert sell(open_shop, "3", 9) == 3

    def test_are_given_back_what_a_cancellation_takes(self) -> None:
        open_shop = shop()
        assert sell(open_shop, "1", 5, stage=Stage.PENDING) == 5
        open_shop.say(CancelPurchase.model_validate(_key("1")))
        assert [sell(open_shop, "2", 5), sell(open_shop, "3", 5)] == [5, 1]

    def test_let_a_revision_earn_again_what_it_had(self) -> None:
        open_shop = shop()
        assert [sell(open_shop, "1", 3), sell(open_shop, "2", 3)] == [3, 3]
        assert sell(open_shop, "1", 2, revision=1) == 2
        assert sell(open_shop, "1", 5, revision=2) == 3
        assert sell(open_shop, "3", 1) == 0

    def test_take_nothing_back_of_what_they_never_gave(self) -> None:
        open_shop = shop()
        sell(open_shop, "1", 9)
        take_back(open_shop, "1", 4)
        assert open_shop.only(Account).holding("stamps").balance == 5
        take_back(open_shop, "1", 1)
        assert open_shop.only(Account).holding("stamps").balance == 4

    def test_are_not_given_back_where_the_programme_waives_what_was_spent(self) -> None:
        open_shop = shop(shortfall=Shortfall.WAIVE)
        sell(open_shop, "1", 5)
        take_back(open_shop, "1", 5)
        assert sell(open_shop, "2", 5) == 1

    def test_count_a_late_receipt_in_the_period_of_its_own_day(self) -> None:
        open_shop = shop()
        open_shop.now = NOON + timedelta(days=3)
        assert [sell(open_shop, "1", 5), sell(open_shop, "2", 5)] == [5, 1]

    def test_give_a_receipt_nothing_whose_period_is_forgotten(self) -> None:
        open_shop = shop(cap_memory_days=7)
        open_shop.now = NOON + timedelta(days=7)
        assert sell(open_shop, "1", 2) == 2
        open_shop.now = NOON + timedelta(days=8)
        assert sell(open_shop, "2", 2) == 0
        assert sell(open_shop, "1", 4, revision=1) == 2  # and one that counted keeps what it had, no more

    def test_cost_one_counter_for_each_period_that_is_remembered(self) -> None:
        open_shop = shop(CAPPED.model_copy(update={"caps": CAPPED.caps[:1]}))
        for day in range(40):
            open_shop.now = NOON + timedelta(days=day)
            sell(open_shop, str(day), 1, open_shop.now)
        assert len(open_shop.only(Account).counters) == 8

    def test_hold_for_accounts_that_became_one(self) -> None:
        open_shop = shop()
        open_shop.say(CardIssued(card_number=OTHER, kind=CardKind.PHYSICAL, category="normal"))
        assert [sell(open_shop, "1", 3), sell(open_shop, "2", 2, card_number=OTHER)] == [3, 2]
        open_shop.say(
            CardReplaced(
                card_number=NUMBER,
                member_id="ana",
                new_card_number=OTHER,
                first_card_number=NUMBER,
                stopped_at=NOON,
            )
        )
        assert sell(open_shop, "3", 5, card_number=OTHER) == 1

    def test_cost_nothing_where_no_rule_has_any(self) -> None:
        open_shop = shop(*RULES.earning)
        sell(open_shop, "1", 9)
        assert open_shop.only(Account).counters == ()


@pytest.mark.parametrize("period", Period)
@pytest.mark.parametrize("day", [date(2024, 2, 29), date(2026, 11, 22), date(2026, 12, 31), date(2027, 1, 1)])
def test_periods_follow_one_another_without_a_gap(period: Period, day: date) -> None:
    assert period.first_day(day) <= day < period.next_day(day)
    if period is not Period.EVER:
        assert period.first_day(period.next_day(day)) == period.next_day(day)
        assert period.next_day(period.next_day(day) - timedelta(days=1)) == period.next_day(day)


def _key(number: str) -> dict[str, Any]:
    return {
        "card_number": NUMBER,
        "store": "s1",
        "till": "t1",
        "receipt_number": number,
        "business_day": BUSINESS_DAY,
    }


NUMBERS = st.sampled_from(["1", "2", "3", "4"])


class CappedHistories(RuleBasedStateMachine):
    """Four receipts of any day, of which everything is said at any time."""

    @initialize(shortfall=st.sampled_from(Shortfall))
    def open(self, shortfall: Shortfall) -> None:
        self.shop = shop(shortfall=shortfall)

    def say(self, command: Command) -> None:
        try:
            self.shop.say(command)
        except Refused:
            return

    @rule(number=NUMBERS, quantity=st.integers(1, 9), days=st.integers(0, 9), stage=st.sampled_from(Stage))
    def sell(self, number: str, quantity: int, days: int, stage: Stage) -> None:
        at = self.shop.now - timedelta(days=days)
        revision = self.shop.count
        line = coffees(quantity)
        self.say(receipt(line, receipt_number=number, purchased_at=at, stage=stage, is_offline=True, revision=revision))

    @rule(number=NUMBERS, quantity=st.integers(1, 5))
    def refund(self, number: str, quantity: int) -> None:
        line = RefundLine(line=1, quantity=quantity, price_minor=0)
        self.say(refund(line, receipt_number=number, refund_number=f"r{self.shop.count}"))

    @rule(number=NUMBERS)
    def cancel(self, number: str) -> None:
        self.say(CancelPurchase.model_validate(_key(number)))

    @rule()
    def spend(self) -> None:
        self.say(RedeemReward(card_number=NUMBER, reward="coffee"))

    @rule(days=st.sampled_from([1, 9, 31]))
    def wait(self, days: int) -> None:
        self.shop.wait(timedelta(days=days))

    @invariant()
    def no_cap_is_passed(self) -> None:
        worth: dict[tuple[Period, date], int] = {}
        for purchase in self.shop.all(Purchase):
            if purchase.purchased_at is None:
                continue
            day = purchase.purchased_at.astimezone(ZONE).date()
            for cap in CAPPED.caps:
                place = cap.per, cap.per.first_day(day)
                worth[place] = worth.get(place, 0) + sum(amount for _, amount in shares(purchase))
        most = {cap.per: cap.amount for cap in CAPPED.caps}
        assert all(amount <= most[period] for (period, _), amount in worth.items())


CappedHistories.TestCase.settings = settings(
    max_examples=40, stateful_step_count=20, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestCappedHistories = CappedHistories.TestCase
