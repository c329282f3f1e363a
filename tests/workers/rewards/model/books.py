"""Accounts: which one is whose now, what they hold, what caps leave, which tier they have."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from tests.workers.rewards.model.sales import Sale
from tests.workers.rewards.model.switches import (
    CAP_MEMORY,
    DAY,
    Switches,
    local,
    midnight_after,
    month_before,
    month_of,
)
from tests.workers.rewards.model.units import NEVER_ENDS, Unit, is_dead

CAPS = {"day": 6, "month": 10}
TIERS = ((None, 0), ("silver", 20), ("gold", 100))
TIER_STAMPS = {"silver": 2, "gold": 5}
CardState = Literal["to_issue", "active", "blocked", "replaced", "deleted"]


@dataclass
class Card:
    """What was heard of a card."""

    state: CardState | None = None
    stopped_at: datetime | None = None
    news: int = 0
    member: str | None = None
    member_news: int = 0
    account: str | None = None
    heirs: list[str] = field(default_factory=list)

    @property
    def spends(self) -> bool:
        """Whether it can be spent from."""
        return self.account is not None and self.state == "active"

    @property
    def is_gone(self) -> bool:
        """Whether it leads nowhere any more."""
        return self.state in ("replaced", "deleted")

    def earns(self, late_from: datetime | None = None) -> bool:
        """Whether it earns; of what comes late, what was bought before it stopped counts."""
        if self.state in (None, "to_issue", "active"):
            return True
        return late_from is not None and self.stopped_at is not None and late_from < self.stopped_at


@dataclass
class Purse:
    """An account; it is called after the card that it was opened for."""

    units: dict[str, Unit] = field(default_factory=lambda: {"stamps": Unit(), "points": Unit()})
    tier: str | None = None
    held_until: datetime | None = None
    rewarded: set[tuple[str, tuple[int, int]]] = field(default_factory=set)
    into: str | None = None


def rank(tier: str | None) -> int:
    """How high a tier is."""
    return [name for name, _ in TIERS].index(tier)


class Books:
    """Accounts, and whose they are."""

    def __init__(self, now: datetime, switches: Switches, numbers: tuple[str, ...]) -> None:
        self.now = now
        self.switches = switches
        self.cards = {number: Card() for number in numbers}
        self.purses: dict[str, Purse] = {}
        self.sales: dict[str, Sale] = {}

    def owner(self, account: str | None) -> str | None:
        """The account that what was an account's is in now."""
        while account is not None and (into := self.purses[account].into) is not None:
            account = into
        return account

    def owns(self, number: str, account: str | None) -> bool:
        """Whether a card leads to what is an account's."""
        mine = self.cards[number].account
        return mine is not None and account is not None and self.owner(mine) == self.owner(account)

    def unit(self, account: str | None, unit: str) -> Unit:
        """What an account, or the one that it went into, holds."""
        owner = self.owner(account)
        assert owner is not None
        return self.purses[owner].units[unit]

    def sales_of(self, account: str) -> list[Sale]:
        """What was bought on an account, or on one that went into it."""
        return [each for each in self.sales.values() if each.account and self.owner(each.account) == account]

    # caps

    def capped(self, account: str, at: datetime, amount: int, own: int) -> int:
        """What caps leave of an amount to a sale of this time; `own` is what it is worth already."""
        day = local(at)
        for period, most in CAPS.items():
            in_period = [
                each
                for each in self.sales_of(account)
                if local(each.at) == day or (period == "month" and month_of(local(each.at)) == month_of(day))
            ]
            given = sum(each.worth("capped") if self.switches.owes else each.granted for each in in_period)
            next_day = day + DAY if period == "day" else (day.replace(day=1) + 31 * DAY).replace(day=1)
            is_known = local(self.now) < next_day + CAP_MEMORY
            amount = min(amount, max(0, (most - given if is_known else 0) + own))
        return amount

    # tiers

    def reached(self, account: str) -> str | None:
        """What counts in this month or in the one before is enough for this."""
        month = month_of(local(self.now))
        points = {month: 0, month_before(month): 0}
        for sale in self.sales_of(account):
            bought_in = month_of(local(sale.at))
            if bought_in in points:
                points[bought_in] += sale.paid_worth("points")
        return [name for name, needed in TIERS if max(points.values()) >= needed][-1]

    def reckon(self, account: str) -> None:
        """See which tier it has, unless that is held by hand."""
        purse = self.purses[account]
        if purse.held_until is not None and purse.held_until > self.now:
            return
        tier = self.reached(account)
        self.climb(account, tier)
        purse.tier, purse.held_until = tier, None

    def climb(self, account: str, tier: str | None) -> None:
        """What comes with each tier on the way up, once a month."""
        purse, month = self.purses[account], month_of(local(self.now))
        for name, _ in TIERS[rank(purse.tier) + 1 : rank(tier) + 1]:
            if name is not None and (name, month) not in purse.rewarded:
                purse.rewarded.add((name, month))
                purse.units["stamps"].add(NEVER_ENDS, TIER_STAMPS[name], self.now)

    def assign(self, number: str, tier: str | None, days: int, *, gives_rewards: bool) -> bool:
        """Give a tier by hand, until the end of a day so many days away."""
        card, account = self.cards[number], self.cards[number].account
        if account is None or days < 0 or (card.is_gone and card.member is None):
            return False
        if gives_rewards:
            self.climb(account, tier)
        purse = self.purses[account]
        purse.tier, purse.held_until = tier, midnight_after(local(self.now) + days * DAY)
        return True

    # accounts that become one

    def move(self, left: str, account: str) -> None:
        """Everything of one account goes into another; what counts is summed, the higher tier stays for now."""
        old, new = self.purses[left], self.purses[account]
        old.into = account
        for card in self.cards.values():
            card.account = self.owner(card.account)
        for name, unit in new.units.items():
            unit.take_over(old.units[name], self.now)
        new.rewarded |= old.rewarded
        tiers = [(rank(each.tier), each.held_until is not None and each.held_until > self.now) for each in (new, old)]
        if tiers[1] > tiers[0]:
            new.tier, new.held_until = old.tier, old.held_until
        old.tier = old.held_until = None

    def expire_lots(self) -> None:
        """Take out what is over."""
        for purse in self.purses.values():
            for unit in purse.units.values():
                unit.lots = {terms: part for terms, part in unit.lots.items() if not is_dead(terms, self.now)}
