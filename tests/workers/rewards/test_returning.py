"""Rewards whose end is taken back: restored, given back to be used again, returned with their sale."""

from datetime import timedelta
from typing import Any

import pytest

from contracts.adjustments import (
    RestoreReward,
    ReturnedReward,
    RewardRestored,
    RewardsReturned,
    RewardUnused,
    UnuseReward,
)
from contracts.cards import CardIssued, CardKind, CardLinked
from contracts.operators import OperatorTied
from contracts.rewards import (
    CancelPurchase,
    PurchaseRefunded,
    RedeemReward,
    RefundLine,
    RemoveReward,
    RewardState,
    Stage,
    UseReward,
)
from tests.decisions import refused
from tests.workers.rewards.counter import (
    ANA,
    BUSINESS_DAY,
    ISSUED,
    NUMBER,
    OPERATOR,
    OTHER,
    OTTO,
    PROGRAMME,
    PURCHASE_ID,
    RULES,
    Shop,
    adjust,
    coffees,
    receipt,
    refund,
)
from workers.rewards.documents import Account, Cause, LedgerEntry, Purchase, Reward
from workers.rewards.sale_documents import SaleRewards

STAMPS = "stamps"
SALE = {"card_number": NUMBER, "store": "s1", "till": "t1", "receipt_number": "17", "business_day": BUSINESS_DAY}


def bought(stamps: int = 12, *, returns: bool = True) -> Shop:
    """A shop where Ana has bought a coffee with ten of so many stamps."""
    offers = tuple(each.model_copy(update={"returns": returns}) for each in RULES.offers)
    counter = Shop(PROGRAMME.model_copy(update={"rewards": RULES.model_copy(update={"offers": offers})}))
    counter.say(ISSUED)
    counter.say(CardLinked(card_number=NUMBER, member_id=ANA, category="normal"))
    counter.say(receipt(coffees(stamps), receipt_number="1"))
    counter.say(RedeemReward(card_number=NUMBER, reward="coffee"))
    return counter


def use(counter: Shop, purchase_id: str | None = PURCHASE_ID) -> UseReward:
    """Hand it out, in that sale."""
    return UseReward(card_number=NUMBER, reward_id=counter.only(Reward).id, purchase_id=purchase_id)


def restore(counter: Shop, **changes: Any) -> RestoreReward:
    """Take its removal back."""
    fields = {"card_number": NUMBER, "reward_id": counter.only(Reward).id, "reason": "mistake"}
    return RestoreReward.model_validate({**fields, **changes})


def unuse(counter: Shop, **changes: Any) -> UnuseReward:
    """Take its use back."""
    fields = {
        "card_number": NUMBER,
        "operator_id": OPERATOR.id,
        "reward_id": counter.only(Reward).id,
        "reason": "mistake",
    }
    return UnuseReward.model_validate({**fields, **changes})


def removed() -> Shop:
    """The same, removed."""
    counter = bought()
    counter.say(RemoveReward(card_number=NUMBER, reward_id=counter.only(Reward).id, reason="x"), OPERATOR)
    return counter


def last(counter: Shop, cause: Cause) -> LedgerEntry:
    """The only entry of a cause."""
    (entry,) = [each for each in counter.all(LedgerEntry) if each.cause is cause]
    return entry


class TestRestoreReward:
    def test_takes_the_price_again_by_a_linked_entry(self) -> None:
        counter = removed()
        (said,) = counter.say(restore(counter), OPERATOR)

        assert isinstance(said, RewardRestored)
        stamps, entry = counter.holding(STAMPS), last(counter, Cause.REWARD_RESTORED)
        assert (stamps.balance, stamps.held) == (2, 10)
        assert (entry.undoes, entry.reason) == (last(counter, Cause.REWARD_REMOVED).id, "mistake")
        assert counter.only(Reward).state is RewardState.OUTSTANDING
        assert counter.only(Reward).due_at == counter.only(Reward).expires_at

    def test_can_be_removed_again_and_gives_back_what_it_took_then(self) -> None:
        counter = removed()
        counter.say(restore(counter), OPERATOR)
        counter.say(RemoveReward(card_number=NUMBER, reward_id=counter.only(Reward).id, reason="x"), OPERATOR)

        assert counter.holding(STAMPS).balance == 12

    def test_is_refused_when_the_price_was_spent_meanwhile(self) -> None:
        counter = removed()
        counter.say(adjust(-3), OPERATOR)
        with refused("balance_too_low", needed=10, held=9):
            counter.say(restore(counter), OPERATOR)

    def test_cannot_be_done_twice(self) -> None:
        counter = removed()
        counter.say(restore(counter), OPERATOR)
        with refused("reward_not_removed", state="outstanding"):
            counter.say(restore(counter), OPERATOR)

    def test_is_refused_when_its_time_is_over(self) -> None:
        counter = removed()
        counter.now += timedelta(days=90)
        with refused("reward_expired"):
            counter.say(restore(counter), OPERATOR)

    def test_is_refused_on_anothers_card(self) -> None:
        counter = removed()
        counter.say(CardIssued(card_number=OTHER, kind=CardKind.PHYSICAL, category="normal"))
        with refused("unknown_reward"):
            counter.say(restore(counter, card_number=OTHER), OPERATOR)


