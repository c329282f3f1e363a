"""How coupons are used at a till: reserved, released, redeemed once, and given back with their sale."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated, Final

from contracts.coupons import (
    CouponReleased,
    CouponReserved,
    CouponReturned,
    CouponState,
    CouponUsed,
    CouponUseRepeated,
    GiftKind,
    ReleaseCoupon,
    ReserveCoupon,
    ReturnCoupons,
    UnitsCause,
    UnitsGiven,
    UnitsRevoked,
    UseCoupon,
)
from contracts.messages import Command
from contracts.rewards import PurchaseState, UnitChange
from runtime.decisions import Key, Refused
from workers import Changes, Context
from workers.rewards.coupon_documents import Coupon, Given, Reservation, SaleCoupons
from workers.rewards.coupons import refuse_ended, refuse_reserved, refuse_stranger
from workers.rewards.documents import Account, Card, Cause, LedgerEntry, Purchase
from workers.rewards.giving import Gave, give, take_back
from workers.rewards.ledger import balances
from workers.rewards.receipts import refuse_sale
from workers.rewards.redemption import refuse_spending
from workers.rewards.worker import worker

MOST_COUPONS: Final = 50
"""Coupons that one sale may use."""
OVER: Final = (PurchaseState.REFUNDED, PurchaseState.CANCELLED)


@worker.handles(ReserveCoupon)
def reserve_coupon(
    command: ReserveCoupon,
    card: Annotated[Card, Key("card_number")],
    account: Annotated[Account | None, Key("card.account_id")],
    coupon: Annotated[Coupon, Key("coupon_code")],
    context: Context,
) -> Changes:
    refuse_stranger(account, coupon)
    refuse_spending(card, context)
    refuse_ended(coupon, context.now)
    refuse_reserved(coupon, context.now, store=command.store, till=command.till)

    until = context.now + timedelta(seconds=context.programme.rewards.coupon_reserve_seconds)
    until = until if coupon.expires_at is None else min(until, coupon.expires_at)
    yield coupon.evolve(reservation=Reservation(store=command.store, till=command.till, until=until), due_at=until)
    yield CouponReserved(
        coupon_code=coupon.id,
        account_id=coupon.account_id,
        card_number=card.id,
        campaign=coupon.campaign,
        store=command.store,
        till=command.till,
        reserved_until=until,
        gives=coupon.gives,
    )


@worker.handles(ReleaseCoupon)
def release_coupon(
    command: ReleaseCoupon,
    card: Annotated[Card, Key("card_number")],
    account: Annotated[Account | None, Key("card.account_id")],
    coupon: Annotated[Coupon, Key("coupon_code")],
    context: Context,
) -> Changes:
    refuse_stranger(account, coupon)
    refuse_ended(coupon, context.now)
    refuse_reserved(coupon, context.now, store=command.store, till=command.till)
    if coupon.reservation is None:
        raise Refused("coupon_not_reserved")

    yield coupon.evolve(reservation=None, due_at=coupon.expires_at)
    yield CouponReleased(
        coupon_code=coupon.id,
        account_id=coupon.account_id,
        card_number=card.id,
        campaign=coupon.campaign,
        store=coupon.reservation.store,
        till=coupon.reservation.till,
    )


@worker.handles(UseCoupon)
def use_coupon(
    command: UseCoupon,
    card: Annotated[Card, Key("card_number")],
    account: Annotated[Account | None, Key("card.account_id")],
    coupon: Annotated[Coupon, Key("coupon_code")],
    sale: Annotated[SaleCoupons | None, Key("purchase_id")],
    purchase: Annotated[Purchase | None, Key("purchase_id")],
    context: Context,
) -> Changes:
    if account is None or not account.owns(coupon.account_id):
        raise Refused("unknown_coupon")
    if coupon.state is CouponState.USED and coupon.purchase_id == command.purchase_id:
        yield use_repeated(coupon, card)
        return
    refuse_spending(card, context)
    refuse_ended(coupon, context.now)
    refuse_reserved(coupon, context.now, store=command.store, till=command.till)
    refuse_sale(account, None if sale is None else sale.account_id, purchase)
    if sale is not None and len(sale.coupon_codes) >= MOST_COUPONS:
        raise Refused("too_many_coupons", most=MOST_COUPONS)

    used = coupon.evolve(
        state=CouponState.USED,
        ended_at=context.now,
        due_at=None,
        reservation=None,
        purchase_id=command.purchase_id,
    )
    codes = () if sale is None else tuple(code for code in sale.coupon_codes if code != coupon.id)
    yield SaleCoupons(id=command.purchase_id, account_id=account.id, coupon_codes=(*codes, coupon.id))
    yield from handed_out(used, card, account, context)


def handed_out(used: Coupon, card: Card, account: Account, context: Context) -> Changes:
    """Book what a coupon gives where that is units; an item or a discount is the till's to give."""
    told = CouponUsed(
        coupon_code=used.id,
        account_id=account.id,
        card_number=card.id,
        member_id=card.member_id,
        campaign=used.campaign,
        purchase_id=used.purchase_id,
        gives=used.gives,
    )
    if used.gives.kind is not GiftKind.UNITS:
        yield used
        yield told
        return
    gave = give(account, used.gives, Cause.COUPON_USED, used.id, context)
    yield gave.account, gave.entry, used.evolve(given=gave.given)
    yield told
    yield UnitsGiven(
        account_id=account.id,
        card_number=card.id,
        member_id=card.member_id,
        changes=(UnitChange(unit=gave.given.unit, amount=gave.given.amount),),
        cause=UnitsCause.COUPON,
        source=used.id,
        balances=balances(gave.account, context.now, context.programme.rewards.shortfall),
    )


