"""The grammar: commands, events, their envelope, and their form on the wire (CloudEvents over Kafka, binary mode)."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from hashlib import blake2b
from typing import Annotated, Any, ClassVar, Final, TypeVar

import msgspec
from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from contracts.values import Code, Instant, MessageId, holds_objects, personal_fields, sealed_fields

Headers = Sequence[tuple[str, bytes]]
M = TypeVar("M", bound="Message")

WORKERS: Final = ("registration", "cards", "rewards", "notifications", "audit")
"""The workers: each has topics for commands, events and dead letters, and nobody else writes what it keeps."""


class ActorKind(StrEnum):
    """Who may cause something."""

    OPERATOR = "operator"
    POS = "pos"
    APP = "app"
    SMS = "sms"
    WALLET = "wallet"
    SYSTEM = "system"
    WORKER = "worker"


OURS: Final = frozenset({ActorKind.SYSTEM, ActorKind.WORKER})
"""Our own processes: clocks, couriers, and workers that ask one another."""
ANYBODY: Final = frozenset(ActorKind) - {ActorKind.WORKER}
"""All who come through a door; where a command may be asked by them, the programme says by whom it is."""


class Actor(BaseModel):
    """Who caused a message, and for operators in which call."""

    model_config = ConfigDict(frozen=True)

    kind: ActorKind
    id: MessageId
    call_id: MessageId | None = None


class Message(BaseModel):
    """What a message says, without its envelope; every message class adds fields and one sentence."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    worker: ClassVar[str]
    """The worker that owns it: a command's receiver, an event's author."""
    key: ClassVar[str]
    """The field whose order matters: it becomes the Kafka key; what a worker asks itself has the key of its cause."""
    schema_version: ClassVar[int] = 1
    personal: ClassVar[frozenset[str]] = frozenset()
    sealed: ClassVar[frozenset[str]] = frozenset()
    """Names of the fields that are personal, and of those that doors seal; filled in by the class itself."""
    has_objects: ClassVar[bool] = False
    """Whether a field holds a JSON object with names of the sender's choice; filled in by the class itself."""

    def __init_subclass__(
        cls, *, worker: str | None = None, key: str | None = None, schema_version: int | None = None, **kwargs: Any
    ) -> None:
        super().__init_subclass__(**kwargs)
        if worker is not None:
            cls.worker = worker
        if key is not None:
            cls.key = key
        if schema_version is not None:
            cls.schema_version = schema_version

    @classmethod
    def __pydantic_init_subclass__(cls, **_: Any) -> None:
        cls.personal = personal_fields(cls)
        cls.sealed = sealed_fields(cls)
        cls.has_objects = holds_objects(cls)

    @property
    def key_value(self) -> str | None:
        """What the message's Kafka key is; None where its order matters to nobody yet."""
        value = getattr(self, self.key)
        return None if value is None else str(value)

    def encoded(self) -> bytes:
        """The message's JSON body, in UTF-8."""
        return self.__pydantic_serializer__.to_json(self)

    def digest(self) -> bytes:
        """A hash of the canonical form: 16 bytes that differ when the content does.

        Fields at their defaults don't count, so a field that a later version adds changes no digest.
        """
        canonical = self.__pydantic_serializer__.to_json(self, exclude_defaults=True)
        if self.has_objects:
            # A client that sends an object again may well send its names in another order: that is the same content.
            canonical = msgspec.json.encode(msgspec.json.decode(canonical), order="sorted")
        return blake2b(canonical, digest_size=16, key=type(self).__name__.encode()).digest()


class Command(Message):
    """Something that a worker is asked to do; it ends as done, refused or failed."""

    actors: ClassVar[frozenset[ActorKind]] = frozenset()
    """Who may ask it: nobody until the class says so. The runtime refuses all others before any rule is looked at."""

    right: ClassVar[str | None] = None
    """Where the programme says who of them: the place of a list of kinds in it, `cards.blockers`."""

    def __init_subclass__(
        cls, *, actors: frozenset[ActorKind] | None = None, right: str | None = None, **kwargs: Any
    ) -> None:
        super().__init_subclass__(**kwargs)
        if actors is not None:
            cls.actors = actors
        if right is not None:
            cls.right = right


