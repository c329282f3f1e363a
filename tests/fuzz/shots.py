"""Shots: messages of every command and event that the contracts know, as records to be sent."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Final, Self

from pydantic import ValidationError

from contracts.catalogue import COMMANDS, EVENTS
from contracts.messages import Actor, ActorKind, Command, CommandEnded, Envelope, Event, Message
from contracts.topics import commands_topic, events_topic, results_topic
from contracts.values import luhn_digit
from services.gateway.examples import EXAMPLES
from tests.contracts.golden.examples import example

CARDS: Final = 500
PEOPLE: Final = 500
_KINDS: Final = (*ActorKind, *[ActorKind.OPERATOR] * 5, *[ActorKind.SYSTEM] * 3, *[ActorKind.POS] * 8)
"""Mostly those who may do things, so that shots come further than to the first refusal."""
_AT_CHANNEL: Final[Mapping[str, ActorKind]] = {
    "point_of_sale": ActorKind.POS,
    "mobile_app": ActorKind.APP,
    "call": ActorKind.OPERATOR,
    "wallet": ActorKind.WALLET,
}
MESSAGES: Final[Mapping[str, type[Message]]] = {**COMMANDS, **EVENTS, "CommandEnded": CommandEnded}


@dataclass(slots=True)
class Shot:
    """A record as it is sent, and what was done to it."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes | None]]
    timestamp_ms: int | None = None
    partition: int | None = None
    """Where it is sent, if not where its key belongs."""
    marks: list[str] = field(default_factory=list)
    """Which mutations made it."""

    def copied(self) -> Self:
        """The same, to be changed."""
        return replace(self, headers=list(self.headers), marks=list(self.marks))

    @property
    def size(self) -> int:
        """Bytes of key, value and headers."""
        return (
            len(self.key or b"")
            + len(self.value or b"")
            + sum(len(name) + len(text or b"") for name, text in self.headers)
        )


def card_number(number: int) -> str:
    """The n-th card's number."""
    digits = f"77{number:010d}"
    return digits + luhn_digit(digits)


class Valid:
    """Makes valid messages, about few cards and people, so that they meet one another."""

    def __init__(self, prefix: str, random: Random) -> None:
        self.prefix = prefix
        self._random = random
        self._bodies = {name: self._body(name, kind) for name, kind in MESSAGES.items()}
        self._names = sorted(MESSAGES)
        self._seen: dict[str, list[Any]] = {}

    @staticmethod
    def _body(name: str, kind: type[Message]) -> dict[str, Any]:
        body: dict[str, Any] = json.loads(example(kind).encoded())
        return {**body, **EXAMPLES.get(name, {})}

    def shot(self, name: str | None = None) -> Shot:
        """A valid message, of any kind or of this."""
        name = name or self._random.choice(self._names)
        kind = MESSAGES[name]
        message = self._varied(kind)
        envelope = self._envelope(name, message)
        key = message.key_value
        return Shot(
            topic=self.topic_of(kind),
            key=None if key is None else key.encode(),
            value=message.encoded(),
            headers=list(envelope.headers(f"/{self.prefix}/fuzz")),
        )

    def topic_of(self, kind: type[Message]) -> str:
        """Where a message belongs."""
        if kind is CommandEnded:
            return results_topic(self.prefix)
        return (commands_topic if issubclass(kind, Command) else events_topic)(self.prefix, kind.worker)

    def _varied(self, kind: type[Message]) -> Message:
        body = self._change(self._bodies[kind.__name__])
        try:
            return kind.model_validate_json(json.dumps(body))
        except ValidationError:
            return kind.model_validate_json(json.dumps(self._bodies[kind.__name__]))

    def _change(self, value: Any, name: str = "") -> Any:
        if isinstance(value, dict):
            return {key: self._change(inner, key) for key, inner in value.items()}
        if isinstance(value, list):
            return [self._change(inner, name) for inner in value]
        maker = POOLS.get(name)
        return value if maker is None or value is None else maker(self._random)

    def _envelope(self, name: str, message: Message) -> Envelope:
        now = datetime.now(UTC)
        random = self._random
        root = message_id(random, now)
        is_event = isinstance(message, Event)
        fitting = _AT_CHANNEL.get(str(getattr(message, "channel", ""))) if random.random() < 0.8 else None
        return Envelope(
            id=f"{root}/{message.worker}-1" if is_event else root,
            type=name,
            time=now - timedelta(seconds=random.random() * 60),
            actor=Actor(kind=fitting or random.choice(_KINDS), id=random.choice(("till-1", "olga", "app", "clock"))),
            correlation_id=root,
            causation_id=root if is_event or random.random() < 0.05 else None,
            hops=random.choice((0, 0, 0, 1, 2, 15, 16)),
            schema_version=message.schema_version,
            subject=message.aggregate_id if isinstance(message, Event) else None,
            version=random.randint(1, 9) if is_event else None,
        )


