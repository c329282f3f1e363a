"""What each view and timer asks of MongoDB is served by an index, however long the history is, and nothing is sorted.

Every public method of every worker's views is called, again with each of its options, on members with a history, while
MongoDB notes how it answered. A view that is added is in the test at once: what it asks for is made up from its type,
which shows whether an index serves it. Say in SAMPLES what would find something, and in OPTIONS what it may be asked
besides, and it is held to read no more than it gives, too.
"""

import asyncio
import inspect
from collections.abc import AsyncIterator, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from importlib import import_module
from typing import Any, Final
from uuid import uuid4

import pytest
from pydantic import SecretStr
from pymongo import MongoClient

from contracts.coupons import CouponState
from contracts.messages import wire_time
from contracts.rewards import RewardState
from runtime.serve import documents_due
from runtime.settings import Settings
from runtime.store import CODEC, Library, Store, connect, to_raw
from tests.decisions import NOON
from tests.servers import Servers
from tests.workers.long_history import CARD, OLD_CARD, OPEN_CALL, PROGRAMME, at, card, entry, history, member
from workers.audit.views import AuditViews
from workers.cards.views import CardsViews
from workers.notifications.views import NotificationViews
from workers.registration.views import RegistrationViews, Wanted
from workers.rewards.documents import Card, Purchase
from workers.rewards.ledger_views import cursor_of
from workers.rewards.views import RewardsViews

VIEWS: Final[Mapping[str, type[Any]]] = {
    "rewards": RewardsViews,
    "cards": CardsViews,
    "registration": RegistrationViews,
    "notifications": NotificationViews,
    "audit": AuditViews,
}
WORKERS: Final = tuple(VIEWS)
FEW: Final = 5
"""So many are asked for."""
MOST_EXAMINED: Final = 20
"""Documents that may be read for them; the account, its card and a merged account's are among these."""
WHOLE: Final = {
    "RegistrationViews.members_by_phones": "as many as there are phones",
    "RewardsViews.accounts_by_card": "as many as there are cards",
    "CardsViews.cards_of": "a member's cards, which are few",
    "CardsViews.chain_of": "the cards of a chain, which are few",
    "NotificationViews.messages_on_their_way": "what waits to be sent, for operators alone",
    "RewardsViews.together": "what two members have under way, a bounded number",
    "RewardsViews.explanation": "a window of a bounded length",
    "RewardsViews.purchases(unit)": "those of a bounded number",
    "RewardsViews.cards_by_receipt": "receipts with one number, of a bounded number of them",
    "RewardsViews.cards_by_receipt(store)": "the same",
    "RewardsViews.cards_by_receipt(business_day)": "the same",
}
"""What may read more than a few documents, and why."""
SORTED: Final = {"CardsViews.cards_of": "a member's cards, which are few"}
"""What may sort, and why."""
KEYS_ONLY: Final = {
    "RewardsViews.purchases(store)": "another store's are passed by within the index",
    "RewardsViews.purchases_by_receipt(store)": "another store's are passed by within the index",
    "RewardsViews.coupons(state)": "those of another state are passed by within the index",
}
"""What may look at more keys than it reads documents, and why."""


