"""Commands out of the contracts: for every command there is, from its fields, so that a new one needs no line here.

Ids come from a small pool, from what the programme says and from what events have told so far, so that commands meet.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime, timedelta
from enum import Enum
from functools import cache
from itertools import repeat
from random import Random
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Union, get_args, get_origin

from pydantic import AwareDatetime, BaseModel, ValidationError
from pydantic.fields import FieldInfo

from contracts.catalogue import COMMANDS
from contracts.messages import Command
from contracts.values import luhn_digit
from tests.contracts.golden.examples import example

CARDS: Final = tuple(number + luhn_digit(number) for number in (f"4000000000000{place:02d}" for place in range(12)))
POOLS: Final[Mapping[str, tuple[Any, ...]]] = {
    "card_number": CARDS,
    "new_card_number": CARDS,
    "first_card_number": CARDS,
    "phone": tuple(f"+49151123456{place:02d}" for place in range(16)),
    "email": tuple(f"member{place}@example.org" for place in range(16)),
    "first_name": ("Ana", "Björn", "Chloé"),
    "last_name": ("Adler", "Öztürk"),
    "operator_id": ("operator-1",),
    "store": ("harbour", "harbour", "harbour", "station"),
    "till": ("till-1", "till-1", "till-1", "till-2"),
    "receipt_number": tuple(f"{place:04d}" for place in range(12)),
    "refund_number": tuple(f"r{place}" for place in range(4)),
    "currency": ("EUR",) * 20 + ("USD",),
    "home_store": ("harbour", "station"),
    "quantity": (1, 1, 2, 3, 12),
    "line": (1, 2, 3),
    "revision": (0, 0, 0, 1, 2),
    "price_minor": (0, 150, 320, 999, 2_500, 12_000),
    "answers": ({}, {}, {"favourite_drink": "latte"}),
}
"""Values by the field's name, few enough that commands meet; a field that stands nowhere is made from its type."""
LIKE: Final[Mapping[str, str]] = {"absorbed_id": "member_id"}
"""Fields whose values are told under another name."""
ANYTHING: Final = (
    *("en", "coffee", "espresso", "p-7", "harbour till-1 0001 2026-11-20", "station till-2 0002 2026-11-20"),
    *(f"{place:032x}" for place in range(4)),
)
"""Texts for fields of which neither the programme nor any event says anything."""
MEMBERS: Final = 8
"""How many of the cards get a holder at the beginning: without them most of the rest is refused."""
PAUSE: Final = 15
"""Other commands between the parts of the beginning: what follows from one part is known when the next comes."""
OFTEN: Final[Mapping[str, float]] = {"call_id": 0.05, "absorbed_id": 0.5}
"""How often a field is given that need not be; most are, most of the time."""
REFUSED: Final = 0.03
"""How often a field's value is one that hardly fits anything."""
Maker = Callable[["Sender"], Any]
"""Makes a value for a sender, by its chance."""


class Words:
    """The words that a programme uses, by the names of what they stand under."""

    def __init__(self, programme: BaseModel) -> None:
        self._under: dict[tuple[str, str], set[Any]] = defaultdict(set)
        self.parts: dict[str, list[Mapping[str, Any]]] = {}
        self._walk(programme.model_dump(mode="json"), ())

    def _walk(self, there: Any, path: tuple[str, ...]) -> None:
        if isinstance(there, Mapping):
            for name, inner in there.items():
                self._walk(inner, (*path, str(name)))
        elif isinstance(there, list):
            if there and isinstance(there[0], Mapping):
                self.parts[path[-1]] = there
            for inner in there:
                self._walk(inner, path)
        elif isinstance(there, str) and re.fullmatch(r"[\w.-]{1,64}", there):
            for name in path[1:]:
                self._under[path[0], stem(name)].add(there)

    def of(self, field: str, section: str) -> list[str]:
        """Words that stand under a name like the field's: `block_reasons` for `reason`; of its own section if there."""
        root = stem(field)
        for own in (True, False):
            for fits in (str.__eq__, str.endswith, str.__contains__):
                found = [
                    words
                    for (place, name), words in self._under.items()
                    if fits(name, root) and (place == section or not own)
                ]
                if found:
                    return sorted(set().union(*found))
        return []


def stem(name: str) -> str:
    """`category` and `categories` as `categor`."""
    return re.sub(r"(ies|y|s)$", "", name)


