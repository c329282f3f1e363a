"""What all couriers have in common, whomever they ask."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from structlog.testing import capture_logs

from contracts.calls import DeferTicket, RecordTicket, TicketState
from contracts.messages import Command
from contracts.notifications import DeferMessage, MessageChannel, MessageStatus, RecordDelivery
from runtime.breaker import Breaker
from runtime.rounds import Rounds
from tests.workers.memory_reader import MemoryReader
from tests.workers.notifications.programmes import message
from workers.notifications.courier import Courier
from workers.notifications.documents import Message
from workers.registration.call_documents import Ticket
from workers.registration.courier import TicketCourier

NUMBER = "+4915112345678"
NOW = datetime.now(UTC)
SOON = NOW + timedelta(hours=1)


class Stumbling:
    """Asked for a certain errand, it meets what nobody has foreseen."""

    def __init__(self, over: str) -> None:
        self.breaker = Breaker()
        self._over = over

    async def send(self, errand: Message) -> str:
        self._stumble(errand.id)
        return "reference-1"

    async def close(self, errand: Ticket) -> None:
        self._stumble(errand.id)

    def _stumble(self, name: str) -> None:
        if name == self._over:
            raise LookupError(NUMBER)


async def reports_of(
    courier: Callable[..., Rounds[Any]], documents: Sequence[Any], asked: object
) -> dict[str, Command]:
    """What a courier reports of so many errands, by id of the report."""
    reports: dict[str, Command] = {}
    stop = asyncio.Event()

    async def publish(report: Command, *, id: str, **_: Any) -> None:
        reports[id] = report
        if len(reports) == len(documents):
            stop.set()

    async def take_leases(names: Sequence[str], seconds: float) -> set[str]:
        return set(names)

    async with asyncio.timeout(10):
        await courier(MemoryReader(documents), publish, take_leases, asked).run(stop, poll_seconds=0.01)
    return reports


class TestAMistakeOfOurs:
    async def test_is_one_texts_failure_and_no_others(self) -> None:
        times = {"queued_at": NOW, "due_at": NOW, "status_at": NOW, "expires_at": SOON}
        texts = [message(**{"id": f"{number:032x}", **times}) for number in range(3)]

        with capture_logs() as logged:
            reports = await reports_of(Courier, texts, {MessageChannel.SMS: Stumbling(texts[0].id)})

        assert {each.message_id: each for each in reports.values() if isinstance(each, DeferMessage)} == {
            texts[0].id: DeferMessage(message_id=texts[0].id, attempt=1, error="internal_error", is_taken=None)
        }
        sent = [each for each in reports.values() if isinstance(each, RecordDelivery)]
        assert {(each.message_id, each.status) for each in sent} == {
            (each.id, MessageStatus.SENT) for each in texts[1:]
        }
        assert [each["attempt"] for each in logged] == [f"{texts[0].id}/1"]
        assert logged[0]["place"].startswith("LookupError in _stumble, line ")
        assert NUMBER not in repr(logged) + repr(reports)

    async def test_is_one_tickets_failure_and_no_others(self) -> None:
        known: dict[str, Any] = {
            "operator_id": "op-1",
            "ticket_id": "DESK/47",
            "state": TicketState.CLOSING,
            "correlation_id": "c-1",
        }
        tickets = [Ticket(**{"id": f"{number:032x}", "due_at": NOW, **known}) for number in range(3)]

        reports = await reports_of(TicketCourier, tickets, Stumbling(tickets[1].id))

        deferred = DeferTicket(call_id=tickets[1].id, attempt=1, error="internal_error")
        closed = [RecordTicket(call_id=tickets[number].id, is_closed=True) for number in (0, 2)]
        assert sorted(reports.values(), key=repr) == sorted([deferred, *closed], key=repr)
