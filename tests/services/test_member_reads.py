"""Reads about members: what they chose, whether they are blocked, and what a card of theirs tells whom."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from contracts.cards import CardBlocked, CardKind, CardState
from contracts.messages import ActorKind
from contracts.notifications import MessageChannel
from contracts.programme import Programme
from contracts.programme.registration import FavouriteRules
from services.gateway.app import create_app
from services.gateway.keys import Keys, create_key
from tests.decisions import NOON, context, decide
from tests.services.gateway import FakeEdge
from tests.workers.memory_reader import MemoryReader
from tests.workers.registration.people import ANA, NUMBER, known, member
from tests.workers.rewards.counter import account
from tests.workers.rewards.counter import card as rewards_card
from workers.audit.recording import record
from workers.cards.documents import Card
from workers.cards.retiring import retired as cards_retired
from workers.notifications.documents import Choice, Contact
from workers.registration.documents import MemberState
from workers.registration.favourite_documents import Favourites

PROGRAMME = Programme.read(Path("programme.yaml"))
BLOCKED: dict[str, Any] = {"state": MemberState.BLOCKED, "blocked_at": NOON, "block_reason": "abuse"}


class Shelf:
    """A library of what is in memory."""

    def __init__(self) -> None:
        self.readers = {name: MemoryReader() for name in ("registration", "cards", "rewards", "audit", "notifications")}

    def worker(self, name: str) -> Any:
        return self.readers[name]

    async def ping(self) -> None:
        """It is always there."""

    def block(self) -> None:
        """Have Ana blocked, as all workers know it in the end."""
        self.hold(suspended_at=NOON, **BLOCKED)

    def hold(self, suspended_at: datetime | None = None, **changes: Any) -> None:
        """Have Ana and her card."""
        card = Card(
            id=NUMBER,
            kind=CardKind.PHYSICAL,
            category="normal",
            state=CardState.ACTIVE,
            issued_at=NOON,
            member_id=ANA,
            suspended_at=suspended_at,
        )
        ana = member(card_numbers=(NUMBER,), **changes)
        self.readers["registration"].put(ana, known(CardState.ACTIVE, member_id=ANA))
        self.readers["cards"].put(card)
        self.readers["rewards"].put(account(), rewards_card(suspended_at=suspended_at))


class Desk:
    """Windows on the shelf, one for each kind of caller."""

    def __init__(self, shelf: Shelf, client: httpx.AsyncClient, keys: dict[str, str]) -> None:
        self.shelf = shelf
        self._client = client
        self._keys = keys

    async def get(self, path: str, by: str = "app") -> Any:
        answer = await self._client.get(path, headers={"Authorization": f"Bearer {self._keys[by]}"})
        return answer.json() if answer.status_code == 200 else answer.status_code

    async def find(self, by: str, **wanted: str) -> Any:
        headers = {"Authorization": f"Bearer {self._keys[by]}"}
        return (await self._client.post("/v1/members/search", headers=headers, json=wanted)).json()["members"]


@pytest.fixture
def programme() -> Programme:
    return PROGRAMME


@pytest.fixture
async def desk(tmp_path: Path, programme: Programme) -> AsyncIterator[Desk]:
    shelf = Shelf()
    shelf.hold()
    file = tmp_path / "keys.yaml"
    keys = {
        "desk": create_key(file, "desk", ActorKind.OPERATOR),
        "app": create_key(file, "app", ActorKind.APP),
        "till": create_key(file, "till", ActorKind.POS, ["read:card", "search:members"]),
    }
    app = create_app(FakeEdge(), shelf, Keys(file), programme)  # type: ignore[arg-type]  # stand for an Edge and a Library
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway") as client:
        yield Desk(shelf, client, keys)


class TestMember:
    async def test_shows_whether_they_are_blocked_and_their_phone_is_verified(self, desk: Desk) -> None:
        shown = await desk.get(f"/v1/members/{ANA}")
        assert (shown["state"], shown["blocked_at"], shown["phone_verified_at"]) == ("active", None, None)

        desk.shelf.hold(phone_verified_at=NOON, **BLOCKED)
        shown = await desk.get(f"/v1/members/{ANA}")
        assert (shown["state"], shown["block_reason"]) == ("blocked", "abuse")
        assert shown["blocked_at"] == shown["phone_verified_at"] == "2026-11-22T12:00:00Z"


class TestTimeline:
    @pytest.mark.parametrize("of", [f"members/{ANA}", f"cards/{NUMBER}"])
    async def test_is_shown_between_two_instants(self, desk: Desk, of: str) -> None:
        blocked = CardBlocked(card_number=NUMBER, member_id=ANA, reason="lost")
        desk.shelf.readers["audit"].put(*decide(record, blocked, context=context()).documents)

        async def lines(query: str) -> Any:
            shown = await desk.get(f"/v1/{of}/timeline?{query}", "desk")
            return shown if isinstance(shown, int) else len(shown["lines"])

        assert await lines("since=2026-11-22T12:00:00Z&until=2026-11-22T12:00:01Z") == 1
        assert await lines("since=2026-11-22T12:00:01Z") == 0
        assert await lines("until=2026-11-22T12:00:00Z") == 0
        assert await lines("since=2026-11-22T12:00:00") == 422


class TestCardOfARemovedMember:
    async def test_has_no_timeline(self, desk: Desk) -> None:
        blocked = CardBlocked(card_number=NUMBER, member_id=ANA, reason="lost")
        desk.shelf.readers["audit"].put(*decide(record, blocked, context=context()).documents)
        timeline = f"/v1/cards/{NUMBER}/timeline"
        assert len((await desk.get(timeline, "desk"))["lines"]) == 1

        held = await desk.shelf.readers["cards"].get(Card, NUMBER)
        assert held is not None
        (retired, *_) = [each for each in cards_retired((held,), context()) if isinstance(each, Card)]
        desk.shelf.readers["cards"].put(retired)
        assert await desk.get(timeline, "desk") == 404


class TestCardOfABlockedMember:
    async def test_identifies_nobody_but_for_the_office(self, desk: Desk) -> None:
        places = (f"/v1/cards/{NUMBER}", f"/v1/cards/{NUMBER}/balance")
        assert [(await desk.get(each, "till"))["member_id"] for each in places] == [ANA, ANA]
        assert len(await desk.find("till", card_number=NUMBER)) == 1

        desk.shelf.block()
        assert [(await desk.get(each, "till"))["member_id"] for each in places] == [None, None]
        assert [(await desk.get(each, "desk"))["member_id"] for each in places] == [ANA, ANA]
        assert await desk.find("till", card_number=NUMBER) == []
        assert len(await desk.find("desk", card_number=NUMBER)) == 1


class TestFavourites:
    async def test_are_shown_with_what_can_still_be_changed(self, desk: Desk) -> None:
        nothing = await desk.get(f"/v1/members/{ANA}/favourites")
        assert (nothing["products"], nothing["is_offered"], nothing["most"], nothing["changes_left"]) == (
            [],
            True,
            3,
            2,
        )

        month = datetime.now(UTC).astimezone(PROGRAMME.zone).date().replace(day=1).isoformat()
        chosen = Favourites(id=ANA, products=("latte",), changed_at=NOON, period=month, changes=1)
        desk.shelf.readers["registration"].put(chosen)
        shown = await desk.get(f"/v1/members/{ANA}/favourites")
        assert (shown["products"], shown["changes_left"]) == (["latte"], 1)
        assert shown["again_on"] > month

    async def test_are_nobody_s_where_there_is_no_member(self, desk: Desk) -> None:
        assert await desk.get("/v1/members/nobody/favourites") == 404
        assert await desk.get("/v1/members/nobody/subscriptions") == 404

    @pytest.mark.parametrize(
        "programme",
        [
            PROGRAMME.model_copy(
                update={"registration": PROGRAMME.registration.model_copy(update={"favourites": rules})}
            )
            for rules in (None, FavouriteRules.model_validate({"ends_on": "2020-01-01"}))
        ],
    )
    async def test_can_be_seen_when_they_are_offered_no_more(self, desk: Desk) -> None:
        desk.shelf.readers["registration"].put(Favourites(id=ANA, products=("latte",)))
        shown = await desk.get(f"/v1/members/{ANA}/favourites")
        assert (shown["products"], shown["is_offered"], shown["changes_left"]) == (["latte"], False, 0)


class TestSubscriptions:
    async def test_are_all_on_until_the_member_says_otherwise(self, desk: Desk) -> None:
        shown = await desk.get(f"/v1/members/{ANA}/subscriptions")
        assert [(each["mailing"], each["channel"], each["is_on"]) for each in shown] == [
            ("offers", "sms", True),
            ("status", "sms", True),
        ]

        off = Choice(mailing="offers", channel=MessageChannel.SMS, is_on=False, chosen_at=NOON)
        desk.shelf.readers["notifications"].put(Contact(id=ANA, phone="+4915112345678", language="en", choices=(off,)))
        shown = await desk.get(f"/v1/members/{ANA}/subscriptions")
        assert [(each["is_on"], each["chosen_at"]) for each in shown] == [
            (False, "2026-11-22T12:00:00Z"),
            (True, None),
        ]
