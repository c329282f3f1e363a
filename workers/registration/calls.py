"""Calls: opened by an operator, one at a time, about one member, closed with a reason or ended by time."""

from datetime import timedelta
from typing import Annotated

from contracts.calls import (
    CallClosed,
    CallEnded,
    CallOpened,
    CallState,
    CloseCall,
    ConsentToLookRecorded,
    EndCall,
    OpenCall,
    RecordConsentToLook,
)
from runtime.decisions import Key, Refused
from workers import Changes, Context
from workers.registration.call_documents import Call, Desk, Ticket
from workers.registration.callers import refuse_other_call, refuse_other_member, refuse_other_operator
from workers.registration.documents import Member
from workers.registration.tickets import closing
from workers.registration.worker import worker


@worker.handles(OpenCall)
def open_call(
    command: OpenCall,
    desk: Annotated[Desk | None, Key("operator_id")],
    earlier: Annotated[Call | None, Key("desk.call_id")],
    member: Annotated[Member | None, Key("member_id")],
    context: Context,
) -> Changes:
    refuse_other_operator(command.operator_id, context)
    if earlier is not None and earlier.is_open_at(context.now):
        raise Refused("call_already_open", call_id=earlier.id)
    if command.member_id is not None and member is None:
        raise Refused("unknown_member")

    if earlier is not None and earlier.state is CallState.OPEN:
        yield from ended(earlier)
    ends_at = context.now + timedelta(seconds=context.programme.registration.calls.lasts_seconds)
    call = Call(
        id=context.new_id(),
        operator_id=command.operator_id,
        direction=command.direction,
        opened_at=context.now,
        ends_at=ends_at,
        due_at=ends_at,
        member_id=command.member_id,
    )
    yield call, (desk or Desk(id=command.operator_id)).evolve(call_id=call.id)
    yield CallOpened(**about(call), direction=call.direction, ends_at=ends_at)


@worker.handles(RecordConsentToLook)
def record_consent_to_look(
    command: RecordConsentToLook,
    call: Annotated[Call, Key("call_id")],
    member: Annotated[Member, Key("member_id")],
    context: Context,
) -> Changes:
    refuse_other_operator(command.operator_id, context)
    refuse_other_call(call, command.operator_id, context)
    refuse_other_member(call, member)
    if call.consented_at is not None and call.member_id == member.id:
        return

    agreed = call.evolve(member_id=member.id, consented_at=context.now)
    yield agreed
    yield ConsentToLookRecorded(**about(agreed))


@worker.handles(CloseCall)
def close_call(
    command: CloseCall,
    call: Annotated[Call, Key("call_id")],
    desk: Annotated[Desk, Key("call.operator_id")],
    ticket: Annotated[Ticket | None, Key("call_id")],
    context: Context,
) -> Changes:
    refuse_other_operator(command.operator_id, context)
    refuse_other_call(call, command.operator_id, context)
    if context.programme.registration.calls.reason(command.reason) is None:
        raise Refused("call_reason_unknown", reason=command.reason)

    closed = call.evolve(state=CallState.CLOSED, ends_at=context.now, due_at=None, reason=command.reason)
    yield closed, desk.evolve(call_id=None)
    if ticket is not None:
        yield closing(ticket, command.reason, context)
    yield CallClosed(**about(closed), reason=command.reason)


@worker.handles(EndCall)
def end_call(
    command: EndCall,
    call: Annotated[Call, Key("call_id")],
    desk: Annotated[Desk | None, Key("call.operator_id")],
    context: Context,
) -> Changes:
    if call.due_at is None or call.due_at > context.now:
        return
    if desk is not None and desk.call_id == call.id:
        yield desk.evolve(call_id=None)
    yield from ended(call)


def ended(call: Call) -> Changes:
    """End a call whose time is over."""
    yield call.evolve(state=CallState.ENDED, due_at=None)
    yield CallEnded(**about(call))


def about(call: Call) -> dict[str, str | None]:
    """What every event about a call says."""
    return {"call_id": call.id, "operator_id": call.operator_id, "member_id": call.member_id}


worker.due(Call, field="due_at", command=lambda call: EndCall(operator_id=call.operator_id, call_id=call.id))
