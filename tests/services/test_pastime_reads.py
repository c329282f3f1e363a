"""What a card may answer and play: what is read comes to what the worker decides."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from contracts.cards import CardBlocked
from contracts.pastimes import PlayGame
from contracts.programme.periods import Period
from runtime.decisions import Refused
from tests.decisions import NOON
from tests.services.test_offer_reads import Desk, desk_of
from tests.workers.memory_reader import MemoryReader
from tests.workers.rewards.counter import ANA, NUMBER, OPERATOR, OTHER, Shop
from tests.workers.rewards.test_pastimes import PLAY, RARE, answer, pastime_shop
from workers.rewards import worker
from workers.rewards.pastime_views import PastimeView, PastimeViews


async def seen(shop: Shop, number: str = NUMBER) -> dict[str, PastimeView]:
    """What is read of the shop for a card, by code."""
    reader = MemoryReader()
    for document_class in worker.documents.values():
        reader.put(*shop.all(document_class))
    found = await PastimeViews(reader).pastimes(number, shop.programme, shop.now)
    assert found is not None
    return {each.code: each for each in found}


async def is_as_the_worker_decides(shop: Shop) -> None:
    """What is open is done, and what isn't is refused for the reason that was read."""
    for code, command in (("how_was_it", answer()), ("wheel", PLAY)):
        view = (await seen(shop)).get(code)
        if view is None:
            continue
        try:
            shop.say(command, OPERATOR)
            refusal = None
        except Refused as refused:
            refusal = refused.code
        assert (view.is_open, view.refusal) == (refusal is None, refusal)


class TestPastimes:
    async def test_are_open_as_often_as_the_worker_lets_them_be_done(self) -> None:
        shop = pastime_shop()
        for _ in range(3):
            await is_as_the_worker_decides(shop)
        found = await seen(shop)
        survey, game = found["how_was_it"], found["wheel"]
        assert (survey.done, survey.most, survey.refusal) == (1, 1, "survey_already_answered")
        assert (game.done, game.most, game.refusal) == (2, 2, "game_already_played")
        assert (survey.again_on, game.again_on) == (date(2026, 12, 1), date(2026, 11, 23))
        assert [each.code for each in survey.questions] == ["stars", "remark"]

        shop.now = datetime(2026, 11, 22, 23, 0, tzinfo=UTC)
        assert (await seen(shop))["wheel"].is_open, "midnight in the programme's zone"
        await is_as_the_worker_decides(shop)

    @pytest.mark.parametrize(
        ("changes", "refusal", "again_on"),
        [
            ({"starts_on": "2026-11-23"}, "game_not_running", None),
            ({"per": "ever", "plays": 1}, "game_already_played", None),
            ({"plays": 1, "ends_on": "2026-11-22"}, "game_already_played", None),
            ({"plays": 1, "ends_on": "2026-11-23"}, "game_already_played", date(2026, 11, 23)),
        ],
    )
    async def test_say_why_not_and_when_again(self, changes: Any, refusal: str, again_on: date | None) -> None:
        shop = pastime_shop(game=changes)
        for _ in range(2):
            await is_as_the_worker_decides(shop)
        view = (await seen(shop))["wheel"]
        assert (view.refusal, view.again_on) == (refusal, again_on)

    async def test_that_are_over_are_not_shown(self) -> None:
        shop = pastime_shop(game={"ends_on": "2026-11-21"}, survey={"ends_on": "2026-11-22"})
        assert set(await seen(shop)) == {"how_was_it"}

    async def test_say_what_can_be_won_and_what_is_gone(self) -> None:
        shop = pastime_shop(game={"plays": 1, "prizes": [{**RARE, "stock": 1}]})
        (prize,) = (await seen(shop))["wheel"].prizes
        assert (prize.prize, prize.campaign, prize.is_gone) == ("rare", "cake_on_us", False)
        shop.say(PLAY, OPERATOR)
        assert (await seen(shop, OTHER))["wheel"].prizes[0].is_gone
        assert (await seen(shop, OTHER))["wheel"].is_open, "a blank can still be drawn"

    async def test_are_closed_to_a_card_that_works_no_more(self) -> None:
        shop = pastime_shop()
        shop.say(CardBlocked(card_number=NUMBER, member_id=ANA, reason="lost"))
        await is_as_the_worker_decides(shop)
        assert {each.refusal for each in (await seen(shop)).values()} == {"card_blocked"}


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with desk_of(pastime_shop(), tmp_path) as opened:
        yield opened


class TestReading:
    async def test_shows_what_an_app_needs_to_offer_them(self, desk: Desk) -> None:
        survey, game = await desk.get(f"/v1/cards/{NUMBER}/pastimes", by="till")
        assert (survey["kind"], survey["code"], survey["per"]) == ("survey", "how_was_it", Period.MONTH)
        assert survey["questions"][0] == {
            **survey["questions"][0],
            "code": "stars",
            "type": "number",
            "minimum": 1,
            "maximum": 5,
            "is_required": True,
        }
        (prize,) = game["prizes"]
        assert prize == {"prize": "five_points", "campaign": None, "unit": "points", "amount": 5, "is_gone": False}
        assert "odds" not in str(game)
        assert await desk.get("/v1/cards/4000000000000002/pastimes") == 404

    async def test_says_when_again(self, desk: Desk) -> None:
        # The read goes by the clock, so what was done is done today.
        desk.shelf.shop.now = datetime.now(UTC)
        for _ in range(2):
            desk.shelf.say(PlayGame(card_number=NUMBER, game="wheel"))
        _, game = await desk.get(f"/v1/cards/{NUMBER}/pastimes")
        assert (game["done"], game["is_open"], game["refusal"]) == (2, False, "game_already_played")
        assert date.fromisoformat(game["again_on"]) > (NOON - timedelta(days=1)).date()