class TestUnuseReward:
    def test_lets_it_be_used_again_by_a_linked_entry(self) -> None:
        counter = bought()
        counter.say(use(counter))
        (said,) = counter.say(unuse(counter), OPERATOR)

        assert isinstance(said, RewardUnused)
        assert last(counter, Cause.REWARD_UNUSED).undoes == last(counter, Cause.REWARD_USED).id
        assert (counter.holding(STAMPS).held, counter.only(Reward).purchase_id) == (10, None)
        counter.say(use(counter, None))
        assert counter.only(Reward).state is RewardState.USED

    def test_cannot_be_done_twice(self) -> None:
        counter = bought()
        counter.say(use(counter))
        counter.say(unuse(counter), OPERATOR)
        with refused("reward_not_used", state="outstanding"):
            counter.say(unuse(counter), OPERATOR)

    def test_is_refused_on_ones_own_account(self) -> None:
        counter = bought()
        counter.say(use(counter))
        counter.say(OperatorTied(operator_id=OPERATOR.id, member_id=ANA), OTTO)
        with refused("own_account"):
            counter.say(unuse(counter), OPERATOR)

    def test_is_refused_when_its_time_is_over(self) -> None:
        counter = bought()
        counter.say(use(counter))
        counter.now += timedelta(days=90)
        with refused("reward_expired"):
            counter.say(unuse(counter), OPERATOR)

    def test_no_longer_comes_back_with_the_sale_that_it_was_used_in(self) -> None:
        counter = bought()
        counter.say(receipt())
        counter.say(use(counter))
        counter.say(unuse(counter), OPERATOR)
        counter.say(use(counter, None))
        counter.say(refund(RefundLine(line=1, quantity=2, price_minor=700)))

        assert counter.only(Reward).state is RewardState.USED


