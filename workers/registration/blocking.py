"""How members are stopped from taking part, and let in again; what that means for their cards the cards worker says."""

from typing import Annotated

from contracts.member_life import BlockMember, MemberBlocked, MemberUnblocked, UnblockMember
from runtime.decisions import Key, Refused
from workers import Changes, Context
from workers.registration.call_documents import Call
from workers.registration.callers import refuse_outside_call
from workers.registration.documents import Member, MemberState
from workers.registration.worker import worker


@worker.handles(BlockMember)
def block_member(
    command: BlockMember,
    member: Annotated[Member, Key("member_id")],
    call: Annotated[Call | None, Key("call_id")],
    context: Context,
) -> Changes:
    refuse_outside_call(command.call_id, call, context, member)
    if command.reason not in context.programme.registration.blocking.block_reasons:
        raise Refused("member_block_reason_unknown", reason=command.reason)
    if member.state is MemberState.BLOCKED:
        raise Refused("member_already_blocked")

    yield member.evolve(state=MemberState.BLOCKED, blocked_at=context.now, block_reason=command.reason)
    yield MemberBlocked(member_id=member.id, reason=command.reason, blocked_at=context.now)


@worker.handles(UnblockMember)
def unblock_member(
    command: UnblockMember,
    member: Annotated[Member, Key("member_id")],
    call: Annotated[Call | None, Key("call_id")],
    context: Context,
) -> Changes:
    refuse_outside_call(command.call_id, call, context, member)
    if command.reason not in context.programme.registration.blocking.unblock_reasons:
        raise Refused("member_unblock_reason_unknown", reason=command.reason)
    if member.state is not MemberState.BLOCKED:
        raise Refused("member_not_blocked")

    yield member.evolve(state=MemberState.ACTIVE, blocked_at=None, block_reason=None)
    yield MemberUnblocked(member_id=member.id, reason=command.reason)
