"""Sentences of the rules about purchases that take more than one message to tell."""

import random
from datetime import timedelta

import pytest

from contracts.cards import CardLinked
from contracts.messages import Command
from contracts.programme.rewards import EarningRule
from contracts.rewards import RedeemReward, RefundLine
from tests.decisions import NOON, refused
from tests.workers.rewards.counter import ANA, ISSUED, NUMBER, PROGRAMME, RULES, Shop, coffees, receipt, refund
from workers.rewards.documents import Account, LedgerEntry

SLOW = EarningRule.model_validate(
    {
        "code": "slow_points",
        "unit": "points",
        "rate": {"amount": 10, "per_items": 1},
        "available_after_days": 14,
        "products": ["latte"],
    }
)


def opened(**rules: object) -> Shop:
    """A shop under other rules, where Ana's card is hers."""
    counter = Shop(PROGRAMME.model_copy(update={"rewards": RULES.model_copy(update=rules)}))
    counter.say(ISSUED)
    counter.say(CardLinked(card_number=NUMBER, member_id=ANA, category="normal"))
    return counter


@pytest.mark.parametrize("accepts", [False, True])
def test_offline_tills_earn_and_do_not_spend_unless_the_programme_accepts_the_risk(accepts: bool) -> None:
    counter = opened(offline_spending=accepts)
    counter.say(receipt(coffees(10), is_offline=True))
    spending = RedeemReward(card_number=NUMBER, reward="coffee", is_offline=True)
    if not accepts:
        with refused("offline_spending"):
            counter.say(spending)
        return
    counter.say(spending)
    assert counter.holding("stamps").balance == 0


@pytest.mark.parametrize("seed", range(5))
def test_a_days_offline_receipts_come_to_the_same_in_any_order_and_replaying_them_changes_nothing(seed: int) -> None:
    day: list[Command] = [
        receipt(coffees(n), receipt_number=str(n), purchased_at=NOON - timedelta(minutes=n), is_offline=True)
        for n in range(1, 9)
    ]
    day += [refund(RefundLine(line=1, quantity=1, price_minor=350), receipt_number=str(n)) for n in (3, 5)]
    shuffled = random.Random(seed).sample(day, len(day))
    straight, mixed = opened(), opened()
    for each in day:
        straight.say(each)
    for each in shuffled:
        mixed.say(each)

    assert mixed.only(Account).holding("points") == straight.only(Account).holding("points")
    assert mixed.holding("stamps").balance == straight.holding("stamps").balance == 34
    entries = len(mixed.all(LedgerEntry))
    for each in [*shuffled, *day]:
        mixed.say(each)
    assert len(mixed.all(LedgerEntry)) == entries


def test_a_refund_takes_what_can_not_be_spent_yet_first_then_what_can() -> None:
    counter = opened(earning=(*RULES.earning, SLOW))
    counter.say(receipt(coffees(2, 1000)))

    counter.say(receipt(coffees(1, 5000), receipt_number="18"))
    counter.say(refund(RefundLine(line=1, quantity=1, price_minor=5000), receipt_number="18"))

    lots = {lot.terms.available_at is None: lot.amount for lot in counter.holding("points").lots}
    assert lots == {True: 30}
