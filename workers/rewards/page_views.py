"""All that a member collected, for one page: in so many queries however many cards and accounts there are."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from contracts.cards import CardState
from contracts.programme import Programme
from contracts.rewards import UnitBalance
from runtime.store import Reader
from workers.rewards.adjustment_documents import Adjustment
from workers.rewards.coupon_documents import Coupon
from workers.rewards.documents import Account, Card, Purchase, Reward
from workers.rewards.ledger import balances
from workers.rewards.ledger_views import with_comments
from workers.rewards.offer_views import TierView, tier_view
from workers.rewards.pastime_documents import SurveyResponse
from workers.rewards.tier_documents import Standing


class AccountOnPage(NamedTuple):
    """What some cards of a member collect in."""

    account: Account
    card_numbers: tuple[str, ...]
    balances: tuple[UnitBalance, ...]
    """Nothing while it is hidden."""
    is_hidden: bool
    """Whether all its cards were deleted."""
    tiers: tuple[TierView, ...]


class Collected(NamedTuple):
    """What a member collected and got for it; of each kind the newest."""

    accounts: tuple[AccountOnPage, ...]
    purchases: Sequence[Purchase] = ()
    rewards: Sequence[Reward] = ()
    coupons: Sequence[Coupon] = ()
    survey_responses: Sequence[SurveyResponse] = ()
    adjustments: Sequence[Adjustment] = ()

    @property
    def account_ids(self) -> tuple[str, ...]:
        """Its accounts, and those that went into them."""
        return tuple(account_id for each in self.accounts for account_id in (each.account.id, *each.account.absorbed))


class PageViews:
    """Read-only queries over everything at once.

    Every one raises `runtime.store.Away` when MongoDB can't be reached.
    """

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def collected(
        self, card_numbers: Sequence[str], programme: Programme, now: datetime, recent: int
    ) -> Collected:
        """What was collected with some cards, with so many of the newest of each kind."""
        cards = await self._all(Card, card_numbers)
        ids = sorted({card.account_id for card in cards.values() if card.account_id is not None})
        accounts = await self._all(Account, ids)
        standings = await self._all(Standing, ids)
        found = Collected(
            tuple(
                _on_page(account, standings.get(account.id) or Standing(id=account.id), cards, programme, now)
                for account in accounts.values()
            )
        )
        if not found.accounts:
            return found
        owned = {"account_id": {"$in": list(found.account_ids)}}
        find = self._reader.find
        adjustments = await find(Adjustment, owned, sort=(("submitted_at", -1),), limit=recent)
        return found._replace(
            purchases=await find(Purchase, owned, sort=(("purchased_at", -1),), limit=recent),
            rewards=await find(Reward, owned, sort=(("issued_at", -1),), limit=recent),
            coupons=await find(Coupon, owned, sort=(("issued_at", -1),), limit=recent),
            survey_responses=await find(SurveyResponse, owned, sort=(("answered_at", -1),), limit=recent),
            adjustments=await with_comments(self._reader, adjustments),
        )

    async def _all(self, document_class: Any, ids: Sequence[str]) -> dict[str, Any]:
        found = await self._reader.find(document_class, {"_id": {"$in": list(ids)}}, limit=0) if ids else []
        return {each.id: each for each in found}


def _on_page(
    account: Account, standing: Standing, cards: Mapping[str, Card], programme: Programme, now: datetime
) -> AccountOnPage:
    own = sorted(card.id for card in cards.values() if card.account_id == account.id)
    is_hidden = all(_newest(cards[number], cards).state is CardState.DELETED for number in own)
    today = now.astimezone(programme.zone).date()
    held = () if is_hidden else balances(account, now, programme.rewards.shortfall)
    tiers = tuple(tier_view(system, account, standing, today) for system in programme.rewards.tier_systems)
    return AccountOnPage(account, tuple(own), tuple(held), is_hidden, tiers)


def _newest(card: Card, cards: Mapping[str, Card]) -> Card:
    """The card that has this one's place now, among those that are known."""
    for _ in cards:
        card = cards.get(card.replaced_by or "", card)
    return card
