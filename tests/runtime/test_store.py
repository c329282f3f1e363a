"""The store: what MongoDB's errors mean, what expires and what never does, leases, and what readers see."""

from datetime import UTC, datetime, timedelta
from typing import ClassVar

import pytest
from pydantic import SecretStr, ValidationError
from pymongo.errors import (
    AutoReconnect,
    DocumentTooLarge,
    DuplicateKeyError,
    InvalidOperation,
    NetworkTimeout,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
    WTimeoutError,
)

from runtime.documents import Document, View, fields_read
from runtime.mongo import Away, Conflict, Unfit, check_writes, sorted_errors
from runtime.settings import DAY_SECONDS, Settings
from runtime.store import Library, Store
from tests.runtime.counting import Alarm, Count, Counter, SetAlarm
from tests.runtime.machine import Bench, texts

TRANSIENT = {"errorLabels": ["TransientTransactionError"]}
MINUTE = timedelta(minutes=1)
UNKNOWN = {"errorLabels": ["UnknownTransactionCommitResult"]}


class TestSortedErrors:
    @pytest.mark.parametrize(
        ("error", "kind"),
        [
            (DuplicateKeyError("key"), Conflict),
            (OperationFailure("write conflict", 112, TRANSIENT), Conflict),
            (AutoReconnect("lost", UNKNOWN), Conflict),
            (WTimeoutError("late", 64, UNKNOWN), Conflict),
            (InvalidOperation("no session"), Conflict),
            (AutoReconnect("lost"), Away),
            (NetworkTimeout("late"), Away),
            (ServerSelectionTimeoutError("nobody"), Away),
            (OperationFailure("unauthorized", 13), Away),
            (PyMongoError("anything else"), Away),
            (DocumentTooLarge("large"), Unfit),
            (OverflowError("MongoDB can only handle up to 8-byte ints"), Unfit),
            (OperationFailure("BSONObj size", 10_334), Unfit),
        ],
    )
    async def test_tell_what_to_do(self, error: Exception, kind: type[Exception]) -> None:
        with pytest.raises(kind) as caught:
            async with sorted_errors():
                raise error
        is_duplicate = isinstance(caught.value, Conflict) and caught.value.duplicate
        assert is_duplicate is isinstance(error, DuplicateKeyError)

    @pytest.mark.parametrize(("code", "kind"), [(11_000, Conflict), (10_334, Unfit), (91, Away)])
    async def test_in_the_reply_to_a_write_tell_it_too(self, code: int, kind: type[Exception]) -> None:
        with pytest.raises(kind):
            check_writes([{"code": code}])
        check_writes([])

    async def test_leave_others_alone(self) -> None:
        with pytest.raises(ZeroDivisionError):
            async with sorted_errors():
                raise ZeroDivisionError


class TestOpen:
    async def test_makes_the_journal_expire_and_the_outbox_never(self, settings: Settings) -> None:
        async with Bench(settings) as bench:
            indexes = await bench.store._journal.index_information()
            expiring = {
                name: each["expireAfterSeconds"] for name, each in indexes.items() if "expireAfterSeconds" in each
            }
            assert expiring == {"at_1": settings.journal_days * DAY_SECONDS}
            kept = await bench.store._database["outbox"].index_information()
            assert not any("expireAfterSeconds" in each for each in kept.values())

    async def test_again_takes_over_a_changed_setting(self, settings: Settings) -> None:
        async with Bench(settings):
            pass
        async with Bench(settings.model_copy(update={"journal_days": 30})) as bench:
            indexes = await bench.store._journal.index_information()
            assert indexes["at_1"]["expireAfterSeconds"] == 30 * DAY_SECONDS

    async def test_makes_the_documents_indexes(self, settings: Settings) -> None:
        async with Bench(settings) as bench:
            assert "total_1" in await bench.store._database["counters"].index_information()

    async def test_without_a_server_is_away(self, settings: Settings) -> None:
        nowhere = SecretStr("mongodb://127.0.0.1:1/?replicaSet=punchcard&serverSelectionTimeoutMS=100")
        store = Store(settings.model_copy(update={"mongo_url": nowhere}), "cards", ())
        with pytest.raises(Away):
            await store.open()
        store.close()


class TestSettings:
    @pytest.mark.parametrize("journal_days", [7, 6.9])
    def test_refuse_a_journal_that_forgets_before_the_topics_do(self, journal_days: float) -> None:
        with pytest.raises(ValidationError, match="must exceed retention_days"):
            Settings(retention_days=7, journal_days=journal_days)


