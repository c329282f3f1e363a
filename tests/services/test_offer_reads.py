"""Reads about offers, over what a shop's worker decided and the audit recorded."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from contracts.cards import CardBlocked
from contracts.coupons import CancelCoupon, CouponIssued, IssueCoupon, ResendCoupon
from contracts.messages import Actor, ActorKind, Command, Event, Outcome
from contracts.programme import Programme
from contracts.programme.pastimes import Survey
from contracts.rewards import RedeemReward, RewardIssued, UseReward
from runtime.documents import Document
from services.gateway.app import create_app
from services.gateway.keys import Keys, create_key
from services.gateway.reads import taken_back_by
from tests.decisions import TILL, context, decide, refused
from tests.services.gateway import FakeEdge
from tests.workers.memory_reader import MemoryReader
from tests.workers.rewards.counter import ANA, NUMBER, OPERATOR, PURCHASE_ID, Shop, coffees, receipt, refund
from tests.workers.rewards.offers import issue, only, use
from tests.workers.rewards.test_pastimes import SURVEY, answer
from tests.workers.rewards.test_tiers import assign, tier_shop
from tests.workers.rewards.test_undoing_sales import WHOLE, undo
from workers.audit.chains import chain_of
from workers.audit.documents import Chain
from workers.audit.recording import record
from workers.rewards import worker


class Shelf:
    """A library of what is in memory."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.readers = {name: MemoryReader() for name in ("registration", "cards", "rewards", "audit", "notifications")}
        self._heads: dict[str, Document] = {}
        self._count = 0

    def worker(self, name: str) -> Any:
        return self.readers[name]

    async def ping(self) -> None:
        """It is always there."""

    def say(self, command: Command, actor: Actor = OPERATOR) -> list[Event | Command]:
        """Let the shop and the audit have a command."""
        said = self.shop.say(command, actor)
        self.keep(said)
        return said

    def keep(self, said: list[Event | Command]) -> None:
        """Put what the shop has on the shelf, and in the trail what was said."""
        for document_class in worker.documents.values():
            self.readers["rewards"].put(*self.shop.all(document_class))
        for event in said:
            if isinstance(event, Event):
                self._count += 1
                at = context(message_id=f"e-{self._count}", actor=OPERATOR, now=self.shop.now)
                told = decide(record, event, context=at, chain=self._heads.get(chain_of(event)))
                self._heads[chain_of(event)] = told.document(Chain)
                self.readers["audit"].put(*told.documents)


class Desk:
    """An operator's window on the shelf."""

    def __init__(self, shelf: Shelf, client: httpx.AsyncClient, keys: dict[str, str]) -> None:
        self.shelf = shelf
        self._client = client
        self._keys = keys

    async def get(self, path: str, by: str = "desk") -> Any:
        answer = await self._client.get(path, headers={"Authorization": f"Bearer {self._keys[by]}"})
        return answer.json() if answer.status_code == 200 else answer.status_code


@asynccontextmanager
async def desk_of(shop: Shop, tmp_path: Path) -> AsyncIterator[Desk]:
    """A desk in a shop, and a till beside it."""
    shelf = Shelf(shop)
    shelf.keep([])
    file = tmp_path / "keys.yaml"
    keys = {"desk": create_key(file, "desk", ActorKind.OPERATOR), "till": create_key(file, "till", ActorKind.POS)}
    programme = Programme.read(Path("programme.yaml")).model_copy(update={"rewards": shelf.shop.programme.rewards})
    app = create_app(FakeEdge(), shelf, Keys(file), programme)  # type: ignore[arg-type]  # stand for an Edge and a Library
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway") as client:
        yield Desk(shelf, client, keys)


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with desk_of(tier_shop(), tmp_path) as opened:
        yield opened


