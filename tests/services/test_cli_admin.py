"""`punchcard topics` and `punchcard dead`, against a broker."""

import asyncio
import json
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from pymongo import MongoClient
from typer.testing import CliRunner

from contracts.topics import commands_topic, dead_topic, events_topic
from runtime.admin import connection, create_topics, needed_topics, show_topics
from runtime.journal import Outgoing
from runtime.letters import DEAD_HEADERS, DEAD_SHUT, SHUT_WHOLE, bound_letter, shut_letter
from runtime.mongo import to_raw
from runtime.persons import DEAD_LETTERS, PersonKey, new_key, shut
from runtime.settings import Settings
from services.cli.commands import app
from tests.runtime.machine import FakeRecord
from tests.servers import Servers

PERSONAL = b'{"phone":"+4915112345678"}'


@pytest.fixture
def command(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    """Runs commands as if the environment named this test's servers and prefix."""
    monkeypatch.setenv("PUNCHCARD_PREFIX", settings.prefix)
    monkeypatch.setenv("PUNCHCARD_KAFKA_SERVERS", settings.kafka_servers)
    monkeypatch.setenv("PUNCHCARD_MONGO_URL", settings.mongo_url.get_secret_value())
    monkeypatch.setenv("PUNCHCARD_PARTITIONS", str(settings.partitions))
    return CliRunner()


class TestTopics:
    async def test_are_created_once_as_the_contracts_say(self, settings: Settings) -> None:
        needed = needed_topics(settings)

        assert await create_topics(settings) == [topic.name for topic in needed]
        assert await create_topics(settings) == []
        states = await show_topics(settings)
        assert [state.topic for state in states] == list(needed)
        assert all(state.partitions == state.topic.partitions and state.records == 0 for state in states)

    def test_are_shown_as_missing_before_they_exist(self, command: CliRunner, settings: Settings) -> None:
        shown = command.invoke(app, ["topics"])

        assert shown.exit_code == 0
        assert "missing" in shown.stdout
        assert f"{settings.prefix}.cards.commands" in shown.stdout


SENT = [("ce_id", b"018f-1"), ("ce_type", b"BlockCard")]


async def bury(
    settings: Settings, worker: str, key: bytes | None, value: bytes, topic: str | None = None, *more: tuple[str, bytes]
) -> None:
    """Puts a dead letter where the runtime puts it, with the headers that it adds."""
    came_from = topic or commands_topic(settings.prefix, worker)
    await create_topics(settings)
    producer = AIOKafkaProducer(**connection(settings), acks="all")
    await producer.start()
    try:
        headers = [
            *SENT,
            ("dead_reason", b"malformed"),
            ("dead_detail", b"card_number: missing"),
            ("dead_topic", came_from.encode()),
            ("dead_partition", b"1"),
            ("dead_offset", b"7"),
            ("dead_at", b"2026-11-22T01:00:00Z"),
            *more,
        ]
        await producer.send_and_wait(dead_topic(settings.prefix, worker), value, key=key, headers=headers)
    finally:
        await producer.stop()


async def bury_nonsense(settings: Settings, stamp_ms: int | None) -> None:
    """Puts there what only somebody else can have put there."""
    await create_topics(settings)
    producer = AIOKafkaProducer(**connection(settings), acks="all")
    await producer.start()
    try:
        nothing: Any = None
        headers = [("ce_type", b"[/red]\x1b[2J"), ("ce_id", nothing), ("\x07bell", "\u202eevil".encode())]
        topic = dead_topic(settings.prefix, "cards")
        await producer.send_and_wait(topic, None, key=b"k", headers=headers, timestamp_ms=stamp_ms)
    finally:
        await producer.stop()


async def first_record(settings: Settings, topic: str) -> tuple[bytes | None, bytes | None, list[tuple[str, bytes]]]:
    """The first record of a topic: key, value, headers."""
    reader = AIOKafkaConsumer(topic, **connection(settings), auto_offset_reset="earliest", enable_auto_commit=False)
    await reader.start()
    try:
        record = await asyncio.wait_for(reader.getone(), 20)
        return record.key, record.value, list(record.headers)
    finally:
        await reader.stop()


async def held(settings: Settings, topic: str) -> int:
    """How many records a topic holds."""
    return sum(state.records for state in await show_topics(settings) if state.topic.name == topic)


class TestDead:
    def test_list_shows_why_and_nothing_personal(self, command: CliRunner, settings: Settings) -> None:
        asyncio.run(bury(settings, "cards", b"4915112345678", PERSONAL))
        listed = command.invoke(app, ["dead", "list", "--worker", "cards"])

        assert listed.exit_code == 0
        assert all(word in listed.stdout for word in ("cards/0/0", "malformed", "BlockCard", "018f-1", "1 dead letter"))
        assert "4915112345678" not in listed.stdout
        assert "0 dead letters" in command.invoke(app, ["dead", "list", "--reason", "too_old"]).stdout

    def test_list_shows_those_of_every_worker(self, command: CliRunner, settings: Settings) -> None:
        for worker in ("cards", "rewards", "audit"):
            asyncio.run(bury(settings, worker, b"key", PERSONAL))
        listed = command.invoke(app, ["dead", "list"])

        assert all(address in listed.stdout for address in ("cards/0/0", "rewards/0/0", "audit/0/0"))
        assert "3 dead letters" in listed.stdout

    def test_what_a_stranger_wrote_reaches_no_terminal_as_it_is(
        self, command: CliRunner, servers: Servers, settings: Settings
    ) -> None:
        # Apache Kafka takes no record of the far future.
        asyncio.run(bury_nonsense(settings, None if servers.kafka_is_apache else 2**62))
        listed = command.invoke(app, ["dead", "list", "--worker", "cards"])
        shown = command.invoke(app, ["dead", "show", "cards/0/0"])

        assert (listed.exit_code, shown.exit_code) == (0, 0)
        assert "[/red]" in listed.stdout  # as text: rich would have taken it for its own
        for text in (listed.stdout, shown.stdout):
            assert "\\x1b[2J" in text
            assert not {"\x1b", "\x07", "\u202e"} & set(text)

    def test_show_keeps_the_bytes_back_until_asked(self, command: CliRunner, settings: Settings) -> None:
        asyncio.run(bury(settings, "cards", b"4915112345678", PERSONAL))
        shown = command.invoke(app, ["dead", "show", "cards/0/0"])
        asked = command.invoke(app, ["dead", "show", "cards/0/0", "--bytes"])

        assert "dead_detail: card_number: missing" in shown.stdout
        assert f"value: {len(PERSONAL)} bytes" in shown.stdout
        assert "4915112345678" not in shown.stdout
        assert json.loads(asked.stdout.splitlines()[-1]) == json.loads(PERSONAL)

    @pytest.mark.parametrize(("flags", "new_id"), [([], b"018f-1"), (["--as-new"], b"018f-1/replay-0-0")])
    def test_replay_sends_the_same_bytes_back(
        self, command: CliRunner, settings: Settings, flags: list[str], new_id: bytes
    ) -> None:
        asyncio.run(bury(settings, "cards", b"key", PERSONAL))
        replayed = command.invoke(app, ["dead", "replay", "cards/0/0", *flags])
        topic = commands_topic(settings.prefix, "cards")
        key, value, headers = asyncio.run(first_record(settings, topic))

        assert replayed.stdout == f"cards/0/0 sent to {topic}\n"
        assert (key, value) == (b"key", PERSONAL)
        assert headers == [("ce_id", new_id), ("ce_type", b"BlockCard")]

    def test_replay_of_an_event_under_a_new_id_is_refused_as_every_worker_would_handle_it_again(
        self, command: CliRunner, settings: Settings
    ) -> None:
        topic = events_topic(settings.prefix, "cards")
        asyncio.run(bury(settings, "rewards", b"key", PERSONAL, topic))
        refused = command.invoke(app, ["dead", "replay", "rewards/0/0", "--as-new"])

        assert refused.exit_code == 1
        assert f"rewards/0/0 came from {topic}" in str(refused.exception)
        assert "without --as-new" in str(refused.exception)
        assert "journal of rewards" in str(refused.exception)
        assert asyncio.run(held(settings, topic)) == 0

    def test_replay_of_an_event_sends_it_back_as_it_was(self, command: CliRunner, settings: Settings) -> None:
        topic = events_topic(settings.prefix, "cards")
        asyncio.run(bury(settings, "rewards", b"key", PERSONAL, topic))
        replayed = command.invoke(app, ["dead", "replay", "rewards/0/0"])

        assert replayed.stdout == f"rewards/0/0 sent to {topic}\n"
        assert asyncio.run(first_record(settings, topic))[2][0] == ("ce_id", b"018f-1")

    def test_replay_of_what_was_cut_is_refused(self, command: CliRunner, settings: Settings) -> None:
        topic = commands_topic(settings.prefix, "cards")
        asyncio.run(bury(settings, "cards", b"key", PERSONAL, topic, ("dead_cut_from_bytes", b"3000000")))
        refused = command.invoke(app, ["dead", "replay", "cards/0/0"])

        assert refused.exit_code == 1
        assert f"its original lies in {topic}, partition 1, offset 7" in str(refused.exception)
        assert asyncio.run(held(settings, topic)) == 0

    def test_what_was_shut_is_opened_by_the_worker_s_key_until_a_member_is_removed(
        self, command: CliRunner, settings: Settings
    ) -> None:
        topic = commands_topic(settings.prefix, "cards")
        key = new_key(DEAD_LETTERS)
        sent = Outgoing("", b"key", PERSONAL, [("till", b"7"), *SENT, *((name, b"") for name in DEAD_HEADERS[:6])])
        closed = shut_letter(sent, FakeRecord(topic, None, (), partition=1, offset=7)).with_key(key.key)
        assert closed.value is not None
        with MongoClient[dict[str, Any]](settings.mongo_url.get_secret_value()) as client:
            keys = client[settings.database("cards")][PersonKey.collection]
            keys.insert_one(dict(to_raw(key)))
            asyncio.run(bury(settings, "cards", closed.key, closed.value, topic, (DEAD_SHUT, SHUT_WHOLE.encode())))
            assert "till" not in command.invoke(app, ["dead", "show", "cards/0/0"]).stdout
            shown = command.invoke(app, ["dead", "show", "cards/0/0", "--bytes"])
            assert PERSONAL.decode() in shown.stdout
            assert "till: 7" in shown.stdout
            assert command.invoke(app, ["dead", "replay", "cards/0/0"]).exit_code == 0
            assert asyncio.run(first_record(settings, topic)) == (b"key", PERSONAL, [("till", b"7"), *SENT])

            keys.delete_one({"_id": DEAD_LETTERS})
        for gone in (["dead", "show", "cards/0/0", "--bytes"], ["dead", "replay", "cards/0/0"]):
            refused = command.invoke(app, gone)
            assert refused.exit_code == 1
            assert "cards/0/0 can't be read any more" in str(refused.exception)
        assert command.invoke(app, ["dead", "show", "cards/0/0"]).exit_code == 0

    def test_what_was_shut_before_keys_and_headers_were_is_opened_too(
        self, command: CliRunner, settings: Settings
    ) -> None:
        topic = commands_topic(settings.prefix, "cards")
        key = new_key(DEAD_LETTERS)
        with MongoClient[dict[str, Any]](settings.mongo_url.get_secret_value()) as client:
            client[settings.database("cards")][PersonKey.collection].insert_one(dict(to_raw(key)))
        closed = shut(key.key, PERSONAL, bound_letter(topic, 1, 7))
        asyncio.run(bury(settings, "cards", b"key", closed, topic, (DEAD_SHUT, b"1")))

        assert command.invoke(app, ["dead", "replay", "cards/0/0"]).exit_code == 0
        assert asyncio.run(first_record(settings, topic)) == (b"key", PERSONAL, SENT)

    def test_replay_of_what_is_not_there_says_so(self, command: CliRunner, settings: Settings) -> None:
        asyncio.run(create_topics(settings))
        refused = command.invoke(app, ["dead", "replay", "cards/0/99"])

        assert refused.exit_code == 1
        assert "no dead letter cards/0/99" in str(refused.exception)
