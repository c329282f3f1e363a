"""Reads about the ledger: why a balance is what it is, its history by pages, adjustments, receipts by number."""

from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query

from contracts.adjustments import AdjustmentId
from contracts.values import AccountId, CardNumber, Reference
from services.gateway.ledger_shapes import (
    AdjustmentShown,
    EntryShown,
    ExplanationShown,
    LedgerShown,
    ReceiptShown,
    WaitingAdjustment,
    adjustment_shown,
    explanation_shown,
)
from services.gateway.looks import NOBODY
from services.gateway.problems import Problem
from services.gateway.reads import Before, CardVisit, Limit, StoreGiven, Visit, account_of, there, visiting
from services.gateway.scopes import READ_LEDGER
from services.gateway.shapes import PurchaseShown
from workers.rewards.views import InvalidPage, cursor_of

router: Final = APIRouter(prefix="/v1")
LedgerVisit = Annotated[Visit, Depends(visiting(READ_LEDGER))]
Given = Annotated[int, Query(ge=0, le=1_000, description="How many of the things given are shown with what became.")]


@router.get("/cards/{card_number}/explanation", tags=["ledger"])
async def card_explanation(card_number: CardNumber, visit: CardVisit, given: Given = 50) -> ExplanationShown:
    """Why a card's balance is what it is: each part's origin and time, and what became of what was given.

    Reasons for changes by hand are for the office alone; what the holder is told stands in the movements.
    """
    views = visit.doors.rewards
    account_id = await account_of(card_number, visit)
    shown = await explanation(account_id, visit, given)
    visit.looked_at_card(card_number, "explanation")
    held = there(await views.card(card_number), "card")
    return shown.model_copy(update={"units": ()}) if await views.is_hidden(held) else shown


@router.get("/accounts/{account_id}/explanation", tags=["ledger"])
async def account_explanation(account_id: AccountId, visit: LedgerVisit, given: Given = 50) -> ExplanationShown:
    """Why an account's balance is what it is: each part's origin and time, and what became of what was given."""
    shown = await explanation(account_id, visit, given)
    visit.looked_at_card(account_id, "explanation")
    return shown


async def explanation(account_id: str, visit: Visit, given: int) -> ExplanationShown:
    """Why an account holds what it does.

    Raises:
        Problem: 404, there is no such account.
    """
    found = there(await visit.doors.rewards.explanation(account_id), "account")
    return explanation_shown(found, given, is_office=visit.is_office)


@router.get("/cards/{card_number}/ledger", tags=["ledger"])
async def card_ledger(
    card_number: CardNumber, visit: LedgerVisit, limit: Limit = 100, before: Before = None
) -> LedgerShown:
    """Every movement of a card's account, newest first."""
    shown = await ledger(await account_of(card_number, visit), visit, limit, before)
    visit.looked_at_card(card_number, "ledger")
    return shown


@router.get("/accounts/{account_id}/ledger", tags=["ledger"])
async def account_ledger(
    account_id: AccountId, visit: LedgerVisit, limit: Limit = 100, before: Before = None
) -> LedgerShown:
    """Every movement of an account, newest first."""
    shown = await ledger(account_id, visit, limit, before)
    visit.looked_at_card(account_id, "ledger")
    return shown


async def ledger(account_id: str, visit: Visit, limit: int, before: str | None) -> LedgerShown:
    """A page of an account's ledger.

    Raises:
        Problem: 422, `before` is from nowhere.
    """
    try:
        entries = await visit.doors.rewards.ledger(account_id, limit, before)
    except InvalidPage:
        problems = [{"field": "query.before", "rule": "must be the `before` of an earlier page"}]
        detail = "query.before: must be the `before` of an earlier page"
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid", detail, problems=problems) from None
    shown = tuple(EntryShown.model_validate(entry) for entry in entries)
    return LedgerShown(entries=shown, before=cursor_of(entries[-1]) if len(entries) == limit else None)


@router.get("/ledger/{entry_id}", tags=["ledger"])
async def entry(entry_id: AdjustmentId, visit: LedgerVisit) -> EntryShown:
    """One movement, by the id that others point to."""
    found = there(await visit.doors.rewards.entry(entry_id), "entry")
    await visit.must_let_see(accounts=[found.account_id])
    visit.looked_at_card(found.account_id, "ledger")
    return EntryShown.model_validate(found)


@router.get("/cards/{card_number}/adjustments", tags=["ledger"])
async def adjustments(card_number: CardNumber, visit: LedgerVisit, limit: Limit = 100) -> list[AdjustmentShown]:
    """What was adjusted on a card's account, newest first, with who, why and what the member is told."""
    found = await visit.doors.rewards.adjustments(await account_of(card_number, visit), limit)
    visit.looked_at_card(card_number, "adjustments")
    return [adjustment_shown(each) for each in found]


@router.get("/adjustments/waiting", tags=["ledger"])
async def waiting_adjustments(visit: LedgerVisit, limit: Limit = 100) -> list[WaitingAdjustment]:
    """What waits for a second person, oldest first."""
    found = await visit.doors.rewards.waiting_adjustments(limit)
    accounts = [adjustment.account_id for adjustment, _ in found]
    await visit.must_let_see(accounts=accounts)
    visit.looked_at_cards(accounts, "waiting")
    return [
        WaitingAdjustment(
            card_number=None if account is None else account.card_number, adjustment=adjustment_shown(adjustment)
        )
        for adjustment, account in found
    ]


@router.get("/receipts/{receipt_number}", tags=["ledger"])
async def receipts(
    receipt_number: Reference, visit: LedgerVisit, store: StoreGiven = None, limit: Limit = 20
) -> list[ReceiptShown]:
    """Purchases whose receipt has this number, of all tills and days or of one store's, newest first."""
    found = await visit.doors.rewards.purchases_by_receipt(receipt_number, store=store, limit=limit)
    cards = [each.awaited_card for each in found if each.awaited_card is not None]
    await visit.must_let_see(cards=cards, accounts=[each.account_id for each in found if each.account_id is not None])
    # One that waits is in nobody's account yet: a sale leads to the card that it waits for, a refund alone nowhere.
    for shown in dict.fromkeys(each.account_id or each.awaited_card or NOBODY for each in found):
        visit.looked_at_card(shown, "receipt")
    return [ReceiptShown(account_id=each.account_id, purchase=PurchaseShown.model_validate(each)) for each in found]
