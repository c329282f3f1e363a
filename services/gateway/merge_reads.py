"""Reads about merging members: what the survivor will have, and what both were before."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query

from contracts.cards import CardState
from contracts.programme import Programme
from contracts.refusals import text_of
from contracts.values import MemberId
from services.gateway.merge_shapes import HeldTierShown, MergePreview, MergeShown, Obstacle
from services.gateway.offer_shapes import CouponShown
from services.gateway.reads import TimelineVisit, Visit, there, visiting
from services.gateway.scopes import PREVIEW_MERGE
from services.gateway.shapes import CardShown, RewardShown
from workers.registration.views import Member, MemberState
from workers.rewards.views import Together

router: Final = APIRouter(prefix="/v1")
PreviewVisit = Annotated[Visit, Depends(visiting(PREVIEW_MERGE))]
Other = Annotated[MemberId, Query(description="The member who would be absorbed.")]
IN_USE: Final = (CardState.ACTIVE, CardState.BLOCKED)
NOTHING: Final = Together((), (), (), ())


@router.get("/members/{member_id}/merge-preview", tags=["members"])
async def merge_preview(member_id: MemberId, absorbed_id: Other, visit: PreviewVisit) -> MergePreview:
    """What a member would have who absorbs another, and what stands against it; nothing happens yet."""
    views, programme = visit.doors.registration, visit.doors.programme
    survivor = there(await views.member(member_id), "member")
    absorbed = there(await views.record(absorbed_id), "member")
    found = [card for each in (survivor, absorbed) for card in await visit.doors.cards.cards_of(each.id)]
    numbers = [card.number for card in found if card.state in IN_USE]
    together = await visit.doors.rewards.together(numbers, programme, datetime.now(UTC)) or NOTHING
    for each in (survivor, absorbed):
        visit.looked_at_member(each.id, "merge_preview")
    return MergePreview(
        member_id=survivor.id,
        absorbed_id=absorbed.id,
        obstacles=tuple(obstacles(survivor, absorbed, programme)),
        merges_left=max(0, merges_left(survivor, absorbed, programme)),
        cards=tuple(CardShown.among(card, found) for card in found),
        balances=together.balances,
        rewards=tuple(RewardShown.model_validate(each) for each in together.rewards),
        coupons=tuple(CouponShown.model_validate(each) for each in together.coupons),
        tiers=tuple(HeldTierShown.model_validate(each) for each in together.tiers),
    )


@router.get("/members/{member_id}/merges", tags=["members"])
async def merges(member_id: MemberId, visit: TimelineVisit) -> list[MergeShown]:
    """Whom a member absorbed, the first first: who did it when, and the state before."""
    member = there(await visit.doors.registration.member(member_id), "member")
    found = await visit.doors.registration.merges_of(member)
    visit.looked_at_member(member.id, "merges")
    return [MergeShown.model_validate(each) for each in found]


def merges_left(survivor: Member, absorbed: Member, programme: Programme) -> int:
    """How many members more could be absorbed after a merge; below 0 there are too many already."""
    most = programme.registration.merging.most_absorbed
    return most - len(survivor.absorbed) - 1 - len(absorbed.absorbed)


def obstacles(survivor: Member, absorbed: Member, programme: Programme) -> Iterator[Obstacle]:
    """What the worker would refuse a merge for, by what can be seen from here."""
    most = programme.registration.merging.most_absorbed
    codes: dict[str, dict[str, object]] = {}
    if absorbed.merged_into is not None:
        codes["member_already_merged"] = {"member_id": absorbed.merged_into}
    elif survivor.id == absorbed.id:
        codes["merge_with_oneself"] = {}
    elif MemberState.BLOCKED in (survivor.state, absorbed.state):
        codes["member_blocked"] = {}
    elif merges_left(survivor, absorbed, programme) < 0:
        codes["too_many_merges"] = {"most": most}
    for code, details in codes.items():
        yield Obstacle(code=code, text=text_of(code, details))
