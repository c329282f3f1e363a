"""To whose cards a receipt or a coupon leads: rewards knows accounts and cards, who searches wants the member."""

from collections.abc import Sequence
from datetime import date
from typing import Any, Final

from runtime.store import Reader
from workers.rewards.coupon_documents import Coupon
from workers.rewards.documents import Account, Purchase

MOST_LED_TO: Final = 200
"""Receipts that are followed: tills begin again with the same numbers."""


class LeadViews:
    """Read-only queries from what a member has in their hand to the cards that it was given for.

    Every one raises `runtime.store.Away` when MongoDB can't be reached.
    """

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def cards_by_receipt(
        self, receipt_number: str, *, store: str | None = None, business_day: date | None = None
    ) -> tuple[str, ...]:
        """The cards in whose accounts receipts with a number were booked, the newest receipts of all tills and days."""
        where: dict[str, Any] = {"receipt_number": receipt_number}
        where |= {} if store is None else {"store": store}
        where |= {} if business_day is None else {"business_day": business_day.isoformat()}
        found = await self._reader.find(Purchase, where, sort=(("purchased_at", -1),), limit=MOST_LED_TO)
        return await self._cards([each.account_id for each in found if each.account_id is not None])

    async def cards_by_coupon(self, coupon_code: str) -> tuple[str, ...]:
        """The card in whose account a coupon is; none if there is no such coupon."""
        coupon = await self._reader.get(Coupon, coupon_code)
        return () if coupon is None else await self._cards([coupon.account_id])

    async def cards_of_accounts(self, account_ids: Sequence[str]) -> tuple[str, ...]:
        """The cards that lead to any of these accounts, or to those into which they went."""
        found = await self._reader.find(Account, {"_id": {"$in": sorted(set(account_ids))}}, limit=0)
        heirs = sorted({each.merged_into for each in found if each.merged_into is not None})
        found += await self._reader.find(Account, {"_id": {"$in": heirs}}, limit=0) if heirs else []
        return tuple(sorted({number for each in found for number in each.cards}))

    async def _cards(self, account_ids: Sequence[str]) -> tuple[str, ...]:
        ids = sorted(set(account_ids))
        accounts = await self._reader.find(Account, {"_id": {"$in": ids}}, limit=0) if ids else []
        return tuple(sorted(each.card_number for each in accounts if each.card_number is not None))
