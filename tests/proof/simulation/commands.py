"""Commands out of the contracts: for every command there is, from its fields, so that a new one needs no line here.

Ids come from a small pool, from what the programme says and from what events have told so far, so that commands meet.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime, timedelta
from enum import Enum
from functools import cache
from operator import attrgetter
from random import Random
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Union, get_args, get_origin

from pydantic import AwareDatetime, BaseModel, ValidationError
from pydantic.fields import FieldInfo

from contracts.catalogue import COMMANDS
from contracts.messages import OURS, Actor, ActorKind, Command
from contracts.values import luhn_digit
from tests.contracts.golden.examples import example
from tests.proof.simulation.hearsay import Hearsay, is_id, is_name
from tests.proof.simulation.words import Words

CARDS: Final = tuple(number + luhn_digit(number) for number in (f"4000000000000{place:02d}" for place in range(12)))
POOLS: Final[Mapping[str, tuple[Any, ...]]] = {
    "card_number": CARDS,
    "new_card_number": CARDS,
    "first_card_number": CARDS,
    "phone": tuple(f"+49151123456{place:02d}" for place in range(16)),
    "email": tuple(f"member{place}@example.org" for place in range(16)),
    "first_name": ("Ana", "Björn", "Chloé"),
    "last_name": ("Adler", "Öztürk"),
    "operator_id": ("operator-1", "operator-1", "operator-2"),
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
    "answers": ({}, {}, {"favourite_drink": "latte"}, {"stars": 5}),
    "proof": ("ab" * 32, "ab" * 32, "cd" * 32),
    "amount": (1, 5, 20, 600, -1, -5, -20),
}
"""Values by the field's name, few enough that commands meet; a field that stands nowhere is made from its type."""
LIKE: Final[Mapping[str, str]] = {"absorbed_id": "member_id", "to_card_number": "card_number"}
"""Fields whose values are told under another name; one that another field has already isn't meant."""
ALSO: Final[Mapping[str, str]] = {"reward": "offers"}
"""Fields whose words stand under another name in the programme."""
WHO_AND_WHERE: Final = frozenset({"code", "token", "phone", "email", "first_name", "last_name", "store", "till"})
"""Fields that a story tells, besides those that name something."""
ANYTHING: Final = (
    *("en", "coffee", "espresso", "p-7", "harbour till-1 0001 2026-11-20", "station till-2 0002 2026-11-20"),
    *(f"{place:032x}" for place in range(4)),
)
"""Texts for fields of which neither the programme nor any event says anything."""
MEMBERS: Final = 8
"""How many of the cards get a holder at the beginning: without them most of the rest is refused."""
OFTEN: Final[Mapping[str, float]] = dict.fromkeys(("call_id", "expected_balance", "is_offline", "cleared"), 0.1)
"""How often a field is given that need not be; most are, most of the time."""
REFUSED: Final = 0.03
"""How often a field's value is one that hardly fits anything."""
BEGINNINGS: Final = frozenset({"IssueCard", "RegisterMember", "RecordPurchase"})
"""Commands that are about something new."""
TOLD_ON: Final = 0.85
"""How often any other is about what one story tells."""
Maker = Callable[["Sender"], Any]
"""Makes a value for a sender, by its chance."""


@cache
def names() -> list[str]:
    """The commands' names; what says much moves much, so it comes more often, and what only time asks for is rare."""
    return [
        name
        for name, each in sorted(COMMANDS.items())
        for _ in range(1 if OURS.issuperset(each.actors or ()) else 3 + len(each.model_fields) // 2)
    ]


def actor(kind: str) -> Actor:
    """The first of a kind."""
    return Actor(kind=ActorKind(kind), id=f"{kind}-1")


def opening(now: datetime) -> Iterator[list[tuple[Command, Actor]]]:
    """What a shop has to begin with: cards, holders of most of them, and something that each of those bought.

    Each part needs what the one before has led to.
    """
    yield [(COMMANDS["IssueCard"].model_validate({"card_number": number}), actor("system")) for number in CARDS]
    consents = [{"kind": kind, "text_version": "2026-01", "given_at": now} for kind in ("personal_data", "offer")]
    joined, bought = [], []
    for place, number in enumerate(CARDS[:MEMBERS]):
        person = {"phone": POOLS["phone"][place], "email": POOLS["email"][place], "first_name": "Ana"}
        fields = {"channel": "point_of_sale", "card_number": number, "consents": consents, **person}
        joined.append((COMMANDS["RegisterMember"].model_validate(fields), actor("pos")))
        receipt = {"store": "harbour", "till": "till-1", "receipt_number": f"{place:04d}", "business_day": now.date()}
        lines = [{"line": 1, "product": "cake", "quantity": 1, "price_minor": 12_000}]
        sale = {"card_number": number, "purchased_at": now, "currency": "EUR", "lines": lines}
        bought.append((COMMANDS["RecordPurchase"].model_validate({**receipt, **sale}), actor("pos")))
    yield joined
    yield bought


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
        name for name, field in model.model_fields.items() if field.is_required() and is_id(name) and name not in POOLS
    ]


