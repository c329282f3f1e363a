"""Nobody works on their own account: what operators ask of cards is looked at here, before any other rule."""

from typing import Annotated

from contracts.messages import ActorKind
from contracts.rewards import RewardsCommand
from runtime.context import Asked
from runtime.decisions import Key, Refused
from workers.rewards.adjustment_documents import Operator
from workers.rewards.documents import Card
from workers.rewards.worker import worker


@worker.guards(RewardsCommand, asked_by=ActorKind.OPERATOR)
def refuse_own_account(
    asked: Asked[RewardsCommand],
    operator: Annotated[Operator | None, Key("actor.id")],
    cards: Annotated[tuple[Card, ...], Key("command.card_numbers")],
) -> None:
    """Refuse an operator who names a card of their own, be it only to share something with it.

    Raises:
        Refused: `own_account`.
    """
    if operator is not None and any(is_own(card, operator) for card in cards):
        raise Refused("own_account")


def is_own(card: Card, operator: Operator) -> bool:
    """Whether a card is that of the member who an operator is known to be."""
    return operator.member_id is not None and operator.member_id == card.member_id
