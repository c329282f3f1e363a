"""A member's page: everything in one read, of so many queries however much there is."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from contracts.audit import RecordLook
from contracts.calls import CallState
from contracts.cards import CardDeleted, CardState
from contracts.messages import ActorKind
from contracts.notifications import MessageChannel
from contracts.programme import Programme
from contracts.rewards import RedeemReward
from runtime.documents import Document
from services.gateway.app import create_app
from services.gateway.keys import Keys, create_key
from tests.decisions import NOON, TILL
from tests.services.gateway import FakeEdge
from tests.services.test_offer_reads import Desk, Shelf
from tests.workers.cards import deck
from tests.workers.memory_reader import MemoryReader
from tests.workers.registration.people import EMAIL, PHONE, member
from tests.workers.registration.test_calls import talking
from tests.workers.rewards.counter import ANA, NUMBER, OTHER, adjust, coffees, receipt
from tests.workers.rewards.offers import issue
from tests.workers.rewards.test_tiers import anas, tier_shop
from workers.notifications.documents import Choice, Contact, Message
from workers.registration.favourite_documents import Favourites

EVERYTHING = {
    *("member", "cards", "accounts", "purchases", "rewards", "coupons", "surveys"),
    *("adjustments", "messages", "favourites", "subscriptions", "open_calls", "calls", "history"),
}


class Counted(MemoryReader):
    """A reader that counts its queries."""

    def __init__(self, count: list[str]) -> None:
        super().__init__()
        self._count = count

    async def get(self, document_class: type[Any], document_id: str) -> Any:
        self._count.append(f"get {document_class.collection}")
        return await super().get(document_class, document_id)

    async def find(self, document_class: type[Any], *arguments: Any, **more: Any) -> list[Any]:
        self._count.append(f"find {document_class.collection}")
        return await super().find(document_class, *arguments, **more)


def message(number: int) -> Document:
    return Message(
        id=f"message-{number}",
        member_id=ANA,
        channel=MessageChannel.SMS,
        template="welcome",
        language="en",
        cause=f"event-{number}",
        correlation_id="c-1",
        sender="Corner",
        recipient=PHONE,
        text="Hello",
        queued_at=NOON,
        due_at=None,
        expires_at=NOON,
        status_at=NOON,
    )


class Place:
    """A desk, the shelf behind it, and what was asked and noted."""

    def __init__(self, desk: Desk, edge: FakeEdge, app: Any, queries: list[str], programme: Programme) -> None:
        self.programme = programme
        self.desk, self.edge, self.app, self.queries = desk, edge, app, queries
        self.shelf = desk.shelf

    async def page(self, path: str = f"/v1/members/{ANA}/page", by: str = "desk") -> Any:
        self.queries.clear()
        return await self.desk.get(path, by)


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    queries: list[str] = []
    shelf = Shelf(tier_shop())
    shelf.readers = {name: Counted(queries) for name in shelf.readers}
    shelf.readers["registration"].put(member(ANA, card_numbers=(NUMBER,)))
    shelf.readers["cards"].put(deck.card(CardState.ACTIVE, ANA, linked_at=NOON))
    shelf.readers["notifications"].put(message(1))
    shelf.keep([])
    file = tmp_path / "keys.yaml"
    keys = {name: create_key(file, name, kind) for name, kind in (("desk", ActorKind.OPERATOR), ("app", ActorKind.APP))}
    programme = Programme.read(Path("programme.yaml")).model_copy(update={"rewards": shelf.shop.programme.rewards})
    edge = FakeEdge()
    app = create_app(edge, shelf, Keys(file), programme)  # type: ignore[arg-type]  # stand for an Edge and a Library
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway") as client:
        yield Place(Desk(shelf, client, keys), edge, app, queries, programme)


class TestPage:
    async def test_shows_everything_at_once(self, place: Place) -> None:
        place.shelf.say(receipt(coffees(12)), TILL)
        place.shelf.say(RedeemReward(card_number=NUMBER, reward="coffee"))
        place.shelf.say(adjust(5))
        place.shelf.say(adjust(3, comment="Sorry for the cold coffee"))
        issue(place.shelf.shop)
        place.shelf.keep([])

        shown = await place.page()

        assert shown.keys() == EVERYTHING
        assert (shown["member"]["phone"], shown["member"]["email"]) == (PHONE, EMAIL)
        assert [each["number"] for each in shown["cards"]] == [NUMBER]
        (account,) = shown["accounts"]
        assert account["card_numbers"] == [NUMBER]
        held = anas(place.shelf.shop).holding("stamps").balance
        assert {each["unit"]: each["available"] for each in account["balances"]}["stamps"] == held > 0
        assert account["tiers"][0]["system"] == "status"
        assert [each["receipt_number"] for each in shown["purchases"]] == ["17"]
        assert [each["reward"] for each in shown["rewards"]] == ["coffee"]
        assert {each["campaign"] for each in shown["coupons"]} == {"cake_on_us"}
        told = {each["amount"]: each["comment"] for each in shown["adjustments"]}
        assert told == {5: "From us", 3: "Sorry for the cold coffee"}
        assert [each["id"] for each in shown["messages"]] == ["message-1"]
        assert {"PurchaseRecorded", "RewardIssued"} <= {line["what"] for line in shown["history"]["lines"]}

    async def test_asks_so_many_queries_however_much_there_is(self, place: Place) -> None:
        place.shelf.say(adjust(1, comment="Sorry"))
        await place.page()
        little = list(place.queries)
        place.shelf.readers["cards"].put(deck.card(CardState.ACTIVE, ANA, id=OTHER, linked_at=NOON))
        for number in range(3):
            place.shelf.say(receipt(coffees(12), receipt_number=str(number)), TILL)
            place.shelf.readers["notifications"].put(message(number + 2))
            place.shelf.say(adjust(2, comment=f"Sorry {number}"))

        shown = await place.page()

        assert len(shown["purchases"]) == 3
        assert sorted(place.queries) == sorted(little)
        assert len(little) <= 18

    async def test_shows_the_newest_of_each_kind_only(self, place: Place) -> None:
        for number in range(3):
            place.shelf.say(receipt(coffees(1), receipt_number=str(number)), TILL)

        shown = await place.page(f"/v1/members/{ANA}/page?recent=2")

        assert (len(shown["purchases"]), len(shown["history"]["lines"])) == (2, 2)
        assert shown["history"]["before"] is not None

    async def test_shows_what_the_member_chose(self, place: Place) -> None:
        (mailing, *_) = place.programme.notifications.mailings
        off = Choice(mailing=mailing.code, channel=mailing.channels[0], is_on=False, chosen_at=NOON)
        place.shelf.readers["notifications"].put(Contact(id=ANA, phone=PHONE, language="en", choices=(off,)))
        place.shelf.readers["registration"].put(Favourites(id=ANA, products=("latte",), changed_at=NOON))

        shown = await place.page()

        assert shown["favourites"] == await place.page(f"/v1/members/{ANA}/favourites")
        assert shown["favourites"]["products"] == ["latte"]
        assert shown["subscriptions"] == await place.page(f"/v1/members/{ANA}/subscriptions")
        chosen = [each for each in shown["subscriptions"] if each["chosen_at"] is not None]
        assert [(each["mailing"], each["is_on"]) for each in chosen] == [(mailing.code, False)]

    async def test_shows_the_last_calls_and_those_that_are_open_however_long_ago_they_began(self, place: Place) -> None:
        soon = datetime.now(UTC) + timedelta(minutes=5)
        still, over = ("0b9c2f0f6a2b8e5d0c9a7e4f3b2a1d0c", "1b9c2f0f6a2b8e5d0c9a7e4f3b2a1d0c")
        member_of = place.shelf.readers["registration"]
        member_of.put(member(ANA, card_numbers=(NUMBER,), absorbed=("ben",)))
        member_of.put(talking(id=still, member_id="ben", ends_at=soon, due_at=soon))
        for number in range(3):
            closed = {"state": CallState.CLOSED, "due_at": None, "opened_at": NOON + timedelta(minutes=number)}
            member_of.put(talking(id=f"{over[:-1]}{number}", member_id=ANA, **closed))
        member_of.put(talking(id=f"{over[:-1]}9", member_id="cid", ends_at=soon, due_at=soon))

        shown = await place.page(f"/v1/members/{ANA}/page?recent=2")

        assert [each["id"] for each in shown["open_calls"]] == [still]
        assert [each["id"][-1] for each in shown["calls"]] == ["2", "1"]

    async def test_a_call_whose_time_is_over_is_not_open(self, place: Place) -> None:
        over = datetime.now(UTC) - timedelta(seconds=1)
        place.shelf.readers["registration"].put(talking(member_id=ANA, ends_at=over, due_at=over))
        shown = await place.page()
        assert (shown["open_calls"], len(shown["calls"])) == ([], 1)

    async def test_hides_what_a_deleted_card_collected(self, place: Place) -> None:
        place.shelf.say(receipt(coffees(3)), TILL)
        place.shelf.shop.say(CardDeleted(card_number=NUMBER, member_id=ANA, stopped_at=NOON))
        place.shelf.keep([])

        (account,) = (await place.page())["accounts"]

        assert (account["is_hidden"], account["balances"]) == (True, [])

    async def test_of_a_member_without_cards_is_a_page_too(self, place: Place) -> None:
        place.shelf.readers["registration"].put(member("ben"))

        shown = await place.page("/v1/members/ben/page")

        assert (shown["cards"], shown["accounts"], shown["purchases"]) == ([], [], [])

    async def test_is_noted_as_a_look_and_shut_to_who_may_not(self, place: Place) -> None:
        assert await place.page(by="app") == 403
        assert await place.page("/v1/members/nobody/page") == 404
        await place.page()

        await place.app.looks.end(5)
        assert [look for look, _, _ in place.edge.sent] == [
            RecordLook(subject=ANA, what="refused", code="scope_missing", scope="read:page"),
            RecordLook(subject=ANA, what="page"),
        ]