@cache
def fields_of(model: type[BaseModel]) -> list[tuple[str, Maker, bool]]:
    """A model's fields, how values for them are made, and whether they must be given."""
    return [
        (name, maker(name, field.annotation, list(field.metadata)), field.is_required())
        for name, field in model.model_fields.items()
    ]


@cache
def told_of(command_class: type[Command]) -> frozenset[str]:
    """A command's fields that a story may tell."""
    return frozenset(name for name in command_class.model_fields if name in WHO_AND_WHERE or is_name(name))


_WORDS: Final[dict[int, tuple[BaseModel, Words, dict[tuple[str, str], list[str]]]]] = {}


def words_of(programme: BaseModel) -> tuple[Words, dict[tuple[str, str], list[str]]]:
    """A programme's words, and which of them fit which command and field: the same for every seed."""
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
        self.heard = Hearsay(random)
        self.opening = opening(now)
        """What is said before anything else, part by part."""
        self._command: type[Command] = Command
        self._story: Mapping[str, Any] = {}

    def command(self) -> tuple[Command, Actor]:
        """A command, and who asks it."""
        self._command = command_class = COMMANDS[self._name()]
        needed = ids_of(command_class)
        name = command_class.__name__
        goes_on = name not in BEGINNINGS and self.random.random() < TOLD_ON
        told = told_of(command_class)
        for _ in range(5):
            story = self.heard.story(name, needed, told) if goes_on else {}
            self._story = {name: story[name] for name in told if story.get(name) is not None}
            fields = self.fields(command_class)
            try:
                command = command_class.model_validate(fields)
            except ValidationError:
                continue
            return command, self._actor(command)
        return _example(command_class), actor("operator")

    def _name(self) -> str:
        """Any command; seldom one about something of which nothing was heard yet."""
        name = self.random.choice(names())
        while (
            not all(self.heard.knows(LIKE.get(each, each)) for each in ids_of(COMMANDS[name]))
            and self.random.random() < 0.9
        ):
            name = self.random.choice(names())
        return name

    def _actor(self, command: Command) -> Actor:
        kind = self._kind(command)
        named = getattr(command, "operator_id", None)
        is_named = kind == ActorKind.OPERATOR and named is not None and self.random.random() < 0.9
        return Actor(kind=ActorKind.OPERATOR, id=named) if is_named else actor(kind)

    def _kind(self, command: Command) -> str:
        chance = self.random.random()
        if chance < 0.05:
            return str(self.random.choice(("app", "wallet", "sms", "worker")))
        if command.right is None and "channel" in type(command).model_fields:
            channels = getattr(getattr(self._programme, command.worker, None), "channels", {})
            rules = channels.get(getattr(command, "channel", None))
            if rules is not None:
                return str(self.random.choice(sorted(rules.actors)))
        allowed = actors_of(type(command))
        if command.right is not None:
            may = attrgetter(command.right)(self._programme)
            allowed = [each for each in allowed if each in may]
        if "operator_id" in type(command).model_fields and "operator" in allowed and chance < 0.95:
            return "operator"
        return str(self.random.choice(allowed))

    def fields(self, model: type[BaseModel]) -> dict[str, Any]:
        """Values for a model's fields; most of those that need none get one, too."""
        chance = self.random.random
        made: dict[str, Any] = {}
        for name, make, is_required in fields_of(model):
            if is_required or chance() < OFTEN.get(name, 0.85):
                made[name] = self._value(name, make, made)
        return made

    def _value(self, name: str, make: Maker, made: Mapping[str, Any]) -> Any:
        if self.random.random() < REFUSED:
            return make(self)
        if name in self._story:
            return self._story[name]
        pool = POOLS.get(name)
        if pool:
            return self.random.choice(pool)
        like = LIKE.get(name)
        told = self.heard.value(like or name, but=made.values() if like else ())
        return make(self) if told is None else told

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
        command = self._command.__name__
        words = self._word_pools.get((command, name))
        if words is None:
            pattern = str(next((each.pattern for each in _limits(rules) if getattr(each, "pattern", None)), ""))
            low = next((each.min_length for each in _limits(rules) if getattr(each, "min_length", None)), 0)
            known = self._words.of(ALSO.get(name, name), command, self._command.worker) or list(ANYTHING)
            words = [each for each in known if re.search(pattern, each) and len(each) >= low]
            words = self._word_pools[command, name] = (
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
