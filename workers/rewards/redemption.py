"""What stamps and points buy: rewards, bought, used, undone, expired."""

from datetime import timedelta
from typing import Annotated, Final

from contracts.messages import Command
from contracts.programme.rewards import RewardOffer
from contracts.rewards import (
    ExpireReward,
    RedeemReward,
    RemoveReward,
    RewardExpired,
    RewardIssued,
    RewardRemoved,
    RewardState,
    RewardUsed,
    UseReward,
)
from runtime.decisions import Key, Refused
from workers import Changes, Context
from workers.rewards.documents import Account, Card, Cause, LedgerEntry, Lot, Purchase, Reward
from workers.rewards.ledger import Tally, balances, settled
from workers.rewards.receipts import refuse_sale, shown, why_not_spending
from workers.rewards.sale_documents import SaleRewards
from workers.rewards.worker import worker

MOST_REWARDS: Final = 50
"""Rewards that one sale may use."""


@worker.handles(RedeemReward)
def redeem_reward(
    command: RedeemReward,
    card: Annotated[Card, Key("card_number")],
    account: Annotated[Account | None, Key("card.account_id")],
    context: Context,
) -> Changes:
    rules = context.programme.rewards
    if account is None:
        raise Refused("unknown_card")
    refuse_spending(card, context)
    if command.is_offline and not rules.offline_spending:
        raise Refused("offline_spending")
    offer = rules.offer(command.reward)
    if offer is None:
        raise Refused("unknown_reward")
    tally, paid = held_back(account, offer.unit, offer.price, context)
    reward_id = context.new_id()
    entry = tally.entry(account.id, Cause.REWARD_ISSUED, context, reward_id=reward_id)
    reward = issued(offer, reward_id, entry, paid, context)
    changed = settled(account, [tally])
    yield changed, entry, reward
    yield RewardIssued(
        account_id=account.id,
        card_number=card.id,
        member_id=card.member_id,
        reward_id=reward_id,
        reward=offer.code,
        unit=offer.unit,
        paid=offer.price,
        expires_at=reward.expires_at,
        balances=balances(changed, context.now, rules.shortfall),
    )


def issued(offer: RewardOffer, reward_id: str, entry: LedgerEntry, paid: tuple[Lot, ...], context: Context) -> Reward:
    """A reward that was just bought, outstanding until it is used or its time is over."""
    days = offer.expires_after_days
    expires_at = None if days is None else context.now + timedelta(days=days)
    return Reward(
        id=reward_id,
        account_id=entry.account_id,
        reward=offer.code,
        unit=offer.unit,
        price=offer.price,
        state=RewardState.OUTSTANDING,
        issued_at=context.now,
        expires_at=expires_at,
        due_at=expires_at,
        returns=offer.returns,
        paid=paid,
        entry_id=entry.id,
    )


@worker.handles(UseReward)
def use_reward(
    command: UseReward,
    card: Annotated[Card, Key("card_number")],
    reward: Annotated[Reward, Key("reward_id")],
    account: Annotated[Account | None, Key("card.account_id")],
    sale: Annotated[SaleRewards | None, Key("purchase_id")],
    purchase: Annotated[Purchase | None, Key("purchase_id")],
    context: Context,
) -> Changes:
    rules = context.programme.rewards
    if account is None or not account.owns(reward.account_id):
        raise Refused("unknown_reward")
    refuse_spending(card, context)
    refuse_ended(reward, context)
    refuse_sale(account, None if sale is None else sale.account_id, purchase)
    if sale is not None and len(sale.reward_ids) >= MOST_REWARDS:
        raise Refused("too_many_rewards", most=MOST_REWARDS)

    tally = Tally(account.holding(reward.unit))
    tally.held -= reward.price
    entry = tally.entry(account.id, Cause.REWARD_USED, context, reward_id=reward.id)
    changed = settled(account, [tally])
    used = reward.evolve(state=RewardState.USED, ended_at=context.now, due_at=None, ended_by=entry.id)
    yield changed, entry, used.evolve(purchase_id=command.purchase_id)
    if command.purchase_id is not None:
        others = () if sale is None else tuple(each for each in sale.reward_ids if each != reward.id)
        yield SaleRewards(id=command.purchase_id, account_id=account.id, reward_ids=(*others, reward.id))
    yield RewardUsed(
        account_id=account.id,
        card_number=card.id,
        member_id=card.member_id,
        reward_id=reward.id,
        reward=reward.reward,
        store=command.store,
        balances=balances(changed, context.now, rules.shortfall),
    )


