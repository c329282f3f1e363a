"""Rewards: what purchases earn, what that buys, and a ledger that always adds up."""

from workers.rewards import (
    accounts,
    coupon_use,
    coupons,
    expiry,
    joining,
    pastimes,
    purchases,
    redemption,
    refunds,
    tiers,
    waiting,
)
from workers.rewards.worker import worker

__all__ = [
    "accounts",
    "coupon_use",
    "coupons",
    "expiry",
    "joining",
    "pastimes",
    "purchases",
    "redemption",
    "refunds",
    "tiers",
    "waiting",
    "worker",
]
