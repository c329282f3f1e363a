"""Passwords: renewed by a link or by one that is generated, set with a link's token, kept as a keyed hash alone."""

import hmac
from datetime import datetime, timedelta
from typing import Annotated, Final

from contracts.notifications import MessageChannel
from contracts.passwords import (
    PURPOSE,
    PasswordRenewed,
    PasswordSet,
    RenewalWay,
    RenewPassword,
    SetPassword,
    proof_of,
    unstretched,
)
from runtime.decisions import Key, Refused
from workers import Changes, Context
from workers.registration.call_documents import Call
from workers.registration.callers import refuse_outside_call
from workers.registration.codes import refuse_sleeper
from workers.registration.documents import Member
from workers.registration.password_documents import Password, Stretch
from workers.registration.worker import worker

HOUR: Final = timedelta(hours=1)


@worker.handles(RenewPassword)
def renew_password(
    command: RenewPassword,
    member: Annotated[Member, Key("member_id")],
    password: Annotated[Password | None, Key("member.id")],
    call: Annotated[Call | None, Key("call_id")],
    context: Context,
) -> Changes:
    rules = context.programme.registration.passwords
    refuse_outside_call(command.call_id, call, context, member)
    if call is None or not call.has_identified(member.id):
        refuse_sleeper(member, context)
    refuse_unreached(command, member, context)
    held = password or Password(id=member.id)
    recent = refuse_more_renewals(held, rules.renewals_an_hour, context)

    renewal_id = context.new_id()
    renewed = held.evolve(
        renewed_at=(*recent, context.now),
        renewal_id=None,
        renewal_ends_at=None,
        renewal_channel=command.channel,
    )
    ends_at: datetime | None = None
    if command.way is RenewalWay.LINK:
        ends_at = context.now + timedelta(minutes=rules.link_minutes)
        yield renewed.evolve(renewal_id=renewal_id, renewal_ends_at=ends_at)
    else:
        yield generated(renewed, renewal_id, member, context)
    yield member.evolve()  # written with what hangs on them, so that their removal meanwhile is a conflict
    yield PasswordRenewed(
        member_id=member.id,
        renewal_id=renewal_id,
        way=command.way,
        phone=member.phone,
        first_name=member.first_name,
        language=member.language,
        ends_at=ends_at,
        channel=command.channel,
        email=member.email if command.channel is MessageChannel.EMAIL else None,
    )


@worker.handles(SetPassword)
def set_password(
    command: SetPassword,
    member: Annotated[Member | None, Key("member_id")],
    password: Annotated[Password | None, Key("member.id")],
    context: Context,
) -> Changes:
    token, proof = context.opened(command, "token"), context.opened(command, "proof")
    if member is None or password is None or not is_token_of(password, token, member, context):
        raise Refused("password_link_invalid")

    yield password.evolve(
        salt=command.salt,
        stretch=Stretch(memory_kib=command.terms.memory_kib, passes=command.terms.passes, lanes=command.terms.lanes),
        hash=hash_of(member.id, proof, context),
        set_at=context.now,
        renewal_id=None,
        renewal_ends_at=None,
    )
    yield PasswordSet(member_id=member.id)


def refuse_unreached(command: RenewPassword, member: Member, context: Context) -> None:
    """Refuse to send by email what isn't sent so, or to who has none.

    Raises:
        Refused: `email_not_offered` or `email_missing`.
    """
    if command.channel is not MessageChannel.EMAIL:
        return
    rules = context.programme.notifications
    if not rules.may_email(rules.template_on(f"PasswordRenewed.{command.way}")):
        raise Refused("email_not_offered")
    if member.email is None:
        raise Refused("email_missing")


def address_of(member: Member, channel: MessageChannel) -> str:
    """Where what a member is sent goes; what is sent derives from it, so that it counts for no other address."""
    return member.phone if channel is MessageChannel.SMS else member.email or ""


def refuse_more_renewals(password: Password, most: int, context: Context) -> tuple[datetime, ...]:
    """Say when a password was renewed within the hour, the first of all first; nobody is sent one after the other.

    Raises:
        Refused: `password_renewed_too_often`.
    """
    recent = tuple(at for at in password.renewed_at if at + HOUR > context.now)
    if len(recent) >= most:
        again_at = (recent[-most] + HOUR).isoformat(timespec="seconds")
        raise Refused("password_renewed_too_often", most=most, again_at=again_at)
    return recent


def generated(password: Password, renewal_id: str, member: Member, context: Context) -> Password:
    """The password that the member is sent; it derives from the renewal's id, here and where it is sent."""
    salt = context.new_id()
    text = context.vault.password(PURPOSE, renewal_id, address_of(member, password.renewal_channel))
    proof = proof_of(unstretched(text, salt))
    return password.evolve(salt=salt, stretch=None, hash=hash_of(member.id, proof, context), set_at=context.now)


def is_token_of(password: Password, token: str, member: Member, context: Context) -> bool:
    """Whether a token is that of the link which a member was sent last, and which still works."""
    if password.renewal_id is None or password.renewal_ends_at is None or password.renewal_ends_at <= context.now:
        return False
    right = context.vault.token(PURPOSE, password.renewal_id, address_of(member, password.renewal_channel))
    return hmac.compare_digest(token.encode(), right.encode())


def is_right_proof(password: Password, proof: str, context: Context) -> bool:
    """Whether a proof is the one that a member's password gives; compared in constant time."""
    return password.hash is not None and hmac.compare_digest(password.hash, hash_of(password.id, proof, context))


def hash_of(member_id: str, proof: str, context: Context) -> str:
    """What is kept of a proof: who hasn't the platform's secret can try nothing against it."""
    return context.vault.hashed(PURPOSE, f"{member_id}\n{proof}")
