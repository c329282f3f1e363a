"""A card's life over HTTP, on real servers: what one worker decides of a card is so for the others soon after."""

from collections.abc import AsyncIterator

import pytest

from runtime.settings import Settings
from tests.journeys.caring import is_cared_for_in_a_call
from tests.journeys.merging import is_merged_with_another
from tests.journeys.running import Punchcard, eventually, everything
from tests.journeys.test_journey import APP, OPERATOR, PHONE, TILL, card_number, held, join, receipt


@pytest.fixture
async def punchcard(settings: Settings) -> AsyncIterator[Punchcard]:
    async with everything(settings) as whole:
        yield whole


class TestALostCard:
    async def test_is_replaced_by_one_that_has_what_both_collected(
        self, punchcard: Punchcard, settings: Settings
    ) -> None:
        old, new = card_number(1), card_number(2)
        member_id = await join(punchcard, old)
        await punchcard.done(TILL, "RecordPurchase", **receipt(old, 1))
        await punchcard.done(OPERATOR, "IssueCard", card_number=new)
        parked_or_not = await punchcard.say(TILL, "RecordPurchase", **receipt(new, 2))
        assert parked_or_not.status_code == 200
        await punchcard.done(OPERATOR, "BlockCard", card_number=old, reason="lost")
        await punchcard.done(OPERATOR, "ReplaceCard", card_number=old, new_card_number=new)

        await eventually(lambda: held(punchcard, new), lambda found: found.get("stamps") == 10, "the merged balance")
        late = await punchcard.say(TILL, "RecordPurchase", **receipt(old, 3))
        assert (late.status_code, late.json()["code"]) == (409, "card_replaced")
        purchases = await punchcard.read(TILL, f"/v1/cards/{new}/purchases")
        assert {each["receipt_number"] for each in purchases} == {"000001", "000002"}
        await eventually(
            lambda: punchcard.say(TILL, "RedeemReward", card_number=new, reward="coffee"),
            lambda answer: answer.status_code == 200,
            "the reward",
        )

        shown = await punchcard.read(OPERATOR, f"/v1/cards/{old}")
        assert (shown["state"], shown["newest"], shown["replaced_by"]) == ("replaced", new, new)
        told = await punchcard.read(TILL, f"/v1/cards/{old}")
        assert (told["state"], told["member_id"], told["newest"], told["replaced_by"]) == ("replaced", None, None, None)
        assert (await punchcard.read(TILL, f"/v1/cards/{old}/balance"))["member_id"] is None
        assert (await punchcard.read(TILL, f"/v1/cards/{new}/balance"))["member_id"] == member_id
        cards = await punchcard.read(OPERATOR, f"/v1/members/{member_id}/cards")
        assert [(each["number"], each["state"]) for each in cards] == [(old, "replaced"), (new, "active")]
        found = await eventually(
            lambda: punchcard.read(OPERATOR, f"/v1/members/{member_id}"),
            lambda each: new in each["card_numbers"],
            "the member's new card",
        )
        assert found["card_numbers"] == [old, new]
        lines = await eventually(
            lambda: punchcard.read(OPERATOR, f"/v1/cards/{new}/timeline"),
            lambda page: "CardReplaced" in {line["what"] for line in page["lines"]},
            "the history of both cards",
        )
        assert "MemberRegistered" in {line["what"] for line in lines["lines"]}
        await self.has_a_virtual_one_beside_it(punchcard, new, member_id)
        await is_cared_for_in_a_call(punchcard, settings, member_id, new, PHONE)
        await is_merged_with_another(punchcard, new, member_id)
        assert punchcard.dead_letters() == {}

    async def has_a_virtual_one_beside_it(self, punchcard: Punchcard, plastic: str, member_id: str) -> None:
        before = (await held(punchcard, plastic)).get("stamps", 0)
        made = await punchcard.done(APP, "IssueVirtualCard", member_id=member_id)
        virtual = made["VirtualCardIssued"]["card_number"]
        sale = receipt(virtual, 4)
        await eventually(
            lambda: punchcard.say(TILL, "RecordPurchase", **sale),
            # It may be parked first, until rewards have heard of the card.
            lambda answer: answer.status_code == 200 and "PurchaseParked" not in answer.text,
            "a purchase",
        )
        await punchcard.done(OPERATOR, "ChangeCardCategory", card_number=virtual, category="employee")
        await punchcard.done(OPERATOR, "DeleteCard", card_number=virtual)
        hidden = await eventually(
            lambda: punchcard.read(TILL, f"/v1/cards/{virtual}/balance"), lambda each: each["is_hidden"], "the deletion"
        )
        assert hidden["balances"] == []
        await punchcard.done(OPERATOR, "RestoreCard", card_number=virtual)
        await eventually(
            lambda: held(punchcard, virtual), lambda found: found.get("stamps") == before + 5, "the restored balance"
        )
        assert (await held(punchcard, plastic))["stamps"] == before + 5, "all cards of a member collect together"
        refused = await punchcard.say(OPERATOR, "DeleteCard", card_number=plastic)
        assert refused.json()["code"] == "only_physical_card"
        cards = await punchcard.read(OPERATOR, f"/v1/members/{member_id}/cards")
        assert [(each["kind"], each["state"]) for each in cards][1:] == [("physical", "active"), ("virtual", "active")]