SAMPLES: Final[Mapping[str, Any]] = {
    "account_id": "a-1",
    "call_id": OPEN_CALL,
    "card": card(1, "m1").evolve(id=OLD_CARD, first_number=OLD_CARD),
    "card_number": CARD,
    "card_numbers": [CARD, OLD_CARD],
    "coupon_code": "a-1-c1",
    "entries": [entry(1, "a-1").evolve(adjustment_id="a-1-a1")],
    "entry_id": "a-1-e1",
    "member_id": "m1",
    "message_id": "m1-1",
    "member": member(1),
    "now": NOON,
    "offers": PROGRAMME.rewards.offers,
    "operator_id": "olga",
    "phone": "+491511200001",
    "phones": ["+491511200001", "+491511200002"],
    "programme": PROGRAMME,
    "purchase_id": "a-1-p1",
    "receipt_number": "17",
    "reward_id": "a-1-r1",
    "subjects": ["m1", CARD, "a-1"],
    "limit": FEW,
    "most": FEW,
    "recent": FEW,
    "wanted": Wanted(phone="+49 1511 200001"),
}
OPTIONS: Final[Mapping[str, Mapping[str, Any]]] = {
    "RewardsViews.ledger": {"before": cursor_of(entry(FEW, "a-1"))},
    "RewardsViews.purchases": {"store": "s1", "unit": "points", "sort": (("purchased_at", 1),)},
    "RewardsViews.purchases_by_receipt": {"store": "s1"},
    "RegistrationViews.search": {"region": "DE"},
    "RewardsViews.cards_by_receipt": {"store": "s1", "business_day": NOON.date()},
    "RewardsViews.rewards": {"state": RewardState.OUTSTANDING},
    "RewardsViews.coupons": {"state": CouponState.ISSUED},
    "AuditViews.timeline": {"before": f"{wire_time(at(FEW))}|m1/000001", "since": at(FEW), "until": at(FEW)},
}
"""What each view may be asked besides; each is asked by itself."""
UNTRIED: Final[Mapping[str, str]] = {
    "RegistrationViews.search": "what is wanted has a form of its own",
    "RegistrationViews.survivor_of": "asks only of an absorbed member's record, by its id",
}
"""What is not tried here, and why."""
OTHER_CARD: Final = {"RewardsViews.is_hidden": Card(id=OLD_CARD, account_id="a-1", replaced_by=CARD)}


def made_up(parameter: inspect.Parameter) -> Any:
    """Something that a view may be asked for: a sample, or else nothing that there is, by its type."""
    by_type = {str: "x", int: FEW, bool: False, datetime: NOON, Sequence[str]: ["x"], Collection[str]: ["x"]}
    if parameter.name in SAMPLES:
        return SAMPLES[parameter.name]
    assert parameter.annotation in by_type, f"{parameter.name}: say in SAMPLES what {parameter.annotation} may be"
    return by_type[parameter.annotation]


def calls() -> list[tuple[str, str, str, dict[str, Any]]]:
    """Worker, view, what is asked besides, arguments."""
    found: list[tuple[str, str, str, dict[str, Any]]] = []
    for worker, views in VIEWS.items():
        for method, function in inspect.getmembers(views, inspect.iscoroutinefunction):
            name = f"{views.__name__}.{method}"
            if method.startswith("_") or name in UNTRIED:
                continue
            parameters = list(inspect.signature(function).parameters.values())[1:]
            required = {each.name for each in parameters if each.default is each.empty} | {"limit"}
            given = {each.name: made_up(each) for each in parameters if each.name in required}
            given |= {"card": OTHER_CARD[name]} if name in OTHER_CARD else {}
            options = OPTIONS.get(name, {})
            assert options.keys() <= {each.name for each in parameters}, f"{name} has no such option"
            found.append((worker, method, "", given))
            found += [(worker, method, f"({option})", {**given, option: value}) for option, value in options.items()]
    return found


def is_sampled(views: object, method: str) -> bool:
    """Whether all that a view is asked for is a sample, which finds something."""
    parameters = inspect.signature(getattr(views, method)).parameters.values()
    return all(each.name in SAMPLES or each.default is not each.empty for each in parameters)


@asynccontextmanager
async def noted(database: Any) -> AsyncIterator[list[dict[str, Any]]]:
    """How MongoDB answered what it was asked meanwhile."""
    notes: list[dict[str, Any]] = []
    await database.drop_collection("system.profile")
    await database.command("profile", 2)
    try:
        yield notes
    finally:
        await database.command("profile", 0)
        asked = database["system.profile"].find({"op": {"$in": ["query", "command", "getmore"]}})
        notes += [each for each in await asked.to_list(None) if "planSummary" in each]


