"""What counts for tiers, and which tier that is enough for.

What counts in a period stands in a counter of the account, moved by the difference that each purchase and refund makes.
A tier follows from two of them: what was reached in the period before holds to the end of this one, and more can be
reached in this one at once. So at a period's end nothing needs to be moved, only looked at again.
"""

from datetime import date, timedelta
from functools import lru_cache

from contracts.messages import Command
from contracts.programme.periods import Period
from contracts.programme.tiers import TierSystem
from contracts.rewards import PurchaseState
from contracts.tiers import ReckonTier
from workers import Context
from workers.rewards.caps import local_day, name_of
from workers.rewards.counters import Move
from workers.rewards.counts import HeldTier
from workers.rewards.documents import Account, Purchase
from workers.rewards.earning import what_is_left, worth_of

PAID = (PurchaseState.CONFIRMED, PurchaseState.REFUNDED)


def tier_moves(before: Purchase | None, after: Purchase, context: Context) -> list[Move]:
    """By how much what counts for tiers has changed with a purchase."""
    today = local_day(context)
    moves: list[Move] = []
    for system in context.programme.rewards.tier_systems:
        for sign, purchase in ((-1, before), (1, after)):
            amount = 0 if purchase is None else measured(system, purchase)
            if purchase is None or not amount:
                continue
            day = day_that_counts(purchase, context)
            kept_until = remembered_until(system, day)
            if kept_until is None or today <= kept_until:
                moves.append(Move(what_counts(system), name_of(system.period, day), sign * amount, kept_until))
    return moves


def measured(system: TierSystem, purchase: Purchase) -> int:
    """What a purchase counts for a system: what it is worth after refunds, once it is paid for."""
    if purchase.state not in PAID:
        return 0
    left = what_is_left(purchase.lines, purchase.refunds) if purchase.refunds else None
    if system.unit is not None:
        return sum(worth_of(each, left) for each in purchase.earnings if each.unit == system.unit)
    if left is None:
        return sum(line.price_minor for line in purchase.lines)
    return sum(line.price_minor for line in left.values())


def day_that_counts(purchase: Purchase, context: Context) -> date:
    """The day of a purchase; if a till's clock was ahead, the day on which it came in."""
    bought = purchase.purchased_at or context.now
    return min(bought, purchase.recorded_at or bought).astimezone(context.programme.zone).date()


def what_counts(system: TierSystem) -> str:
    """The name of a system's counters; no rule of earning has a space in its code."""
    return f"tier {system.code}"


def what_is_rewarded(system: TierSystem, tier: str) -> str:
    """The name of the counters of how often a tier's reward was given: once a period, if at all."""
    return f"reward {system.code} {tier}"


def remembered_until(system: TierSystem, day: date) -> date | None:
    """The last day on which what counted in a day's period matters: that of the next period."""
    return _end_of_next(system.period, day)


@lru_cache(maxsize=4096)
def _end_of_next(period: Period, day: date) -> date | None:
    return None if period is Period.EVER else period.next_day(period.next_day(day)) - timedelta(days=1)


def progress(system: TierSystem, account: Account, today: date) -> tuple[int, int]:
    """What counts in this period, and what counted in the one before."""
    now = account.counted(what_counts(system), name_of(system.period, today))
    if system.period is Period.EVER:
        return now, 0
    earlier = system.period.first_day(today) - timedelta(days=1)
    return now, account.counted(what_counts(system), name_of(system.period, earlier))


def reached(system: TierSystem, account: Account, today: date) -> str | None:
    """The tier that what counts is enough for."""
    tier = system.reached(max(progress(system, account, today)))
    return None if tier is None else tier.code


def joined_tiers(account: Account, left: Account, context: Context) -> tuple[HeldTier, ...]:
    """The tiers of an account that another goes into: the higher of each system, until they are looked at again."""
    joined: list[HeldTier] = []
    for system in context.programme.rewards.tier_systems:
        both = [account.held_tier(system.code), left.held_tier(system.code)]
        joined.append(max(both, key=lambda held: (system.rank(held.tier), held.is_by_hand(context.now))))
    return tuple(each for each in joined if each.tier is not None or each.held_until is not None)


def all_reckonings(account: Account, context: Context) -> tuple[Command, ...]:
    """Ask for a look at every tier."""
    systems = context.programme.rewards.tier_systems
    return tuple(ReckonTier(account_id=account.id, system=system.code) for system in systems)


def reckonings(account: Account, context: Context) -> tuple[Command, ...]:
    """Ask for a look at each tier that isn't what an account has reached, and isn't held by hand."""
    today = local_day(context) if context.programme.rewards.tier_systems else date.min
    asked: list[Command] = []
    for system in context.programme.rewards.tier_systems:
        held = account.held_tier(system.code)
        if not held.is_by_hand(context.now) and held.tier != reached(system, account, today):
            asked.append(ReckonTier(account_id=account.id, system=system.code))
    return tuple(asked)
