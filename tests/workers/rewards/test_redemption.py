"""Rewards: bought, used, removed, expired."""

from datetime import timedelta
from typing import Any

import pytest

from contracts.cards import CardIssued, CardKind, CardLinked, CardState
from contracts.rewards import (
    ExpireReward,
    RedeemReward,
    RemoveReward,
    RewardExpired,
    RewardIssued,
    RewardRemoved,
    RewardState,
    RewardUsed,
    UnitBalance,
    UseReward,
)
from tests.decisions import NOON, decide, refused
from tests.workers.rewards.counter import (
    ACCOUNT,
    ANA,
    APP,
    NUMBER,
    OPERATOR,
    Shop,
    account,
    by,
    card,
    coffees,
    holding,
    receipt,
    refund,
)
from workers.rewards.documents import Account, Card, LedgerEntry, Reward
from workers.rewards.redemption import expire_reward, redeem_reward, remove_reward, use_reward

STAMPS = "stamps"
COFFEE = RedeemReward(card_number=NUMBER, reward="coffee")


def holding_stamps(amount: int) -> Account:
    """Ana's account with so many stamps."""
    return account(holding(STAMPS, amount))


def bought(**changes: Any) -> dict[str, Any]:
    """What buying a coffee left behind."""
    said = decide(redeem_reward, COFFEE, card=card(), account=holding_stamps(12), context=by())
    reward = said.document(Reward)
    return {"card": card(), "reward": reward.evolve(**changes), "account": said.document(Account)}


def use(reward: Reward) -> UseReward:
    """Hand it out."""
    return UseReward(card_number=NUMBER, reward_id=reward.id, store="s1")


def remove(reward: Reward) -> RemoveReward:
    """Undo it."""
    return RemoveReward(card_number=NUMBER, reward_id=reward.id, reason="mistake")


def expire(reward: Reward) -> ExpireReward:
    """End it."""
    return ExpireReward(account_id=ACCOUNT, reward_id=reward.id)


class TestRedeemReward:
    def test_takes_the_price_and_issues_the_reward(self) -> None:
        said = decide(redeem_reward, COFFEE, card=card(), account=holding_stamps(10), context=by())

        reward = said.document(Reward)
        assert said.events == [
            RewardIssued(
                account_id=ACCOUNT,
                card_number=NUMBER,
                member_id=ANA,
                reward_id=reward.id,
                reward="coffee",
                unit=STAMPS,
                paid=10,
                expires_at=NOON + timedelta(days=90),
                balances=(UnitBalance(unit=STAMPS, available=0, held=10),),
            )
        ]
        assert said.document(Account).holding(STAMPS).balance == 0
        assert reward.state is RewardState.OUTSTANDING

    def test_spends_what_expires_soonest(self) -> None:
        counter = Shop()
        counter.say(CardIssued(card_number=NUMBER, kind=CardKind.PHYSICAL, category="normal"))
        counter.say(CardLinked(card_number=NUMBER, member_id=ANA, category="normal"))
        counter.say(receipt(coffees(1, 4000), purchased_at=NOON, receipt_number="1"))
        counter.say(receipt(coffees(1, 4000), purchased_at=NOON - timedelta(days=30), receipt_number="2"))
        counter.say(RedeemReward(card_number=NUMBER, reward="cake"))

        (lot,) = counter.holding("points").lots
        assert (lot.terms.id, lot.amount) == ("2027-11-22", 30)

    def test_of_two_for_the_last_stamps_only_one_wins(self) -> None:
        said = decide(redeem_reward, COFFEE, card=card(), account=holding_stamps(19), context=by())
        with refused("balance_too_low", needed=10, held=9):
            decide(redeem_reward, COFFEE, card=card(), account=said.document(Account), context=by())

    def test_is_refused_when_the_balance_is_too_low(self) -> None:
        with refused("balance_too_low", needed=10, held=9):
            decide(redeem_reward, COFFEE, card=card(), account=holding_stamps(9), context=by())

    def test_does_not_spend_what_has_expired_but_was_not_taken_out_yet(self) -> None:
        over = account(holding(STAMPS, 10, expires_at=NOON))
        with refused("balance_too_low", needed=10, held=0):
            decide(redeem_reward, COFFEE, card=card(), account=over, context=by())

    def test_is_refused_for_a_reward_that_the_programme_lacks(self) -> None:
        with refused("unknown_reward"):
            decide(
                redeem_reward,
                RedeemReward(card_number=NUMBER, reward="yacht"),
                card=card(),
                account=holding_stamps(10),
                context=by(),
            )

    def test_is_refused_on_a_blocked_card(self) -> None:
        with refused("card_blocked"):
            decide(redeem_reward, COFFEE, card=card(CardState.BLOCKED), account=holding_stamps(10), context=by())

    def test_is_refused_on_a_card_to_issue(self) -> None:
        with refused("card_not_active", state="to_issue"):
            decide(redeem_reward, COFFEE, card=card(CardState.TO_ISSUE), account=holding_stamps(10), context=by())

    def test_is_refused_on_a_card_that_only_purchases_know(self) -> None:
        with refused("unknown_card"):
            decide(redeem_reward, COFFEE, card=Card(id=NUMBER), context=by())

    def test_is_refused_by_who_may_not(self) -> None:
        with refused("actor_not_allowed", actor="app"):
            decide(
                redeem_reward, COFFEE, card=card(), account=holding_stamps(10), context=by(APP, spenders=(OPERATOR,))
            )