def use_repeated(coupon: Coupon, card: Card) -> CouponUseRepeated:
    """The answer that a coupon's use had."""
    return CouponUseRepeated(
        coupon_code=coupon.id,
        account_id=coupon.account_id,
        card_number=card.id,
        campaign=coupon.campaign,
        purchase_id=coupon.purchase_id,
        gives=coupon.gives,
    )


@worker.handles(ReturnCoupons)
def return_coupons(
    command: ReturnCoupons,
    sale: Annotated[SaleCoupons | None, Key("purchase_id")],
    coupons: Annotated[tuple[Coupon, ...], Key("sale.coupon_codes")],
    account: Annotated[Account | None, Key("sale.account_id")],
    heir: Annotated[Account | None, Key("account.merged_into")],
    purchase: Annotated[Purchase | None, Key("purchase_id")],
    context: Context,
) -> Changes:
    if purchase is None or purchase.state not in OVER:
        return
    # Written even where nothing comes back: a coupon that is used in the sale in this moment isn't among these.
    if sale is not None:
        yield sale.evolve()
    elif purchase.account_id is not None:
        yield SaleCoupons(id=purchase.id, account_id=purchase.account_id, coupon_codes=())
    used = [each for each in coupons if each.purchase_id == command.purchase_id and each.state is CouponState.USED]
    coming_back = [each for each in used if each.returns]
    owner = heir or account
    if coming_back and owner is not None:
        yield purchase.evolve(returned_coupons=tuple(each.id for each in coming_back))
        yield from all_back(coming_back, owner, context)


def all_back(coupons: Sequence[Coupon], owner: Account, context: Context) -> Changes:
    """Let coupons of one sale come back, and take from their owner what they gave."""
    account, entries = owner, list[LedgerEntry]()
    for coupon in coupons:
        taken: Given | None = None
        if coupon.given is not None:
            took = take_back(account, coupon.given, Cause.COUPON_RETURNED, coupon.id, context)
            account, taken = took.account, taken_by(took)
            entries.append(took.entry)
        yield from came_back(coupon, taken, context)
    if account is owner:
        return
    given = [coupon.given for coupon in coupons if coupon.given is not None]
    yield account, *entries
    yield UnitsRevoked(
        account_id=account.id,
        card_number=account.card_number,
        changes=tuple(UnitChange(unit=each.unit, amount=-each.amount) for each in given),
        cause=UnitsCause.COUPON,
        source=str(coupons[0].purchase_id),
        balances=balances(account, context.now, context.programme.rewards.shortfall),
    )


def came_back(coupon: Coupon, taken: Given | None, context: Context) -> Changes:
    """Let a used coupon be used again, or expire, if its time is over by now."""
    unused = usable_again(coupon, context).evolve(taken=taken)
    yield unused
    yield CouponReturned(
        coupon_code=coupon.id,
        account_id=coupon.account_id,
        card_number=None,
        campaign=coupon.campaign,
        purchase_id=coupon.purchase_id,
        state=unused.state,
    )


def usable_again(coupon: Coupon, context: Context) -> Coupon:
    """A used coupon as if it had not been: issued, or expired by now."""
    is_over = coupon.expires_at is not None and coupon.expires_at <= context.now
    return coupon.evolve(
        state=CouponState.EXPIRED if is_over else CouponState.ISSUED,
        ended_at=coupon.expires_at if is_over else None,
        due_at=None if is_over else coupon.expires_at,
        purchase_id=None,
        given=None,
        taken=None,
    )


def taken_by(took: Gave) -> Given:
    """What was really taken back of what a coupon had given, and by which entry."""
    terms = took.given.terms
    return Given(unit=took.given.unit, amount=-took.entry.amount, terms=terms, entry_id=took.entry.id)


def coupons_back(before: Purchase | None, after: Purchase, context: Context) -> tuple[Command, ...]:
    """Ask for the coupons of a sale that is over; nothing where the programme has no coupons."""
    was_over = before is not None and before.state in OVER
    if after.state not in OVER or was_over or not context.programme.rewards.campaigns:
        return ()
    return (ReturnCoupons(purchase_id=after.id),)
