"""Examples of commands for the OpenAPI document; a test holds that each is valid, and that none is missing."""

from typing import Any, Final

CARD: Final = "2000000000008"
ADJUSTMENT: Final = "5c1f0f6a2b8e5d0c9a7e4f3b2a1d0c9e"
CALL: Final = "0b9c2f0f6a2b8e5d0c9a7e4f3b2a1d0c"
COUPON: Final = "7KQ4-2M9X-TB3C-8RWJ"
MEMBER: Final = "5c1f0f6a2b8e5d0c9a7e4f3b2a1d0c9e"
STORE: Final = {"store": "berlin-1", "till": "till-7", "receipt_number": "000123", "business_day": "2026-11-22"}

EXAMPLES: Final[dict[str, dict[str, Any]]] = {
    "IssueCard": {"card_number": CARD},
    "BlockCard": {"card_number": CARD, "reason": "lost"},
    "UnblockCard": {"card_number": CARD, "reason": "found"},
    "ReplaceCard": {"card_number": CARD, "new_card_number": "2000000000016"},
    "DeleteCard": {"card_number": CARD},
    "RestoreCard": {"card_number": CARD},
    "ChangeCardCategory": {"card_number": CARD, "category": "employee"},
    "LinkCard": {"card_number": CARD, "member_id": MEMBER},
    "IssueVirtualCard": {"member_id": MEMBER},
    "RegisterMember": {
        "channel": "point_of_sale",
        "phone": "+4915112345678",
        "email": "ana@example.org",
        "first_name": "Ana",
        "card_number": CARD,
        "consents": [
            {"kind": "personal_data", "text_version": "2026-09", "given_at": "2026-11-22T09:00:00Z"},
            {"kind": "offer", "text_version": "2026-01", "given_at": "2026-11-22T09:00:00Z"},
        ],
        "answers": {"favourite_drink": "cappuccino"},
    },
    "OpenCall": {"operator_id": "olga", "direction": "inbound"},
    "RecordConsentToLook": {"operator_id": "olga", "call_id": CALL, "member_id": MEMBER},
    "IdentifyByPassword": {"operator_id": "olga", "call_id": CALL, "member_id": MEMBER, "proof": "5e" * 32},
    "IdentifyByDetails": {
        "operator_id": "olga",
        "call_id": CALL,
        "member_id": MEMBER,
        "first_name": "Ana",
        "last_name": "Alvarez",
        "card_number": CARD,
    },
    "SendIdentificationCode": {"operator_id": "olga", "call_id": CALL, "member_id": MEMBER},
    "IdentifyByCode": {"operator_id": "olga", "call_id": CALL, "member_id": MEMBER, "code": "123456"},
    "ChangeProfile": {"member_id": MEMBER, "home_store": "harbour", "answers": {"favourite_drink": "tea"}},
    "ChangePhone": {"member_id": MEMBER, "call_id": CALL, "phone": "+4915112345679"},
    "ConfirmPhone": {"member_id": MEMBER, "call_id": CALL, "code": "123456"},
    "ChangeEmail": {"member_id": MEMBER, "call_id": CALL, "email": "ana@example.com"},
    "RenewPassword": {"member_id": MEMBER, "way": "link"},
    "SetPassword": {
        "member_id": MEMBER,
        "token": "abcdefghijklmnopqrstuvwxyz",
        "salt": "5a" * 16,
        "terms": {"memory_kib": 65536, "passes": 3, "lanes": 4},
        "proof": "5e" * 32,
    },
    "CloseCall": {"operator_id": "olga", "call_id": CALL, "reason": "lost_card"},
    "RecordPurchase": {
        "card_number": CARD,
        **STORE,
        "purchased_at": "2026-11-22T09:15:00+01:00",
        "currency": "EUR",
        "lines": [{"line": 1, "product": "cappuccino", "category": "coffee", "quantity": 2, "price_minor": 760}],
    },
    "ConfirmPurchase": {"card_number": CARD, **STORE},
    "CancelPurchase": {"card_number": CARD, **STORE},
    "RefundPurchase": {
        "card_number": CARD,
        **STORE,
        "refund_number": "000130",
        "refunded_at": "2026-11-22T11:00:00+01:00",
        "lines": [{"line": 1, "quantity": 1, "price_minor": 380}],
    },
    "RedeemReward": {"card_number": CARD, "reward": "coffee"},
    "UseReward": {"card_number": CARD, "reward_id": "5c1f0f6a2b8e5d0c9a7e4f3b2a1d0c9e", "store": "berlin-1"},
    "RemoveReward": {
        "card_number": CARD,
        "reward_id": "5c1f0f6a2b8e5d0c9a7e4f3b2a1d0c9e",
        "reason": "mistake",
    },
    "RestoreReward": {"card_number": CARD, "reward_id": "5c1f0f6a2b8e5d0c9a7e4f3b2a1d0c9e", "reason": "mistake"},
    "UnuseReward": {
        "card_number": CARD,
        "operator_id": "olga",
        "reward_id": "5c1f0f6a2b8e5d0c9a7e4f3b2a1d0c9e",
        "reason": "mistake",
    },
    "AdjustBalance": {
        "card_number": CARD,
        "operator_id": "olga",
        "unit": "stamps",
        "amount": 3,
        "reason": "missing_stamps",
        "comment": "Sorry, our till was down.",
        "expected_balance": 4,
    },
    "ApproveAdjustment": {"card_number": CARD, "operator_id": "otto", "adjustment_id": ADJUSTMENT},
    "DeclineAdjustment": {"card_number": CARD, "operator_id": "otto", "adjustment_id": ADJUSTMENT},
    "UndoAdjustment": {
        "card_number": CARD,
        "operator_id": "olga",
        "adjustment_id": ADJUSTMENT,
        "reason": "wrong_booking",
    },
    "TieOperator": {"operator_id": "olga", "member_id": "0192f0c1a2b37c4d8e9f001122334455"},
    "IssueCoupon": {"card_number": CARD, "campaign": "free_cake"},
    "ResendCoupon": {"card_number": CARD, "coupon_code": COUPON},
    "CancelCoupon": {"card_number": CARD, "coupon_code": COUPON, "reason": "mistake"},
    "ReserveCoupon": {"card_number": CARD, "coupon_code": COUPON, "store": "berlin-1", "till": "till-7"},
    "ReleaseCoupon": {"card_number": CARD, "coupon_code": COUPON, "store": "berlin-1", "till": "till-7"},
    "UseCoupon": {"card_number": CARD, "coupon_code": COUPON, **STORE},
    "ShareCoupon": {"card_number": CARD, "coupon_code": COUPON, "to_card_number": "2000000000016"},
    "AnswerSurvey": {
        "card_number": CARD,
        "survey": "how_was_it",
        "answers": {"stars": 5, "again": True, "remark": "The oat milk was great"},
    },
    "PlayGame": {"card_number": CARD, "game": "wheel"},
    "AssignTier": {
        "card_number": CARD,
        "system": "status",
        "tier": "gold",
        "holds_until": "2027-12-31",
        "note": "Promised by the store manager",
    },
    "ResendMessage": {"message_id": "5c1f0f6a2b8e5d0c9a7e4f3b2a1d0c9e"},
}
