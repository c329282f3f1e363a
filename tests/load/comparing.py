"""Comparisons: two processes of a worker against one, and what a command costs when there are many members."""

import asyncio
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from hashlib import blake2b
from pathlib import Path
from random import Random
from secrets import token_hex
from typing import Any, Final

import bson
from aiokafka import AIOKafkaConsumer, TopicPartition
from bson.raw_bson import RawBSONDocument
from pymongo import MongoClient
from pymongo.write_concern import WriteConcern
from uuid_utils import uuid7

from contracts.cards import CardIssued, CardKind, CardLinked
from contracts.messages import Command
from contracts.programme import Programme
from contracts.topics import results_topic
from runtime.admin import connection
from runtime.edge import stamped
from runtime.journal import Outgoing
from runtime.local import free_port
from runtime.local.child import Child, last_words
from runtime.settings import Settings
from tests.bench.commands import TILL, Shop, _asked, _happened, card_number
from tests.bench.script import Played, Rehearsal, Workload, rehearse
from tests.bench.ways import IDLE_SECONDS, LOOK_SECONDS, Run, Stuck
from tests.chaos.workers import all_workers

WARM_UP: Final = 4
"""A part of so many at the beginning isn't timed: all processes have to have joined by then."""
NOTHING: Final = Played([], {}, b"", ())
FIRST: Final = 1_000_000
"""Members are numbered from here on, so that all their numbers have as many digits."""
AT_ONCE: Final = 5_000
SPREAD: Final = 10_000
"""So often a document that was put there is read back through its class."""


class Several(Run):
    """One worker with several processes, on commands that lie in its topic."""

    def __init__(self, workload: Workload, settings: Settings, logs: Path, processes: int = 1) -> None:
        super().__init__("ours", workload, settings, {}, logs)
        self._processes = processes

    async def rate(self, count: int) -> float:
        """Commands a second, by the answers' arrival.

        Raises:
            Stuck: they were not all answered.
        """
        await self._publish(count)
        consumer = AIOKafkaConsumer(**connection(self._settings))
        await consumer.start()
        children = [self._process(slot) for slot in range(self._processes)]
        topic = results_topic(self._settings.prefix)
        places = [TopicPartition(topic, number) for number in range(self._settings.partitions)]
        before = sum((await consumer.end_offsets(places)).values())
        try:
            for child in children:
                child.start()
            return await self._timed(consumer, places, before, children, count)
        finally:
            for child in children:
                child.ask_to_stop()
            for child in children:
                await asyncio.to_thread(child.stop)
            await consumer.stop()

    def _process(self, slot: int) -> Child:
        environment = {
            **self._environment,
            "PUNCHCARD_HEALTH_PORT": str(free_port(self._settings.host)),
            "PUNCHCARD_SLOT": str(slot),
            "PUNCHCARD_PARTITIONS": str(self._settings.partitions),
        }
        return Child(f"ours-{slot}", self._command(Path(), None), self._logs / f"ours-{slot}.log", environment)

    async def _timed(
        self,
        consumer: AIOKafkaConsumer,
        places: Sequence[TopicPartition],
        before: int,
        children: Sequence[Child],
        count: int,
    ) -> float:
        started: tuple[int, float] | None = None
        seen, seen_at = 0, time.monotonic()
        while seen < count:
            now = sum((await consumer.end_offsets(places)).values()) - before
            at = time.monotonic()
            if now > seen:
                seen, seen_at = now, at
                if started is None and seen >= count // WARM_UP:
                    started = (seen, at)
            for child in children:
                if child.ended() is not None:
                    raise Stuck(f"{child.name} ended with {child.ended()}: {last_words(child.log)}")
            if at - seen_at > IDLE_SECONDS:
                raise Stuck(f"{seen} of {count} answered: {last_words(children[0].log)}")
            await asyncio.sleep(LOOK_SECONDS)
        assert started is not None
        return (count - started[0]) / (seen_at - started[1])


def under(servers: Settings, partitions: int = 4) -> Settings:
    """Settings for a run of its own."""
    return servers.model_copy(update={"prefix": f"bench-{token_hex(4)}", "partitions": partitions})


async def processes(servers: Settings, programme: Programme, logs: Path, count: int, most: int) -> dict[str, float]:
    """Purchases a second with one process of rewards and with several."""
    (workload,) = [each for each in await rehearse(programme, count) if each.name == "purchase"]
    found: dict[str, float] = {}
    for number in (1, most):
        run = Several(workload, under(servers), logs, number)
        try:
            await run.prepare()
            found[str(number)] = await run.rate(count)
        finally:
            await run.clean()
    return found


# -- many members


