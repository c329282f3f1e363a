"""What a person is given once stays one where two members became one: of the coupons that it came to one is kept."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Final

from contracts.coupons import CouponCancelled, CouponState, KeepOneCoupon
from runtime.decisions import Key
from workers import Changes, Context
from workers.rewards.counters import given_to_several
from workers.rewards.coupon_documents import Coupon
from workers.rewards.coupons import cancelled_for_good
from workers.rewards.documents import Account, Card
from workers.rewards.worker import worker

MERGED: Final = "merged"
"""The reason of their cancellation."""


@worker.handles(KeepOneCoupon)
def keep_one_coupon(
    command: KeepOneCoupon,
    account: Annotated[Account | None, Key("account_id")],
    heir: Annotated[Account | None, Key("account.merged_into")],
    card: Annotated[Card | None, Key("account.card_number")],
    heir_card: Annotated[Card | None, Key("heir.card_number")],
    coupons: Annotated[tuple[Coupon, ...], Key("coupon_codes")],
    context: Context,
) -> Changes:
    holder = heir or account
    if holder is None:
        return
    if not command.coupon_codes:
        for codes in given_to_several(holder.counters):
            yield KeepOneCoupon(account_id=holder.id, coupon_codes=codes)
        return

    newest = tuple(dict.fromkeys(each.replaced_by or each.id for each in coupons))
    if any(each.replaced_by is not None for each in coupons):
        yield KeepOneCoupon(account_id=holder.id, coupon_codes=newest)
        return

    held_by = card if heir is None else heir_card
    spare = needless(holder, coupons, context.now)
    if spare and held_by is not None:
        yield held_by.evolve()  # two that decide at once, each for another to stay, would leave none
    for coupon in spare:
        yield cancelled_for_good(coupon, context.now)
        yield CouponCancelled(
            coupon_code=coupon.id,
            account_id=coupon.account_id,
            card_number=None,
            campaign=coupon.campaign,
            reason=MERGED,
        )


def needless(account: Account, coupons: Sequence[Coupon], now: datetime) -> list[Coupon]:
    """Those that the account could still use, less the one that stays.

    None needs to stay where one was used or given away, or where a till has one open.
    """
    kept = [each for each in coupons if is_taken(each, account, now)]
    spare = [each for each in coupons if each.state is CouponState.ISSUED and each not in kept]
    spare.sort(key=lambda each: (each.issued_at, each.id))
    return spare if kept else spare[1:]


def is_taken(coupon: Coupon, account: Account, now: datetime) -> bool:
    """Whether a coupon was used or given away, or a till has it open: then it is the one that the person had."""
    if coupon.state is CouponState.USED or not account.owns(coupon.account_id):
        return True
    is_open = coupon.reservation is not None and coupon.reservation.until > now
    return coupon.state is CouponState.ISSUED and is_open
