"""The journey: a card is issued, joined with, bought with, rewarded, blocked; over HTTP and Kafka, on real servers."""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from contracts.messages import ActorKind
from contracts.values import luhn_digit
from runtime.settings import Settings
from tests.journeys.running import Punchcard, eventually, everything
from tests.journeys.verifying import is_blocked_for_a_while, joins_with_a_code

OPERATOR, TILL, APP = ActorKind.OPERATOR, ActorKind.POS, ActorKind.APP
PHONE = "+4915112345678"
CODE = re.compile(r"\b[0-9A-Z]{4}(?:-[0-9A-Z]{4}){3}\b")


def card_number(number: int) -> str:
    digits = f"20{number:010d}"
    return digits + luhn_digit(digits)


@pytest.fixture
async def punchcard(settings: Settings, tmp_path: Path) -> AsyncIterator[Punchcard]:
    """All of Punchcard, under the demo programme with phones verified in the app."""
    demo = Path("programme.yaml").read_text(encoding="utf-8")
    app = "mobile_app: { actors: [app], required: [first_name] }"
    assert app in demo
    file = tmp_path / "programme.yaml"
    file.write_text(demo.replace(app, app.replace(" }", ", verification: required }")), encoding="utf-8")
    async with everything(settings.model_copy(update={"programme_file": file})) as whole:
        yield whole


def joining(card: str, phone: str = PHONE) -> dict[str, Any]:
    given_at = (datetime.now(UTC) - timedelta(minutes=1)).isoformat()
    return {
        "channel": "point_of_sale",
        "phone": phone,
        "email": f"ana{phone[-4:]}@example.org",
        "first_name": "Ana",
        "card_number": card,
        "consents": [
            {"kind": "personal_data", "text_version": "2026-09", "given_at": given_at},
            {"kind": "offer", "text_version": "2026-01", "given_at": given_at},
        ],
        "answers": {"favourite_drink": "cappuccino", "milk": ["oat"]},
    }


def receipt(card: str, number: int, coffees: int = 5) -> dict[str, Any]:
    now = datetime.now(UTC)
    return {
        "card_number": card,
        "store": "harbour",
        "till": "till-1",
        "receipt_number": f"{number:06d}",
        "business_day": now.date().isoformat(),
        "purchased_at": now.isoformat(),
        "currency": "EUR",
        "lines": [
            {
                "line": 1,
                "product": "cappuccino",
                "category": "coffee",
                "quantity": coffees,
                "price_minor": 380 * coffees,
            },
            {"line": 2, "product": "beans-250", "category": "beans", "quantity": 1, "price_minor": 900},
        ],
    }


def key_of(bought: dict[str, Any]) -> dict[str, Any]:
    """What names a sale."""
    return {name: bought[name] for name in ("card_number", "store", "till", "receipt_number", "business_day")}


async def join(punchcard: Punchcard, card: str, phone: str = PHONE) -> str:
    """Issue a card and join with it; the member's id, once the card is theirs everywhere."""
    await punchcard.done(OPERATOR, "IssueCard", card_number=card)
    # Registration learns of the card by its event; until then it doesn't know it.
    joined = await eventually(
        lambda: punchcard.say(TILL, "RegisterMember", **joining(card, phone)),
        lambda answer: answer.status_code == 200,
        "the registration",
    )
    member_id: str = joined.json()["events"][0]["body"]["member_id"]
    await eventually(
        lambda: punchcard.read(TILL, f"/v1/cards/{card}/balance"),
        lambda found: found["member_id"] == member_id,
        "the link",
    )
    return member_id


async def held(punchcard: Punchcard, card: str) -> dict[str, int]:
    found = await punchcard.read(TILL, f"/v1/cards/{card}/balance")
    return {each["unit"]: each["available"] for each in found["balances"]}


