"""Removal is proven: after it, nothing that was ever said of a member stands anywhere, and the ledger adds up."""

import asyncio
import importlib
import json
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from aiokafka import AIOKafkaProducer

from contracts.messages import WORKERS
from contracts.topics import commands_topic
from runtime.admin import backlogs, connection, show_topics
from runtime.serve import listen_topics
from runtime.settings import Settings
from runtime.store import Library
from services.gateway.keys import create_key
from tests.journeys.caring import read_in
from tests.journeys.rare import (
    Sieve,
    as_it_lies,
    as_it_opens,
    kept_in_files,
    kept_in_mongodb,
    keys_left,
    records,
)
from tests.journeys.running import Punchcard, eventually, everything
from tests.journeys.test_journey import APP, OPERATOR, TILL, card_number, held, receipt
from workers.audit.views import verify
from workers.rewards.views import ledger_matches_balances

FIRST: Final = {
    "phone": "+4915228817364",
    "email": "Zqx.Mail-Ärger@Rare-Domain.example",
    "first_name": "Zqxanabél",
    "last_name": "Zqxöztürk",
    "born_on": "1907-08-19",
}
SECOND: Final = {
    "phone": "+4915228817399",
    "email": "wvz.other@second-rare.example",
    "first_name": "Wvzßenno",
    "last_name": "Wvzlast-Name",
    "born_on": "1909-02-27",
}
CHANGED: Final = {
    "phone": "+4915228817411",
    "email": "zqx.new@changed-rare.example",
    "first_name": "Zqxrenamed",
}
"""What the first one is reached and called by later."""
WRITTEN: Final = (
    "Zqxnickname",
    "Zqxremark about them",
    "Zqxcomment, höflich",
    "Zqxnote by Olga",
    "Zqxanswer: more oat",
)
BROKEN: Final = "Zqxbrokenletter"
SIEVE: Final = Sieve((*FIRST.values(), *SECOND.values(), *CHANGED.values(), *WRITTEN, BROKEN))
STRONGER: Final = (
    *("MergeMembers", "RemoveMember", "IdentifyByDetails", "OpenCall", "CloseCall", "ChangeProfile"),
    *("ChangePhone", "ConfirmPhoneChange", "ChangeEmail", "RenewPassword"),
)
KEPT_SECONDS: Final = 1.0


@pytest.fixture
async def punchcard(settings: Settings) -> AsyncIterator[tuple[Punchcard, httpx.AsyncClient]]:
    """All of Punchcard, in which settled commands leave soon, and an operator with the stronger rights."""
    key = create_key(settings.keys_file, "the-boss", OPERATOR, STRONGER)
    soon = settings.model_copy(update={"commands_kept_hours": KEPT_SECONDS / 3_600})
    async with AsyncExitStack() as stack:
        whole = await stack.enter_async_context(everything(soon))
        headers = {"Authorization": f"Bearer {key}"}
        boss = await stack.enter_async_context(httpx.AsyncClient(base_url=whole.url, headers=headers, timeout=30))
        yield whole, boss


async def does(boss: httpx.AsyncClient, command: str, within: str | None = None, **body: Any) -> httpx.Response:
    """Send what needs a stronger right, perhaps in a call, and wait for its end."""
    headers = {"Prefer": "wait=20"} | ({} if within is None else {"Punchcard-Call": within})
    return await boss.post(f"/v1/commands/{command}", json=body, headers=headers)


async def done(boss: httpx.AsyncClient, command: str, within: str | None = None, **body: Any) -> dict[str, Any]:
    """The same of what must be done; its events by type."""
    answer = await does(boss, command, within, **body)
    assert answer.status_code == 200, f"{command}: {answer.status_code} {answer.json().get('code')}"
    return {event["type"]: event["body"] for event in answer.json()["events"]}


def joining(person: dict[str, str], card: str) -> dict[str, Any]:
    """Everything that can be said when somebody joins by a call."""
    given_at = (datetime.now(UTC) - timedelta(minutes=1)).isoformat()
    kinds = ("personal_data", "offer", "mailings")
    return {
        "channel": "call",
        **person,
        "card_number": card,
        "home_store": "harbour",
        "consents": [{"kind": each, "text_version": "2026-01", "given_at": given_at} for each in kinds],
        "answers": {"nickname": WRITTEN[0], "staff_remark": WRITTEN[1]},
    }