class TestMarkDispatched:
    async def test_empties_the_outbox_and_keeps_the_answer(self, settings: Settings) -> None:
        async with Bench(settings) as bench:
            first = await bench.settle(*((f"c{each}", Count(counter="a")) for each in range(3)))
            assert (await bench.store.reader.journal_totals()) == {"done": 3, "undispatched": 3}
            await bench.dispatched(*first)
            assert (await bench.store.reader.journal_totals()) == {"done": 3, "undispatched": 0}
            assert await bench.store._database["outbox"].count_documents({}) == 0
            record = (await bench.store.finished(["c1"]))["c1"]
            assert record.is_dispatched
            assert record.messages == ()
            assert record.result == first[1].outgoing[-1]

    async def test_of_a_part_leaves_the_rest(self, settings: Settings) -> None:
        async with Bench(settings) as bench:
            first = await bench.settle(*((f"c{each}", Count(counter="a")) for each in range(3)))
            await bench.dispatched(first[1])
            assert (await bench.store.reader.journal_totals())["undispatched"] == 2
            again = await bench.settle(*((f"c{each}", Count(counter="a")) for each in range(3)))
            assert [len(each.outgoing) for each in again] == [2, 1, 2]
            await bench.dispatched(*again)
            await bench.dispatched(*again)
            assert await bench.store._database["outbox"].count_documents({}) == 0

    async def test_counts_a_part_once_however_it_was_found(self, settings: Settings) -> None:
        async with Bench(settings) as bench:
            first = await bench.settle(*((f"c{each}", Count(counter="a")) for each in range(2)))
            again = await bench.settle(("c0", Count(counter="a")))
            await bench.dispatched(first[0], again[0])
            assert (await bench.store.reader.journal_totals())["undispatched"] == 1


class TestCommit:
    async def test_counts_what_it_matched(self, settings: Settings) -> None:
        ghost = Counter(id="ghost", version=1)
        view = View()
        view.loaded((Counter, "ghost"), ghost)
        view.take({(Counter, "ghost"): ghost.evolve(total=1)}, [])
        async with Bench(settings) as bench:
            with pytest.raises(Conflict, match="gone"):
                async with bench.store.transaction() as transaction:
                    await transaction.commit(view, [])


class TestLease:
    async def test_is_one_holders_until_it_ends(self, settings: Settings) -> None:
        async with Bench(settings) as bench, Bench(settings) as other:
            assert await bench.store.take_leases(["send"], 0.2) == {"send"}
            assert await other.store.take_leases(["send", "else"], 0.2) == {"else"}
            while not await other.store.take_leases(["send"], 5):
                pass
            assert not await bench.store.take_leases(["send"], 5)


class TestReader:
    async def test_finds_by_filter_order_and_limit(self, settings: Settings) -> None:
        at = datetime.now(UTC).replace(microsecond=0)
        async with Bench(settings) as bench:
            await bench.settle(
                *((f"c{each}", Count(counter=f"k{each}", by=each)) for each in range(1, 5)),
                ("a", SetAlarm(counter="a", rings_at=at)),
            )
            library = Library(settings)
            reader = library.worker("cards")
            found = await reader.find(Counter, {"total": {"$gt": 1}}, sort=[("total", -1)], limit=2)
            assert [each.id for each in found] == ["k4", "k3"]
            assert await reader.get(Counter, "unheard-of") is None
            alarms = await reader.find(Alarm, {"rings_at": {"$lte": at + timedelta(seconds=1)}})
            assert [each.rings_at for each in alarms] == [at]
            journaled = await reader.journal("c1")
            assert journaled is not None
            assert journaled.type == "Count"
            library.close()

    async def test_reads_of_an_excerpt_its_own_fields_alone(self, settings: Settings) -> None:
        class Excerpt(Document):
            collection: ClassVar = Counter.collection
            is_excerpt: ClassVar = True

            total: int

        async with Bench(settings) as bench:
            await bench.settle(("c1", Count(counter="k1", by=3)))
            library = Library(settings)
            reader = library.worker("cards")

            assert (fields_read(Excerpt), fields_read(Counter)) == (("_id", "version", "total"), None)
            assert await reader.get(Excerpt, "k1") == Excerpt(id="k1", version=1, total=3)
            assert await reader.find(Excerpt, {}) == [Excerpt(id="k1", version=1, total=3)]
            library.close()


class TestOutbox:
    async def test_is_said_in_the_order_of_a_partition_whatever_clocks_say(self, settings: Settings) -> None:
        noon = datetime.now(UTC)
        async with Bench(settings, clock=lambda: noon + MINUTE) as ahead, Bench(settings, clock=lambda: noon) as bench:
            await ahead.settle(("c1", Count(counter="a")))
            await bench.settle(("c1", Count(counter="a")), ("c2", Count(counter="a")))
            await bench.settle(("c3", Count(counter="a")))
            assert await said(bench) == ["c1", "c2", "c3"]

    async def test_is_said_before_what_is_done_after_a_restart(self, settings: Settings) -> None:
        noon = datetime.now(UTC)
        async with Bench(settings, clock=lambda: noon + MINUTE) as ahead:
            await ahead.settle(("c1", Count(counter="a")))
        async with Bench(settings, clock=lambda: noon) as bench:
            assert await said(bench) == ["c1"]
            await bench.settle(("c2", Count(counter="a")))
            assert await said(bench) == ["c1", "c2"]


async def said(bench: Bench) -> list[str]:
    """The causes of the events that wait in the outbox, in its order."""
    left = await bench.store.undispatched()
    return [texts(each.headers)["ce_causationid"] for each in left if each.topic.endswith(".events")]
