"""What each state of a card may do: the one table that every worker goes by."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from contracts.cards import CardState


class Act(StrEnum):
    """Something that is done with a card."""

    EARN = "earn"
    SPEND = "spend"
    IDENTIFY = "identify"
    FINISH = "finish"
    """Confirm, cancel or refund what was bought before."""
    LINK = "link"
    BLOCK = "block"
    UNBLOCK = "unblock"
    REPLACE = "replace"
    TAKE_OVER = "take_over"
    """Become the replacement of another."""
    DELETE = "delete"
    RESTORE = "restore"
    CHANGE_CATEGORY = "change_category"


MAY: Final[Mapping[CardState, frozenset[Act]]] = {
    CardState.TO_ISSUE: frozenset({Act.EARN, Act.FINISH, Act.LINK, Act.TAKE_OVER, Act.CHANGE_CATEGORY}),
    CardState.ACTIVE: frozenset(
        {Act.EARN, Act.SPEND, Act.IDENTIFY, Act.FINISH, Act.BLOCK, Act.DELETE, Act.CHANGE_CATEGORY}
    ),
    CardState.BLOCKED: frozenset({Act.FINISH, Act.UNBLOCK, Act.REPLACE, Act.DELETE, Act.CHANGE_CATEGORY}),
    CardState.REPLACED: frozenset({Act.FINISH}),
    CardState.DELETED: frozenset({Act.FINISH, Act.RESTORE}),
}
"""All that isn't here is refused. To issue earns and doesn't spend, and can be neither blocked nor replaced."""


def may(state: CardState, act: Act) -> bool:
    """Whether a card in this state may do this."""
    return act in MAY[state]