class TestCoupons:
    async def test_are_found_by_their_code_however_it_is_written(self, desk: Desk) -> None:
        code = issue(desk.shelf.shop)
        desk.shelf.keep([])
        written = "-".join((code[:4], code[4:12], code[12:])).lower()

        shown = await desk.get(f"/v1/coupons/{written}")
        assert (shown["id"], shown["state"], shown["gives"]["product"]) == (code, "issued", "cake")
        assert await desk.get(f"/v1/coupons/{code[:-1]}U") == 422
        assert await desk.get("/v1/coupons/7KQ42M9XTB3C8RWJ") == 404

    async def test_of_a_card_are_listed_by_their_state(self, desk: Desk) -> None:
        used, _ = issue(desk.shelf.shop), issue(desk.shelf.shop)
        desk.shelf.say(use(used))

        assert len(await desk.get(f"/v1/cards/{NUMBER}/coupons")) == 2
        (shown,) = await desk.get(f"/v1/cards/{NUMBER}/coupons?state=used")
        assert (shown["id"], shown["purchase_id"]) == (used, "s1 t1 17 2026-11-22")
        assert await desk.get("/v1/cards/4000000000000002/coupons") == 404


class TestTiers:
    async def test_show_where_an_account_stands_and_what_it_takes_to_the_next(self, desk: Desk) -> None:
        desk.shelf.say(receipt(coffees(1, 1_200)), TILL)
        (shown,) = await desk.get(f"/v1/cards/{NUMBER}/tiers")
        assert (shown["tier"], shown["cause"], shown["note"]) == ("silver", "reached", None)
        assert (shown["counted"], shown["next_tier"], shown["next_threshold"]) == (12, "gold", 30)

    async def test_show_colleagues_notes_to_operators_alone(self, desk: Desk) -> None:
        desk.shelf.say(assign("gold"))
        (shown,) = await desk.get(f"/v1/cards/{NUMBER}/tiers")
        assert (shown["tier"], shown["note"]) == ("gold", "As promised")
        assert shown["held_until"] == "2026-12-05T23:00:00Z"
        (shown,) = await desk.get(f"/v1/cards/{NUMBER}/tiers", by="till")
        assert (shown["tier"], shown["note"], shown["next_tier"]) == ("gold", None, None)


class TestChoices:
    async def test_say_what_the_balance_allows_what_would_remain_and_what_is_missing(self, desk: Desk) -> None:
        desk.shelf.say(receipt(coffees(12, 900)), TILL)
        coffee, cake = await desk.get(f"/v1/cards/{NUMBER}/offers", by="till")
        assert (coffee["reward"], coffee["is_affordable"], coffee["remains"], coffee["missing"]) == (
            "coffee",
            True,
            2,
            0,
        )
        assert (cake["is_affordable"], cake["code"], cake["remains"]) == (False, "balance_too_low", None)
        assert cake["missing"] == cake["price"] - cake["available"] == 50 - 9

    async def test_say_what_buying_comes_to(self, desk: Desk) -> None:
        desk.shelf.say(receipt(coffees(12)), TILL)
        for offer in await desk.get(f"/v1/cards/{NUMBER}/offers"):
            command = RedeemReward(card_number=NUMBER, reward=offer["reward"])
            if not offer["is_affordable"]:
                with refused(offer["code"], needed=offer["price"], held=offer["available"]):
                    desk.shelf.say(command)
                continue
            told = only(RewardIssued, desk.shelf.say(command))
            assert next(each for each in told.balances if each.unit == offer["unit"]).available == offer["remains"]

    async def test_of_a_card_that_does_not_spend_is_none(self, desk: Desk) -> None:
        desk.shelf.say(receipt(coffees(12)), TILL)
        desk.shelf.keep(desk.shelf.shop.say(CardBlocked(card_number=NUMBER, member_id=ANA, reason="lost")))
        offers = await desk.get(f"/v1/cards/{NUMBER}/offers")
        assert {(each["is_affordable"], each["code"], each["remains"]) for each in offers} == {
            (False, "card_blocked", None)
        }
        assert await desk.get("/v1/cards/4000000000000002/offers") == 404


