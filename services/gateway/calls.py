"""Calls: in which one an operator does what they ask for, as the header `Punchcard-Call` names it."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Final

from contracts.calls import CallDirection
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

    async def call_to_look(self, caller: Caller, call_id: str | None, *, of_members: bool) -> Call | None:
        """The call in which an operator looks at members, if its caller is to be asked; None where nobody is.

        Nobody is asked where the programme doesn't have it so, and in a call without a caller, as with a letter.

        Raises:
            Problem: 409, they may not look.
            Away: MongoDB can't be reached.
        """
        if caller.actor.kind is not ActorKind.OPERATOR:
            return None
        if call_id is None:
            if self._rules.is_required and of_members:
                raise Problem(HTTPStatus.CONFLICT, "call_missing", f"This is shown in a call only: {HEADER}.")
            return None
        call = await self.must_be_open(caller, call_id)
        return call if self._rules.is_required and call.direction is not CallDirection.NONE else None

    async def must_have_agreed(self, call: Call, member_ids: Iterable[str]) -> None:
        """Let pass if the caller of a call agreed, and is each of these members: also by an id that was absorbed.

        Raises:
            Problem: 409, they didn't, or somebody else is among them.
            Away: MongoDB can't be reached.
        """
        for member_id in member_ids:
            if call.may_look_at(member_id):
                continue
            member = await self._views.member(member_id)
            if member is None or not any(map(call.may_look_at, (member.id, *member.absorbed))):
                raise not_agreed()


def not_agreed() -> Problem:
    """Something of members is to be shown to whom the caller didn't allow it."""
    return Problem(HTTPStatus.CONFLICT, "consent_to_look_missing", "The caller hasn't agreed to be looked up.")
