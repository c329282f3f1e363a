"""Coupons apart from their use: issued, sent again, cancelled, shared, expired."""

import hmac
from datetime import datetime, timedelta
from typing import Annotated, Final

from contracts.coupons import (
    ALPHABET,
    CancelCoupon,
    CouponCancelled,
    CouponExpired,
    CouponIssued,
    CouponReleased,
    CouponReplaced,
    CouponResent,
    CouponShared,
    CouponState,
    EndCoupon,
    Gift,
    IssueCoupon,
    KeepOneCoupon,
    ResendCoupon,
    ShareCoupon,
    check_character,
)
from contracts.messages import Command
from contracts.programme.offers import Campaign
from runtime.decisions import Key, Refused
from workers import Changes, Context
from workers.rewards.caps import local_day
from workers.rewards.coupon_documents import Coupon
from workers.rewards.documents import Account, Card
from workers.rewards.receipts import refuse_card
from workers.rewards.redemption import refuse_spending
from workers.rewards.worker import worker

CODE_CHARACTERS: Final = 15


@worker.handles(IssueCoupon)
def issue_coupon(command: IssueCoupon, card: Annotated[Card, Key("card_number")], context: Context) -> Changes:
    campaign = context.programme.rewards.campaign(command.campaign)
    account_id = refuse_holder(card)
    if campaign is None:
        raise Refused("unknown_campaign")
    if not campaign.runs(local_day(context)):
        raise Refused("campaign_not_running")

    coupon = new_coupon(campaign, account_id, context)
    yield coupon
    yield issued(coupon, card)


def new_coupon(campaign: Campaign, account_id: str, context: Context) -> Coupon:
    """A coupon of a campaign for an account, from now on."""
    days = campaign.expires_after_days
    expires_at = None if days is None else context.now + timedelta(days=days)
    return Coupon(
        id=new_code(context),
        account_id=account_id,
        campaign=campaign.code,
        gives=Gift.model_validate(campaign.gives.model_dump()),
        returns=campaign.returns,
        is_shareable=campaign.is_shareable,
        state=CouponState.ISSUED,
        issued_at=context.now,
        expires_at=expires_at,
        due_at=expires_at,
    )


def new_code(context: Context) -> str:
    """A code of 75 bits that redoing gives again, and that nobody who knows or chooses the message's id foresees."""
    number = int.from_bytes(hmac.digest(context.vault.key("coupon-codes"), context.new_id().encode(), "sha256"))
    characters = [ALPHABET[number >> 5 * place & 31] for place in range(CODE_CHARACTERS)]
    return "".join(characters) + check_character("".join(characters))


def issued(coupon: Coupon, card: Card, *, replaces: str | None = None) -> CouponIssued:
    """Says that an account got a coupon."""
    return CouponIssued(
        coupon_code=coupon.id,
        account_id=coupon.account_id,
        card_number=card.id,
        member_id=card.member_id,
        campaign=coupon.campaign,
        gives=coupon.gives,
        expires_at=coupon.expires_at,
        replaces=replaces,
    )


@worker.handles(ResendCoupon)
def resend_coupon(
    command: ResendCoupon,
    card: Annotated[Card, Key("card_number")],
    account: Annotated[Account | None, Key("card.account_id")],
    coupon: Annotated[Coupon, Key("coupon_code")],
    context: Context,
) -> Changes:
    refuse_stranger(account, coupon)
    if coupon.replaced_by is not None:
        raise Refused("coupon_already_replaced", coupon_code=coupon.replaced_by)
    if coupon.is_final:
        raise Refused("coupon_cancelled_for_good")
    if coupon.state is CouponState.CANCELLED:
        yield from replaced(coupon, card, context)
        if account is not None:
            yield KeepOneCoupon(account_id=account.id, coupon_codes=())
        return
    refuse_ended(coupon, context.now)

    yield coupon.evolve()
    yield CouponResent(
        coupon_code=coupon.id,
        account_id=coupon.account_id,
        card_number=card.id,
        member_id=card.member_id,
        campaign=coupon.campaign,
        expires_at=coupon.expires_at,
    )


def replaced(coupon: Coupon, card: Card, context: Context) -> Changes:
    """Issue a new code for a cancelled one, with the terms that it had."""
    if coupon.expires_at is not None and coupon.expires_at <= context.now:
        raise Refused("coupon_expired")

    fresh = Coupon(
        id=new_code(context),
        account_id=coupon.account_id,
        campaign=coupon.campaign,
        gives=coupon.gives,
        returns=coupon.returns,
        is_shareable=coupon.is_shareable,
        state=CouponState.ISSUED,
        issued_at=context.now,
        expires_at=coupon.expires_at,
        due_at=coupon.expires_at,
        shared_from=coupon.shared_from,
        replaces=coupon.id,
    )
    yield coupon.evolve(replaced_by=fresh.id), fresh
    yield CouponReplaced(
        coupon_code=coupon.id,
        account_id=coupon.account_id,
        card_number=card.id,
        campaign=coupon.campaign,
        replaced_by=fresh.id,
    )
    yield issued(fresh, card, replaces=coupon.id)


