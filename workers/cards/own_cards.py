"""Nobody works on their own cards: what operators ask of cards is looked at here, before any other rule."""

from typing import Annotated

from contracts.messages import ActorKind
from contracts.naming import OfSomebody
from contracts.operators import OperatorTied
from runtime.context import Asked
from runtime.decisions import Key, Refused
from workers import Changes, Context
from workers.cards.documents import Card, LinkedCards, Operator
from workers.cards.worker import worker


@worker.handles(OperatorTied)
def know_operator(
    event: OperatorTied, operator: Annotated[Operator | None, Key("operator_id")], context: Context
) -> Changes:
    who = operator or Operator(id=event.operator_id)
    version = context.version or who.news + 1
    if version > who.news:
        yield who.evolve(member_id=event.member_id, news=version)


@worker.guards(OfSomebody, asked_by=ActorKind.OPERATOR)
def refuse_own_card(
    asked: Asked[OfSomebody],
    operator: Annotated[Operator | None, Key("actor.id")],
    own: Annotated[LinkedCards | None, Key("operator.member_id")],
    cards: Annotated[tuple[Card, ...], Key("command.card_numbers")],
) -> None:
    """Refuse an operator who names a card of their own, or themselves as who is to have one.

    Raises:
        Refused: `own_account`.
    """
    if operator is None or operator.member_id is None:
        return
    names = {operator.member_id} if own is None else {own.id, *own.absorbed}
    if not names.isdisjoint((*asked.command.member_ids, *(card.member_id for card in cards))):
        raise Refused("own_account")
