"""Reads about calls: the one that an operator has open, those about a member, and what was done in one."""

from typing import Annotated, Final

from fastapi import APIRouter, Depends

from contracts.calls import CallId
from contracts.values import MemberId
from services.gateway.call_shapes import CallShown
from services.gateway.reads import Before, Limit, Visit, there, timeline, visiting
from services.gateway.scopes import READ_CALL
from services.gateway.shapes import Timeline

router: Final = APIRouter(prefix="/v1")
CallVisit = Annotated[Visit, Depends(visiting(READ_CALL))]


@router.get("/calls/open", tags=["calls"])
async def open_call(visit: CallVisit) -> CallShown:
    """The call that who asks has open."""
    found = there(await visit.doors.registration.open_call(visit.operator_id), "call")
    return CallShown.model_validate(found)


@router.get("/calls/{call_id}", tags=["calls"])
async def call(call_id: CallId, visit: CallVisit) -> CallShown:
    """A call: whose it is, about whom, how it ended."""
    return CallShown.model_validate(there(await visit.doors.registration.call(call_id), "call"))


@router.get("/calls/{call_id}/timeline", tags=["calls"])
async def call_timeline(call_id: CallId, visit: CallVisit, limit: Limit = 100, before: Before = None) -> Timeline:
    """Everything that was done in a call, looks included, newest first."""
    there(await visit.doors.registration.call(call_id), "call")
    return await timeline(visit.doors.audit, [call_id], limit, before)


@router.get("/members/{member_id}/calls", tags=["calls"])
async def member_calls(member_id: MemberId, visit: CallVisit, limit: Limit = 100) -> list[CallShown]:
    """The calls about a member, newest first."""
    there(await visit.doors.registration.member(member_id), "member")
    found = await visit.doors.registration.calls_of(member_id, limit)
    visit.looked_at_member(member_id, "calls")
    return [CallShown.model_validate(each) for each in found]
