"""The search through the gateway: what it takes, what it shows of whom, and what is noted of it."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from contracts.audit import RecordLook
from contracts.cards import CardState
from contracts.messages import ActorKind
from contracts.programme import Programme
from contracts.rewards import PurchaseState
from runtime.documents import Document
from services.gateway.app import Gateway, create_app
from services.gateway.examples import CARD, COUPON
from services.gateway.keys import Keys, create_key
from services.gateway.scopes import DEFAULT_SCOPES, SEARCH_MEMBERS
from tests.decisions import NOON
from tests.services.gateway import Door, FakeEdge
from tests.workers.memory_reader import MemoryReader
from tests.workers.registration.people import known
from tests.workers.registration.test_search import ANA, ANNA, BEN, EVERYBODY, card_number, person
from workers.rewards.documents import Account, Purchase

SEARCH = "/v1/members/search"
RECEIPT = {"receipt_number": "000123"}


def receipt(account_id: str, store: str, number: str = "000123") -> Purchase:
    return Purchase(
        id=f"{store}/{account_id}/{number}",
        state=PurchaseState.CONFIRMED,
        account_id=account_id,
        store=store,
        till="till-1",
        receipt_number=number,
        business_day=NOON.date(),
        purchased_at=NOON,
    )


class Shelf:
    """A library of what is in memory."""

    def __init__(self, **documents: list[Document]) -> None:
        self._readers = {name: MemoryReader(kept) for name, kept in documents.items()}

    def worker(self, name: str) -> Any:
        return self._readers.setdefault(name, MemoryReader())


class Desk:
    """Who asks, and what was noted."""

    def __init__(self, app: Gateway, edge: FakeEdge, client: httpx.AsyncClient, keys: dict[str, str]) -> None:
        self._app, self._edge, self._client, self._keys = app, edge, client, keys

    async def ask(self, by: str = "desk", **body: Any) -> Any:
        answer = await self._client.post(SEARCH, json=body, headers={"Authorization": f"Bearer {self._keys[by]}"})
        return answer.json() if answer.status_code == 200 else answer.status_code

    async def found(self, by: str = "desk", **body: Any) -> list[str]:
        return [each["id"] for each in (await self.ask(by, **body))["members"]]

    async def noted(self) -> list[RecordLook]:
        await self._app.looks.end(5)
        return [look for look, _, _ in self._edge.sent if isinstance(look, RecordLook)]


@pytest.fixture
async def desk(tmp_path: Path) -> Any:
    cards = [known(CardState.ACTIVE, id=each.card_numbers[0], member_id=each.id) for each in EVERYBODY]
    shelf = Shelf(
        registration=[*EVERYBODY, *cards],
        rewards=[
            Account(id="account-1", card_number=card_number(1), opened_at=NOON),
            Account(id="account-3", card_number=card_number(3), opened_at=NOON),
            receipt("account-1", "harbour"),
            receipt("account-3", "station"),
        ],
    )
    file = tmp_path / "keys.yaml"
    keys = {
        "desk": create_key(file, "desk", ActorKind.OPERATOR),
        "till": create_key(file, "till", ActorKind.POS, DEFAULT_SCOPES[ActorKind.POS] | {SEARCH_MEMBERS}),
    }
    edge = FakeEdge()
    app = create_app(edge, shelf, Keys(file), Programme.read(Path("programme.yaml")))  # type: ignore[arg-type]  # stands for a Library
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway") as client:
        yield Desk(app, edge, client, keys)


class TestSearch:
    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({}, "body"),
            ({"name": None}, "body"),
            ({"store": "harbour"}, "body"),
            ({"name": "x"}, "body.name"),
            ({"phone": ""}, "body.phone"),
            ({"phone": "12"}, "body.phone"),
            ({"email": "@"}, "body.email"),
            ({"card_number": "12"}, "body.card_number"),
            ({"birthday": "29.2."}, "body.birthday"),
            ({"coupon_code": COUPON.replace("7", "8")}, "body.coupon_code"),
            ({"receipt_number": ""}, "body.receipt_number"),
            ({"nickname": "Ana"}, "body.nickname"),
        ],
    )
    async def test_that_is_empty_or_too_short_finds_nobody_and_says_why(
        self, door: Door, body: dict[str, str], field: str
    ) -> None:
        answer = await door.client.post(SEARCH, json=body, headers=door.keys["desk"])

        assert answer.status_code == 422
        assert answer.json()["problems"][0]["field"] == field
        assert not any(value in answer.text for value in body.values() if value and len(value) > 2)

    async def test_that_finds_nobody_says_so(self, door: Door) -> None:
        answer = await door.client.post(SEARCH, json={"card_number": CARD}, headers=door.keys["desk"])

        assert answer.json() == {"members": [], "is_cut": False, "text": "Nobody matches."}

    async def test_shows_only_what_a_list_of_hits_needs(self, desk: Desk) -> None:
        shown = await desk.ask(email="ana.m")

        assert shown == {
            "members": [
                {
                    "id": ANA.id,
                    "match": "part",
                    "state": "active",
                    "first_name": "Ana",
                    "last_name": "Müller",
                    "phone": "…0001",
                    "email": "A…@Example.org",
                    "cards": [f"…{card_number(1)[-4:]}"],
                    "home_store": None,
                    "registered_at": "2026-11-22T08:00:00Z",
                }
            ],
            "is_cut": False,
            "text": "These match.",
        }

    async def test_finds_by_receipt_of_all_stores_or_of_one(self, desk: Desk) -> None:
        assert set(await desk.found(**RECEIPT)) == {ANA.id, BEN.id}
        assert await desk.found(**RECEIPT, store="station") == [BEN.id]
        assert await desk.found(**RECEIPT, business_day="2026-11-21") == []
        assert await desk.found(**RECEIPT, name="Ana") == [ANA.id]
        assert await desk.found(receipt_number="000124") == []

    async def test_says_that_nobody_matches_wholly(self, desk: Desk) -> None:
        assert (await desk.ask(name="Mulelr"))["text"] == "Nobody matches wholly; these are near."

    async def test_says_when_more_match_than_are_shown(self, tmp_path: Path) -> None:
        crowd: list[Document] = [person(number, "Ana", "Meier") for number in range(30)]
        file = tmp_path / "keys.yaml"
        key = create_key(file, "desk", ActorKind.OPERATOR)
        edge, programme = FakeEdge(), Programme.read(Path("programme.yaml"))
        app = create_app(edge, Shelf(registration=crowd), Keys(file), programme)  # type: ignore[arg-type]  # stands for a Library
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway") as client:
            answer = await client.post(SEARCH, json={"name": "Meier"}, headers={"Authorization": f"Bearer {key}"})
        await app.looks.end(5)

        assert (len(answer.json()["members"]), answer.json()["is_cut"]) == (20, True)
        assert answer.json()["text"] == "More than 20 members match: say more about whom you look for."
        ((look, _, _),) = edge.sent
        assert isinstance(look, RecordLook)
        assert {look.subject, *look.also} == {each["id"] for each in answer.json()["members"]}


class TestSearchAtATill:
    async def test_finds_one_by_a_whole_phone_or_a_card_that_works(self, desk: Desk) -> None:
        assert await desk.found("till", phone="0151 10000001") == [ANA.id]
        assert await desk.found("till", card_number=card_number(2)) == [ANNA.id]

    @pytest.mark.parametrize("body", [{"name": "Ana"}, {"phone": "0151 10000001", "name": "Ana"}, RECEIPT])
    async def test_is_not_for_browsing(self, desk: Desk, body: dict[str, str]) -> None:
        assert await desk.ask("till", **body) == 403

    async def test_finds_nobody_by_a_part(self, desk: Desk) -> None:
        assert await desk.found("till", phone="0001") == []
        assert await desk.found("till", card_number=card_number(1)[-5:]) == []


class TestLooks:
    async def test_of_a_search_say_by_which_keys_and_who_was_shown_never_what_was_searched(self, desk: Desk) -> None:
        shown = await desk.found(name="an mu", phone="+49 151 1")

        (look,) = await desk.noted()

        assert look == RecordLook(subject=shown[0], what="search", also=(shown[1],), by=("name", "phone"), hits=2)

    @pytest.mark.parametrize("wanted", [{"card_number": CARD}, {"phone": "+4915112345678"}, {"name": "Nobody Here"}])
    async def test_of_a_search_that_finds_nobody_are_noted_too(self, desk: Desk, wanted: dict[str, str]) -> None:
        await desk.ask(**wanted)

        assert await desk.noted() == [RecordLook(subject="nobody", what="search", by=tuple(wanted), hits=0)]
