"""What a change of a purchase moves on its account: only the difference between what it was and is worth."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from contracts.adjustments import ReturnRewards
from contracts.messages import Command
from contracts.programme.rewards import Shortfall
from contracts.rewards import Earned, PurchaseState, TakenBack, UnitChange
from workers import Context
from workers.rewards.caps import cap_moves, local_day
from workers.rewards.counters import counted
from workers.rewards.coupon_use import OVER, coupons_back
from workers.rewards.documents import Account, Cause, Earning, LedgerEntry, Lot, Purchase, Terms
from workers.rewards.earning import still_earned, what_is_left
from workers.rewards.ledger import Tally, balances, settled
from workers.rewards.purchase_parts import Posted
from workers.rewards.reckoning import reckonings, tier_moves

COUNTING: Final = (PurchaseState.PENDING, PurchaseState.CONFIRMED, PurchaseState.REFUNDED)
TAKING_BACK: Final = (Cause.REVISION, Cause.REFUND, Cause.CANCELLATION)


@dataclass(slots=True)
class Returnable:
    """What was taken of a unit and is given back: first what wasn't taken at all, then debts, then into its lots."""

    forgone: int = 0
    owed: int = 0
    drawn: tuple[Lot, ...] = ()

    def into(self, tally: Tally, terms: Terms, amount: int, rule: str, undoing: "Undoing", context: Context) -> None:
        """Give so much back; what is more than was taken is given with these terms.

        What became a debt may have been paid since, by units that are gone: it comes back as if it were added today.
        """
        waived = min(self.forgone, amount)
        tally.forgone -= waived
        self.forgone -= waived
        owed = min(self.owed, amount - waived)
        if owed:
            tally.credit(undoing.fresh, owed, rule)
            self.owed -= owed
        left, kept = amount - waived - owed, []
        for lot in self.drawn:
            part = min(lot.amount, left)
            if part:
                tally.credit(lot.terms, part, rule, context.now)
            if lot.amount > part:
                kept.append(Lot(terms=lot.terms, amount=lot.amount - part))
            left -= part
        self.drawn = tuple(kept)
        if left:
            tally.credit(terms, left, rule, context.now)


@dataclass(frozen=True, slots=True)
class Undoing:
    """What a booking takes back, by unit: which entry, and what that had taken."""

    entries: Mapping[str, str]
    taken: Mapping[str, Returnable]
    fresh: Terms
    """Of what is added today."""


@dataclass(frozen=True, slots=True)
class Booking:
    """What came of a change: documents to yield, and by unit what it moved."""

    account: Account
    purchase: Purchase
    entries: tuple[LedgerEntry, ...]
    tallies: Mapping[str, Tally]
    asks: tuple[Command, ...] = ()
    """What follows from the purchase and is for messages of their own."""


def shares(purchase: Purchase | None) -> tuple[tuple[Earning, int], ...]:
    """What each rule's earning is worth after refunds; nothing while the purchase doesn't count."""
    if purchase is None or purchase.state not in COUNTING:
        return ()
    if not purchase.refunds:
        return tuple((earning, earning.amount) for earning in purchase.earnings)
    left = what_is_left(purchase.lines, purchase.refunds)
    return tuple((earning, still_earned(earning, left)) for earning in purchase.earnings)


def counting_state(purchase: Purchase, *, is_confirmed: bool) -> PurchaseState:
    """What a purchase that counts is: confirmed or not, or wholly come back."""
    if not is_confirmed:
        return PurchaseState.PENDING
    if purchase.refunds and not any(left.items for left in what_is_left(purchase.lines, purchase.refunds).values()):
        return PurchaseState.REFUNDED
    return PurchaseState.CONFIRMED


