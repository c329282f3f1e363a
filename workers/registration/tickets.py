"""Tickets of an outside system, tied to calls: closed there when their call is, by the courier in this package."""

from datetime import timedelta
from typing import Annotated

from contracts.calls import (
    AttachTicket,
    DeferTicket,
    RecordTicket,
    TicketAttached,
    TicketClosed,
    TicketFailed,
    TicketState,
)
from runtime.decisions import Key, Refused
from workers import Changes, Context
from workers.registration.call_documents import Call, Ticket
from workers.registration.callers import refuse_other_call, refuse_other_operator
from workers.registration.worker import worker


@worker.handles(AttachTicket)
def attach_ticket(
    command: AttachTicket,
    call: Annotated[Call, Key("call_id")],
    ticket: Annotated[Ticket | None, Key("call_id")],
    context: Context,
) -> Changes:
    refuse_other_operator(command.operator_id, context)
    refuse_other_call(call, command.operator_id, context)
    if not context.programme.registration.calls.takes_tickets:
        raise Refused("tickets_not_offered")
    if ticket is not None and ticket.ticket_id != command.ticket_id:
        raise Refused("ticket_already_attached", ticket_id=ticket.ticket_id)
    if ticket is not None:
        return

    yield Ticket(id=call.id, ticket_id=command.ticket_id, operator_id=call.operator_id)
    yield TicketAttached(call_id=call.id, ticket_id=command.ticket_id)


def closing(ticket: Ticket, reason: str, context: Context) -> Ticket:
    """A ticket whose call was just closed: it is to be closed, too."""
    return ticket.evolve(
        state=TicketState.CLOSING,
        reason=reason,
        closed_at=context.now,
        due_at=context.now,
        correlation_id=context.correlation_id,
    )


@worker.handles(RecordTicket)
def record_ticket(command: RecordTicket, ticket: Annotated[Ticket, Key("call_id")], context: Context) -> Changes:
    if ticket.state is not TicketState.CLOSING:
        return

    if command.is_closed:
        yield ticket.evolve(state=TicketState.CLOSED, due_at=None, error=None)
        yield TicketClosed(call_id=ticket.id, ticket_id=ticket.ticket_id)
        return
    yield from failed(ticket, command.error)


@worker.handles(DeferTicket)
def defer_ticket(command: DeferTicket, ticket: Annotated[Ticket, Key("call_id")], context: Context) -> Changes:
    if ticket.state is not TicketState.CLOSING or command.attempt <= ticket.attempts:
        return

    rules = context.programme.registration.calls
    tried = ticket.evolve(attempts=command.attempt, error=command.error)
    if command.attempt >= rules.ticket_attempts:
        yield from failed(tried, command.error)
        return
    yield tried.evolve(due_at=context.now + timedelta(seconds=rules.ticket_wait_seconds(command.attempt)))


def failed(ticket: Ticket, error: str | None) -> Changes:
    """Give up on closing a ticket."""
    yield ticket.evolve(state=TicketState.FAILED, due_at=None, error=error)
    yield TicketFailed(call_id=ticket.id, ticket_id=ticket.ticket_id, error=error)
