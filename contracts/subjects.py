"""Which fields of messages say, by an id, what they are about: what is asked and what happens is filed by them."""

from functools import cache
from typing import Final

from contracts.messages import Message

SUBJECTS: Final = (
    *("member_id", "absorbed_id", "card_number", "account_id", "purchase_id", "message_id", "subject"),
    *("subject_id", "call_id", "reward_id", "coupon_code", "replaced_by", "reward", "campaign", "survey", "game"),
    *("new_card_number", "to_card_number"),
)
"""Fields that say it; an offer's code, too, so that all that happened with it is one read."""
LISTS: Final = ("reward_ids", "reward_codes", "coupon_codes")
"""Fields that say it of several at once."""


def subjects_of(message: Message) -> tuple[str, ...]:
    """What a message is about, by the ids in its fields; never personal ones."""
    fields = message.__dict__
    found = tuple([fields[name] for name in _fields(type(message)) if fields[name] is not None])
    several = _lists(type(message))
    return found if not several else (*found, *(each for name in several for each in fields[name]))


@cache
def _fields(message_class: type[Message]) -> tuple[str, ...]:
    return tuple(name for name in SUBJECTS if name in message_class.model_fields and name not in message_class.personal)


@cache
def _lists(message_class: type[Message]) -> tuple[str, ...]:
    return tuple(name for name in LISTS if name in message_class.model_fields and name not in message_class.personal)
