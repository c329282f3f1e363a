"""What can be said about balances that people change by hand: adjustments, their second person, their undoing."""

from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator

from contracts.messages import OURS, Command, Event
from contracts.persons import PersonalEvent
from contracts.rewards import BalanceEvent, KnownCardNumber, PurchaseId, RewardId, RewardsCommand
from contracts.values import AccountId, Code, Instant, MemberId, MessageId, Personal, Points, Text

AdjustmentId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
MOST_ADJUSTED = 10**9


class AdjustmentState(StrEnum):
    """Where an adjustment is in its life."""

    WAITING = "waiting"
    """It is above what one person may do alone."""
    APPLIED = "applied"
    DECLINED = "declined"
    LAPSED = "lapsed"
    """Nobody approved it in time."""
    UNDONE = "undone"


class OperatorCommand(RewardsCommand):
    """Something that somebody does to an account by hand; what they did before is found by who they are."""

    operator_id: MessageId
    """Who asks: the id of the message's own actor; one that says another is refused."""


class AdjustBalance(OperatorCommand, right="rewards.adjustments.adjusters"):
    """Add stamps or points, or deduct them; above the caps it waits for a second person."""

    unit: Code
    amount: Annotated[int, Field(ge=-MOST_ADJUSTED, le=MOST_ADJUSTED)]
    """Above 0 it is added, below it is deducted."""
    reason: Code
    """Why, for ourselves: one of the programme's reasons."""
    comment: Personal[Text] | None = None
    """Why, in words for the member; by default the reason's own."""
    expected_balance: Points | None = None
    """What could be spent when the operator looked; if it can't be any more they are told, and ask again."""

    @field_validator("amount")
    @classmethod
    def _not_for_nothing(cls, amount: int) -> int:
        if amount == 0:
            raise ValueError("must not be 0")
        return amount


class ApproveAdjustment(OperatorCommand, right="rewards.adjustments.approvers"):
    """Let an adjustment happen that waits for a second person."""

    adjustment_id: AdjustmentId
    expected_balance: Points | None = None
    """As in `AdjustBalance`: what the second person saw."""


class DeclineAdjustment(OperatorCommand, right="rewards.adjustments.approvers"):
    """Turn an adjustment down that waits for a second person."""

    adjustment_id: AdjustmentId


class UndoAdjustment(OperatorCommand, right="rewards.adjustments.adjusters"):
    """Take an adjustment back by a linked entry; one that two people agreed to, not by who asked for it."""

    adjustment_id: AdjustmentId
    reason: Code


class RestoreReward(RewardsCommand, right="rewards.restorers"):
    """Take the removal of a reward back: it costs its price again."""

    reward_id: RewardId
    reason: Code


class UnuseReward(OperatorCommand, right="rewards.restorers"):
    """Take the use of a reward back: it can be used again."""

    reward_id: RewardId
    reason: Code


class EndAdjustment(Command, worker="rewards", key="account_id", actors=OURS):
    """End an adjustment's wait for a second person, if its time is over (said by the system)."""

    account_id: AccountId
    adjustment_id: AdjustmentId


class ReturnRewards(Command, worker="rewards", key="purchase_id", actors=OURS):
    """Give back the rewards of a sale that came back whole or didn't come to be (said by the system)."""

    purchase_id: PurchaseId


class BalanceAdjusted(BalanceEvent, PersonalEvent, person="account_id"):
    """Stamps or points were added or deducted by hand."""

    adjustment_id: AdjustmentId
    unit: Code
    amount: Points
    reason: Code
    comment: Personal[Text]
    owed: Points = 0
    """What of a deduction wasn't there and became a debt."""
    forgone: Points = 0
    """What of a deduction wasn't there and was waived."""
    approved_by: MessageId | None = None
    """The second person, where there had to be one."""


class AdjustmentUndone(BalanceEvent):
    """An adjustment was taken back; `amount` is what that moved."""

    adjustment_id: AdjustmentId
    unit: Code
    amount: Points
    reason: Code
    owed: Points = 0
    forgone: Points = 0


class RewardRestored(BalanceEvent):
    """A removed reward was bought again at its price, and can be used."""

    reward_id: RewardId
    reward: Code
    unit: Code
    paid: Points
    reason: Code


class RewardUnused(BalanceEvent):
    """The use of a reward was taken back: it can be used again."""

    reward_id: RewardId
    reward: Code
    reason: Code


class ReturnedReward(BaseModel):
    """A reward that came back with its sale: it can be used again, or its time is over and its price came back."""

    model_config = ConfigDict(frozen=True)

    reward_id: RewardId
    reward: Code
    is_outstanding: bool
    returned: Points = 0


class RewardsReturned(BalanceEvent):
    """A sale came back whole, or didn't come to be, and the rewards that were used in it with it."""

    purchase_id: PurchaseId
    rewards: tuple[ReturnedReward, ...]
    reward_ids: tuple[RewardId, ...] = ()
    """The same, by their ids alone."""
    reward_codes: tuple[Code, ...] = ()
    """Which offers they are of."""


class AdjustmentEvent(Event, worker="rewards", key="account_id", about=("Adjustment", "adjustment_id")):
    """Something about an adjustment that moves no account."""

    adjustment_id: AdjustmentId
    account_id: AccountId
    card_number: KnownCardNumber | None


class AdjustmentSubmitted(AdjustmentEvent):
    """An adjustment is above what its operator may do alone: it waits for a second person."""

    member_id: MemberId | None
    unit: Code
    amount: Points
    reason: Code
    ends_at: Instant


class AdjustmentDeclined(AdjustmentEvent):
    """A second person turned an adjustment down."""


class AdjustmentLapsed(AdjustmentEvent):
    """Nobody approved an adjustment in time."""
