"""What is said of accounts that become one, besides what moves between them."""

from contracts.rewards import AccountEvent
from contracts.values import AccountId


class AccountShared(AccountEvent):
    """One more card, which had no account of its own, leads to this one."""


class AccountRedirected(AccountEvent):
    """The account that all of this one went to went to another itself, and so what comes late goes there."""

    merged_into: AccountId
