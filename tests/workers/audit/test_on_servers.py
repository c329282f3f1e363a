"""The trail on a real MongoDB: what is written is what is read."""

from dataclasses import replace

from contracts.audit import RecordLook
from contracts.cards import CardBlocked
from contracts.messages import CommandEnded, Outcome
from contracts.topics import commands_topic, results_topic
from runtime.settings import Settings
from tests.runtime.machine import Bench, fresh_id, letters, message, reasons, replaced, whole
from workers.audit import worker
from workers.audit.documents import Entry
from workers.audit.views import AuditViews, verify

CARD = "4000000000000002"


async def test_a_trail_is_whole_and_has_its_timeline(settings: Settings) -> None:
    blocked = CardBlocked(card_number=CARD, member_id="m1", reason="lost")
    ended = CommandEnded(command_id="c-1", command="BlockCard", subject=CARD, outcome=Outcome.DONE)
    look = RecordLook(subject="m1", what="profile")
    async with Bench(settings, worker) as bench:
        for _ in range(3):
            await bench.settle(
                *[(fresh_id(), blocked) for _ in range(20)],
                message(settings, fresh_id(), ended, topic=results_topic(settings.prefix)),
                message(settings, fresh_id(), look, topic=commands_topic(settings.prefix, "audit")),
            )
        reader = bench.store.reader
        verdict = await verify(reader)
        assert verdict.is_whole
        assert verdict.entries == 66

        views = AuditViews(reader)
        first = await views.timeline(["m1", CARD], limit=40)
        rest = await views.timeline(["m1", CARD], limit=40, before=first[-1].cursor)
        assert len({line.id for line in (*first, *rest)}) == 66
        assert {line.what for line in first} == {"CardBlocked", "BlockCard", "RecordLook"}
        assert [line.happened_at for line in first] == sorted((line.happened_at for line in first), reverse=True)

        entry = (await reader.find(Entry, {"subjects": CARD}, limit=1))[0]
        await bench.store._database[Entry.collection].update_one({"_id": entry.id}, {"$set": {"subjects": ["m2"]}})
        assert [each.reason for each in (await verify(reader)).breaks] == [
            "the entry is filed under other subjects than it names"
        ]


async def test_an_entry_outside_of_all_chains_is_found(settings: Settings) -> None:
    blocked = CardBlocked(card_number=CARD, member_id="m1", reason="lost")
    async with Bench(settings, worker) as bench:
        await bench.settle((fresh_id(), blocked))
        reader = bench.store.reader
        assert (await verify(reader)).is_whole

        entries = bench.store._database[Entry.collection]
        entry = await entries.find_one({})
        assert entry is not None
        strays = ["48/000000000001", "07", "07/~1", "07/000000000001\n", 7]
        await entries.insert_many([{**entry, "_id": stray} for stray in strays])
        assert {each.where for each in (await verify(reader)).breaks} >= {repr(stray) for stray in strays}


async def test_an_event_of_a_type_from_tomorrow_is_buried_and_recorded_when_it_is_known(settings: Settings) -> None:
    blocked = message(settings, fresh_id(), CardBlocked(card_number=CARD, member_id="m1", reason="lost"))
    tomorrow = replace(blocked, headers=replaced(blocked.headers, "ce_type", b"FromTomorrow"))
    async with Bench(settings, worker) as bench:
        [settled] = await bench.settle(tomorrow)
        assert reasons([settled]) == ["unknown_type"]
        [letter] = letters([settled])
        kept = await whole(bench.store.reader, letter)
        assert kept is not None
        assert (kept.key, kept.value) == (tomorrow.key, tomorrow.value)

        assert letters(await bench.settle(blocked)) == []
        assert (await verify(bench.store.reader)).entries == 1
