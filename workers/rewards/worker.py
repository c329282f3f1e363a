"""The rewards worker itself."""

from contracts.programme import Programme
from runtime.decisions import Worker
from workers.rewards.adjustment_documents import Adjustment, AdjustmentComment, Operator, OperatorsOf
from workers.rewards.coupon_documents import Coupon, SaleCoupons
from workers.rewards.documents import Account, Card, LedgerEntry, Purchase, Reward
from workers.rewards.joining_documents import Joining
from workers.rewards.pastime_documents import GameStock, SurveyResponse
from workers.rewards.sale_documents import SaleRewards
from workers.rewards.tier_documents import Standing

worker = Worker[Programme](
    "rewards",
    documents=(
        *(Card, Account, Purchase, Reward, LedgerEntry, SaleRewards),
        *(Adjustment, AdjustmentComment, Operator, OperatorsOf),
        *(Coupon, SaleCoupons, Standing, SurveyResponse, GameStock, Joining),
    ),
)
"""Rewards: what purchases earn, what that buys, and a ledger that always adds up."""
