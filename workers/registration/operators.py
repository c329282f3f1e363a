"""Who is which member: an operator's own record, and whatever would go into it, is somebody else's work."""

from collections.abc import Iterable
from typing import Annotated

from contracts.messages import ActorKind
from contracts.naming import OfSomebody
from contracts.operators import OperatorTied, TieOperator
from runtime.context import Asked
from runtime.decisions import Key, Refused
from workers import Changes, Context
from workers.registration.documents import Member
from workers.registration.operator_documents import Operator
from workers.registration.worker import worker


@worker.handles(TieOperator)
def tie_operator(
    command: TieOperator,
    operator: Annotated[Operator | None, Key("operator_id")],
    member: Annotated[Member | None, Key("member_id")],
    context: Context,
) -> Changes:
    if command.operator_id == context.actor.id:
        raise Refused("own_tie")
    if command.member_id is not None and member is None:
        raise Refused("unknown_member")

    who = operator or Operator(id=command.operator_id)
    if member is None:
        yield from untied([who])
        return
    yield who.evolve(member_id=member.id)
    yield member.evolve(operator_ids=tuple(dict.fromkeys((*member.operator_ids, who.id))))
    yield OperatorTied(operator_id=who.id, member_id=member.id)


def untied(operators: Iterable[Operator]) -> Changes:
    """Say of operators that they are no member. Their records stay, as what is late is known by their versions."""
    for each in operators:
        yield each.evolve(member_id=None)
        yield OperatorTied(operator_id=each.id, member_id=None)


@worker.guards(OfSomebody, asked_by=ActorKind.OPERATOR)
def refuse_own_record(
    asked: Asked[OfSomebody],
    operator: Annotated[Operator | None, Key("actor.id")],
    own: Annotated[Member | None, Key("operator.member_id")],
) -> None:
    """Refuse an operator who names themselves, by whatever name they have had.

    Raises:
        Refused: `own_account`.
    """
    if own is not None and not {own.id, *own.absorbed}.isdisjoint(asked.command.member_ids):
        raise Refused("own_account")
