"""What others may read before members become one: what their accounts come to together."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from contracts.coupons import CouponState
from contracts.programme import Programme
from contracts.rewards import RewardState, UnitBalance
from workers.rewards.counters import given_twice, summed
from workers.rewards.counts import HeldTier
from workers.rewards.coupon_documents import Coupon
from workers.rewards.documents import Account, Reward
from workers.rewards.ledger import Tally, balances, settled
from workers.rewards.ledger_views import LedgerViews
from workers.rewards.offer_views import MOST_OFFERS, OfferViews
from workers.rewards.singles import needless


class Together(NamedTuple):
    """What several accounts come to as one."""

    balances: tuple[UnitBalance, ...]
    rewards: tuple[Reward, ...]
    """Those that wait to be used."""
    coupons: tuple[Coupon, ...]
    """Those that can be used, less what a person is given once and these were given several times."""
    tiers: tuple[HeldTier, ...]
    """The highest in each status system; what counts is reckoned anew then."""


class MergeViews(OfferViews, LedgerViews):
    """Read-only queries over what would become one.

    Every one raises `runtime.store.Away` when MongoDB can't be reached.
    """

    async def together(self, card_numbers: Sequence[str], programme: Programme, now: datetime) -> Together | None:
        """What the accounts of these cards come to as one; None if none of them is known."""
        by_card = await self.accounts_by_card(card_numbers)
        accounts = list(
            {each.id: each for number in card_numbers if (each := by_card.get(number)) is not None}.values()
        )
        if not accounts:
            return None
        one = accounts[0]
        codes: list[tuple[str, ...]] = []
        for each in accounts[1:]:
            codes += given_twice(one.counters, each.counters)
            one = joined(one, each, programme, now)
        rewards = [reward for each in accounts for reward in await self._outstanding(each.id)]
        coupons = [coupon for each in accounts for coupon in await self.coupons(each.id, state=CouponState.ISSUED)]
        by_code = {coupon.id: coupon for coupon in coupons}
        for given in codes:
            twins = [by_code.get(code) or await self.coupon(code) for code in given]
            for coupon in needless(one, [each for each in twins if each is not None], now):
                by_code.pop(coupon.id, None)
        shown = balances(one, now, programme.rewards.shortfall)
        return Together(shown, tuple(rewards), tuple(by_code.values()), one.tiers)

    async def _outstanding(self, account_id: str) -> list[Reward]:
        where = {"account_id": {"$in": await self._owned(account_id)}, "state": RewardState.OUTSTANDING.value}
        return await self._reader.find(Reward, where, sort=(("issued_at", -1),), limit=MOST_OFFERS)


def joined(account: Account, left: Account, programme: Programme, now: datetime) -> Account:
    """An account with what another has, as merging would make it."""
    tallies: list[Tally] = []
    for holding in left.holdings:
        tallies.append(Tally(account.holding(holding.unit)))
        tallies[-1].take_over(holding, now)
    tiers = [
        max(account.held_tier(system.code), left.held_tier(system.code), key=lambda held: system.rank(held.tier))
        for system in programme.rewards.tier_systems
    ]
    return settled(account, tallies).evolve(
        absorbed=(*account.absorbed, left.id, *left.absorbed),
        counters=summed(account.counters, left.counters),
        tiers=tuple(each for each in tiers if each.tier is not None),
    )
