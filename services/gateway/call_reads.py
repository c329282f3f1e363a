"""Reads about calls: the one that an operator has open, those about a member, and what was done in one."""

from datetime import UTC, datetime
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query

from contracts.calls import CallId
from contracts.programme import Programme
from contracts.refusals import REFUSALS
from contracts.values import MemberId
from services.gateway.call_shapes import CallShown, KnowledgeShown, ReasonShown, RefusalShown, TicketShown
from services.gateway.reads import Before, Limit, Visit, there, timeline, visiting
from services.gateway.scopes import READ_CALL, READ_KNOWLEDGE
from services.gateway.shapes import Timeline
from workers.registration.views import Call

router: Final = APIRouter(prefix="/v1")
CallVisit = Annotated[Visit, Depends(visiting(READ_CALL))]
OwnCallVisit = Annotated[Visit, Depends(visiting(READ_CALL, of_members=False))]
KnowledgeVisit = Annotated[Visit, Depends(visiting(READ_KNOWLEDGE, of_members=False))]
LanguageGiven = Annotated[str | None, Query(pattern="^[a-z]{2}$", description="By default the programme's first.")]
EXPLAINED: Final[dict[str, set[str]]] = {
    "cards": {"max_linked_cards", "virtual_numbers", "categories", "block_reasons", "unblock_reasons"},
    "registration": {"channels", "consents", "questions", "minimum_age", "identification", "profiles"},
    "rewards": {
        *("currency", "units", "schemes", "earning", "offers", "campaigns", "surveys", "tier_systems", "adjustments"),
        *("shortfall", "pending_seconds", "refund_wait_seconds", "coupon_reserve_seconds", "offline_spending"),
    },
}
"""What of a programme explains to people why something is as it is; a game's odds are nobody's business."""


@router.get("/calls/open", tags=["calls"])
async def open_call(visit: OwnCallVisit) -> CallShown:
    """The call that who asks has open."""
    found = there(await visit.doors.registration.open_call(visit.operator_id, datetime.now(UTC)), "call")
    return CallShown.model_validate(found)


@router.get("/calls/{call_id}", tags=["calls"])
async def call(call_id: CallId, visit: CallVisit) -> CallShown:
    """A call: whose it is, about whom, how it ended, and its ticket."""
    found = there(await visit.doors.registration.call(call_id), "call")
    await visit.must_let_see_call(found)
    ticket = await visit.doors.registration.ticket(call_id)
    visit.looked_at_card(found.id, "call", also=about(found))
    shown = CallShown.model_validate(found)
    return shown if ticket is None else shown.model_copy(update={"ticket": TicketShown.model_validate(ticket)})


@router.get("/calls/{call_id}/timeline", tags=["calls"])
async def call_timeline(call_id: CallId, visit: CallVisit, limit: Limit = 100, before: Before = None) -> Timeline:
    """Everything that was done in a call, looks included, newest first."""
    found = there(await visit.doors.registration.call(call_id), "call")
    await visit.must_let_see_call(found)
    shown = await timeline(visit.doors.audit, [call_id], limit, before)
    visit.looked_at_card(call_id, "timeline", also=(*about(found), *shown.holders))
    return shown


def about(call: Call) -> tuple[str, ...]:
    """Whom a call is about, as far as that is known."""
    return () if call.member_id is None else (call.member_id,)


@router.get("/members/{member_id}/calls", tags=["calls"])
async def member_calls(member_id: MemberId, visit: CallVisit, limit: Limit = 100) -> list[CallShown]:
    """The calls about a member and those whom they absorbed, newest first."""
    member = there(await visit.doors.registration.member(member_id), "member")
    found = await visit.doors.registration.calls_of(member.id, limit, absorbed=member.absorbed)
    visit.looked_at_member(member.id, "calls")
    return [CallShown.model_validate(each) for each in found]


@router.get("/knowledge", tags=["calls"])
async def knowledge(visit: KnowledgeVisit, language: LanguageGiven = None) -> KnowledgeShown:
    """What operators need at hand: reasons of calls with what to say, what refusals mean, the programme's rules."""
    return known(visit.doors.programme, language)


def known(programme: Programme, language: str | None) -> KnowledgeShown:
    """What operators need at hand, in a language that the programme speaks; else in its first."""
    spoken = language if language in programme.languages else programme.languages[0]
    return KnowledgeShown(
        programme=programme.name,
        language=spoken,
        reasons=tuple(
            ReasonShown(code=each.code, label=each.label.get(spoken, each.code), script=each.script.get(spoken))
            for each in programme.registration.calls.reasons
        ),
        refusals=tuple(RefusalShown(code=code, text=text) for code, text in REFUSALS.items()),
        rules=programme.model_dump(mode="json", include=EXPLAINED),
    )
