"""What others may read about accounts, purchases, rewards and the ledger."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from contracts.cards import CardState
from contracts.programme.rewards import Shortfall
from contracts.rewards import RewardState, UnitBalance
from runtime.store import Reader
from workers.rewards.adjustment_documents import Adjustment
from workers.rewards.documents import Account, Card, LedgerEntry, Purchase, Reward
from workers.rewards.explaining import Given, UnitExplained
from workers.rewards.lead_views import LeadViews
from workers.rewards.ledger import balances
from workers.rewards.ledger_views import Explanation, InvalidPage, cursor_of
from workers.rewards.merge_views import MergeViews, Together
from workers.rewards.page_views import AccountOnPage, Collected, PageViews
from workers.rewards.pastime_views import PastimeViews

__all__ = [
    "NEWEST_PURCHASE",
    "OLDEST_PURCHASE",
    "Account",
    "AccountOnPage",
    "Adjustment",
    "CardBalance",
    "Collected",
    "Explanation",
    "Given",
    "InvalidPage",
    "LedgerEntry",
    "Reconciliation",
    "RewardsViews",
    "Together",
    "UnitExplained",
    "balances",
    "cursor_of",
    "ledger_matches_balances",
]

MOST: Final = 500
"""Most that one query gives, whatever is asked for."""
NEWEST_PURCHASE: Final = (("purchased_at", -1),)
OLDEST_PURCHASE: Final = (("purchased_at", 1),)
"""As the index has them: with the id besides, all that an account ever bought would be sorted for one page."""
MOST_LOOKED_THROUGH: Final = 5_000
"""Purchases among which those that earned a unit are looked for: no index knows what a purchase earned."""


class CardBalance(NamedTuple):
    """A card, the account that it leads to, and what that holds of each unit now."""

    card: Card
    account: Account
    balances: tuple[UnitBalance, ...]
    """Nothing while it is hidden."""
    is_hidden: bool = False
    """Whether the card was deleted: what it collected is kept and not shown until it is restored."""


class Reconciliation(NamedTuple):
    """Whether the ledger adds up: by unit, the sum of all entries and of all balances; accounts where they differ."""

    entries: Mapping[str, int]
    balances: Mapping[str, int]
    accounts_off: int

    @property
    def adds_up(self) -> bool:
        """Whether every account's entries sum up to its balances."""
        return self.accounts_off == 0 and self.entries == self.balances


