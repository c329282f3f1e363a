"""A history: everything that a run left behind, as plain values, for the checker to judge. It decides nothing itself.

Whoever made the run fills it: the simulation from its own servers, the kill soak from Kafka and MongoDB. What only a
simulation can know (`sequence`, `commits`, `promised`) may be left out; the checker then judges without it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Generic, TypeVar, overload

T = TypeVar("T")
Place = tuple[str, int]
"""A topic and one of its partitions."""
Headers = tuple[tuple[str, bytes], ...]


class Noted(Generic[T]):
    """A property that is reckoned once; without the lock that `cached_property` takes, which cost more than this."""

    def __init__(self, reckon: Callable[[Any], T]) -> None:
        self._reckon = reckon
        self._name = reckon.__name__
        self.__doc__ = reckon.__doc__

    @overload
    def __get__(self, owner: None, kind: type) -> "Noted[T]": ...

    @overload
    def __get__(self, owner: object, kind: type) -> T: ...

    def __get__(self, owner: object | None, kind: type) -> "T | Noted[T]":
        if owner is None:
            return self
        reckoned = owner.__dict__[self._name] = self._reckon(owner)
        return reckoned


@dataclass(frozen=True)
class Record:
    """A record as it lies in a topic."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Headers
    timestamp_ms: int = 0
    sequence: int = 0
    """The order of all appends and offset commits of the whole run; 0 where nobody knows it."""

    @Noted
    def attributes(self) -> dict[str, str]:
        """The headers as text; of one that comes twice the last counts, as everywhere."""
        return {name: (value or b"").decode(errors="replace") for name, value in self.headers}

    @Noted
    def id(self) -> str | None:
        """The message's id, where it has one."""
        return self.attributes.get("ce_id")

    @Noted
    def type(self) -> str | None:
        """The message's type, where it has one."""
        return self.attributes.get("ce_type")

    @Noted
    def cause(self) -> str | None:
        """The id of the message that it follows from; None for what came from outside or from a clock."""
        return self.attributes.get("ce_causationid")

    @Noted
    def content(self) -> tuple[bytes | None, bytes | None, Headers]:
        """What must be equal in every copy."""
        return self.key, self.value, self.headers


@dataclass(frozen=True, slots=True)
class Sent:
    """Something that was sent to the workers from outside, once."""

    topic: str
    id: str | None
    key: bytes | None
    body: bytes | None
    is_decodable: bool
    """Whether it is a message that its topic takes."""
    is_acknowledged: bool = True
    """Whether the broker said that it has it; else nobody knows, and it counts if it lies in the topic."""


@dataclass(frozen=True, slots=True)
class Saying:
    """A message as the journal or the outbox keeps it."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers


@dataclass(frozen=True, slots=True)
class Journaled:
    """A journal record: how a worker says that a message ended."""

    id: str
    type: str
    outcome: str
    result: Saying | None
    """The answer, for commands."""
    pending: tuple[Saying, ...] = ()
    """What the outbox still holds for it."""


@dataclass(frozen=True, slots=True)
class Commit:
    """An offset that a group committed, when."""

    topic: str
    partition: int
    offset: int
    sequence: int


@dataclass(frozen=True)
class Kept:
    """What one worker keeps at the end of a run."""

    handles: frozenset[str]
    """Names of the messages that it has handlers for."""
    documents: Mapping[str, tuple[Mapping[str, Any], ...]]
    """By collection, the documents as MongoDB has them (`_id`, `version`, …); journal, outbox and leases left out."""
    journal: tuple[Journaled, ...]
    committed: Mapping[Place, int]
    """Its group's offsets."""
    ends: Mapping[Place, int]
    """The ends of every partition that it listens to."""
    outbox_remains: int = 0
    """Parts that the outbox still holds."""
    commits: tuple[Commit, ...] = ()
    """Every commit of offsets in the run, where that is known."""
    promised: tuple[Saying, ...] | None = None
    """All that was ever put into the outbox by a commit that stood; None where nobody knows."""
    collections: Mapping[str, str] = field(default_factory=dict)
    """By the name of each class of documents, its collection."""


@dataclass(frozen=True)
class History:
    """Everything that a run left behind, once it had come to rest."""

    prefix: str
    sent: tuple[Sent, ...]
    records: tuple[Record, ...]
    """Every record of every topic; within a partition in the order of its offsets."""
    workers: Mapping[str, Kept]
    notes: Mapping[str, Any] = field(default_factory=dict)
    """What the run wants to be remembered by: its seed, its faults."""

    @cached_property
    def by_topic(self) -> dict[str, list[Record]]:
        """The records of each topic."""
        found: dict[str, list[Record]] = {}
        for record in self.records:
            found.setdefault(record.topic, []).append(record)
        return found

    def on(self, topic: str) -> list[Record]:
        """The records of one topic, without its prefix: `cards.events`, `results`."""
        return self.by_topic.get(f"{self.prefix}.{topic}", [])
