"""A part of a journey: two members become one by a code, and what names the other one goes on."""

import re

from tests.journeys.running import Punchcard, eventually
from tests.journeys.test_journey import OPERATOR, TILL, card_number, held, join, receipt

OTHER_PHONE = "+4915112345679"


async def code_sent_to(punchcard: Punchcard, phone: str) -> str:
    """The code in the newest text to a phone."""

    async def codes() -> list[str]:
        texts = (await punchcard.sms.get("/messages")).json()
        return [found[0] for each in texts if each["to"] == phone and (found := re.match(r"\d{6}\b", each["text"]))]

    return (await eventually(codes, bool, "the code"))[0]


async def is_merged_with_another(punchcard: Punchcard, card: str, member_id: str) -> None:
    """Let a member absorb another one, who says yes by a code; both sides' cards collect and pay together."""
    other_card = card_number(7)
    other_id = await join(punchcard, other_card, OTHER_PHONE)
    await punchcard.done(TILL, "RecordPurchase", **receipt(other_card, 70, coffees=3))
    before, more = await held(punchcard, card), await held(punchcard, other_card)
    both = {"member_id": member_id, "absorbed_id": other_id}
    preview = await punchcard.read(OPERATOR, f"/v1/members/{member_id}/merge-preview?absorbed_id={other_id}")
    assert preview["obstacles"] == []

    asked = await punchcard.done(OPERATOR, "ProposeMerge", **both)
    code = await code_sent_to(punchcard, OTHER_PHONE)
    assert code not in str(asked)
    challenge = {"challenge_id": asked["CodeRequested"]["challenge_id"]}
    wrong = await punchcard.done(OPERATOR, "ConfirmMerge", **both, **challenge, code=f"{(int(code) + 1) % 10**6:06d}")
    assert list(wrong) == ["CodeRejected"]
    merged = await punchcard.done(OPERATOR, "ConfirmMerge", **both, **challenge, code=code)
    assert merged["MembersMerged"]["absorbed_id"] == other_id
    again = await punchcard.say(OPERATOR, "ProposeMerge", **both)
    assert again.json()["code"] == "member_already_merged"

    for number in (card, other_card):
        await collects_for_both(punchcard, number, before, more)
    assert (await punchcard.read(OPERATOR, f"/v1/members/{other_id}"))["id"] == member_id
    late = await punchcard.done(OPERATOR, "BlockCard", card_number=other_card, reason="lost")
    assert late["CardBlocked"]["member_id"] == member_id
    lines = await eventually(
        lambda: punchcard.read(OPERATOR, f"/v1/members/{other_id}/timeline?limit=500"),
        lambda page: {"MembersMerged", "BalanceMoved"} <= {line["what"] for line in page["lines"]},
        "the history of both",
    )
    assert sum(line["what"] == "MemberRegistered" for line in lines["lines"]) == 2


async def collects_for_both(punchcard: Punchcard, number: str, before: dict[str, int], more: dict[str, int]) -> None:
    """Wait until a card shows what both sides had."""
    both = {unit: before[unit] + more[unit] for unit in ("stamps", "points")}
    await eventually(
        lambda: held(punchcard, number),
        lambda found: all(found.get(unit, 0) >= both[unit] for unit in both),
        "the common balance",
    )
