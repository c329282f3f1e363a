"""The bare pipe: the bytes that ours writes and sends, with nothing that decides what they are.

`python -m tests.bench.bare WORKER PLAN`: poll, one transaction of bulk writes, publish, commit offsets. No message is
decoded, no journal looked up, no document loaded and no handler called: what each record comes to was rehearsed and
stands in the plan by partition and offset. Like ours it publishes one batch while it writes the next, and marks what it
published in the background. It is how fast this design could be if deciding cost nothing.
"""

import asyncio
import pickle
import signal
import sys
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from pymongo import InsertOne, UpdateOne
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from contracts.topics import commands_topic
from runtime.admin import connection
from runtime.pipeline import MARK_EVERY_SECONDS
from runtime.settings import Settings
from runtime.store import CODEC, JOURNAL, MAJORITY, connect
from runtime.wire import POLL_MS, Publisher
from tests.bench.script import Played

Batch = tuple[Sequence[Played], dict[TopicPartition, int]]


class Bare:
    """The pipe."""

    def __init__(self, settings: Settings, worker: str, plan: dict[tuple[int, int], Played]) -> None:
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
        self._undispatched: list[str] = []
        self._consumer: AIOKafkaConsumer

    async def run(self) -> None:
        """Poll and write, while what was written is published, until cancelled."""
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
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._publish())
            tasks.create_task(self._mark())
            while True:
                polled = await self._consumer.getmany(timeout_ms=POLL_MS, max_records=self._settings.batch_records)
                if not polled:
                    continue
                played = [
                    self._plan[each.partition, each.offset] for records in polled.values() for each in records
                ]
                await self._write(played)
                offsets = {place: records[-1].offset + 1 for place, records in polled.items()}
                await self._written.put((played, offsets))

    async def _write(self, batch: Sequence[Played]) -> None:
        """One transaction; what several messages change in a document is written once, as ours does."""
        inserts: dict[tuple[str, str], dict[str, Any]] = {}
        changes: dict[tuple[str, str], dict[str, Any]] = {}
        for played in batch:
            for collection, kind, id, fields in played.writes:
                place = (collection, id)
                if kind == "insert":
                    inserts[place] = fields
                elif place in inserts:
                    inserts[place].update(fields)
                else:
                    changes.setdefault(place, {}).update(fields)
        requests: dict[str, list[Any]] = defaultdict(list)
        for (collection, _), document in inserts.items():
            requests[collection].append(InsertOne(document))
        for (collection, id), fields in changes.items():
            requests[collection].append(UpdateOne({"_id": id}, {"$set": fields}))
        requests[JOURNAL] = [InsertOne(played.journal) for played in batch]

        async with await self._client.start_session() as session:
            session.start_transaction(read_concern=ReadConcern("snapshot"), write_concern=MAJORITY)
            for collection, writes in requests.items():
                await self._database[collection].bulk_write(writes, ordered=True, session=session)
            await session.commit_transaction()

    async def _publish(self) -> None:
        while True:
            batch, offsets = await self._written.get()
            await self._publisher.publish([each for played in batch for each in played.outgoing])
            await self._consumer.commit(offsets)
            self._undispatched += [played.journal["_id"] for played in batch]

    async def _mark(self) -> None:
        journal = self._database[JOURNAL].with_options(write_concern=WriteConcern(1))
        while True:
            await asyncio.sleep(MARK_EVERY_SECONDS)
            ids, self._undispatched = self._undispatched, []
            if ids:
                done = {"$set": {"dispatched_at": datetime.now(UTC)}, "$unset": {"messages": ""}}
                await journal.update_many({"_id": {"$in": ids}}, done)


async def main(worker: str, plan_file: Path) -> None:
    """Run until SIGTERM."""
    plan = pickle.loads(plan_file.read_bytes())  # noqa: S301  # our own
    task = asyncio.create_task(Bare(Settings(), worker, plan).run())
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    await asyncio.wait([task])
    if not task.cancelled():
        task.result()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
