"""A second telling of the rules, written for tests: plain numbers in dictionaries, nothing of the worker's own.

It knows one account, under the rules of `counter.RULES` with no caps: a stamp for each coffee, a point for each whole
euro that lasts to the end of the day twelve months later. Each operation says whether the rules allow it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

Line = tuple[int, int, bool]
"""Items, price, whether it is coffee."""
Back = tuple[int, int, int]
"""Line number, items, price."""
Lots = dict[datetime | None, int]
BERLIN = ZoneInfo("Europe/Berlin")
DAY = timedelta(days=1)
PRICES: Mapping[str, tuple[str, int, timedelta | None]] = {
    "coffee": ("stamps", 10, 90 * DAY),
    "cake": ("points", 50, None),
}


def midnight_after(year: int, month: int, day: int) -> datetime:
    """The instant at which a day in Berlin is over."""
    next_day = datetime(year, month, day, tzinfo=UTC).date() + DAY
    return datetime.combine(next_day, time(), BERLIN).astimezone(UTC)


@dataclass
class Unit:
    """What there is of a unit."""

    lots: Lots = field(default_factory=dict)
    debt: int = 0
    pending: int = 0
    held: int = 0

    @property
    def balance(self) -> int:
        return sum(self.lots.values()) - self.debt


@dataclass
class Sale:
    """A receipt; without lines only refunds of it are known."""

    at: datetime
    lines: tuple[Line, ...] = ()
    is_paid: bool = False
    is_cancelled: bool = False
    past: list[tuple[Line, ...]] = field(default_factory=list)
    refunds: dict[str, tuple[Back, ...]] = field(default_factory=dict)
    ends_at: datetime | None = None

    def left(self) -> list[Line]:
        """What of each line didn't come back; whatever is named that isn't there counts for nothing."""
        left = [list(line) for line in self.lines]
        for back in self.refunds.values():
            for number, items, price in back:
                if number <= len(left):
                    left[number - 1][0] = max(0, left[number - 1][0] - items)
                    left[number - 1][1] = max(0, left[number - 1][1] - price)
        return [(line[0], line[1] if line[0] else 0, bool(line[2])) for line in left]

    def worth(self) -> dict[str, int]:
        """What it is worth now, by unit: never more than it was before anything came back."""
        if self.is_cancelled:
            return {"stamps": 0, "points": 0}
        left = self.left()
        return {
            "stamps": sum(items for items, _, is_coffee in left if is_coffee),
            "points": min(sum(line[1] for line in self.lines), sum(line[1] for line in left)) // 100,
        }

    @property
    def is_over(self) -> bool:
        """Whether it was cancelled, or all of it came back."""
        return self.is_cancelled or (self.is_paid and bool(self.refunds) and not any(line[0] for line in self.left()))


@dataclass
class Prize:
    """A reward that was bought."""

    unit: str
    price: int
    paid: Lots
    expires_at: datetime | None
    state: Literal["outstanding", "used", "removed", "expired"] = "outstanding"
    sale: str | None = None


@dataclass
class Change:
    """An adjustment: what it added until when, or took from which lots and left owing."""

    unit: str
    amount: int
    expires_at: datetime | None = None
    drawn: Lots = field(default_factory=dict)
    owed: int = 0
    is_undone: bool = False


class Model:
    """One account, by the rules."""

    def __init__(self, now: datetime, shortfall: str, *, may_exceed: bool) -> None:
        self.now = now
        self.owes = shortfall != "waive"
        self.may_exceed = may_exceed
        self.units = {"stamps": Unit(), "points": Unit()}
        self.sales: dict[str, Sale] = {}
        self.prizes: list[Prize] = []
        self.changes: list[Change] = []

    # what moves units

    def is_dead(self, expires_at: datetime | None) -> bool:
        return expires_at is not None and expires_at <= self.now

    def spendable(self, unit: str) -> int:
        return sum(amount for end, amount in self.units[unit].lots.items() if not self.is_dead(end))

    def add(self, unit: str, amount: int, expires_at: datetime | None) -> None:
        held = self.units[unit]
        paid = 0 if self.is_dead(expires_at) else min(held.debt, amount)
        held.debt -= paid
        if amount > paid:
            held.lots[expires_at] = held.lots.get(expires_at, 0) + amount - paid

    def draw(self, unit: str, amount: int, first: Literal["soonest"] | datetime | None = "soonest") -> Lots:
        """Take from one lot first if it is named, then from what expires soonest; says what it got."""
        lots = self.units[unit].lots
        alive = sorted((end for end in lots if not self.is_dead(end)), key=lambda end: (end is None, end or self.now))
        order = alive if first == "soonest" else [first, *(end for end in alive if end != first)]
        if first != "soonest" and self.is_dead(first):
            order = [first]
        got: Lots = {}
        for end in order:
            part = min(lots.get(end, 0), amount)
            if part:
                got[end] = part
                amount -= part
                lots[end] -= part
                if not lots[end]:
                    del lots[end]
        return got

    def take_back(self, unit: str, amount: int, expires_at: datetime | None) -> None:
        missing = amount - sum(self.draw(unit, amount, expires_at).values())
        if self.owes and not self.is_dead(expires_at):
            self.units[unit].debt += missing

    # sales

    def lasts(self, sale: Sale, unit: str) -> datetime | None:
        if unit == "stamps":
            return None
        day = sale.at.astimezone(BERLIN)
        return midnight_after(day.year + 1, day.month, day.day)

    def change(self, number: str, sale: Sale, before: tuple[dict[str, int], bool]) -> None:
        """Move the difference between what a sale was worth, pending or not, and what it is worth now."""
        old, was_paid = before
        new = sale.worth()
        for unit in self.units:
            gross = old[unit] if was_paid else 0
            net = new[unit] if sale.is_paid else 0
            self.units[unit].pending += (0 if sale.is_paid else new[unit]) - (0 if was_paid else old[unit])
            if net > gross:
                self.add(unit, net - gross, self.lasts(sale, unit))
        for unit in self.units:
            lost = (old[unit] if was_paid else 0) - (new[unit] if sale.is_paid else 0)
            if lost > 0:
                self.take_back(unit, lost, self.lasts(sale, unit))
        if sale.is_over:
            self.bring_back(number)

    def bring_back(self, number: str) -> None:
        for prize in self.prizes:
            if prize.state == "used" and prize.sale == number:
                prize.sale = None
                if self.is_dead(prize.expires_at):
                    prize.state = "removed"
                    self.give_price(prize)
                else:
                    prize.state = "outstanding"
                    self.units[prize.unit].held += prize.price

    def give_price(self, prize: Prize) -> None:
        for end, amount in sorted(prize.paid.items(), key=lambda each: (each[0] is None, each[0] or self.now)):
            self.add(prize.unit, amount, end)

    def record(self, number: str, at: datetime, lines: tuple[Line, ...], *, is_paid: bool) -> bool:
        sale = self.sales.get(number)
        if sale is None or not sale.lines:
            sale = self.sales.setdefault(number, Sale(at))
            sale.at, sale.lines, sale.is_paid = at, lines, is_paid
            sale.ends_at = None if is_paid else self.now + DAY
            self.change(number, sale, ({"stamps": 0, "points": 0}, is_paid))
            return True
        before = (sale.worth(), sale.is_paid)
        was_over = sale.is_over
        if lines == sale.lines:
            if is_paid and not sale.is_paid and not sale.is_cancelled:
                return self.confirm(number)
            return True
        if lines in sale.past:
            return True
        if sale.is_cancelled:
            return False
        sale.past.append(sale.lines)
        sale.lines, sale.is_paid = lines, sale.is_paid or is_paid
        sale.ends_at = None if sale.is_paid else self.now + DAY
        self.change(number, sale, before)
        return was_over or True

    def confirm(self, number: str) -> bool:
        sale = self.sales.get(number)
        if sale is None or not sale.lines or sale.is_cancelled:
            return False
        if not sale.is_paid:
            before = (sale.worth(), False)
            sale.is_paid, sale.ends_at = True, None
            self.change(number, sale, before)
        return True

    def cancel(self, number: str) -> bool:
        sale = self.sales.get(number)
        if sale is None or not sale.lines or sale.is_paid:
            return False
        if not sale.is_cancelled:
            before = (sale.worth(), False)
            sale.is_cancelled, sale.ends_at = True, None
            self.change(number, sale, before)
        return True

    def refund(self, number: str, name: str, back: tuple[Back, ...], wait: timedelta) -> bool:
        sale = self.sales.get(number)
        if sale is not None and name in sale.refunds:
            return sale.refunds[name] == back
        if sale is None or not sale.lines:
            kept = self.sales.setdefault(number, Sale(self.now, ends_at=self.now + wait))
            kept.refunds[name] = back
            return True
        left = sale.left()
        fits = all(
            line <= len(left) and items <= left[line - 1][0] and p <= left[line - 1][1] for line, items, p in back
        )
        if sale.is_cancelled or not fits:
            return False
        before = (sale.worth(), sale.is_paid)
        sale.refunds[name] = back
        self.change(number, sale, before)
        return True

    # rewards

    def redeem(self, code: str) -> bool:
        unit, price, lasts = PRICES[code]
        if self.spendable(unit) < price:
            return False
        self.prizes.append(Prize(unit, price, self.draw(unit, price), None if lasts is None else self.now + lasts))
        self.units[unit].held += price
        return True

    def use(self, index: int, number: str | None) -> bool:
        prize = self.prizes[index]
        sale = None if number is None else self.sales.get(number)
        is_over = sale is not None and bool(sale.lines) and sale.is_over
        if prize.state != "outstanding" or self.is_dead(prize.expires_at) or is_over:
            return False
        prize.state, prize.sale = "used", number
        self.units[prize.unit].held -= prize.price
        return True

    def remove(self, index: int) -> bool:
        prize = self.prizes[index]
        if prize.state != "outstanding" or self.is_dead(prize.expires_at):
            return False
        prize.state = "removed"
        self.units[prize.unit].held -= prize.price
        self.give_price(prize)
        return True

    def restore(self, index: int) -> bool:
        prize = self.prizes[index]
        is_late = prize.state != "removed" or self.is_dead(prize.expires_at)
        if is_late or self.spendable(prize.unit) < prize.price:
            return False
        prize.state, prize.paid = "outstanding", self.draw(prize.unit, prize.price)
        self.units[prize.unit].held += prize.price
        return True

    def unuse(self, index: int) -> bool:
        prize = self.prizes[index]
        if prize.state != "used" or self.is_dead(prize.expires_at):
            return False
        prize.state, prize.sale = "outstanding", None
        self.units[prize.unit].held += prize.price
        return True

    # by hand

    def adjust(self, unit: str, amount: int) -> bool:
        day = self.now.astimezone(BERLIN)
        last = 31 if day.month in (1, 3, 5, 7, 8, 10, 12) else 30
        if day.month == 2:
            last = 29 if (day.year + 1) % 4 == 0 else 28
        lasts = midnight_after(day.year + 1, day.month, last)
        if amount > 0:
            self.changes.append(Change(unit, amount, expires_at=lasts))
            self.add(unit, amount, lasts)
            return True
        if -amount > self.spendable(unit) and not self.may_exceed:
            return False
        drawn = self.draw(unit, -amount)
        owed = (-amount - sum(drawn.values())) if self.owes else 0
        self.units[unit].debt += owed
        self.changes.append(Change(unit, amount, drawn=drawn, owed=owed))
        return True

    def undo(self, index: int) -> bool:
        change = self.changes[index]
        if change.is_undone:
            return False
        change.is_undone = True
        if change.amount > 0:
            self.take_back(change.unit, change.amount, change.expires_at)
            return True
        if change.owed:
            fresh = Model(self.now, "debt", may_exceed=True)
            fresh.adjust(change.unit, 1)
            self.add(change.unit, change.owed, fresh.changes[0].expires_at)
        for end, amount in sorted(change.drawn.items(), key=lambda each: (each[0] is None, each[0] or self.now)):
            self.add(change.unit, amount, end)
        return True

    # time

    def wait(self, for_so_long: timedelta) -> None:
        """Let time pass: waits end, rewards expire, and then what is in lots whose time is over."""
        self.now += for_so_long
        for number, sale in list(self.sales.items()):
            if sale.ends_at is not None and sale.ends_at <= self.now:
                if sale.lines:
                    self.cancel(number)
                else:
                    del self.sales[number]
        for prize in self.prizes:
            if prize.state == "outstanding" and self.is_dead(prize.expires_at):
                prize.state = "expired"
                self.units[prize.unit].held -= prize.price
        for unit in self.units.values():
            unit.lots = {end: amount for end, amount in unit.lots.items() if not self.is_dead(end)}
