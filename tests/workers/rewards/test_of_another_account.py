"""A reward is paid with one card, and the sale in which it is used is recorded on another that collects for itself."""

import pytest

from contracts.cards import CardLinked
from contracts.corrections import UndoRefund
from contracts.rewards import RedeemReward, RewardState, UseReward
from tests.decisions import refused
from tests.workers.rewards.counter import ISSUED, NUMBER, OTHER, PURCHASE_ID, Shop, coffees, receipt, refund
from tests.workers.rewards.offers import offer_shop
from tests.workers.rewards.test_undoing_sales import WHOLE, corrected, undo
from workers.rewards.documents import Reward


@pytest.fixture
def shop() -> Shop:
    """Ana has used her reward in what is recorded as Ben's sale then."""
    shop = offer_shop()
    shop.say(ISSUED.model_copy(update={"card_number": OTHER}))
    shop.say(CardLinked(card_number=OTHER, member_id="ben", category="normal"))
    shop.say(receipt(coffees(10), receipt_number="16"))
    shop.say(RedeemReward(card_number=NUMBER, reward="coffee"))
    shop.say(UseReward(card_number=NUMBER, reward_id=shop.only(Reward).id, purchase_id=PURCHASE_ID))
    shop.say(receipt(card_number=OTHER))
    return shop


class TestReward:
    def test_comes_back_to_whom_it_belongs_when_the_sale_is_refunded(self, shop: Shop) -> None:
        shop.say(refund(WHOLE, card_number=OTHER))
        assert shop.only(Reward).state is RewardState.OUTSTANDING

    def test_is_not_used_again_at_the_cost_of_the_sales_account(self, shop: Shop) -> None:
        """Seed 4053: it was, and what that account held went below nothing."""
        shop.say(refund(WHOLE, card_number=OTHER))
        command: UndoRefund = undo(card_number=OTHER)
        with refused("returned_used_since", what="coffee"):
            corrected(shop, command)