async def members(servers: Settings, programme: Programme, logs: Path, size: int, count: int) -> dict[str, float]:
    """Registrations and purchases a second where so many members are there already, and how long that took to make."""
    found: dict[str, float] = {}
    for worker, workload in (await _workloads(servers, programme, size, count)).items():
        run = Several(workload, settings := under(servers), logs)
        try:
            await run.prepare()
            began = time.monotonic()
            await asyncio.to_thread(fill, settings, worker, await template(programme, worker), size)
            found[f"{worker} filled in seconds"] = round(time.monotonic() - began, 1)
            found[workload.name] = await run.rate(count)
        finally:
            await run.clean()
    return found


async def _workloads(servers: Settings, programme: Programme, size: int, count: int) -> dict[str, Workload]:
    shop, random = Shop(programme, seed=9), Random(9)
    for _ in range(10):
        shop.purchase(card_number(0))  # the template's receipt numbers are taken
    cards = [card_number(FIRST + random.randrange(size)) for _ in range(count)]
    (joining,) = [each for each in await rehearse(programme, count) if each.name == "registration"]
    buying: list[Command] = [shop.purchase(card) for card in cards]
    placeholder = Settings(prefix=joining.commands[0].topic.split(".")[0])
    commands = [stamped(placeholder, "bench", each, str(uuid7()), TILL, None) for each in buying]
    return {
        "registration": joining,
        "rewards": Workload("purchase", "rewards", {}, commands, [NOTHING] * count),
    }


async def template(programme: Programme, worker: str) -> Mapping[str, Sequence[Mapping[str, Any]]]:
    """All documents of one member in a worker, as its own handlers make them."""
    settings = Settings(prefix="bench-00000000")
    card, shop = card_number(FIRST), Shop(programme)
    issued = _happened(settings, CardIssued(card_number=card, kind=CardKind.PHYSICAL, category="normal"))
    said: list[Outgoing] = [issued]
    if worker == "registration":
        said += _asked(settings, [shop.member(FIRST, card)])
    else:
        linked = CardLinked(card_number=card, member_id=f"member-{FIRST}", category="normal")
        said += [_happened(settings, linked), *_asked(settings, [shop.purchase(card, items=20)])]
    rehearsal = Rehearsal(worker, programme, settings)
    await rehearsal.prepare(said)
    return rehearsal.documents()


def fill(settings: Settings, worker: str, one: Mapping[str, Sequence[Mapping[str, Any]]], size: int) -> None:
    """Put the documents of so many members into a worker's database, each with ids, card, phone and receipt of its own.

    They are copies of what the worker's handlers made of one member, encoded once; every so often one is read back
    through its own class.
    """
    from runtime.mongo import CODEC, from_raw

    names = sorted({each["_id"] for documents in one.values() for each in documents if len(each["_id"]) == 32})
    encoded = {
        collection: [bson.encode(each, codec_options=CODEC) for each in found] for collection, found in one.items()
    }
    (own,) = [each for each in all_workers() if each.name == worker]
    classes = {each.collection: each for each in own.documents.values()}
    with ExitStack() as stack:
        client: MongoClient[RawBSONDocument] = stack.enter_context(
            MongoClient(settings.mongo_url.get_secret_value(), document_class=RawBSONDocument)
        )
        database = client.get_database(settings.database(worker), write_concern=WriteConcern(w=1))
        for start in range(0, size, AT_ONCE):
            numbers = range(start, min(size, start + AT_ONCE))
            for collection, templates in encoded.items():
                copies = [RawBSONDocument(copy) for each in templates for copy in _copies(each, names, numbers)]
                database[collection].insert_many(copies, ordered=False)
                if start % SPREAD == 0:
                    from_raw(classes[collection], bson.decode(copies[0].raw, codec_options=CODEC))


def _copies(encoded: bytes, names: Sequence[str], numbers: range) -> Iterator[bytes]:
    """One document for each number; what is replaced is as long as what replaces it, so its BSON stays whole."""
    held = [name.encode() for name in names if name.encode() in encoded]
    card, receipt = card_number(FIRST).encode(), b"r-00000001"
    for number in numbers:
        copy = encoded.replace(card, card_number(FIRST + number).encode()).replace(receipt, b"m-%08d" % number)
        copy = copy.replace(b"+491511%07d" % FIRST, b"+491511%07d" % (FIRST + number))
        copy = copy.replace(b"member.%d@" % FIRST, b"member.%d@" % (FIRST + number))
        copy = copy.replace(b"member-%d" % FIRST, b"member-%d" % (FIRST + number))
        for name in held:
            copy = copy.replace(name, blake2b(b"%b/%d" % (name, number), digest_size=16).hexdigest().encode())
        yield copy
