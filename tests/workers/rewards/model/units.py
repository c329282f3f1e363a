"""What an account holds of a unit, and how that moves."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

Terms = tuple[datetime | None, datetime | None]
"""From when, and until when it can be spent."""
Lots = dict[Terms, int]
NEVER_ENDS: Terms = (None, None)
NEVER = datetime.max.replace(tzinfo=UTC)


def is_dead(terms: Terms, now: datetime) -> bool:
    """Whether its time is over."""
    return terms[1] is not None and terms[1] <= now


def is_ripe(terms: Terms, now: datetime) -> bool:
    """Whether its time has come."""
    return terms[0] is None or terms[0] <= now


def soonest(lots: Iterable[Terms]) -> list[Terms]:
    """What ends soonest first, what never does last; of what ends together that which had to ripen first."""
    return sorted(lots, key=lambda terms: (terms[1] or NEVER, terms[0] is None))


@dataclass
class Taken:
    """What a refund took: from which lots, what is owed for it, and what it did without."""

    drawn: list[tuple[Terms, int]] = field(default_factory=list)
    owed: int = 0
    waived: int = 0

    def join(self, other: "Taken") -> None:
        """Both together."""
        self.drawn += other.drawn
        self.owed += other.owed
        self.waived += other.waived


@dataclass
class Unit:
    """What there is of a unit."""

    lots: Lots = field(default_factory=dict)
    debt: int = 0
    pending: int = 0
    held: int = 0

    @property
    def balance(self) -> int:
        """Lots less debt."""
        return sum(self.lots.values()) - self.debt

    def spendable(self, now: datetime) -> int:
        """What can be spent."""
        return sum(part for terms, part in self.lots.items() if is_ripe(terms, now) and not is_dead(terms, now))

    def add(self, terms: Terms, amount: int, now: datetime) -> None:
        """The debt is paid first, but not by what is over already."""
        paid = 0 if is_dead(terms, now) else min(self.debt, amount)
        self.debt -= paid
        if amount > paid:
            self.lots[terms] = self.lots.get(terms, 0) + amount - paid

    def draw(self, order: Iterable[Terms], amount: int) -> Lots:
        """Take from these lots in this order, and say what was got."""
        got: Lots = {}
        for terms in order:
            part = min(self.lots.get(terms, 0), amount)
            if part:
                got[terms] = part
                amount -= part
                self.lots[terms] -= part
                if not self.lots[terms]:
                    del self.lots[terms]
        return got

    def spend(self, price: int, now: datetime) -> Lots:
        """What ends soonest first."""
        alive = [terms for terms in soonest(self.lots) if is_ripe(terms, now) and not is_dead(terms, now)]
        return self.draw(alive, price)

    def take_back(self, terms: Terms | None, amount: int, now: datetime, *, owes: bool) -> Taken:
        """Take back what was given with these terms: of what isn't ripe first, then the rest, and each time its own.

        What has died since is gone: nothing else is taken for it.
        """
        is_over = terms is not None and is_dead(terms, now)
        alive = [each for each in soonest(self.lots) if not is_dead(each, now)]
        own_first = sorted(alive, key=lambda each: (is_ripe(each, now), each != terms))
        got = self.draw([terms] if is_over and terms is not None else own_first, amount)
        missing = amount - sum(got.values())
        owed = missing if owes and not is_over else 0
        self.debt += owed
        return Taken(list(got.items()), owed, missing - owed)

    def give_back(self, taken: Taken, terms: Terms, fresh: Terms, amount: int, now: datetime) -> None:
        """Of what was taken give so much back: what was done without, what was owed, then into the lots it was in."""
        part = min(taken.waived, amount)
        taken.waived, amount = taken.waived - part, amount - part
        part = min(taken.owed, amount)
        taken.owed, amount = taken.owed - part, amount - part
        if part:
            self.add(fresh, part, now)
        for place, (lot, drawn) in enumerate(taken.drawn):
            part = min(drawn, amount)
            taken.drawn[place], amount = (lot, drawn - part), amount - part
            if part:
                self.add(lot, part, now)
        if amount:
            self.add(terms, amount, now)

    def deduct(self, amount: int, now: datetime, *, owes: bool) -> tuple[Lots, int]:
        """Take what can be spent, then what isn't ripe; says what it got, and what is owed now."""
        alive = [each for each in soonest(self.lots) if not is_dead(each, now)]
        got = self.draw(sorted(alive, key=lambda each: not is_ripe(each, now)), amount)
        owed = amount - sum(got.values()) if owes else 0
        self.debt += owed
        return got, owed

    def take_over(self, other: "Unit", now: datetime) -> None:
        """All that another held: lots keep their dates, and its debt is paid from what there is by then."""
        for terms in soonest(other.lots):
            self.add(terms, other.lots[terms], now)
        self.take_back(None, other.debt, now, owes=True)
        self.pending += other.pending
        self.held += other.held
        other.lots, other.debt, other.pending, other.held = {}, 0, 0, 0
