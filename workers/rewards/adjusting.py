"""How operators change a balance: adding, deducting, and taking that back."""

from datetime import date, timedelta
from typing import Annotated

from contracts.adjustments import (
    AdjustBalance,
    AdjustmentState,
    AdjustmentSubmitted,
    AdjustmentUndone,
    BalanceAdjusted,
    UndoAdjustment,
)
from contracts.cards import CardState
from contracts.programme.adjustments import AdjustmentRules, Exceeding
from contracts.programme.rewards import ValidUntil
from runtime.decisions import Key, Refused
from workers import Changes, Context
from workers.rewards.adjustment_documents import Adjustment, AdjustmentComment, Counted, Operator
from workers.rewards.documents import Account, Card, Cause, Terms
from workers.rewards.earning import lot_terms
from workers.rewards.ledger import Tally, balances, settled
from workers.rewards.receipts import STOPPED
from workers.rewards.receipts import shown as shown_with
from workers.rewards.worker import worker


@worker.handles(AdjustBalance)
def adjust_balance(
    command: AdjustBalance,
    card: Annotated[Card, Key("card_number")],
    account: Annotated[Account | None, Key("card.account_id")],
    operator: Annotated[Operator | None, Key("operator_id")],
    context: Context,
) -> Changes:
    rules = context.programme.rewards.adjustments
    if account is None:
        raise Refused("unknown_card")
    refuse_operator(command.operator_id, context)
    refuse_gone(card)
    adjustment = submitted(command, account, context)
    refuse_changed(account, command.unit, command.expected_balance, context)
    refuse_exceeding(account, command.unit, command.amount, context)
    yield card.evolve()  # whoever forgets its holder in this moment meets a conflict, or would miss the comment
    who = operator or Operator(id=command.operator_id)
    if is_above(rules, who, command, context):
        ends_at = context.now + timedelta(seconds=rules.approval_seconds)
        yield adjustment.evolve(due_at=ends_at)
        yield commented(adjustment, command.comment)
        yield AdjustmentSubmitted(
            adjustment_id=adjustment.id,
            account_id=account.id,
            card_number=card.id,
            member_id=card.member_id,
            unit=adjustment.unit,
            amount=adjustment.amount,
            reason=adjustment.reason,
            ends_at=ends_at,
        )
        return

    if rules.cap(command.unit).per_day is not None and context.actor.kind in rules.capped:
        yield counted(who, command, today(context))
    yield commented(adjustment, command.comment)
    yield from applied(adjustment, card, account, context, comment=command.comment)


def commented(adjustment: Adjustment, comment: str | None) -> tuple[AdjustmentComment, ...]:
    """What an operator wrote about an adjustment, if they wrote anything."""
    if comment is None:
        return ()
    return (AdjustmentComment(id=adjustment.id, account_id=adjustment.account_id, text=comment),)


def submitted(command: AdjustBalance, account: Account, context: Context) -> Adjustment:
    """An adjustment as it was asked for.

    Raises:
        Refused: `unit_unknown` or `adjustment_reason_unknown`.
    """
    rules = context.programme.rewards
    reason = rules.adjustments.reason(command.reason)
    if command.unit not in rules.units:
        raise Refused("unit_unknown", unit=command.unit)
    if reason is None:
        raise Refused("adjustment_reason_unknown", reason=command.reason)
    return Adjustment(
        id=context.new_id(),
        account_id=account.id,
        unit=command.unit,
        amount=command.amount,
        reason=command.reason,
        comment=reason.comment,
        state=AdjustmentState.WAITING,
        actor=context.actor,
        submitted_at=context.now,
    )


def is_above(rules: AdjustmentRules, operator: Operator, command: AdjustBalance, context: Context) -> bool:
    """Whether an adjustment is more than its operator may do alone."""
    cap, amount = rules.cap(command.unit), abs(command.amount)
    if context.actor.kind not in rules.capped:
        return False
    if cap.each is not None and amount > cap.each:
        return True
    return cap.per_day is not None and operator.done(command.unit, today(context)) + amount > cap.per_day


def counted(operator: Operator, command: AdjustBalance, day: date) -> Operator:
    """The operator with an adjustment on top of what they did today; undoing it doesn't lower the count."""
    done = operator.done(command.unit, day) + abs(command.amount)
    is_of_today = operator.counted_on is not None and operator.counted_on >= day
    others = tuple(each for each in operator.counted if is_of_today and each.unit != command.unit)
    return operator.evolve(
        counted_on=operator.counted_on if is_of_today else day,
        counted=(*others, Counted(unit=command.unit, amount=done)),
    )


def applied(adjustment: Adjustment, card: Card, account: Account, context: Context, *, comment: str | None) -> Changes:
    """Move the balance, by an entry whose actor is who asked for it."""
    shortfall = context.programme.rewards.shortfall
    tally = Tally(account.holding(adjustment.unit))
    terms = terms_of_added(context) if adjustment.amount > 0 else None
    drawn = tally.deduct(-adjustment.amount, context.now, shortfall) if terms is None else ()
    if terms is not None:
        tally.credit(terms, adjustment.amount)
    entry = tally.entry(account.id, Cause.ADJUSTMENT, context, actor=adjustment.actor)
    entry = entry.evolve(adjustment_id=adjustment.id, reason=adjustment.reason)
    changed = settled(account, [tally])
    yield changed, entry
    yield adjustment.evolve(
        state=AdjustmentState.APPLIED,
        due_at=None,
        ended_at=context.now,
        terms=terms,
        drawn=drawn,
        owed=tally.owed,
        entry_id=entry.id,
    )
    yield BalanceAdjusted(
        account_id=account.id,
        card_number=card.id,
        member_id=card.member_id,
        adjustment_id=adjustment.id,
        unit=adjustment.unit,
        amount=tally.amount,
        reason=adjustment.reason,
        comment=comment or adjustment.comment,
        owed=tally.owed,
        forgone=tally.forgone,
        approved_by=None if adjustment.second is None else adjustment.second.id,
        balances=balances(changed, context.now, shortfall),
    )


