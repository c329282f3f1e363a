"""Lanes: each partition in one of them, and in order there."""

import asyncio
from types import SimpleNamespace
from typing import Any

from runtime.lanes import Lanes


class Lane:
    """A pipeline's stand-in that notes what it gets."""

    def __init__(self) -> None:
        self.got: list[tuple[str, int, int]] = []
        self.gone: list[Any] = []
        self.taken = 0
        self.is_hungry = True

    async def take(self, records: list[Any]) -> None:
        self.taken += len(records)
        self.got += [(each.topic, each.partition, each.offset) for each in records]

    async def revoked(self, places: Any) -> None:
        self.gone += places


def record(topic: str, partition: int, offset: int) -> Any:
    return SimpleNamespace(topic=topic, partition=partition, offset=offset)


class TestLanes:
    async def test_keep_a_partition_in_one_lane_whatever_its_topic(self) -> None:
        both = [Lane(), Lane()]
        lanes = Lanes(both)  # type: ignore[arg-type]  # stand-ins
        await lanes.take([record(topic, number % 4, number) for number in range(40) for topic in ("a", "b")])

        assert lanes.taken == 80
        for parity, lane in enumerate(both):
            assert {partition % 2 for _, partition, _ in lane.got} == {parity}
            for topic in ("a", "b"):
                offsets = [offset for name, _, offset in lane.got if name == topic]
                assert offsets == sorted(offsets)

    async def test_are_hungry_when_all_are(self) -> None:
        both = [Lane(), Lane()]
        both[1].is_hungry = False
        assert not Lanes(both).is_hungry  # type: ignore[arg-type]  # stand-ins

    async def test_all_give_partitions_up(self) -> None:
        both = [Lane(), Lane()]
        await asyncio.wait_for(Lanes(both).revoked(iter([("a", 1)])), 1)  # type: ignore[arg-type]  # stand-ins
        assert [lane.gone for lane in both] == [[("a", 1)], [("a", 1)]]
