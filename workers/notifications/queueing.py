"""What members are told of: they are welcomed, and hear of their cards and rewards."""

from typing import Annotated, Final

from contracts.cards import CardBlocked, CardReplaced
from contracts.coupons import CouponIssued, CouponResent, CouponShared, readable
from contracts.registration import MemberRegistered, RegistrationRepeated
from contracts.rewards import RewardIssued
from contracts.tiers import TierChanged
from runtime.decisions import Key
from workers import Changes, Context
from workers.notifications.documents import Contact, Notice
from workers.notifications.texts import masked, queued
from workers.notifications.worker import worker

MOST_WAITING: Final = 20
"""Notices kept for a member who is not known yet; news beyond that is not worth a text each."""


@worker.handles(MemberRegistered)
def welcome_member(
    event: MemberRegistered,
    known: Annotated[Contact | None, Key("member_id", as_is=True)],
    context: Context,
) -> Changes:
    if known is not None and (known.is_known or known.is_removed or known.merged_into is not None):
        return
    contact = registered(event, known or Contact(id=event.member_id))
    welcome = Notice(event="MemberRegistered", cause=context.id, subject="", noticed_at=context.now)
    yield contact, *queued(welcome, contact, context)

    for notice in () if known is None else known.notices:
        yield queued(notice, contact, context)


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
    context: Context,
) -> Changes:
    notice = Notice(event="RegistrationRepeated", cause=context.id, subject="", noticed_at=context.now)
    yield from told(notice, event.member_id, contact, context)


@worker.handles(CardBlocked)
def tell_of_blocked_card(
    event: CardBlocked,
    contact: Annotated[Contact | None, Key("member_id")],
    context: Context,
) -> Changes:
    if event.member_id is None:
        return
    notice = Notice(event="CardBlocked", cause=context.id, subject=masked(event.card_number), noticed_at=context.now)
    yield from told(notice, event.member_id, contact, context)


@worker.handles(CardReplaced)
def tell_of_new_card(
    event: CardReplaced,
    contact: Annotated[Contact | None, Key("member_id")],
    context: Context,
) -> Changes:
    number = masked(event.new_card_number)
    notice = Notice(event="CardReplaced", cause=context.id, subject=number, noticed_at=context.now)
    yield from told(notice, event.member_id, contact, context)


@worker.handles(RewardIssued)
def tell_of_reward(
    event: RewardIssued,
    contact: Annotated[Contact | None, Key("member_id")],
    context: Context,
) -> Changes:
    if event.member_id is None:
        return
    offer = context.programme.rewards.offer(event.reward)
    title = offer.text if offer is not None else event.reward
    notice = Notice(event="RewardIssued", cause=context.id, subject=title, noticed_at=context.now)
    yield from told(notice, event.member_id, contact, context)


@worker.handles(CouponIssued)
def tell_of_coupon(
    event: CouponIssued,
    contact: Annotated[Contact | None, Key("member_id")],
    context: Context,
) -> Changes:
    yield from told_of_coupon(event, contact, context)


@worker.handles(CouponResent)
def tell_of_coupon_again(
    event: CouponResent,
    contact: Annotated[Contact | None, Key("member_id")],
    context: Context,
) -> Changes:
    yield from told_of_coupon(event, contact, context)


@worker.handles(CouponShared)
def tell_of_shared_coupon(
    event: CouponShared,
    contact: Annotated[Contact | None, Key("member_id")],
    context: Context,
) -> Changes:
    yield from told_of_coupon(event, contact, context)


def told_of_coupon(
    event: CouponIssued | CouponResent | CouponShared,
    contact: Contact | None,
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
    yield from told(notice, event.member_id, contact, context)


@worker.handles(TierChanged)
def tell_of_tier(
    event: TierChanged,
    contact: Annotated[Contact | None, Key("member_id")],
    context: Context,
) -> Changes:
    if event.member_id is None or not event.is_higher:
        return
    system = context.programme.rewards.tier_system(event.system)
    tiers = () if system is None else system.tiers
    title = next((tier.text for tier in tiers if tier.code == event.tier), event.tier or "")
    notice = Notice(event="TierChanged", cause=context.id, subject=title, noticed_at=context.now)
    yield from told(notice, event.member_id, contact, context)


def told(notice: Notice, member_id: str, contact: Contact | None, context: Context) -> Changes:
    """Queue a message; or keep the notice until the member's registration, which is on another topic, comes in.

    It is kept where the registration will be: one that comes in in this very moment meets it.
    """
    yield from told_or_kept((notice,), contact or Contact(id=member_id, is_awaited=True), context)


def told_or_kept(notices: tuple[Notice, ...], contact: Contact, context: Context) -> Changes:
    """Queue messages; or keep the notices with a contact whose registration is still to come; nobody who is gone."""
    if contact.is_known:
        for notice in notices:
            yield queued(notice, contact, context)
        return
    if notices and not contact.is_removed:
        yield contact.evolve(notices=(*contact.notices, *notices)[-MOST_WAITING:])
