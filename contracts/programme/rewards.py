"""What a programme decides about stamps and points: what earns, how long it lasts, what it buys."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from functools import cached_property
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from contracts.messages import ActorKind
from contracts.programme.adjustments import AdjustmentRules
from contracts.programme.earning import EarningRule, Rate, Rounding, Scheme, ValidUntil, divided
from contracts.programme.offers import Campaign, Prize
from contracts.programme.pastimes import Game, Survey
from contracts.programme.tiers import TierSystem
from contracts.rewards import Currency
from contracts.values import Code, Text

__all__ = [
    "EarningRule",
    "Rate",
    "RewardOffer",
    "RewardRules",
    "Rounding",
    "Scheme",
    "Shortfall",
    "ValidUntil",
    "divided",
]

TILLS = (ActorKind.POS, ActorKind.SYSTEM)
OFFICE = (ActorKind.OPERATOR, ActorKind.SYSTEM)


class Shortfall(StrEnum):
    """What becomes of a refund that finds the units spent: a debt that earnings pay, a negative balance, or nothing."""

    DEBT = "debt"
    NEGATIVE = "negative"
    WAIVE = "waive"


class RewardOffer(BaseModel):
    """Something that stamps or points buy."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    code: Code
    text: Text
    unit: Code
    price: int = Field(ge=1, le=10**9)
    expires_after_days: int | None = Field(None, ge=1, le=3_660)
    """How long it may be used; None: for ever."""
    returns: bool = True
    """Whether it comes back when the whole sale in which it was used does."""


