"""Reads about merging, and how reads that name an absorbed member answer, over what four workers decided."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from contracts.cards import BlockCard, DeleteCard, IssueVirtualCard, RestoreCard
from contracts.merging import MergeMembers
from contracts.messages import ActorKind
from contracts.rewards import RedeemReward
from runtime.documents import Document
from services.gateway.app import create_app
from services.gateway.keys import Keys, create_key
from tests.decisions import TILL, context, decide
from tests.services.gateway import FakeEdge
from tests.workers.memory_reader import MemoryReader
from tests.workers.test_merging import NUMBERS, bought, opened, phone
from tests.workers.town import OPERATOR, WORKERS, Town
from workers.audit.chains import chain_of
from workers.audit.documents import Chain
from workers.audit.recording import record
from workers.registration.views import RegistrationViews, Wanted


class Shelf:
    """A library of what a town has in memory."""

    def __init__(self) -> None:
        self.readers = {name: MemoryReader() for name in (*WORKERS, "audit")}

    def worker(self, name: str) -> Any:
        return self.readers[name]

    async def ping(self) -> None:
        """It is always there."""

    def put(self, town: Town) -> None:
        """Put what the town has on the shelf, and in the trail what was said."""
        for name, worker in WORKERS.items():
            for document_class in worker.documents.values():
                self.readers[name].put(*town.all(name, document_class).values())
        heads: dict[str, Document] = {}
        for place, event in enumerate(town.said):
            at = context(message_id=f"e-{place}", actor=OPERATOR)
            told = decide(record, event, context=at, chain=heads.get(chain_of(event)))
            heads[chain_of(event)] = told.document(Chain)
            self.readers["audit"].put(*told.documents)


class Desk:
    """An operator at the gateway of a town where Ana, Ben, Cid and Dan joined; Dan without a card."""

    def __init__(self, client: httpx.AsyncClient, shelf: Shelf, keys: dict[str, str]) -> None:
        self.town, (self.ana, self.ben, self.cid, self.dan) = opened()
        self.town.settle()
        self._client = client
        self.shelf = shelf
        self._keys = keys

    def merge(self, member_id: str, absorbed_id: str) -> str:
        ended = self.town.ask(MergeMembers(member_id=member_id, absorbed_id=absorbed_id))
        self.town.settle()
        return ended

    async def get(self, path: str, by: str = "desk") -> Any:
        self.shelf.put(self.town)
        answer = await self._client.get(path, headers={"Authorization": f"Bearer {self._keys[by]}"})
        return answer.json() if answer.status_code == 200 else answer.status_code

    async def preview(self, member_id: str, absorbed_id: str, by: str = "desk") -> Any:
        return await self.get(f"/v1/members/{member_id}/merge-preview?absorbed_id={absorbed_id}", by)


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    shelf = Shelf()
    file = tmp_path / "keys.yaml"
    keys = {"desk": create_key(file, "desk", ActorKind.OPERATOR), "app": create_key(file, "app", ActorKind.APP)}
    app = create_app(FakeEdge(), shelf, Keys(file), Town().programme)  # type: ignore[arg-type]  # stand for an Edge and a Library
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway") as client:
        yield Desk(client, shelf, keys)


class TestMergePreview:
    async def test_shows_what_the_survivor_will_have(self, desk: Desk) -> None:
        desk.town.ask(bought(desk.town, NUMBERS[0], 12), TILL)
        desk.town.ask(bought(desk.town, NUMBERS[1], 5), TILL)
        desk.town.ask(RedeemReward(card_number=NUMBERS[0], reward="coffee"), TILL)
        desk.town.settle()
        shown = await desk.preview(desk.ben, desk.ana)

        stamps = next(each for each in shown["balances"] if each["unit"] == "stamps")
        assert (stamps["available"], stamps["held"]) == (7, 10)
        assert {each["number"] for each in shown["cards"]} == set(NUMBERS[:2])
        assert [each["reward"] for each in shown["rewards"]] == ["coffee"]
        assert (shown["obstacles"], shown["merges_left"]) == ([], 2)

    async def test_is_what_comes_to_be(self, desk: Desk) -> None:
        desk.town.ask(bought(desk.town, NUMBERS[0], 12), TILL)
        desk.town.ask(bought(desk.town, NUMBERS[1], 5), TILL)
        desk.town.settle()
        shown = await desk.preview(desk.ben, desk.ana)
        assert desk.merge(desk.ben, desk.ana) == "done"

        for number in NUMBERS[:2]:
            balance = await desk.get(f"/v1/cards/{number}/balance")
            assert (balance["balances"], balance["member_id"]) == (shown["balances"], desk.ben)

    async def test_leaves_out_what_a_deleted_card_collected_by_itself(self, desk: Desk) -> None:
        apart = desk.town.programme.cards.model_copy(update={"collects_together": False})
        desk.town.programme = desk.town.programme.model_copy(update={"cards": apart})
        desk.town.ask(bought(desk.town, NUMBERS[0], 12), TILL)
        assert desk.town.ask(IssueVirtualCard(member_id=desk.ana)) == "done"
        desk.town.settle()
        cards = (await desk.preview(desk.ben, desk.ana))["cards"]
        virtual = next(each["number"] for each in cards if each["kind"] == "virtual")
        desk.town.ask(bought(desk.town, virtual, 4), TILL)
        assert desk.town.ask(DeleteCard(card_number=virtual)) == "done"
        desk.town.settle()
        shown = await desk.preview(desk.ben, desk.ana)
        assert next(each["available"] for each in shown["balances"] if each["unit"] == "stamps") == 12

        desk.merge(desk.ben, desk.ana)
        assert desk.town.ask(RestoreCard(card_number=virtual)) == "done"
        desk.town.settle()
        balance = await desk.get(f"/v1/cards/{NUMBERS[0]}/balance")
        assert next(each["available"] for each in balance["balances"] if each["unit"] == "stamps") == 16

    async def test_says_what_stands_against_it_as_the_worker_would(self, desk: Desk) -> None:
        assert [each["code"] for each in (await desk.preview(desk.ben, desk.ben))["obstacles"]] == [
            "merge_with_oneself"
        ]
        assert desk.merge(desk.ben, desk.ana) == "done"
        (obstacle,) = (await desk.preview(desk.cid, desk.ana))["obstacles"]
        assert (obstacle["code"], desk.merge(desk.cid, desk.ana)) == ("member_already_merged",) * 2
        assert desk.ben in obstacle["text"]

    async def test_is_the_office_s_alone(self, desk: Desk) -> None:
        assert await desk.preview(desk.ben, desk.ana, by="app") == 403
        assert await desk.preview(desk.ben, "nobody") == 404
        assert await desk.preview("nobody", desk.ana) == 404


class TestAMemberWhoWasAbsorbed:
    async def test_is_found_as_the_survivor_by_every_key(self, desk: Desk) -> None:
        assert desk.merge(desk.ben, desk.ana) == "done"
        assert desk.merge(desk.cid, desk.ben) == "done"

        shown = await desk.get(f"/v1/members/{desk.ana}")
        assert (shown["id"], sorted(shown["absorbed"])) == (desk.cid, sorted((desk.ana, desk.ben)))
        assert set(shown["card_numbers"]) == set(NUMBERS[:3])
        cards = await desk.get(f"/v1/members/{desk.ana}/cards")
        assert {each["number"] for each in cards} == set(NUMBERS[:3])
        views = RegistrationViews(desk.shelf.readers["registration"])
        hits = (await views.search(Wanted(phone=phone(0)), most=5)).hits
        assert [each.member.id for each in hits] == [desk.cid]
        hits = (await views.search(Wanted(name="Person"), most=5)).hits
        assert sorted(each.member.id for each in hits) == sorted((desk.cid, desk.dan)), "each once"
        found = await views.member_by_phone(phone(0))
        assert found is not None
        assert found.id == desk.cid

    async def test_has_one_history_with_the_survivor(self, desk: Desk) -> None:
        desk.town.ask(BlockCard(card_number=NUMBERS[0], reason="lost"))
        desk.town.settle()
        desk.merge(desk.ben, desk.ana)

        lines = (await desk.get(f"/v1/members/{desk.ben}/timeline?limit=500"))["lines"]
        registered = [each["subjects"][0] for each in lines if each["what"] == "MemberRegistered"]
        assert sorted(registered) == sorted((desk.ana, desk.ben))
        assert {"MembersMerged", "CardMerged", "CardBlocked"} <= {each["what"] for each in lines}
        texts = await desk.get(f"/v1/members/{desk.ana}/messages")
        assert sorted(each["template"] for each in texts) == ["card_blocked", "welcome", "welcome"]

    async def test_shows_who_merged_whom_and_what_both_were_before(self, desk: Desk) -> None:
        desk.merge(desk.ben, desk.ana)
        desk.merge(desk.cid, desk.ben)

        shown = await desk.get(f"/v1/members/{desk.ana}/merges")
        assert {(each["survivor"]["member_id"], each["absorbed"]["member_id"]) for each in shown} == {
            (desk.ben, desk.ana),
            (desk.cid, desk.ben),
        }
        second = next(each for each in shown if each["survivor"]["member_id"] == desk.cid)
        assert second["absorbed"] == {
            "member_id": desk.ben,
            "card_numbers": [NUMBERS[1], NUMBERS[0]],
            "absorbed": [desk.ana],
        }
        assert (second["actor"]["id"], second["is_confirmed"]) == (OPERATOR.id, False)
