"""What others may read about coupons."""

from typing import Any, Final

from contracts.coupons import CouponState
from runtime.store import Reader
from workers.rewards.coupon_documents import Coupon
from workers.rewards.documents import Account

MOST_OFFERS: Final = 500
"""Most that one query gives, whatever is asked for."""


class OfferViews:
    """Read-only queries over what accounts were given besides what purchases earn.

    Every one raises `runtime.store.Away` when MongoDB can't be reached.
    """

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def coupon(self, coupon_code: str) -> Coupon | None:
        """The coupon with a code."""
        return await self._reader.get(Coupon, coupon_code)

    async def coupons(self, account_id: str, *, state: CouponState | None = None, limit: int = 100) -> list[Coupon]:
        """An account's coupons, the newest first; those in one state if it is given."""
        account = await self._reader.get(Account, account_id)
        owned = (account_id,) if account is None else (account_id, *account.absorbed)
        where: dict[str, Any] = {"account_id": {"$in": owned}} | ({} if state is None else {"state": state.value})
        newest = (("issued_at", -1), ("_id", 1))
        return await self._reader.find(Coupon, where, sort=newest, limit=max(1, min(limit, MOST_OFFERS)))
