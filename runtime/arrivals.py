"""Arrivals: records from Kafka, decoded one by one, so that a bad one never costs its neighbours."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from hashlib import blake2b
from typing import Any, Final, Protocol

from contracts.messages import (
    Actor,
    ActorKind,
    Command,
    Envelope,
    Malformed,
    Message,
    header,
    read_body,
    read_envelope,
)
from contracts.persons import PersonalEvent
from contracts.topics import commands_topic
from contracts.values import LONGEST_ID
from runtime.context import made_id
from runtime.decisions import Handler, Worker
from runtime.persons import blind, bound, read_open, token_in
from runtime.settings import Settings
from runtime.vault import NO_VAULT, Vault, digest_of

CLOCK_SKEW: Final = timedelta(hours=1)
LONGEST_COMMAND_ID: Final = 200
"""What follows from a command has a longer id, as often as something follows."""
MOST_IDS: Final = 1_000
"""More than one decision makes."""


class Record(Protocol):
    """A record as aiokafka gives it."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]


class Problem(StrEnum):
    """Why a record becomes a dead letter."""

    MALFORMED = "malformed"
    UNKNOWN_TYPE = "unknown_type"
    TOO_OLD = "too_old"
    TOO_MANY_HOPS = "too_many_hops"
    REUSED = "id_reused"
    REFUSED_EVENT = "refused_event"
    BUG = "bug"
    UNWRITABLE = "unwritable"


@dataclass(slots=True)
class Arrival:
    """One record on its way through a batch."""

    record: Record
    position: int
    type: str = "unknown"
    journal_id: str | None = None
    """The id that the journal knows it by; None where no outcome may be kept for it."""
    digest: bytes = b""
    envelope: Envelope | None = None
    body: Message | None = None
    handler: Handler | None = None
    problem: Problem | None = None
    detail: str = ""
    is_command: bool = False
    is_skipped: bool = False
    token: str | None = None
    """Of an event about a person: what is to be opened before it can be handled."""
    is_gone: bool = False
    """Whether nobody can open that any more, as the person was removed: there is nothing to do then."""
    is_late: bool = False
    """Whether another one in the batch, with another body, came first under its id: the journal decides then."""
    is_second: bool = False
    """Whether something was done under its id longer ago than the journal remembers: it is refused then."""
    ends_letters: bool = False
    """Whether deciding it erased what dead letters are shut with, and that stands or may stand."""

    @property
    def whose_key(self) -> tuple[str, str]:
        """Of an event that is to be opened: the worker that keeps its key, and the key's id."""
        assert isinstance(self.body, PersonalEvent)
        return self.body.worker, self.body.whose

    def open(self, key: bytes | None) -> None:
        """Read what is personal in the event with the person's key; without one the person is gone."""
        token, self.token = self.token, None
        if key is None or not token:
            self.is_gone = True
            return
        assert isinstance(self.body, PersonalEvent)
        handler, _, envelope = self.parts
        assert issubclass(handler.message, PersonalEvent)
        try:
            bound_to = bound(self.body, envelope.id)
            self.body = read_open(handler.message, self.record.value or b"", token, key, bound_to)
        except Malformed as malformed:
            self.fail(Problem.MALFORMED, str(malformed))

    def forget_decision(self) -> None:
        """Forget what an attempt that came to nothing found out; what decoding found stays."""
        if self.problem in (Problem.BUG, Problem.REFUSED_EVENT):
            self.problem, self.detail = None, ""

    def fail(self, problem: Problem, detail: str) -> None:
        """Note why it can't be processed."""
        self.problem, self.detail = problem, detail

    def has_made(self, key: str | None) -> bool:
        """Whether a document's id is one that deciding this command makes: whatever has it was made under its id."""
        return self.is_command and any(made_id(self.id, number) == key for number in range(1, MOST_IDS))

    @property
    def id(self) -> str:
        """The id of one that has an outcome."""
        assert self.journal_id is not None
        return self.journal_id

    @property
    def message(self) -> Message:
        """The message of one that was decoded."""
        assert self.body is not None
        return self.body

    @property
    def parts(self) -> tuple[Handler, Message, Envelope]:
        """What deciding it takes."""
        assert self.handler is not None
        assert self.envelope is not None
        return self.handler, self.message, self.envelope

    @property
    def actor(self) -> Actor:
        """Who caused it, where that can be read."""
        return self.envelope.actor if self.envelope is not None else NOBODY


NOBODY: Final = Actor(kind=ActorKind.SYSTEM, id="unreadable")


