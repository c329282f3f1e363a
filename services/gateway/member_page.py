"""A member's page: everything of them in one read, of a number of queries that doesn't depend on how much there is."""

from datetime import UTC, datetime
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query

from contracts.values import MemberId
from services.gateway.member_reads import favourites_shown, subscriptions_shown
from services.gateway.page_shapes import Care, PageShown
from services.gateway.reads import Visit, there, timeline, visiting
from services.gateway.scopes import READ_PAGE
from services.gateway.shapes import CardShown, MemberShown

router: Final = APIRouter(prefix="/v1")
PageVisit = Annotated[Visit, Depends(visiting(READ_PAGE))]
Recent = Annotated[int, Query(ge=1, le=100, description="How many of the newest of each kind are shown.")]


@router.get("/members/{member_id}/page", tags=["members"])
async def page(member_id: MemberId, visit: PageVisit, recent: Recent = 20) -> PageShown:
    """A member with everything: profile, cards, balances, purchases, messages, choices, calls, history and the rest."""
    doors, now = visit.doors, datetime.now(UTC)
    member = there(await doors.registration.member(member_id), "member")
    cards = await doors.cards.cards_of(member.id)
    numbers = [card.number for card in cards]
    collected = await doors.rewards.collected(numbers, doors.programme, now, recent)
    messages = await doors.notifications.messages_of(member.id, recent, absorbed=member.absorbed)
    history = await timeline(doors.audit, [member.id, *member.absorbed, *numbers, *collected.account_ids], recent, None)
    about = Care(
        favourites=favourites_shown(await doors.registration.favourites(member.id), doors.programme),
        subscriptions=subscriptions_shown(await doors.notifications.contact(member.id), doors.programme),
        open_calls=await doors.registration.open_calls_of(member.id, now, absorbed=member.absorbed),
        calls=await doors.registration.calls_of(member.id, recent, absorbed=member.absorbed),
    )
    visit.looked_at_member(member.id, "page")
    shown = [CardShown.among(card, cards) for card in cards]
    return PageShown.of(MemberShown.model_validate(member), shown, collected, messages, about, history)
