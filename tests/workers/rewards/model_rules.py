"""The programme that the model knows: everything at once, in numbers small enough to be reached."""

from typing import Any, Final

from contracts.programme.adjustments import Exceeding
from contracts.programme.rewards import RewardRules, Shortfall
from tests.workers.rewards.counter import RULES
from tests.workers.rewards.offers import CAMPAIGNS

SLOW: Final[dict[str, Any]] = {
    "code": "slow",
    "unit": "points",
    "rate": {"amount": 3, "per_items": 1},
    "categories": ["food"],
    "available_after_days": 14,
    "expires_after_months": 2,
}
CAPPED: Final[dict[str, Any]] = {
    "code": "capped",
    "unit": "stamps",
    "rate": {"amount": 1, "per_items": 1},
    "categories": ["food"],
    "caps": [{"per": "day", "amount": 6}, {"per": "month", "amount": 10}],
}
STAMPS: Final[dict[str, Any]] = {"kind": "units", "unit": "stamps"}
STATUS: Final[dict[str, Any]] = {
    "code": "status",
    "text": "Status",
    "unit": "points",
    "period": "month",
    "tiers": [
        {"code": code, "text": code, "threshold": threshold, "reward": {"units": {**STAMPS, "amount": stamps}}}
        for code, threshold, stamps in (("silver", 20, 2), ("gold", 100, 5))
    ],
}


def _offers(offers: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**each, "returns": each["code"] == "coffee"} for each in offers]


def model_rules(shortfall: Shortfall, exceeding: Exceeding) -> RewardRules:
    """These rules, with two switches set."""
    rules = RULES.model_dump(mode="json")
    return RewardRules.model_validate(
        {
            **rules,
            "earning": [*rules["earning"], SLOW, CAPPED],
            "offers": _offers(rules["offers"]),
            "campaigns": CAMPAIGNS,
            "tier_systems": [STATUS],
            "shortfall": shortfall,
            "adjustments": {**rules["adjustments"], "exceeding": exceeding},
        }
    )
