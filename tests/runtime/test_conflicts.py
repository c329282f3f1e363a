"""What a batch comes to when others write too, when the database says no, and when a commit's fate is unknown."""

import asyncio
from collections.abc import Sequence

import pytest

from runtime.journal import JournalRecord
from runtime.settings import Settings
from runtime.store import Transaction
from tests.runtime import faults
from tests.runtime.counting import Bloat, Chatter, Claim, Collide, Count, TakenName
from tests.runtime.machine import Bench, events, outcomes, reasons, texts

DONE = ("done", None)


class TestConflict:
    async def test_with_a_change_after_the_load_is_redone_and_right(self, settings: Settings) -> None:
        async with Bench(settings) as bench, Bench(settings) as other:
            await bench.settle(("c0", Count(counter="a")))

            async def meddle(_: Transaction) -> None:
                await other.settle(("x1", Count(counter="a", by=10)))

            faults.interfere(bench.store, meddle)
            settled = await bench.settle(("c1", Count(counter="a")), ("c2", Count(counter="b")))
            assert outcomes(settled) == [DONE, DONE]
            assert (await bench.total("a"), await bench.total("b")) == (12, 1)
            assert [texts(each.headers)["ce_sequence"] for each in events(settled)] == ["3", "1"]

    async def test_halves_the_next_batches_until_they_go_well_again(self, settings: Settings) -> None:
        async with Bench(settings) as bench, Bench(settings) as other:
            await bench.settle(("c0", Count(counter="a")))

            async def meddle(_: Transaction) -> None:
                await other.settle(("x1", Count(counter="a", by=10)))

            faults.interfere(bench.store, meddle)
            assert bench.batches.room == settings.batch_records
            await bench.settle(("c1", Count(counter="a")))
            rooms = [bench.batches.room]
            for number in range(2, 20):
                await bench.settle((f"c{number}", Count(counter="b")))
                rooms.append(bench.batches.room)
            assert rooms[0] == settings.batch_records // 2
            assert rooms == sorted(rooms)
            assert rooms[-1] == settings.batch_records

    async def test_with_a_deletion_after_the_load_is_redone(self, settings: Settings) -> None:
        async with Bench(settings) as bench:
            await bench.settle(("c0", Count(counter="a", by=5)))

            async def meddle(_: Transaction) -> None:
                await bench.store._database["counters"].delete_one({"_id": "a"})

            faults.interfere(bench.store, meddle)
            assert outcomes(await bench.settle(("c1", Count(counter="a")))) == [DONE]
            assert await bench.total("a") == 1

    async def test_of_two_claims_is_settled_by_the_database(self, settings: Settings) -> None:
        async with Bench(settings) as bench, Bench(settings) as other:
            for number in range(5):
                name = f"n{number}"
                both = await asyncio.gather(
                    bench.settle((f"b{number}", Claim(counter=name, owner="b")), (f"y{number}", Count(counter="y"))),
                    other.settle((f"o{number}", Claim(counter=name, owner="o")), (f"z{number}", Count(counter="z"))),
                )
                ends = [outcomes(each) for each in both]
                assert sorted(each[0] for each in ends) == [("done", None), ("refused", "name_taken")]
                assert [each[1] for each in ends] == [DONE, DONE]
                winner = "b" if ends[0][0] == DONE else "o"
                kept = await bench.store.reader.get(TakenName, name)
                assert kept is not None
                assert kept.owner == winner

    async def test_with_a_claim_that_commits_first_is_refused_when_redone(self, settings: Settings) -> None:
        async with Bench(settings) as bench, Bench(settings) as other:

            async def meddle(_: Transaction) -> None:
                await other.settle(("x1", Claim(counter="n", owner="other")))

            faults.interfere(bench.store, meddle)
            settled = await bench.settle(("c1", Claim(counter="n", owner="us")), ("c2", Count(counter="a")))
            assert outcomes(settled) == [("refused", "name_taken"), DONE]

    async def test_of_the_same_message_in_two_processes_has_one_effect(self, settings: Settings) -> None:
        async with Bench(settings) as bench, Bench(settings) as other:
            batch = [(f"c{number}", Count(counter=f"k{number % 3}")) for number in range(9)]
            first, second = await asyncio.gather(bench.settle(*batch), other.settle(*batch))
            assert [each.outgoing for each in first] == [each.outgoing for each in second]
            assert [await bench.total(f"k{number}") for number in range(3)] == [3, 3, 3]

    async def test_with_a_message_that_is_finished_but_not_yet_by_a_majority_waits_for_it(
        self, settings: Settings
    ) -> None:
        async with Bench(settings) as bench, Bench(settings) as other:
            said = await other.settle(("c1", Count(counter="a")))
            finished, blind = bench.store.finished, 11

            async def lagging(ids: Sequence[str]) -> dict[str, JournalRecord]:
                nonlocal blind
                blind -= 1
                return {} if blind > 0 else await finished(ids)

            bench.store.finished = lagging  # type: ignore[method-assign]  # that is the fault
            settled = await bench.settle(("c1", Count(counter="a")))
            assert [each.outgoing for each in settled] == [each.outgoing for each in said]
            assert await bench.total("a") == 1

    async def test_without_end_is_still_settled_one_by_one(self, settings: Settings) -> None:
        async with Bench(settings) as bench, Bench(settings) as other:
            await bench.settle(("c0", Count(counter="a")))
            number = 0

            async def meddle(_: Transaction) -> None:
                nonlocal number
                number += 1
                await other.settle((f"x{number}", Count(counter="a")))

            faults.interfere(bench.store, meddle, times=9)
            batch = [(f"c{each}", Count(counter="a")) for each in range(1, 5)]
            assert outcomes(await bench.settle(*batch)) == [DONE] * 4
            assert await bench.total("a") == 14


