"""Caps: what a rule may still give an account in a day, week, month, …, and what it has given there.

The account keeps one counter for each capped rule and period, so a purchase costs the same whatever was bought before,
and a programme without caps keeps none. A counter stands for what the period's purchases are worth: what a refund or a
cancellation takes back may be earned again there, save where the programme waives what refunds don't find. Purchases
that came in between and earned less are not reckoned anew.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from contracts.programme.earning import Cap, EarningRule
from contracts.programme.rewards import Shortfall
from contracts.rewards import PurchaseState
from workers import Context
from workers.rewards.documents import Account, Counter, Purchase
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
                spare = cap.amount - self.account.counted(rule.code, name_of(cap, day))
            amount = min(amount, max(0, spare + own))
        return amount


def counters_after(account: Account, before: Purchase | None, after: Purchase, context: Context) -> tuple[Counter, ...]:
    """The account's counters once a purchase has changed; those whose period is long over are forgotten."""
    rules = context.programme.rewards
    moved = _moved(before, after, context) if rules.capped else {}
    if not moved:
        return account.counters
    today = local_day(context)
    memory = timedelta(days=rules.cap_memory_days)
    counts = {
        (each.what, each.period): each
        for each in account.counters
        if each.ends_on is None or today <= each.ends_on + memory
    }
    for (what, period), (amount, ends_on) in moved.items():
        if amount < 0 and rules.shortfall is Shortfall.WAIVE:
            continue
        held = counts[what, period].amount if (what, period) in counts else 0
        counts[what, period] = Counter(what=what, period=period, amount=max(0, held + amount), ends_on=ends_on)
    return tuple(each for each in counts.values() if each.amount)


def _moved(
    before: Purchase | None, after: Purchase, context: Context
) -> dict[tuple[str, str], tuple[int, date | None]]:
    """By rule and period, by how much what capped rules gave has changed, and when the period ends."""
    capped = context.programme.rewards.capped
    moved: dict[tuple[str, str], tuple[int, date | None]] = {}
    for sign, purchase in ((-1, before), (1, after)):
        worth = {} if purchase is None else worth_by_rule(purchase, capped)
        if purchase is None or not worth:
            continue
        day, today = day_of(purchase, context), local_day(context)
        for code, amount in worth.items():
            for cap in capped[code].caps:
                if is_remembered(cap, day, today, context):
                    key = (code, name_of(cap, day))
                    moved[key] = (moved.get(key, (0, None))[0] + sign * amount, last_day(cap, day))
    return {key: change for key, change in moved.items() if change[0]}


def summed(mine: Sequence[Counter], other: Sequence[Counter]) -> tuple[Counter, ...]:
    """The counters of two accounts that have become one."""
    counts = {(each.what, each.period): each for each in mine}
    for each in other:
        held = counts.get((each.what, each.period))
        amount = each.amount if held is None else held.amount + each.amount
        counts[each.what, each.period] = Counter(
            what=each.what, period=each.period, amount=amount, ends_on=each.ends_on
        )
    return tuple(counts.values())


def worth_by_rule(purchase: Purchase, rules: Mapping[str, EarningRule]) -> dict[str, int]:
    """What these rules' earnings of a purchase are worth after refunds, pending or not."""
    earnings = [earning for earning in purchase.earnings if earning.rule in rules]
    if not earnings or purchase.state is PurchaseState.CANCELLED:
        return {}
    left = what_is_left(purchase.lines, purchase.refunds) if purchase.refunds else None
    return {earning.rule: worth_of(earning, left) for earning in earnings}


def is_remembered(cap: Cap, day: date, today: date, context: Context) -> bool:
    """Whether the account still knows what was given in the period of a day."""
    ends_on = last_day(cap, day)
    memory = timedelta(days=context.programme.rewards.cap_memory_days)
    return ends_on is None or today <= ends_on + memory


def last_day(cap: Cap, day: date) -> date | None:
    """The last day of a cap's period; None if it has no end."""
    next_day = cap.per.next_day(day)
    return None if next_day == date.max else next_day - timedelta(days=1)


def name_of(cap: Cap, day: date) -> str:
    """What a counter calls the period of a day."""
    return f"{cap.per.value} {cap.per.first_day(day).isoformat()}"


def day_of(purchase: Purchase, context: Context) -> date:
    """The day of a purchase in the programme's zone."""
    return (purchase.purchased_at or context.now).astimezone(context.programme.zone).date()


def local_day(context: Context) -> date:
    """Today in the programme's zone."""
    return context.now.astimezone(context.programme.zone).date()
