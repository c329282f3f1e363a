"""The second person: adjustments above the caps, approved, declined or left."""

from typing import Annotated

from contracts.adjustments import (
    AdjustmentDeclined,
    AdjustmentLapsed,
    AdjustmentState,
    ApproveAdjustment,
    DeclineAdjustment,
    EndAdjustment,
)
from contracts.messages import Command
from runtime.decisions import Key, Refused
from workers import Changes, Context
from workers.rewards.adjusting import applied, refuse_changed, refuse_exceeding, refuse_gone, refuse_operator
from workers.rewards.adjustment_documents import Adjustment, AdjustmentComment
from workers.rewards.documents import Account, Card
from workers.rewards.worker import worker


@worker.handles(ApproveAdjustment)
def approve_adjustment(
    command: ApproveAdjustment,
    card: Annotated[Card, Key("card_number")],
    adjustment: Annotated[Adjustment, Key("adjustment_id")],
    account: Annotated[Account | None, Key("card.account_id")],
    written: Annotated[AdjustmentComment | None, Key("adjustment_id")],
    context: Context,
) -> Changes:
    refuse_operator(command.operator_id, context)
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
    context: Context,
) -> Changes:
    refuse_operator(command.operator_id, context)
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
