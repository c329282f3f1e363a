"""What others may read about coupons, tiers and surveys."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final, NamedTuple

from contracts.cards import CardState
from contracts.coupons import CouponState
from contracts.programme import Programme
from contracts.programme.periods import Period
from contracts.programme.rewards import RewardOffer
from contracts.programme.tiers import TierSystem
from contracts.tiers import TierCause
from runtime.store import Reader
from workers.rewards.coupon_documents import Coupon
from workers.rewards.documents import Account, Card
from workers.rewards.pastime_documents import SurveyResponse
from workers.rewards.receipts import why_not_spending
from workers.rewards.reckoning import progress
from workers.rewards.tier_documents import Standing

MOST_OFFERS: Final = 500
"""Most that one query gives, whatever is asked for."""


class TierView(NamedTuple):
    """How an account stands in a status system: its tier, and what counts towards the next."""

    system: str
    tier: str | None
    since: datetime | None
    cause: TierCause | None
    held_until: datetime | None
    note: str | None
    counted: int
    """What counts in this period."""
    counted_before: int
    """What counted in the period before, which holds to the end of this one."""
    next_tier: str | None
    next_threshold: int | None
    period_ends_on: date | None
    """The last day of this period; None if it has no end."""


class Choice(NamedTuple):
    """A reward that can be bought, and whether a card can buy it now."""

    reward: str
    text: str
    unit: str
    price: int
    available: int
    is_affordable: bool
    code: str | None
    """Why it can't be bought, as a refusal would say it."""
    remains: int | None
    missing: int
    expires_after_days: int | None


class OfferViews:
    """Read-only queries over what accounts were given besides what purchases earn.

    Every one raises `runtime.store.Away` when MongoDB can't be reached.
    """

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def tiers(self, account_id: str, programme: Programme, now: datetime) -> list[TierView]:
        """How an account stands in each status system of the programme."""
        account = await self._reader.get(Account, account_id)
        standing = await self._reader.get(Standing, account_id) or Standing(id=account_id)
        today = now.astimezone(programme.zone).date()
        systems = programme.rewards.tier_systems if account is not None else ()
        return [tier_view(system, account, standing, today) for system in systems if account is not None]

    async def choices(self, card_number: str, offers: Sequence[RewardOffer], now: datetime) -> list[Choice] | None:
        """What a card can buy at an instant, and what not, and why; None if nobody knows the card."""
        card = await self._reader.get(Card, card_number)
        account = None if card is None or card.account_id is None else await self._reader.get(Account, card.account_id)
        if card is None or account is None:
            return None
        stopped = why_not_spending(card, now)
        is_deleted = card.state is CardState.DELETED
        return [
            _choice(offer, 0 if is_deleted else account.holding(offer.unit).spendable(now), stopped) for offer in offers
        ]

    async def survey_responses(self, account_id: str, limit: int = 100) -> list[SurveyResponse]:
        """What an account answered in surveys, the newest first."""
        where = {"account_id": {"$in": await self._owned(account_id)}}
        newest = (("answered_at", -1),)
        return await self._reader.find(SurveyResponse, where, sort=newest, limit=max(1, min(limit, MOST_OFFERS)))

    async def _owned(self, account_id: str) -> tuple[str, ...]:
        account = await self._reader.get(Account, account_id)
        return (account_id,) if account is None else (account_id, *account.absorbed)

    async def coupon(self, coupon_code: str) -> Coupon | None:
        """The coupon with a code."""
        return await self._reader.get(Coupon, coupon_code)

    async def coupons(self, account_id: str, *, state: CouponState | None = None, limit: int = 100) -> list[Coupon]:
        """An account's coupons, the newest first; those in one state if it is given."""
        where: dict[str, Any] = {"account_id": {"$in": await self._owned(account_id)}}
        where |= {} if state is None else {"state": state.value}
        newest = (("issued_at", -1),)
        return await self._reader.find(Coupon, where, sort=newest, limit=max(1, min(limit, MOST_OFFERS)))


def _choice(offer: RewardOffer, available: int, stopped: str | None) -> Choice:
    missing = max(0, offer.price - available)
    code = stopped or ("balance_too_low" if missing else None)
    return Choice(
        reward=offer.code,
        text=offer.text,
        unit=offer.unit,
        price=offer.price,
        available=available,
        is_affordable=code is None,
        code=code,
        remains=available - offer.price if code is None else None,
        missing=missing,
        expires_after_days=offer.expires_after_days,
    )


def tier_view(system: TierSystem, account: Account, standing: Standing, today: date) -> TierView:
    """How an account stands in a status system on a day."""
    held, rank = account.held_tier(system.code), standing.rank(system.code)
    counted, counted_before = progress(system, account, today)
    place = system.rank(held.tier)
    higher = system.tiers[place] if place < len(system.tiers) else None
    has_end = system.period is not Period.EVER
    return TierView(
        system=system.code,
        tier=held.tier,
        since=None if rank is None else rank.since,
        cause=None if rank is None else rank.cause,
        held_until=held.held_until,
        note=None if rank is None else rank.note,
        counted=counted,
        counted_before=counted_before,
        next_tier=None if higher is None else higher.code,
        next_threshold=None if higher is None else higher.threshold,
        period_ends_on=system.period.next_day(today) - timedelta(days=1) if has_end else None,
    )