def cancelled_for_good(coupon: Coupon, now: datetime) -> Coupon:
    """A coupon that nobody uses any more, nor another in its place."""
    state = CouponState.CANCELLED
    return coupon.evolve(state=state, ended_at=now, due_at=None, reservation=None, is_final=True)


@worker.handles(CancelCoupon)
def cancel_coupon(
    command: CancelCoupon,
    card: Annotated[Card, Key("card_number")],
    account: Annotated[Account | None, Key("card.account_id")],
    coupon: Annotated[Coupon, Key("coupon_code")],
    context: Context,
) -> Changes:
    refuse_stranger(account, coupon)
    refuse_ended(coupon, context.now)
    refuse_reserved(coupon, context.now)

    yield coupon.evolve(state=CouponState.CANCELLED, ended_at=context.now, due_at=None, reservation=None)
    yield CouponCancelled(
        coupon_code=coupon.id,
        account_id=coupon.account_id,
        card_number=card.id,
        campaign=coupon.campaign,
        reason=command.reason,
    )


@worker.handles(ShareCoupon)
def share_coupon(
    command: ShareCoupon,
    card: Annotated[Card, Key("card_number")],
    to_card: Annotated[Card, Key("to_card_number")],
    to_account: Annotated[Account | None, Key("to_card.account_id")],
    account: Annotated[Account | None, Key("card.account_id")],
    coupon: Annotated[Coupon, Key("coupon_code")],
    context: Context,
) -> Changes:
    refuse_stranger(account, coupon)
    refuse_spending(card, context)
    refuse_ended(coupon, context.now)
    refuse_reserved(coupon, context.now)
    account_id = refuse_holder(to_card)
    if not coupon.is_shareable:
        raise Refused("coupon_not_shareable")
    if coupon.shared_from is not None:
        raise Refused("coupon_already_shared")
    if to_account is not None and to_account.owns(coupon.account_id):
        raise Refused("coupon_of_the_same_account")

    # A till may have had it open for too long without anybody noting that yet: then nothing is left to end.
    yield coupon.evolve(
        account_id=account_id, shared_from=coupon.account_id, reservation=None, due_at=coupon.expires_at
    )
    yield CouponShared(
        coupon_code=coupon.id,
        account_id=account_id,
        card_number=to_card.id,
        member_id=to_card.member_id,
        campaign=coupon.campaign,
        from_account_id=coupon.account_id,
    )


@worker.handles(EndCoupon)
def end_coupon(command: EndCoupon, coupon: Annotated[Coupon | None, Key("coupon_code")], context: Context) -> Changes:
    if coupon is None or coupon.due_at is None or coupon.due_at > context.now:
        return
    told = {
        "coupon_code": coupon.id,
        "account_id": coupon.account_id,
        "card_number": None,
        "campaign": coupon.campaign,
    }
    if coupon.expires_at is not None and coupon.expires_at <= context.now:
        yield coupon.evolve(state=CouponState.EXPIRED, ended_at=coupon.expires_at, due_at=None, reservation=None)
        yield CouponExpired.model_validate(told)
        return

    released = coupon.evolve(reservation=None, due_at=coupon.expires_at)
    yield released
    if coupon.reservation is not None:
        place = {"store": coupon.reservation.store, "till": coupon.reservation.till}
        yield CouponReleased.model_validate({**told, **place, "is_overdue": True})


def refuse_holder(card: Card) -> str:
    """The account that a card leads to, refusing one that can't be given anything.

    Raises:
        Refused: `unknown_card`, `card_blocked` or `card_not_active`.
    """
    if card.state is None or card.account_id is None:
        raise Refused("unknown_card")
    refuse_card(card, None)
    return card.account_id


def refuse_stranger(account: Account | None, coupon: Coupon) -> None:
    """Refuse an account that doesn't hold the coupon, as if there were no such code.

    Raises:
        Refused: `unknown_coupon`.
    """
    if account is None or not account.owns(coupon.account_id):
        raise Refused("unknown_coupon")


def refuse_ended(coupon: Coupon, now: datetime) -> None:
    """Refuse a coupon that can't be used any more.

    Raises:
        Refused: `coupon_already_used`, `coupon_cancelled` or `coupon_expired`.
    """
    if coupon.state is CouponState.USED:
        raise Refused("coupon_already_used")
    if coupon.state is CouponState.CANCELLED:
        raise Refused("coupon_cancelled")
    if coupon.state is CouponState.EXPIRED or (coupon.expires_at is not None and coupon.expires_at <= now):
        raise Refused("coupon_expired")


def refuse_reserved(coupon: Coupon, now: datetime, *, store: str | None = None, till: str | None = None) -> None:
    """Refuse a coupon that another till than this one has open.

    Raises:
        Refused: `coupon_reserved`, with the till that has it and until when.
    """
    held = coupon.reservation
    if held is None or held.until <= now or (held.store, held.till) == (store, till):
        return
    raise Refused("coupon_reserved", store=held.store, till=held.till, until=held.until.isoformat())


def end_of_coupon(coupon: Coupon) -> Command:
    """The command that ends what of a coupon's time is over."""
    return EndCoupon(coupon_code=coupon.id)


worker.due(Coupon, field="due_at", command=end_of_coupon)
