"""What those who run the platform do to its topics: create, look, read dead letters, send them back."""

import asyncio
import ssl
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.conn import create_conn
from aiokafka.errors import KafkaConnectionError, KafkaError, for_code

from contracts.messages import WORKERS
from contracts.topics import Topic, all_topics, commands_topic, dead_topic
from runtime.journal import Outgoing
from runtime.letters import DEAD_CUT, DEAD_HEADERS, DEAD_SHUT, opened_letter
from runtime.persons import DEAD_LETTERS, PersonKey
from runtime.settings import DAY_SECONDS, Settings
from runtime.store import Away, Library

READ_SECONDS: Final = 10
"""How long a reader waits for records that the broker says are there."""
SETTLE_SECONDS: Final = 5
ASK_WHY_MS: Final = 5_000
LATEST_MS: Final = 253_402_300_799_999
"""The end of the year 9999: a producer may stamp its records as it likes."""
_ALREADY_THERE: Final = 36


class AdminError(Exception):
    """What was asked can't be done; the text is one line for the operator."""


@dataclass(frozen=True, slots=True)
class TopicState:
    """A topic as it has to be, and as it is."""

    topic: Topic
    partitions: int
    records: int


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that a worker could not process: its original bytes, and why."""

    worker: str
    partition: int
    offset: int
    buried_at: datetime
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]

    @property
    def address(self) -> str:
        """Where it lies, as commands take it."""
        return f"{self.worker}/{self.partition}/{self.offset}"

    def header(self, name: str) -> str:
        """A header as text, empty where it is missing or null."""
        return next((_text(value) for key, value in self.headers if key == name), "")

    @property
    def original_headers(self) -> list[tuple[str, bytes]]:
        """The headers with which it was sent."""
        return [(name, value) for name, value in self.headers if name not in DEAD_HEADERS]


def connection(settings: Settings) -> dict[str, Any]:
    """How any Kafka client of ours connects, as arguments of aiokafka."""
    arguments: dict[str, Any] = {
        "bootstrap_servers": settings.kafka_servers,
        "security_protocol": settings.kafka_security_protocol,
    }
    if "SASL" in settings.kafka_security_protocol:
        arguments["sasl_mechanism"] = settings.kafka_sasl_mechanism
        arguments["sasl_plain_username"] = settings.kafka_username
        arguments["sasl_plain_password"] = settings.kafka_password and settings.kafka_password.get_secret_value()
    if "SSL" in settings.kafka_security_protocol:
        arguments["ssl_context"] = ssl.create_default_context(cafile=settings.kafka_ca_file)
    return arguments


def needed_topics(settings: Settings) -> tuple[Topic, ...]:
    """The topics that these settings ask for."""
    return all_topics(settings.prefix, settings.partitions, settings.retention_days * DAY_SECONDS)


async def create_topics(settings: Settings) -> list[str]:
    """Creates the topics that are missing; says which.

    Raises:
        AdminError: the broker refuses, or can't be reached.
    """
    async with _admin(settings) as admin:
        present = set(await admin.list_topics())
        missing = [topic for topic in needed_topics(settings) if topic.name not in present]
        if not missing:
            return []
        answer: Any = await admin.create_topics([_new_topic(topic, settings.kafka_replication) for topic in missing])
        for name, code, *text in answer.topic_errors:
            if code not in {0, _ALREADY_THERE}:
                raise AdminError(f"topic {name}: {text[0] if text and text[0] else for_code(code).__name__}")
        return [topic.name for topic in missing]


def _new_topic(topic: Topic, replication: int) -> NewTopic:
    retention = {"retention.ms": str(int(topic.retention_seconds * 1000))}
    return NewTopic(topic.name, topic.partitions, replication, topic_configs=retention)


async def show_topics(settings: Settings) -> list[TopicState]:
    """Every topic with its partitions and how many records it holds; one that is missing has no partitions.

    Raises:
        AdminError: the broker can't be reached.
    """
    states: list[TopicState] = []
    async with _admin(settings) as admin:
        present = set(await admin.list_topics())
    async with _reader(settings) as reader:
        for topic in needed_topics(settings):
            places = await _partitions(reader, topic.name) if topic.name in present else []
            first, end = await reader.beginning_offsets(places), await reader.end_offsets(places)
            states.append(TopicState(topic, len(places), sum(end[place] - first[place] for place in places)))
    return states


async def read_dead(settings: Settings, workers: Iterable[str]) -> AsyncGenerator[DeadLetter, None]:
    """The dead letters of `workers`, oldest first within a worker, as far as they lie there now.

    Raises:
        AdminError: the broker can't be reached.
    """
    async with _admin(settings) as admin:
        present = set(await admin.list_topics())
    topics = {worker: dead_topic(settings.prefix, worker) for worker in workers}
    async with _reader(settings) as reader:
        places = {worker: await _partitions(reader, topic) for worker, topic in topics.items() if topic in present}
        for worker, own in places.items():
            for place in own:
                async for letter in _read_place(reader, worker, place):
                    yield letter


async def find_dead(settings: Settings, address: str) -> DeadLetter:
    """The dead letter at `address` (`worker/partition/offset`).

    Raises:
        AdminError: there is none, or the broker can't be reached.
    """
    worker = address.split("/", 1)[0]
    async with aclosing(read_dead(settings, [worker])) as letters:
        async for letter in letters:
            if letter.address == address:
                return letter
    raise AdminError(f"no dead letter {address}; `punchcard dead list` shows those that there are")


async def open_letter(settings: Settings, letter: DeadLetter) -> DeadLetter:
    """A dead letter that can be read, if it was shut: key, value and headers as they came.

    Raises:
        AdminError: the key is gone, as a member was removed since; or MongoDB can't be reached.
    """
    if not letter.header(DEAD_SHUT):
        return letter
    library = Library(settings)
    try:
        found = await library.worker(letter.worker).get(PersonKey, DEAD_LETTERS)
    except Away as error:
        raise AdminError(f"MongoDB: {error}") from error
    finally:
        library.close()
    shut = Outgoing(dead_topic(settings.prefix, letter.worker), letter.key, letter.value, list(letter.headers))
    whole = opened_letter(None if found is None else found.key, shut)
    if whole is None:
        raise AdminError(f"{letter.address} can't be read any more: a member was removed since, and its key with them")
    return replace(letter, key=whole.key, value=whole.value, headers=tuple(whole.headers))


async def replay(settings: Settings, letter: DeadLetter, *, as_new: bool = False) -> str:
    """Sends a dead letter, opened, back to the topic that it came from: the same key, bytes, headers; says which topic.

    Args:
        settings: where to.
        letter: what to send.
        as_new: gives a command an id that derives from its own, so that the worker which remembers having failed at it
            tries again; the same letter always gets the same new id.

    Raises:
        AdminError: it doesn't say where it came from, or that is no topic of ours; it was cut; others than the worker
            that failed would do it again; or the broker can't be reached.
    """
    letter = await open_letter(settings, letter)
    topic = letter.header("dead_topic")
    if topic not in {known.name for known in needed_topics(settings)}:
        raise AdminError(f"{letter.address} came from {topic or 'nowhere'}, which is no topic of {settings.prefix}")
    if letter.header(DEAD_CUT):
        where = f"{topic}, partition {letter.header('dead_partition')}, offset {letter.header('dead_offset')}"
        raise AdminError(f"{letter.address} was too large to be kept whole: its original lies in {where}")
    if as_new and topic not in {commands_topic(settings.prefix, worker) for worker in WORKERS}:
        raise AdminError(
            f"{letter.address} came from {topic}, and whoever reads that would do it again under a new id; replay it "
            f"without --as-new, once the journal of {letter.worker} has forgotten that it failed: "
            "see docs/operations.md, Dead letters"
        )
    headers = letter.original_headers
    if as_new:
        suffix = f"/replay-{letter.partition}-{letter.offset}".encode()
        headers = [(name, (value or b"") + suffix if name == "ce_id" else value) for name, value in headers]
    producer = AIOKafkaProducer(**connection(settings), acks="all", enable_idempotence=True)
    with _told(settings):
        try:
            await producer.start()
            await producer.send_and_wait(topic, letter.value, key=letter.key, headers=headers)
        finally:
            await producer.stop()
    return topic


@dataclass(frozen=True, slots=True)
class Backlog:
    """How far a consumer group is behind what lies in its topics."""

    behind: int
    """Records whose offsets are not committed yet."""
    end: int
    """The sum of its topics' ends: as long as it doesn't change, nothing was said."""


@asynccontextmanager
async def backlogs(
    settings: Settings, groups: Mapping[str, Sequence[str]]
) -> AsyncIterator[Callable[[], Awaitable[dict[str, Backlog]]]]:
    """A way to ask, as often as one likes, how far each group is behind in its topics, by group.

    Raises:
        AdminError: the broker can't be reached.
    """
    partitions = range(settings.partitions)
    places = {
        group: [TopicPartition(topic, number) for topic in topics for number in partitions]
        for group, topics in groups.items()
    }
    async with _reader(settings) as reader, _admin(settings) as admin:

        async def look() -> dict[str, Backlog]:
            with _told(settings):
                ends = await reader.end_offsets(sorted({place for own in places.values() for place in own}))
                found: dict[str, Backlog] = {}
                for group, own in places.items():
                    committed = await admin.list_consumer_group_offsets(group)
                    done = {place: max(0, committed[place].offset) if place in committed else 0 for place in own}
                    behind = sum(max(0, ends[place] - done[place]) for place in own)
                    found[group] = Backlog(behind, sum(ends[place] for place in own))
            return found

        yield look


async def message_types(settings: Settings, topics: Iterable[str]) -> dict[str, str]:
    """The ids of all messages that lie in these topics now, with their types.

    Raises:
        AdminError: the broker can't be reached.
    """
    found: dict[str, str] = {}
    async with _reader(settings) as reader:
        places = [place for topic in topics for place in await _partitions(reader, topic)]
        for place in places:
            async for record in _records(reader, place):
                headers = dict(record.headers)
                if headers.get("ce_id"):
                    found[_text(headers["ce_id"])] = _text(headers.get("ce_type"))
    return found


def _text(header: bytes | None) -> str:
    return (header or b"").decode(errors="replace")


async def _read_place(reader: AIOKafkaConsumer, worker: str, place: TopicPartition) -> AsyncIterator[DeadLetter]:
    async for record in _records(reader, place):
        yield DeadLetter(
            worker=worker,
            partition=record.partition,
            offset=record.offset,
            buried_at=datetime.fromtimestamp(min(max(record.timestamp, 0), LATEST_MS) / 1000, UTC),
            key=record.key,
            value=record.value,
            headers=tuple(record.headers),
        )


async def _records(reader: AIOKafkaConsumer, place: TopicPartition) -> AsyncIterator[Any]:
    """What lies in a partition now, in order."""
    reader.assign([place])
    await reader.seek_to_beginning(place)
    end = (await reader.end_offsets([place]))[place]
    idle_until = time.monotonic() + READ_SECONDS
    while await reader.position(place) < end and time.monotonic() < idle_until:
        batches = await reader.getmany(place, timeout_ms=1_000)
        if batches:
            idle_until = time.monotonic() + READ_SECONDS
        for record in batches.get(place, ()):
            yield record


async def _partitions(reader: AIOKafkaConsumer, topic: str) -> list[TopicPartition]:
    """A topic's partitions; to be asked before anything is assigned, for then a reader learns of nothing else."""
    await reader._client.force_metadata_update()  # noqa: SLF001 - a reader without a group learns of topics only so
    numbers = reader.partitions_for_topic(topic) or set()
    return [TopicPartition(topic, number) for number in sorted(numbers)]