def book(
    account: Account,
    before: Purchase | None,
    after: Purchase,
    cause: Cause,
    context: Context,
    undoing: Undoing | None = None,
) -> Booking:
    """Move the difference between a purchase before and after; the purchase remembers entries and answer."""
    rules = context.programme.rewards
    tallies = _moved(account, before, after, context, undoing)
    posted = {each.unit: each.entry_id for each in after.posted}
    entries: list[LedgerEntry] = []
    for unit, tally in tallies.items():
        if not tally.has_moved:
            continue
        entry = tally.entry(
            account.id,
            cause,
            context,
            actor=after.actor if cause is Cause.PURCHASE else None,
            undoes=_undone(unit, cause, posted, undoing),
            purchase_id=after.id,
        )
        entries.append(entry)
        if unit not in posted or (cause not in TAKING_BACK and undoing is None):
            posted[unit] = entry.id

    changed = settled(account, tallies.values())
    # What a programme waives was never given back to the caps, so undoing takes nothing of them.
    is_capped = undoing is None or rules.shortfall is not Shortfall.WAIVE
    caps = cap_moves(before, after, context) if is_capped and rules.counts else ()
    moves = (*caps, *tier_moves(before, after, context)) if rules.counts else ()
    if moves:
        changed = changed.evolve(counters=counted(account, moves, local_day(context)))
    purchase = after.evolve(
        posted=tuple(Posted(unit=unit, entry_id=entry_id) for unit, entry_id in posted.items()),
        balances=balances(changed, context.now, rules.shortfall),
    )
    asks = (*returned_with(before, purchase, context), *(reckonings(changed, context) if moves else ()))
    return Booking(changed, purchase, tuple(entries), tallies, asks)


def returned_with(before: Purchase | None, after: Purchase, context: Context) -> tuple[Command, ...]:
    """What a sale that is over now gives back besides: coupons and rewards that were used in it, if any were."""
    was_over = before is not None and before.state in OVER
    if after.state not in OVER or was_over or not context.programme.rewards.offers:
        return coupons_back(before, after, context)
    return (*coupons_back(before, after, context), ReturnRewards(purchase_id=after.id))


def _undone(unit: str, cause: Cause, posted: Mapping[str, str], undoing: Undoing | None) -> str | None:
    """The entry that an entry takes back."""
    if undoing is not None:
        return undoing.entries.get(unit, posted.get(unit))
    return posted.get(unit) if cause in TAKING_BACK else None


def _moved(
    account: Account, before: Purchase | None, after: Purchase, context: Context, undoing: Undoing | None
) -> dict[str, Tally]:
    """Tallies by unit: what is pending, what is given, then what is taken, so that nothing is owed for a moment."""
    shortfall = context.programme.rewards.shortfall
    tallies: dict[str, Tally] = {}
    changes: dict[tuple[str, str, str], int] = {}
    terms: dict[str, Terms] = {}
    for sign, purchase in ((-1, before), (1, after)):
        for earning, amount in shares(purchase):
            if earning.unit not in tallies:
                tallies[earning.unit] = Tally(account.holding(earning.unit))
            if purchase is not None and purchase.state is PurchaseState.PENDING:
                tallies[earning.unit].promise(sign * amount)
                continue
            terms[earning.terms.id] = earning.terms
            key = (earning.unit, earning.terms.id, earning.rule)
            changes[key] = changes.get(key, 0) + sign * amount
    for (unit, terms_id, rule), amount in changes.items():
        if amount > 0 and undoing is not None and unit in undoing.taken:
            undoing.taken[unit].into(tallies[unit], terms[terms_id], amount, rule, undoing, context)
        elif amount > 0:
            tallies[unit].credit(terms[terms_id], amount, rule, context.now)
    for (unit, terms_id, rule), amount in changes.items():
        if amount < 0:
            tallies[unit].take_back(terms[terms_id], -amount, context.now, shortfall, rule)
    return tallies


def earned(purchase: Purchase) -> tuple[Earned, ...]:
    """What a purchase earned and why, as others are told."""
    return tuple(
        Earned(rule=earning.rule, unit=earning.unit, amount=earning.amount, lines=earning.lines)
        for earning in purchase.earnings
    )


def changes(before: Purchase | None, after: Purchase) -> tuple[UnitChange, ...]:
    """By how much the worth of a purchase changed, unit by unit."""
    by_unit: dict[str, int] = {}
    for sign, purchase in ((-1, before), (1, after)):
        for earning, amount in shares(purchase):
            by_unit[earning.unit] = by_unit.get(earning.unit, 0) + sign * amount
    return tuple(UnitChange(unit=unit, amount=amount) for unit, amount in by_unit.items() if amount)


def taken_back(before: Purchase, booking: Booking) -> tuple[TakenBack, ...]:
    """What the refunds of a purchase took, since it was `before`."""
    return tuple(
        TakenBack(
            unit=change.unit,
            amount=-change.amount,
            owed=booking.tallies[change.unit].owed if change.unit in booking.tallies else 0,
            forgone=booking.tallies[change.unit].forgone if change.unit in booking.tallies else 0,
        )
        for change in changes(before, booking.purchase)
    )
