"""Lanes: a worker's partitions, shared out among pipelines that run beside one another in one process.

While one lane waits for MongoDB another decides. A partition is always in the same lane, whatever its topic, so
what has one key stays in order; two lanes that meet at a document are settled by its transaction, as two processes are.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence

from runtime.arrivals import Record
from runtime.pipeline import Pipeline
from runtime.publishing import Place


class Lanes:
    """Several pipelines as one."""

    def __init__(self, lanes: Sequence[Pipeline]) -> None:
        self._lanes = lanes

    @property
    def taken(self) -> int:
        """How many records were polled so far."""
        return sum(lane.taken for lane in self._lanes)

    @property
    def is_hungry(self) -> bool:
        """Whether all wait for records and nothing else."""
        return all(lane.is_hungry for lane in self._lanes)

    @property
    def is_settling(self) -> bool:
        """Whether all are deciding a batch, so that records which come now wait anyway."""
        return all(lane.is_settling for lane in self._lanes)

    async def take(self, records: Sequence[Record]) -> None:
        """Take in a poll's records, each in its lane; waits for room, a little, as a pipeline does."""
        shares: dict[int, list[Record]] = defaultdict(list)
        for record in records:
            shares[record.partition % len(self._lanes)].append(record)
        await asyncio.gather(*(self._lanes[number].take(share) for number, share in shares.items()))

    async def revoked(self, places: Iterable[Place]) -> None:
        """Give partitions up, in all lanes."""
        gone = list(places)
        await asyncio.gather(*(lane.revoked(gone) for lane in self._lanes))

    async def run(self) -> None:
        """Carry batches until `stop`; returns when everything taken in hand is closed."""
        async with asyncio.TaskGroup() as running:
            for lane in self._lanes:
                running.create_task(lane.run())

    async def stop(self) -> None:
        """Finish what is in hand, leave what waits."""
        for lane in self._lanes:
            await lane.stop()