@dataclass(slots=True)
class Decoder:
    """Turns records into arrivals for one worker."""

    worker: Worker[Any]
    settings: Settings
    clock: Callable[[], datetime]
    vault: Vault = NO_VAULT
    _commands: str = field(init=False)

    def __post_init__(self) -> None:
        self._commands = commands_topic(self.settings.prefix, self.worker.name)

    def decode(self, records: Sequence[Record]) -> list[Arrival]:
        """The records of a batch as arrivals, in order; of twins the first counts."""
        now = self.clock()
        oldest = now - timedelta(seconds=self.settings.journal_seconds) + CLOCK_SKEW
        newest = now + CLOCK_SKEW
        arrivals = [self._decode_one(position, record, oldest, newest) for position, record in enumerate(records)]

        digests: dict[str, set[bytes]] = {}
        for arrival in arrivals:
            if arrival.journal_id is None or arrival.is_skipped:
                continue
            earlier = digests.setdefault(arrival.journal_id, set())
            arrival.is_skipped = arrival.digest in earlier
            arrival.is_late = bool(earlier) and not arrival.is_skipped
            earlier.add(arrival.digest)
        return arrivals

    def _decode_one(self, position: int, record: Record, oldest: datetime, newest: datetime) -> Arrival:
        arrival = Arrival(record, position, is_command=record.topic == self._commands)
        name = header(record.headers, "ce_type")
        handler = self.worker.handlers.get(name) if name is not None else None
        if handler is None and name is not None and not arrival.is_command:
            # Others say more than this worker listens to, and newer producers more still.
            if not self.worker.hears_all:
                arrival.is_skipped = True
                return arrival
            # Nothing is kept of it in the journal: when the worker knows the type, it is replayed as it is.
            arrival.fail(Problem.UNKNOWN_TYPE, "is no event that this version knows")
            return arrival
        if handler is not None and is_command_handler(handler) is not arrival.is_command:
            handler = None  # an event among commands, or a command among events

        arrival.type = name if handler is not None and name is not None else "unknown"
        arrival.handler = handler
        try:
            envelope = read_envelope(record.headers)
            arrival.envelope, arrival.journal_id = envelope, envelope.id
            if born(envelope) < oldest:
                # It may have had its outcome already: no second one, so nothing is kept and nobody is answered.
                arrival.journal_id = None
                arrival.fail(Problem.TOO_OLD, "older than the journal remembers")
                return arrival
            if arrival.is_command and len(envelope.id) > LONGEST_COMMAND_ID:
                raise Malformed("ce_id", f"must have at most {LONGEST_COMMAND_ID} characters")
            if envelope.time > newest:
                # By its time it would be young enough to be executed again when the journal has forgotten it.
                raise Malformed("ce_time", "must not lie more than an hour ahead")
            if handler is None:
                raise Malformed("ce_type", "is no message that this topic takes")
            self._read(arrival, handler.message)
        except Malformed as malformed:
            problem = Problem.UNKNOWN_TYPE if malformed.field == "ce_type" else Problem.MALFORMED
            arrival.fail(problem, str(malformed))
            arrival.journal_id = arrival.journal_id or readable_id(record)
            # A command that strayed to where events are has no answer there; on its own topic it is told of as reused.
            key = b"malformed" if arrival.is_command else b"malformed event"
            arrival.digest = self.vault.hidden(blake2b(record.value or b"", digest_size=16, key=key).digest())
            return arrival
        if envelope.hops > self.settings.hops_limit:
            arrival.fail(Problem.TOO_MANY_HOPS, f"{envelope.hops} hops")
        return arrival

    def _read(self, arrival: Arrival, message_class: type[Message]) -> None:
        """Read the body; what is shut in it is left to be opened, where the worker opens such things at all.

        Raises:
            Malformed: it is none of this class.
        """
        record = arrival.record
        token = token_in(record.value) if issubclass(message_class, PersonalEvent) else None
        if token is None or record.value is None or not issubclass(message_class, PersonalEvent):
            arrival.body = read_body(message_class, record.value)
            arrival.digest = digest_of(arrival.body, self.vault)
            return
        arrival.body = read_body(blind(message_class), record.value)
        # Who has no key can't make the whole anew, and copies of an event are equal byte by byte.
        arrival.digest = blake2b(record.value, digest_size=16, key=message_class.__name__.encode()).digest()
        arrival.token = token if self.worker.opens_personal else None


def is_command_handler(handler: Handler) -> bool:
    """Whether a handler takes something that is asked, not something that happened."""
    return issubclass(handler.message, Command)


def readable_id(record: Record) -> str | None:
    """The id of a message that is malformed otherwise."""
    text = header(record.headers, "ce_id")
    if text is None or not 1 <= len(text) <= LONGEST_ID or not text.isascii() or not text.isprintable() or " " in text:
        return None
    return text


def born(envelope: Envelope) -> datetime:
    """When a message was made: the earlier of what its envelope says and, of a UUIDv7, what its id says (RFC 9562)."""
    text = envelope.id
    if len(text) != 36 or text[14] != "7":
        return envelope.time
    try:
        milliseconds = int(text[:8] + text[9:13], 16)
        return min(envelope.time, datetime.fromtimestamp(milliseconds / 1_000, UTC))
    except (OverflowError, ValueError, OSError):
        return envelope.time