@asynccontextmanager
async def _admin(settings: Settings) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(**connection(settings))
    with _told(settings):
        try:
            await _started(admin, settings)
            yield admin
            await _settled(admin._client)  # noqa: SLF001
        finally:
            await admin.close()


@asynccontextmanager
async def _reader(settings: Settings) -> AsyncIterator[AIOKafkaConsumer]:
    reader = AIOKafkaConsumer(**connection(settings), enable_auto_commit=False, auto_offset_reset="earliest")
    with _told(settings):
        try:
            await _started(reader, settings)
            yield reader
            await _settled(reader._client)  # noqa: SLF001
        finally:
            await reader.stop()


async def _started(client: Any, settings: Settings) -> None:
    """Start a client; where none of the brokers lets it in, say why, which aiokafka keeps to itself."""
    try:
        await client.start()
    except KafkaConnectionError as error:
        raise AdminError(f"Kafka at {settings.kafka_servers}: {await why_not(settings)}") from error


async def why_not(settings: Settings) -> str:
    """Why the first broker lets nobody in who comes with these settings: in its own words, or those of TLS."""
    host, _, port = settings.kafka_servers.partition(",")[0].strip().rpartition(":")
    arguments = connection(settings)
    del arguments["bootstrap_servers"]
    try:
        opened = await create_conn(host.strip("[]"), int(port), request_timeout_ms=ASK_WHY_MS, **arguments)
    except (KafkaError, OSError, ValueError) as error:
        return " ".join(str(error).split()) or type(error).__name__
    opened.close()
    return "it couldn't be reached, and answers now"


async def _settled(client: Any) -> None:
    """Waits for a metadata update under way: aiokafka leaks the connection if it is closed in the middle."""
    with suppress(TimeoutError):
        async with asyncio.timeout(SETTLE_SECONDS):
            await client.force_metadata_update()


@contextmanager
def _told(settings: Settings) -> Iterator[None]:
    try:
        yield
    except KafkaError as error:
        raise AdminError(f"Kafka at {settings.kafka_servers}: {error}") from error
