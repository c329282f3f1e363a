"""What members are told of: they are welcomed, and hear of their cards and rewards."""

from datetime import timedelta
from typing import Annotated, Final

from contracts.cards import CardBlocked, CardReplaced
from contracts.coupons import CouponIssued, CouponResent, CouponShared, readable
from contracts.notifications import DropNotices
from contracts.registration import MemberRegistered, RegistrationRepeated
from contracts.rewards import RewardIssued
from contracts.tiers import TierChanged
from runtime.decisions import Key
from runtime.documents import Erase
from workers import Changes, Context
from workers.notifications.documents import Contact, Message, Notice, Waiting
from workers.notifications.texts import masked, queued
from workers.notifications.worker import worker

MOST_WAITING: Final = 20
"""Notices kept for a member who is not known yet; news beyond that is not worth a text each."""


@worker.handles(MemberRegistered)
def welcome_member(
    event: MemberRegistered,
    known: Annotated[Contact | None, Key("member_id", as_is=True)],
    waiting: Annotated[Waiting | None, Key("member_id")],
    context: Context,
) -> Changes:
    if known is not None and (known.is_known or known.is_removed or known.merged_into is not None):
        return
    contact = registered(event, known or Contact(id=event.member_id))
    welcome = Notice(event="MemberRegistered", cause=context.id, subject="", noticed_at=context.now)
    yield contact, *queued(welcome, contact, context)

    for notice in () if known is None else known.notices:
        yield queued(notice, contact, context)
    if waiting is not None:
        for notice in waiting.notices:
            yield queued(notice, contact, context)
        yield Erase(Waiting, waiting.id)


def registered(event: MemberRegistered, known: Contact) -> Contact:
    """How a new member is reached; later news of them, or of a merge, may have come before."""
    return known.evolve(
        is_awaited=False,
        notices=(),
        phone=known.phone if known.phone_news else event.phone,
        email=known.email if known.email_news else event.email,
        first_name=known.first_name if known.profile_news else event.first_name,
        language=known.language if known.profile_news else event.language,
    )


@worker.handles(RegistrationRepeated)
def tell_of_repeated_registration(
    event: RegistrationRepeated,
    contact: Annotated[Contact | None, Key("member_id")],
    waiting: Annotated[Waiting | None, Key("member_id")],
    context: Context,
) -> Changes:
    notice = Notice(event="RegistrationRepeated", cause=context.id, subject="", noticed_at=context.now)
    yield from told(notice, event.member_id, contact, waiting, context)


@worker.handles(CardBlocked)
def tell_of_blocked_card(
    event: CardBlocked,
    contact: Annotated[Contact | None, Key("member_id")],
    waiting: Annotated[Waiting | None, Key("member_id")],
    context: Context,
) -> Changes:
    if event.member_id is None:
        return
    notice = Notice(event="CardBlocked", cause=context.id, subject=masked(event.card_number), noticed_at=context.now)
    yield from told(notice, event.member_id, contact, waiting, context)


@worker.handles(CardReplaced)
def tell_of_new_card(
    event: CardReplaced,
    contact: Annotated[Contact | None, Key("member_id")],
    waiting: Annotated[Waiting | None, Key("member_id")],
    context: Context,
) -> Changes:
    number = masked(event.new_card_number)
    notice = Notice(event="CardReplaced", cause=context.id, subject=number, noticed_at=context.now)
    yield from told(notice, event.member_id, contact, waiting, context)


@worker.handles(RewardIssued)
def tell_of_reward(
    event: RewardIssued,
    contact: Annotated[Contact | None, Key("member_id")],
    waiting: Annotated[Waiting | None, Key("member_id")],
    context: Context,
) -> Changes:
    if event.member_id is None:
        return
    offer = context.programme.rewards.offer(event.reward)
    title = offer.text if offer is not None else event.reward
    notice = Notice(event="RewardIssued", cause=context.id, subject=title, noticed_at=context.now)
    yield from told(notice, event.member_id, contact, waiting, context)


@worker.handles(CouponIssued)
def tell_of_coupon(
    event: CouponIssued,
    contact: Annotated[Contact | None, Key("member_id")],
    waiting: Annotated[Waiting | None, Key("member_id")],
    context: Context,
) -> Changes:
    yield from told_of_coupon(event, contact, waiting, context)


@worker.handles(CouponResent)
def tell_of_coupon_again(
    event: CouponResent,
    contact: Annotated[Contact | None, Key("member_id")],
    waiting: Annotated[Waiting | None, Key("member_id")],
    context: Context,
) -> Changes:
    yield from told_of_coupon(event, contact, waiting, context)


@worker.handles(CouponShared)
def tell_of_shared_coupon(
    event: CouponShared,
    contact: Annotated[Contact | None, Key("member_id")],
    waiting: Annotated[Waiting | None, Key("member_id")],
    context: Context,
) -> Changes:
    yield from told_of_coupon(event, contact, waiting, context)


def told_of_coupon(
    event: CouponIssued | CouponResent | CouponShared,
    contact: Contact | None,
    waiting: Waiting | None,
    context: Context,
) -> Changes:
    """Send a coupon's code to who holds it; a guest's card has nobody to be told."""
    if event.member_id is None:
        return
    campaign = context.programme.rewards.campaign(event.campaign)
    notice = Notice(
        event=type(event).__name__,
        cause=context.id,
        subject=campaign.text if campaign is not None else event.campaign,
        code=readable(event.coupon_code),
        noticed_at=context.now,
    )
    yield from told(notice, event.member_id, contact, waiting, context)


@worker.handles(TierChanged)
def tell_of_tier(
    event: TierChanged,
    contact: Annotated[Contact | None, Key("member_id")],
    waiting: Annotated[Waiting | None, Key("member_id")],
    context: Context,
) -> Changes:
    if event.member_id is None or not event.is_higher:
        return
    system = context.programme.rewards.tier_system(event.system)
    tiers = () if system is None else system.tiers
    title = next((tier.text for tier in tiers if tier.code == event.tier), event.tier or "")
    notice = Notice(event="TierChanged", cause=context.id, subject=title, noticed_at=context.now)
    yield from told(notice, event.member_id, contact, waiting, context)


def told(notice: Notice, member_id: str, contact: Contact | None, waiting: Waiting | None, context: Context) -> Changes:
    """Queue a message; or keep the notice until the member's registration, which is on another topic, comes in."""
    if contact is not None:
        yield from told_or_kept((notice,), contact, context)
        return
    lifetime = timedelta(minutes=context.programme.notifications.lifetime_minutes)
    earlier = waiting.notices if waiting is not None else ()
    notices = (*earlier, notice)[-MOST_WAITING:]
    yield Waiting(id=member_id, notices=notices, ends_at=context.now + lifetime)


def told_or_kept(notices: tuple[Notice, ...], contact: Contact, context: Context) -> Changes:
    """Queue messages; or keep the notices with a contact that is known by a merge alone; nobody who is gone."""
    if contact.is_known:
        for notice in notices:
            yield queued(notice, contact, context)
        return
    if notices and not contact.is_removed:
        yield contact.evolve(notices=(*contact.notices, *notices)[-MOST_WAITING:])


@worker.handles(DropNotices)
def drop_notices(
    command: DropNotices, waiting: Annotated[Waiting | None, Key("member_id")], context: Context
) -> Changes:
    if waiting is not None and waiting.ends_at <= context.now:
        yield Erase(Waiting, waiting.id)
        yield tuple(Erase(Message, each, field="member_id") for each in waiting.texts_of)


worker.due(Waiting, field="ends_at", command=lambda waiting: DropNotices(member_id=waiting.id))
