"""The second person: adjustments above the caps, approved, declined or left; and who is which member."""

from typing import Annotated

from contracts.adjustments import (
    AdjustmentDeclined,
    AdjustmentLapsed,
    AdjustmentState,
    ApproveAdjustment,
    DeclineAdjustment,
    EndAdjustment,
    OperatorTied,
    TieOperator,
)
from contracts.merging import MembersMerged
from contracts.messages import Command
from runtime.decisions import Key, Refused
from workers import Changes, Context
from workers.rewards.adjusting import applied, refuse_changed, refuse_exceeding, refuse_gone, refuse_operator
from workers.rewards.adjustment_documents import Adjustment, AdjustmentComment, Operator, OperatorsOf
from workers.rewards.documents import Account, Card
from workers.rewards.worker import worker


@worker.handles(ApproveAdjustment)
def approve_adjustment(
    command: ApproveAdjustment,
    card: Annotated[Card, Key("card_number")],
    adjustment: Annotated[Adjustment, Key("adjustment_id")],
    account: Annotated[Account | None, Key("card.account_id")],
    operator: Annotated[Operator | None, Key("operator_id")],
    written: Annotated[AdjustmentComment | None, Key("adjustment_id")],
    context: Context,
) -> Changes:
    refuse_operator(command.operator_id, operator, card, context)
    account = waiting_on(account, adjustment, context)
    refuse_gone(card)
    refuse_changed(account, adjustment.unit, command.expected_balance, context)
    refuse_exceeding(account, adjustment.unit, adjustment.amount, context)

    comment = None if written is None else written.text
    yield from applied(adjustment.evolve(second=context.actor), card, account, context, comment=comment)


@worker.handles(DeclineAdjustment)
def decline_adjustment(
    command: DeclineAdjustment,
    card: Annotated[Card, Key("card_number")],
    adjustment: Annotated[Adjustment, Key("adjustment_id")],
    account: Annotated[Account | None, Key("card.account_id")],
    operator: Annotated[Operator | None, Key("operator_id")],
    context: Context,
) -> Changes:
    refuse_operator(command.operator_id, operator, card, context)
    waiting_on(account, adjustment, context)

    yield adjustment.evolve(state=AdjustmentState.DECLINED, due_at=None, second=context.actor, ended_at=context.now)
    yield AdjustmentDeclined(adjustment_id=adjustment.id, account_id=adjustment.account_id, card_number=card.id)


@worker.handles(EndAdjustment)
def end_adjustment(
    command: EndAdjustment,
    adjustment: Annotated[Adjustment, Key("adjustment_id")],
    account: Annotated[Account, Key("adjustment.account_id")],
    context: Context,
) -> Changes:
    if adjustment.due_at is None or adjustment.due_at > context.now:
        return

    yield adjustment.evolve(state=AdjustmentState.LAPSED, due_at=None, ended_at=context.now)
    yield AdjustmentLapsed(adjustment_id=adjustment.id, account_id=account.id, card_number=account.card_number)


@worker.handles(TieOperator)
def tie_operator(
    command: TieOperator,
    operator: Annotated[Operator | None, Key("operator_id")],
    member: Annotated[OperatorsOf | None, Key("member_id")],
    context: Context,
) -> Changes:
    if command.operator_id == context.actor.id:
        raise Refused("own_tie")

    who = operator or Operator(id=command.operator_id)
    tied = member if member is not None or command.member_id is None else OperatorsOf(id=command.member_id)
    member_id = None if tied is None else tied.id
    yield who.evolve(member_id=member_id)
    if tied is not None:
        yield tied.evolve(operator_ids=tuple(dict.fromkeys((*tied.operator_ids, who.id))))
    yield OperatorTied(operator_id=who.id, member_id=member_id)


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


def waiting_on(account: Account | None, adjustment: Adjustment, context: Context) -> Account:
    """The account that an adjustment waits on; not if that is another card's, nobody is waited for, or it is theirs.

    Raises:
        Refused: `unknown_adjustment`, `adjustment_not_waiting` or `approver_submitted_it`.
    """
    if account is None or not account.owns(adjustment.account_id):
        raise Refused("unknown_adjustment")
    is_over = adjustment.due_at is not None and adjustment.due_at <= context.now
    if adjustment.state is not AdjustmentState.WAITING or is_over:
        state = AdjustmentState.LAPSED if adjustment.state is AdjustmentState.WAITING else adjustment.state
        raise Refused("adjustment_not_waiting", state=state.value)
    if adjustment.actor.id == context.actor.id:
        raise Refused("approver_submitted_it")
    return account


def end_of_adjustment(adjustment: Adjustment) -> Command:
    """The command that ends a wait for a second person."""
    return EndAdjustment(account_id=adjustment.account_id, adjustment_id=adjustment.id)


worker.due(Adjustment, field="due_at", command=end_of_adjustment)
