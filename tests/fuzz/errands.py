"""Errands: members who change their email and calls with a ticket, so that every courier has somewhere to go."""

import asyncio
import json
from random import Random
from typing import Any, Final

from services.gateway.examples import EXAMPLES
from tests.fuzz.http_raw import Answer, Wire, request
from tests.fuzz.shots import POOLS, card_number
from tests.fuzz.system import GATEWAY, System

ERRANDS: Final = 12
FIRST_CARD: Final = 900_000
"""Cards that nobody else speaks of."""
ATTEMPTS: Final = 40
WAIT_SECONDS: Final = 0.25


class NotDone(Exception):
    """A command wasn't done."""


class Errands:
    """What a till, a system and an operator ask of the gateway before the storm begins."""

    def __init__(self, system: System, seed: int) -> None:
        self._keys = system.keys
        self._wire = Wire(system.settings.host, system.ports[GATEWAY])
        self._random = Random(seed)

    async def give(self) -> list[str]:
        """Give them all; what could not be given, one line each."""
        missing: list[str] = []
        for number in range(ERRANDS):
            try:
                await self._mail(number)
                await self._ticket(number)
            except NotDone as error:
                missing.append(f"errand {number}: {error}")
        await self._wire.close()
        return missing

    async def _mail(self, number: int) -> None:
        """A member with an email gets another: both addresses are told."""
        card = card_number(FIRST_CARD + number)
        await self._done("system", "IssueCard", card_number=card)
        consents = [
            {**each, "given_at": POOLS["given_at"](self._random)} for each in EXAMPLES["RegisterMember"]["consents"]
        ]
        person = {"phone": f"+4915199{number:06d}", "email": f"reader{number}@example.org", "card_number": card}
        registered = await self._done(
            "pos", "RegisterMember", **EXAMPLES["RegisterMember"] | person | {"consents": consents}
        )
        member_id = next(each["member_id"] for each in registered if "member_id" in each)
        await self._done("system", "ChangeEmail", member_id=member_id, email=f"reader{number}@example.com")

    async def _ticket(self, number: int) -> None:
        """A call is closed, and with it its ticket."""
        who = {"operator_id": "fuzz-operator"}
        [opened] = await self._done("operator", "OpenCall", **who, direction="inbound")
        call = {**who, "call_id": opened["call_id"]}
        await self._done("operator", "AttachTicket", **call, ticket_id=f"DESK-{number}/..?#%00")
        await self._done("operator", "CloseCall", **call, reason="other")

    async def _done(self, by: str, command: str, **body: Any) -> list[dict[str, Any]]:
        """What happened because of a command; what one worker did is known to the others a little later."""
        answer: Answer | None = None
        for _ in range(ATTEMPTS):
            raw = json.dumps(body).encode()
            answer = await self._wire.ask(request("POST", f"/v1/commands/{command}", self._keys[by], raw))
            if answer is not None and answer.status == 200:
                return [event["body"] for event in answer.content["events"]]
            await asyncio.sleep(WAIT_SECONDS)
        raise NotDone(f"{command}: {answer}")
