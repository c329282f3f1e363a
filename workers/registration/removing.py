"""How a member is removed: everything personal goes with their record, and the keys to what was said of them.

What other workers keep goes when they hear of it. Phone and email are free again, their cards are not.
"""

from typing import Annotated

from contracts.codes import CodePurpose
from contracts.removal import MemberRemoved, RemoveMember
from runtime.decisions import Key, Refused
from runtime.documents import Erase
from runtime.persons import DEAD_LETTERS, PersonKey
from workers import Changes, Context
from workers.registration.call_documents import Call
from workers.registration.callers import refuse_outside_call
from workers.registration.challenge_documents import CodeSends, sends_id
from workers.registration.documents import EmailClaim, Member, PhoneChange, PhoneClaim
from workers.registration.favourite_documents import Favourites
from workers.registration.operator_documents import Operator
from workers.registration.operators import untied
from workers.registration.password_documents import Failures, Password
from workers.registration.removal_documents import RemovedMember
from workers.registration.worker import worker


@worker.handles(RemoveMember)
def remove_member(
    command: RemoveMember,
    member: Annotated[Member | None, Key("member_id", as_is=True)],
    absorbed: Annotated[tuple[Member, ...], Key("member.absorbed")],
    operators: Annotated[tuple[Operator, ...], Key("member.operator_ids")],
    removed: Annotated[RemovedMember | None, Key("member_id")],
    change: Annotated[PhoneChange | None, Key("member.id")],
    call: Annotated[Call | None, Key("call_id")],
    context: Context,
) -> Changes:
    if removed is not None:
        raise Refused("member_already_removed")
    if member is None:
        raise Refused("unknown_member")
    refuse_outside_call(command.call_id, call, context, member)
    if member.merged_into is not None:
        raise Refused("member_already_merged", member_id=member.merged_into)
    if command.reason not in context.programme.registration.removal.reasons:
        raise Refused("removal_reason_unknown", reason=command.reason)

    everybody = (member, *absorbed)
    yield RemovedMember(id=member.id, reason=command.reason, actor=context.actor, removed_at=context.now)
    for each in everybody:
        yield from forgotten(each)
    if change is not None:
        yield Erase(CodeSends, sends_id(CodePurpose.CHANGE_CONTACT, change.phone))
    yield from untied(each for each in operators if each.member_id in (member.id, *member.absorbed))
    yield Erase(PersonKey, DEAD_LETTERS)
    yield MemberRemoved(
        member_id=member.id,
        absorbed_ids=tuple(each.id for each in absorbed),
        former_ids=tuple(each.registration_id for each in everybody if each.registration_id is not None),
        reason=command.reason,
        removed_at=context.now,
    )


def forgotten(member: Member) -> Changes:
    """Erase all that is kept of a member here, and the keys to what was said of them."""
    yield Erase(Member, member.id), Erase(Favourites, member.id), Erase(PersonKey, member.id)
    yield Erase(Password, member.id), Erase(Failures, member.id), Erase(PhoneChange, member.id)
    yield Erase(PhoneClaim, member.phone)
    if member.comparable_email is not None:
        yield Erase(EmailClaim, member.comparable_email)
    if member.registration_id is not None:
        yield Erase(PersonKey, member.registration_id)
    yield tuple(Erase(CodeSends, sends_id(purpose, member.phone)) for purpose in CodePurpose)
