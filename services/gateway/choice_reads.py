"""Reads for who stands before a choice: which rewards the balance allows, what can be played, and what moved it."""

from datetime import UTC, datetime
from http import HTTPStatus
from typing import Final

from fastapi import APIRouter

from contracts.values import CardNumber
from services.gateway.choice_shapes import MovementShown, MovementsShown, OfferShown, PastimeShown
from services.gateway.problems import Problem
from services.gateway.reads import Before, CardVisit, Limit, account_of, there
from workers.rewards.views import InvalidPage, cursor_of

router: Final = APIRouter(prefix="/v1")


@router.get("/cards/{card_number}/offers", tags=["cards"])
async def offers(card_number: CardNumber, visit: CardVisit) -> list[OfferShown]:
    """Every reward that can be bought, whether this card can buy it now, why not, and what would remain.

    As `RedeemReward` would decide it: by what can be spent now, with a card in this state.
    """
    rules = visit.doors.programme.rewards
    found = there(await visit.doors.rewards.choices(card_number, rules.offers, datetime.now(UTC)), "card")
    visit.looked_at_card(card_number, "offers")
    return [OfferShown.model_validate(each) for each in found]


@router.get("/cards/{card_number}/pastimes", tags=["cards"])
async def pastimes(card_number: CardNumber, visit: CardVisit) -> list[PastimeShown]:
    """Every survey and game that isn't over, whether this card may do it now, why not, and when again.

    As `AnswerSurvey` and `PlayGame` would decide it; with a survey's questions and a game's prizes.
    """
    found = there(await visit.doors.rewards.pastimes(card_number, visit.doors.programme, datetime.now(UTC)), "card")
    visit.looked_at_card(card_number, "pastimes")
    return [PastimeShown.model_validate(each) for each in found]


@router.get("/cards/{card_number}/movements", tags=["cards"])
async def movements(
    card_number: CardNumber, visit: CardVisit, limit: Limit = 100, before: Before = None
) -> MovementsShown:
    """What moved the card's balances, newest first, in the words that are meant for its holder."""
    views = visit.doors.rewards
    account_id = await account_of(card_number, visit)
    try:
        entries = await views.ledger(account_id, limit, before)
    except InvalidPage:
        problems = [{"field": "query.before", "rule": "must be the `before` of an earlier page"}]
        detail = "query.before: must be the `before` of an earlier page"
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid", detail, problems=problems) from None
    visit.looked_at_card(card_number, "movements")
    if await views.is_hidden(there(await views.card(card_number), "card")):
        return MovementsShown(movements=(), before=None)
    comments = await views.comments(entries) if visit.is_the_holders else {}
    shown = tuple(
        MovementShown.model_validate(each).model_copy(update={"comment": comments.get(each.adjustment_id or "")})
        for each in entries
    )
    return MovementsShown(movements=shown, before=cursor_of(entries[-1]) if len(entries) == limit else None)
