"""Spending waits after a change of phone or email: whoever took a member over has time to be found out.

What an event says of a member is kept with each of their cards, so that a redemption loads nothing more. Holds only
ever grow longer and follow a card to the one that takes its place, in whatever order the news come.
"""

from typing import Annotated

from contracts.profiles import EmailChanged, PhoneChanged
from contracts.spending import HoldSpending, SpendingHeld
from runtime.decisions import Key
from workers import Changes
from workers.rewards.documents import Card
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
def hold_spending(command: HoldSpending, card: Annotated[Card | None, Key("card_number")]) -> Changes:
    known = card or Card(id=command.card_number)
    if known.spends_at is not None and known.spends_at >= command.spends_at:
        return

    held = known.evolve(spends_at=command.spends_at)
    yield held
    yield SpendingHeld(card_number=held.id, spends_at=command.spends_at)
    yield from held_too(held)


def held_too(card: Card) -> Changes:
    """Let a card that took another's place wait as long as that one does."""
    if card.spends_at is not None and card.replaced_by is not None:
        yield HoldSpending(card_number=card.replaced_by, spends_at=card.spends_at)
