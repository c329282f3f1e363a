"""Counters of an account: how much fell into a period, moved by what a purchase changes, forgotten in time."""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import NamedTuple

from workers.rewards.counts import Counter
from workers.rewards.documents import Account


class Move(NamedTuple):
    """By how much something in a period changed, and the last day on which the account remembers the period."""

    what: str
    period: str
    amount: int
    kept_until: date | None
    coupon_codes: tuple[str, ...] = ()


def counted(account: Account, moves: Iterable[Move], today: date) -> tuple[Counter, ...]:
    """The account's counters after these moves, without those whose time is over."""
    counts = {
        (each.what, each.period): each
        for each in account.counters
        if each.kept_until is None or today <= each.kept_until
    }
    for move in moves:
        held = counts.get((move.what, move.period))
        amount = move.amount if held is None else held.amount + move.amount
        counts[move.what, move.period] = Counter(
            what=move.what,
            period=move.period,
            amount=max(0, amount),
            kept_until=move.kept_until,
            coupon_codes=move.coupon_codes or (() if held is None else held.coupon_codes),
        )
    return tuple(each for each in counts.values() if each.amount)


def summed(mine: Sequence[Counter], other: Sequence[Counter]) -> tuple[Counter, ...]:
    """The counters of two accounts that have become one."""
    counts = {(each.what, each.period): each for each in mine}
    for each in other:
        held = counts.get((each.what, each.period))
        amount = each.amount if held is None else held.amount + each.amount
        counts[each.what, each.period] = Counter(
            what=each.what,
            period=each.period,
            amount=amount,
            kept_until=each.kept_until,
            coupon_codes=each.coupon_codes if held is None else (*held.coupon_codes, *each.coupon_codes),
        )
    return tuple(counts.values())


def given_twice(mine: Sequence[Counter], other: Sequence[Counter]) -> tuple[tuple[str, ...], ...]:
    """The coupons that came of what is given once and was given on both sides, by what they came of."""
    given = {(each.what, each.period): each.coupon_codes for each in mine if each.coupon_codes}
    return tuple(
        (*given[each.what, each.period], *each.coupon_codes)
        for each in other
        if each.coupon_codes and (each.what, each.period) in given
    )


def given_to_several(counters: Sequence[Counter]) -> tuple[tuple[str, ...], ...]:
    """The coupons that came of what is given once and was given to several who are one by now, by what they came of."""
    return tuple(each.coupon_codes for each in counters if len(each.coupon_codes) > 1)
