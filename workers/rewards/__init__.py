"""Rewards: what purchases earn, what that buys, and a ledger that always adds up."""

from workers.rewards import (
    accounts,
    adjusting,
    approving,
    coupon_use,
    coupons,
    expiry,
    joining,
    pastimes,
    purchases,
    redemption,
    refunds,
    returning,
    spending,
    tier_undoing,
    tiers,
    undoing,
    waiting,
)
from workers.rewards.worker import worker

__all__ = [
    "accounts",
    "adjusting",
    "approving",
    "coupon_use",
    "coupons",
    "expiry",
    "joining",
    "pastimes",
    "purchases",
    "redemption",
    "refunds",
    "returning",
    "spending",
    "tier_undoing",
    "tiers",
    "undoing",
    "waiting",
    "worker",
]
