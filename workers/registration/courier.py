"""The courier to the ticket system: has tickets closed whose call is, outside of all decisions (docs/calls.md)."""

import hmac
import time
from collections.abc import Mapping
from datetime import UTC
from typing import Any, Final
from urllib.parse import quote

import httpx
from pydantic_core import to_json
from typing_extensions import override

from contracts.calls import DeferTicket, RecordTicket, TicketState
from contracts.messages import Actor, ActorKind, Command
from runtime.breaker import Breaker
from runtime.provider import REQUEST_SECONDS, HttpProvider, ProviderAway, ProviderRefused
from runtime.rounds import FAILED, Finds, Publish, Rounds, TakeLeases
from runtime.serve import Beside
from workers.registration.call_documents import Ticket

COURIER: Final = Actor(kind=ActorKind.WORKER, id="registration-courier")


class TicketSystem(HttpProvider):
    """A ticket system over HTTP, asked in signed requests."""

    def __init__(
        self, client: httpx.AsyncClient, secret: bytes, breaker: Breaker | None = None, *, first_wait: float = 0.1
    ) -> None:
        super().__init__(client, breaker, first_wait=first_wait)
        self._secret = secret

    async def close(self, ticket: Ticket) -> None:
        """Have a ticket closed.

        Raises:
            ProviderAway: it could not be asked for now.
            ProviderRefused: it never will be closed.
        """
        closed_at = None if ticket.closed_at is None else ticket.closed_at.astimezone(UTC)
        body = to_json(
            {
                "ticket_id": ticket.ticket_id,
                "call_id": ticket.id,
                "operator_id": ticket.operator_id,
                "reason": ticket.reason,
                "closed_at": closed_at,
            }
        )
        path = f"/tickets/{quote(ticket.ticket_id, safe='')}/close"
        await self.asked(lambda: self.client.post(path, content=body, headers=self._headers(ticket, body)))

    def _headers(self, ticket: Ticket, body: bytes) -> dict[str, str]:
        return {
            "Content-Type": "application/json",
            "Idempotency-Key": ticket.id,
            "Punchcard-Signature": signature(self._secret, int(time.time()), body),
        }


class TicketCourier(Rounds[Ticket]):
    """Finds tickets that are to be closed, has that done, and reports how it went."""

    document = Ticket
    actor = COURIER
    carriers = 4

    def __init__(self, reader: Finds, publish: Publish, take_leases: TakeLeases, system: TicketSystem) -> None:
        super().__init__(reader, publish, take_leases)
        self._system = system

    def wanted(self, now: float) -> Mapping[str, Any] | None:
        """Tickets whose call is closed, unless the ticket system rests."""
        return None if self._system.breaker.is_resting(now) else {"state": TicketState.CLOSING.value}

    def attempt_of(self, errand: Ticket) -> str:
        """Names the next attempt to close a ticket."""
        return f"{errand.id}/{errand.attempts + 1}"

    def correlation_of(self, errand: Ticket) -> str:
        """The command that closed the call."""
        return errand.correlation_id or errand.id

    @override
    def breaker_of(self, errand: Ticket) -> Breaker:
        """The ticket system's."""
        return self._system.breaker

    @override
    def too_late(self, errand: Ticket) -> Command | None:
        """It is never too late to close a ticket."""
        return None

    async def done(self, errand: Ticket) -> Command:
        """Have a ticket closed, and say how it went."""
        try:
            await self._system.close(errand)
        except ProviderRefused as refused:
            return RecordTicket(call_id=errand.id, is_closed=False, error=refused.code)
        except ProviderAway as away:
            return DeferTicket(call_id=errand.id, attempt=errand.attempts + 1, error=away.code)
        return RecordTicket(call_id=errand.id, is_closed=True)

    def failed(self, errand: Ticket) -> Command:
        """Says of a ticket that closing it failed for what is wrong with us."""
        return DeferTicket(call_id=errand.id, attempt=errand.attempts + 1, error=FAILED)

    def report_name(self, errand: Ticket, report: Command) -> str:
        """A report's id: the same end of the same attempt is the same report."""
        end = "closed" if isinstance(report, RecordTicket) and report.is_closed else getattr(report, "error", None)
        return f"{self.attempt_of(errand)}/{end}"


def signature(secret: bytes, at: int, body: bytes) -> str:
    """What shows a ticket system that a request is ours, and of when: HMAC-SHA256 over time and body."""
    mac = hmac.digest(secret, b"%d.%b" % (at, body), "sha256").hex()
    return f"t={at},v1={mac}"


async def run(beside: Beside) -> None:
    """Close tickets beside the worker's batches until the process ends; there may be no ticket system."""
    url, secret = beside.settings.tickets_url, beside.settings.tickets_secret
    if url is None or secret is None:
        return
    async with httpx.AsyncClient(base_url=url, timeout=REQUEST_SECONDS) as client:
        system = TicketSystem(client, secret.get_secret_value().encode())
        await TicketCourier(beside.reader, beside.publish, beside.take_leases, system).run(beside.stop)
