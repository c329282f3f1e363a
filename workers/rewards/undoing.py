"""How what was done to a sale or with a coupon is taken back: by entries that name those of it; nothing is edited."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any

from contracts.corrections import (
    CancellationUndone,
    CouponUnused,
    ReceiptCorrection,
    RefundUndone,
    UndoCancellation,
    UndoRefund,
    UnuseCoupon,
)
from contracts.coupons import CouponState, UnitsCause, UnitsRevoked
from contracts.rewards import PurchaseState, UnitChange
from runtime.decisions import Key, Refused
from runtime.documents import Document
from workers import Changes, Context
from workers.rewards.adjusting import refuse_gone, refuse_operator, terms_of_added
from workers.rewards.booking import Returnable, Undoing, book, changes, counting_state
from workers.rewards.coupon_documents import Coupon
from workers.rewards.coupon_use import OVER, taken_by, usable_again
from workers.rewards.documents import Account, Card, Cause, Purchase, Refund, Reward, Took
from workers.rewards.giving import take_back
from workers.rewards.ledger import balances
from workers.rewards.purchase_parts import Posted
from workers.rewards.purchases import refuse_unknown
from workers.rewards.receipts import shown
from workers.rewards.reusing import Reused, reused
from workers.rewards.worker import worker


@worker.handles(UndoRefund)
def undo_refund(
    command: UndoRefund,
    card: Annotated[Card, Key("card_number")],
    purchase: Annotated[Purchase, Key("purchase_id")],
    account: Annotated[Account | None, Key("card.account_id")],
    rewards: Annotated[tuple[Reward, ...], Key("purchase.returned_rewards")],
    coupons: Annotated[tuple[Coupon, ...], Key("purchase.returned_coupons")],
    context: Context,
) -> Changes:
    account = refuse_correction(command, card, account, purchase, context)
    if purchase.state is PurchaseState.CANCELLED:
        raise Refused("purchase_already_cancelled")
    refund = refund_to_undo(command, purchase)
    without = purchase.evolve(refunds=tuple(undone(each, refund, context) for each in purchase.refunds))
    now = without.evolve(state=counting_state(without, is_confirmed=purchase.is_confirmed))
    restored = Restored(command, card, account, purchase, now)
    restored.book(Cause.REFUND_UNDONE, undoing_of(refund.took, context), context)
    restored.use_again(rewards, coupons, context)
    yield restored.documents
    yield RefundUndone(refund_number=command.refund_number, **restored.told())
    yield restored.follows


@worker.handles(UndoCancellation)
def undo_cancellation(
    command: UndoCancellation,
    card: Annotated[Card, Key("card_number")],
    purchase: Annotated[Purchase, Key("purchase_id")],
    account: Annotated[Account | None, Key("card.account_id")],
    rewards: Annotated[tuple[Reward, ...], Key("purchase.returned_rewards")],
    coupons: Annotated[tuple[Coupon, ...], Key("purchase.returned_coupons")],
    context: Context,
) -> Changes:
    account = refuse_correction(command, card, account, purchase, context)
    if purchase.state is not PurchaseState.CANCELLED:
        raise Refused("purchase_not_cancelled", state=purchase.state.value)

    ends_at = context.now + timedelta(seconds=context.programme.rewards.pending_seconds)
    now = purchase.evolve(state=PurchaseState.PENDING, due_at=ends_at, cancelled_with=())
    restored = Restored(command, card, account, purchase, now)
    restored.book(Cause.CANCELLATION_UNDONE, undoing_of(purchase.cancelled_with, context), context)
    restored.use_again(rewards, coupons, context)
    yield restored.documents
    yield CancellationUndone(ends_at=ends_at, **restored.told())
    yield restored.follows


@dataclass(slots=True)
class Restored:
    """A sale to which what had gone comes back, step by step: its units, then what had come back with it."""

    command: ReceiptCorrection
    card: Card
    account: Account
    before: Purchase
    now: Purchase
    entries: tuple[Document, ...] = ()
    again: Reused | None = None
    asks: tuple[Any, ...] = ()

    def book(self, cause: Cause, undoing: Undoing, context: Context) -> None:
        """Move the difference in what the sale is worth."""
        net = book(self.account, self.before, self.now, cause, context, undoing)
        self.account, self.now, self.asks = net.account, net.purchase, net.asks
        self.entries = tuple(entry.evolve(reason=self.command.reason) for entry in net.entries)

    def use_again(self, rewards: Sequence[Reward], coupons: Sequence[Coupon], context: Context) -> None:
        """Use again what had come back, if the sale was over and isn't any more."""
        if self.before.state not in OVER or self.now.state in OVER:
            return
        self.again = reused(self.account, self.now, rewards, coupons, context)
        self.account = self.again.account
        shortfall = context.programme.rewards.shortfall
        self.now = self.now.evolve(
            returned_rewards=(), returned_coupons=(), balances=balances(self.account, context.now, shortfall)
        )

    @property
    def documents(self) -> tuple[Document, ...]:
        """All that changed, and the entries of it."""
        again = () if self.again is None else (*self.again.entries, *self.again.rewards, *self.again.coupons)
        return (self.account, self.now, *self.entries, *again)

    @property
    def follows(self) -> tuple[Any, ...]:
        """What is said and asked besides."""
        return (*(() if self.again is None else self.again.told(self.card, self.now)), *self.asks)

    def told(self) -> dict[str, Any]:
        """What an event says of it."""
        return {
            "account_id": self.account.id,
            "card_number": self.card.id,
            "member_id": self.card.member_id,
            "purchase_id": self.now.id,
            "given_back": changes(self.before, self.now),
            "reward_ids": () if self.again is None else tuple(each.id for each in self.again.rewards),
            "reward_codes": () if self.again is None else tuple(dict.fromkeys(x.reward for x in self.again.rewards)),
            "coupon_codes": () if self.again is None else tuple(each.id for each in self.again.coupons),
            "reason": self.command.reason,
            "balances": shown(self.card, self.now.balances),
        }


