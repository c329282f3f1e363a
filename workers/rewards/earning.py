"""What purchases earn, by which rule, and until when it can be spent: whole numbers and calendar days, nothing else."""

from calendar import monthrange
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from contracts.programme import Programme
from contracts.programme.rewards import EarningRule, ValidUntil
from contracts.rewards import PurchaseLine
from workers.rewards.documents import Earning, Refund, Terms

Capped = Callable[[EarningRule, date, int], int]


class Left(NamedTuple):
    """What is left of a receipt line after refunds."""

    items: int
    price_minor: int


def earnings(
    programme: Programme,
    lines: Sequence[PurchaseLine],
    *,
    store: str,
    card_category: str,
    purchased_at: datetime,
    tiers: Collection[str] = (),
    capped: Capped | None = None,
) -> tuple[Earning, ...]:
    """What lines bought in a store at a time earn, one for each rule that gives anything.

    `capped` says what caps leave of an amount.
    """
    at = purchased_at.astimezone(programme.zone).replace(tzinfo=None)
    day = at.date()
    schemes = programme.rewards.schemes_by_code
    found: list[Earning] = []
    for rule in programme.rewards.earning:
        if not rule.applies(store, card_category, at, tiers):
            continue
        if rule.scheme is not None and not schemes[rule.scheme].runs(store, day):
            continue
        items = price_minor = 0
        matching: list[int] = []
        for line in lines:
            if rule.matches(line.product, line.category):
                items += line.quantity
                price_minor += line.price_minor
                matching.append(line.line)
        amount = rule.rate.earned(items, price_minor) if matching else 0
        if amount and rule.caps and capped is not None:
            amount = capped(rule, day, amount)
        if amount:
            found.append(
                Earning(
                    rule=rule.code,
                    unit=rule.unit,
                    amount=amount,
                    lines=tuple(matching),
                    rate=rule.rate,
                    terms=terms_of(rule, day, programme.time_zone),
                )
            )
    return tuple(found)


def terms_of(rule: EarningRule, day: date, time_zone: str) -> Terms:
    """From when until when what a rule gives on a day can be spent."""
    return lot_terms(day, rule.available_after_days, rule.expires_after_months, rule.valid_until, time_zone)


@lru_cache(maxsize=4096)
def lot_terms(day: date, wait_days: int, months: int | None, valid_until: ValidUntil, time_zone: str) -> Terms:
    """From when until when units can be spent that are given on a day, wait so long and last so long."""
    first_day = day + timedelta(days=wait_days)
    last_day = None if months is None else months_later(day, months)
    if last_day is not None and valid_until is ValidUntil.END_OF_MONTH:
        last_day = last_day.replace(day=monthrange(last_day.year, last_day.month)[1])
    name = "never" if last_day is None else last_day.isoformat()
    return Terms(
        id=f"{first_day.isoformat()}/{name}" if wait_days else name,
        available_at=midnight(first_day, time_zone) if wait_days else None,
        expires_at=None if last_day is None else midnight(last_day + timedelta(days=1), time_zone),
    )


def months_later(day: date, months: int) -> date:
    """The same day of the month so many months later, or that month's last day where it is shorter."""
    years, month = divmod(day.month - 1 + months, 12)
    year = day.year + years
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def midnight(day: date, time_zone: str) -> datetime:
    """The instant, in UTC, at which a day begins in a time zone."""
    return datetime.combine(day, time(), ZoneInfo(time_zone)).astimezone(UTC)


def what_is_left(lines: Sequence[PurchaseLine], refunds: Sequence[Refund]) -> dict[int, Left]:
    """What is left of each line after refunds; of a line whose items are all back nothing is, whatever it cost."""
    items = {line.line: line.quantity for line in lines}
    prices = {line.line: line.price_minor for line in lines}
    for refund in refunds:
        for back in refund.lines if refund.undone_at is None else ():
            if back.line in items:
                items[back.line] = max(0, items[back.line] - back.quantity)
                prices[back.line] = max(0, prices[back.line] - back.price_minor)
    return {number: Left(items[number], prices[number] if items[number] else 0) for number in items}


def worth_of(earning: Earning, left: Mapping[int, Left] | None) -> int:
    """What an earning is worth when this is left of its purchase; None: nothing of that came back."""
    return earning.amount if left is None else still_earned(earning, left)


def still_earned(earning: Earning, left: Mapping[int, Left]) -> int:
    """What of an earning stays when this is left of the purchase's lines, by the rate that it was earned by.

    It is what the lines would have earned had they been all that was bought, so partial refunds never take back more
    than was earned in all, and the last one takes what remains.
    """
    remaining = [left[number] for number in earning.lines if number in left]
    items = sum(line.items for line in remaining)
    if not items:
        return 0
    price_minor = sum(line.price_minor for line in remaining)
    return min(earning.amount, earning.rate.earned(items, price_minor))
