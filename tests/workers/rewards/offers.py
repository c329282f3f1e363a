"""Campaigns that the tests of coupons play with, and a shop where two cards are known and work."""

from datetime import timedelta
from typing import Any, TypeVar

from contracts.cards import CardIssued, CardKind, CardLinked
from contracts.coupons import CouponIssued, IssueCoupon, UseCoupon
from contracts.messages import Command, Event
from contracts.programme.rewards import RewardRules
from tests.workers.rewards.counter import ANA, BUSINESS_DAY, NUMBER, OTHER, PROGRAMME, RULES, Shop
from workers.rewards.coupon_documents import Coupon

E = TypeVar("E", bound=Event)

BEN = "ben"
CAMPAIGNS: list[dict[str, Any]] = [
    {
        "code": "cake_on_us",
        "text": "A slice of cake on us",
        "gives": {"kind": "item", "product": "cake"},
        "expires_after_days": 30,
        "is_shareable": True,
    },
    {
        "code": "points_to_begin",
        "text": "20 points",
        "gives": {"kind": "units", "unit": "points", "amount": 20, "expires_after_months": 6},
    },
    {"code": "sorry", "text": "10 % off", "gives": {"kind": "discount", "percent": 10}, "returns": False},
    {
        "code": "summer",
        "text": "An ice",
        "gives": {"kind": "item", "product": "ice"},
        "starts_on": "2027-06-01",
        "ends_on": "2027-08-31",
    },
]


def offer_rules(**changes: Any) -> RewardRules:
    """The rules with these campaigns."""
    return RewardRules.model_validate({**RULES.model_dump(mode="json"), "campaigns": CAMPAIGNS, **changes})


def offer_shop(**changes: Any) -> Shop:
    """A shop with offers, where Ana's and Ben's cards are active."""
    opened = Shop(PROGRAMME.model_copy(update={"rewards": offer_rules(**changes)}))
    for number, member_id in ((NUMBER, ANA), (OTHER, BEN)):
        opened.say(CardIssued(card_number=number, kind=CardKind.PHYSICAL, category="normal"))
        opened.say(CardLinked(card_number=number, member_id=member_id, category="normal"))
    return opened


def only(kind: type[E], said: list[Event | Command]) -> E:
    """The only event of a class among what was said."""
    (found,) = [each for each in said if isinstance(each, kind)]
    return found


def issue(shop: Shop, campaign: str = "cake_on_us", number: str = NUMBER) -> str:
    """Issue a coupon; its code."""
    return only(CouponIssued, shop.say(IssueCoupon(card_number=number, campaign=campaign))).coupon_code


def use(code: str, number: str = NUMBER, **changes: Any) -> UseCoupon:
    """A coupon's use at the till of receipt 17."""
    fields = {
        "card_number": number,
        "coupon_code": code,
        "store": "s1",
        "till": "t1",
        "receipt_number": "17",
        "business_day": BUSINESS_DAY,
    }
    return UseCoupon.model_validate({**fields, **changes})


def coupon(shop: Shop, code: str) -> Coupon:
    """A coupon as it is kept."""
    return next(each for each in shop.all(Coupon) if each.id == code)


DAY = timedelta(days=1)
