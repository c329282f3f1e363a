"""Tickets: closed in their own system when their call is, in signed requests, once, whatever goes wrong there."""

import asyncio
import contextlib
import hmac
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from contracts.calls import (
    AttachTicket,
    CloseCall,
    DeferTicket,
    RecordTicket,
    TicketAttached,
    TicketClosed,
    TicketFailed,
    TicketState,
)
from contracts.messages import Actor, Command
from contracts.programme.calls import CallRules
from runtime.decisions import Refused
from runtime.decisions import decide as decide_as_the_runtime_does
from runtime.documents import Document, View
from runtime.mongo import from_raw
from tests.decisions import NOON, Told, decide, refused
from tests.security.scan import TICKETS_SECRET
from tests.workers.memory_reader import MemoryReader
from tests.workers.registration.test_calls import CALL, RULES, by, talking
from workers.registration.call_documents import Call, Desk, Ticket
from workers.registration.calls import close_call
from workers.registration.courier import COURIER, TicketCourier, TicketSystem, run, signature
from workers.registration.tickets import attach_ticket, defer_ticket, record_ticket
from workers.registration.worker import worker

OFFERED = RULES.model_copy(update={"takes_tickets": True, "ticket_attempts": 3})
SECRET = TICKETS_SECRET.encode()
LOST = "lost_card"


def attached(**changes: Any) -> Ticket:
    return Ticket(**{"id": CALL, "ticket_id": "DESK/47", "operator_id": "olga", **changes})


def to_close(**changes: Any) -> Ticket:
    fields = {"state": TicketState.CLOSING, "reason": LOST, "closed_at": NOON, "due_at": NOON, "correlation_id": "c-1"}
    return attached(**{**fields, **changes})


def nothing(document: type[Document], document_id: str = CALL) -> View:
    """A view in which this isn't there."""
    view = View()
    view.loaded((document, document_id), None)
    return view


def ours() -> Any:
    """What one of our own processes asks."""
    return by(actor=COURIER)


class TestAttachTicket:
    attaching = AttachTicket(operator_id="olga", call_id=CALL, ticket_id="DESK/47")

    def test_ties_a_ticket_to_a_call(self) -> None:
        said = decide(attach_ticket, self.attaching, call=talking(), context=by(rules=OFFERED))
        assert said.document(Ticket) == attached()
        assert said.events == [TicketAttached(call_id=CALL, ticket_id="DESK/47")]

    def test_ties_it_once_and_no_second_one(self) -> None:
        again = decide(attach_ticket, self.attaching, call=talking(), ticket=attached(), context=by(rules=OFFERED))
        assert again.documents == []
        with refused("ticket_already_attached", ticket_id="DESK/48"):
            other = attached(ticket_id="DESK/48")
            decide(attach_ticket, self.attaching, call=talking(), ticket=other, context=by(rules=OFFERED))

    def test_is_refused_where_the_programme_has_none(self) -> None:
        with refused("tickets_not_offered"):
            decide(attach_ticket, self.attaching, call=talking(), context=by())

    def test_is_refused_in_a_call_that_is_over(self) -> None:
        with refused("call_not_open"):
            decide(attach_ticket, self.attaching, call=talking(ends_at=NOON), context=by(rules=OFFERED))


class TestCloseCall:
    def test_has_the_ticket_closed(self) -> None:
        closing = CloseCall(operator_id="olga", call_id=CALL, reason=LOST)
        said = decide(close_call, closing, call=talking(), desk=Desk(id="olga"), ticket=attached(), context=by())
        assert said.document(Ticket) == to_close(correlation_id="m-1")


class TestRecordTicket:
    def test_notes_how_it_ended_once(self) -> None:
        closed = decide(record_ticket, RecordTicket(call_id=CALL, is_closed=True), ticket=to_close())
        assert (closed.document(Ticket).state, closed.document(Ticket).due_at) == (TicketState.CLOSED, None)
        assert closed.events == [TicketClosed(call_id=CALL, ticket_id="DESK/47")]
        late = RecordTicket(call_id=CALL, is_closed=False, error="gone")
        assert decide(record_ticket, late, ticket=closed.document(Ticket)).documents == []
        failed = decide(record_ticket, late, ticket=to_close())
        assert failed.document(Ticket).state is TicketState.FAILED
        assert failed.events == [TicketFailed(call_id=CALL, ticket_id="DESK/47", error="gone")]


class TestReports:
    @pytest.mark.parametrize(
        "report", [RecordTicket(call_id=CALL, is_closed=True), DeferTicket(call_id=CALL, attempt=1, error="x")]
    )
    def test_about_no_ticket_are_refused(self, report: Command) -> None:
        with pytest.raises(Refused, match="unknown_ticket"):
            decide_as_the_runtime_does(worker.handlers[type(report).__name__], report, ours(), nothing(Ticket))

    def test_of_an_operator_without_a_desk_are_refused(self) -> None:
        view = nothing(Desk, "olga")
        view.loaded((Call, CALL), talking())
        closing = CloseCall(operator_id="olga", call_id=CALL, reason=LOST)
        with pytest.raises(Refused, match="unknown_desk"):
            decide_as_the_runtime_does(worker.handlers["CloseCall"], closing, by(), view)


