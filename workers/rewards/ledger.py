"""How one unit of one account moves: lots, debt, what is pending and what is held; every step keeps the sums.

A `Tally` gathers what one message does to one unit and comes to a new holding and at most one ledger entry.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final

from contracts.messages import Actor
from contracts.programme.rewards import Shortfall
from contracts.rewards import UnitBalance
from workers import Context
from workers.rewards.documents import (
    Account,
    Cause,
    EntryPart,
    Holding,
    LedgerEntry,
    Lot,
    Terms,
    has_expired,
    is_available,
    is_spendable,
)

NEVER: Final = datetime.max.replace(tzinfo=UTC)
OWED: Final = Terms(id="")
"""The terms of no lot: a debt is taken from any."""


class Tally:
    """What one message does to one unit of an account."""

    __slots__ = ("amount", "before", "debt", "drawn", "forgone", "held", "lots", "owed", "parts", "pending")

    def __init__(self, before: Holding) -> None:
        self.before = before
        self.lots = list(before.lots)
        self.debt = before.debt
        self.amount = 0
        self.pending = 0
        self.held = 0
        self.owed = 0
        self.forgone = 0
        self.drawn: tuple[Lot, ...] = ()
        """What was taken back, out of which lots."""
        self.parts: list[EntryPart] = []

    def promise(self, amount: int) -> None:
        """Change what is pending."""
        self.pending += amount

    def credit(self, terms: Terms, amount: int, rule: str | None = None, now: datetime | None = None) -> None:
        """Give units: they pay the debt first, the rest joins the lot with the same terms.

        What comes back or late and has expired by `now` pays nothing: it expires, as it would have done in its time.
        """
        paid = 0 if now is not None and has_expired(terms, now) else min(self.debt, amount)
        self.debt -= paid
        self.amount += amount
        if paid:
            self.parts.append(EntryPart(lot=None, amount=paid, rule=rule))
        if amount > paid:
            self._put(terms, amount - paid)
            self.parts.append(EntryPart(lot=terms.id, amount=amount - paid, rule=rule))

    def spend(self, price: int, now: datetime) -> tuple[Lot, ...]:
        """Take a price that the holding can pay, from what expires soonest; says from which lots."""
        return self._draw([lot for lot in self.lots if is_spendable(lot.terms, now)], price)

    def take_back(self, terms: Terms, amount: int, now: datetime, shortfall: Shortfall, rule: str | None) -> None:
        """Take what was once given with these terms: what can't be spent yet first, then the rest, then as debt.

        What was given and has expired was gone before: it isn't taken from what else there is.
        """
        lots = [lot for lot in self.lots if lot.terms.id == terms.id]
        if not has_expired(terms, now):
            others = [lot for lot in self.lots if lot.terms.id != terms.id and not has_expired(lot.terms, now)]
            lots = sorted(lots + others, key=lambda lot: is_available(lot.terms, now))
        drawn = self._draw(lots, amount, rule)
        self.drawn += drawn
        self._lack(
            amount - sum(lot.amount for lot in drawn), Shortfall.WAIVE if has_expired(terms, now) else shortfall, rule
        )

    def deduct(self, amount: int, now: datetime, shortfall: Shortfall) -> tuple[Lot, ...]:
        """Take whatever there is: what can be spent first, then what can't yet, then as debt; says from which lots."""
        lots = [lot for lot in self.lots if not has_expired(lot.terms, now)]
        drawn = self._draw(sorted(lots, key=lambda lot: not is_available(lot.terms, now)), amount)
        self._lack(amount - sum(lot.amount for lot in drawn), shortfall, None)
        return drawn

    def _lack(self, missing: int, shortfall: Shortfall, rule: str | None) -> None:
        if not missing:
            return
        if shortfall is Shortfall.WAIVE:
            self.forgone += missing
            return
        self.owed += missing
        self.debt += missing
        self.amount -= missing
        self.parts.append(EntryPart(lot=None, amount=-missing, rule=rule))

    def empty(self) -> None:
        """Take everything out: lots, debt, what is pending and what is held."""
        self._draw(tuple(self.lots), sum(lot.amount for lot in self.lots))
        if self.debt:
            self.amount += self.debt
            self.parts.append(EntryPart(lot=None, amount=self.debt))
            self.debt = 0
        self.pending -= self.before.pending
        self.held -= self.before.held

    def take_over(self, other: Holding, now: datetime) -> None:
        """Put in all that another account held: lots keep their dates; a debt takes what there is, the rest is owed."""
        for lot in other.lots:
            self.credit(lot.terms, lot.amount, now=now)
        if other.debt:
            self.take_back(OWED, other.debt, now, Shortfall.DEBT, None)
        self.pending += other.pending
        self.held += other.held

    def expire(self, now: datetime) -> int:
        """Take out every lot whose time is over; says how much that was."""
        over = [lot for lot in self.lots if has_expired(lot.terms, now)]
        return sum(lot.amount for lot in self._draw(over, sum(lot.amount for lot in over)))

    def _put(self, terms: Terms, amount: int) -> None:
        for place, lot in enumerate(self.lots):
            if lot.terms.id == terms.id:
                self.lots[place] = Lot(terms=lot.terms, amount=lot.amount + amount)
                return
        self.lots.append(Lot(terms=terms, amount=amount))
        self.lots.sort(key=_soonest)

    def _draw(self, lots: Sequence[Lot], amount: int, rule: str | None = None) -> tuple[Lot, ...]:
        drawn: list[Lot] = []
        for lot in lots:
            part = min(lot.amount, amount)
            if not part:
                break
            amount -= part
            place = self.lots.index(lot)
            self.lots[place : place + 1] = [Lot(terms=lot.terms, amount=lot.amount - part)] if lot.amount > part else []
            self.amount -= part
            self.parts.append(EntryPart(lot=lot.terms.id, amount=-part, rule=rule))
            drawn.append(Lot(terms=lot.terms, amount=part))
        return tuple(drawn)

    @property
    def holding(self) -> Holding:
        """What the account holds of the unit now."""
        before = self.before
        return Holding(
            unit=before.unit,
            balance=before.balance + self.amount,
            pending=before.pending + self.pending,
            held=before.held + self.held,
            debt=self.debt,
            lots=tuple(self.lots),
        )

    @property
    def has_moved(self) -> bool:
        """Whether there is anything to write down: also as many units out of one lot as into another."""
        return bool(self.parts or self.pending or self.held or self.forgone)

    def entry(
        self,
        account_id: str,
        cause: Cause,
        context: Context,
        *,
        actor: Actor | None = None,
        undoes: str | None = None,
        counterpart: str | None = None,
        purchase_id: str | None = None,
        reward_id: str | None = None,
    ) -> LedgerEntry:
        """The ledger entry of what it did, by the message's actor unless another is given."""
        return LedgerEntry(
            id=context.new_id(),
            account_id=account_id,
            unit=self.before.unit,
            amount=self.amount,
            pending=self.pending,
            held=self.held,
            balance_after=self.before.balance + self.amount,
            forgone=self.forgone,
            cause=cause,
            actor=actor or context.actor,
            at=context.now,
            purchase_id=purchase_id,
            reward_id=reward_id,
            parts=tuple(self.parts),
            undoes=undoes,
            counterpart=counterpart,
        )


