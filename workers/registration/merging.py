"""How two members become one: one stays, the other's record leads there for good, and nothing late is lost.

Registration decides, as it owns members: one message changes both records, so of two merges that would close a circle
one is refused. The other workers hear of it and let cards, accounts and messages follow (docs/adr/0011).
"""

from collections.abc import Sequence
from typing import Annotated

from contracts.codes import CodePurpose
from contracts.merging import ConfirmMerge, MembersMerged, MergeMembers, ProposeMerge
from runtime.decisions import Key, Refused
from runtime.documents import Erase
from workers import Changes, Context
from workers.registration.call_documents import Call
from workers.registration.callers import refuse_outside_call
from workers.registration.challenge_documents import Challenge, CodeSends
from workers.registration.codes import asked, counting, is_right, refuse_sleeper, rejected
from workers.registration.documents import Member, MemberState
from workers.registration.merge_documents import Merge, Side
from workers.registration.worker import worker

PURPOSE = CodePurpose.MERGE_MEMBERS


@worker.handles(MergeMembers)
def merge_members(
    command: MergeMembers,
    survivor: Annotated[Member, Key("member_id")],
    absorbed: Annotated[Member, Key("absorbed_id", as_is=True)],
    earlier: Annotated[tuple[Member, ...], Key("absorbed.absorbed")],
    call: Annotated[Call | None, Key("call_id")],
    context: Context,
) -> Changes:
    refuse_outside_call(command.call_id, call, context, survivor, absorbed)
    refuse_merge(survivor, absorbed, context)

    yield from merged(survivor, absorbed, earlier, context, is_confirmed=False)


@worker.handles(ProposeMerge)
def propose_merge(
    command: ProposeMerge,
    survivor: Annotated[Member, Key("member_id")],
    absorbed: Annotated[Member, Key("absorbed_id", as_is=True)],
    sends: Annotated[CodeSends | None, Key("absorbed.merge_sends_id")],
    call: Annotated[Call | None, Key("call_id")],
    context: Context,
) -> Changes:
    refuse_outside_call(command.call_id, call, context, survivor, absorbed)
    refuse_merge(survivor, absorbed, context)
    refuse_sleeper(absorbed, context)

    for change in asked(PURPOSE, context.new_id(), absorbed, sends, context):
        yield change.evolve(subject_id=pair(survivor, absorbed)) if isinstance(change, Challenge) else change


@worker.handles(ConfirmMerge)
def confirm_merge(
    command: ConfirmMerge,
    survivor: Annotated[Member, Key("member_id")],
    absorbed: Annotated[Member, Key("absorbed_id", as_is=True)],
    earlier: Annotated[tuple[Member, ...], Key("absorbed.absorbed")],
    challenge: Annotated[Challenge | None, Key("challenge_id")],
    call: Annotated[Call | None, Key("call_id")],
    context: Context,
) -> Changes:
    refuse_outside_call(command.call_id, call, context, survivor, absorbed)
    tried = context.opened(command, "code")
    refuse_merge(survivor, absorbed, context)
    refuse_sleeper(absorbed, context)
    challenge = counting(challenge, PURPOSE, pair(survivor, absorbed), context)
    if not is_right(tried, challenge, absorbed.phone, context):
        yield from rejected(challenge, absorbed.id)
        return

    yield Erase(Challenge, challenge.id)
    yield from merged(survivor, absorbed, earlier, context, is_confirmed=True)


def pair(survivor: Member, absorbed: Member) -> str:
    """What a code is asked for: a yes to this merge is none to another."""
    return f"{absorbed.id} into {survivor.id}"


def refuse_merge(survivor: Member, absorbed: Member, context: Context) -> None:
    """Refuse two members who can't become one.

    Raises:
        Refused: `member_already_merged`, `merge_with_oneself`, `member_blocked` or `too_many_merges`.
    """
    most = context.programme.registration.merging.most_absorbed
    if absorbed.merged_into is not None:
        raise Refused("member_already_merged", member_id=absorbed.merged_into)
    if survivor.id == absorbed.id:
        raise Refused("merge_with_oneself")
    if MemberState.BLOCKED in (survivor.state, absorbed.state):
        raise Refused("member_blocked")
    if len(survivor.absorbed) + 1 + len(absorbed.absorbed) > most:
        raise Refused("too_many_merges", most=most)


def merged(
    survivor: Member, absorbed: Member, earlier: Sequence[Member], context: Context, *, is_confirmed: bool
) -> Changes:
    """Let one member absorb another; `earlier` are whom that one had absorbed, who lead to the survivor from now on."""
    merge = Merge(
        id=context.new_id(),
        survivor_id=survivor.id,
        survivor=side(survivor),
        absorbed=side(absorbed),
        actor=context.actor,
        is_confirmed=is_confirmed,
        merged_at=context.now,
    )
    numbers = dict.fromkeys((*survivor.card_numbers, *absorbed.card_numbers))
    yield merge
    yield survivor.evolve(
        card_numbers=tuple(numbers),
        absorbed=(*survivor.absorbed, absorbed.id, *absorbed.absorbed),
        operator_ids=tuple(dict.fromkeys((*survivor.operator_ids, *absorbed.operator_ids))),
    )
    yield absorbed.evolve(
        state=MemberState.MERGED, merged_into=survivor.id, card_numbers=(), absorbed=(), operator_ids=()
    )
    yield tuple(each.evolve(merged_into=survivor.id) for each in earlier)
    yield MembersMerged(
        member_id=survivor.id,
        absorbed_id=absorbed.id,
        merge_id=merge.id,
        is_confirmed=is_confirmed,
        merged_at=context.now,
    )


def side(member: Member) -> Side:
    """A member as they were before they became one with another."""
    return Side(member_id=member.id, card_numbers=member.card_numbers, absorbed=member.absorbed)
