"""How purchases count: recorded, repeated, revised, confirmed, cancelled."""

from datetime import timedelta
from typing import Annotated

from contracts.rewards import (
    CancelPurchase,
    ConfirmPurchase,
    PurchaseCancelled,
    PurchaseConfirmed,
    PurchaseRecorded,
    PurchaseRepeated,
    PurchaseRevised,
    PurchaseState,
    RecordPurchase,
    Stage,
)
from runtime.decisions import Key, Refused
from workers import Changes, Context
from workers.rewards.booking import book, changes, counting_state, earned, taken_back
from workers.rewards.caps import Allowance
from workers.rewards.coupon_use import OVER
from workers.rewards.documents import Account, Card, Cause, Purchase
from workers.rewards.earning import earnings
from workers.rewards.parking import confirmed_while_parked, parked, unparked, with_what_waited
from workers.rewards.purchase_parts import Posted
from workers.rewards.receipts import (
    MOST_REVISIONS,
    digest,
    instant,
    is_same,
    receipt_of,
    refuse_card,
    refuse_receipt,
    shown,
)
from workers.rewards.worker import worker


@worker.handles(RecordPurchase)
def record_purchase(
    command: RecordPurchase,
    card: Annotated[Card | None, Key("card_number")],
    purchase: Annotated[Purchase | None, Key("purchase_id")],
    account: Annotated[Account | None, Key("card.account_id")],
    context: Context,
) -> Changes:
    refuse_receipt(command, context)
    if card is None or account is None:
        yield from parked(command, card, purchase, context)
        return
    if purchase is not None and purchase.account_id is not None:
        yield from recorded_again(command, card, account, purchase, context)
        return
    late_from = command.purchased_at if command.is_offline else None
    refuse_card(card, late_from)

    sale = receipt_of(command, purchase, PurchaseState.PENDING, context, card.category_at(late_from))
    if purchase is not None and purchase.state is PurchaseState.PARKED:
        sale = with_what_waited(command, sale, purchase, card)
    yield from recorded(sale, card, account, context)


def recorded(sale: Purchase, card: Card, account: Account, context: Context) -> Changes:
    """Let a sale count for the first time, with the refunds that waited for it."""
    gross = opened(sale, account, None, context)
    net = book(account, None, gross, Cause.PURCHASE, context)
    yield net.account, *net.entries, net.purchase
    yield PurchaseRecorded(
        account_id=account.id,
        card_number=card.id,
        member_id=card.member_id,
        purchase_id=sale.id,
        stage=Stage.CONFIRMED if sale.is_confirmed else Stage.PENDING,
        earned=earned(gross),
        taken_back=taken_back(gross.evolve(refunds=()), net) if gross.refunds else (),
        balances=shown(card, net.purchase.balances),
    )
    yield net.asks


def opened(sale: Purchase, account: Account, before: Purchase | None, context: Context) -> Purchase:
    """A sale that belongs to an account, with what its lines earn and, while it is pending, the end of that.

    `before` is what a revised receipt was.
    """
    rules = context.programme.rewards
    at = sale.purchased_at or context.now
    tiers = account.tier_codes if before is None else before.tiers
    return sale.evolve(
        tiers=tiers,
        account_id=account.id,
        awaited_card=None,
        state=counting_state(sale, is_confirmed=sale.is_confirmed),
        due_at=None if sale.is_confirmed else context.now + timedelta(seconds=rules.pending_seconds),
        earnings=earnings(
            context.programme,
            sale.lines,
            store=sale.store,
            card_category=sale.card_category,
            purchased_at=at,
            tiers=tiers,
            capped=Allowance(account, before, context),
        ),
    )


def recorded_again(
    command: RecordPurchase, card: Card, account: Account, purchase: Purchase, context: Context
) -> Changes:
    """Answer a receipt that is known: as before, as a confirmation, or as a revision."""
    if not account.owns(purchase.account_id):
        raise Refused("purchase_of_another_card")
    same = is_same(command, purchase)
    if same and purchase.state is PurchaseState.PENDING and command.stage is Stage.CONFIRMED:
        yield from confirmed(card, account, purchase, context)
        return
    if same or digest(command) in purchase.superseded:
        yield repeated(card, purchase)
        return
    if purchase.state is PurchaseState.CANCELLED:
        raise Refused("purchase_already_cancelled")
    if len(purchase.superseded) >= MOST_REVISIONS:
        raise Refused("too_many_revisions", most=MOST_REVISIONS)
    refuse_card(card, command.purchased_at if command.is_offline else None)

    yield from revised(command, card, account, purchase, context)