@worker.handles(UnuseCoupon)
def unuse_coupon(
    command: UnuseCoupon,
    card: Annotated[Card, Key("card_number")],
    account: Annotated[Account | None, Key("card.account_id")],
    coupon: Annotated[Coupon, Key("coupon_code")],
    context: Context,
) -> Changes:
    if account is None or not account.owns(coupon.account_id):
        raise Refused("unknown_coupon")
    refuse_operator(command.operator_id, context)
    refuse_gone(card)
    if coupon.state is not CouponState.USED:
        raise Refused("coupon_not_used", state=coupon.state.value)

    unused = usable_again(coupon, context)
    told = {"account_id": account.id, "card_number": card.id}
    yield CouponUnused(
        coupon_code=coupon.id,
        campaign=coupon.campaign,
        purchase_id=coupon.purchase_id,
        state=unused.state,
        reason=command.reason,
        **told,
    )
    if coupon.given is None:
        yield unused
        return
    took = take_back(account, coupon.given, Cause.COUPON_RETURNED, coupon.id, context)
    # A sale in which it was used before may count again: then it gives again what is taken now.
    yield took.account, took.entry.evolve(reason=command.reason), unused.evolve(taken=taken_by(took))
    yield UnitsRevoked(
        member_id=card.member_id,
        changes=(UnitChange(unit=coupon.given.unit, amount=-coupon.given.amount),),
        cause=UnitsCause.COUPON,
        source=coupon.purchase_id,
        balances=balances(took.account, context.now, context.programme.rewards.shortfall),
        **told,
    )


def refuse_correction(
    command: ReceiptCorrection,
    card: Card,
    account: Account | None,
    purchase: Purchase,
    context: Context,
) -> Account:
    """The account that a sale counts for; not if it waits for that, or is another card's.

    Raises:
        Refused: `unknown_purchase`, `purchase_of_another_card`, `operator_not_the_sender`, `card_replaced`
            or `card_deleted`.
    """
    refuse_unknown(card, account, purchase)
    if account is None or purchase.account_id is None:
        raise Refused("unknown_purchase")
    refuse_operator(command.operator_id, context)
    refuse_gone(card)
    return account


def refund_to_undo(command: UndoRefund, purchase: Purchase) -> Refund:
    """The refund of a purchase that is meant.

    Raises:
        Refused: `unknown_refund` or `refund_already_undone`.
    """
    found = next((each for each in purchase.refunds if each.number == command.refund_number), None)
    if found is None:
        raise Refused("unknown_refund")
    if found.undone_at is not None:
        raise Refused("refund_already_undone")
    return found


def undone(refund: Refund, meant: Refund, context: Context) -> Refund:
    """A refund, undone if it is the one that is meant; its lines stay readable."""
    return refund.evolve(undone_at=context.now, undone_by=context.actor) if refund is meant else refund


def undoing_of(took: Sequence[Took] | Sequence[Posted], context: Context) -> Undoing:
    """What entries had taken, ready to be given back."""
    return Undoing(
        entries={each.unit: each.entry_id for each in took},
        taken={each.unit: Returnable(each.forgone, each.owed, each.drawn) for each in took if isinstance(each, Took)},
        fresh=terms_of_added(context),
    )
