"""The catalogue of refusals: every code, with the text that an operator sees; `{name}` is filled from the details."""

from typing import Final

REFUSALS: Final[dict[str, str]] = {
    # cards
    "unknown_card": "There is no card with this number.",
    "actor_not_allowed": "This may not be done by: {actor}.",
    "block_reason_unknown": "The programme has no reason {reason} for blocking a card.",
    "card_already_blocked": "This card is blocked already.",
    "card_already_issued": "A card with this number exists already.",
    "card_already_linked": "This card belongs to a member already.",
    "card_category_unknown": "The programme has no card category {category}.",
    "card_not_active": "Only an active card can do this; this one is: {state}.",
    "card_not_blocked": "The card must be blocked for this; it is: {state}.",
    "card_not_deleted": "Only a deleted card can be restored; this one is: {state}.",
    "card_not_in_use": "Only a card in use can be deleted; this one is: {state}.",
    "card_not_linked": "This card belongs to nobody.",
    "card_not_to_issue": "This card can't be given to a member; it is: {state}.",
    "only_physical_card": "This is the only physical card that the member can use: it can't be deleted.",
    "replacement_linked": "The new card belongs to a member already.",
    "replacement_not_physical": "Only a physical card can take another's place.",
    "replacement_not_to_issue": "The new card can't take another's place; it is: {state}.",
    "too_many_cards": "The member has as many cards as the programme allows.",
    "unknown_replacement": "There is no card with the new number.",
    "unblock_reason_unknown": "The programme has no reason {reason} for unblocking a card.",
    # registration
    "answer_invalid": "The answer to the question {question} {rule}.",
    "answer_missing": "The question {question} must be answered.",
    "answer_not_allowed": "The question {question} can't be answered by: {actor}.",
    "answer_unknown": "The application form has no question {question}.",
    "born_on_impossible": "Nobody who joins can be born on that day.",
    "channel_not_allowed": "Members can't be registered at {channel} by: {actor}.",
    "channel_not_open": "The programme doesn't register members at {channel}.",
    "consent_in_future": "The consent {consent} is dated in the future.",
    "consent_missing": "Nobody can join without the consent {consent}.",
    "consent_repeated": "The consent {consent} is given twice.",
    "consent_unknown": "The programme knows no consent {consent}.",
    "consent_version_unknown": "The consent {consent} has no text version {text_version}.",
    "email_already_registered": "This email is in use: the person may be a member already. Look them up first.",
    "field_missing": "{field} must be given.",
    "language_not_offered": "The programme doesn't speak {language}.",
    "phone_already_registered": "This phone is in use: the person may be a member already. Look them up first.",
    "too_young": "Members must be {minimum_age} years old.",
    "unknown_registration": "There is no such registration waiting.",
    # rewards
    "balance_too_low": "The reward costs {needed}; the account has {held} to spend.",
    "card_blocked": "This card is blocked: it neither collects nor pays.",
    "campaign_not_running": "Coupons of this campaign are not issued today.",
    "coupon_already_replaced": "This coupon was cancelled, and another issued in its place: {coupon_code}.",
    "coupon_already_shared": "A coupon moves only once, and this one has.",
    "coupon_already_used": "This coupon was used already.",
    "coupon_cancelled": "This coupon was cancelled.",
    "coupon_expired": "This coupon was not used in time.",
    "coupon_not_reserved": "No till has this coupon open.",
    "coupon_not_shareable": "Coupons of this campaign can't be given to somebody else.",
    "coupon_of_the_same_account": "Both cards collect in the same account: the coupon works with either.",
    "coupon_reserved": "Till {till} in {store} has this coupon open, until {until} at most.",
    "card_deleted": "This card was deleted: it neither collects nor pays.",
    "card_replaced": "This card was replaced by another: it neither collects nor pays.",
    "currency_not_accepted": "Receipts in {currency} don't count; the programme takes {accepted}.",
    "purchase_already_cancelled": "This purchase was cancelled.",
    "purchase_already_confirmed": "This purchase is confirmed: it can be refunded, not cancelled.",
    "purchase_already_refunded": "All of this purchase came back.",
    "purchase_of_another_card": "This receipt belongs to another card.",
    "purchased_in_future": "The till's clock is ahead: the receipt is dated in the future.",
    "refund_changed": "A refund with this number was taken already, with other lines.",
    "refund_exceeds_sale": "Line {line} has {items} items for {price_minor} left to take back.",
    "reward_already_removed": "This reward was removed and its price given back.",
    "reward_already_used": "This reward was used already.",
    "reward_expired": "This reward was not used in time.",
    "tier_end_in_past": "A tier can't be held until a day that is over.",
    "too_many_coupons": "A purchase can't use more than {most} coupons.",
    "too_many_refunds": "A purchase can't have more than {most} refunds.",
    "too_many_revisions": "A receipt can't be changed more than {most} times.",
    "unknown_account": "There is no such account.",
    "unknown_campaign": "The programme has no such campaign.",
    "unknown_coupon": "This card has no coupon with this code.",
    "unknown_tier": "The status system has no such tier.",
    "unknown_tier_system": "The programme has no such status system.",
    "unknown_line": "The receipt has no line {line}.",
    "unknown_purchase": "There is no purchase with this receipt.",
    "unknown_reward": "There is no such reward.",
    # notifications
    "unknown_message": "There is no such message.",
    "unknown_contact": "Nothing is known of how to reach this member.",
    "message_still_queued": "The message has not been sent yet (it is {status}); it will be.",
    # audit
}


def text_of(code: str, details: dict[str, object]) -> str:
    """The operator's text for a refusal; the bare code where the catalogue has none or a detail is missing."""
    try:
        return REFUSALS[code].format(**details)
    except (KeyError, IndexError):
        return code
