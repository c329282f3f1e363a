"""Steps of a journey: a member sets a password, calls, shows who they are, and is reached elsewhere from then on."""

import re
from typing import Any, Final

import httpx

from contracts.messages import ActorKind
from runtime.settings import Settings
from tests.journeys.running import Punchcard, eventually
from tests.journeys.verifying import everything_kept
from tests.security.scan import MEMBER_PASSWORD

OPERATOR, TILL, APP = ActorKind.OPERATOR, ActorKind.POS, ActorKind.APP
OPERATOR_ID: Final = "the-operator"
NEW_PHONE: Final = "+4915112345688"
NEW_EMAIL: Final = "zqx.ana@example.org"
PASSWORD: Final = f"zqx {MEMBER_PASSWORD}"


async def is_cared_for_in_a_call(
    punchcard: Punchcard, settings: Settings, member_id: str, card: str, phone: str
) -> None:
    """All that is done in the call is tied to it; passwords and tokens are nowhere."""
    token = await sets_a_password(punchcard, member_id, phone)
    opened = await punchcard.done(OPERATOR, "OpenCall", operator_id=OPERATOR_ID, direction="inbound")
    call_id = opened["CallOpened"]["call_id"]
    said = {"operator_id": OPERATOR_ID, "call_id": call_id}

    wrong = await punchcard.done(OPERATOR, "IdentifyByPassword", **said, member_id=member_id, password="another one")
    assert wrong["IdentificationFailed"]["member_id"] == member_id
    early = await punchcard.say(OPERATOR, "ChangePhone", member_id=member_id, call_id=call_id, phone=NEW_PHONE)
    assert early.json()["code"] == "caller_not_identified"
    right = await punchcard.done(OPERATOR, "IdentifyByPassword", **said, member_id=member_id, password=PASSWORD)
    assert right["CallerIdentified"]["method"] == "password"

    await moves_to_another_phone(punchcard, member_id, call_id, phone)
    generated = await has_a_password_sent_by_email(punchcard, member_id, call_id)
    page = await punchcard.read(OPERATOR, f"/v1/members/{member_id}/page")
    assert [each["id"] for each in page["open_calls"]] == [call_id]
    assert page["open_calls"] == page["calls"]
    assert page["favourites"]["products"] == []
    assert {each["is_on"] for each in page["subscriptions"]} == {True}
    await is_in_it(punchcard, call_id, "BlockCard", card_number=card, reason="lost")
    await is_in_it(punchcard, call_id, "UnblockCard", card_number=card, reason="found")
    waits = await eventually(
        lambda: punchcard.say(TILL, "RedeemReward", card_number=card, reward="coffee"),
        lambda answer: answer.json().get("code") == "spending_waits",
        "the cooling-off",
    )
    assert waits.status_code == 409
    await punchcard.done(OPERATOR, "CloseCall", **said, reason="contact_change")
    late = await say_in(punchcard, call_id, "BlockCard", card_number=card, reason="lost")
    assert late.json()["code"] == "call_not_open"

    done_in_it = {"CallOpened", "CallerIdentified", "PhoneChanged", "CardBlocked", "CardUnblocked", "CallClosed"}
    lines = await eventually(
        lambda: punchcard.read(OPERATOR, f"/v1/calls/{call_id}/timeline"),
        lambda page: done_in_it <= {line["what"] for line in page["lines"]},
        "the call's timeline",
    )
    within = [line for line in lines["lines"] if line["what"] not in ("CallOpened", "OpenCall", "RecordLook")]
    assert {line["actor"]["call_id"] for line in within} == {call_id}
    (shown,) = await punchcard.read(OPERATOR, f"/v1/members/{member_id}/calls")
    assert (shown["state"], shown["reason"], shown["failed_tries"]) == ("closed", "contact_change", 1)
    secrets = [each.encode() for each in (PASSWORD, token, generated)]
    assert [place async for place, text in everything_kept(settings) if any(each in text for each in secrets)] == []


