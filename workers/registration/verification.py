"""How people show that a phone is theirs: before they are members where the channel requires it, or afterwards.

No answer at a self-service channel tells who is a member already. A registration with a member's phone waits for a
code as any other does, and its sends and tries count and are answered alike; only that nothing is sent but the notice
to that member. A right code leads to `EnrolMember` there, which tells holders of an email, too. Where staff registers
somebody, the code's own answer makes the member.
"""

from typing import Annotated

from contracts.codes import MOST_SENDS, CodePurpose
from contracts.registration import EnrolMember
from contracts.verification import (
    BeginVerification,
    ConfirmPhone,
    EndRegistration,
    PhoneConfirmed,
    PhoneVerified,
    RegistrationLapsed,
    ResendPhoneCode,
    SendPhoneCode,
    VerifyPhone,
)
from runtime.decisions import Key, Refused
from runtime.documents import Erase
from runtime.persons import PersonKey
from workers import Changes, Context
from workers.registration.call_documents import Call
from workers.registration.callers import refuse_outside_call
from workers.registration.challenge_documents import Challenge, CodeSends
from workers.registration.codes import asked, counting, is_right, recent_sends, rejected
from workers.registration.documents import EmailClaim, KnownCard, Member, PhoneClaim, Registration
from workers.registration.joining import admit, refuse_claimed, said_before, tell_of_repeat
from workers.registration.worker import worker

PURPOSE = CodePurpose.VERIFY_PHONE


@worker.handles(BeginVerification)
def begin_verification(
    command: BeginVerification,
    registration: Annotated[Registration, Key("registration_id")],
    phone_claim: Annotated[PhoneClaim | None, Key("registration.phone")],
    phone_holder: Annotated[Member | None, Key("phone_claim.member_id")],
    sends: Annotated[CodeSends | None, Key("registration.phone_sends_id")],
    challenge: Annotated[Challenge | None, Key("registration_id")],
    context: Context,
) -> Changes:
    if phone_holder is not None:
        yield from tell_of_repeat(phone_holder, registration, context)
    # Who has used the hour up asks again when it is over: nobody waits for an answer here.
    if len(recent_sends(sends, context.now)) < MOST_SENDS:
        yield from sent_to(registration, phone_claim, sends, challenge, context)


@worker.handles(ResendPhoneCode)
def resend_phone_code(
    command: ResendPhoneCode,
    registration: Annotated[Registration, Key("registration_id")],
    phone_claim: Annotated[PhoneClaim | None, Key("registration.phone")],
    sends: Annotated[CodeSends | None, Key("registration.phone_sends_id")],
    challenge: Annotated[Challenge | None, Key("registration_id")],
    context: Context,
) -> Changes:
    refuse_decided(registration)

    yield from sent_to(registration, phone_claim, sends, challenge, context)


def sent_to(
    registration: Registration,
    phone_claim: PhoneClaim | None,
    sends: CodeSends | None,
    challenge: Challenge | None,
    context: Context,
) -> Changes:
    """Have a code sent to the phone of a registration; a member's phone gets none, and nobody sees that from here."""
    yield from asked(
        PURPOSE,
        challenge or registration.id,
        registration,
        sends,
        context,
        ends_at=registration.ends_at,
        is_sent=phone_claim is None,
    )


def refuse_decided(registration: Registration) -> None:
    """Refuse a registration that waits for no code: it is about to be decided.

    Raises:
        Refused: `code_expired`.
    """
    if registration.ends_at is None:
        raise Refused("code_expired")


@worker.handles(VerifyPhone)
def verify_phone(
    command: VerifyPhone,
    registration: Annotated[Registration, Key("registration_id")],
    challenge: Annotated[Challenge | None, Key("registration_id")],
    phone_claim: Annotated[PhoneClaim | None, Key("registration.phone")],
    email_claim: Annotated[EmailClaim | None, Key("registration.comparable_email")],
    card: Annotated[KnownCard | None, Key("registration.card_number")],
    context: Context,
) -> Changes:
    tried = context.opened(command, "code")
    refuse_decided(registration)
    challenge = counting(challenge, PURPOSE, registration.id, context)
    if not is_right(tried, challenge, registration.phone, context):
        yield from rejected(challenge, registration.id)
        return

    verified = registration.evolve(phone_verified_at=context.now, ends_at=None)
    if registration.channel.is_self_service:
        yield Erase(Challenge, challenge.id), verified
        yield PhoneVerified(registration_id=registration.id)
        yield EnrolMember(registration_id=registration.id)
        return

    refuse_claimed(phone_claim, email_claim)
    yield Erase(Challenge, challenge.id), Erase(Registration, registration.id)
    yield from admit(said_before(verified), registration.card_number, card, context)


@worker.handles(EndRegistration)
def end_registration(
    command: EndRegistration,
    registration: Annotated[Registration | None, Key("registration_id")],
    card: Annotated[KnownCard | None, Key("registration.card_number")],
    context: Context,
) -> Changes:
    if registration is None or registration.ends_at is None or registration.ends_at > context.now:
        return

    yield Erase(Registration, registration.id), Erase(Challenge, registration.id)
    yield Erase(PersonKey, registration.id)
    yield RegistrationLapsed(registration_id=registration.id)
    if card is not None and card.claimed_by == registration.id:
        yield card.evolve(claimed_by=None)


@worker.handles(SendPhoneCode)
def send_phone_code(
    command: SendPhoneCode,
    member: Annotated[Member, Key("member_id")],
    sends: Annotated[CodeSends | None, Key("member.phone_sends_id")],
    call: Annotated[Call | None, Key("call_id")],
    context: Context,
) -> Changes:
    refuse_outside_call(command.call_id, call, context, member)
    if not context.programme.registration.verifies:
        raise Refused("verification_not_offered")
    if member.phone_verified_at is not None:
        raise Refused("phone_already_verified")

    yield from asked(PURPOSE, context.new_id(), member, sends, context)


@worker.handles(ConfirmPhone)
def confirm_phone(
    command: ConfirmPhone,
    member: Annotated[Member, Key("member_id")],
    challenge: Annotated[Challenge | None, Key("challenge_id")],
    call: Annotated[Call | None, Key("call_id")],
    context: Context,
) -> Changes:
    refuse_outside_call(command.call_id, call, context, member)
    tried = context.opened(command, "code")
    challenge = counting(challenge, PURPOSE, member.id, context)
    # Were the phone changed meanwhile, the code was sent to the one before and is not right for this one.
    if not is_right(tried, challenge, member.phone, context):
        yield from rejected(challenge, member.id)
        return

    yield Erase(Challenge, challenge.id), member.evolve(phone_verified_at=context.now)
    yield PhoneConfirmed(member_id=member.id, verified_at=context.now)


worker.due(Registration, field="ends_at", command=lambda registration: EndRegistration(registration_id=registration.id))
