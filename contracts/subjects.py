"""Which fields of messages say, by an id, what they are about: what is asked and what happens is filed by them."""

from typing import Final

SUBJECTS: Final = (
    *("member_id", "absorbed_id", "card_number", "account_id", "purchase_id", "message_id", "subject"),
    *("subject_id", "call_id", "reward_id", "coupon_code", "replaced_by", "reward", "campaign", "survey", "game"),
    *("new_card_number", "to_card_number"),
)
"""Fields that say it; an offer's code, too, so that all that happened with it is one read."""
LISTS: Final = ("reward_ids", "reward_codes", "coupon_codes")
"""Fields that say it of several at once."""
