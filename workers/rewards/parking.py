"""What comes too early: a purchase before its card is kept, answered as parked, and taken up or refused in the end."""

from datetime import timedelta
from typing import Final

from contracts.rewards import PurchaseParked, PurchaseRefused, PurchaseState, RecordPurchase, Stage
from runtime.decisions import Refused
from runtime.documents import Erase
from workers import Changes, Context
from workers.rewards.documents import Card, Purchase
from workers.rewards.receipts import MOST_REVISIONS, digest, is_same, receipt_of

MOST_WAITING: Final = 100
"""Purchases that may wait for one unknown card: a till that makes numbers up fills no more than this."""


def parked(command: RecordPurchase, card: Card | None, purchase: Purchase | None, context: Context) -> Changes:
    """Keep a purchase until its card is known; only what is new about it changes what is kept."""
    if purchase is not None and purchase.state not in (PurchaseState.PARKED, PurchaseState.AWAITED):
        raise Refused("unknown_card")
    if purchase is not None and purchase.awaited_card not in (None, command.card_number):
        raise Refused("purchase_of_another_card")
    waiting = () if card is None else card.waiting
    if command.purchase_id not in waiting and len(waiting) >= MOST_WAITING:
        raise Refused("unknown_card")

    ends_at = context.now + timedelta(seconds=context.programme.rewards.park_seconds)
    if purchase is not None and purchase.state is PurchaseState.PARKED:
        ends_at = purchase.due_at or ends_at
        yield from kept_anew(command, purchase, context)
        yield PurchaseParked(purchase_id=purchase.id, card_number=command.card_number, ends_at=ends_at)
        return

    kept = receipt_of(command, purchase, PurchaseState.PARKED, context, "normal")
    unknown = Card(id=command.card_number) if card is None else card
    yield kept.evolve(awaited_card=command.card_number, due_at=ends_at)
    yield unknown.evolve(waiting=(*waiting, kept.id))
    yield PurchaseParked(purchase_id=kept.id, card_number=command.card_number, ends_at=ends_at)


def kept_anew(command: RecordPurchase, purchase: Purchase, context: Context) -> Changes:
    """Put a parked purchase's newer content in its place; late repeats of what it once was change nothing."""
    is_confirmed = purchase.is_confirmed or command.stage is Stage.CONFIRMED
    if is_same(command, purchase) and is_confirmed is not purchase.is_confirmed:
        yield purchase.evolve(is_confirmed=True)
    if is_same(command, purchase) or digest(command) in purchase.superseded:
        return
    if len(purchase.superseded) >= MOST_REVISIONS:
        raise Refused("too_many_revisions", most=MOST_REVISIONS)

    yield receipt_of(command, purchase, PurchaseState.PARKED, context, "normal").evolve(
        awaited_card=purchase.awaited_card,
        due_at=purchase.due_at,
        is_confirmed=is_confirmed,
        superseded=(*purchase.superseded, digest(purchase)),
    )


def with_what_waited(command: RecordPurchase, sale: Purchase, waited: Purchase, card: Card) -> Purchase:
    """A receipt that is said again when its card has an account, but before what waited of it was taken up.

    It comes to what it would come to just after that: what is confirmed stays so, and older contents change nothing.

    Raises:
        Refused: `purchase_of_another_card` or `too_many_revisions`.
    """
    if waited.awaited_card != command.card_number:
        raise Refused("purchase_of_another_card")
    taken_up = waited.evolve(card_category=card.category_at(waited.purchased_at))
    is_confirmed = waited.is_confirmed or sale.is_confirmed
    if is_same(command, waited):
        return taken_up.evolve(is_confirmed=is_confirmed)
    if digest(command) in waited.superseded:
        return taken_up
    if len(waited.superseded) >= MOST_REVISIONS:
        raise Refused("too_many_revisions", most=MOST_REVISIONS)
    return sale.evolve(is_confirmed=is_confirmed, superseded=(*waited.superseded, digest(waited)))


def confirmed_while_parked(purchase: Purchase, card: Card) -> Changes:
    """Remember of a parked purchase that it is paid for."""
    if not purchase.is_confirmed:
        yield purchase.evolve(is_confirmed=True)
    yield PurchaseParked(purchase_id=purchase.id, card_number=card.id, ends_at=purchase.due_at)


def unparked(purchase: Purchase, card: Card | None, code: str, context: Context) -> Changes:
    """Give a parked purchase up; refunds that came for it go on waiting, for it may be said again."""
    if purchase.refunds:
        wait = timedelta(seconds=context.programme.rewards.refund_wait_seconds)
        yield Purchase(
            id=purchase.id,
            state=PurchaseState.AWAITED,
            store=purchase.store,
            till=purchase.till,
            receipt_number=purchase.receipt_number,
            business_day=purchase.business_day,
            refunds=purchase.refunds,
            due_at=context.now + wait,
        )
    else:
        yield Erase(Purchase, purchase.id)
    if card is not None and purchase.id in card.waiting:
        waiting = tuple(each for each in card.waiting if each != purchase.id)
        is_forgotten = card.is_unheard_of and not waiting
        yield Erase(Card, card.id) if is_forgotten else card.evolve(waiting=waiting)
    yield PurchaseRefused(purchase_id=purchase.id, card_number=purchase.awaited_card, code=code)
