"""What is kept of changes by hand: the adjustments, and what each operator did today."""

from datetime import date, datetime
from typing import ClassVar

from contracts.adjustments import AdjustmentState
from contracts.messages import Actor
from contracts.values import Personal
from runtime.documents import Document, Index, Part
from workers.rewards.documents import Lot, Terms


class Adjustment(Document):
    """A change of a balance by hand, with all that is needed to take it back.

    What an operator wrote for the member stands beside it, as an `AdjustmentComment`.
    """

    collection: ClassVar = "adjustments"
    indexes: ClassVar = (
        Index(("account_id", "submitted_at")),
        Index(("state", "submitted_at")),
        Index(("due_at",), sparse=True),
    )

    account_id: str
    unit: str
    amount: int
    reason: str
    comment: str
    """What the member is told where nobody wrote anything else: the reason's own words."""
    state: AdjustmentState
    actor: Actor
    submitted_at: datetime
    due_at: datetime | None = None
    """When its wait for a second person ends."""
    second: Actor | None = None
    """Who approved or declined it."""
    ended_at: datetime | None = None
    """When it was applied, declined or left."""
    terms: Terms | None = None
    """Of what was added."""
    drawn: tuple[Lot, ...] = ()
    """What was deducted from which lots; it goes back there if this is undone."""
    owed: int = 0
    """What of a deduction became a debt."""
    entry_id: str | None = None
    undone_at: datetime | None = None
    undone_by: Actor | None = None


class AdjustmentComment(Document):
    """What an operator wrote for the member about an adjustment, whose id it has; it may name a person.

    It stands by itself and not in the ledger or the adjustment, so that it can go when the member is removed.
    """

    collection: ClassVar = "adjustment_comments"
    indexes: ClassVar = (Index(("account_id",)),)

    account_id: str
    text: Personal[str]


class Counted(Part):
    """How much of a unit was added and deducted, taken together."""

    unit: str
    amount: int


class Operator(Document):
    """What is known of one who adjusts balances; its id is the actor's.

    One document holds what they did today whatever the account, so that two adjustments at once meet in it and can't
    pass the day's cap together.
    """

    collection: ClassVar = "operators"

    member_id: str | None = None
    """Which member they are, if any."""
    news: int = 0
    """Registration's version of them of which the newest event told."""
    counted_on: date | None = None
    """The day, in the programme's zone, that the count is of."""
    counted: tuple[Counted, ...] = ()

    def done(self, unit: str, day: date) -> int:
        """How much of a unit they have adjusted on a day; what a clock that runs behind calls yesterday is today."""
        if self.counted_on is None or self.counted_on < day:
            return 0
        return next((each.amount for each in self.counted if each.unit == unit), 0)


class OperatorsOf(Document):
    """Which operators a member is, by the member's id; that of one whom another absorbed stands for the other's."""

    collection: ClassVar = "operators_of"
    alias: ClassVar = "merged_into"

    operator_ids: tuple[str, ...] = ()
    merged_into: str | None = None
    absorbed: tuple[str, ...] = ()
    """Members whom this one absorbed, and whom those had."""