def _soonest(lot: Lot) -> tuple[datetime, str]:
    return lot.terms.expires_at or NEVER, lot.terms.id


def settled(account: Account, tallies: Iterable[Tally]) -> Account:
    """The account after these tallies; its next version even if nothing moved, so that each event has its own."""
    changed = {tally.before.unit: tally.holding for tally in tallies if tally.has_moved}
    kept = tuple(changed.pop(holding.unit, holding) for holding in account.holdings)
    holdings = (*kept, *changed.values())
    ends = [lot.terms.expires_at for holding in holdings for lot in holding.lots[:1] if lot.terms.expires_at]
    return account.evolve(holdings=holdings, expires_at=min(ends, default=None))


def balances(account: Account, now: datetime, shortfall: Shortfall) -> tuple[UnitBalance, ...]:
    """What an account holds, as others are shown it: a debt stands beside a balance of 0, or makes it negative."""
    shown: list[UnitBalance] = []
    for holding in account.holdings:
        available = immature = 0
        for lot in holding.lots:
            if not is_available(lot.terms, now):
                immature += lot.amount
            elif not has_expired(lot.terms, now):
                available += lot.amount
        is_negative = shortfall is Shortfall.NEGATIVE
        shown.append(
            UnitBalance(
                unit=holding.unit,
                available=available - holding.debt if is_negative else available,
                pending=holding.pending + immature,
                held=holding.held,
                debt=0 if is_negative else holding.debt,
            )
        )
    return tuple(shown)
