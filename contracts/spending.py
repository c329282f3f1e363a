"""What can be said about waiting before something is spent: after a change of how a member is reached."""

from contracts.messages import OURS, Command, Event
from contracts.values import CardNumber, Instant


class HoldSpending(Command, worker="rewards", key="card_number", actors=OURS):
    """Let nothing be spent with a card before an instant; the worker asks this of itself for each card of a member."""

    card_number: CardNumber
    spends_at: Instant


class SpendingHeld(Event, worker="rewards", key="card_number", about=("Card", "card_number")):
    """Nothing is spent with a card before an instant."""

    card_number: CardNumber
    spends_at: Instant
