"""Who is which member: an operator's own record, and whatever would go into it, is somebody else's work."""

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

    member_id = None if member is None else member.id
    who = operator or Operator(id=command.operator_id)
    yield who.evolve(member_id=member_id)
    yield OperatorTied(operator_id=who.id, member_id=member_id)


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