class RewardRules(BaseModel):
    """The section `rewards` of `programme.yaml`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    currency: Currency
    """What receipts are paid in."""
    units: tuple[Code, ...] = Field(min_length=1, max_length=20)
    """What members collect: stamps, points, …"""
    schemes: tuple[Scheme, ...] = Field((), max_length=100)
    earning: tuple[EarningRule, ...] = Field(max_length=500)
    offers: tuple[RewardOffer, ...] = Field(max_length=500)
    campaigns: tuple[Campaign, ...] = Field((), max_length=500)
    """The coupons that there are."""
    surveys: tuple[Survey, ...] = Field((), max_length=100)
    games: tuple[Game, ...] = Field((), max_length=100)
    tier_systems: tuple[TierSystem, ...] = Field((), max_length=10)
    recorders: tuple[ActorKind, ...] = (*TILLS, ActorKind.OPERATOR)
    """Who may record, confirm, cancel and refund purchases."""
    spenders: tuple[ActorKind, ...] = (*TILLS, ActorKind.OPERATOR, ActorKind.APP, ActorKind.WALLET)
    """Who may buy rewards for a card."""
    givers: tuple[ActorKind, ...] = (*TILLS, ActorKind.OPERATOR)
    """Who may hand rewards out, and take coupons."""
    removers: tuple[ActorKind, ...] = OFFICE
    """Who may undo rewards that are outstanding."""
    restorers: tuple[ActorKind, ...] = OFFICE
    """Who may undo that rewards were removed or used."""
    correctors: tuple[ActorKind, ...] = OFFICE
    """Who may undo refunds and cancellations of sales, and that coupons were used."""
    adjustments: AdjustmentRules = AdjustmentRules()
    coupon_issuers: tuple[ActorKind, ...] = (*TILLS, ActorKind.OPERATOR)
    """Who may issue coupons and send them again."""
    coupon_cancellers: tuple[ActorKind, ...] = OFFICE
    coupon_sharers: tuple[ActorKind, ...] = (ActorKind.APP, ActorKind.WALLET, *OFFICE)
    """Who may move a coupon to another card."""
    survey_takers: tuple[ActorKind, ...] = (ActorKind.APP, ActorKind.WALLET, ActorKind.OPERATOR)
    players: tuple[ActorKind, ...] = (*TILLS, ActorKind.APP, ActorKind.WALLET, ActorKind.OPERATOR)
    """Who may play for a card. A draw follows from its command's id by a secret key: nobody finds lucky ids."""
    tier_assigners: tuple[ActorKind, ...] = OFFICE
    shortfall: Shortfall = Shortfall.DEBT
    park_seconds: int = Field(300, ge=1, le=86_400)
    """How long a purchase waits for a card that nobody knows yet."""
    pending_seconds: int = Field(86_400, ge=60)
    """How long a pending purchase may stay so before it is cancelled."""
    refund_wait_seconds: int = Field(30 * 86_400, ge=60)
    """How long a refund waits for its sale."""
    coupon_reserve_seconds: int = Field(900, ge=1, le=86_400)
    """How long a till may have a coupon open."""
    offline_spending: bool = False
    """Whether rewards are bought at tills that can't ask: the risk is that the same units were spent elsewhere."""
    clock_skew_seconds: int = Field(86_400, ge=0)
    """How far ahead of us a till's clock may be."""
    cap_memory_days: int = Field(7, ge=0, le=366)
    """How long after a period ends an account remembers what capped rules gave in it. What comes in later than that,
    from a till that was offline for longer, earns nothing by them: nobody could say whether the cap was reached."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for kind, codes in (
            ("units", self.units),
            ("schemes", tuple(scheme.code for scheme in self.schemes)),
            ("earning", tuple(rule.code for rule in self.earning)),
            ("offers, campaigns, surveys, games", self._offered()),
            ("tier_systems", tuple(system.code for system in self.tier_systems)),
            ("tiers", tuple(tier.code for system in self.tier_systems for tier in system.tiers)),
        ):
            if len(set(codes)) != len(codes):
                raise ValueError(f"{kind}: a code stands there twice")
        wanted = [(rule.code, rule.unit) for rule in self.earning] + [(offer.code, offer.unit) for offer in self.offers]
        wanted += [("adjustments.caps", cap.unit) for cap in self.adjustments.caps]
        wanted += [(system.code, system.unit) for system in self.tier_systems if system.unit is not None]
        wanted += [(each.code, each.gives.unit) for each in self.campaigns if each.gives.unit is not None]
        for code, unit in wanted:
            if unit not in self.units:
                raise ValueError(f"{code}: {unit} is not among the units")
        tiers = [tier for system in self.tier_systems for tier in system.tiers]
        prizes = [(tier.code, tier.reward) for tier in tiers if tier.reward is not None]
        prizes += [(survey.code, survey.prize) for survey in self.surveys if survey.prize is not None]
        prizes += [(prize.code, prize.prize) for game in self.games for prize in game.prizes]
        self._refuse_unknown_prizes(prizes)
        for rule in self.earning:
            for code in sorted(rule.tiers - {tier.code for tier in tiers}):
                raise ValueError(f"{rule.code}: {code} is not among the tiers")
        schemes = {scheme.code for scheme in self.schemes}
        for rule in self.earning:
            if rule.scheme is not None and rule.scheme not in schemes:
                raise ValueError(f"{rule.code}: {rule.scheme} is not among the schemes")
        return self

    @cached_property
    def schemes_by_code(self) -> dict[str, Scheme]:
        """The schemes by their codes."""
        return {scheme.code: scheme for scheme in self.schemes}

    @cached_property
    def counts(self) -> bool:
        """Whether anything that purchases bring is counted by period: for caps or for tiers."""
        return bool(self.capped or self.tier_systems)

    @cached_property
    def capped(self) -> dict[str, EarningRule]:
        """The rules that have caps, by code."""
        return {rule.code: rule for rule in self.earning if rule.caps}

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """The same rules with some changed; what was found out about these isn't taken along."""
        copied = super().model_copy(update=update, deep=deep)
        for name in copied.__dict__.keys() - RewardRules.model_fields.keys():
            del copied.__dict__[name]
        return copied

    @cached_property
    def _offers_by_code(self) -> dict[str, RewardOffer]:
        return {offer.code: offer for offer in self.offers}

    def _refuse_unknown_prizes(self, prizes: Iterable[tuple[str, Prize]]) -> None:
        campaigns = {campaign.code for campaign in self.campaigns}
        for code, prize in prizes:
            if prize.campaign is not None and prize.campaign not in campaigns:
                raise ValueError(f"{code}: {prize.campaign} is not among the campaigns")
            if prize.units is not None and prize.units.unit not in self.units:
                raise ValueError(f"{code}: {prize.units.unit} is not among the units")

    def survey(self, code: str) -> Survey | None:
        """The survey with this code, or None."""
        return next((survey for survey in self.surveys if survey.code == code), None)

    def game(self, code: str) -> Game | None:
        """The game with this code, or None."""
        return next((game for game in self.games if game.code == code), None)

    def tier_system(self, code: str) -> TierSystem | None:
        """The status system with this code, or None."""
        return next((system for system in self.tier_systems if system.code == code), None)

    @cached_property
    def _campaigns_by_code(self) -> dict[str, Campaign]:
        return {campaign.code: campaign for campaign in self.campaigns}

    def campaign(self, code: str) -> Campaign | None:
        """The campaign with this code, or None."""
        return self._campaigns_by_code.get(code)

    @cached_property
    def offer_codes(self) -> frozenset[str]:
        """The codes of all that is offered: rewards, campaigns, surveys and games; no two have the same."""
        return frozenset(self._offered())

    def _offered(self) -> tuple[str, ...]:
        rewards = [offer.code for offer in self.offers] + [campaign.code for campaign in self.campaigns]
        return (*rewards, *(survey.code for survey in self.surveys), *(game.code for game in self.games))

    def offer(self, code: str) -> RewardOffer | None:
        """The offer with this code, or None."""
        return self._offers_by_code.get(code)
