"""What can be said about operators: which member one is, so that nobody works on what is their own."""

from contracts.messages import ANYBODY, Command, Event
from contracts.values import MemberId, MessageId


class TieOperator(
    Command, worker="registration", key="operator_id", actors=ANYBODY, right="rewards.adjustments.approvers"
):
    """Say which member an operator is, or that they are none: nobody works on their own account or cards."""

    operator_id: MessageId
    member_id: MemberId | None


class OperatorTied(Event, worker="registration", key="operator_id", about=("Operator", "operator_id")):
    """It was said which member an operator is, or that they are none."""

    operator_id: MessageId
    member_id: MemberId | None
