"""Accounts, and the cards that lead to them: every card that becomes known has one from that moment."""

from typing import Annotated

from contracts.cards import CardBlocked, CardIssued, CardLinked, CardState, CardUnblocked
from contracts.rewards import AccountOpened, ResumePurchase
from runtime.decisions import Key
from workers import Changes, Context
from workers.rewards.documents import Account, Card
from workers.rewards.worker import worker


@worker.handles(CardIssued)
def open_account(event: CardIssued, card: Annotated[Card | None, Key("card_number")], context: Context) -> Changes:
    if card is not None and card.account_id is not None:
        return

    account = Account(id=context.new_id(), card_number=event.card_number, opened_at=context.now)
    known = card or Card(id=event.card_number)
    yield account
    category = event.category if known.state is None else known.category
    issued = known.told(context.version, CardState.TO_ISSUE) if known.state is None else known
    yield issued.evolve(account_id=account.id, category=category, waiting=())
    yield AccountOpened(account_id=account.id, card_number=event.card_number)
    for purchase_id in known.waiting:
        yield ResumePurchase(card_number=event.card_number, purchase_id=purchase_id)


@worker.handles(CardLinked)
def let_card_spend(event: CardLinked, card: Annotated[Card | None, Key("card_number")], context: Context) -> Changes:
    known = card or Card(id=event.card_number)
    yield known.told(context.version, CardState.ACTIVE).evolve(member_id=event.member_id, category=event.category)


@worker.handles(CardBlocked)
def stop_card(event: CardBlocked, card: Annotated[Card | None, Key("card_number")], context: Context) -> Changes:
    known = card or Card(id=event.card_number)
    yield known.told(context.version, CardState.BLOCKED, blocked_at=context.time)


@worker.handles(CardUnblocked)
def let_card_work(event: CardUnblocked, card: Annotated[Card | None, Key("card_number")], context: Context) -> Changes:
    known = card or Card(id=event.card_number)
    yield known.told(context.version, CardState.ACTIVE)