@worker.handles(UndoAdjustment)
def undo_adjustment(
    command: UndoAdjustment,
    card: Annotated[Card, Key("card_number")],
    adjustment: Annotated[Adjustment, Key("adjustment_id")],
    account: Annotated[Account | None, Key("card.account_id")],
    context: Context,
) -> Changes:
    rules = context.programme.rewards
    if account is None or not account.owns(adjustment.account_id):
        raise Refused("unknown_adjustment")
    refuse_operator(command.operator_id, context)
    if rules.adjustments.reason(command.reason) is None:
        raise Refused("adjustment_reason_unknown", reason=command.reason)
    if adjustment.state is AdjustmentState.UNDONE:
        raise Refused("adjustment_already_undone")
    if adjustment.state is not AdjustmentState.APPLIED:
        raise Refused("adjustment_not_applied", state=adjustment.state.value)
    refuse_alone(adjustment, context)

    tally = taken_back(adjustment, account, context)
    entry = tally.entry(account.id, Cause.ADJUSTMENT_UNDONE, context, undoes=adjustment.entry_id)
    entry = entry.evolve(adjustment_id=adjustment.id, reason=command.reason)
    changed = settled(account, [tally])
    yield changed, entry
    yield adjustment.evolve(state=AdjustmentState.UNDONE, undone_at=context.now, undone_by=context.actor)
    yield AdjustmentUndone(
        account_id=account.id,
        card_number=card.id,
        member_id=card.member_id,
        adjustment_id=adjustment.id,
        unit=adjustment.unit,
        amount=tally.amount,
        reason=command.reason,
        owed=tally.owed,
        forgone=tally.forgone,
        balances=shown_with(card, balances(changed, context.now, rules.shortfall)),
    )


def refuse_alone(adjustment: Adjustment, context: Context) -> None:
    """Refuse that one person takes back what two agreed to: whoever does it could have been the second.

    Raises:
        Refused: `actor_not_allowed` or `undoer_submitted_it`.
    """
    if adjustment.second is None:
        return
    if context.asked_by not in context.programme.rewards.adjustments.approvers:
        raise Refused("actor_not_allowed", actor=context.asked_by.value)
    if adjustment.actor.id == context.actor.id:
        raise Refused("undoer_submitted_it")


def taken_back(adjustment: Adjustment, account: Account, context: Context) -> Tally:
    """What was added goes, as a refund takes it; what was deducted goes back to its lots, and what was owed is given.

    What became a debt may have been paid since, by units that are gone, so it comes back as if it were added today.
    """
    tally = Tally(account.holding(adjustment.unit))
    if adjustment.terms is not None:
        shortfall = context.programme.rewards.shortfall
        tally.take_back(adjustment.terms, adjustment.amount, context.now, shortfall, None)
        return tally
    if adjustment.owed:
        tally.credit(terms_of_added(context), adjustment.owed)
    for lot in adjustment.drawn:
        tally.credit(lot.terms, lot.amount, now=context.now)
    return tally


def today(context: Context) -> date:
    """The day in the programme's zone."""
    return context.now.astimezone(context.programme.zone).date()


def terms_of_added(context: Context) -> Terms:
    """Until when what is added today can be spent."""
    months = context.programme.rewards.adjustments.expires_after_months
    return lot_terms(today(context), 0, months, ValidUntil.END_OF_MONTH, context.programme.time_zone)


def refuse_operator(operator_id: str, context: Context) -> None:
    """Refuse one who says to be another.

    Raises:
        Refused: `operator_not_the_sender`.
    """
    if operator_id != context.actor.id:
        raise Refused("operator_not_the_sender")


def refuse_gone(card: Card) -> None:
    """Refuse a card that leads nowhere any more; a blocked one can be put right.

    Raises:
        Refused: `card_replaced` or `card_deleted`.
    """
    if card.state in (CardState.REPLACED, CardState.DELETED):
        raise Refused(STOPPED[card.state])


def refuse_changed(account: Account, unit: str, expected: int | None, context: Context) -> None:
    """Refuse where the balance isn't what the operator saw.

    Raises:
        Refused: `balance_changed`.
    """
    held = shown(account, unit, context)
    if expected is not None and expected != held:
        raise Refused("balance_changed", expected=expected, held=held)


def refuse_exceeding(account: Account, unit: str, amount: int, context: Context) -> None:
    """Refuse to deduct more than can be spent, unless the programme lets it become a shortfall.

    Raises:
        Refused: `adjustment_exceeds_balance`.
    """
    held = account.holding(unit).spendable(context.now)
    if -amount > held and context.programme.rewards.adjustments.exceeding is Exceeding.REFUSE:
        raise Refused("adjustment_exceeds_balance", amount=-amount, held=held)


def shown(account: Account, unit: str, context: Context) -> int:
    """What can be spent of a unit, as balances show it."""
    shown = balances(account, context.now, context.programme.rewards.shortfall)
    return next((each.available for each in shown if each.unit == unit), 0)
