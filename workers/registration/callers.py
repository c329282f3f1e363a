"""Who may do something to a member: operators in a call of theirs, where the programme wants one."""

from contracts.messages import ActorKind
from runtime.decisions import Refused
from workers import Context
from workers.registration.call_documents import Call
from workers.registration.documents import Member


def refuse_other_operator(operator_id: str, context: Context) -> None:
    """Refuse what says that somebody else does it than who sent it.

    Raises:
        Refused: `operator_not_the_sender`.
    """
    if operator_id != context.actor.id:
        raise Refused("operator_not_the_sender")


def refuse_other_call(call: Call, operator_id: str, context: Context) -> None:
    """Refuse a call that is over, or another operator's.

    Raises:
        Refused: `call_of_another_operator` or `call_not_open`.
    """
    if call.operator_id != operator_id:
        raise Refused("call_of_another_operator")
    if not call.is_open_at(context.now):
        raise Refused("call_not_open")


def refuse_unidentified(call: Call | None, member: Member) -> None:
    """Refuse what is done only for callers who showed that they are the member.

    Raises:
        Refused: `caller_not_identified`.
    """
    if call is None or not call.has_identified(member.id):
        raise Refused("caller_not_identified")


def refuse_other_member(call: Call, *members: Member) -> None:
    """Refuse others than the member whom a call is about; who absorbed them meanwhile is the same person.

    Raises:
        Refused: `call_of_another_member`.
    """
    about = {number for each in members for number in (each.id, *each.absorbed)}
    if call.member_id is not None and call.member_id not in about:
        raise Refused("call_of_another_member")


def refuse_outside_call(call_id: str | None, call: Call | None, context: Context, *members: Member) -> None:
    """Hold what an operator does to a member against the call in which it is done.

    `call_id` is what the command says, `call` the document with that id, `members` whom it is done to, if they have
    joined already: of two, one is who calls. Who isn't an operator has no calls, and none is asked for.

    Raises:
        Refused: `call_not_the_senders`, `call_missing`, `unknown_call`, `call_of_another_operator`, `call_not_open` or
            `call_of_another_member`.
    """
    actor = context.actor
    if call_id != actor.call_id:
        raise Refused("call_not_the_senders")
    if actor.kind is not ActorKind.OPERATOR:
        return
    if call_id is None:
        if context.programme.registration.calls.is_required:
            raise Refused("call_missing")
        return
    if call is None:
        raise Refused("unknown_call")
    refuse_other_call(call, actor.id, context)
    if members:
        refuse_other_member(call, *members)
