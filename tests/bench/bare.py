"""The bare pipe: the bytes that ours writes and sends, with nothing that decides what they are.

`python -m tests.bench.bare [--overlapped] WORKER PLAN`: poll, one transaction of bulk writes, publish, take what was
published out of the outbox, commit offsets. No message is decoded, no journal looked up, no document loaded and no
handler called: what each record comes to was rehearsed and stands in the plan by partition and offset. Overlapped it
publishes and closes one batch while it writes the next, as ours does: how fast this design could be if deciding cost
nothing.
"""

import asyncio
import pickle
import signal
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from contracts.topics import commands_topic
from runtime.admin import connection
from runtime.mongo import CODEC, MAJORITY
from runtime.publishing import Publisher
from runtime.settings import Settings
from runtime.store import connect
from runtime.transaction import JOURNAL, OUTBOX
from runtime.wire import POLL_MS, _ask_politely
from services.cli.session import run
from tests.bench.script import Played

Batch = tuple[Sequence[Played], dict[TopicPartition, int]]


class Bare:
    """The pipe."""

    def __init__(
        self, settings: Settings, worker: str, plan: dict[tuple[int, int], Played], *, is_overlapped: bool
    ) -> None:
        self._is_overlapped = is_overlapped
        self._settings = settings
        self._plan = plan
        self._client = connect(settings)
        self._database = self._client.get_database(
            settings.database(worker), codec_options=CODEC, write_concern=MAJORITY, read_concern=ReadConcern("majority")
        )
        self._publisher = Publisher(settings, "bare")
        self._topic = commands_topic(settings.prefix, worker)
        self._group = settings.group(worker)
        self._written: asyncio.Queue[Batch] = asyncio.Queue(maxsize=1)
        self._published: asyncio.Queue[Batch] = asyncio.Queue()
        self._consumer: AIOKafkaConsumer

    async def run(self) -> None:
        """Poll, write, publish and close, in turn or overlapped, until cancelled."""
        self._consumer = AIOKafkaConsumer(
            self._topic,
            **connection(self._settings),
            group_id=self._group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
        )
        await self._publisher.start()
        await self._consumer.start()
        _ask_politely(self._consumer, lambda: False)
        async with asyncio.TaskGroup() as tasks:
            if self._is_overlapped:
                tasks.create_task(self._publish_written())
                tasks.create_task(self._close_published())
            while True:
                polled = await self._consumer.getmany(timeout_ms=POLL_MS, max_records=self._settings.batch_records)
                if not polled:
                    continue
                played = [self._plan[each.partition, each.offset] for records in polled.values() for each in records]
                await self._write(played)
                offsets = {place: records[-1].offset + 1 for place, records in polled.items()}
                if self._is_overlapped:
                    await self._written.put((played, offsets))
                    continue
                await self._publish(played)
                await self._close([(played, offsets)])

    async def _write(self, batch: Sequence[Played]) -> None:
        """One transaction; what several messages change in a document is written once, as by ours."""
        inserts: dict[tuple[str, str], dict[str, Any]] = {}
        changes: dict[tuple[str, str], dict[str, Any]] = {}
        for played in batch:
            for collection, kind, document_id, fields in played.writes:
                place = (collection, document_id)
                if kind == "insert":
                    inserts[place] = fields
                elif place in inserts:
                    inserts[place].update(fields)
                else:
                    changes.setdefault(place, {}).update(fields)
        insert: dict[str, list[Any]] = defaultdict(list)
        update: dict[str, list[Any]] = defaultdict(list)
        for (collection, _), document in inserts.items():
            insert[collection].append(document)
        for (collection, document_id), fields in changes.items():
            update[collection].append({"q": {"_id": document_id}, "u": {"$set": fields}})
        parcel = batch[0].journal["_id"]
        for part, played in enumerate(batch):
            played.journal |= {"parcel": parcel, "part": part}
        insert[JOURNAL] = [played.journal for played in batch]
        parts = {str(part): played.part for part, played in enumerate(batch)}
        insert[OUTBOX] = [{"_id": parcel, "at": batch[0].journal["at"], "parts": parts}]

        async with await self._client.start_session() as session:
            session.start_transaction(read_concern=ReadConcern("snapshot"), write_concern=MAJORITY)
            options: dict[str, Any] = {"session": session, "codec_options": CODEC}
            for collection, updates in update.items():
                await self._database.command({"update": collection, "updates": updates}, **options)
            for collection, documents in insert.items():
                await self._database.command({"insert": collection, "documents": documents}, **options)
            await session.commit_transaction()

    async def _publish(self, batch: Sequence[Played]) -> None:
        await self._publisher.publish([each for played in batch for each in played.outgoing])

    async def _close(self, batches: Sequence[Batch]) -> None:
        """Take what was published out of the outbox, and commit its offsets."""
        outbox = self._database[OUTBOX].with_options(write_concern=WriteConcern(1))
        await outbox.delete_many({"_id": {"$in": [batch[0].journal["parcel"] for batch, _ in batches]}})
        await self._consumer.commit({place: offset for _, offsets in batches for place, offset in offsets.items()})

    async def _publish_written(self) -> None:
        while True:
            batch, offsets = await self._written.get()
            await self._publish(batch)
            self._published.put_nowait((batch, offsets))

    async def _close_published(self) -> None:
        while True:
            batches = [await self._published.get()]
            while not self._published.empty():
                batches.append(self._published.get_nowait())
            await self._close(batches)


async def main(worker: str, plan_file: Path, *, is_overlapped: bool) -> None:
    """Run until SIGTERM."""
    plan = pickle.loads(plan_file.read_bytes())  # our own
    task = asyncio.create_task(Bare(Settings(), worker, plan, is_overlapped=is_overlapped).run())
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    await asyncio.wait([task])
    if not task.cancelled():
        task.result()


if __name__ == "__main__":
    run(main(sys.argv[-2], Path(sys.argv[-1]), is_overlapped="--overlapped" in sys.argv))
