"""What is personal or secret is in no log, metric, key, header, reason, refusal, audit entry or error, in any dress."""

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
import uuid_utils
from aiokafka import AIOKafkaConsumer, TopicPartition
from pydantic import SecretStr
from pymongo import MongoClient

from contracts.catalogue import COMMANDS
from contracts.messages import Actor, ActorKind
from contracts.topics import commands_topic
from runtime.admin import connection, create_topics, needed_topics
from runtime.edge import stamped
from runtime.journal import Outgoing
from runtime.local import free_port
from runtime.publishing import Publisher
from runtime.settings import Settings
from tests.fuzz.system import GATEWAY, System, running_system
from tests.fuzz.topics_door import until_quiet, watching
from tests.journeys.running import eventually
from tests.journeys.test_journey import card_number
from tests.mailbox import Mailbox, listening
from tests.security.certificates import Authority
from tests.security.markers import Marked, forms, marked, seen
from tests.security.scan import PLATFORM_SECRET, SMTP_PASSWORD, TICKETS_SECRET

HOST = "127.0.0.1"
ELSEWHERE = "zqx-elsewhere@example.org"
"""Where a member is written to from then on: here and there they are told so by email."""
CHANNELS = {"pos": "point_of_sale", "operator": "call", "app": "mobile_app"}
LOUD: dict[str, Any] = {"log_level": "DEBUG", "dead_letter_limit": 10**9, "lanes": 1}
SECRETS = {"platform secret": PLATFORM_SECRET, "smtp password": SMTP_PASSWORD, "tickets secret": TICKETS_SECRET}


def given(mail_port: int, ca_file: Path) -> dict[str, Any]:
    """Settings with secrets of their own: a mail server that asks for a login, and a ticket system that is away."""
    return {
        "smtp_host": HOST,
        "smtp_port": mail_port,
        "smtp_user": "cafe",
        "smtp_password": SecretStr(SMTP_PASSWORD),
        "smtp_ca_file": ca_file,
        "tickets_url": f"http://{HOST}:{free_port(HOST)}",
        "tickets_secret": SecretStr(TICKETS_SECRET),
    }


def bodies() -> Iterator[tuple[str, Marked]]:
    """Marked commands by the kinds of caller who send them, each about a card of its own."""
    given_at = (datetime.now(UTC) - timedelta(minutes=1)).isoformat()
    consents = [
        {"kind": "personal_data", "text_version": "2026-09", "given_at": given_at},
        {"kind": "offer", "text_version": "2026-01", "given_at": given_at},
    ]
    for number, (kind, channel) in enumerate(CHANNELS.items()):
        for each in marked():
            wanted: dict[str, Any] = {
                "channel": channel,
                "consents": consents,
                "card_number": card_number(number),
            }
            changes = {name: value for name, value in wanted.items() if name in each.command.model_fields}
            if (own := each.command.model_fields.get("call_id")) is not None and not own.is_required():
                changes["call_id"] = None  # in no call: the example's is nobody's
            yield kind, Marked(each.command, {**each.body, **changes}, each.markers)


def spoilt(body: dict[str, Any], field: str) -> Iterator[Any]:
    """The body with a personal field that breaks its rule while it still holds its marker."""
    value = body[field]
    for wrong in (
        [value],
        {"deep": value},
        f"{value}\n@@{value}",
        {str(value): str(value)},
        3 * [value],
        f" {value}@ ",
    ):
        yield {**body, field: wrong}


def dressed(marker: str) -> list[bytes]:
    raw = marker.encode()
    return [
        raw,
        json.dumps({"a": marker}).encode(),
        quote(marker).encode(),
        raw.hex().upper().encode(),
        *(base64.b64encode(b"x" * padding + raw + b"yz") for padding in range(4)),
    ]


class TestMarkers:
    def test_stand_for_every_personal_field_of_every_command(self) -> None:
        found = {each.command.__name__: set(each.markers) for each in marked()}
        assert found == {name: set(each.personal) for name, each in COMMANDS.items() if each.personal}
        assert found["RegisterMember"] >= {"phone", "email", "first_name", "last_name", "born_on", "answers"}

    @pytest.mark.parametrize("marker", ["15199887766", "zqx-email@example.org", "Zqxäfirstname", "1908-02-29"])
    def test_are_found_in_every_dress(self, marker: str) -> None:
        for text in dressed(marker):
            assert seen({"field": marker}, b"before " + text + b" after") == ["field"], text
        assert seen({"field": marker}, b"something else " * 50) == []
        assert all(len(each) >= 8 for each in forms(marker))


@pytest.mark.long
@pytest.mark.timeout(180)
class TestSystem:
    async def test_shows_nothing_personal_and_no_secret_anywhere(self, settings: Settings, tmp_path: Path) -> None:
        authority = Authority(tmp_path, "mail")
        async with listening(certificate=authority.server(HOST), needs_login=True) as mailbox:
            settings = settings.model_copy(update=LOUD | given(mailbox.port, authority.file))
            await create_topics(settings)
            logs = tmp_path / "logs"
            with running_system(settings, logs) as system:
                said = [("answer", each) for each in await spoken(system)]
                await forged(settings)
                await eventually(told(mailbox), lambda count: count == 2, "both emails of the change")
                async with watching(settings) as look:
                    await until_quiet(look, 30)
                said += [
                    (f"metrics of {name}", await shown(system, name)) for name in system.ports if name != "sms-standin"
                ]
        assert set(mailbox.logins) == {("cafe", SMTP_PASSWORD)}
        said += [(f"log of {each.name}", each.read_bytes()) for each in sorted(logs.iterdir())]
        said += [each async for each in topics(settings)]
        said += await asyncio.to_thread(trails, settings)

        markers = {name: text for each in marked() for name, text in each.markers.items()} | {"new email": ELSEWHERE}
        secrets = SECRETS | {f"key {kind}": key.split("_", 2)[2] for kind, key in system.keys.items()}
        found = [(where, name) for where, text in said for name in seen(markers | secrets, text)]
        assert found == [], [text[:400] for _, text in said if seen(markers | secrets, text)][:5]
        assert {where.partition(" ")[0] for where, _ in said} == {
            "answer",
            "metrics",
            "log",
            "key",
            "headers",
            "results",
            "audit",
        }
        assert sum(len(text) for where, text in said if where.startswith("headers")) > 10_000