class TestDeferTicket:
    def deferred(self, attempt: int, ticket: Ticket) -> Told:
        return decide(
            defer_ticket,
            DeferTicket(call_id=CALL, attempt=attempt, error="away"),
            ticket=ticket,
            context=by(rules=OFFERED),
        )

    def test_is_tried_again_each_time_after_twice_the_time(self) -> None:
        first = self.deferred(1, to_close()).document(Ticket)
        second = self.deferred(2, first).document(Ticket)
        assert [each.due_at for each in (first, second)] == [NOON + timedelta(seconds=each) for each in (5, 10)]
        assert self.deferred(2, second).documents == []

    def test_fails_in_the_end(self) -> None:
        said = self.deferred(3, to_close(attempts=2))
        assert said.document(Ticket).state is TicketState.FAILED
        assert said.events == [TicketFailed(call_id=CALL, ticket_id="DESK/47", error="away")]

    def test_waits_an_hour_at_most(self) -> None:
        assert CallRules().ticket_wait_seconds(90) == 3_600


@dataclass
class Desks:
    """A ticket system that listens on a socket, and the worker's documents and topic in memory."""

    answers: list[int] = field(default_factory=list)
    """What it answers next; then 204."""
    closed: Counter[str] = field(default_factory=Counter)
    requests: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    reader: MemoryReader = field(default_factory=MemoryReader)
    reports: list[tuple[str, Command]] = field(default_factory=list)
    leases: set[str] = field(default_factory=set)

    async def close(self, request: Request) -> Response:
        body = await request.body()
        at = int(request.headers["punchcard-signature"].split(",")[0].removeprefix("t="))
        is_ours = hmac.compare_digest(request.headers["punchcard-signature"], signature(SECRET, at, body))
        if not is_ours or abs(time.time() - at) > 60:
            return Response(status_code=422)
        self.requests.append((request.url.path, json.loads(body)))
        status = self.answers.pop(0) if self.answers else 204
        if status == 204:
            self.closed[request.headers["idempotency-key"]] += 1
        return Response(status_code=status)

    async def publish(self, command: Command, *, id: str, actor: Actor, correlation_id: str) -> None:
        assert (actor, correlation_id) == (COURIER, "c-1")
        self.reports.append((id, command))
        handler = record_ticket if isinstance(command, RecordTicket) else defer_ticket
        rules = OFFERED.model_copy(update={"ticket_first_wait_seconds": 0.001})
        now = datetime.now(UTC)
        told = decide(handler, command, ticket=self.ticket(), context=by(rules=rules, now=now))
        self.reader.put(*told.documents)

    async def take_leases(self, names: Sequence[str], seconds: float) -> set[str]:
        taken = set(names) - self.leases
        self.leases |= taken
        return taken

    def ticket(self) -> Ticket:
        return from_raw(Ticket, dict(self.reader.collection(Ticket)[CALL]))


@pytest.fixture
async def desks() -> Desks:
    found = Desks()
    found.reader.put(to_close(due_at=datetime.now(UTC)))
    return found


@contextlib.asynccontextmanager
async def courier(desks: Desks, secret: bytes = SECRET, couriers: int = 1) -> AsyncIterator[None]:
    """So many couriers on their rounds to a ticket system that listens on loopback."""
    app = Starlette(routes=[Route("/tickets/{ticket_id:path}/close", desks.close, methods=["POST"])])
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, access_log=False, lifespan="off"))
    await asyncio.to_thread(server.config.load)
    server.lifespan = server.config.lifespan_class(server.config)
    await server.startup()
    port = server.servers[0].sockets[0].getsockname()[1]
    stop = asyncio.Event()
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=1) as client:
        system = TicketSystem(client, secret, first_wait=0.001)
        rounds = [TicketCourier(desks.reader, desks.publish, desks.take_leases, system) for _ in range(couriers)]
        tasks = [asyncio.create_task(each.run(stop, poll_seconds=0.01)) for each in rounds]
        try:
            yield
        finally:
            stop.set()
            async with asyncio.timeout(10):
                await asyncio.gather(*tasks)
    await server.shutdown()


async def ends_as(desks: Desks, state: TicketState) -> None:
    async with asyncio.timeout(10):
        while desks.ticket().state is not state:  # noqa: ASYNC110 - what is waited for is another process's state
            await asyncio.sleep(0.01)


class TestCourier:
    async def test_has_a_ticket_closed_once_with_what_the_call_was_about(self, desks: Desks) -> None:
        async with courier(desks, couriers=2):
            await ends_as(desks, TicketState.CLOSED)

        assert desks.closed == {CALL: 1}
        assert desks.requests == [
            (
                "/tickets/DESK/47/close",
                {
                    "ticket_id": "DESK/47",
                    "call_id": CALL,
                    "operator_id": "olga",
                    "reason": LOST,
                    "closed_at": "2026-11-22T12:00:00Z",
                },
            )
        ]
        assert desks.reports == [(f"{CALL}/1/closed", RecordTicket(call_id=CALL, is_closed=True))]

    async def test_tries_again_while_the_ticket_system_is_away(self, desks: Desks) -> None:
        desks.answers = [503, 500, 503, 503]
        async with courier(desks):
            await ends_as(desks, TicketState.CLOSED)

        assert desks.closed == {CALL: 1}
        assert [type(report).__name__ for _, report in desks.reports] == ["DeferTicket", "RecordTicket"]
        assert len({name for name, _ in desks.reports}) == 2

    async def test_gives_up_where_the_ticket_system_refuses(self, desks: Desks) -> None:
        async with courier(desks, secret=b"another"):
            await ends_as(desks, TicketState.FAILED)

        assert desks.ticket().error == "provider_answered_422"
        assert desks.closed == {}

    async def test_has_nothing_to_do_where_there_is_no_ticket_system(self) -> None:
        class Nowhere:
            settings = type("Settings", (), {"tickets_url": None, "tickets_secret": None})()

        await run(Nowhere())  # type: ignore[arg-type]  # stands for what a process gives