class TestUseReward:
    def test_hands_it_out_and_releases_what_was_held(self) -> None:
        before = bought()
        said = decide(use_reward, use(before["reward"]), **before, context=by())

        assert isinstance(said.events[0], RewardUsed)
        assert said.document(Reward).state is RewardState.USED
        assert said.document(Reward).due_at is None
        assert said.document(Account).holding(STAMPS).held == 0
        assert said.document(Account).holding(STAMPS).balance == 2

    @pytest.mark.parametrize(
        ("state", "code"),
        [
            (RewardState.USED, "reward_already_used"),
            (RewardState.REMOVED, "reward_already_removed"),
            (RewardState.EXPIRED, "reward_expired"),
        ],
    )
    def test_is_refused_once_it_has_ended(self, state: RewardState, code: str) -> None:
        before = bought(state=state)
        with refused(code):
            decide(use_reward, use(before["reward"]), **before, context=by())

    def test_is_refused_when_its_time_is_over(self) -> None:
        before = bought()
        with refused("reward_expired"):
            decide(use_reward, use(before["reward"]), **before, context=by(now=NOON + timedelta(days=90)))

    def test_is_refused_on_anothers_card(self) -> None:
        before = bought() | {"card": card(account_id="account-2"), "account": account(id="account-2")}
        with refused("unknown_reward"):
            decide(use_reward, use(before["reward"]), **before, context=by())

    @pytest.mark.parametrize(
        ("state", "code"),
        [
            (CardState.BLOCKED, "card_blocked"),
            (CardState.REPLACED, "card_replaced"),
            (CardState.DELETED, "card_deleted"),
        ],
    )
    def test_is_refused_on_a_card_that_works_no_more(self, state: CardState, code: str) -> None:
        before = bought() | {"card": card(state)}
        with refused(code):
            decide(use_reward, use(before["reward"]), **before, context=by())


class TestRemoveReward:
    def test_gives_the_price_back_to_the_lots_it_came_from_by_a_linked_entry(self) -> None:
        before = bought()
        said = decide(remove_reward, remove(before["reward"]), **before, context=by(OPERATOR))

        event = said.events[0]
        assert isinstance(event, RewardRemoved)
        assert event.returned == 10
        assert said.document(Account).holding(STAMPS).lots == holding_stamps(12).holding(STAMPS).lots
        assert said.document(LedgerEntry).undoes == before["reward"].entry_id

    def test_pays_a_debt_first(self) -> None:
        before = bought()
        owing = account(holding(STAMPS, balance=-4, debt=4, held=10))
        said = decide(remove_reward, remove(before["reward"]), **(before | {"account": owing}), context=by(OPERATOR))

        stamps = said.document(Account).holding(STAMPS)
        assert (stamps.balance, stamps.debt) == (6, 0)

    def test_is_refused_once_used(self) -> None:
        before = bought(state=RewardState.USED)
        with refused("reward_already_used"):
            decide(remove_reward, remove(before["reward"]), **before, context=by(OPERATOR))

    def test_is_refused_at_a_till(self) -> None:
        before = bought()
        with refused("actor_not_allowed", actor="pos"):
            decide(remove_reward, remove(before["reward"]), **before, context=by())

    def test_is_refused_on_anothers_card(self) -> None:
        before = bought() | {"card": card(account_id="account-2"), "account": account(id="account-2")}
        with refused("unknown_reward"):
            decide(remove_reward, remove(before["reward"]), **before, context=by(OPERATOR))


class TestExpireReward:
    def test_ends_it_and_keeps_the_price(self) -> None:
        before = bought()
        late = by(now=NOON + timedelta(days=90))
        said = decide(
            expire_reward, expire(before["reward"]), reward=before["reward"], account=before["account"], context=late
        )

        assert isinstance(said.events[0], RewardExpired)
        assert said.document(Reward).state is RewardState.EXPIRED
        assert said.document(Account).holding(STAMPS).balance == 2
        assert said.document(Account).holding(STAMPS).held == 0

    def test_does_nothing_too_early_or_once_used(self) -> None:
        before = bought()
        early = decide(
            expire_reward, expire(before["reward"]), reward=before["reward"], account=before["account"], context=by()
        )

        assert early.documents == []


def test_the_journey_of_ten_coffees() -> None:
    counter = Shop()
    counter.say(CardIssued(card_number=NUMBER, kind=CardKind.PHYSICAL, category="normal"))
    counter.say(CardLinked(card_number=NUMBER, member_id=ANA, category="normal"))
    for number in range(5):
        counter.say(receipt(coffees(2), receipt_number=str(number)))
    counter.say(COFFEE)
    counter.say(use(counter.only(Reward)))
    counter.say(refund(receipt_number="0"))

    assert counter.holding(STAMPS).debt == 1
    assert counter.wait(timedelta(days=400))
