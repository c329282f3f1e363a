"""Sayings: how outcomes, answers and dead letters are put into journal records and messages."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Any, Final

from contracts.messages import (
    WORKERS,
    Command,
    CommandEnded,
    Event,
    Outcome,
    own_headers,
    public_json,
    shared_headers,
    wire_time,
)
from contracts.outcomes import Asked, encode_ended
from contracts.persons import PersonalEvent
from contracts.subjects import subjects_of
from contracts.topics import commands_topic, dead_topic, events_topic, results_topic
from contracts.values import LONGEST_ID
from runtime.arrivals import Arrival, Problem
from runtime.decisions import Decision, Refused, Worker
from runtime.documents import Slot, View
from runtime.journal import JournalRecord, Outgoing
from runtime.letters import DEAD_CUT, DEAD_HEADERS, DEAD_SHUT, SHUT_HEADER_ROOM, SHUT_ROOM, SHUT_WHOLE, shut_letter
from runtime.persons import Shut, shut_event, token_in
from runtime.settings import Settings

LARGEST_MESSAGE_BYTES: Final = 900_000
"""Below the brokers' usual limit of 1 MiB for a record with its headers."""
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
LATEST_MS: Final = 253_402_300_799_999
"""The end of the year 9999: a producer may stamp its records as it likes."""


LARGEST_DEAD_BYTES: Final = 1_048_400
"""Key, value and headers of a dead letter: what brokers take by default, less what Kafka adds."""


class TooLarge(ValueError):
    """A message that no broker would take."""


class Scribe:
    """Writes what one worker says."""

    def __init__(self, worker: Worker[Any], settings: Settings) -> None:
        self._worker = worker
        self._source = f"/{settings.prefix}/{worker.name}"
        self._hops_limit = settings.hops_limit
        self._results = results_topic(settings.prefix)
        self._dead = dead_topic(settings.prefix, worker.name)
        self._events = events_topic(settings.prefix, worker.name)
        self._commands = {name: commands_topic(settings.prefix, name) for name in WORKERS}
        self._own = self._commands[worker.name]

    def done(self, arrival: Arrival, decision: Decision, view: View, now: datetime) -> JournalRecord:
        """The record of a message that was done; the view is as the decision found it.

        Raises:
            TooLarge: one of its messages is too large for a broker.
        """
        shared = _shared_headers(arrival, now)
        messages: list[Outgoing] = []
        said: list[tuple[str, bytes]] = []
        for number, message in enumerate(decision.messages, start=1):
            name, topic, subject, version = type(message).__name__, self._events, None, None
            # Several workers may hear the same event, so what follows from it carries who said it, too.
            said_id = f"{arrival.id}/{self._worker.name}-{number}"
            write: Callable[[bytes], bytes] | None = None
            if message.personal and isinstance(message, PersonalEvent):
                value, write = shut_event(message, said_id)
            else:
                value = message.encoded()
            if isinstance(message, Event):
                said.append((name, value if write is not None else public_json(message, value)))
                subject = message.aggregate_id
                version = aggregate_version(self._worker, message, decision, view)
            else:
                topic = self._commands[message.worker]
            own = own_headers(self._source, said_id, name, message.schema_version, subject, version)
            key = message.key_value
            if topic == self._own and arrival.body is not None:
                # What a worker asks itself goes where its cause came from: another process would change the documents
                # that this one has in hand.
                key = arrival.body.key_value or key
            outgoing = _fitting(Outgoing(topic, None if key is None else key.encode(), value, own + shared))
            messages.append(outgoing if write is None else _to_shut(outgoing, message, version, write))
        return self._record(arrival, Outcome.DONE, now, tuple(messages), said=said, shared=shared)

    def passed_over(self, arrival: Arrival, now: datetime) -> JournalRecord:
        """The record of an event about somebody who was removed before it was heard of: there is nothing to do."""
        return self._record(arrival, Outcome.DONE, now, ())

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
        seen_at = EPOCH + timedelta(milliseconds=min(max(record.timestamp, 0), LATEST_MS))
        reasons = {
            "dead_reason": problem.value,
            "dead_detail": arrival.detail[:500],
            "dead_topic": record.topic,
            "dead_partition": str(record.partition),
            "dead_offset": str(record.offset),
            "dead_at": wire_time(seen_at),
        }
        is_shut = may_be_personal(arrival)
        if is_shut:
            reasons[DEAD_SHUT] = SHUT_WHOLE
        kept = [(name, value) for name, value in record.headers if name not in DEAD_HEADERS]
        whole = Outgoing(self._dead, record.key, record.value, kept + _encoded(reasons))
        size = _size(whole)
        room = SHUT_ROOM + SHUT_HEADER_ROOM * len(kept) if is_shut else 0
        if size <= LARGEST_DEAD_BYTES - room:
            return (shut_letter(whole, record) if is_shut else whole,)
        # A record that was compressed on its way may be more than a broker takes from us; where it lies is noted.
        reasons[DEAD_CUT] = str(size)
        kept = [(name, (value or b"")[:1_000]) for name, value in kept if name.startswith("ce_")]
        key, value = (record.key or b"")[:1_000], (record.value or b"")[: LARGEST_DEAD_BYTES // 2]
        cut = Outgoing(self._dead, key, value, kept + _encoded(reasons))
        return (shut_letter(cut, record) if is_shut else cut,)

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
        shared: list[tuple[str, bytes]] | None = None,
    ) -> JournalRecord:
        result = None
        if arrival.is_command:
            shared = shared or _shared_headers(arrival, now)
            result = self._answer(arrival, outcome, shared, code, details or {}, said)
        return JournalRecord(arrival.id, arrival.type, arrival.digest, arrival.actor, outcome, now, result, messages)

    def _answer(
        self,
        arrival: Arrival,
        outcome: Outcome,
        shared: list[tuple[str, bytes]],
        code: str | None,
        details: dict[str, Any],
        said: Sequence[tuple[str, bytes]],
    ) -> Outgoing:
        asked = _asked(arrival)
        value = encode_ended(asked, outcome, code, details, said)
        name, version = CommandEnded.__name__, CommandEnded.schema_version
        own = own_headers(self._source, answer_id(arrival.id), name, version, arrival.id)
        if arrival.envelope is not None and arrival.envelope.hops >= self._hops_limit:
            # A loop's end is told as well: an answer leads nowhere, so it goes no further than any message may.
            shared = [(key, b"%d" % self._hops_limit if key == "ce_hops" else text) for key, text in shared]
        return _fitting(Outgoing(self._results, (asked.subject or arrival.id).encode(), value, own + shared))


