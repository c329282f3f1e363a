"""Prizes: what comes with a tier, an answered survey or a won game; units at once, or a coupon."""

from dataclasses import dataclass, field
from typing import NamedTuple

from contracts.coupons import CouponIssued
from contracts.programme.offers import Prize
from contracts.rewards import UnitChange
from workers import Context
from workers.rewards.coupon_documents import Coupon, Given
from workers.rewards.coupons import new_coupon
from workers.rewards.documents import Account, Card, Cause, LedgerEntry
from workers.rewards.giving import give
from workers.rewards.ledger import settled


class Award(NamedTuple):
    """What one prize came to."""

    given: Given | None
    coupon_code: str | None


@dataclass(slots=True)
class Awarded:
    """What came of giving prizes: the account after them, and what to yield and to say besides."""

    account: Account
    entries: list[LedgerEntry] = field(default_factory=list)
    coupons: list[Coupon] = field(default_factory=list)
    given: list[UnitChange] = field(default_factory=list)

    @property
    def coupon_codes(self) -> tuple[str, ...]:
        """The codes of the coupons that were issued."""
        return tuple(coupon.id for coupon in self.coupons)

    def award(self, prize: Prize, cause: Cause, source: str, context: Context) -> Award:
        """Give one more; a campaign that the programme has no more gives nothing."""
        given: Given | None = None
        coupon_code: str | None = None
        campaign = None if prize.campaign is None else context.programme.rewards.campaign(prize.campaign)
        if campaign is not None:
            self.coupons.append(new_coupon(campaign, self.account.id, context))
            coupon_code = self.coupons[-1].id
        if prize.units is not None:
            gave = give(self.account, prize.units, cause, source, context)
            self.account, given = gave.account, gave.given
            self.entries.append(gave.entry)
            self.given.append(UnitChange(unit=gave.given.unit, amount=gave.given.amount))
        return Award(given, coupon_code)

    def told(self, card: Card | None) -> tuple[CouponIssued, ...]:
        """What is said of the coupons."""
        return tuple(
            CouponIssued(
                coupon_code=coupon.id,
                account_id=coupon.account_id,
                card_number=None if card is None else card.id,
                member_id=None if card is None else card.member_id,
                campaign=coupon.campaign,
                gives=coupon.gives,
                expires_at=coupon.expires_at,
            )
            for coupon in self.coupons
        )


def awarding(account: Account) -> Awarded:
    """Begin with an account, in its next version even if nothing moves."""
    return Awarded(settled(account, ()))
