"""Gathering: what a run left in Kafka and MongoDB, as a history for the checker, read when nobody works any more."""

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from contracts.messages import header
from runtime.admin import connection, needed_topics
from runtime.decisions import Worker
from runtime.journal import Outgoing, record_from_raw
from runtime.local import LocalError
from runtime.serve import listen_topics
from runtime.settings import Settings
from runtime.store import CODEC, JOURNAL, LEASES, connect
from runtime.transaction import OUTBOX
from tests.chaos.sending import Posted
from tests.proof.history import History, Journaled, Kept, Place, Record, Saying, Sent

POLL_MS: Final = 1_000
REWIND_SECONDS: Final = 60.0
EMPTY_POLLS: Final = 30
"""So many polls without a record, while the broker says that there are some, are an error."""


async def gather(
    settings: Settings, workers: Iterable[Worker[Any]], sent: Sequence[Posted], notes: Mapping[str, Any]
) -> History:
    """Everything there is, from the beginning of every topic and every collection.

    Raises:
        LocalError: the broker doesn't give what it says it has.
    """
    records, ends = await _topics(settings)
    committed = await _offsets(settings, [settings.group(worker.name) for worker in workers])
    kept = {worker.name: await _kept(settings, worker, ends, committed) for worker in workers}
    return History(
        prefix=settings.prefix,
        sent=tuple(_sent(each) for each in {_content(each.message): each for each in sent}.values()),
        records=tuple(records),
        workers=kept,
        notes=notes,
    )


def _content(message: Outgoing) -> tuple[Any, ...]:
    return message.topic, message.key, message.value, tuple(message.headers)


def _sent(posted: Posted) -> Sent:
    message = posted.message
    name = header(message.headers, "ce_id")
    return Sent(message.topic, name, message.key, message.value, is_decodable=posted.is_decodable)


async def _topics(settings: Settings) -> tuple[list[Record], dict[Place, int]]:
    """All records, within a partition in order, and the ends of all partitions."""
    consumer = AIOKafkaConsumer(**connection(settings), enable_auto_commit=False, max_partition_fetch_bytes=8_000_000)
    await consumer.start()
    try:
        topics = needed_topics(settings)
        places = [TopicPartition(each.name, number) for each in topics for number in range(each.partitions)]
        ends = await consumer.end_offsets(places)
        consumer.assign([place for place in places if ends[place]])
        for place in consumer.assignment():
            consumer.seek(place, 0)
        left = {place for place in places if ends[place]}
        found: list[Record] = []
        empty = 0
        while left:
            polled = await consumer.getmany(timeout_ms=POLL_MS)
            empty = 0 if polled else empty + 1
            if empty > EMPTY_POLLS:
                raise LocalError(f"{len(left)} partitions end before their end offsets")
            for records in polled.values():
                found += [_record(each) for each in records]
            left = {place for place in left if await consumer.position(place) < ends[place]}
    finally:
        await consumer.stop()
    found.sort(key=lambda each: (each.topic, each.partition, each.offset))
    return found, {(place.topic, place.partition): end for place, end in ends.items()}


def _record(record: Any) -> Record:
    return Record(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        key=record.key,
        value=record.value,
        headers=tuple(record.headers),
        timestamp_ms=record.timestamp,
    )


async def _offsets(settings: Settings, groups: Iterable[str]) -> dict[str, dict[Place, int]]:
    admin = AIOKafkaAdminClient(**connection(settings))
    await admin.start()
    try:
        return {
            group: {
                (place.topic, place.partition): max(0, found.offset)
                for place, found in (await admin.list_consumer_group_offsets(group)).items()
            }
            for group in groups
        }
    finally:
        await admin.close()


async def _kept(
    settings: Settings, worker: Worker[Any], ends: Mapping[Place, int], committed: Mapping[str, Mapping[Place, int]]
) -> Kept:
    listened = set(listen_topics(worker, settings.prefix))
    client = connect(settings)
    try:
        database = client.get_database(settings.database(worker.name), codec_options=CODEC)
        collections: dict[str, list[Mapping[str, Any]]] = {}
        for name in await database.list_collection_names():
            collections[name] = await database[name].find().to_list(None)
    finally:
        client.close()
    parcels = {each["_id"]: each["parts"] for each in collections.pop(OUTBOX, [])}
    journal = [record_from_raw(raw, parcels) for raw in collections.pop(JOURNAL, [])]
    collections.pop(LEASES, None)
    return Kept(
        handles=frozenset(worker.handlers),
        collections={name: each.collection for name, each in worker.documents.items()},
        documents={name: tuple(documents) for name, documents in collections.items()},
        journal=tuple(
            Journaled(
                each.id,
                each.type,
                each.outcome.value,
                None if each.result is None else _saying(each.result),
                tuple(_saying(one) for one in each.messages),
            )
            for each in journal
        ),
        committed=dict(committed[settings.group(worker.name)]),
        ends={place: end for place, end in ends.items() if place[0] in listened},
        outbox_remains=sum(len(parts) for parts in parcels.values()),
    )


def _saying(message: Outgoing) -> Saying:
    return Saying(message.topic, message.key, message.value, tuple(message.headers))


async def rewind(settings: Settings, workers: Iterable[Worker[Any]]) -> None:
    """Set every group back to the beginning of all that it listens to; its processes must have stopped.

    Raises:
        LocalError: a group still counts a member as there, long after its session must have ended.
    """
    for worker in workers:
        topics = listen_topics(worker, settings.prefix)
        places = [TopicPartition(topic, number) for topic in topics for number in range(settings.partitions)]
        await _set_back(settings, settings.group(worker.name), places)


async def _set_back(settings: Settings, group: str, places: Sequence[TopicPartition]) -> None:
    consumer = AIOKafkaConsumer(**connection(settings), group_id=group, enable_auto_commit=False)
    await consumer.start()
    try:
        consumer.assign(places)
        end = time.monotonic() + REWIND_SECONDS
        while True:
            try:
                await consumer.commit(dict.fromkeys(places, 0))
            except KafkaError as error:  # members with a fixed name stay until their session ends
                if time.monotonic() > end:
                    raise LocalError(f"{group} can't be set back: {type(error).__name__}") from error
                await asyncio.sleep(1.0)
            else:
                return
    finally:
        await consumer.stop()
