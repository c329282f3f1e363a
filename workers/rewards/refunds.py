"""How purchases come back, in part or whole, even before they are known."""

from datetime import timedelta
from typing import Annotated, Final

from contracts.rewards import PurchaseRefunded, PurchaseState, RefundParked, RefundPurchase
from runtime.decisions import Key, Refused
from workers import Changes, Context
from workers.rewards.booking import Booking, book, counting_state, taken_back
from workers.rewards.documents import Account, Card, Cause, Purchase, Refund, Took
from workers.rewards.earning import what_is_left
from workers.rewards.purchases import repeated
from workers.rewards.receipts import instant, shown
from workers.rewards.worker import worker

MOST_REFUNDS: Final = 100
"""Refunds that one purchase may have."""


@worker.handles(RefundPurchase)
def refund_purchase(
    command: RefundPurchase,
    card: Annotated[Card | None, Key("card_number")],
    purchase: Annotated[Purchase | None, Key("purchase_id")],
    account: Annotated[Account | None, Key("card.account_id")],
    context: Context,
) -> Changes:
    if purchase is None or purchase.account_id is None:
        yield from refund_parked(command, purchase, context)
        return
    if card is None or account is None:
        raise Refused("unknown_card")
    if not account.owns(purchase.account_id):
        raise Refused("purchase_of_another_card")
    if is_known(command, purchase):
        yield repeated(card, purchase)
        return
    if purchase.state is PurchaseState.CANCELLED:
        raise Refused("purchase_already_cancelled")
    refuse_lines(command, purchase)

    with_refund = purchase.evolve(refunds=(*purchase.refunds, refund_of(command, context)))
    now = with_refund.evolve(state=counting_state(with_refund, is_confirmed=purchase.is_confirmed))
    net = book(account, purchase, now, Cause.REFUND, context)
    is_whole = not any(left.items for left in what_is_left(now.lines, now.refunds).values())
    yield net.account, *net.entries, with_what_it_took(net)
    yield PurchaseRefunded(
        account_id=account.id,
        card_number=card.id,
        member_id=card.member_id,
        purchase_id=purchase.id,
        refund_number=command.refund_number,
        is_whole=is_whole,
        taken_back=taken_back(purchase, net),
        balances=shown(card, net.purchase.balances),
    )
    yield net.asks


def with_what_it_took(net: Booking) -> Purchase:
    """The purchase, whose last refund remembers what it took, so that it can be undone."""
    last = net.purchase.refunds[-1]
    took = tuple(
        Took(
            unit=entry.unit,
            entry_id=entry.id,
            drawn=net.tallies[entry.unit].drawn,
            owed=net.tallies[entry.unit].owed,
            forgone=net.tallies[entry.unit].forgone,
        )
        for entry in net.entries
    )
    return net.purchase.evolve(refunds=(*net.purchase.refunds[:-1], last.evolve(took=took)))


def refund_parked(command: RefundPurchase, purchase: Purchase | None, context: Context) -> Changes:
    """Keep a refund until its sale is known."""
    ends_at = context.now + timedelta(seconds=context.programme.rewards.refund_wait_seconds)
    kept = purchase or Purchase(
        id=command.purchase_id,
        state=PurchaseState.AWAITED,
        store=command.store,
        till=command.till,
        receipt_number=command.receipt_number,
        business_day=command.business_day,
        due_at=ends_at,
    )
    if not is_known(command, kept):
        yield kept.evolve(refunds=(*kept.refunds, refund_of(command, context)))
    yield RefundParked(
        purchase_id=kept.id,
        card_number=command.card_number,
        refund_number=command.refund_number,
        ends_at=kept.due_at or ends_at,
    )


def is_known(command: RefundPurchase, purchase: Purchase) -> bool:
    """Whether a purchase has this refund already.

    Raises:
        Refused: `refund_changed`, it has one of that number with other lines; `too_many_refunds`.
    """
    for refund in purchase.refunds:
        if refund.number == command.refund_number:
            if refund.lines != command.lines:
                raise Refused("refund_changed")
            return True
    if len(purchase.refunds) >= MOST_REFUNDS:
        raise Refused("too_many_refunds", most=MOST_REFUNDS)
    return False


def refuse_lines(command: RefundPurchase, purchase: Purchase) -> None:
    """Refuse to take back what was not sold, or is back already.

    Raises:
        Refused: `unknown_line` or `refund_exceeds_sale`.
    """
    left = what_is_left(purchase.lines, purchase.refunds)
    for back in command.lines:
        line = left.get(back.line)
        if line is None:
            raise Refused("unknown_line", line=back.line)
        if back.quantity > line.items or back.price_minor > line.price_minor:
            raise Refused("refund_exceeds_sale", line=back.line, items=line.items, price_minor=line.price_minor)


def refund_of(command: RefundPurchase, context: Context) -> Refund:
    """A refund as its purchase keeps it."""
    return Refund(
        number=command.refund_number,
        refunded_at=instant(command.refunded_at),
        lines=command.lines,
        actor=context.actor,
    )
