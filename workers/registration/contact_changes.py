"""How a member comes to another phone or email: for an identified caller, told to both, and spending waits.

The old address has agreed where the caller showed who they are by a code that it was sent in this very call. One that
a member left is free for others, unless it was that of somebody whom they absorbed: then it still leads to them.
"""

from datetime import datetime, timedelta
from typing import Annotated

from contracts.codes import CODE_LIFE, CodePurpose
from contracts.identification import IdentificationMethod
from contracts.messages import ActorKind
from contracts.profiles import (
    ChangeEmail,
    ChangePhone,
    ConfirmPhoneChange,
    DropPhoneChange,
    EmailChanged,
    PhoneChanged,
)
from contracts.values import comparable_email
from runtime.decisions import Key, Refused
from runtime.documents import Erase
from workers import Changes, Context
from workers.registration.call_documents import Call
from workers.registration.callers import refuse_outside_call, refuse_unidentified
from workers.registration.challenge_documents import Challenge, CodeSends, sends_id
from workers.registration.codes import asked, counting, is_right, rejected
from workers.registration.documents import EmailClaim, Member, PhoneChange, PhoneClaim
from workers.registration.worker import worker


@worker.handles(ChangePhone)
def change_phone(
    command: ChangePhone,
    member: Annotated[Member, Key("member_id")],
    claim: Annotated[PhoneClaim | None, Key("phone")],
    sends: Annotated[CodeSends | None, Key("sends_id")],
    change: Annotated[PhoneChange | None, Key("member.id")],
    call: Annotated[Call | None, Key("call_id")],
    context: Context,
) -> Changes:
    refuse_unproven(command.call_id, call, member, context)
    if command.phone == member.phone:
        raise Refused("contact_unchanged")
    if claim is not None and not is_own(claim, member):
        raise Refused("phone_already_registered")

    challenge_id = context.new_id()
    asking = change or PhoneChange(id=member.id, phone=command.phone, challenge_id=challenge_id)
    yield asking.evolve(phone=command.phone, challenge_id=challenge_id, due_at=context.now + CODE_LIFE)
    yield from asked(CodePurpose.CHANGE_CONTACT, challenge_id, member, sends, context, phone=command.phone)


@worker.handles(ConfirmPhoneChange)
def confirm_phone_change(
    command: ConfirmPhoneChange,
    member: Annotated[Member, Key("member_id")],
    change: Annotated[PhoneChange | None, Key("member.id")],
    challenge: Annotated[Challenge | None, Key("change.challenge_id")],
    claim: Annotated[PhoneClaim | None, Key("change.phone")],
    absorbed: Annotated[tuple[Member, ...], Key("member.absorbed")],
    call: Annotated[Call | None, Key("call_id")],
    context: Context,
) -> Changes:
    refuse_unproven(command.call_id, call, member, context)
    code = context.opened(command, "code")
    if change is None:
        raise Refused("code_expired")
    challenge = counting(challenge, CodePurpose.CHANGE_CONTACT, member.id, context)
    if not is_right(code, challenge, change.phone, context):
        yield from rejected(challenge, member.id)
        return
    if claim is not None and not is_own(claim, member):
        raise Refused("phone_already_registered")

    yield Erase(Challenge, challenge.id), Erase(PhoneChange, change.id)
    yield tuple(Erase(CodeSends, sends_id(purpose, member.phone)) for purpose in CodePurpose)
    if member.phone not in {each.phone for each in absorbed}:
        yield Erase(PhoneClaim, member.phone)
    yield (
        (claim or PhoneClaim(id=change.phone, member_id=member.id)).evolve(member_id=member.id),
        member.evolve(phone=change.phone, phone_verified_at=context.now),
    )
    by = call.identified_by if call is not None and call.has_identified(member.id) else None
    has_agreed = by is IdentificationMethod.CODE
    yield PhoneChanged(
        member_id=member.id,
        card_numbers=member.card_numbers,
        spends_at=None if has_agreed else cooled_off(context),
        phone=change.phone,
        earlier_phone=member.phone,
        first_name=member.first_name,
        language=member.language,
    )


@worker.handles(ChangeEmail)
def change_email(
    command: ChangeEmail,
    member: Annotated[Member, Key("member_id")],
    claim: Annotated[EmailClaim | None, Key("comparable_email")],
    absorbed: Annotated[tuple[Member, ...], Key("member.absorbed")],
    call: Annotated[Call | None, Key("call_id")],
    context: Context,
) -> Changes:
    refuse_unproven(command.call_id, call, member, context)
    if command.email == member.email:
        raise Refused("contact_unchanged")
    is_spelling = comparable_email(command.email) == member.comparable_email
    if claim is not None and not is_own(claim, member):
        raise Refused("email_already_registered")

    yield member.evolve(email=command.email)
    if not is_spelling:
        earlier = member.comparable_email
        if earlier is not None and earlier not in {each.comparable_email for each in absorbed}:
            yield Erase(EmailClaim, earlier)
        own = claim or EmailClaim(id=command.comparable_email, member_id=member.id)
        yield own.evolve(member_id=member.id)
    yield EmailChanged(
        member_id=member.id,
        card_numbers=member.card_numbers,
        spends_at=None if is_spelling or member.email is None else cooled_off(context),
        email=command.email,
        earlier_email=None if is_spelling else member.email,
        first_name=member.first_name,
        language=member.language,
    )


@worker.handles(DropPhoneChange)
def drop_phone_change(
    command: DropPhoneChange, change: Annotated[PhoneChange | None, Key("member_id")], context: Context
) -> Changes:
    if change is not None and change.due_at is not None and change.due_at <= context.now:
        yield Erase(PhoneChange, change.id)


def refuse_unproven(call_id: str | None, call: Call | None, member: Member, context: Context) -> None:
    """Refuse operators whose caller hasn't shown that they are the member; others answer for that themselves.

    Raises:
        Refused: `caller_not_identified`, or what stands against the call.
    """
    refuse_outside_call(call_id, call, context, member)
    if context.actor.kind is ActorKind.OPERATOR:
        refuse_unidentified(call, member)


def is_own(claim: PhoneClaim | EmailClaim, member: Member) -> bool:
    """Whether an address that is in use is the member's own, or was that of somebody whom they absorbed."""
    return claim.member_id in (member.id, *member.absorbed)


def cooled_off(context: Context) -> datetime:
    """When something can be spent again after a change."""
    return context.now + timedelta(hours=context.programme.registration.profiles.cooling_off_hours)


worker.due(PhoneChange, field="due_at", command=lambda change: DropPhoneChange(member_id=change.id))