class TestARemovedMember:
    async def test_is_nowhere_and_the_ledger_adds_up(
        self,
        punchcard: tuple[Punchcard, httpx.AsyncClient],
        settings: Settings,
        tmp_path: Path,
        capfd: pytest.CaptureFixture[str],
    ) -> None:
        whole, boss = punchcard
        member_id, other_id = await self.live(whole, settings, boss)
        await quiet(settings)
        assert set(SIEVE.found(b"\n".join([text for _, text in kept_in_mongodb(settings)]))) >= {
            *(FIRST["last_name"], FIRST["born_on"], *CHANGED.values()),
            *SECOND.values(),
            *WRITTEN,
        }, "it all stood in MongoDB before"
        keys = keys_left(settings)
        before = [as_it_opens(settings, each, keys) or b"" async for each in records(settings)]
        assert {*(FIRST["phone"], SECOND["first_name"], WRITTEN[2], BROKEN), *CHANGED.values()} <= set(
            SIEVE.found(b"\n".join(before))
        )

        refused = await whole.say(OPERATOR, "RemoveMember", member_id=member_id, reason="on_request")
        assert refused.status_code == 403, "it is the stronger right"
        assert (await does(boss, "RemoveMember", member_id=other_id, reason="on_request")).json()["code"] == (
            "member_already_merged"
        )
        removed = await does(boss, "RemoveMember", member_id=member_id, reason="on_request")
        assert removed.status_code == 200, removed.text
        await quiet(settings)
        await cleared(settings)

        assert [(name, found) for name, text in kept_in_mongodb(settings) if (found := SIEVE.found(text))] == []
        assert [(name, found) for name, text in kept_in_files(tmp_path) if (found := SIEVE.found(text))] == []
        keys = keys_left(settings)
        assert not {person for _, person in keys} & {member_id, other_id}
        topics: dict[str, list[bytes]] = defaultdict(list)
        async for record in records(settings):
            topics[record.topic] += [as_it_lies(record), as_it_opens(settings, record, keys) or b""]
        assert {each.rpartition(".")[2] for each in topics} == {"events", "results", "dead"}
        assert {name: found for name, texts in topics.items() if (found := SIEVE.found(b"\n".join(texts)))} == {}
        said = capfd.readouterr()
        assert SIEVE.found((said.out + said.err).encode()) == [], "nothing was logged or printed"
        await self.adds_up(settings)
        await self.may_join_again(whole, boss, member_id)

    async def live(self, whole: Punchcard, settings: Settings, boss: httpx.AsyncClient) -> tuple[str, str]:
        """Two people use whatever there is, are written about, and become one; the ids of who stays and who went."""
        cards = (card_number(31), card_number(32))
        for card in cards:
            await whole.done(OPERATOR, "IssueCard", card_number=card)
        found = [await self.joined(whole, joining(*each)) for each in zip((FIRST, SECOND), cards, strict=True)]
        for place, card in enumerate(cards):
            await self.collects(whole, card, 310 + place)
        member_id, other_id = found
        await whole.done(OPERATOR, "ChangeFavourites", member_id=member_id, products=["cappuccino"])
        await whole.done(APP, "StopMailings", member_id=member_id)
        await whole.done(OPERATOR, "BlockMember", member_id=member_id, reason="abuse", comment=WRITTEN[1])
        await whole.done(OPERATOR, "UnblockMember", member_id=member_id, reason="cleared", comment=WRITTEN[1])
        for asked in (
            *({"phone": FIRST["phone"]}, {"email": FIRST["email"]}),
            {"name": f"{FIRST['first_name']} {FIRST['last_name']}"},
        ):
            answer = await whole.callers[OPERATOR].post("/v1/members/search", json=asked)
            assert [each["id"] for each in answer.json()["members"]] == [member_id], answer.text
        await self.calls(whole, boss, member_id)
        again = joining(FIRST | CHANGED, card_number(33)) | {"card_number": None}
        assert (await whole.say(OPERATOR, "RegisterMember", **again)).json()["code"] == "phone_already_registered"
        own = again | {"channel": "mobile_app", "answers": {"nickname": WRITTEN[0]}}
        await whole.done(APP, "RegisterMember", **{name: value for name, value in own.items() if value is not None})
        await self.buries(settings)
        await whole.done(OPERATOR, "SendPhoneCode", member_id=other_id)
        merged = await does(boss, "MergeMembers", member_id=member_id, absorbed_id=other_id)
        assert merged.status_code == 200, merged.text
        assert whole.dead_letters() == {"registration": 1}
        return member_id, other_id

    async def calls(self, whole: Punchcard, boss: httpx.AsyncClient, member_id: str) -> None:
        """Say who they are, be called otherwise, and be reached elsewhere from then on."""
        about = {"operator_id": "the-boss", "member_id": member_id}
        opened = await done(boss, "OpenCall", operator_id="the-boss", direction="inbound", member_id=member_id)
        call_id = opened["CallOpened"]["call_id"]
        details = {name: FIRST[name] for name in ("first_name", "last_name", "born_on", "email")}
        said = await done(boss, "IdentifyByDetails", call_id, **about, call_id=call_id, **details)
        assert "CallerIdentified" in said
        on_it = {"member_id": member_id, "call_id": call_id}
        await done(boss, "ChangeProfile", call_id, **on_it, first_name=CHANGED["first_name"])
        await done(boss, "ChangePhone", call_id, **on_it, phone=CHANGED["phone"])
        code = await read_in(whole, CHANGED["phone"], r"\b(\d{6})\b")
        await done(boss, "ConfirmPhoneChange", call_id, **on_it, code=code)
        await done(boss, "ChangeEmail", call_id, **on_it, email=CHANGED["email"])
        await done(boss, "RenewPassword", call_id, **on_it, way="generated")
        await done(boss, "CloseCall", call_id, operator_id="the-boss", call_id=call_id, reason="contact_change")

    async def joined(self, whole: Punchcard, said: dict[str, Any]) -> str:
        answer = await eventually(
            lambda: whole.say(OPERATOR, "RegisterMember", **said), lambda each: each.status_code == 200, "the member"
        )
        member_id: str = answer.json()["events"][0]["body"]["member_id"]
        await eventually(
            lambda: whole.read(TILL, f"/v1/cards/{said['card_number']}/balance"),
            lambda each: each["member_id"] == member_id,
            "the link",
        )
        return member_id

    async def collects(self, whole: Punchcard, card: str, number: int) -> None:
        """Buy, be given a coffee, and be written about."""
        await whole.done(TILL, "RecordPurchase", **receipt(card, number, coffees=12))
        await eventually(
            lambda: whole.say(TILL, "RedeemReward", card_number=card, reward="coffee"),
            lambda answer: answer.status_code == 200,
            "the reward",
        )
        adjusted: dict[str, Any] = {"unit": "stamps", "amount": 3, "reason": "goodwill", "comment": WRITTEN[2]}
        await whole.done(OPERATOR, "AdjustBalance", card_number=card, operator_id="the-operator", **adjusted)
        until = (datetime.now(UTC) + timedelta(days=9)).date().isoformat()
        tier = {"system": "status", "tier": "gold", "holds_until": until, "note": WRITTEN[3]}
        await whole.done(OPERATOR, "AssignTier", card_number=card, **tier)
        answers = {"stars": 4, "remark": WRITTEN[4]}
        await whole.done(APP, "AnswerSurvey", card_number=card, survey="how_was_it", answers=answers)

    async def buries(self, settings: Settings) -> None:
        """Publish a registration that can't be read, as a till of an older version might."""
        value = json.dumps({"channel": "call", "first_name": BROKEN, "phone": FIRST["phone"]}).encode()
        producer = AIOKafkaProducer(**connection(settings))
        await producer.start()
        try:
            headers = [("ce_id", b"broken-1"), ("ce_type", b"RegisterMember")]
            topic, key = commands_topic(settings.prefix, "registration"), FIRST["phone"].encode()
            await producer.send_and_wait(topic, value, key=key, headers=[*headers, ("name", BROKEN.encode())])
        finally:
            await producer.stop()

    async def adds_up(self, settings: Settings) -> None:
        """The ledger is the balances, and the trail is whole."""
        library = Library(settings)
        try:
            sums = await ledger_matches_balances(library.worker("rewards"))
            assert sums.adds_up
            assert sums.entries["stamps"] > 0
            verdict = await verify(library.worker("audit"))
            assert verdict.is_whole
        finally:
            library.close()

    async def may_join_again(self, whole: Punchcard, boss: httpx.AsyncClient, member_id: str) -> None:
        """Who joins with the same phone is a stranger, whom the old card is not given; the one before stays gone."""
        twice = await does(boss, "RemoveMember", member_id=member_id, reason="on_request")
        assert twice.json()["code"] == "member_already_removed"
        assert (await whole.callers[OPERATOR].get(f"/v1/members/{member_id}")).status_code == 404
        gone = card_number(31)
        assert (await whole.say(TILL, "RecordPurchase", **receipt(gone, 399))).json()["code"] == "card_deleted"
        taken = await whole.say(OPERATOR, "RegisterMember", **joining(FIRST, gone))
        assert taken.json()["code"] == "card_not_to_issue"
        fresh = {name: value for name, value in joining(FIRST, gone).items() if name != "card_number"}
        again = await whole.done(OPERATOR, "RegisterMember", **fresh)
        assert again["MemberRegistered"]["member_id"] != member_id
        assert await held(whole, gone) == {}


async def quiet(settings: Settings) -> None:
    """Wait until every worker has taken in everything, and what it said, and texts are reported."""
    workers = [importlib.import_module(f"workers.{name}").worker for name in WORKERS]
    groups = {settings.group(each.name): listen_topics(each, settings.prefix) for each in workers}
    async with backlogs(settings, groups) as look:
        before: dict[str, int] = {}
        while True:
            found = await look()
            ends = {name: each.end for name, each in found.items()}
            if not any(each.behind for each in found.values()) and ends == before:
                return
            before = ends
            await asyncio.sleep(0.5)


async def cleared(settings: Settings) -> None:
    """Wait until no command that was settled lies in its topic."""

    async def left() -> int:
        states = await show_topics(settings)
        return sum(each.records for each in states if each.topic.name.endswith(".commands"))

    await eventually(left, lambda count: count == 0, "clear topics", every_seconds=0.5)
