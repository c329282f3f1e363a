"""How waits end: a parked purchase is taken up or refused, a pending one is cancelled, an awaited one forgotten."""

from typing import Annotated

from contracts.messages import Command
from contracts.rewards import EndPurchase, PurchaseState, RefundsRefused, ResumePurchase
from runtime.decisions import Key
from runtime.documents import Erase
from workers import Changes, Context
from workers.rewards.documents import Account, Card, Purchase
from workers.rewards.parking import unparked
from workers.rewards.purchases import cancelled, recorded
from workers.rewards.receipts import why_not_earning
from workers.rewards.worker import worker


@worker.handles(ResumePurchase)
def resume_purchase(
    command: ResumePurchase,
    purchase: Annotated[Purchase | None, Key("purchase_id")],
    card: Annotated[Card | None, Key("card_number")],
    account: Annotated[Account | None, Key("card.account_id")],
    context: Context,
) -> Changes:
    if purchase is None or purchase.state is not PurchaseState.PARKED or purchase.awaited_card != command.card_number:
        return
    if card is None or account is None:
        if purchase.due_at is not None and purchase.due_at <= context.now:
            yield from unparked(purchase, card, "unknown_card", context)
        return
    code = why_not_earning(card, purchase.purchased_at)
    if code is not None:
        yield from unparked(purchase, card, code, context)
        return

    yield from recorded(purchase.evolve(card_category=card.category_at(purchase.purchased_at)), card, account, context)


@worker.handles(EndPurchase)
def end_purchase(
    command: EndPurchase,
    purchase: Annotated[Purchase | None, Key("purchase_id")],
    account: Annotated[Account | None, Key("purchase.account_id")],
    heir: Annotated[Account | None, Key("account.merged_into")],
    context: Context,
) -> Changes:
    if purchase is None or purchase.due_at is None or purchase.due_at > context.now:
        return
    account = heir or account
    if account is not None and purchase.state is PurchaseState.PENDING:
        yield from cancelled(account, purchase, context)
    if purchase.state is PurchaseState.AWAITED:
        numbers = tuple(refund.number for refund in purchase.refunds)
        yield Erase(Purchase, purchase.id)
        yield RefundsRefused(purchase_id=purchase.id, refund_numbers=numbers, code="unknown_purchase")


def end_of_wait(purchase: Purchase) -> Command:
    """The command that ends what a purchase waits for."""
    if purchase.awaited_card is not None:
        return ResumePurchase(card_number=purchase.awaited_card, purchase_id=purchase.id)
    return EndPurchase(purchase_id=purchase.id)


worker.due(Purchase, field="due_at", command=end_of_wait)
