"""What can be said about tiers: reached, kept, lost, and assigned by hand."""

from enum import StrEnum

from contracts.coupons import KnownCouponCode
from contracts.messages import OURS, Command
from contracts.rewards import BalanceEvent, RewardsCommand, UnitChange
from contracts.values import AccountId, Code, Day, Instant, Personal, Text


class TierCause(StrEnum):
    """Why an account has another tier."""

    REACHED = "reached"
    TAKEN_BACK = "taken_back"
    """What had counted for it came back."""
    PERIOD_ENDED = "period_ended"
    """Too little counted in the period that ended."""
    ASSIGNED = "assigned"
    HOLD_ENDED = "hold_ended"
    """The end date of one that was assigned by hand came."""
    ASSIGNMENT_UNDONE = "assignment_undone"


class AssignTier(RewardsCommand, right="rewards.tier_assigners"):
    """Give a card's account a tier by hand, or none, that holds to the end of a day whatever it earns or loses."""

    system: Code
    tier: Code | None = None
    holds_until: Day
    """The last day, in the programme's zone."""
    note: Personal[Text]
    """Why, for colleagues; members don't see it."""
    gives_rewards: bool = False
    """Whether what comes with the tier is given, as if it had been reached."""


class ReckonTier(Command, worker="rewards", key="account_id", actors=OURS):
    """See which tier an account has in a system now (said by the system)."""

    account_id: AccountId
    system: Code


class TierChanged(BalanceEvent):
    """An account has another tier, with what came with that, or one that was assigned by hand is held no more."""

    system: Code
    before: Code | None
    tier: Code | None
    cause: TierCause
    is_higher: bool
    held_until: Instant | None = None
    given: tuple[UnitChange, ...] = ()
    coupon_codes: tuple[KnownCouponCode, ...] = ()
