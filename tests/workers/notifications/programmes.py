"""A programme with just what notifications read of it, and a member to write to."""

from types import SimpleNamespace
from typing import Any

from contracts.notifications import MessageChannel, MessageStatus
from contracts.programme.notifications import NotificationRules
from tests.decisions import NOON, context
from workers.notifications.documents import Contact, Message

ANA = Contact(id="ana", phone="+4915112345678", email="ana@example.org", first_name="Ana", language="de")

RULES = NotificationRules.model_validate(
    {
        "sender": "Cafe",
        "default_language": "en",
        "nameless": {"en": "friend"},
        "lifetime_minutes": 60,
        "attempts": 3,
        "first_wait_seconds": 5,
        "longest_wait_seconds": 8,
        "mailings": [{"code": "offers", "text": "Offers"}, {"code": "status", "text": "Your status"}],
        "subscribers": ["app", "operator", "sms"],
        "templates": {
            "welcome": {
                "event": "MemberRegistered",
                "texts": {"en": "Hello {first_name}, this is {programme}", "de": "Hallo {first_name}"},
            },
            "phone_code": {
                "event": "CodeRequested.verify_phone",
                "texts": {"en": "{code} is your code for {programme}, for {minutes} minutes"},
            },
            "card_replaced": {"event": "CardReplaced", "texts": {"en": "{card} works now"}},
            "card_blocked": {"event": "CardBlocked", "texts": {"en": "{card} is blocked"}},
            "reward_issued": {"event": "RewardIssued", "texts": {"en": "{first_name}: {reward}"}},
            "tier_reached": {"event": "TierChanged", "mailing": "status", "texts": {"en": "You are {tier}"}},
            "coupon_issued": {"event": "CouponIssued", "texts": {"en": "{first_name}: {offer}, {coupon}"}},
            "coupon_resent": {"event": "CouponResent", "texts": {"en": "Again {coupon}"}},
            "coupon_shared": {"event": "CouponShared", "texts": {"en": "From a friend: {coupon}"}},
        },
    }
)


class Offers:
    """One reward, and one campaign of coupons."""

    def offer(self, code: str) -> Any:
        return SimpleNamespace(text="A free coffee") if code == "coffee" else None

    def tier_system(self, code: str) -> Any:
        gold = SimpleNamespace(code="gold", text="Gold")
        return SimpleNamespace(tiers=(gold,)) if code == "status" else None

    def campaign(self, code: str) -> Any:
        return SimpleNamespace(text="Cake on us") if code == "cake_on_us" else None


PROGRAMME = SimpleNamespace(name="Corner", notifications=RULES, rewards=Offers())


def at(programme: Any = PROGRAMME, **wanted: Any) -> Any:
    """A context under this programme."""
    return context(programme, **wanted)


def message(**wanted: Any) -> Message:
    """A message to Ana that waits to be sent."""
    fields: dict[str, Any] = {
        "id": "a" * 32,
        "member_id": "ana",
        "channel": MessageChannel.SMS,
        "template": "welcome",
        "language": "de",
        "cause": "e-1",
        "correlation_id": "c-1",
        "sender": "Cafe",
        "recipient": ANA.phone,
        "text": "Hallo Ana",
        "status": MessageStatus.QUEUED,
        "queued_at": NOON,
        "due_at": NOON,
        "expires_at": NOON.replace(hour=13),
        "status_at": NOON,
    }
    return Message(**{**fields, **wanted})
