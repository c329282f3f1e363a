"""Nobody works on their own account: what operators ask of cards is looked at here, before any other rule."""

from typing import Annotated

from contracts.merging import MembersMerged
from contracts.messages import ActorKind
from contracts.naming import OfSomebody
from contracts.operators import OperatorTied
from runtime.context import Asked
from runtime.decisions import Key, Refused
from runtime.documents import Erase
from workers import Changes, Context
from workers.rewards.adjustment_documents import Operator, OperatorsOf
from workers.rewards.documents import Card
from workers.rewards.worker import worker


@worker.handles(OperatorTied)
def know_operator(
    event: OperatorTied,
    operator: Annotated[Operator | None, Key("operator_id")],
    member: Annotated[OperatorsOf | None, Key("member_id")],
    earlier: Annotated[OperatorsOf | None, Key("operator.member_id")],
    context: Context,
) -> Changes:
    who = operator or Operator(id=event.operator_id)
    version = context.version or who.news + 1
    if version <= who.news:
        return
    tied = member if member is not None or event.member_id is None else OperatorsOf(id=event.member_id)
    yield who.evolve(member_id=None if tied is None else tied.id, news=version)
    if earlier is not None and (tied is None or earlier.id != tied.id):
        yield from parted(earlier, who)
    if tied is not None:
        yield tied.evolve(operator_ids=tuple(dict.fromkeys((*tied.operator_ids, who.id))))


def parted(earlier: OperatorsOf, who: Operator) -> Changes:
    """Let an operator not be a member any more; nothing is kept of one who is none, and who may have been removed."""
    others = tuple(each for each in earlier.operator_ids if each != who.id)
    if others or earlier.absorbed:
        yield earlier.evolve(operator_ids=others)
        return
    yield Erase(OperatorsOf, earlier.id)


@worker.handles(MembersMerged)
def tie_to_survivor(
    event: MembersMerged,
    left: Annotated[OperatorsOf | None, Key("absorbed_id", as_is=True)],
    held: Annotated[OperatorsOf | None, Key("member_id")],
    earlier: Annotated[tuple[OperatorsOf, ...], Key("left.absorbed")],
    operators: Annotated[tuple[Operator, ...], Key("left.operator_ids")],
) -> Changes:
    gone = left or OperatorsOf(id=event.absorbed_id)
    stays = held or OperatorsOf(id=event.member_id)
    if gone.merged_into is not None or gone.id == stays.id:
        return

    mine = [each for each in operators if each.member_id == gone.id]
    yield stays.evolve(
        operator_ids=tuple(dict.fromkeys((*stays.operator_ids, *(each.id for each in mine)))),
        absorbed=(*stays.absorbed, gone.id, *gone.absorbed),
    )
    yield gone.evolve(operator_ids=(), absorbed=(), merged_into=stays.id)
    yield tuple(each.evolve(merged_into=stays.id) for each in earlier)
    yield tuple(each.evolve(member_id=stays.id) for each in mine)


@worker.guards(OfSomebody, asked_by=ActorKind.OPERATOR)
def refuse_own_account(
    asked: Asked[OfSomebody],
    operator: Annotated[Operator | None, Key("actor.id")],
    own: Annotated[OperatorsOf | None, Key("operator.member_id")],
    cards: Annotated[tuple[Card, ...], Key("command.card_numbers")],
) -> None:
    """Refuse an operator who names a card of their own, be it only to share something with it.

    Raises:
        Refused: `own_account`.
    """
    if operator is not None and any(is_own(card, operator, own) for card in cards):
        raise Refused("own_account")


def is_own(card: Card, operator: Operator, own: OperatorsOf | None) -> bool:
    """Whether a card is that of the member who an operator is known to be, or of whom that one absorbed."""
    names = {operator.member_id} if own is None else {own.id, *own.absorbed}
    return operator.member_id is not None and card.member_id in names
