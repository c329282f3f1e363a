"""The shape of a member's page: everything that is known of them, in the words of the single reads."""

from collections.abc import Sequence
from typing import NamedTuple, Self

from pydantic import BaseModel

from contracts.rewards import UnitBalance
from services.gateway.call_shapes import CallShown
from services.gateway.ledger_shapes import AdjustmentShown, adjustment_shown
from services.gateway.member_shapes import FavouritesShown, SubscriptionShown
from services.gateway.offer_shapes import CouponShown, SurveyResponseShown, TierShown
from services.gateway.shapes import CardShown, MemberShown, MessageShown, PurchaseShown, RewardShown, Timeline
from workers.registration.views import Call
from workers.rewards.views import AccountOnPage, Collected


class AccountShown(BaseModel):
    """What some of a member's cards collect in."""

    account_id: str
    card_numbers: tuple[str, ...]
    is_hidden: bool
    """Whether all its cards were deleted: what they collected is kept, and shown again when one is restored."""
    balances: tuple[UnitBalance, ...]
    tiers: tuple[TierShown, ...]

    @classmethod
    def of(cls, found: AccountOnPage) -> Self:
        """What is shown of an account."""
        return cls(
            account_id=found.account.id,
            card_numbers=found.card_numbers,
            is_hidden=found.is_hidden,
            balances=found.balances,
            tiers=tuple(TierShown.model_validate(each) for each in found.tiers),
        )


class Care(NamedTuple):
    """What a member chose, and the calls about them."""

    favourites: FavouritesShown
    subscriptions: Sequence[SubscriptionShown]
    open_calls: Sequence[Call]
    calls: Sequence[Call]


class PageShown(BaseModel):
    """A member with everything: who they are, their cards, what they collected, what they were sent, their history."""

    member: MemberShown
    cards: tuple[CardShown, ...]
    """The first linked first."""
    accounts: tuple[AccountShown, ...]
    purchases: tuple[PurchaseShown, ...]
    """These and what follows: the newest first."""
    rewards: tuple[RewardShown, ...]
    coupons: tuple[CouponShown, ...]
    surveys: tuple[SurveyResponseShown, ...]
    adjustments: tuple[AdjustmentShown, ...]
    messages: tuple[MessageShown, ...]
    favourites: FavouritesShown
    subscriptions: tuple[SubscriptionShown, ...]
    """Every mailing through each of its channels."""
    open_calls: tuple[CallShown, ...]
    """That operators have open about the member now."""
    calls: tuple[CallShown, ...]
    """The newest first, open ones among them."""
    history: Timeline

    @classmethod
    def of(
        cls,
        member: MemberShown,
        cards: Sequence[CardShown],
        found: Collected,
        messages: Sequence[object],
        care: Care,
        history: Timeline,
    ) -> Self:
        """The page, put together."""
        return cls(
            member=member,
            cards=tuple(cards),
            accounts=tuple(map(AccountShown.of, found.accounts)),
            purchases=tuple(map(PurchaseShown.model_validate, found.purchases)),
            rewards=tuple(map(RewardShown.model_validate, found.rewards)),
            coupons=tuple(map(CouponShown.model_validate, found.coupons)),
            surveys=tuple(map(SurveyResponseShown.model_validate, found.survey_responses)),
            adjustments=tuple(map(adjustment_shown, found.adjustments)),
            messages=tuple(map(MessageShown.model_validate, messages)),
            favourites=care.favourites,
            subscriptions=tuple(care.subscriptions),
            open_calls=tuple(map(CallShown.model_validate, care.open_calls)),
            calls=tuple(map(CallShown.model_validate, care.calls)),
            history=history,
        )