def answer_id(command_id: str) -> str:
    """The id of the answer to a command; one too long to be led on, which failed for that, is hashed."""
    name = f"{command_id}/result"
    if len(name) <= LONGEST_ID:
        return name
    return f"{blake2b(command_id.encode(), digest_size=16).hexdigest()}/result"


def aggregate_version(worker: Worker[Any], event: Event, decision: Decision, view: View) -> int | None:
    """The version of the aggregate that an event is about: after this message, else as it was seen, else None."""
    document = worker.documents.get(event.about[0])
    if document is None:
        return None
    slot: Slot = (document, event.aggregate_id)
    changed = decision.documents.get(slot)
    if changed is not None:
        return changed.version
    seen = view.at(slot) if view.knows(slot) else None
    return seen.version if seen is not None else None


def may_be_personal(arrival: Arrival) -> bool:
    """Whether a record's bytes may hold something personal in clear: of a type that nobody knows, too."""
    if arrival.handler is None:
        return True
    if not arrival.handler.message.personal:
        return False
    return arrival.is_command or not token_in(arrival.record.value)


def _to_shut(
    outgoing: Outgoing, message: Event | Command, version: int | None, write: Callable[[bytes], bytes]
) -> Shut:
    """An event that is to be shut; one with which a person begins finds no key, and so looks for none."""
    assert isinstance(message, PersonalEvent)
    is_new = message.begins and version == 1
    return Shut(
        outgoing.topic,
        outgoing.key,
        None,
        outgoing.headers,
        person=message.whose,
        is_new=is_new,
        write=write,
    )


def _size(outgoing: Outgoing) -> int:
    headers = sum(len(name) + len(value or b"") for name, value in outgoing.headers)
    return len(outgoing.key or b"") + len(outgoing.value or b"") + headers


def _encoded(headers: Mapping[str, str]) -> list[tuple[str, bytes]]:
    return [(name, value.encode()) for name, value in headers.items()]


def _fitting(outgoing: Outgoing) -> Outgoing:
    if len(outgoing.value or b"") > LARGEST_MESSAGE_BYTES:
        raise TooLarge(outgoing.topic)
    return outgoing


def _shared_headers(arrival: Arrival, now: datetime) -> list[tuple[str, bytes]]:
    cause = arrival.envelope
    if cause is None:
        return shared_headers(now, arrival.actor, arrival.id, arrival.id, 1)
    return shared_headers(now, cause.actor, cause.correlation_id, cause.id, cause.hops + 1, cause.traceparent)


def _asked(arrival: Arrival) -> Asked:
    body = arrival.body
    if body is None:
        # A body that can't be read has no digest that its sender knows.
        return Asked(arrival.id, arrival.type)
    subject = body.key_value
    named = [each for each in subjects_of(body) if each != subject]
    return Asked(arrival.id, arrival.type, subject, arrival.digest or None, named)
