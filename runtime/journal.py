"""The journal: how each message ended and what was said because of it; inbox and outbox in one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import msgspec

from contracts.messages import Actor, CommandEnded, Outcome, read_body

PACK: Final = msgspec.msgpack.Encoder()
_PACKED: Any = list[tuple[str, bytes | None, bytes | None, list[tuple[str, bytes | None]]]]
UNPACK: Final = msgspec.msgpack.Decoder(_PACKED)
"""A dead letter's headers are as they came: some may be null."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message as bytes, ready for its topic."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]]


@dataclass(frozen=True, slots=True)
class JournalRecord:
    """How one message ended, and what was said because of it."""

    id: str
    type: str
    digest: bytes
    actor: Actor
    outcome: Outcome
    at: datetime
    result: Outgoing | None
    """The answer to a command; kept as long as the record is."""
    messages: tuple[Outgoing, ...]
    """Events, commands and dead letters; gone once they are dispatched."""
    place: "Place | None" = None
    """Where its messages lie; None for one that was not read from the journal."""
    is_dispatched: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the outbox a record's messages lie: which batch's parcel, and which of its parts."""

    parcel: str
    part: int
    of: int = field(default=0, compare=False)
    """How many parts the parcel was made with; 0 where that is not known any more."""


def ended(record: JournalRecord) -> CommandEnded | None:
    """The answer that a journal record keeps; None for what was no command."""
    return read_body(CommandEnded, record.result.value) if record.result is not None else None


def pack(outgoing: Sequence[Outgoing]) -> bytes:
    """Messages as one value: as BSON arrays their headers took three times the room and time."""
    return PACK.encode([(each.topic, each.key, each.value, each.headers) for each in outgoing])


def unpack(packed: bytes) -> tuple[Outgoing, ...]:
    """The messages in a packed value."""
    return tuple(Outgoing(topic, key, value, headers) for topic, key, value, headers in UNPACK.decode(packed))


def record_to_raw(record: JournalRecord, place: Place) -> dict[str, Any]:
    """A record as MongoDB keeps it; its messages stand in the outbox."""
    return {
        "_id": record.id,
        "type": record.type,
        "digest": record.digest,
        "actor": [record.actor.kind.value, record.actor.id, record.actor.call_id],
        "outcome": record.outcome.value,
        "at": record.at,
        "parcel": place.parcel,
        "part": place.part,
        "result": None if record.result is None else pack([record.result]),
    }


def record_from_raw(raw: Mapping[str, Any], parcels: Mapping[str, Mapping[str, bytes]]) -> JournalRecord:
    """What MongoDB keeps as a record; `parcels` are those of the outbox, by id, each with its parts."""
    kind, actor_id, call_id = raw["actor"]
    part = parcels.get(raw["parcel"], {}).get(str(raw["part"]))
    return JournalRecord(
        id=raw["_id"],
        type=raw["type"],
        digest=bytes(raw["digest"]),
        actor=Actor(kind=kind, id=actor_id, call_id=call_id),
        outcome=Outcome(raw["outcome"]),
        at=raw["at"],
        result=None if raw["result"] is None else unpack(raw["result"])[0],
        messages=() if part is None else unpack(part),
        place=Place(raw["parcel"], raw["part"]),
        is_dispatched=part is None,
    )