@worker.handles(RemoveReward)
def remove_reward(
    command: RemoveReward,
    card: Annotated[Card, Key("card_number")],
    reward: Annotated[Reward, Key("reward_id")],
    account: Annotated[Account | None, Key("card.account_id")],
    context: Context,
) -> Changes:
    rules = context.programme.rewards
    if account is None or not account.owns(reward.account_id):
        raise Refused("unknown_reward")
    refuse_ended(reward, context)

    tally = Tally(account.holding(reward.unit))
    tally.held -= reward.price
    for lot in reward.paid:
        tally.credit(lot.terms, lot.amount, now=context.now)
    entry = tally.entry(account.id, Cause.REWARD_REMOVED, context, reward_id=reward.id, undoes=reward.entry_id)
    changed = settled(account, [tally])
    removed = reward.evolve(state=RewardState.REMOVED, ended_at=context.now, due_at=None, ended_by=entry.id)
    yield changed, entry, removed
    yield RewardRemoved(
        account_id=account.id,
        card_number=card.id,
        member_id=card.member_id,
        reward_id=reward.id,
        reward=reward.reward,
        unit=reward.unit,
        returned=reward.price,
        reason=command.reason,
        balances=shown(card, balances(changed, context.now, rules.shortfall)),
    )


@worker.handles(ExpireReward)
def expire_reward(
    command: ExpireReward,
    reward: Annotated[Reward, Key("reward_id")],
    account: Annotated[Account, Key("reward.account_id")],
    heir: Annotated[Account | None, Key("account.merged_into")],
    context: Context,
) -> Changes:
    if reward.due_at is None or reward.due_at > context.now:
        return

    account = heir or account
    tally = Tally(account.holding(reward.unit))
    tally.held -= reward.price
    entry = tally.entry(account.id, Cause.REWARD_EXPIRED, context, reward_id=reward.id)
    changed = settled(account, [tally])
    yield changed, entry, reward.evolve(state=RewardState.EXPIRED, ended_at=context.now, due_at=None)
    yield RewardExpired(
        account_id=account.id,
        card_number=account.card_number,
        reward_id=reward.id,
        reward=reward.reward,
        balances=balances(changed, context.now, context.programme.rewards.shortfall),
    )


def refuse_spending(card: Card, context: Context) -> None:
    """Refuse a card that doesn't spend: only an active one does, and not right after a change of phone or email.

    Raises:
        Refused: `card_blocked`, `card_replaced`, `card_deleted`, `member_blocked`, `spending_waits`, `card_not_active`
            where it is to issue, or `unknown_card` where nothing but purchases know it.
    """
    code = why_not_spending(card, context.now)
    if code == "card_not_active" and card.state is not None:
        raise Refused(code, state=card.state.value)
    if code == "spending_waits" and card.spends_at is not None:
        raise Refused(code, spends_at=card.spends_at.isoformat(timespec="seconds"))
    if code is not None:
        raise Refused(code)


def held_back(account: Account, unit: str, price: int, context: Context) -> tuple[Tally, tuple[Lot, ...]]:
    """Take a reward's price out of a balance and hold it; says from which lots.

    Raises:
        Refused: `balance_too_low`.
    """
    holding = account.holding(unit)
    spendable = holding.spendable(context.now)
    if spendable < price:
        raise Refused("balance_too_low", needed=price, held=spendable)
    tally = Tally(holding)
    paid = tally.spend(price, context.now)
    tally.held += price
    return tally, paid


def refuse_ended(reward: Reward, context: Context) -> None:
    """Refuse a reward that waits for nobody any more.

    Raises:
        Refused: `reward_already_used`, `reward_already_removed` or `reward_expired`.
    """
    if reward.state is RewardState.USED:
        raise Refused("reward_already_used")
    if reward.state is RewardState.REMOVED:
        raise Refused("reward_already_removed")
    if reward.state is RewardState.EXPIRED or (reward.expires_at is not None and reward.expires_at <= context.now):
        raise Refused("reward_expired")


def end_of_reward(reward: Reward) -> Command:
    """The command that ends a reward whose time is over."""
    return ExpireReward(account_id=reward.account_id, reward_id=reward.id)


worker.due(Reward, field="due_at", command=end_of_reward)