class TestUnwritable:
    async def test_collision_fails_after_bounded_tries_and_neighbours_are_done(self, settings: Settings) -> None:
        async with Bench(settings) as bench:
            await bench.settle(("c0", Claim(counter="n", owner="us")))
            batch = [(f"c{each}", Count(counter="a")) for each in range(1, 4)]
            settled = await bench.settle(*batch, ("c4", Collide(counter="n")), ("c5", Count(counter="a")))
            assert outcomes(settled) == [DONE, DONE, DONE, ("failed", "unwritable"), DONE]
            assert reasons(settled) == ["unwritable"]
            assert await bench.total("a") == 4
            kept = await bench.store.reader.get(TakenName, "n")
            assert kept is not None
            assert kept.owner == "us"

    async def test_document_fails_alone(self, settings: Settings) -> None:
        async with Bench(settings) as bench:
            batch = [(f"c{each}", Count(counter="a")) for each in range(1, 4)]
            settled = await bench.settle(*batch, ("c4", Bloat(counter="b")), ("c5", Count(counter="a")))
            assert outcomes(settled) == [DONE, DONE, DONE, ("failed", "unwritable"), DONE]
            assert reasons(settled) == ["unwritable"]
            assert (await bench.total("a"), await bench.total("b")) == (4, None)
            assert [texts(each.headers)["ce_sequence"] for each in events(settled)] == ["1", "2", "3", "4"]

    async def test_of_a_whole_batch_is_halved_until_its_parts_fit(self, settings: Settings) -> None:
        async with Bench(settings) as bench:
            settled = await bench.settle(
                *((f"c{each}", Chatter(counter=f"k{each}", characters=890_000)) for each in range(20))
            )
            assert outcomes(settled) == [DONE] * 20
            await bench.dispatched(*settled)
            assert (await bench.store.reader.journal_totals())["undispatched"] == 0


class TestUnknownCommit:
    @pytest.mark.parametrize("is_applied", [True, False])
    async def test_is_asked_of_the_journal(self, settings: Settings, is_applied: bool) -> None:
        async with Bench(settings) as bench:
            faults.unknown_commit(bench.store, is_applied=is_applied)
            settled = await bench.settle(
                ("c1", Count(counter="a")), ("c2", Count(counter="a", by=-1)), ("c3", Count(counter="a"))
            )
            assert outcomes(settled) == [DONE, ("refused", "not_upwards"), DONE]
            assert all(each.place is not None for each in settled)
            assert await bench.total("a") == 2
            journaled = await bench.store.finished(["c1", "c2", "c3"])
            for one, record in zip(settled, journaled.values(), strict=True):
                assert (*record.messages, record.result) == one.outgoing

    async def test_again_and_again_still_has_one_effect(self, settings: Settings) -> None:
        async with Bench(settings) as bench:
            faults.unknown_commit(bench.store, is_applied=False, times=4)
            settled = await bench.settle(*((f"c{each}", Count(counter="a")) for each in range(5)))
            assert outcomes(settled) == [DONE] * 5
            assert await bench.total("a") == 5
