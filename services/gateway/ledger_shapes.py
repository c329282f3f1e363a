"""Shapes of what is read about the ledger: entries, explanations of a balance, adjustments."""

from datetime import datetime

from pydantic import BaseModel

from contracts.adjustments import AdjustmentState
from services.gateway.shapes import ActorShown, PurchaseShown, Shape
from workers.rewards.views import Adjustment, Explanation, Given, LedgerEntry, UnitExplained


class EntryPartShown(Shape):
    """How much of a movement was in which lot, by which rule; no lot where it is about debt."""

    lot: str | None
    amount: int
    rule: str | None


class EntryShown(Shape):
    """One movement of one unit: its cause, its actor, its time, and the balance after."""

    id: str
    unit: str
    amount: int
    pending: int
    held: int
    balance_after: int
    forgone: int
    cause: str
    actor: ActorShown
    at: datetime
    purchase_id: str | None
    reward_id: str | None
    adjustment_id: str | None
    source: str | None
    reason: str | None
    parts: tuple[EntryPartShown, ...]
    undoes: str | None
    counterpart: str | None


class LedgerShown(BaseModel):
    """Movements, newest first, and where older ones begin."""

    entries: tuple[EntryShown, ...]
    before: str | None
    """Ask with this for older ones; null where there are none."""


class OriginShown(BaseModel):
    """Where units come from, or what took them: the ledger's entry in short."""

    entry_id: str
    cause: str
    at: datetime
    purchase_id: str | None
    reward_id: str | None
    adjustment_id: str | None
    source: str | None
    reason: str | None
    """Of a change by hand: the programme's own word for why, for the office alone."""


class PartShown(BaseModel):
    """Units of one origin; null: they are from before the entries that were read."""

    amount: int
    rule: str | None = None
    origin: OriginShown | None


class BecameShown(BaseModel):
    """What became of some units: what took them, or, where they paid a debt, what had made that."""

    amount: int
    was_a_debt: bool
    by: OriginShown | None


class GivenShown(BaseModel):
    """Units that were given: how many are left, and what became of the rest."""

    amount: int
    left: int
    rule: str | None
    origin: OriginShown | None
    became: tuple[BecameShown, ...]


class LotExplained(BaseModel):
    """Units that can be spent, and expire, together; `amount` is the sum of its parts."""

    amount: int
    available_at: datetime | None
    expires_at: datetime | None
    parts: tuple[PartShown, ...]


class WaitingShown(Shape):
    """Units that aren't in the balance: a pending purchase's, or the price of an outstanding reward."""

    amount: int
    purchase_id: str | None
    reward_id: str | None


class UnitShown(BaseModel):
    """Why so much of a unit is there: `balance` is what the lots hold less what the debts owe."""

    unit: str
    balance: int
    lots: tuple[LotExplained, ...]
    debts: tuple[PartShown, ...]
    pending: tuple[WaitingShown, ...]
    held: tuple[WaitingShown, ...]
    given: tuple[GivenShown, ...]


class ExplanationShown(BaseModel):
    """Why an account holds what it does."""

    account_id: str
    since: datetime | None
    """What is older is one part without an origin, and stands in the ledger's pages; null: nothing is older."""
    units: tuple[UnitShown, ...]


class AdjustmentShown(Shape):
    """A change of a balance by hand."""

    id: str
    account_id: str
    unit: str
    amount: int
    reason: str
    comment: str
    state: AdjustmentState
    actor: ActorShown
    submitted_at: datetime
    due_at: datetime | None
    second: ActorShown | None
    ended_at: datetime | None
    undone_at: datetime | None
    undone_by: ActorShown | None


class WaitingAdjustment(BaseModel):
    """An adjustment that waits for a second person, and the card that its account was opened for."""

    card_number: str | None
    adjustment: AdjustmentShown


class ReceiptShown(BaseModel):
    """A purchase, and the account that it counts for; none yet where it waits."""

    account_id: str | None
    purchase: PurchaseShown


def explanation_shown(found: Explanation, most_given: int, *, is_office: bool) -> ExplanationShown:
    """An explanation with at most so many of the things given, the newest first; reasons are for the office alone."""
    return ExplanationShown(
        account_id=found.account.id,
        since=found.since,
        units=tuple(_unit(each, most_given, is_office) for each in found.units),
    )


def adjustment_shown(adjustment: Adjustment) -> AdjustmentShown:
    """An adjustment as it is shown."""
    return AdjustmentShown.model_validate(adjustment)


def _unit(found: UnitExplained, most_given: int, is_office: bool) -> UnitShown:
    lots = tuple(
        LotExplained(
            amount=lot.amount,
            available_at=lot.terms.available_at,
            expires_at=lot.terms.expires_at,
            parts=tuple(_part(each, is_office) for each in lot.parts),
        )
        for lot in found.lots
    )
    return UnitShown(
        unit=found.unit,
        balance=found.balance,
        lots=lots,
        debts=tuple(_part(each, is_office) for each in found.debts),
        pending=tuple(WaitingShown.model_validate(each) for each in found.pending),
        held=tuple(WaitingShown.model_validate(each) for each in found.held),
        given=tuple(_given(each, is_office) for each in found.given[:most_given]),
    )


def _part(given: Given, is_office: bool) -> PartShown:
    return PartShown(amount=given.left, rule=given.rule, origin=_origin(given.entry, is_office))


def _given(given: Given, is_office: bool) -> GivenShown:
    return GivenShown(
        amount=given.amount,
        left=given.left,
        rule=given.rule,
        origin=_origin(given.entry, is_office),
        became=tuple(
            BecameShown(amount=each.amount, was_a_debt=each.is_debt, by=_origin(each.entry, is_office))
            for each in given.became
        ),
    )


def _origin(entry: LedgerEntry | None, is_office: bool) -> OriginShown | None:
    if entry is None:
        return None
    return OriginShown(
        entry_id=entry.id,
        cause=entry.cause.value,
        at=entry.at,
        purchase_id=entry.purchase_id,
        reward_id=entry.reward_id,
        adjustment_id=entry.adjustment_id,
        source=entry.source,
        reason=entry.reason if is_office else None,
    )