async def sets_a_password(punchcard: Punchcard, member_id: str, phone: str) -> str:
    """By the link in a text, which works once."""
    await punchcard.done(APP, "RenewPassword", member_id=member_id, way="link")
    token = await read_in(punchcard, phone, r"password#([a-z2-7]{26})")
    short = await punchcard.say(APP, "SetPassword", member_id=member_id, token=token, password="short")
    assert short.json()["problems"][0]["field"] == "password"
    assert "PasswordSet" in await punchcard.done(
        APP, "SetPassword", member_id=member_id, token=token, password=PASSWORD
    )
    twice = await punchcard.say(APP, "SetPassword", member_id=member_id, token=token, password="zqx another one")
    assert twice.json()["code"] == "password_link_invalid"
    return token


async def moves_to_another_phone(punchcard: Punchcard, member_id: str, call_id: str, phone: str) -> None:
    """With a code to the new one; both are told."""
    about = {"member_id": member_id, "call_id": call_id}
    await punchcard.done(OPERATOR, "ChangePhone", **about, phone=NEW_PHONE)
    code = await read_in(punchcard, NEW_PHONE, r"\b(\d{6})\b")
    changed = await punchcard.done(OPERATOR, "ConfirmPhoneChange", **about, code=code)
    assert "phone" not in changed["PhoneChanged"]
    assert (await punchcard.read(OPERATOR, f"/v1/members/{member_id}"))["phone"] == NEW_PHONE
    assert await read_in(punchcard, phone, rf"(…{NEW_PHONE[-3:]})")
    assert await read_in(punchcard, NEW_PHONE, r"(we write to you at this number)")


async def has_a_password_sent_by_email(punchcard: Punchcard, member_id: str, call_id: str) -> str:
    """To another email than they had: both are told of the change; they show who they are by the password."""
    about = {"member_id": member_id, "call_id": call_id}
    earlier = (await punchcard.read(OPERATOR, f"/v1/members/{member_id}"))["email"]
    changed = await punchcard.done(OPERATOR, "ChangeEmail", **about, email=NEW_EMAIL)
    assert not {"email", "earlier_email"} & changed["EmailChanged"].keys()
    assert await mailed(punchcard, earlier, r"(writes to another address)")
    assert await mailed(punchcard, NEW_EMAIL, r"(writes to you at this address)")

    await punchcard.done(OPERATOR, "RenewPassword", **about, way="generated", channel="email")
    password = await mailed(punchcard, NEW_EMAIL, r"your new password is (\S+)")
    proven = await punchcard.done(OPERATOR, "IdentifyByPassword", **about, operator_id=OPERATOR_ID, password=password)
    assert proven["CallerIdentified"]["method"] == "password"
    return password


async def mailed(punchcard: Punchcard, to: str, sought: str) -> str:
    """What an email to somebody says, once it has come."""

    async def look() -> list[str]:
        return [match[1] for text in punchcard.mailbox.texts_to(to) if (match := re.search(sought, text))]

    return (await eventually(look, bool, "the email"))[0]


async def read_in(punchcard: Punchcard, phone: str, sought: str) -> str:
    """What a text to a phone says, once it has come."""

    async def look() -> list[Any]:
        texts = (await punchcard.sms.get("/messages", params={"to": phone})).json()
        return [match[1] for text in texts if (match := re.search(sought, text["text"]))]

    return str((await eventually(look, bool, "the text"))[0])


async def say_in(punchcard: Punchcard, call_id: str, command: str, **body: Any) -> httpx.Response:
    """Send a command in a call."""
    headers = {"Prefer": "wait=20", "Punchcard-Call": call_id}
    return await punchcard.callers[OPERATOR].post(f"/v1/commands/{command}", json=body, headers=headers)


async def is_in_it(punchcard: Punchcard, call_id: str, command: str, **body: Any) -> None:
    """Do something in a call that is done."""
    answer = await say_in(punchcard, call_id, command, **body)
    assert answer.status_code == 200, answer.text
