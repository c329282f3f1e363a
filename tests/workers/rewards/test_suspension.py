"""A card whose holder is blocked neither earns nor spends; what was bought before counts; news come in any order."""

from datetime import timedelta
from itertools import permutations

import pytest

from contracts.cards import CardBlocked, CardLinked, CardResumed, CardState, CardSuspended, CardUnblocked
from contracts.coupons import IssueCoupon
from contracts.messages import Command
from contracts.rewards import ConfirmPurchase, PurchaseState, RedeemReward, Stage, UseReward
from tests.decisions import NOON, decide, refused
from tests.workers.rewards.counter import ANA, ISSUED, NUMBER, PROGRAMME, Shop, by, card, coffees, receipt, refund
from tests.workers.rewards.offers import offer_rules
from workers.rewards.accounts import resume_card, suspend_card
from workers.rewards.documents import Card, Purchase, Reward

SUSPENDED = CardSuspended(card_number=NUMBER, member_id=ANA, suspended_at=NOON)
COUPON = IssueCoupon(card_number=NUMBER, campaign="cake_on_us")
RESUMED = CardResumed(card_number=NUMBER, member_id=ANA)


def opened(stamps: int = 20) -> Shop:
    """A shop where Ana has collected."""
    counter = Shop(PROGRAMME.model_copy(update={"rewards": offer_rules()}))
    counter.say(ISSUED, version=1)
    counter.say(CardLinked(card_number=NUMBER, member_id=ANA, category="normal"), version=2)
    counter.say(receipt(coffees(stamps)))
    return counter


class TestCardSuspended:
    @pytest.mark.parametrize(
        "command",
        [receipt(receipt_number="18"), RedeemReward(card_number=NUMBER, reward="coffee"), COUPON],
        ids=["earn", "spend", "coupon"],
    )
    def test_lets_the_card_neither_earn_nor_spend(self, command: Command) -> None:
        counter = opened()
        counter.say(SUSPENDED, version=3)
        with refused("member_blocked"):
            counter.say(command)

    def test_stops_a_reward_that_is_bought_already(self) -> None:
        counter = opened()
        counter.say(RedeemReward(card_number=NUMBER, reward="coffee"))
        counter.say(SUSPENDED, version=3)
        with refused("member_blocked"):
            counter.say(UseReward(card_number=NUMBER, reward_id=counter.only(Reward).id, store="s1"))

    def test_lets_a_sale_that_was_opened_before_be_confirmed_and_refunded(self) -> None:
        counter = Shop()
        counter.say(ISSUED)
        counter.say(receipt(stage=Stage.PENDING))
        counter.say(SUSPENDED)
        sale = receipt()
        place = {name: getattr(sale, name) for name in ("store", "till", "receipt_number", "business_day")}
        counter.say(ConfirmPurchase(card_number=NUMBER, **place))
        counter.say(refund())
        assert counter.only(Purchase).state is PurchaseState.CONFIRMED
        assert len(counter.only(Purchase).refunds) == 1

    def test_counts_what_an_offline_till_sold_before(self) -> None:
        counter = opened()
        counter.say(SUSPENDED)
        before, after = NOON - timedelta(minutes=1), NOON
        counter.say(receipt(receipt_number="18", is_offline=True, purchased_at=before))
        with refused("member_blocked"):
            counter.say(receipt(receipt_number="19", is_offline=True, purchased_at=after))
        assert counter.holding("stamps").balance == 22

    def test_says_first_what_the_card_is_by_itself(self) -> None:
        counter = opened()
        counter.say(CardBlocked(card_number=NUMBER, member_id=ANA, reason="lost"), version=3)
        counter.say(SUSPENDED, version=4)
        with refused("card_blocked"):
            counter.say(receipt(receipt_number="18"))
        with refused("card_blocked"):
            counter.say(RedeemReward(card_number=NUMBER, reward="coffee"))

    def test_is_not_forgotten_when_it_comes_before_the_card(self) -> None:
        counter = Shop()
        counter.say(SUSPENDED, version=3)
        counter.say(ISSUED, version=1)
        with refused("member_blocked"):
            counter.say(receipt())


class TestCardResumed:
    def test_lets_the_card_be_what_it_is(self) -> None:
        counter = opened()
        counter.say(SUSPENDED, version=3)
        counter.say(RESUMED, version=4)
        counter.say(RedeemReward(card_number=NUMBER, reward="coffee"))
        assert counter.holding("stamps").held == 10

    def test_before_the_suspension_it_ends_leaves_nothing_suspended(self) -> None:
        early = decide(resume_card, RESUMED, card=card(), context=by(version=4)).document(Card)
        late = decide(suspend_card, SUSPENDED, card=early, context=by(version=3)).document(Card)
        assert late.suspended_at is None


@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_news_come_to_the_same_in_any_order(order: tuple[int, ...]) -> None:
    news = [
        (CardBlocked(card_number=NUMBER, member_id=ANA, reason="lost"), 3),
        (SUSPENDED, 4),
        (CardUnblocked(card_number=NUMBER, member_id=ANA, reason="found"), 5),
        (RESUMED, 6),
    ]
    for last in range(5):
        counter = opened()
        for place in order:
            if place < last:
                counter.say(news[place][0], version=news[place][1])
        known = counter.only(Card)
        assert known.state is (CardState.BLOCKED if last in (1, 2) else CardState.ACTIVE)
        assert known.suspended_at == (NOON if last in (2, 3) else None)
