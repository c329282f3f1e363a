"""How the end of a reward is taken back: a removal, a use, and the use in a sale that came back."""

from collections.abc import Sequence
from typing import Annotated

from contracts.adjustments import (
    RestoreReward,
    ReturnedReward,
    ReturnRewards,
    RewardRestored,
    RewardsReturned,
    RewardUnused,
    UnuseReward,
)
from contracts.rewards import RewardState
from runtime.decisions import Key, Refused
from workers import Changes, Context
from workers.rewards.adjusting import refuse_gone, refuse_operator
from workers.rewards.coupon_use import OVER
from workers.rewards.documents import Account, Card, Cause, LedgerEntry, Purchase, Reward
from workers.rewards.ledger import Tally, balances, settled
from workers.rewards.redemption import held_back
from workers.rewards.sale_documents import SaleRewards
from workers.rewards.worker import worker


@worker.handles(RestoreReward)
def restore_reward(
    command: RestoreReward,
    card: Annotated[Card, Key("card_number")],
    reward: Annotated[Reward, Key("reward_id")],
    account: Annotated[Account | None, Key("card.account_id")],
    context: Context,
) -> Changes:
    if account is None or not account.owns(reward.account_id):
        raise Refused("unknown_reward")
    refuse_gone(card)
    if reward.state is not RewardState.REMOVED:
        raise Refused("reward_not_removed", state=reward.state.value)
    refuse_over(reward, context)
    tally, paid = held_back(account, reward.unit, reward.price, context)
    entry = tally.entry(account.id, Cause.REWARD_RESTORED, context, reward_id=reward.id, undoes=reward.ended_by)
    entry = entry.evolve(reason=command.reason)
    changed = settled(account, [tally])
    yield changed, entry, outstanding(reward).evolve(paid=paid, entry_id=entry.id)
    yield RewardRestored(
        account_id=account.id,
        card_number=card.id,
        member_id=card.member_id,
        reward_id=reward.id,
        reward=reward.reward,
        unit=reward.unit,
        paid=reward.price,
        reason=command.reason,
        balances=balances(changed, context.now, context.programme.rewards.shortfall),
    )


@worker.handles(UnuseReward)
def unuse_reward(
    command: UnuseReward,
    card: Annotated[Card, Key("card_number")],
    reward: Annotated[Reward, Key("reward_id")],
    account: Annotated[Account | None, Key("card.account_id")],
    context: Context,
) -> Changes:
    if account is None or not account.owns(reward.account_id):
        raise Refused("unknown_reward")
    refuse_operator(command.operator_id, context)
    refuse_gone(card)
    if reward.state is not RewardState.USED:
        raise Refused("reward_not_used", state=reward.state.value)
    refuse_over(reward, context)

    tally = Tally(account.holding(reward.unit))
    tally.held += reward.price
    entry = tally.entry(account.id, Cause.REWARD_UNUSED, context, reward_id=reward.id, undoes=reward.ended_by)
    entry = entry.evolve(reason=command.reason)
    changed = settled(account, [tally])
    yield changed, entry, outstanding(reward)
    yield RewardUnused(
        account_id=account.id,
        card_number=card.id,
        member_id=card.member_id,
        reward_id=reward.id,
        reward=reward.reward,
        reason=command.reason,
        balances=balances(changed, context.now, context.programme.rewards.shortfall),
    )


@worker.handles(ReturnRewards)
def return_rewards(
    command: ReturnRewards,
    sale: Annotated[SaleRewards | None, Key("purchase_id")],
    rewards: Annotated[tuple[Reward, ...], Key("sale.reward_ids")],
    account: Annotated[Account | None, Key("sale.account_id")],
    heir: Annotated[Account | None, Key("account.merged_into")],
    purchase: Annotated[Purchase | None, Key("purchase_id")],
    context: Context,
) -> Changes:
    if purchase is None or purchase.state not in OVER:
        return
    # Written even where nothing comes back: a reward that is used in the sale in this moment isn't among these.
    if sale is not None:
        yield sale.evolve()
    elif purchase.account_id is not None:
        yield SaleRewards(id=purchase.id, account_id=purchase.account_id, reward_ids=())
    used = [each for each in rewards if each.purchase_id == command.purchase_id and each.state is RewardState.USED]
    coming_back = [each for each in used if each.returns]
    account = heir or account
    if account is None or not coming_back:
        return

    changed, entries, returned = brought_back(coming_back, account, context)
    yield changed, *entries, *returned
    yield purchase.evolve(returned_rewards=tuple(each.id for each in returned))
    yield RewardsReturned(
        account_id=changed.id,
        card_number=changed.card_number,
        purchase_id=command.purchase_id,
        reward_ids=tuple(each.id for each in returned),
        reward_codes=tuple(dict.fromkeys(each.reward for each in returned)),
        rewards=tuple(told(each) for each in returned),
        balances=balances(changed, context.now, context.programme.rewards.shortfall),
    )


def told(reward: Reward) -> ReturnedReward:
    """What is said of a reward that came back: it can be used again, or its price went back to its lots."""
    is_outstanding = reward.state is RewardState.OUTSTANDING
    returned = 0 if is_outstanding else reward.price
    return ReturnedReward(reward_id=reward.id, reward=reward.reward, is_outstanding=is_outstanding, returned=returned)


def brought_back(
    rewards: Sequence[Reward], account: Account, context: Context
) -> tuple[Account, list[LedgerEntry], list[Reward]]:
    """Let rewards be used again; of one whose own time is over the price goes back to its lots, expired or not."""
    tallies: list[Tally] = []
    entries: list[LedgerEntry] = []
    returned: list[Reward] = []
    holdings = {holding.unit: holding for holding in account.holdings}
    for reward in rewards:
        tally = Tally(holdings.get(reward.unit) or account.holding(reward.unit))
        if is_over(reward, context):
            for lot in reward.paid:
                tally.credit(lot.terms, lot.amount, now=context.now)
        else:
            tally.held += reward.price
        undoes = reward.entry_id if is_over(reward, context) else reward.ended_by
        entry = tally.entry(account.id, Cause.REWARD_RETURNED, context, reward_id=reward.id, undoes=undoes)
        ended = reward.evolve(state=RewardState.REMOVED, ended_at=context.now, ended_by=entry.id, purchase_id=None)
        returned.append(ended if is_over(reward, context) else outstanding(reward).evolve(returned_by=entry.id))
        entries.append(entry)
        tallies.append(tally)
        holdings[reward.unit] = tally.holding
    return settled(account, tallies), entries, returned


def outstanding(reward: Reward) -> Reward:
    """The reward as it was before its end: it waits to be used, for as long as it always might."""
    return reward.evolve(
        state=RewardState.OUTSTANDING, ended_at=None, ended_by=None, purchase_id=None, due_at=reward.expires_at
    )


def is_over(reward: Reward, context: Context) -> bool:
    """Whether the time in which a reward may be used is over."""
    return reward.expires_at is not None and reward.expires_at <= context.now


def refuse_over(reward: Reward, context: Context) -> None:
    """Refuse a reward whose time is over: it would only expire.

    Raises:
        Refused: `reward_expired`.
    """
    if is_over(reward, context):
        raise Refused("reward_expired")