class TestTheJourney:
    async def test_from_a_new_card_to_its_last_refusal(self, punchcard: Punchcard, settings: Settings) -> None:
        card = card_number(1)
        await punchcard.done(OPERATOR, "IssueCard", card_number=card)
        joined = await eventually(
            lambda: punchcard.say(TILL, "RegisterMember", **joining(card)),
            lambda answer: answer.status_code == 200,
            "the registration",
        )
        said = joined.json()["events"][0]
        member_id = said["body"]["member_id"]
        assert said["type"] == "MemberRegistered"
        assert PHONE not in joined.text
        assert "Ana" not in joined.text

        shown = await eventually(
            lambda: punchcard.read(OPERATOR, f"/v1/cards/{card}"), lambda each: each["state"] == "active", "the link"
        )
        assert shown["member_id"] == member_id
        member = await eventually(
            lambda: punchcard.read(OPERATOR, f"/v1/members/{member_id}"),
            lambda each: each["card_numbers"] == [card],
            "the member's card",
        )
        assert (member["phone"], member["channel"]) == (PHONE, "point_of_sale")
        assert {each["question"] for each in member["answers"]} == {"favourite_drink", "milk"}

        texts = await eventually(
            lambda: punchcard.sms.get("/messages", params={"to": PHONE}), lambda each: each.json() != [], "the text"
        )
        assert "Ana" in texts.json()[0]["text"]

        await self.buys_and_spends(punchcard, card)
        await self.uses_a_coupon_that_a_text_brought(punchcard, card)
        await is_blocked_for_a_while(punchcard, card, member_id)
        await self.is_blocked(punchcard, card)
        await joins_with_a_code(punchcard, settings)
        assert punchcard.dead_letters() == {}
        await self.is_all_in_the_timeline(punchcard, member_id)

    async def buys_and_spends(self, punchcard: Punchcard, card: str) -> None:
        first = await punchcard.done(TILL, "RecordPurchase", **receipt(card, 1))
        assert {each["unit"] for each in first["PurchaseRecorded"]["earned"]} == {"stamps", "points"}
        await punchcard.done(TILL, "RecordPurchase", **receipt(card, 2))
        before = await held(punchcard, card)
        assert before["stamps"] == 10
        assert before["points"] >= 2 * 28

        early = await punchcard.say(TILL, "RedeemReward", card_number=card, reward="mug")
        assert (early.status_code, early.json()["code"]) == (409, "balance_too_low")

        issued = await punchcard.done(TILL, "RedeemReward", card_number=card, reward="coffee")
        assert (await held(punchcard, card))["stamps"] == 0
        reward_id = issued["RewardIssued"]["reward_id"]
        await punchcard.done(TILL, "UseReward", card_number=card, reward_id=reward_id, store="harbour")
        rewards = await punchcard.read(TILL, f"/v1/cards/{card}/rewards")
        assert [(each["id"], each["state"]) for each in rewards] == [(reward_id, "used")]
        purchases = await punchcard.read(TILL, f"/v1/cards/{card}/purchases")
        assert [each["receipt_number"] for each in purchases] == ["000002", "000001"]

    async def uses_a_coupon_that_a_text_brought(self, punchcard: Punchcard, card: str) -> None:
        await punchcard.done(OPERATOR, "IssueCoupon", card_number=card, campaign="welcome_points")
        texts = await eventually(
            lambda: punchcard.sms.get("/messages", params={"to": PHONE}),
            lambda each: any(CODE.search(message["text"]) for message in each.json()),
            "the text with the code",
        )
        code = next(found[0] for message in texts.json() if (found := CODE.search(message["text"])))
        coupon = {"card_number": card, "coupon_code": code}
        till, sale = {"store": "harbour", "till": "till-1"}, key_of(receipt(card, 500))

        await punchcard.done(TILL, "ReserveCoupon", **coupon, **till)
        met = await punchcard.say(OPERATOR, "CancelCoupon", **coupon, reason="mistake")
        assert (met.status_code, met.json()["code"]) == (409, "coupon_reserved")
        assert "till-1" in met.json()["detail"]
        await punchcard.done(TILL, "RecordPurchase", **receipt(card, 500))
        before = await held(punchcard, card)
        used = await punchcard.done(TILL, "UseCoupon", **sale, coupon_code=code)
        assert used["CouponUsed"]["gives"]["amount"] == 20
        assert (await held(punchcard, card))["points"] == before["points"] + 20

        async def state() -> str:
            return str((await punchcard.read(OPERATOR, f"/v1/coupons/{code}"))["state"])

        back = [{"line": 1, "quantity": 5, "price_minor": 1900}, {"line": 2, "quantity": 1, "price_minor": 900}]
        refund = {**sale, "refunded_at": datetime.now(UTC).isoformat(), "lines": back}
        await punchcard.done(TILL, "RefundPurchase", **refund, refund_number="r1")
        await eventually(state, lambda found: found == "issued", "the coupon that came back")
        by_whom = {"operator_id": "the-operator", "reason": "mistake"}
        undone = await punchcard.done(OPERATOR, "UndoRefund", **sale, **by_whom, refund_number="r1")
        assert undone["RefundUndone"]["coupon_codes"] == [used["CouponUsed"]["coupon_code"]]
        assert await state() == "used"
        assert (await held(punchcard, card))["points"] == before["points"] + 20
        again = await punchcard.say(OPERATOR, "UndoRefund", **sale, **by_whom, refund_number="r1")
        assert again.json()["code"] == "refund_already_undone"

    async def is_blocked(self, punchcard: Punchcard, card: str) -> None:
        await punchcard.done(OPERATOR, "BlockCard", card_number=card, reason="lost")
        numbers = iter(range(3, 1_000))

        refused = await eventually(
            lambda: punchcard.say(TILL, "RecordPurchase", **receipt(card, next(numbers))),
            lambda answer: answer.status_code == 409,
            "the refusal",
        )

        assert refused.json()["code"] == "card_blocked"
        assert "block" in refused.json()["detail"].lower()

    async def is_all_in_the_timeline(self, punchcard: Punchcard, member_id: str) -> None:
        expected = {
            "CardIssued": "the-operator",
            "MemberRegistered": "the-pos",
            "CardLinked": "the-pos",
            "PurchaseRecorded": "the-pos",
            "RewardIssued": "the-pos",
            "RewardUsed": "the-pos",
            "CardBlocked": "the-operator",
            "MemberBlocked": "the-operator",
            "CardSuspended": "the-operator",
            "CardResumed": "the-operator",
            "MemberUnblocked": "the-operator",
            "RecordPurchase refused card_blocked": "the-pos",
            "RecordLook": "the-operator",
        }

        timeline: dict[str, Any] = {}

        async def missing() -> set[str]:
            timeline.update(await punchcard.read(OPERATOR, f"/v1/members/{member_id}/timeline?limit=500"))
            return expected.keys() - {_named(line) for line in timeline["lines"]}

        # Every question is a look, and so a line of its own: ask seldom.
        await eventually(missing, lambda lines: not lines, "the timeline without", every_seconds=0.5)

        who = {_named(line): line["actor"]["id"] for line in timeline["lines"]}
        assert {what: who[what] for what in expected} == expected
        times = [datetime.fromisoformat(line["happened_at"]) for line in timeline["lines"]]
        assert times == sorted(times, reverse=True)
        assert PHONE not in str(timeline)

    async def test_the_same_again_is_the_same(self, punchcard: Punchcard) -> None:
        card = card_number(2)
        await join(punchcard, card)
        bought = receipt(card, 10)
        first = await punchcard.say(TILL, "RecordPurchase", key="receipt-10", **bought)

        again = await punchcard.say(TILL, "RecordPurchase", key="receipt-10", **bought)
        anew = await punchcard.say(TILL, "RecordPurchase", key="receipt-10-anew", **bought)
        other = await punchcard.say(TILL, "RecordPurchase", key="receipt-10", **{**bought, "revision": 1})

        assert again.json() == first.json()
        assert [event["type"] for event in anew.json()["events"]] == ["PurchaseRepeated"]
        assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
        assert (await held(punchcard, card))["stamps"] == 5
        by_id = await punchcard.callers[TILL].get(f"/v1/commands/{first.json()['id']}")
        assert by_id.json() == first.json()
        assert (await punchcard.callers[OPERATOR].get(f"/v1/commands/{first.json()['id']}")).status_code == 404

    async def test_a_gateway_that_has_forgotten_still_knows_a_reused_key(
        self, punchcard: Punchcard, settings: Settings
    ) -> None:
        from services.gateway.server import running

        await punchcard.done(OPERATOR, "IssueCard", key="k", card_number=card_number(3))
        async with running(settings) as young:
            await eventually(
                lambda: punchcard.callers[OPERATOR].get(f"{young.url}/ready"),
                lambda answer: answer.status_code == 200,
                "the second gateway",
            )
            client = punchcard.callers[OPERATOR]
            headers = {"Idempotency-Key": "k", "Prefer": "wait=1"}
            path = f"{young.url}/v1/commands/IssueCard"

            same = await client.post(path, json={"card_number": card_number(3)}, headers=headers)
            other = await client.post(path, json={"card_number": card_number(4)}, headers=headers)

        assert same.status_code == 200
        assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")

    async def test_searching_finds_one_and_is_noted(self, punchcard: Punchcard) -> None:
        card = card_number(5)
        member_id = await join(punchcard, card, "+4915112345005")
        desk = punchcard.callers[OPERATOR]

        by_phone = await desk.post("/v1/members/search", json={"phone": "+49 151 1234 5005"})
        by_card = await eventually(
            lambda: desk.post("/v1/members/search", json={"card_number": card}),
            lambda answer: answer.json()["members"] != [],
            "the search",
        )

        assert [each["id"] for each in by_phone.json()["members"]] == [member_id]
        assert [each["id"] for each in by_card.json()["members"]] == [member_id]
        await punchcard.done(TILL, "RecordPurchase", **receipt(card, 77))
        for wanted in (
            {"name": "anna", "phone": "0151 12345005"},
            {"name": "An", "card_number": card[-5:]},
            {"email": "ANA5005"},
            {"receipt_number": "000077", "store": "harbour"},
            {"member_id": member_id[:10]},
        ):
            answer = await desk.post("/v1/members/search", json=wanted)
            assert [each["id"] for each in answer.json()["members"]] == [member_id], (wanted, answer.text)
        nobody = await desk.post("/v1/members/search", json={"name": "a"})
        assert nobody.status_code == 422
        noted = {("phone",), ("name", "phone"), ("email",), ("receipt_number",), ("member_id",)}
        timeline = await eventually(
            lambda: punchcard.read(OPERATOR, f"/v1/members/{member_id}/timeline"),
            lambda each: noted <= {tuple(line["facts"].get("by") or ()) for line in each["lines"]},
            "the notes of the looks",
            every_seconds=0.5,
        )
        searched = [line["facts"] for line in timeline["lines"] if line["facts"].get("what") == "search"]
        assert "5005" not in str(searched)


def _named(line: dict[str, Any]) -> str:
    return f"{line['what']} refused {line['code']}" if line["outcome"] == "refused" else str(line["what"])