class TestSurveys:
    async def test_show_what_was_answered_to_who_may_read_members(self, desk: Desk) -> None:
        shop = desk.shelf.shop
        surveys = (*shop.programme.rewards.surveys, Survey.model_validate(SURVEY))
        rules = shop.programme.rewards.model_copy(update={"surveys": surveys})
        shop.programme = shop.programme.model_copy(update={"rewards": rules})
        desk.shelf.say(answer(stars=3))
        (shown,) = await desk.get(f"/v1/cards/{NUMBER}/surveys")
        assert (shown["survey"], shown["answers"]) == ("how_was_it", [{"question": "stars", "value": 3}])
        assert await desk.get(f"/v1/cards/{NUMBER}/surveys", by="till") == 403


class TestTimelines:
    @pytest.mark.parametrize(
        ("command", "outcome", "by"),
        [
            ("RefundPurchase", Outcome.DONE, ("UndoRefund",)),
            ("RefundPurchase", Outcome.REFUSED, ()),
            ("PurchaseRefunded", None, ()),
            ("PlayGame", Outcome.DONE, ()),
        ],
    )
    def test_say_what_takes_back_what_was_done(
        self, command: str, outcome: Outcome | None, by: tuple[str, ...]
    ) -> None:
        assert taken_back_by(command, outcome) == by

    async def test_tell_the_whole_story_of_a_code(self, desk: Desk) -> None:
        code = issue(desk.shelf.shop)
        desk.shelf.say(CancelCoupon(card_number=NUMBER, coupon_code=code, reason="mistake"))
        said = desk.shelf.say(ResendCoupon(card_number=NUMBER, coupon_code=code))
        fresh = only(CouponIssued, said).coupon_code

        told = await desk.get(f"/v1/coupons/{code}/timeline")
        assert {line["what"] for line in told["lines"]} == {"CouponCancelled", "CouponReplaced"}
        assert told["lines"][0]["actor"]["id"] == "olga"
        told = await desk.get(f"/v1/coupons/{fresh}/timeline")
        assert {line["what"] for line in told["lines"]} == {"CouponIssued", "CouponReplaced"}

    async def test_tell_all_that_happened_with_an_offer(self, desk: Desk) -> None:
        for _ in range(2):
            said = desk.shelf.shop.say(IssueCoupon(card_number=NUMBER, campaign="cake_on_us"))
            desk.shelf.keep(said)
        told = await desk.get("/v1/offers/cake_on_us/timeline?limit=1")
        assert [line["what"] for line in told["lines"]] == ["CouponIssued"]
        rest = await desk.get(f"/v1/offers/cake_on_us/timeline?before={told['before'].replace('+', '%2B')}")
        assert [line["what"] for line in rest["lines"]] == ["CouponIssued"]
        assert await desk.get("/v1/offers/nothing/timeline") == 404

    async def test_tell_the_story_of_a_reward(self, desk: Desk) -> None:
        desk.shelf.say(receipt(coffees(10)), TILL)
        reward_id = only(RewardIssued, desk.shelf.say(RedeemReward(card_number=NUMBER, reward="coffee"))).reward_id
        told = await desk.get(f"/v1/rewards/{reward_id}/timeline")
        assert [line["what"] for line in told["lines"]] == ["RewardIssued"]
        assert [line["what"] for line in (await desk.get("/v1/offers/coffee/timeline"))["lines"]] == ["RewardIssued"]
        assert await desk.get(f"/v1/rewards/{'0' * 32}/timeline") == 404

    async def test_tell_that_a_reward_came_back_with_its_sale_and_was_used_again(self, desk: Desk) -> None:
        desk.shelf.say(receipt(coffees(10), receipt_number="1"), TILL)
        reward_id = only(RewardIssued, desk.shelf.say(RedeemReward(card_number=NUMBER, reward="coffee"))).reward_id
        desk.shelf.say(receipt(), TILL)
        desk.shelf.say(UseReward(card_number=NUMBER, reward_id=reward_id, purchase_id=PURCHASE_ID), TILL)
        desk.shelf.say(refund(WHOLE), TILL)
        desk.shelf.say(undo())
        for path in (f"/v1/rewards/{reward_id}/timeline", "/v1/offers/coffee/timeline"):
            told = {line["what"] for line in (await desk.get(path))["lines"]}
            assert told == {"RewardIssued", "RewardUsed", "RewardsReturned", "RefundUndone"}