class Event(Message):
    """Something that happened to an aggregate of the worker that says it."""

    about: ClassVar[tuple[str, str]]
    """The aggregate's document class and the field that holds its id: `("Card", "card_number")`."""

    def __init_subclass__(cls, *, about: tuple[str, str] | None = None, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if about is not None:
            cls.about = about

    @property
    def aggregate_id(self) -> str:
        """The id of the aggregate that the event is about."""
        return str(getattr(self, self.about[1]))


class Outcome(StrEnum):
    """How a message ended."""

    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"


class Said(BaseModel):
    """An event as an answer shows it: its type and what in it is not personal."""

    model_config = ConfigDict(frozen=True)

    type: str
    body: dict[str, JsonValue]


class CommandEnded(Message, worker="results", key="command_id"):
    """A command's one outcome, as its sender gets it."""

    command_id: MessageId
    command: str
    subject: str | None = None
    """The command's Kafka key: the card or the member that it was about."""
    body_digest: Annotated[str, Field(pattern=r"^(?:[0-9a-f]{2})+$")] | None = None
    """The command's digest, in hexadecimal digits: its sender sees by it whether another body ended under its id."""
    outcome: Outcome
    code: Code | None = None
    """Why it was refused or failed; the catalogue of refusals has the text."""
    details: dict[str, JsonValue] = {}
    subjects: tuple[str, ...] = ()
    """What else the command named: members, cards, coupons and the like, by their ids."""
    events: tuple[Said, ...] = ()

    @property
    def key_value(self) -> str:
        """What its command was about, so that answers are partitioned as events are; else its command's id."""
        return self.subject or self.command_id


class Malformed(ValueError):
    """A record that is no message of ours; says which field broke which rule, never with what value."""

    def __init__(self, field: str, rule: str) -> None:
        super().__init__(f"{field}: {rule}")
        self.field = field
        self.rule = rule


class Envelope(BaseModel):
    """Everything about a message that is not what it says; CloudEvents attributes and extensions."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    id: MessageId
    type: str = Field(max_length=100)
    time: Instant
    actor: Actor
    correlation_id: MessageId
    causation_id: MessageId | None = None
    hops: int = Field(0, ge=0, le=1_000)
    schema_version: int = Field(1, ge=1)
    subject: str | None = None
    """Of an event: the id of its aggregate."""
    version: int | None = None
    """Of an event: the aggregate's version after it; goes up by one."""
    traceparent: str | None = Field(None, max_length=60)

    @property
    def asked_by(self) -> ActorKind:
        """Who asks: a worker where the message follows from another, whoever caused that one; else its actor."""
        return ActorKind.WORKER if self.causation_id is not None else self.actor.kind

    def headers(self, source: str) -> list[tuple[str, bytes]]:
        """The envelope as Kafka headers of the binary mode; `source` names who says it."""
        own = own_headers(source, self.id, self.type, self.schema_version, self.subject, self.version)
        return own + shared_headers(
            self.time, self.actor, self.correlation_id, self.causation_id, self.hops, self.traceparent
        )


def own_headers(
    source: str,
    id: str,
    type: str,  # CloudEvents' name for it
    schema_version: int,
    subject: str | None = None,
    version: int | None = None,
) -> list[tuple[str, bytes]]:
    """The headers in which messages of one cause differ."""
    headers = [
        ("ce_specversion", b"1.0"),
        ("ce_id", id.encode()),
        ("ce_source", source.encode()),
        ("ce_type", type.encode()),
        ("ce_schemaversion", b"%d" % schema_version),
        ("content-type", b"application/json"),
    ]
    if subject is not None:
        headers.append(("ce_subject", subject.encode()))
    if version is not None:
        headers.append(("ce_sequence", b"%d" % version))
    return headers


def shared_headers(
    time: datetime,
    actor: Actor,
    correlation_id: str,
    causation_id: str | None,
    hops: int,
    traceparent: str | None = None,
) -> list[tuple[str, bytes]]:
    """The headers that all messages of one cause have in common."""
    headers = [
        ("ce_time", wire_time(time).encode()),
        ("ce_actorkind", actor.kind.value.encode()),
        ("ce_actorid", actor.id.encode()),
        ("ce_correlationid", correlation_id.encode()),
        ("ce_hops", b"%d" % hops),
    ]
    if actor.call_id is not None:
        headers.append(("ce_callid", actor.call_id.encode()))
    if causation_id is not None:
        headers.append(("ce_causationid", causation_id.encode()))
    if traceparent is not None:
        headers.append(("traceparent", traceparent.encode()))
    return headers


_FIELDS: Final = {
    "ce_id": "id",
    "ce_type": "type",
    "ce_time": "time",
    "ce_subject": "subject",
    "ce_sequence": "version",
    "ce_correlationid": "correlation_id",
    "ce_causationid": "causation_id",
    "ce_hops": "hops",
    "ce_schemaversion": "schema_version",
    "traceparent": "traceparent",
}
_ACTOR_FIELDS: Final = {"ce_actorkind": "kind", "ce_actorid": "id", "ce_callid": "call_id"}
_HEADERS: Final = {field: name for name, field in _FIELDS.items()} | {
    f"actor.{field}": name for name, field in _ACTOR_FIELDS.items()
}


@lru_cache(maxsize=64)
def wire_time(instant: datetime) -> str:
    """An instant as RFC 3339 in UTC with milliseconds."""
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def read_envelope(headers: Iterable[tuple[str, bytes]]) -> Envelope:
    """The envelope in a record's headers; of a header that comes twice the last counts.

    Raises:
        Malformed: an attribute is missing or breaks its rule.
    """
    raw = dict(headers)
    if raw.get("ce_specversion") != b"1.0":
        raise Malformed("ce_specversion", "must be 1.0")
    fields: dict[str, Any] = {field: raw[name] for name, field in _FIELDS.items() if raw.get(name) is not None}
    fields.setdefault("correlation_id", fields.get("id"))
    fields["actor"] = _read_actor(*(raw.get(name) for name in _ACTOR_FIELDS))
    try:
        envelope: Envelope = Envelope.__pydantic_validator__.validate_python(fields)
    except ValidationError as error:
        problem = problems(error)[0]
        raise Malformed(_HEADERS[problem.field], problem.rule) from None
    return envelope


@lru_cache(maxsize=10_000)
def _read_actor(kind: bytes | None, id: bytes | None, call_id: bytes | None) -> Actor:
    """The actor in three headers; the same few tills and workers speak all day.

    Raises:
        Malformed: one is missing or breaks its rule.
    """
    given = {"kind": None if kind is None else kind.decode(errors="replace"), "id": id, "call_id": call_id}
    try:
        actor: Actor = Actor.__pydantic_validator__.validate_python(
            {name: value for name, value in given.items() if value is not None}
        )
    except ValidationError as error:
        problem = problems(error)[0]
        raise Malformed(_HEADERS[f"actor.{problem.field}"], problem.rule) from None
    return actor


def header(headers: Sequence[tuple[str, bytes]], name: str) -> str | None:
    """One header's text, or None where it is missing or not text; of one that comes twice the last, as in envelopes."""
    for key, value in reversed(headers):
        if key == name:
            try:
                return value.decode()
            except (UnicodeDecodeError, AttributeError):
                return None
    return None


def read_body(message_class: type[M], body: bytes | None) -> M:
    """The message in a record's value; unknown fields are ignored, as the sender may be newer.

    Raises:
        Malformed: the value is missing, no JSON, or breaks a field's rule.
    """
    if body is None:
        raise Malformed("body", "must not be null")
    try:
        message: M = message_class.__pydantic_validator__.validate_json(body)
    except ValidationError as error:
        raise problems(error, message_class.personal)[0] from None
    return message


def problems(error: ValidationError, personal: frozenset[str] = frozenset()) -> list[Malformed]:
    """The fields that broke a rule, without the values that they had; within a personal field names no keys either."""
    found: list[Malformed] = []
    for problem in error.errors(include_url=False, include_context=False, include_input=False):
        place = problem["loc"]
        if place and place[0] in personal:
            place = (place[0], *(part for part in place[1:] if isinstance(part, int)))
        found.append(Malformed(".".join(str(part) for part in place) or "body", problem["msg"]))
    return found


def public_json(event: Event, encoded: bytes) -> bytes:
    """An event's JSON without what is personal in it; `encoded` is its whole JSON."""
    if not event.personal:
        return encoded
    return event.__pydantic_serializer__.to_json(event, exclude=set(event.personal))


def without_personal(message: Message) -> Mapping[str, Any]:
    """What of a message may be logged: its fields less the personal ones."""
    return message.model_dump(mode="json", exclude=set(message.personal))
