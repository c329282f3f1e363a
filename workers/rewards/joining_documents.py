"""What is kept of accounts that became one: what each of the two held before."""

from datetime import datetime
from typing import ClassVar

from contracts.messages import Actor
from runtime.documents import Document, Index, Part
from workers.rewards.counts import Counter, HeldTier
from workers.rewards.documents import Account, Holding


class AccountBefore(Part):
    """An account before it became one with another."""

    account_id: str
    cards: tuple[str, ...]
    holdings: tuple[Holding, ...]
    counters: tuple[Counter, ...]
    tiers: tuple[HeldTier, ...]


class Joining(Document):
    """Two accounts that became one; its id is that of the one that was left, as that happens once."""

    collection: ClassVar = "joinings"
    indexes: ClassVar = (Index(("account.account_id",)),)

    account: AccountBefore
    left: AccountBefore
    actor: Actor
    joined_at: datetime


def before(account: Account) -> AccountBefore:
    """An account as it is now."""
    return AccountBefore(
        account_id=account.id,
        cards=account.cards,
        holdings=account.holdings,
        counters=account.counters,
        tiers=account.tiers,
    )
