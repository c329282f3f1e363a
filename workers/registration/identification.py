"""Who is calling: shown by the member's password, by what they know of themselves, or by a code to their phone.

A try that fails has to be counted, and a refusal leaves no trace: so it is no refusal, but done and answered by
`IdentificationFailed`, which doesn't say what was wrong.
"""

import hmac
from datetime import timedelta
from typing import Annotated, Any
from unicodedata import combining, normalize

from contracts.codes import CodePurpose
from contracts.identification import (
    CallerIdentified,
    IdentificationFailed,
    IdentificationMethod,
    IdentifyByCode,
    IdentifyByDetails,
    IdentifyByPassword,
    SendIdentificationCode,
)
from contracts.programme.identification import Detail
from contracts.values import comparable_email
from runtime.decisions import Key, Refused
from runtime.documents import Erase
from workers import Changes, Context
from workers.registration.call_documents import Call
from workers.registration.callers import refuse_other_call, refuse_other_member, refuse_other_operator
from workers.registration.challenge_documents import Challenge, CodeSends
from workers.registration.codes import asked, counting, is_right, refuse_sleeper, rejected
from workers.registration.documents import Member
from workers.registration.password_documents import Failures, Password
from workers.registration.passwords import is_right_proof
from workers.registration.worker import worker

Trying = IdentifyByPassword | IdentifyByDetails | IdentifyByCode | SendIdentificationCode


@worker.handles(IdentifyByPassword)
def identify_by_password(
    command: IdentifyByPassword,
    call: Annotated[Call, Key("call_id")],
    member: Annotated[Member, Key("member_id")],
    password: Annotated[Password | None, Key("member.id")],
    failures: Annotated[Failures | None, Key("member.id")],
    context: Context,
) -> Changes:
    refuse_try(command, call, member, failures, context)
    if password is None or password.hash is None:
        raise Refused("password_missing")

    is_proven = is_right_proof(password, context.opened(command, "proof"), context)
    yield from judged(is_proven, IdentificationMethod.PASSWORD, call, member, failures, context)


@worker.handles(IdentifyByDetails)
def identify_by_details(
    command: IdentifyByDetails,
    call: Annotated[Call, Key("call_id")],
    member: Annotated[Member, Key("member_id")],
    failures: Annotated[Failures | None, Key("member.id")],
    context: Context,
) -> Changes:
    rules = context.programme.registration.identification
    refuse_try(command, call, member, failures, context)
    given = [detail for detail in rules.details if getattr(command, detail) is not None]
    if len(given) < rules.must_match:
        raise Refused("details_too_few", needed=rules.must_match, details=", ".join(rules.details))

    right = sum([is_known(detail, getattr(command, detail), member) for detail in given])
    yield from judged(right >= rules.must_match, IdentificationMethod.DETAILS, call, member, failures, context)


@worker.handles(SendIdentificationCode)
def send_identification_code(
    command: SendIdentificationCode,
    call: Annotated[Call, Key("call_id")],
    member: Annotated[Member, Key("member_id")],
    sends: Annotated[CodeSends | None, Key("member.caller_sends_id")],
    failures: Annotated[Failures | None, Key("member.id")],
    context: Context,
) -> Changes:
    refuse_try(command, call, member, failures, context)
    refuse_sleeper(member, context)

    asking = call.evolve(member_id=member.id, challenge_id=context.new_id())
    yield asking
    yield from asked(CodePurpose.IDENTIFY_CALLER, str(asking.challenge_id), member, sends, context)


@worker.handles(IdentifyByCode)
def identify_by_code(
    command: IdentifyByCode,
    call: Annotated[Call, Key("call_id")],
    member: Annotated[Member, Key("member_id")],
    challenge: Annotated[Challenge | None, Key("call.challenge_id")],
    failures: Annotated[Failures | None, Key("member.id")],
    context: Context,
) -> Changes:
    refuse_try(command, call, member, failures, context)
    refuse_sleeper(member, context)
    tried = context.opened(command, "code")
    challenge = counting(challenge, CodePurpose.IDENTIFY_CALLER, member.id, context)

    is_proven = is_right(tried, challenge, member.phone, context)
    if is_proven:
        yield Erase(Challenge, challenge.id)
    else:
        yield from rejected(challenge, member.id)
    yield from judged(is_proven, IdentificationMethod.CODE, call, member, failures, context)


def refuse_try(command: Trying, call: Call, member: Member, failures: Failures | None, context: Context) -> None:
    """Refuse a try outside of the operator's open call about that member, and after too many that failed.

    Raises:
        Refused: `operator_not_the_sender`, `call_of_another_operator`, `call_not_open`, `call_of_another_member` or
            `identified_too_often_in_vain`.
    """
    refuse_other_operator(command.operator_id, context)
    refuse_other_call(call, command.operator_id, context)
    refuse_other_member(call, member)
    rules = context.programme.registration.identification
    recent = recent_failures(failures, context)
    if len(recent.failed_at) >= rules.most_failures:
        again_at = recent.failed_at[-rules.most_failures] + timedelta(minutes=rules.failure_minutes)
        raise Refused("identified_too_often_in_vain", again_at=again_at.isoformat(timespec="seconds"))


def judged(
    is_proven: bool,
    method: IdentificationMethod,
    call: Call,
    member: Member,
    failures: Failures | None,
    context: Context,
) -> Changes:
    """Note in the call whether the caller showed who they are."""
    said: dict[str, Any] = {
        "call_id": call.id,
        "operator_id": call.operator_id,
        "member_id": member.id,
        "method": method,
    }
    if is_proven:
        yield call.evolve(member_id=member.id, identified_by=method, identified_at=context.now)
        yield member.evolve(proved_at=context.now)
        if failures is not None and method is not IdentificationMethod.DETAILS:  # others may know those, too
            yield Erase(Failures, member.id)
        yield CallerIdentified(**said)
        return
    recent = recent_failures(failures, context, member.id)
    yield recent.evolve(failed_at=(*recent.failed_at, context.now))
    yield member.evolve()  # written with what hangs on them, so that their removal meanwhile is a conflict
    yield call.evolve(failed_tries=call.failed_tries + 1)
    yield IdentificationFailed(**said)


def recent_failures(failures: Failures | None, context: Context, member_id: str = "") -> Failures:
    """The tries that failed and still count, the first of all first."""
    window = timedelta(minutes=context.programme.registration.identification.failure_minutes)
    held = failures or Failures(id=member_id)
    return held.evolve(failed_at=tuple(at for at in held.failed_at if at + window > context.now))


def is_known(detail: Detail, told: Any, member: Member) -> bool:
    """Whether what a caller tells is what is known of the member."""
    if detail is Detail.CARD_NUMBER:
        return told in member.card_numbers
    known = getattr(member, detail)
    if known is None:
        return False
    if detail is Detail.EMAIL:
        return is_same(comparable_email(told), comparable_email(known))
    if detail in (Detail.FIRST_NAME, Detail.LAST_NAME):
        return is_same(comparable_name(told), comparable_name(known))
    return is_same(str(told), str(known))


def is_same(told: str, known: str) -> bool:
    """Whether two texts are the same, compared in constant time."""
    return hmac.compare_digest(told.encode(), known.encode())


def comparable_name(name: str) -> str:
    """The form in which names are compared: without accents, capitals and more than one space."""
    letters = [letter for letter in normalize("NFKD", name.casefold()) if not combining(letter)]
    return " ".join("".join(letters).split())
