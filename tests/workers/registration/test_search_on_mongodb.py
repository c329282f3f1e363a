"""Searching on a real MongoDB: the same hits as in memory, by indexes alone, and keys that can be derived anew."""

from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any

import pytest
from typer.testing import CliRunner

from runtime.documents import Document, View
from runtime.settings import Settings
from runtime.store import Reader, Store
from services.cli.commands import app
from tests.workers.registration.test_search import ANA, ANNA, BEN, BENNO, EVERYBODY, HEIDE, card_number, person
from tests.workers.registration.test_views import keep
from workers import registration
from workers.registration.documents import Member
from workers.registration.search_terms import Wanted
from workers.registration.search_views import SearchViews

CROWD = tuple(person(number, f"Bea{number % 7}", f"Quast{number}") for number in range(1_000, 1_200))
NUMBER = card_number(3)
WRONG = NUMBER[:5] + str((int(NUMBER[5]) + 1) % 10) + NUMBER[6:]
SEARCHES: dict[str, tuple[Wanted, set[str]]] = {
    "last name": (Wanted(name="müller"), {ANA.id}),
    "first and last": (Wanted(name="mueller ana"), {ANA.id}),
    "beginnings": (Wanted(name="an mu"), {ANA.id, ANNA.id}),
    "further names": (Wanted(name="Maria Anna"), {ANNA.id}),
    "one further name": (Wanted(name="Nandu"), {HEIDE.id}),
    "one error": (Wanted(name="Ana Mulelr"), {ANA.id}),
    "two errors": (Wanted(name="Scnheiderman"), {BENNO.id}),
    "three words": (Wanted(name="Maria Mühlbauer Anna"), {ANNA.id}),
    "phone": (Wanted(phone="0151 1000 0003"), {BEN.id}),
    "end of a phone": (Wanted(phone="000 0003"), {BEN.id}),
    "beginning of an email": (Wanted(email="ana.m"), {ANA.id}),
    "word of an email": (Wanted(email="mueller@"), {ANA.id}),
    "card": (Wanted(card_number=NUMBER), {BEN.id}),
    "near card": (Wanted(card_number=WRONG, name="Ben"), {BEN.id}),
    "end of a card": (Wanted(card_number=NUMBER[-6:]), {BEN.id}),
    "member id": (Wanted(member_id=BEN.id), {BEN.id}),
    "birthday": (Wanted(birthday="1984-02-29"), {ANA.id, BENNO.id}),
    "birthday and name": (Wanted(birthday="29.2.", name="Ana"), {ANA.id}),
    "birthday and further name": (Wanted(birthday="28.2.", name="Maria"), {ANNA.id}),
    "phone and name": (Wanted(phone="0001", name="ana"), {ANA.id}),
    "what a receipt led to": (Wanted(led_to=(NUMBER,)), {BEN.id}),
}


class Explained(Reader):
    """A reader that notes how MongoDB goes about each question."""

    def __init__(self, reader: Reader) -> None:
        super().__init__(reader._database)
        self.plans: list[Mapping[str, Any]] = []

    async def find(self, document_class: type[Any], filter: Mapping[str, Any], **more: Any) -> list[Any]:
        await self._explain({"find": document_class.collection, "filter": filter, "limit": more.get("limit", 0)})
        return await super().find(document_class, filter, **more)

    async def distinct(self, document_class: type[Document], filters: Mapping[str, Mapping[str, Any]]) -> set[Any]:
        for field, wanted in filters.items():
            await self._explain({"distinct": document_class.collection, "key": field, "query": wanted})
        return await super().distinct(document_class, filters)

    async def _explain(self, command: Mapping[str, Any]) -> None:
        self.plans.append(await self._database.command({"explain": command, "verbosity": "executionStats"}))


def stages(plan: Any) -> Iterator[str]:
    """Every stage of a plan."""
    if isinstance(plan, Mapping):
        if "stage" in plan:
            yield str(plan["stage"])
        for each in plan.values():
            yield from stages(each)
    elif isinstance(plan, list):
        for each in plan:
            yield from stages(each)


@pytest.fixture
async def members(settings: Settings) -> AsyncIterator[Store]:
    store = Store(settings, "registration", registration.worker.documents.values())
    await store.open()
    yield store
    store.close()


class TestSearch:
    async def test_finds_by_every_key_with_indexes_alone(self, members: Store) -> None:
        await keep(members, *EVERYBODY, *CROWD)

        for what, (wanted, people) in SEARCHES.items():
            reader = Explained(members.reader)
            found = await SearchViews(reader).search(wanted, most=20, region="DE")

            assert {hit.member.id for hit in found.hits} == people, what
            for plan in reader.plans:
                used = set(stages(plan["queryPlanner"]["winningPlan"]))
                assert not used & {"COLLSCAN", "SORT"}, f"{what}: {used}"
                # Nobody of the crowd is looked at who isn't looked for.
                assert plan["executionStats"]["totalDocsExamined"] <= 2 * len(EVERYBODY), what

    async def test_asks_which_names_there_are_without_reading_members(self, members: Store) -> None:
        await keep(members, *EVERYBODY, *CROWD)
        reader = Explained(members.reader)

        await SearchViews(reader).search(Wanted(name="Qaust1100x"), most=20)

        asked = [plan for plan in reader.plans if "DISTINCT_SCAN" in stages(plan["queryPlanner"]["winningPlan"])]
        assert len(asked) == 2
        assert all(plan["executionStats"]["totalDocsExamined"] == 0 for plan in asked)

    async def test_follows_the_member(self, members: Store) -> None:
        await keep(members, BEN)
        async with members.transaction() as transaction:
            view = View()
            view.loaded((Member, BEN.id), BEN)
            view.take({(Member, BEN.id): BEN.evolve(last_name="Zielinski", card_numbers=())}, [])
            await transaction.commit(view, [])
        views = SearchViews(members.reader)

        assert (await views.search(Wanted(name="Schneider"), most=20)).hits == ()
        assert (await views.search(Wanted(card_number=NUMBER[-6:]), most=20)).hits == ()
        assert len((await views.search(Wanted(name="Zielinski"), most=20)).hits) == 1


class TestReindex:
    async def test_derives_keys_of_members_who_have_none_or_others(self, members: Store) -> None:
        await keep(members, *EVERYBODY)
        collection = members._database[Member.collection]
        await collection.update_one({"_id": BEN.id}, {"$unset": {"search": ""}})
        await collection.update_one({"_id": ANA.id}, {"$set": {"search.last": "otherwise"}})

        assert await members.derive_anew(Member) == 2
        assert await members.derive_anew(Member) == 0
        views = SearchViews(members.reader)
        assert (await views.search(Wanted(name="Ben Schneider"), most=20)).hits[0].member.id == BEN.id
        assert await members.reader.get(Member, ANA.id) == ANA

    def test_is_a_command(self, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PUNCHCARD_PREFIX", settings.prefix)
        monkeypatch.setenv("PUNCHCARD_MONGO_URL", settings.mongo_url.get_secret_value())

        done = CliRunner().invoke(app, ["reindex"])

        assert (done.exit_code, done.stdout.strip()) == (0, "0 documents had other keys")
