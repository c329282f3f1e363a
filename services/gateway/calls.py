"""Calls: in which one an operator does what they ask for, as the header `Punchcard-Call` names it."""

import re
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Final

from contracts.messages import ActorKind, Command
from contracts.programme.calls import CallRules
from services.gateway.keys import Caller
from services.gateway.problems import Problem
from workers.registration.views import Call, RegistrationViews

HEADER: Final = "Punchcard-Call"
WITHOUT_CALLS: Final = ("cards", "rewards", "notifications")
"""Workers that touch members and know no calls."""
_CALL: Final = re.compile(rb"[0-9a-f]{32}")


def named_call(caller: Caller, header: bytes | None) -> str | None:
    """The call that a request names; who isn't an operator has none, whatever the header says.

    Raises:
        Problem: 400, it is no call's id.
    """
    if header is None or caller.actor.kind is not ActorKind.OPERATOR:
        return None
    if not _CALL.fullmatch(header):
        raise Problem(HTTPStatus.BAD_REQUEST, "invalid_call", f"{HEADER}: must be a call's id.")
    return header.decode()


class OpenCalls:
    """The calls that operators have open."""

    def __init__(self, views: RegistrationViews, rules: CallRules) -> None:
        self._views = views
        self._rules = rules

    def is_needed(self, caller: Caller, command_class: type[Command]) -> bool:
        """Whether a command has to be done in a call of which its own worker knows nothing."""
        is_operators = caller.actor.kind is ActorKind.OPERATOR
        return self._rules.is_required and is_operators and command_class.worker in WITHOUT_CALLS

    async def must_be_open(self, caller: Caller, call_id: str | None) -> Call:
        """The call that an operator is in.

        Raises:
            Problem: 409, none is named, it is over, somebody else's, or there is none.
            Away: MongoDB can't be reached.
        """
        if call_id is None:
            raise Problem(HTTPStatus.CONFLICT, "call_missing", f"This is done in a call only: {HEADER}.")
        call = await self._views.open_call(caller.actor.id, datetime.now(UTC), call_id)
        if call is None:
            raise Problem(HTTPStatus.CONFLICT, "call_not_open", f"{HEADER}: this operator has no such call open.")
        return call

    async def must_let_look(self, caller: Caller, call_id: str | None, member_id: str | None) -> None:
        """Let an operator look at a member where the programme lets them: in a call, once the caller agreed to it.

        Where there is no caller to agree, as with a letter, none is asked.

        Raises:
            Problem: 409, they may not.
            Away: MongoDB can't be reached.
        """
        if caller.actor.kind is not ActorKind.OPERATOR:
            return
        if call_id is None:
            if self._rules.is_required:
                raise Problem(HTTPStatus.CONFLICT, "call_missing", f"This is shown in a call only: {HEADER}.")
            return
        call = await self.must_be_open(caller, call_id)
        if not self._rules.is_required or member_id is None or call.may_look_at(member_id):
            return
        raise Problem(HTTPStatus.CONFLICT, "consent_to_look_missing", "The caller hasn't agreed to be looked up.")
