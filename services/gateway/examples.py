"""Examples of commands for the OpenAPI document; a test holds that each is valid, and that none is missing."""

from typing import Any, Final

CARD: Final = "2000000000008"
ADJUSTMENT: Final = "5c1f0f6a2b8e5d0c9a7e4f3b2a1d0c9e"
COUPON: Final = "7KQ4-2M9X-TB3C-8RWJ"
MEMBER: Final = "5c1f0f6a2b8e5d0c9a7e4f3b2a1d0c9e"
OTHER_MEMBER: Final = "0192f0c1a2b37c4d8e9f001122334455"
STORE: Final = {"store": "berlin-1", "till": "till-7", "receipt_number": "000123", "business_day": "2026-11-22"}
UNDONE: Final = {"operator_id": "olga", "reason": "mistake"}

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
    "BlockMember": {"member_id": MEMBER, "reason": "abuse"},
    "UnblockMember": {"member_id": MEMBER, "reason": "cleared"},
    "ChangeFavourites": {"member_id": MEMBER, "products": ["cappuccino", "beans-250"]},
    "ChangeSubscriptions": {
        "member_id": MEMBER,
        "changes": [{"mailing": "offers", "channel": "sms", "is_on": False}],
    },
    "StopMailings": {"member_id": MEMBER},
    "ResendPhoneCode": {"registration_id": MEMBER},
    "VerifyPhone": {"registration_id": MEMBER, "code": "271828"},
    "SendPhoneCode": {"member_id": MEMBER},
    "ConfirmPhone": {"member_id": MEMBER, "challenge_id": ADJUSTMENT, "code": "271828"},
    "ProposeMerge": {"member_id": MEMBER, "absorbed_id": OTHER_MEMBER},
    "ConfirmMerge": {"member_id": MEMBER, "absorbed_id": OTHER_MEMBER, "challenge_id": ADJUSTMENT, "code": "271828"},
    "MergeMembers": {"member_id": MEMBER, "absorbed_id": OTHER_MEMBER},
    "RemoveMember": {"member_id": MEMBER, "reason": "on_request"},
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
    "UndoRefund": {"card_number": CARD, **STORE, "refund_number": "000130", **UNDONE},
    "UndoCancellation": {"card_number": CARD, **STORE, **UNDONE},
    "UnuseCoupon": {"card_number": CARD, "coupon_code": COUPON, **UNDONE},
    "UndoTierAssignment": {"card_number": CARD, "system": "status", "operator_id": "olga", "note": "Another member"},
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
