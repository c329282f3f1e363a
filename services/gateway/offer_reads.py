"""Reads about offers: coupons, tiers, surveys, and everything that happened to a code, a reward or an offer."""

from datetime import UTC, datetime
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Path

from contracts.coupons import CouponCode, CouponState
from contracts.rewards import RewardId
from contracts.values import CardNumber, Code
from services.gateway.offer_shapes import CouponShown, SurveyResponseShown, TierShown
from services.gateway.reads import (
    Before,
    CardVisit,
    Limit,
    MemberVisit,
    TimelineVisit,
    Visit,
    account_of,
    there,
    timeline,
    visiting,
)
from services.gateway.scopes import READ_COUPON
from services.gateway.shapes import Timeline

router: Final = APIRouter(prefix="/v1")
CouponVisit = Annotated[Visit, Depends(visiting(READ_COUPON))]


@router.get("/cards/{card_number}/coupons", tags=["cards"])
async def coupons(
    card_number: CardNumber, visit: CardVisit, state: CouponState | None = None, limit: Limit = 100
) -> list[CouponShown]:
    """The coupons of the card's account, newest first."""
    found = await visit.doors.rewards.coupons(await account_of(card_number, visit), state=state, limit=limit)
    visit.looked_at_card(card_number, "coupons")
    return [CouponShown.model_validate(each) for each in found]


@router.get("/cards/{card_number}/surveys", tags=["cards"])
async def surveys(card_number: CardNumber, visit: MemberVisit, limit: Limit = 100) -> list[SurveyResponseShown]:
    """What was answered in surveys with the card's account, newest first."""
    found = await visit.doors.rewards.survey_responses(await account_of(card_number, visit), limit=limit)
    visit.looked_at_card(card_number, "surveys")
    return [SurveyResponseShown.model_validate(each) for each in found]


@router.get("/cards/{card_number}/tiers", tags=["cards"])
async def tiers(card_number: CardNumber, visit: CardVisit) -> list[TierShown]:
    """How the card's account stands in each status system, and what it takes to the next tier."""
    account_id = await account_of(card_number, visit)
    found = await visit.doors.rewards.tiers(account_id, visit.doors.programme, datetime.now(UTC))
    visit.looked_at_card(card_number, "tiers")
    shown = [TierShown.model_validate(each) for each in found]
    return shown if visit.is_office else [each.model_copy(update={"note": None}) for each in shown]


@router.get("/coupons/{coupon_code}", tags=["offers"])
async def coupon(coupon_code: Annotated[CouponCode, Path()], visit: CouponVisit) -> CouponShown:
    """A coupon by its code, however it is written: what it gives, whose it is, which till has it open."""
    found = there(await visit.doors.rewards.coupon(coupon_code), "coupon")
    await visit.must_let_see(accounts=[found.account_id])
    visit.looked_at_card(coupon_code, "coupon", also=[found.account_id])
    return CouponShown.model_validate(found)


@router.get("/coupons/{coupon_code}/timeline", tags=["offers"])
async def coupon_timeline(
    coupon_code: Annotated[CouponCode, Path()], visit: TimelineVisit, limit: Limit = 100, before: Before = None
) -> Timeline:
    """Everything that happened to a code, newest first, with who did it."""
    found = there(await visit.doors.rewards.coupon(coupon_code), "coupon")
    await visit.must_let_see(accounts=[found.account_id])
    shown = await timeline(visit.doors.audit, [coupon_code], limit, before)
    visit.looked_at_card(coupon_code, "timeline", also=[found.account_id, *shown.holders])
    return shown


@router.get("/rewards/{reward_id}/timeline", tags=["offers"])
async def reward_timeline(
    reward_id: RewardId, visit: TimelineVisit, limit: Limit = 100, before: Before = None
) -> Timeline:
    """Everything that happened to a reward, newest first, with who did it."""
    found = there(await visit.doors.rewards.reward(reward_id), "reward")
    await visit.must_let_see(accounts=[found.account_id])
    shown = await timeline(visit.doors.audit, [reward_id], limit, before)
    visit.looked_at_card(reward_id, "timeline", also=[found.account_id, *shown.holders])
    return shown


@router.get("/offers/{offer}/timeline", tags=["offers"])
async def offer_timeline(offer: Code, visit: TimelineVisit, limit: Limit = 100, before: Before = None) -> Timeline:
    """Everything that happened with a reward, a campaign, a survey or a game, by its code, newest first."""
    there(offer if offer in visit.doors.programme.rewards.offer_codes else None, "offer")
    visit.must_let_see_anybody()
    shown = await timeline(visit.doors.audit, [offer], limit, before)
    visit.looked_at_card(offer, "timeline", also=shown.holders)
    return shown
