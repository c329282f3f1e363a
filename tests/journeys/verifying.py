"""Steps of the journey: somebody joins in the app by a code that is sent to their phone, and a member is blocked."""

import asyncio
import re
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from pymongo import MongoClient

from contracts.messages import ActorKind
from runtime.admin import connection, needed_topics
from runtime.settings import Settings
from tests.journeys.running import Punchcard, eventually

OPERATOR, TILL, APP = ActorKind.OPERATOR, ActorKind.POS, ActorKind.APP
PHONE: Final = "+4915112345699"


async def joins_with_a_code(punchcard: Punchcard, settings: Settings) -> None:
    """Register in the app, type a wrong code, have another sent, type that: only then are they a member."""
    given_at = (datetime.now(UTC) - timedelta(minutes=1)).isoformat()
    consents = [{"kind": kind, "text_version": "2026-01", "given_at": given_at} for kind in ("personal_data", "offer")]
    said = await punchcard.done(
        APP, "RegisterMember", channel="mobile_app", phone="0151 12345699", first_name="Ana", consents=consents
    )
    waiting = said["RegistrationReceived"]["registration_id"]

    (first,) = await codes_sent(punchcard, 1)
    wrong = await punchcard.done(APP, "VerifyPhone", registration_id=waiting, code=another_than(first))
    assert wrong["CodeRejected"]["tries_left"] == 4
    again = await punchcard.done(APP, "ResendPhoneCode", registration_id=waiting)
    assert "phone" not in again["CodeRequested"]
    second = next(each for each in await codes_sent(punchcard, 2) if each != first)
    assert "CodeRejected" in await punchcard.done(APP, "VerifyPhone", registration_id=waiting, code=first)
    assert await found(punchcard) == [], "nobody is a member before the code came back"

    right = await punchcard.done(APP, "VerifyPhone", registration_id=waiting, code=second)
    assert set(right) == {"PhoneVerified"}
    (hit,) = await eventually(lambda: found(punchcard), bool, "the member")
    member = await punchcard.read(OPERATOR, f"/v1/members/{hit['id']}")
    assert member["phone"] == PHONE
    assert member["phone_verified_at"] is not None

    texts = await punchcard.read(OPERATOR, f"/v1/members/{waiting}/messages")
    assert ["••••••" in each["text"] for each in texts] == [True, True]
    await eventually(lambda: on_their_way(punchcard, waiting), lambda count: count == 0, "the reports of the courier")
    clear = re.compile(rf"(?<![0-9A-Za-z_-])(?:{first}|{second})(?![0-9A-Za-z_-])".encode())
    assert [place async for place, text in everything_kept(settings) if clear.search(text)] == []


async def codes_sent(punchcard: Punchcard, count: int) -> list[str]:
    """The codes that came to the phone, once there are so many."""
    answer = await eventually(
        lambda: punchcard.sms.get("/messages", params={"to": PHONE}), lambda each: len(each.json()) == count, "the text"
    )
    return [re.findall(r"\b\d{6}\b", each["text"])[0] for each in answer.json()]


def another_than(code: str) -> str:
    """A code that isn't it."""
    return f"{(int(code) + 1) % 1_000_000:06d}"


async def found(punchcard: Punchcard) -> Any:
    """Whoever has the phone."""
    answer = await punchcard.callers[OPERATOR].post("/v1/members/search", json={"phone": PHONE})
    return answer.json()["members"]


async def on_their_way(punchcard: Punchcard, subject: str) -> int:
    """How many texts to somebody aren't reported yet."""
    texts = await punchcard.read(OPERATOR, f"/v1/members/{subject}/messages")
    return sum(each["status"] != "sent" for each in texts)


async def everything_kept(settings: Settings) -> Any:
    """All that lies in topics and collections, with where it lies."""
    consumer = AIOKafkaConsumer(**connection(settings), enable_auto_commit=False)
    await consumer.start()
    try:
        places = [
            TopicPartition(each.name, number) for each in needed_topics(settings) for number in range(each.partitions)
        ]
        ends = {place: end for place, end in (await consumer.end_offsets(places)).items() if end}
        consumer.assign(list(ends))
        await consumer.seek_to_beginning(*ends)
        while any([await consumer.position(place) < end for place, end in ends.items()]):
            for place, records in (await consumer.getmany(timeout_ms=200)).items():
                for record in records:
                    yield place.topic, (record.key or b"") + (record.value or b"") + repr(record.headers).encode()
    finally:
        await consumer.stop()
    for name, text in await asyncio.to_thread(collections, settings):
        yield name, text


def collections(settings: Settings) -> list[tuple[str, bytes]]:
    """Every document of every worker."""
    with MongoClient[dict[str, Any]](settings.mongo_url.get_secret_value()) as client:
        names = [each for each in client.list_database_names() if each.startswith(settings.prefix)]
        return [
            (f"{name}.{collection}", repr(raw).encode())
            for name in names
            for collection in client[name].list_collection_names()
            for raw in client[name][collection].find()
        ]


async def is_blocked_for_a_while(punchcard: Punchcard, card: str, member_id: str) -> None:
    """While a member is blocked their card doesn't pay, and a till isn't told whose it is."""
    await punchcard.done(OPERATOR, "BlockMember", member_id=member_id, reason="abuse")
    refused = await eventually(
        lambda: punchcard.say(TILL, "RedeemReward", card_number=card, reward="coffee"),
        lambda answer: answer.json().get("code") == "member_blocked",
        "the refusal",
    )
    assert refused.status_code == 409
    shown = await eventually(
        lambda: punchcard.read(TILL, f"/v1/cards/{card}"), lambda each: each["suspended_at"] is not None, "the card"
    )
    assert (shown["state"], shown["member_id"]) == ("active", None)

    await punchcard.done(OPERATOR, "UnblockMember", member_id=member_id, reason="cleared")
    await eventually(
        lambda: punchcard.say(TILL, "RedeemReward", card_number=card, reward="coffee"),
        lambda answer: answer.json().get("code") != "member_blocked",
        "the end of the block",
    )
