"""Why a balance is what it is: each part's origin and what became of the rest, by replaying the newest of the ledger.

What is read is bounded: the account's lots, and its newest entries. What a lot held before those is known all the same
(it is what is there now less what they did), so the parts always add up to the balance, and what came from further back
is one part that says so. Within a lot the oldest is spent first, but a sale's refund and an adjustment's undoing take
what that sale and that adjustment had brought.
"""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain

from workers.rewards.booking import shares
from workers.rewards.documents import Account, EntryPart, LedgerEntry, Purchase, Reward, Terms

Place = tuple[str, str, str | None]
"""An account, a unit and a lot; None where it is about what is owed."""


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of some units: the entry that took them, or the debt that they paid."""

    entry: LedgerEntry | None
    """None: a debt from before the entries that were read."""
    amount: int
    is_debt: bool = False
    """Whether they paid what that entry had left owing."""


@dataclass(slots=True)
class Given:
    """Units that one entry gave (or, among debts, owed); None: an entry from before those that were read."""

    entry: LedgerEntry | None
    rule: str | None
    amount: int
    left: int
    became: list[Fate] = field(default_factory=list)

    def take(self, amount: int, by: LedgerEntry | None, *, is_debt: bool = False) -> int:
        """Take so much of an amount as is left; says how much."""
        part = min(self.left, amount)
        if part:
            self.left -= part
            self.became.append(Fate(by, part, is_debt))
        return part


@dataclass(frozen=True, slots=True)
class LotParts:
    """A lot, and what it is made of, the oldest first."""

    terms: Terms
    amount: int
    parts: tuple[Given, ...]


@dataclass(frozen=True, slots=True)
class Waiting:
    """Units that aren't in the balance: of a purchase that isn't confirmed, or the price of an outstanding reward."""

    amount: int
    purchase_id: str | None = None
    reward_id: str | None = None


@dataclass(frozen=True, slots=True)
class UnitExplained:
    """One unit of an account: `balance` is what its lots hold less what its debts owe."""

    unit: str
    balance: int
    lots: tuple[LotParts, ...]
    debts: tuple[Given, ...]
    pending: tuple[Waiting, ...]
    held: tuple[Waiting, ...]
    given: tuple[Given, ...]
    """Everything that was given by the entries that were read, the newest first, with what became of it."""


def explained(
    account: Account, entries: Sequence[LedgerEntry], purchases: Iterable[Purchase], rewards: Iterable[Reward]
) -> tuple[UnitExplained, ...]:
    """Each unit of an account, by its newest entries, its pending purchases and its outstanding rewards."""
    replay = Replay(account, entries)
    pending, held = list(purchases), list(rewards)
    found: list[UnitExplained] = []
    for holding in account.holdings:
        lots = [
            LotParts(lot.terms, lot.amount, replay.left((account.id, holding.unit, lot.terms.id)))
            for lot in holding.lots
        ]
        waiting = [
            Waiting(amount, purchase_id=purchase.id)
            for purchase in pending
            if (amount := sum(part for earning, part in shares(purchase) if earning.unit == holding.unit))
        ]
        prices = [Waiting(reward.price, reward_id=reward.id) for reward in held if reward.unit == holding.unit]
        found.append(
            UnitExplained(
                unit=holding.unit,
                balance=holding.balance,
                lots=tuple(lots),
                debts=replay.left((account.id, holding.unit, None)),
                pending=with_rest(waiting, holding.pending),
                held=with_rest(prices, holding.held),
                given=tuple(each for unit, each in reversed(replay.given) if unit == holding.unit),
            )
        )
    return tuple(found)


def with_rest(parts: Sequence[Waiting], total: int) -> tuple[Waiting, ...]:
    """Parts that make up a total: what of it they don't explain is one more."""
    rest = total - sum(part.amount for part in parts)
    return (*parts, Waiting(rest)) if rest else tuple(parts)


class Replay:
    """The entries of some accounts, run again from what was there before them to what is there now."""

    def __init__(self, account: Account, entries: Sequence[LedgerEntry]) -> None:
        self.queues: dict[Place, deque[Given]] = {}
        self.given: list[tuple[str, Given]] = []
        now: dict[Place, int] = {}
        for holding in account.holdings:
            now[account.id, holding.unit, None] = holding.debt
            now |= {(account.id, holding.unit, lot.terms.id): lot.amount for lot in holding.lots}
        self._begin(now, entries)
        # Entries of one batch have one time and no order: what they gave goes before what they took.
        for moment in _by_moment(entries):
            for entry, part in _givings(moment):
                self._give(entry, part)
            for entry, part in _takings(moment):
                self._take(entry, part)

    def left(self, place: Place) -> tuple[Given, ...]:
        """What is there now, the oldest first."""
        return tuple(each for each in self.queues.get(place, ()) if each.left)

    def _begin(self, now: Mapping[Place, int], entries: Iterable[LedgerEntry]) -> None:
        before = dict(now)
        for entry in entries:
            for part in entry.parts:
                place = (entry.account_id, entry.unit, part.lot)
                sign = 1 if part.lot is None else -1
                before[place] = before.get(place, 0) + sign * part.amount
        for place, amount in before.items():
            self.queues[place] = deque([Given(None, None, amount, amount)] if amount > 0 else ())

    def _give(self, entry: LedgerEntry, part: EntryPart) -> None:
        amount = abs(part.amount)
        given = Given(entry, part.rule, amount, amount)
        self.queues[entry.account_id, entry.unit, part.lot].append(given)
        if part.lot is not None:
            self.given.append((entry.unit, given))

    def _take(self, entry: LedgerEntry, part: EntryPart) -> None:
        amount = abs(part.amount)
        queue = self.queues[entry.account_id, entry.unit, part.lot]
        while queue and not queue[0].left:
            queue.popleft()  # nothing is taken from it again; to pass it by each time made long histories slow
        own = [each for each in queue if _is_undone(each, entry)] if entry.undoes is not None else []
        paying = None if part.lot is not None else Given(entry, part.rule, amount, amount)
        for each in chain(own, queue):
            taken = each.take(amount, entry)
            amount -= taken
            if paying is not None:
                paying.take(taken, each.entry, is_debt=True)
            if not amount:
                break
        if paying is not None:
            self.given.append((entry.unit, paying))


def _is_undone(given: Given, by: LedgerEntry) -> bool:
    """Whether an entry takes back what this one gave, rather than whatever there is."""
    if given.entry is None or by.undoes is None:
        return False
    if by.purchase_id is not None:
        return given.entry.purchase_id == by.purchase_id
    return given.entry.id == by.undoes


def _by_moment(entries: Sequence[LedgerEntry]) -> list[list[LedgerEntry]]:
    moments: dict[object, list[LedgerEntry]] = {}
    for entry in entries:
        moments.setdefault(entry.at, []).append(entry)
    return list(moments.values())


def _givings(moment: Sequence[LedgerEntry]) -> list[tuple[LedgerEntry, EntryPart]]:
    return [(entry, part) for entry in moment for part in entry.parts if (part.amount > 0) is (part.lot is not None)]


def _takings(moment: Sequence[LedgerEntry]) -> list[tuple[LedgerEntry, EntryPart]]:
    return [(entry, part) for entry in moment for part in entry.parts if (part.amount > 0) is (part.lot is None)]