def message_id(random: Random, now: datetime) -> str:
    """A UUIDv7 out of our own chance, so that a seed gives the same ids but for the time in them."""
    milliseconds = int(now.timestamp() * 1_000)
    bits = (
        f"{milliseconds:012x}7{random.getrandbits(12):03x}{0x8 | random.getrandbits(2):x}{random.getrandbits(60):015x}"
    )
    return "-".join((bits[:8], bits[8:12], bits[12:16], bits[16:20], bits[20:]))


def _instant(random: Random) -> str:
    return (datetime.now(UTC) - timedelta(seconds=random.randint(0, 3_600))).isoformat()


def _day(random: Random) -> str:
    return (datetime.now(UTC) - timedelta(days=random.randint(0, 3))).date().isoformat()


def _one_of(*values: Any) -> Any:
    return lambda random: random.choice(values)


def _card(random: Random) -> str:
    return card_number(random.randrange(CARDS))


_STORES: Final = ("harbour", "station", "berlin-1")
POOLS: Final[Mapping[str, Any]] = {
    "card_number": _card,
    "new_card_number": _card,
    "first_card_number": _card,
    "member_id": lambda random: f"member-{random.randrange(PEOPLE)}",
    "account_id": lambda random: f"account-{random.randrange(CARDS)}",
    "phone": lambda random: f"+4915112{random.randrange(PEOPLE):06d}",
    "email": lambda random: f"member{random.randrange(PEOPLE)}@example.org",
    "first_name": _one_of("Ana", "Ben", "Çelik", "李", "\u202eAna", "O'Neil; --"),
    "store": _one_of(*_STORES),
    "home_store": _one_of(*_STORES),
    "till": _one_of("till-1", "till-2"),
    "receipt_number": lambda random: f"{random.randrange(2_000):06d}",
    "refund_number": lambda random: f"{random.randrange(2_000):06d}",
    "purchase_id": lambda random: f"harbour till-1 {random.randrange(2_000):06d} {_day(random)}",
    "reward_id": lambda random: f"{random.randrange(500):032x}",
    "message_id": lambda random: f"{random.randrange(500):032x}",
    "registration_id": lambda random: f"{random.randrange(500):032x}",
    "purchased_at": _instant,
    "refunded_at": _instant,
    "given_at": _instant,
    "registered_at": _instant,
    "due_at": _instant,
    "business_day": _day,
    "reward": _one_of("coffee", "cake", "mug", "unheard_of"),
    "quantity": lambda random: random.randint(1, 12),
    "price_minor": lambda random: random.randint(1, 9_000),
    "stage": _one_of("confirmed", "pending"),
    "channel": _one_of(*["point_of_sale"] * 6, "mobile_app", "call", "wallet", "sms"),
    "category": _one_of("coffee", "beans", "normal", "employee"),
    "reason": _one_of("lost", "stolen", "found", "mistake"),
    "language": _one_of("en", "en", "de", "de", "fr"),
}
"""What fields of these names are filled with; all others stay as the example has them."""


def headers_of(shot: Shot, name: str) -> Sequence[bytes | None]:
    """Every header of a name, in order."""
    return [value for header, value in shot.headers if header == name]
