"""Reads about the ledger, over what a shop's worker decided."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from contracts.audit import RecordLook
from contracts.cards import CardDeleted, CardLinked
from contracts.messages import ActorKind
from contracts.programme import Programme
from services.gateway.app import create_app
from services.gateway.keys import Keys, create_key
from tests.decisions import NOON, TILL
from tests.services.gateway import FakeEdge
from tests.services.test_offer_reads import Desk, Shelf
from tests.workers.rewards.counter import ANA, ISSUED, NUMBER, OPERATOR, OTHER, Shop, adjust, coffees, receipt, refund
from workers.rewards.documents import Account, LedgerEntry


@pytest.fixture
def edge() -> FakeEdge:
    return FakeEdge()


@pytest.fixture
async def desk(tmp_path: Path, edge: FakeEdge) -> AsyncIterator[Desk]:
    shelf = Shelf(Shop())
    shelf.keep(shelf.shop.say(ISSUED))
    shelf.keep(shelf.shop.say(CardLinked(card_number=NUMBER, member_id=ANA, category="normal")))
    for number, store in enumerate(("s2", "s1", "s2")):
        shelf.shop.now += timedelta(hours=1)
        at = shelf.shop.now
        shelf.keep(shelf.shop.say(receipt(coffees(2), receipt_number=str(number), store=store, purchased_at=at)))
    shelf.say(adjust(5))
    shelf.say(adjust(30))
    file = tmp_path / "keys.yaml"
    kinds = {"desk": ActorKind.OPERATOR, "till": ActorKind.POS, "app": ActorKind.APP, "wallet": ActorKind.WALLET}
    keys = {name: create_key(file, name, kind) for name, kind in kinds.items()}
    app = create_app(edge, shelf, Keys(file), Programme.read(Path("programme.yaml")))  # type: ignore[arg-type]  # stands for a Library
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
        yield Desk(shelf, client, keys)


async def test_an_explanation_adds_up_to_the_balance(desk: Desk) -> None:
    shown = await desk.get(f"/v1/cards/{NUMBER}/explanation")
    stamps = next(each for each in shown["units"] if each["unit"] == "stamps")

    parts = [part for lot in stamps["lots"] for part in lot["parts"]]
    assert sum(part["amount"] for part in parts) == stamps["balance"] == 11
    assert {part["origin"]["cause"] for part in parts} == {"purchase", "adjustment"}
    assert {part["rule"] for part in parts} == {"coffee_stamp", None}
    assert all(part["origin"]["reason"] == "goodwill" for part in parts if part["rule"] is None)
    assert shown["since"] is None
    account_id = desk.shelf.shop.only(Account).id
    assert (await desk.get(f"/v1/accounts/{account_id}/explanation")) == shown


@pytest.mark.parametrize("by", ["till", "app", "wallet"])
async def test_why_operators_changed_something_is_explained_to_the_office_alone(desk: Desk, by: str) -> None:
    desk.shelf.say(adjust(-2, reason="mistake"))

    at_the_desk, elsewhere = [await desk.get(f"/v1/cards/{NUMBER}/explanation", by=each) for each in ("desk", by)]

    assert reasons_in(at_the_desk) == {"goodwill", "mistake"}
    assert reasons_in(elsewhere) == set()
    assert [each["balance"] for each in elsewhere["units"]] == [each["balance"] for each in at_the_desk["units"]]


async def test_a_deleted_cards_balance_is_not_explained(desk: Desk) -> None:
    desk.shelf.keep(desk.shelf.shop.say(CardDeleted(card_number=NUMBER, member_id=ANA, stopped_at=NOON)))
    assert (await desk.get(f"/v1/cards/{NUMBER}/explanation"))["units"] == []


async def test_the_ledger_is_read_by_pages_to_its_end(desk: Desk) -> None:
    seen: list[dict[str, Any]] = []
    before: str | None = ""
    while before is not None:
        page = await desk.get(f"/v1/cards/{NUMBER}/ledger?limit=2{'&before=' + before if before else ''}")
        seen += page["entries"]
        before = page["before"]

    entries = desk.shelf.shop.all(LedgerEntry)
    assert sorted(each["id"] for each in seen) == sorted(each.id for each in entries)
    assert {each["actor"]["id"] for each in seen} == {"till-1", OPERATOR.id}
    one = await desk.get(f"/v1/ledger/{seen[0]['id']}")
    assert one == seen[0]
    account_id = desk.shelf.shop.only(Account).id
    assert (await desk.get(f"/v1/accounts/{account_id}/ledger?limit=2"))["entries"] == seen[:2]


async def test_a_page_from_nowhere_is_422(desk: Desk) -> None:
    assert await desk.get(f"/v1/cards/{NUMBER}/ledger?before=x") == 422


async def test_adjustments_are_shown_with_who_why_and_what_the_member_is_told(desk: Desk) -> None:
    shown = await desk.get(f"/v1/cards/{NUMBER}/adjustments")
    assert {(each["amount"], each["state"], each["comment"], each["actor"]["id"]) for each in shown} == {
        (5, "applied", "From us", OPERATOR.id),
        (30, "waiting", "From us", OPERATOR.id),
    }
    (waiting,) = await desk.get("/v1/adjustments/waiting")
    assert (waiting["card_number"], waiting["adjustment"]["amount"]) == (NUMBER, 30)


async def test_a_holder_is_told_what_moved_their_balance_in_words_for_them(desk: Desk) -> None:
    desk.shelf.shop.now += timedelta(hours=1)
    desk.shelf.say(adjust(1, comment="Sorry for the cold coffee"))
    shown = await desk.get(f"/v1/cards/{NUMBER}/movements?limit=2")
    assert [(each["amount"], each["comment"]) for each in shown["movements"]] == [
        (1, "Sorry for the cold coffee"),
        (5, "From us"),
    ]
    assert not {"actor", "reason"} & shown["movements"][0].keys()
    (at_a_till,) = (await desk.get(f"/v1/cards/{NUMBER}/movements?limit=1", by="till"))["movements"]
    assert (at_a_till["amount"], at_a_till["comment"]) == (1, None)
    older = await desk.get(f"/v1/cards/{NUMBER}/movements?before={shown['before']}")
    assert {each["cause"] for each in older["movements"]} == {"purchase"}
    assert await desk.get(f"/v1/cards/{NUMBER}/movements?before=x") == 422
    desk.shelf.keep(desk.shelf.shop.say(CardDeleted(card_number=NUMBER, member_id=ANA, stopped_at=NOON)))
    assert (await desk.get(f"/v1/cards/{NUMBER}/movements"))["movements"] == []


async def test_purchases_are_sorted_by_date_and_store_and_chosen_by_store_and_unit(desk: Desk) -> None:
    async def numbers(query: str) -> list[str]:
        shown = await desk.get(f"/v1/cards/{NUMBER}/purchases?{query}")
        return [each["receipt_number"] for each in shown]

    assert await numbers("") == ["2", "1", "0"]
    assert await numbers("order=oldest") == ["0", "1", "2"]
    assert await numbers("order=store") == ["1", "2", "0"]
    assert await numbers("store=s2") == ["2", "0"]
    assert await numbers("unit=stamps&limit=2") == ["2", "1"]
    assert await numbers("unit=pearls") == []
    tea = {"line": 1, "product": "tea", "quantity": 1, "price_minor": 100}
    desk.shelf.say(receipt(receipt_number="3", lines=[tea], purchased_at=desk.shelf.shop.now), TILL)
    assert await numbers("order=programme") == ["3", "2", "1", "0"]
    assert await numbers("unit=stamps") == ["2", "1", "0"]


async def test_a_receipt_is_found_by_its_number(desk: Desk) -> None:
    (found,) = await desk.get("/v1/receipts/1")
    assert (found["purchase"]["store"], found["account_id"]) == ("s1", desk.shelf.shop.only(Account).id)
    assert (await desk.get("/v1/receipts/1?store=s2")) == []
    assert (await desk.get("/v1/receipts/99")) == []


async def looks(edge: FakeEdge) -> list[str]:
    """Whom the looks since the last time were at."""
    await asyncio.sleep(0)
    noted = [command.subject for command, _, _ in edge.sent if isinstance(command, RecordLook)]
    edge.sent.clear()
    return noted


async def test_a_receipt_that_waits_is_a_look_at_the_card_that_it_waits_for(desk: Desk, edge: FakeEdge) -> None:
    desk.shelf.keep(desk.shelf.shop.say(receipt(receipt_number="8", card_number=OTHER)))
    desk.shelf.keep(desk.shelf.shop.say(refund(receipt_number="9")))

    (parked,) = await desk.get("/v1/receipts/8")
    assert (parked["purchase"]["state"], parked["account_id"]) == ("parked", None)
    assert await looks(edge) == [OTHER]
    (awaited,) = await desk.get("/v1/receipts/9")
    assert awaited["purchase"]["state"] == "awaited"
    assert await looks(edge) == ["nobody"]


async def test_receipts_of_one_account_are_one_look(desk: Desk, edge: FakeEdge) -> None:
    at = desk.shelf.shop.now
    for store in ("s1", "s2"):
        desk.shelf.keep(desk.shelf.shop.say(receipt(receipt_number="8", store=store, purchased_at=at)))

    assert len(await desk.get("/v1/receipts/8")) == 2
    assert await looks(edge) == [desk.shelf.shop.only(Account).id]


async def test_another_content_of_a_receipt_is_shown_as_a_new_version(desk: Desk) -> None:
    changed = receipt(coffees(3), receipt_number="1", store="s1", purchased_at=desk.shelf.shop.now)
    desk.shelf.keep(desk.shelf.shop.say(changed))

    (found,) = await desk.get("/v1/receipts/1")
    (other,) = await desk.get("/v1/receipts/2")
    assert (found["purchase"]["versions"], found["purchase"]["lines"][0]["quantity"]) == (2, 3)
    assert other["purchase"]["versions"] == 1


async def test_a_stores_receipt_is_found_whatever_other_stores_numbered_so_since(desk: Desk) -> None:
    for store in ("s1", "s2", "s3"):
        desk.shelf.shop.now += timedelta(hours=1)
        at = desk.shelf.shop.now
        desk.shelf.keep(desk.shelf.shop.say(receipt(coffees(1), receipt_number="7", store=store, purchased_at=at)))

    (found,) = await desk.get("/v1/receipts/7?store=s1&limit=2")
    assert found["purchase"]["store"] == "s1"
    newest = await desk.get("/v1/receipts/7?limit=2")
    assert [each["purchase"]["store"] for each in newest] == ["s3", "s2"]


def reasons_in(shown: Any) -> set[str]:
    """Every reason that stands somewhere in what was shown."""
    if isinstance(shown, dict):
        own = {shown["reason"]} if shown.get("reason") is not None else set()
        return own.union(*map(reasons_in, shown.values()))
    return set().union(*map(reasons_in, shown)) if isinstance(shown, list) else set()
