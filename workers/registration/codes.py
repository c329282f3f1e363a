"""Codes by text: six digits for ten minutes, five tries, three sends an hour; derived, never kept.

The one piece for whatever a code proves. A capability opens a challenge with `asked`, under an id of its own choice;
its handler finds it `counting`, holds what was typed against it with `is_right`, counts a wrong one with `rejected` and
ends the challenge with `Erase(Challenge, …)`. A wrong try has to be counted, and a refusal leaves no trace: so it is no
refusal, but is done and answered by `CodeRejected` with what is left.
"""

import hmac
from datetime import datetime, timedelta
from typing import Annotated

from contracts.codes import (
    CODE_LIFE,
    MOST_SENDS,
    MOST_TRIES,
    SENDS_WINDOW,
    CodePurpose,
    CodeRejected,
    CodeRequested,
    EndChallenge,
    ForgetSends,
)
from runtime.decisions import Key, Refused
from runtime.documents import Erase
from workers import Changes, Context
from workers.registration.challenge_documents import Challenge, CodeSends, sends_id
from workers.registration.documents import Applicant, Member
from workers.registration.worker import worker


def refuse_more_sends(sends: CodeSends | None, context: Context) -> None:
    """Refuse to send another code to an address that had as many as an hour may bring.

    Raises:
        Refused: `too_many_codes`, with when the next may be asked for.
    """
    recent = recent_sends(sends, context.now)
    if len(recent) >= MOST_SENDS:
        again_at = recent[-MOST_SENDS] + SENDS_WINDOW
        raise Refused("too_many_codes", most=MOST_SENDS, again_at=again_at.isoformat(timespec="seconds"))


def recent_sends(sends: CodeSends | None, now: datetime) -> tuple[datetime, ...]:
    """When an address was sent codes that still count, the first of all first."""
    return () if sends is None else tuple(at for at in sends.sent_at if at + SENDS_WINDOW > now)


def asked(
    purpose: CodePurpose,
    challenge: Challenge | str,
    person: Applicant,
    sends: CodeSends | None,
    context: Context,
    *,
    phone: str | None = None,
    ends_at: datetime | None = None,
    is_sent: bool = True,
) -> Changes:
    """Have a code sent, a new one each time; the one before it counts no more.

    The person is written with what hangs on them: who removes them in this moment, or ends their registration, would
    leave it and its key behind.

    Args:
        purpose: what it proves.
        challenge: the one that is open, or the id of a new one: a fresh id, or one under which the handler has looked
            whether one is open, as the runtime takes what was never loaded for new.
        person: whom it is about, and how they are addressed.
        sends: what is kept under `sends_id(purpose, phone)`.
        context: the decision's.
        phone: where it goes; else the person's own.
        ends_at: when the challenge is forgotten, for who keeps it longer than its code counts.
        is_sent: False where only the asker is to believe it: all is the same, but nothing is sent.

    Raises:
        Refused: `too_many_codes`.
    """
    refuse_more_sends(sends, context)
    address = phone or person.phone
    code_id = context.new_id()
    expires_at = context.now + CODE_LIFE
    challenge_id = challenge if isinstance(challenge, str) else challenge.id
    yield person.evolve()
    yield Challenge(
        id=challenge_id,
        purpose=purpose,
        subject_id=person.id,
        code_id=code_id,
        expires_at=expires_at,
        ends_at=ends_at or expires_at,
    )
    yield CodeSends(
        id=sends_id(purpose, address),
        sent_at=(*recent_sends(sends, context.now), context.now),
        code_id=code_id,
        ends_at=context.now + SENDS_WINDOW,
    )
    yield CodeRequested(
        challenge_id=challenge_id,
        purpose=purpose,
        code_id=code_id,
        subject_id=person.id,
        phone=address if is_sent else None,
        first_name=person.first_name if is_sent else None,
        language=person.language,
        expires_at=expires_at,
    )


def counting(challenge: Challenge | None, purpose: CodePurpose, subject_id: str, context: Context) -> Challenge:
    """The challenge, if a code for this purpose and about this member or registration can be tried on it.

    Raises:
        Refused: `code_expired`, no code counts there; `too_many_tries`, this one counts no more.
    """
    if challenge is None or (challenge.purpose, challenge.subject_id) != (purpose, subject_id):
        raise Refused("code_expired")
    if challenge.expires_at <= context.now:
        raise Refused("code_expired")
    if challenge.tries >= MOST_TRIES:
        raise Refused("too_many_tries", most=MOST_TRIES)
    return challenge


def is_right(tried: str, challenge: Challenge, address: str, context: Context) -> bool:
    """Whether a code that was typed is the one that was sent to an address; compared in constant time."""
    right = context.vault.code(challenge.purpose.value, challenge.code_id, address)
    return hmac.compare_digest(tried.encode(), right.encode())


def refuse_sleeper(member: Member, context: Context) -> None:
    """Refuse to let a code alone open an account that slept for long: the number may be somebody else's by now.

    Raises:
        Refused: `account_slept`.
    """
    days = context.programme.registration.sleep_days
    if member.awake_at + timedelta(days=days) <= context.now:
        raise Refused("account_slept", days=days)


def rejected(challenge: Challenge, subject_id: str) -> Changes:
    """Count a wrong try, and say about whom and how many are left."""
    tries = challenge.tries + 1
    yield challenge.evolve(tries=tries)
    yield CodeRejected(
        challenge_id=challenge.id, purpose=challenge.purpose, tries_left=MOST_TRIES - tries, subject_id=subject_id
    )


@worker.handles(EndChallenge)
def end_challenge(
    command: EndChallenge, challenge: Annotated[Challenge | None, Key("challenge_id")], context: Context
) -> Changes:
    if challenge is not None and challenge.ends_at <= context.now:
        yield Erase(Challenge, challenge.id)


@worker.handles(ForgetSends)
def forget_sends(
    command: ForgetSends, sends: Annotated[CodeSends | None, Key("sends_id")], context: Context
) -> Changes:
    if sends is not None and sends.ends_at <= context.now:
        yield Erase(CodeSends, sends.id)


worker.due(Challenge, field="ends_at", command=lambda challenge: EndChallenge(challenge_id=challenge.id))
worker.due(CodeSends, field="ends_at", command=lambda sends: ForgetSends(code_id=sends.code_id, sends_id=sends.id))