def revised(command: RecordPurchase, card: Card, account: Account, purchase: Purchase, context: Context) -> Changes:
    """Give a known receipt another content; what is confirmed stays so."""
    is_confirmed = purchase.is_confirmed or command.stage is Stage.CONFIRMED
    content = purchase.evolve(
        purchased_at=instant(command.purchased_at),
        lines=command.lines,
        revision=command.revision,
        superseded=(*purchase.superseded, digest(purchase)),
        is_confirmed=is_confirmed,
    )
    now = opened(content, account, purchase, context)
    refuse_reopened(purchase, now)
    net = book(account, purchase, now, Cause.REVISION, context)
    yield net.account, *net.entries, net.purchase
    yield PurchaseRevised(
        account_id=account.id,
        card_number=card.id,
        member_id=card.member_id,
        purchase_id=purchase.id,
        stage=Stage.CONFIRMED if is_confirmed else Stage.PENDING,
        earned=earned(now),
        changes=changes(purchase, now),
        balances=shown(card, net.purchase.balances),
    )
    yield net.asks


def refuse_reopened(before: Purchase, now: Purchase) -> None:
    """Refuse to let a sale count again by another content while its holder keeps what came back with it.

    Raises:
        Refused: `purchase_already_refunded`; once the refund is undone, what came back is used in the sale again.
    """
    is_reopened = before.state in OVER and now.state not in OVER
    if is_reopened and (before.returned_rewards or before.returned_coupons):
        raise Refused("purchase_already_refunded")


def repeated(card: Card, purchase: Purchase) -> PurchaseRepeated:
    """The answer that a purchase had."""
    return PurchaseRepeated(
        purchase_id=purchase.id,
        account_id=purchase.account_id or "",
        card_number=card.id,
        member_id=card.member_id,
        state=purchase.state,
        earned=earned(purchase),
        balances=shown(card, purchase.balances),
    )


@worker.handles(ConfirmPurchase)
def confirm_purchase(
    command: ConfirmPurchase,
    card: Annotated[Card, Key("card_number")],
    purchase: Annotated[Purchase, Key("purchase_id")],
    account: Annotated[Account | None, Key("card.account_id")],
    context: Context,
) -> Changes:
    refuse_unknown(card, account, purchase)
    if account is None or purchase.account_id is None:
        yield from confirmed_while_parked(purchase, card)
        return
    if purchase.state is PurchaseState.CANCELLED:
        raise Refused("purchase_already_cancelled")
    if purchase.is_confirmed:
        yield repeated(card, purchase)
        return

    yield from confirmed(card, account, purchase, context)


def confirmed(card: Card, account: Account, purchase: Purchase, context: Context) -> Changes:
    """Let what a pending purchase earned count; its card may have been blocked since."""
    state = counting_state(purchase, is_confirmed=True)
    now = purchase.evolve(state=state, is_confirmed=True, due_at=None)
    net = book(account, purchase, now, Cause.CONFIRMATION, context)
    yield net.account, *net.entries, net.purchase
    yield PurchaseConfirmed(
        account_id=account.id,
        card_number=card.id,
        member_id=card.member_id,
        purchase_id=purchase.id,
        earned=earned(purchase),
        balances=shown(card, net.purchase.balances),
    )
    yield net.asks


@worker.handles(CancelPurchase)
def cancel_purchase(
    command: CancelPurchase,
    card: Annotated[Card, Key("card_number")],
    purchase: Annotated[Purchase, Key("purchase_id")],
    account: Annotated[Account | None, Key("card.account_id")],
    context: Context,
) -> Changes:
    refuse_unknown(card, account, purchase)
    if account is None or purchase.account_id is None:
        yield from unparked(purchase, card, "purchase_already_cancelled", context)
        return
    if purchase.is_confirmed:
        raise Refused("purchase_already_confirmed")
    if purchase.state is PurchaseState.CANCELLED:
        yield repeated(card, purchase)
        return

    yield from cancelled(account, purchase, context, card=card)


def cancelled(account: Account, purchase: Purchase, context: Context, *, card: Card | None = None) -> Changes:
    """End a pending purchase; without a card it is the system that does, because its time is over."""
    now = purchase.evolve(state=PurchaseState.CANCELLED, due_at=None)
    net = book(account, purchase, now, Cause.CANCELLATION, context)
    entries = tuple(Posted(unit=entry.unit, entry_id=entry.id) for entry in net.entries)
    yield net.account, *net.entries, net.purchase.evolve(cancelled_with=entries)
    yield PurchaseCancelled(
        account_id=account.id,
        card_number=account.card_number if card is None else card.id,
        member_id=None if card is None else card.member_id,
        purchase_id=purchase.id,
        is_overdue=card is None,
        balances=net.purchase.balances if card is None else shown(card, net.purchase.balances),
    )
    yield net.asks


def refuse_unknown(card: Card, account: Account | None, purchase: Purchase) -> None:
    """Refuse a purchase of which only refunds are known, or that was on another card.

    Raises:
        Refused: `unknown_purchase` or `purchase_of_another_card`.
    """
    if purchase.state is PurchaseState.AWAITED:
        raise Refused("unknown_purchase")
    is_its_card = purchase.awaited_card == card.id or (account is not None and account.owns(purchase.account_id))
    if not is_its_card:
        raise Refused("purchase_of_another_card")
