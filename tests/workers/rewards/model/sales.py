"""A receipt: what was bought, what of it came back, and what by which rule the rest is worth."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from tests.workers.rewards.model.switches import DAY, local, midnight_after, months_after
from tests.workers.rewards.model.units import NEVER_ENDS, Taken, Terms

Line = tuple[int, int, bool]
"""Items, price, whether it is coffee."""
Back = tuple[int, int, int]
"""Line number, items, price."""
Lines = Sequence[Line]

UNIT_OF = {"coffee_stamp": "stamps", "points_per_euro": "points", "slow": "points", "capped": "stamps"}
"""The rules, in the programme's order: a stamp a coffee, a point a euro, three points that ripen and a capped stamp
for anything else."""
EARNS: Mapping[str, Callable[[Lines], int]] = {
    "coffee_stamp": lambda lines: sum(items for items, _, is_coffee in lines if is_coffee),
    "points_per_euro": lambda lines: sum(price for _, price, _ in lines) // 100,
    "slow": lambda lines: 3 * sum(items for items, _, is_coffee in lines if not is_coffee),
    "capped": lambda lines: sum(items for items, _, is_coffee in lines if not is_coffee),
}


@dataclass
class Sale:
    """A receipt; without lines only refunds of it are known, and without an account it waits for its card."""

    at: datetime
    lines: tuple[Line, ...] = ()
    account: str | None = None
    awaits: str | None = None
    is_paid: bool = False
    is_cancelled: bool = False
    earned: dict[str, int] = field(default_factory=dict)
    granted: int = 0
    """All that the capped rule ever gave for it."""
    past: list[tuple[Line, ...]] = field(default_factory=list)
    refunds: dict[str, tuple[Back, ...]] = field(default_factory=dict)
    undone: set[str] = field(default_factory=set)
    """Refunds that were taken back."""
    took: dict[str, dict[str, Taken]] = field(default_factory=dict)
    """What each refund took of each unit."""
    prizes_back: list[int] = field(default_factory=list)
    coupons_back: list[int] = field(default_factory=list)
    """What came back with it when it was over."""
    ends_at: datetime | None = None

    def left(self) -> list[Line]:
        """What of each line didn't come back; whatever is named that isn't there counts for nothing."""
        left = [list(line) for line in self.lines]
        for back in [each for name, each in self.refunds.items() if name not in self.undone]:
            for number, items, price in back:
                if number <= len(left):
                    left[number - 1][0] = max(0, left[number - 1][0] - items)
                    left[number - 1][1] = max(0, left[number - 1][1] - price)
        return [(line[0], line[1] if line[0] else 0, bool(line[2])) for line in left]

    def worth(self, rule: str) -> int:
        """What it is worth now by a rule: what is left earns by the sale's rate, never more than the sale did."""
        if self.is_cancelled or self.account is None:
            return 0
        return min(self.earned.get(rule, 0), EARNS[rule](self.left()))

    def paid_worth(self, unit: str) -> int:
        """What it is worth in a unit, once it is paid for."""
        return sum(self.worth(rule) for rule, each in UNIT_OF.items() if each == unit) if self.is_paid else 0

    def terms(self, rule: str) -> Terms:
        """From when until when a rule's units can be spent."""
        day = local(self.at)
        if UNIT_OF[rule] == "stamps":
            return NEVER_ENDS
        if rule == "slow":
            return midnight_after(day + 13 * DAY), months_after(day, 2)
        return None, months_after(day, 12)

    @property
    def is_over(self) -> bool:
        """Whether it was cancelled, or all of it came back."""
        if self.is_cancelled:
            return True
        all_back = bool(self.refunds.keys() - self.undone) and not any(line[0] for line in self.left())
        return self.account is not None and self.is_paid and all_back