def told(mailbox: Mailbox) -> Callable[[], Awaitable[int]]:
    """How many emails were handed over."""

    async def count() -> int:
        return len(mailbox.mails)

    return count


async def spoken(system: System) -> list[bytes]:
    """What the gateway answers to marked commands: done, repeated, refused, broken in every field."""
    answers: list[bytes] = []
    async with httpx.AsyncClient(base_url=system.url(GATEWAY), timeout=40) as client:

        async def say(kind: str, command: str, body: Any) -> httpx.Response:
            headers = {"Authorization": f"Bearer {system.keys[kind]}", "Prefer": "wait=20"}
            answer = await client.post(f"/v1/commands/{command}", json=body, headers=headers)
            answers.append(answer.content + repr(answer.headers).encode())
            return answer

        for number in range(len(CHANNELS)):
            assert (await say("operator", "IssueCard", {"card_number": card_number(number)})).status_code == 200
        statuses: set[int] = set()
        done: set[str] = set()
        member: dict[str, str] = {}
        for kind, each in bodies():
            name = each.command.__name__
            about = {field: known for field, known in member.items() if field in each.body}
            for _ in range(2):
                answer = await say(kind, name, {**each.body, **about})
                statuses.add(answer.status_code)
                if answer.status_code == 200:
                    done.add(name)
                if name == "RegisterMember" and not member:
                    member["member_id"] = answer.json()["events"][0]["body"]["member_id"]
            for field in each.markers:
                for wrong in spoilt(dict(each.body), field):
                    statuses.add((await say(kind, name, wrong)).status_code)
        moved = await say("system", "ChangeEmail", {**member, "email": ELSEWHERE})
        assert moved.status_code == 200
        assert {200, 409, 422} <= statuses
        assert 500 not in statuses
        assert {"RegisterMember", "BlockMember", "ChangeCardCategory", "AssignTier"} <= done
        return [*answers, *await searched(client, system.keys["operator"])]


async def searched(client: httpx.AsyncClient, key: str) -> list[bytes]:
    """What it answers to searches that are broken."""
    answers: list[bytes] = []
    for marker in ("+4915199887766", "zqx"):
        for body in (
            {"phone": marker + "1"},
            {"phone": [marker]},
            {"card_number": marker},
            {"phone": marker, "x": marker},
        ):
            broken = await client.post("/v1/members/search", json=body, headers={"Authorization": f"Bearer {key}"})
            if broken.status_code != 200:
                answers.append(broken.content)
    return answers


async def forged(settings: Settings) -> None:
    """Marked commands that somebody broke on their way into Kafka."""
    publisher = Publisher(settings, "forger")
    await publisher.start()
    outgoing: list[Outgoing] = []
    for kind, each in bodies():
        command = each.command.model_validate(each.body)
        actor = Actor(kind=ActorKind(kind), id="till-1")
        good = stamped(settings, "forger", command, str(uuid_utils.uuid7()), actor, None)
        values = [json.dumps(wrong).encode() for field in each.markers for wrong in spoilt(dict(each.body), field)]
        values += [
            (good.value or b"")[:-5],
            (good.value or b"").replace(b'"channel"', b'"channle"'),
            b"[" + (good.value or b""),
        ]
        for value in values:
            headers = [
                (name, str(uuid_utils.uuid7()).encode() if name == "ce_id" else old) for name, old in good.headers
            ]
            outgoing.append(Outgoing(commands_topic(settings.prefix, command.worker), None, value, headers))
    await publisher.publish(outgoing)
    await publisher.stop()


async def shown(system: System, name: str) -> bytes:
    async with httpx.AsyncClient(base_url=system.url(name)) as client:
        answers = [await client.get(path) for path in ("/metrics", "/ready")]
    assert answers[0].status_code == 200
    return b"".join(each.content for each in answers)


async def topics(settings: Settings) -> Any:
    """Keys and headers of everything that was said, and whole answers; what was said itself may be personal."""
    consumer = AIOKafkaConsumer(**connection(settings), enable_auto_commit=False)
    await consumer.start()
    try:
        for topic in needed_topics(settings):
            for number in range(topic.partitions):
                place = TopicPartition(topic.name, number)
                consumer.assign([place])
                end = (await consumer.end_offsets([place]))[place]
                consumer.seek(place, 0)
                while await consumer.position(place) < end:
                    for record in (await consumer.getmany(place, timeout_ms=500)).get(place, ()):
                        yield f"key in {topic.name}", record.key or b""
                        yield f"headers in {topic.name}", repr(record.headers).encode()
                        if topic.name.endswith(".results"):
                            yield "results", record.value or b""
    finally:
        await consumer.stop()


def trails(settings: Settings) -> list[tuple[str, bytes]]:
    """What audit keeps."""
    with MongoClient[dict[str, Any]](settings.mongo_url.get_secret_value()) as client:
        database = client[settings.database("audit")]
        return [
            ("audit", repr(raw).encode())
            for name in database.list_collection_names()
            if name != "outbox"
            for raw in database[name].find()
        ]
