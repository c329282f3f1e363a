"""Sayings: how outcomes, answers and dead letters are put into journal records and messages."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from contracts.messages import (
    CommandEnded,
    Envelope,
    Event,
    Message,
    Outcome,
    encode_ended,
    public_json,
    wire_time,
)
from contracts.topics import commands_topic, dead_topic, events_topic, results_topic
from runtime.arrivals import Arrival, Problem
from runtime.decisions import Refused
from runtime.settings import Settings
from runtime.store import JournalRecord, Outgoing

LARGEST_MESSAGE_BYTES: Final = 900_000
"""Below the brokers' usual limit of 1 MiB for a record with its headers."""
Spoken = tuple[Envelope, Message, bytes]


class TooLarge(ValueError):
    """A message that no broker would take."""


class Scribe:
    """Writes what one worker says."""

    def __init__(self, worker: str, settings: Settings) -> None:
        self._source = f"/{settings.prefix}/{worker}"
        self._prefix = settings.prefix
        self._results = results_topic(settings.prefix)
        self._dead = dead_topic(settings.prefix, worker)
        self._events = events_topic(settings.prefix, worker)

    def done(self, arrival: Arrival, spoken: Sequence[Spoken], now: datetime) -> JournalRecord:
        """The record of a message that was done.

        Raises:
            TooLarge: one of its messages is too large for a broker.
        """
        messages = tuple(self._message(envelope, message, value) for envelope, message, value in spoken)
        said = [
            (envelope.type, public_json(message, value))
            for envelope, message, value in spoken
            if isinstance(message, Event)
        ]
        return self._record(arrival, Outcome.DONE, now, messages, said=said)

    def refused(self, arrival: Arrival, refusal: Refused, now: datetime) -> JournalRecord:
        """The record of a message that the rules refuse; an event has nobody to tell, so it is dead-lettered too."""
        dead: tuple[Outgoing, ...] = ()
        if not arrival.is_command:
            arrival.fail(Problem.REFUSED_EVENT, refusal.code)
            dead = self.dead_letter(arrival)
        return self._record(arrival, Outcome.REFUSED, now, dead, code=refusal.code, details=refusal.details)

    def failed(self, arrival: Arrival, now: datetime) -> JournalRecord:
        """The record of a message that can't be processed: its dead letter is one more thing to publish."""
        assert arrival.problem is not None
        details = {"reason": arrival.detail} if arrival.problem is Problem.MALFORMED else {}
        dead = self.dead_letter(arrival)
        return self._record(arrival, Outcome.FAILED, now, dead, code=arrival.problem.value, details=details)

    def dead_letter(self, arrival: Arrival) -> tuple[Outgoing, ...]:
        """The original record with the reason, the same each time that it is made."""
        record, problem = arrival.record, arrival.problem
        assert problem is not None
        seen_at = datetime.fromtimestamp(max(record.timestamp, 0) / 1_000, UTC)
        reasons = {
            "dead_reason": problem.value,
            "dead_detail": arrival.detail[:500],
            "dead_topic": record.topic,
            "dead_partition": str(record.partition),
            "dead_offset": str(record.offset),
            "dead_at": wire_time(seen_at),
        }
        kept = [(name, value) for name, value in record.headers if name not in reasons]
        headers = kept + [(name, value.encode()) for name, value in reasons.items()]
        return (Outgoing(self._dead, record.key, record.value, headers),)

    def _message(self, envelope: Envelope, message: Message, value: bytes) -> Outgoing:
        if len(value) > LARGEST_MESSAGE_BYTES:
            raise TooLarge(envelope.type)
        topic = self._events if isinstance(message, Event) else commands_topic(self._prefix, message.worker)
        key = message.key_value
        return Outgoing(topic, None if key is None else key.encode(), value, envelope.headers(self._source))

    def _record(
        self,
        arrival: Arrival,
        outcome: Outcome,
        now: datetime,
        messages: tuple[Outgoing, ...],
        *,
        code: str | None = None,
        details: dict[str, Any] | None = None,
        said: Sequence[tuple[str, bytes]] = (),
    ) -> JournalRecord:
        result = None
        if arrival.is_command:
            result = self._answer(arrival, outcome, now, code, details or {}, said)
        return JournalRecord(arrival.id, arrival.type, arrival.digest, arrival.actor, outcome, now, result, messages)

    def _answer(
        self,
        arrival: Arrival,
        outcome: Outcome,
        now: datetime,
        code: str | None,
        details: dict[str, Any],
        said: Sequence[tuple[str, bytes]],
    ) -> Outgoing:
        subject = arrival.body.key_value if arrival.body is not None else None
        ended = CommandEnded(
            command_id=arrival.id, command=arrival.type, subject=subject, outcome=outcome, code=code, details=details
        )
        cause = arrival.envelope
        envelope = Envelope.model_construct(
            id=f"{arrival.id}/result",
            type="CommandEnded",
            time=now,
            actor=arrival.actor,
            correlation_id=cause.correlation_id if cause is not None else arrival.id,
            causation_id=arrival.id,
            hops=cause.hops + 1 if cause is not None else 1,
            schema_version=ended.schema_version,
            subject=arrival.id,
            version=None,
            traceparent=cause.traceparent if cause is not None else None,
        )
        value = encode_ended(ended, said)
        if len(value) > LARGEST_MESSAGE_BYTES:
            raise TooLarge(envelope.type)
        key = (subject or arrival.id).encode()
        return Outgoing(self._results, key, value, envelope.headers(self._source))
