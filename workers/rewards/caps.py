"""Caps: what a rule may still give an account in a day, week, month, …, and what it has given there.

The account keeps one counter for each capped rule and period, so a purchase costs the same whatever was bought before,
and a programme without caps keeps none. A counter stands for what the period's purchases are worth: what a refund or a
cancellation takes back may be earned again there, save where the programme waives what refunds don't find. Purchases
that came in between and earned less are not reckoned anew.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache

from contracts.programme.earning import Cap, EarningRule
from contracts.programme.pastimes import Pastime
from contracts.programme.periods import Period
from contracts.programme.rewards import Shortfall
from contracts.rewards import PurchaseState
from workers import Context
from workers.rewards.counters import Move
from workers.rewards.documents import Account, Purchase
from workers.rewards.earning import what_is_left, worth_of


@dataclass(frozen=True, slots=True)
class Allowance:
    """What capped rules may still give an account on a day; what a purchase is worth already it may earn again."""

    account: Account
    before: Purchase | None
    """What a revised receipt was."""
    context: Context

    def __call__(self, rule: EarningRule, day: date, amount: int) -> int:
        """So much of an amount as the rule's caps leave for a purchase on this day."""
        today = local_day(self.context)
        before = self.before if self.before is not None and self.before.state is not PurchaseState.CANCELLED else None
        mine = 0 if before is None else worth_by_rule(before, {rule.code: rule}).get(rule.code, 0)
        was_on = day if before is None else day_of(before, self.context)
        for cap in rule.caps:
            own = mine if cap.per.first_day(was_on) == cap.per.first_day(day) else 0
            spare = 0
            if is_remembered(cap, day, today, self.context):
                spare = cap.amount - self.account.counted(rule.code, name_of(cap.per, day))
            amount = min(amount, max(0, spare + own))
        return amount


def cap_moves(before: Purchase | None, after: Purchase, context: Context) -> list[Move]:
    """By how much what capped rules gave has changed with a purchase; what a programme waives isn't given back."""
    rules = context.programme.rewards
    moved: dict[tuple[str, str], Move] = {}
    today = local_day(context)
    for sign, purchase in ((-1, before), (1, after)):
        if purchase is None:
            continue
        day = day_of(purchase, context)
        for code, amount in worth_by_rule(purchase, rules.capped).items():
            for cap in rules.capped[code].caps:
                if is_remembered(cap, day, today, context):
                    period = name_of(cap.per, day)
                    earlier = moved[code, period].amount if (code, period) in moved else 0
                    kept_until = remembered_until(cap, day, context)
                    moved[code, period] = Move(code, period, earlier + sign * amount, kept_until)
    is_waived = rules.shortfall is Shortfall.WAIVE
    return [move for move in moved.values() if move.amount > 0 or (move.amount < 0 and not is_waived)]


def worth_by_rule(purchase: Purchase, rules: Mapping[str, EarningRule]) -> dict[str, int]:
    """What these rules' earnings of a purchase are worth after refunds, pending or not."""
    earnings = [earning for earning in purchase.earnings if earning.rule in rules]
    if not earnings or purchase.state is PurchaseState.CANCELLED:
        return {}
    left = what_is_left(purchase.lines, purchase.refunds) if purchase.refunds else None
    return {earning.rule: worth_of(earning, left) for earning in earnings}


def is_remembered(cap: Cap, day: date, today: date, context: Context) -> bool:
    """Whether the account still knows what was given in the period of a day."""
    kept_until = remembered_until(cap, day, context)
    return kept_until is None or today <= kept_until


def remembered_until(cap: Cap, day: date, context: Context) -> date | None:
    """The last day on which the account knows what was given in the period of a day; None if it never forgets."""
    return _kept_until(cap.per, day, context.programme.rewards.cap_memory_days)


@lru_cache(maxsize=4096)
def _kept_until(period: Period, day: date, memory_days: int) -> date | None:
    return None if period is Period.EVER else period.next_day(day) + timedelta(days=memory_days - 1)


@lru_cache(maxsize=4096)
def name_of(period: Period, day: date) -> str:
    """What a counter calls the period of a day."""
    return f"{period.value} {period.first_day(day).isoformat()}"


def what_is_done(pastime: Pastime) -> str:
    """The name of the counters of how often an account did it; no rule of earning has a space in its code."""
    return f"pastime {pastime.code}"


def times_done(pastime: Pastime, account: Account, day: date) -> int:
    """How often an account did it in the period of a day."""
    return account.counted(what_is_done(pastime), name_of(pastime.per, day))


def day_of(purchase: Purchase, context: Context) -> date:
    """The day of a purchase in the programme's zone."""
    return (purchase.purchased_at or context.now).astimezone(context.programme.zone).date()


def local_day(context: Context) -> date:
    """Today in the programme's zone."""
    return context.now.astimezone(context.programme.zone).date()