class TestReturnRewards:
    def test_a_reward_used_in_a_refunded_sale_comes_back_if_the_whole_sale_does(self) -> None:
        counter = bought()
        counter.say(receipt())
        counter.say(use(counter))
        said = counter.say(refund(RefundLine(line=1, quantity=2, price_minor=700)))

        assert isinstance(said[0], PurchaseRefunded)
        event = next(each for each in said if isinstance(each, RewardsReturned))
        reward = counter.only(Reward)
        assert event.rewards == (ReturnedReward(reward_id=reward.id, reward="coffee", is_outstanding=True),)
        assert reward.state is RewardState.OUTSTANDING
        assert counter.holding(STAMPS).held == 10
        assert last(counter, Cause.REWARD_RETURNED).undoes == last(counter, Cause.REWARD_USED).id

    def test_a_partial_refund_brings_nothing_back(self) -> None:
        counter = bought()
        counter.say(receipt())
        counter.say(use(counter))
        counter.say(refund())

        assert counter.only(Reward).state is RewardState.USED

    def test_the_last_of_several_partial_refunds_does(self) -> None:
        counter = bought()
        counter.say(receipt())
        counter.say(use(counter))
        counter.say(refund())
        counter.say(refund(refund_number="r2"))

        assert counter.only(Reward).state is RewardState.OUTSTANDING

    def test_does_not_come_back_if_the_programme_says_so(self) -> None:
        counter = bought(returns=False)
        counter.say(receipt())
        counter.say(use(counter))
        counter.say(refund(RefundLine(line=1, quantity=2, price_minor=700)))

        assert counter.only(Reward).state is RewardState.USED

    @pytest.mark.parametrize("is_used_first", [True, False])
    def test_comes_back_in_whatever_order_use_sale_and_refund_are_heard_of(self, is_used_first: bool) -> None:
        counter = bought()
        if is_used_first:
            counter.say(use(counter))
        counter.say(refund(RefundLine(line=1, quantity=2, price_minor=700)))
        if not is_used_first:
            counter.say(use(counter))
        counter.say(receipt())

        assert counter.only(Reward).state is RewardState.OUTSTANDING

    def test_holds_of_a_pending_sale_that_is_cancelled_are_released(self) -> None:
        counter = bought()
        counter.say(receipt(stage=Stage.PENDING))
        counter.say(use(counter))
        counter.say(CancelPurchase.model_validate(SALE))

        assert counter.only(Reward).state is RewardState.OUTSTANDING

    def test_holds_of_a_pending_sale_that_nobody_ends_are_released(self) -> None:
        counter = bought()
        counter.say(receipt(stage=Stage.PENDING))
        counter.say(use(counter))
        counter.wait(timedelta(days=1))

        assert counter.only(Reward).state is RewardState.OUTSTANDING

    def test_comes_back_once_and_not_with_a_repeat_of_the_refund(self) -> None:
        counter = bought()
        counter.say(receipt())
        counter.say(use(counter))
        back = refund(RefundLine(line=1, quantity=2, price_minor=700))
        counter.say(back)
        counter.say(use(counter, None))
        counter.say(back)

        assert counter.only(Reward).state is RewardState.USED

    def test_its_price_comes_back_where_its_own_time_is_over(self) -> None:
        counter = bought()
        counter.say(receipt())
        counter.say(use(counter))
        counter.wait(timedelta(days=91))
        counter.say(refund(RefundLine(line=1, quantity=2, price_minor=700)))

        assert counter.only(Reward).state is RewardState.REMOVED
        assert (counter.holding(STAMPS).balance, counter.holding(STAMPS).held) == (12, 0)

    def test_points_whose_expiry_has_passed_come_back_expired(self) -> None:
        counter = bought()
        first = counter.only(Reward).id
        counter.say(adjust(10), OPERATOR)
        counter.say(RedeemReward(card_number=NUMBER, reward="coffee"))
        second = next(each.id for each in counter.all(Reward) if each.id != first)
        counter.say(receipt())
        counter.say(UseReward(card_number=NUMBER, reward_id=second, purchase_id=PURCHASE_ID))
        counter.wait(timedelta(days=400))
        counter.say(refund(RefundLine(line=1, quantity=2, price_minor=700)))
        assert counter.holding(STAMPS).balance == 12
        assert counter.holding(STAMPS).spendable(counter.now) == 2
        counter.wait(timedelta(seconds=1))

        assert counter.holding(STAMPS).balance == 2
        expired = [each for each in counter.all(LedgerEntry) if each.cause is Cause.EXPIRY]
        assert max(expired, key=lambda each: each.at).amount == -10

    def test_several_of_one_sale_come_back_together(self) -> None:
        counter = bought(25)
        counter.say(RedeemReward(card_number=NUMBER, reward="coffee"))
        counter.say(receipt())
        for reward in counter.all(Reward):
            counter.say(UseReward(card_number=NUMBER, reward_id=reward.id, purchase_id=PURCHASE_ID))
        counter.say(refund(RefundLine(line=1, quantity=2, price_minor=700)))

        assert {each.state for each in counter.all(Reward)} == {RewardState.OUTSTANDING}
        assert counter.holding(STAMPS).held == 20


class TestTheSaleItIsUsedIn:
    def test_must_not_be_anothers(self) -> None:
        counter = bought()
        counter.say(CardIssued(card_number=OTHER, kind=CardKind.PHYSICAL, category="normal"))
        counter.say(receipt(card_number=OTHER))
        with refused("purchase_of_another_card"):
            counter.say(use(counter))

    def test_must_not_be_over(self) -> None:
        counter = bought()
        counter.say(receipt())
        counter.say(refund(RefundLine(line=1, quantity=2, price_minor=700)))
        with refused("purchase_already_refunded"):
            counter.say(use(counter))
        counter.say(receipt(stage=Stage.PENDING, receipt_number="18"))
        counter.say(CancelPurchase.model_validate({**SALE, "receipt_number": "18"}))
        with refused("purchase_already_cancelled"):
            counter.say(use(counter, counter.all(Purchase)[-1].id.replace(" 17 ", " 18 ")))

    def test_uses_no_more_rewards_than_there_is_room_for(self) -> None:
        counter = bought()
        full = SaleRewards(
            id=PURCHASE_ID, account_id=counter.only(Account).id, reward_ids=tuple(str(n) for n in range(50))
        )
        counter.view.take({(SaleRewards, full.id): full}, [])
        with refused("too_many_rewards", most=50):
            counter.say(use(counter))
