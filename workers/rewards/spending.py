"""Spending waits after a change of phone or email: whoever took a member over has time to be found out.

What an event says of a member is kept with each of their cards, so that a redemption loads nothing more. Holds only
ever grow longer. They follow a card to the one that takes its place, and to all that collect in the same account: who
took a member over doesn't spend what is theirs with a card that was merged in. In whatever order the news come.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Annotated

from contracts.profiles import EmailChanged, PhoneChanged
from contracts.spending import HoldSpending, SpendingHeld
from runtime.decisions import Key
from workers import Changes
from workers.rewards.documents import Account, Card
from workers.rewards.worker import worker


@worker.handles(PhoneChanged)
def hold_after_new_phone(event: PhoneChanged) -> Changes:
    yield from held_for_all(event)


@worker.handles(EmailChanged)
def hold_after_new_email(event: EmailChanged) -> Changes:
    yield from held_for_all(event)


def held_for_all(event: PhoneChanged | EmailChanged) -> Changes:
    """Let nothing be spent with any card of a member for a while."""
    if event.spends_at is None:
        return
    for card_number in event.card_numbers:
        yield HoldSpending(card_number=card_number, spends_at=event.spends_at)


@worker.handles(HoldSpending)
def hold_spending(
    command: HoldSpending,
    card: Annotated[Card | None, Key("card_number")],
    account: Annotated[Account | None, Key("card.account_id")],
) -> Changes:
    known = card or Card(id=command.card_number)
    if known.spends_at is not None and known.spends_at >= command.spends_at:
        return

    held = known.evolve(spends_at=command.spends_at)
    yield held
    yield SpendingHeld(card_number=held.id, spends_at=command.spends_at)
    yield from held_too(held)
    for number in () if account is None else account.cards:
        if number != held.id:
            yield HoldSpending(card_number=number, spends_at=command.spends_at)


def held_too(card: Card) -> Changes:
    """Let a card that took another's place wait as long as that one does."""
    if card.spends_at is not None and card.replaced_by is not None:
        yield HoldSpending(card_number=card.replaced_by, spends_at=card.spends_at)


def held_alike(cards: Iterable[Card], now: datetime) -> Mapping[str, Card]:
    """Cards that come to lead to one account, by number: all wait as long as the one that waits longest."""
    known = {each.id: each for each in cards}
    waits = [each.spends_at for each in known.values() if each.spends_at is not None and each.spends_at > now]
    until = max(waits, default=None)
    if until is None:
        return known
    return {each.id: each if each.spends_at == until else each.evolve(spends_at=until) for each in known.values()}


def newly_held(before: Iterable[Card], after: Mapping[str, Card], account: Account) -> Changes:
    """Those of the cards that wait longer now, and so do the others that lead to the account already."""
    for each in {card.id: card for card in before}.values():
        held = after[each.id]
        if held is each or held.spends_at is None:
            continue
        yield held
        yield SpendingHeld(card_number=held.id, spends_at=held.spends_at)
        for number in account.cards if held.id in account.cards else ():
            if number not in after:
                yield HoldSpending(card_number=number, spends_at=held.spends_at)
