"""Accounts, and the cards that lead to them: every card that becomes known has one from that moment."""

from typing import Annotated

from contracts.cards import (
    CardBlocked,
    CardCategoryChanged,
    CardDeleted,
    CardIssued,
    CardLinked,
    CardRestored,
    CardResumed,
    CardState,
    CardSuspended,
    CardUnblocked,
    VirtualCardIssued,
)
from contracts.rewards import AccountOpened, JoinAccount, ResumePurchase
from runtime.decisions import Key
from workers import Changes, Context
from workers.rewards.documents import Account, Card
from workers.rewards.joining import held_by, pooled
from workers.rewards.worker import worker


@worker.handles(CardIssued)
def open_account(event: CardIssued, card: Annotated[Card | None, Key("card_number")], context: Context) -> Changes:
    known = card or Card(id=event.card_number)
    if known.state is None:
        known = known.told(context.version, CardState.TO_ISSUE).categorised(context.version, event.category)
    if known.account_id is not None:
        if known is not card:
            yield known
        return

    yield from opened(known, context)


def opened(card: Card, context: Context) -> Changes:
    """Open a card's account, and take up what waited for it."""
    account = Account(id=context.new_id(), card_number=card.id, opened_at=context.now)
    yield account, card.evolve(account_id=account.id, waiting=())
    yield AccountOpened(account_id=account.id, card_number=card.id)
    for purchase_id in card.waiting:
        yield ResumePurchase(card_number=card.id, purchase_id=purchase_id)
    for heir in card.heirs:
        yield JoinAccount(card_number=heir, first_card_number=card.id)


@worker.handles(VirtualCardIssued)
def open_virtual_account(
    event: VirtualCardIssued,
    card: Annotated[Card | None, Key("card_number")],
    pool: Annotated[Card | None, Key("pool_number")],
    context: Context,
) -> Changes:
    known = card or Card(id=event.card_number)
    told = known.told(context.version, CardState.ACTIVE).categorised(context.version, event.category)
    active = held_by(told, context.version, event.member_id)
    if active.account_id is None:
        yield from opened(active, context)
    else:
        yield active
    yield from pooled(active, event.pool_number, pool)


@worker.handles(CardLinked)
def let_card_spend(
    event: CardLinked,
    card: Annotated[Card | None, Key("card_number")],
    pool: Annotated[Card | None, Key("pool_number")],
    context: Context,
) -> Changes:
    known = card or Card(id=event.card_number)
    told = known.told(context.version, CardState.ACTIVE).categorised(context.version, event.category)
    active = held_by(told, context.version, event.member_id)
    yield active
    yield from pooled(active, event.pool_number, pool)


@worker.handles(CardBlocked)
def stop_card(event: CardBlocked, card: Annotated[Card | None, Key("card_number")], context: Context) -> Changes:
    known = card or Card(id=event.card_number)
    yield known.told(context.version, CardState.BLOCKED, blocked_at=context.time)


@worker.handles(CardUnblocked)
def let_card_work(event: CardUnblocked, card: Annotated[Card | None, Key("card_number")], context: Context) -> Changes:
    known = card or Card(id=event.card_number)
    yield known.told(context.version, CardState.ACTIVE)


@worker.handles(CardDeleted)
def hide_card(event: CardDeleted, card: Annotated[Card | None, Key("card_number")], context: Context) -> Changes:
    known = card or Card(id=event.card_number)
    yield known.told(context.version, CardState.DELETED, blocked_at=event.stopped_at)


@worker.handles(CardRestored)
def show_card(
    event: CardRestored,
    card: Annotated[Card | None, Key("card_number")],
    pool: Annotated[Card | None, Key("pool_number")],
    context: Context,
) -> Changes:
    known = card or Card(id=event.card_number)
    told = known.told(context.version, event.state, blocked_at=event.stopped_at)
    restored = held_by(told, context.version, event.member_id)
    yield restored
    yield from pooled(restored, event.pool_number, pool)


@worker.handles(CardSuspended)
def suspend_card(event: CardSuspended, card: Annotated[Card | None, Key("card_number")], context: Context) -> Changes:
    known = card or Card(id=event.card_number)
    yield known.suspended(context.version, event.suspended_at)


@worker.handles(CardResumed)
def resume_card(event: CardResumed, card: Annotated[Card | None, Key("card_number")], context: Context) -> Changes:
    known = card or Card(id=event.card_number)
    yield known.suspended(context.version, None)


@worker.handles(CardCategoryChanged)
def earn_by_category(
    event: CardCategoryChanged, card: Annotated[Card | None, Key("card_number")], context: Context
) -> Changes:
    known = card or Card(id=event.card_number)
    yield known.recategorised(context.version, event.category, event.earlier, context.time)
