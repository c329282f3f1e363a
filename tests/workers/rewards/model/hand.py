"""What operators add and deduct: caps, a second person, and taking it back."""

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal

from tests.workers.rewards.model.books import Books
from tests.workers.rewards.model.switches import APPROVAL, Switches, local, months_after
from tests.workers.rewards.model.units import Lots, Terms

CAP_EACH, CAP_PER_DAY = 20, 30
"""Of stamps."""


@dataclass
class Change:
    """An adjustment: what it added until when, or took from which lots and left owing."""

    account: str
    unit: str
    amount: int
    operator: str
    ends_at: datetime | None = None
    state: Literal["waiting", "applied", "declined", "lapsed", "undone"] = "waiting"
    terms: Terms = (None, None)
    drawn: Lots = field(default_factory=dict)
    owed: int = 0
    is_approved: bool = False
    """Whether a second person agreed to it."""


class Hand(Books):
    """Adjustments."""

    def __init__(self, now: datetime, switches: Switches, numbers: tuple[str, ...]) -> None:
        super().__init__(now, switches, numbers)
        self.changes: list[Change] = []
        self.members: dict[str, str | None] = {}
        """Which member an operator is."""
        self.survivors: dict[str, str] = {}
        self.done: dict[tuple[str, date], int] = {}

    def tie(self, operator: str, member: str | None) -> None:
        """Say which member an operator is; who was absorbed is the other by now."""
        self.members[operator] = self.survivors.get(member, member) if member is not None else None

    def merged(self, stays: str, gone: str) -> None:
        """Two members are one."""
        self.survivors[gone] = stays
        for operator, member in self.members.items():
            self.members[operator] = stays if member == gone else member

    def is_own(self, number: str, operator: str) -> bool:
        """Whether it is the operator's own account."""
        member = self.members.get(operator)
        theirs = {member, *(gone for gone, stays in self.survivors.items() if stays == member)}
        return member is not None and self.cards[number].member in theirs

    def shown(self, account: str, unit: str) -> int:
        """What an operator sees as the balance."""
        held = self.unit(account, unit)
        return held.spendable(self.now) - (held.debt if self.switches.shortfall == "negative" else 0)

    def may_move(self, number: str, unit: str, amount: int, seen: int | None) -> bool:
        """Whether the card is there, the balance is what was seen, and enough to deduct from."""
        account = self.cards[number].account
        if account is None or self.cards[number].is_gone:
            return False
        has_changed = seen is not None and seen != self.shown(account, unit)
        exceeds = -amount > self.unit(account, unit).spendable(self.now)
        return not has_changed and (self.switches.may_exceed or not exceeds)

    def adjust(self, number: str, unit: str, amount: int, operator: str, seen: int | None = None) -> bool:
        account = self.cards[number].account
        if account is None or self.is_own(number, operator) or not self.may_move(number, unit, amount, seen):
            return False
        change = Change(account, unit, amount, operator)
        self.changes.append(change)
        today = (operator, local(self.now))
        so_far = self.done.get(today, 0) + abs(amount)
        if unit == "stamps" and (abs(amount) > CAP_EACH or so_far > CAP_PER_DAY):
            change.ends_at = self.now + APPROVAL
            return True
        if unit == "stamps":
            self.done[today] = so_far
        self.apply(change)
        return True

    def apply(self, change: Change) -> None:
        """Do it."""
        change.state = "applied"
        unit = self.unit(change.account, change.unit)
        if change.amount > 0:
            change.terms = self.added_terms()
            unit.add(change.terms, change.amount, self.now)
        else:
            change.drawn, change.owed = unit.deduct(-change.amount, self.now, owes=self.switches.owes)

    def added_terms(self) -> Terms:
        """What is added today lasts to the end of a month."""
        return None, months_after(local(self.now), 12, to_month_end=True)

    def waits(self, number: str, change: Change, operator: str) -> bool:
        """Whether it waits for this person."""
        is_waiting = change.state == "waiting" and change.ends_at is not None and change.ends_at > self.now
        is_theirs = operator == change.operator or self.is_own(number, operator)
        return self.owns(number, change.account) and is_waiting and not is_theirs

    def approve(self, number: str, index: int, operator: str, seen: int | None = None) -> bool:
        change = self.changes[index]
        if not self.waits(number, change, operator) or not self.may_move(number, change.unit, change.amount, seen):
            return False
        self.apply(change)
        change.is_approved = True
        return True

    def decline(self, number: str, index: int, operator: str) -> bool:
        if not self.waits(number, self.changes[index], operator):
            return False
        self.changes[index].state = "declined"
        return True

    def undo(self, number: str, index: int, operator: str) -> bool:
        change = self.changes[index]
        if not self.owns(number, change.account) or self.is_own(number, operator) or change.state != "applied":
            return False
        if change.is_approved and operator == change.operator:
            return False
        change.state = "undone"
        unit = self.unit(change.account, change.unit)
        if change.amount > 0:
            unit.take_back(change.terms, change.amount, self.now, owes=self.switches.owes)
            return True
        if change.owed:
            unit.add(self.added_terms(), change.owed, self.now)
        for terms, part in change.drawn.items():
            unit.add(terms, part, self.now)
        return True

    def end_waits(self) -> None:
        """What nobody approved in time is over."""
        for change in self.changes:
            if change.state == "waiting" and change.ends_at is not None and change.ends_at <= self.now:
                change.state = "lapsed"