class RewardsViews(MergeViews, LeadViews, PageViews, PastimeViews):
    """Read-only queries over the rewards worker's documents.

    Every one raises `runtime.store.Away` when MongoDB can't be reached.
    """

    async def card(self, card_number: str) -> Card | None:
        """What is known of a card; None if nobody has issued it."""
        card = await self._reader.get(Card, card_number)
        return None if card is None or card.account_id is None else card

    async def account(self, card_number: str) -> Account | None:
        """The account that a card collects in, with its lots."""
        card = await self.card(card_number)
        return None if card is None or card.account_id is None else await self._reader.get(Account, card.account_id)

    async def balance(
        self, card_number: str, now: datetime, shortfall: Shortfall = Shortfall.DEBT
    ) -> CardBalance | None:
        """What a card's account holds at an instant; None if nobody knows the card."""
        card = await self.card(card_number)
        account = None if card is None or card.account_id is None else await self._reader.get(Account, card.account_id)
        if card is None or account is None:
            return None
        if await self.is_hidden(card):
            return CardBalance(card, account, (), is_hidden=True)
        return CardBalance(card, account, balances(account, now, shortfall))

    async def is_hidden(self, card: Card) -> bool:
        """Whether a card was deleted, or the one that took its place: what it collected isn't shown."""
        return (await self._newest(card)).state is CardState.DELETED

    async def _newest(self, card: Card) -> Card:
        """The card that has this one's place now."""
        seen = {card.id}
        while card.replaced_by is not None and card.replaced_by not in seen:
            successor = await self._reader.get(Card, card.replaced_by)
            if successor is None:
                break
            card = successor
            seen.add(card.id)
        return card

    async def accounts_of(self, account_id: str) -> tuple[str, ...]:
        """The account and those that went into it: what was collected there is its own now."""
        account = await self._reader.get(Account, account_id)
        return (account_id,) if account is None else (account_id, *account.absorbed)

    async def purchases(
        self,
        account_id: str,
        *,
        sort: Sequence[tuple[str, int]] = NEWEST_PURCHASE,
        store: str | None = None,
        unit: str | None = None,
        limit: int = 100,
    ) -> list[Purchase]:
        """An account's purchases, the newest first or the oldest; in one store, or that earned one unit, if given.

        Those that earned a unit are looked for among the first `MOST_LOOKED_THROUGH`.
        """
        where: dict[str, Any] = {"account_id": {"$in": await self.accounts_of(account_id)}}
        where |= {} if store is None else {"store": store}
        if unit is None:
            return await self._reader.find(Purchase, where, sort=sort, limit=_bounded(limit))
        earned = {"earnings.unit": unit}
        return await self._reader.find_among(
            Purchase, where, earned, sort=sort, among=MOST_LOOKED_THROUGH, limit=_bounded(limit)
        )

    async def purchase(self, purchase_id: str) -> Purchase | None:
        """The purchase with a business key."""
        return await self._reader.get(Purchase, purchase_id)

    async def purchases_by_receipt(
        self, receipt_number: str, *, store: str | None = None, limit: int = 20
    ) -> list[Purchase]:
        """Purchases whose receipt has a number, of all tills and days or of one store's, the newest first."""
        where = {"receipt_number": receipt_number}
        where |= {} if store is None else {"store": store}
        return await self._reader.find(Purchase, where, sort=NEWEST_PURCHASE, limit=_bounded(limit))

    async def rewards(self, account_id: str, *, state: RewardState | None = None, limit: int = 100) -> list[Reward]:
        """An account's rewards, the newest first; those in one state if it is given."""
        where: dict[str, Any] = {"account_id": {"$in": await self.accounts_of(account_id)}}
        where |= {} if state is None else {"state": state.value}
        return await self._reader.find(Reward, where, sort=(("issued_at", -1),), limit=_bounded(limit))

    async def reward(self, reward_id: str) -> Reward | None:
        """The reward with an id."""
        return await self._reader.get(Reward, reward_id)


async def ledger_matches_balances(reader: Reader) -> Reconciliation:
    """Sum up the whole ledger against every account's balances; a few numbers for each account travel.

    It reads everything, outside of a transaction: run it when nothing is being written.
    """
    entries = await reader.aggregate(LedgerEntry, (_by_account("$account_id", "$unit", "$amount"),))
    held = await reader.aggregate(
        Account, ({"$unwind": "$holdings"}, _by_account("$_id", "$holdings.unit", "$holdings.balance"))
    )
    written = {(row["_id"]["account"], row["_id"]["unit"]): int(row["sum"]) for row in entries}
    kept = {(row["_id"]["account"], row["_id"]["unit"]): int(row["sum"]) for row in held}
    off = {place[0] for place in written.keys() | kept.keys() if written.get(place, 0) != kept.get(place, 0)}
    return Reconciliation(_by_unit(written), _by_unit(kept), len(off))


def _by_account(account: str, unit: str, amount: str) -> Mapping[str, Any]:
    return {"$group": {"_id": {"account": account, "unit": unit}, "sum": {"$sum": amount}}}


def _by_unit(sums: Mapping[tuple[str, str], int]) -> dict[str, int]:
    totals: dict[str, int] = {}
    for (_, unit), amount in sums.items():
        totals[unit] = totals.get(unit, 0) + amount
    return totals


def _bounded(limit: int) -> int:
    return max(1, min(limit, MOST))