@pytest.fixture(scope="module")
def settings(servers: Servers) -> Iterator[Settings]:
    """Settings of databases with a history, indexed as workers index them; made once, as nothing here writes."""
    own = Settings(
        prefix=f"test-{uuid4().hex[:10]}", kafka_servers=servers.kafka_servers, mongo_url=SecretStr(servers.mongo_url)
    )
    with MongoClient[Mapping[str, Any]](servers.mongo_url) as client:
        for worker, documents in history().items():
            asyncio.run(indexed(own, worker))
            database = client.get_database(own.database(worker), codec_options=CODEC)
            for collection in {each.collection for each in documents}:
                raws = [dict(to_raw(each)) for each in documents if each.collection == collection]
                database[collection].insert_many(raws, ordered=False)
        yield own
        for worker in WORKERS:
            client.drop_database(own.database(worker))


async def indexed(settings: Settings, worker: str) -> None:
    """Make a worker's collections and indexes."""
    store = Store(settings, worker, import_module(f"workers.{worker}").worker.documents.values())
    await store.open()
    store.close()


@pytest.fixture
def library(settings: Settings) -> Iterator[Library]:
    """Readers over these databases."""
    opened = Library(settings)
    yield opened
    opened.close()


def complaints(name: str, notes: Iterable[Mapping[str, Any]], *, most: int = MOST_EXAMINED) -> list[str]:
    """What is wrong with how MongoDB answered."""
    found: list[str] = []
    for note in notes:
        plan, documents, keys = note["planSummary"], note.get("docsExamined", 0), note.get("keysExamined", 0)
        told = f"{name}: {note['ns'].partition('.')[2]} {plan}, {documents} documents, {keys} keys examined"
        if "COLLSCAN" in plan:
            found.append(f"{told}: no index serves it")
        if note.get("hasSortStage") and name not in SORTED:
            found.append(f"{told}: everything found is sorted")
        if name not in WHOLE and documents > most:
            found.append(f"{told}: more documents than are asked for")
        if name not in WHOLE and name not in KEYS_ONLY and keys > 2 * most:
            found.append(f"{told}: more keys than documents are asked for")
    return found


class TestQueries:
    async def test_of_views_read_what_they_give_and_no_more(self, library: Library, settings: Settings) -> None:
        client = connect(settings)
        found: list[str] = []
        for worker, method, option, arguments in calls():
            views = VIEWS[worker](library.worker(worker))
            name = f"{type(views).__name__}.{method}{option}"
            async with noted(client[settings.database(worker)]) as notes:
                given = await getattr(views, method)(**arguments)
            if is_sampled(views, method):
                assert given not in (None, [], {}), f"{name} found nothing: it was not tried"
                assert notes, f"{name} asked nothing"
            found += complaints(name, notes)
        client.close()
        assert found == []

    async def test_of_timers_read_the_longest_overdue_and_no_others(self, library: Library, settings: Settings) -> None:
        client = connect(settings)
        found: list[str] = []
        for name in WORKERS:
            for due in import_module(f"workers.{name}").worker.timers:
                async with noted(client[settings.database(name)]) as notes:
                    await documents_due(library.worker(name), due, at(FEW))
                assert notes, f"{due.document.__name__} was not asked for"
                found += complaints(f"{due.document.__name__}.{due.field}", notes)
        client.close()
        assert found == []

    async def test_that_no_index_serves_are_found_out(self, library: Library, settings: Settings) -> None:
        """The test itself is tried: a scan, a sort and a filter on what was read all meet its complaints."""
        client = connect(settings)
        reader = library.worker("rewards")
        asked: tuple[tuple[dict[str, Any], tuple[tuple[str, int], ...]], ...] = (
            ({"state": "confirmed"}, ()),
            ({"account_id": "a-1"}, (("purchased_at", -1), ("_id", 1))),
            ({"account_id": "a-1", "till": "t2"}, (("purchased_at", -1),)),
        )
        for where, sort in asked:
            async with noted(client[settings.database("rewards")]) as notes:
                await reader.find(Purchase, where, sort=sort, limit=FEW)
            assert complaints("a view", notes), where
        client.close()


def test_what_is_excepted_exists() -> None:
    names = {f"{VIEWS[worker].__name__}.{method}{option}" for worker, method, option, _ in calls()}

    assert {*WHOLE, *SORTED, *KEYS_ONLY} <= names