@cache
def names() -> list[str]:
    """The commands' names; what says much moves much, so it comes more often."""
    return [name for name in sorted(COMMANDS) for _ in range(1 + len(COMMANDS[name].model_fields) // 4)]


def opening(now: datetime) -> Iterator[tuple[Command, str] | None]:
    """What a shop has to begin with: cards, holders of most of them, and something that each of those bought.

    None is for any other command.
    """
    yield from ((COMMANDS["IssueCard"].model_validate({"card_number": number}), "system") for number in CARDS)
    yield from repeat(None, PAUSE)
    consents = [{"kind": kind, "text_version": "2026-01", "given_at": now} for kind in ("personal_data", "offer")]
    for place, number in enumerate(CARDS[:MEMBERS]):
        person = {"phone": POOLS["phone"][place], "email": POOLS["email"][place], "first_name": "Ana"}
        fields = {"channel": "point_of_sale", "card_number": number, "consents": consents, **person}
        yield COMMANDS["RegisterMember"].model_validate(fields), "pos"
    yield from repeat(None, PAUSE)
    for place, number in enumerate(CARDS[:MEMBERS]):
        receipt = {"store": "harbour", "till": "till-1", "receipt_number": f"{place:04d}", "business_day": now.date()}
        lines = [{"line": 1, "product": "cake", "quantity": 1, "price_minor": 12_000}]
        bought = {"card_number": number, "purchased_at": now, "currency": "EUR", "lines": lines}
        yield COMMANDS["RecordPurchase"].model_validate({**receipt, **bought}), "pos"


@cache
def _example(command_class: type[Command]) -> Command:
    return example(command_class)


@cache
def actors_of(command_class: type[Command]) -> list[str]:
    """Who may ask it, in the order of their names."""
    return [str(each) for each in sorted(command_class.actors or ("operator",))]


@cache
def ids_of(model: type[BaseModel]) -> list[str]:
    """A model's fields that must name something of which only events tell."""
    return [
        name
        for name, field in model.model_fields.items()
        if field.is_required() and name.endswith(("_id", "_code")) and name not in POOLS
    ]


@cache
def fields_of(model: type[BaseModel]) -> list[tuple[str, Maker, bool]]:
    """A model's fields, how values for them are made, and whether they must be given."""
    return [
        (name, maker(name, field.annotation, list(field.metadata)), field.is_required())
        for name, field in model.model_fields.items()
    ]


_WORDS: Final[dict[int, tuple[BaseModel, Words, dict[tuple[str, str], list[str]]]]] = {}


def words_of(programme: BaseModel) -> tuple[Words, dict[tuple[str, str], list[str]]]:
    """A programme's words, and which of them fit which section and field: the same for every seed."""
    if id(programme) not in _WORDS:
        _WORDS[id(programme)] = (programme, Words(programme), {})
    return _WORDS[id(programme)][1:]


class Sender:
    """Makes commands, one after the other."""

    def __init__(self, random: Random, programme: BaseModel, now: datetime) -> None:
        self.random = random
        self._programme = programme
        self._words, self._word_pools = words_of(programme)
        self.now = now
        self.heard: dict[str, list[str]] = defaultdict(list)
        """What events have told, by the field's name."""
        self._section = ""
        self._opening = opening(now)

    def hear(self, body: Mapping[str, Any]) -> None:
        """Learn ids from an event."""
        for name, value in body.items():
            if isinstance(value, str) and name.endswith(("_id", "_code")) and len(self.heard[name]) < 300:
                self.heard[name].append(value)

    def command(self) -> tuple[Command, str]:
        """A command, and the kind of actor who asks it."""
        first = next(self._opening, None)
        if first is not None:
            return first
        name = self._name()
        command_class = COMMANDS[name]
        self._section = command_class.worker
        for _ in range(5):
            fields = self.fields(command_class)
            try:
                command = command_class.model_validate(fields)
            except ValidationError:
                continue
            return command, self._actor(command)
        return _example(command_class), "operator"

    def _name(self) -> str:
        """Any command; seldom one about something of which nothing was heard yet."""
        name = self.random.choice(names())
        while (
            not all(self.heard[LIKE.get(each, each)] for each in ids_of(COMMANDS[name])) and self.random.random() < 0.9
        ):
            name = self.random.choice(names())
        return name

    def _actor(self, command: Command) -> str:
        chance = self.random.random()
        if chance < 0.05:
            return str(self.random.choice(("app", "wallet", "sms", "worker")))
        if "channel" in type(command).model_fields:
            channels = getattr(getattr(self._programme, command.worker, None), "channels", {})
            rules = channels.get(getattr(command, "channel", None))
            if rules is not None:
                return str(self.random.choice(sorted(rules.actors)))
        allowed = actors_of(type(command))
        names_operator = "operator_id" in type(command).model_fields
        for kind in ("operator", "system", "pos"):
            if kind in allowed and self.random.random() < (0.95 if names_operator else 0.5):
                return kind
        return str(self.random.choice(allowed))

    def fields(self, model: type[BaseModel]) -> dict[str, Any]:
        """Values for a model's fields; most of those that need none get one, too."""
        chance = self.random.random
        return {
            name: self._value(name, make)
            for name, make, is_required in fields_of(model)
            if is_required or chance() < OFTEN.get(name, 0.85)
        }

    def _value(self, name: str, make: Maker) -> Any:
        pool = POOLS.get(name) or self.heard.get(LIKE.get(name, name))
        if pool and self.random.random() > REFUSED:
            return self.random.choice(pool[-40:] if len(pool) > 40 else pool)
        return make(self)

    def several(self, name: str, model: type[BaseModel] | None, make: Maker) -> list[Any]:
        """A few; where the programme lists parts of that name, one like each of them."""
        parts = self._words.parts.get(name)
        if parts is None or model is None:
            made = [make(self) for _ in range(1 + int(self.random.random() * 3))]
            for number, fields in enumerate(made, start=1):
                if isinstance(fields, dict) and "line" in fields:
                    fields["line"] = number
            return made
        made = []
        for part in parts:
            fields = self.fields(model)
            for field in fields:
                if field in part:
                    fields[field] = part[field]
                elif field + "s" in part:
                    fields[field] = self.random.choice(part[field + "s"])
            made.append(fields)
        return made

    def text(self, name: str, rules: list[Any]) -> str:
        """A word that the programme uses under such a name, if it fits the rules."""
        words = self._word_pools.get((self._section, name))
        if words is None:
            pattern = str(next((each.pattern for each in _limits(rules) if getattr(each, "pattern", None)), ""))
            low = next((each.min_length for each in _limits(rules) if getattr(each, "min_length", None)), 0)
            known = self._words.of(name, self._section) or list(ANYTHING)
            words = [each for each in known if re.search(pattern, each) and len(each) >= low]
            words = self._word_pools[self._section, name] = (
                words or [each for each in ANYTHING if re.search(pattern, each)] or ["x"]
            )
        return self.random.choice(words)


def maker(name: str, annotation: Any, rules: list[Any]) -> Maker:
    """How a value of a type is made; what the type is made of is looked at once."""
    origin = get_origin(annotation)
    if origin is Annotated:
        inner, *more = get_args(annotation)
        return maker(name, inner, [*rules, *more])
    if origin in (Union, UnionType):
        parts = get_args(annotation)
        options = [maker(name, each, rules) for each in parts if each is not NoneType]
        may_be_none = NoneType in parts
        return lambda sender: (
            None if may_be_none and sender.random.random() < 0.2 else sender.random.choice(options)(sender)
        )
    if origin is tuple:
        each = get_args(annotation)[0]
        model = each if isinstance(each, type) and issubclass(each, BaseModel) else None
        make = maker(name, each, [])
        return lambda sender: sender.several(name, model, make)
    if annotation is AwareDatetime:
        return lambda sender: sender.now - timedelta(seconds=sender.random.choice((0, 1, 60, 4_000)))
    if not isinstance(annotation, type):
        return lambda sender: {}
    return _maker_of_class(name, annotation, rules)


def _maker_of_class(name: str, kind: type, rules: list[Any]) -> Maker:
    if issubclass(kind, BaseModel):
        return lambda sender: sender.fields(kind)
    if issubclass(kind, Enum):
        members = list(kind)
        return lambda sender: sender.random.choice(members)
    if issubclass(kind, bool):
        return lambda sender: sender.random.random() < 0.5
    if issubclass(kind, int):
        low = next((each.ge for each in _limits(rules) if getattr(each, "ge", None) is not None), 0)
        return lambda sender: low + int(sender.random.random() * sender.random.choice((2, 4, 3_000)))
    if issubclass(kind, date):
        return lambda sender: sender.now.date() - timedelta(days=sender.random.choice((0, 0, 0, 1)))
    if issubclass(kind, str):
        return lambda sender: sender.text(name, rules)
    return lambda sender: {}


def _limits(rules: list[Any]) -> Iterator[Any]:
    for rule in rules:
        if isinstance(rule, FieldInfo):
            yield from rule.metadata
        else:
            yield rule
