"""How people become members.

Where staff registers somebody, one message decides all, and a phone or email in use is refused with a hint. Where
people join by themselves nobody may learn from an answer who is a member (rules.md, "no probing"), so it takes two:
`RegisterMember` holds the registration against the programme and sets its card aside, and is answered by
`RegistrationReceived` before anything looks at phones and emails; `EnrolMember`, which the worker asks of itself, then
either makes the member or tells the one who exists. The card stays set aside either way: were it free again, trying it
once more would tell.

Where a channel verifies phones, `workers/registration/verification.py` stands between the two.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, Final

from contracts.programme.registration import Verification
from contracts.registration import (
    Channel,
    EnrolMember,
    MemberRegistered,
    RegisterMember,
    RegistrationReceived,
    RegistrationRepeated,
)
from contracts.verification import BeginVerification, RegistrationLapsed
from runtime.decisions import Key, Refused
from runtime.documents import Document, Erase
from runtime.persons import PersonKey
from workers import Changes, Context
from workers.registration.admission import check_admission, check_card
from workers.registration.call_documents import Call
from workers.registration.callers import refuse_outside_call
from workers.registration.documents import (
    Answer,
    Applicant,
    EmailClaim,
    GivenConsent,
    KnownCard,
    Member,
    PhoneClaim,
    Registration,
)
from workers.registration.worker import worker

SAID: Final = tuple(name for name in Applicant.__struct_fields__ if name not in Document.__struct_fields__)


@worker.handles(RegisterMember)
def register_member(
    command: RegisterMember,
    phone_claim: Annotated[PhoneClaim | None, Key("phone")],
    email_claim: Annotated[EmailClaim | None, Key("comparable_email")],
    card: Annotated[KnownCard | None, Key("card_number")],
    call: Annotated[Call | None, Key("call_id")],
    context: Context,
) -> Changes:
    check_admission(command, context)
    if command.channel is Channel.CALL or command.call_id is not None:
        refuse_outside_call(command.call_id, call, context)
    check_card(command, card)
    if command.channel.is_self_service:
        yield from receive(command, card, context)
        return
    refuse_claimed(phone_claim, email_claim)
    if must_verify(command.channel, context):
        yield from receive(command, card, context)
        return

    yield from admit(said_in(command, context), command.card_number, card, context)


def refuse_claimed(phone_claim: PhoneClaim | None, email_claim: EmailClaim | None) -> None:
    """Refuse a phone or email in use, with a hint for staff.

    Raises:
        Refused: `phone_already_registered` or `email_already_registered`.
    """
    if phone_claim is not None:
        raise Refused("phone_already_registered")
    if email_claim is not None:
        raise Refused("email_already_registered")


def must_verify(channel: Channel, context: Context) -> bool:
    """Whether nobody is a member at a channel before the code that was sent to their phone came back."""
    return context.programme.registration.channels[channel].verification is Verification.REQUIRED


@worker.handles(EnrolMember)
def enrol_member(
    command: EnrolMember,
    registration: Annotated[Registration, Key("registration_id")],
    phone_claim: Annotated[PhoneClaim | None, Key("registration.phone")],
    email_claim: Annotated[EmailClaim | None, Key("registration.comparable_email")],
    phone_holder: Annotated[Member | None, Key("phone_claim.member_id")],
    email_holder: Annotated[Member | None, Key("email_claim.member_id")],
    card: Annotated[KnownCard | None, Key("registration.card_number")],
    context: Context,
) -> Changes:
    if registration.ends_at is not None:
        raise Refused("phone_not_verified")

    yield Erase(Registration, command.registration_id)
    if phone_claim is None and email_claim is None:
        yield from admit(said_before(registration), registration.card_number, card, context)
        return

    if registration.phone_verified_at is not None:
        yield Erase(PersonKey, registration.id)
        yield RegistrationLapsed(registration_id=registration.id)
    holders = {holder.id: holder for holder in (phone_holder, email_holder) if holder is not None}
    for holder in holders.values():
        yield from tell_of_repeat(holder, registration, context)
    if card is not None:
        yield card.evolve(claimed_by=next(iter(holders), card.claimed_by))


def said_before(registration: Registration) -> dict[str, Any]:
    """What a person said whose registration waited, and under which id it did, by the names of `Member`'s fields."""
    return {name: getattr(registration, name) for name in SAID} | {"registration_id": registration.id}


def said_in(command: RegisterMember, context: Context) -> dict[str, Any]:
    """What a person said, by the names of `Applicant`'s fields."""
    return {
        "channel": command.channel,
        "phone": command.phone,
        "email": command.email,
        "first_name": command.first_name,
        "last_name": command.last_name,
        "born_on": command.born_on,
        "home_store": command.home_store,
        "language": command.language or context.programme.languages[0],
        "consents": tuple(
            GivenConsent(
                kind=consent.kind,
                text_version=consent.text_version,
                channel=command.channel,
                given_at=consent.given_at,
                recorded_at=context.now,
            )
            for consent in command.consents
        ),
        "answers": tuple(
            Answer(question=question, value=value, answered_at=context.now, answered_by=context.actor.kind)
            for question, value in command.answers.items()
        ),
    }


def receive(command: RegisterMember, card: KnownCard | None, context: Context) -> Changes:
    """Keep a registration for enrolment, at some channels once its code came back; and set its card aside."""
    waits = must_verify(command.channel, context)
    hours = context.programme.registration.verification_hours
    registration = Registration(
        id=context.new_id(),
        card_number=command.card_number,
        received_at=context.now,
        ends_at=context.now + timedelta(hours=hours) if waits else None,
        **said_in(command, context),
    )
    yield registration
    if card is not None:
        yield card.evolve(claimed_by=registration.id)
    yield RegistrationReceived(
        registration_id=registration.id, channel=registration.channel, card_number=registration.card_number
    )
    follow_up = BeginVerification if waits else EnrolMember
    yield follow_up(registration_id=registration.id)


def admit(said: Mapping[str, Any], card_number: str | None, card: KnownCard | None, context: Context) -> Changes:
    """Make a member of who said this: phone, email and card are theirs from now on."""
    member = Member(id=context.new_id(), registered_at=context.now, **said)
    yield member, PhoneClaim(id=member.phone, member_id=member.id)
    if member.comparable_email is not None:
        yield EmailClaim(id=member.comparable_email, member_id=member.id)
    if card is not None:
        yield card.evolve(claimed_by=member.id)
    yield MemberRegistered(
        member_id=member.id,
        channel=member.channel,
        phone=member.phone,
        email=member.email,
        first_name=member.first_name,
        language=member.language,
        card_number=card_number,
        home_store=member.home_store,
        registered_at=member.registered_at,
    )


def tell_of_repeat(holder: Member, registration: Registration, context: Context) -> Changes:
    """Tell a member that somebody tried to join with their phone or email, unless they were told of late."""
    silence = timedelta(hours=context.programme.registration.repeat_notice_hours)
    if holder.repeat_told_at is not None and context.now < holder.repeat_told_at + silence:
        return
    yield holder.evolve(repeat_told_at=context.now)
    yield RegistrationRepeated(
        member_id=holder.id,
        channel=registration.channel,
        phone=holder.phone,
        email=holder.email,
        first_name=holder.first_name,
        language=holder.language,
    )
