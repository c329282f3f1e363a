"""A small vocabulary for tests of the machine, which has never heard of loyalty: counters that are counted up."""

from datetime import datetime
from typing import Annotated, ClassVar

from contracts.messages import ActorKind, Command, Event
from contracts.values import Instant, Personal
from runtime.decisions import Changes, Context, Key, Refused, Worker
from runtime.documents import Document, Index


class CounterCommand(Command, worker="cards", key="counter", actors=frozenset(ActorKind)):
    """Something to do with one counter."""

    counter: str


class Count(CounterCommand):
    """Add to a counter; it begins at nothing."""

    by: int = 1


class Explode(CounterCommand):
    """Make the handler raise what it should not."""


class Bloat(CounterCommand):
    """Make a document that MongoDB won't take."""


class Claim(CounterCommand):
    """Take a counter's name, which only one may."""

    owner: str


class Collide(CounterCommand):
    """Make a document without having asked whether it is there."""


class Transfer(CounterCommand):
    """Move from one counter to another."""

    to: str
    amount: int


class CounterEvent(Event, worker="cards", key="counter", about=("Counter", "counter")):
    """Something that happened to one counter."""

    counter: str


class Counted(CounterEvent):
    """A counter has gone up."""

    total: int


class Claimed(CounterEvent):
    """A counter's name was taken."""

    owner: str


class Transferred(CounterEvent):
    """Something was moved between counters."""

    to: str
    amount: int


class Protest(CounterCommand):
    """Have it refused with a detail that no answer can hold."""


class Chatter(CounterCommand):
    """Say more than one message may hold."""

    characters: int


class Name(CounterCommand):
    """Tell who owns a counter."""

    first_name: Personal[str]


class Named(CounterEvent):
    """It was told who owns a counter."""

    first_name: Personal[str]


class Chattered(CounterEvent):
    """Much was said."""

    text: str


class Echo(CounterCommand):
    """Ask for the same again, without end."""


class SetAlarm(CounterCommand):
    """Have a counter counted at an instant."""

    rings_at: Instant


class Ring(CounterCommand):
    """The instant has come."""


class BellEvent(Event, worker="rewards", key="counter", about=("Bell", "bell")):
    """Something that another worker says of its bells."""

    counter: str
    bell: str = "bell"


class BellRung(BellEvent):
    """A bell was rung; counters count it."""


class BellStolen(BellEvent):
    """A bell is gone; its handler refuses, which events' handlers must not."""


class BellBroken(BellEvent):
    """A bell is broken; nobody here listens to that."""


class Counter(Document):
    """A number with a name."""

    collection: ClassVar = "counters"
    indexes: ClassVar = (Index(("total",)),)

    total: int = 0
    owner: str | None = None
    ballast: str = ""


class TakenName(Document):
    """A name that is taken."""

    collection: ClassVar = "names"

    owner: str


class Alarm(Document):
    """An instant at which a counter is counted."""

    collection: ClassVar = "alarms"
    indexes: ClassVar = (Index(("rings_at",), sparse=True),)

    rings_at: datetime | None = None


worker: Worker[None] = Worker("cards", documents=(Counter, TakenName, Alarm))
worker.due(Alarm, field="rings_at", command=lambda alarm: Ring(counter=alarm.id))


@worker.handles(Count)
def count(command: Count, counter: Annotated[Counter | None, Key("counter")], context: Context[None]) -> Changes:
    """Add to a counter."""
    if command.by <= 0:
        raise Refused("not_upwards", by=command.by)
    before = counter or Counter(id=command.counter)
    after = before.evolve(total=before.total + command.by)
    yield after
    yield Counted(counter=after.id, total=after.total)


@worker.handles(Explode)
def explode(command: Explode, counter: Annotated[Counter | None, Key("counter")]) -> Changes:
    """Leave half a trace, then raise."""
    yield Counter(id=command.counter, total=10**6)
    raise RuntimeError(f"quotes {command.counter}")


@worker.handles(Bloat)
def bloat(command: Bloat, counter: Annotated[Counter | None, Key("counter")]) -> Changes:
    """Yield a document of more than 16 MiB."""
    yield Counter(id=command.counter, ballast="x" * (17 * 2**20))


@worker.handles(Claim)
def claim(
    command: Claim,
    taken: Annotated[TakenName | None, Key("counter")],
    counter: Annotated[Counter | None, Key("counter")],
) -> Changes:
    """Take the name, if nobody has."""
    if taken is not None:
        raise Refused("name_taken", counter=command.counter)
    yield TakenName(id=command.counter, owner=command.owner)
    yield (counter or Counter(id=command.counter)).evolve(owner=command.owner)
    yield Claimed(counter=command.counter, owner=command.owner)


@worker.handles(Collide)
def collide(command: Collide) -> Changes:
    """Insert blindly."""
    yield TakenName(id=command.counter, owner="collide")


@worker.handles(Transfer)
def transfer(
    command: Transfer,
    source: Annotated[Counter, Key("counter")],
    target: Annotated[Counter | None, Key("to")],
) -> Changes:
    """Move an amount; the sum of all counters stays."""
    if source.total < command.amount:
        raise Refused("total_too_low", held=source.total)
    receiver = target or Counter(id=command.to)
    yield source.evolve(total=source.total - command.amount)
    yield receiver.evolve(total=receiver.total + command.amount)
    yield Transferred(counter=command.counter, to=command.to, amount=command.amount)


@worker.handles(Protest)
def protest(command: Protest) -> Changes:
    """Refuse, and explain it with a thing."""
    yield Counter(id=command.counter)
    raise Refused("objected", thing=Worker)


@worker.handles(Chatter)
def chatter(command: Chatter, counter: Annotated[Counter | None, Key("counter")]) -> Changes:
    """Say so many characters."""
    yield counter or Counter(id=command.counter)
    yield Chattered(counter=command.counter, text="x" * command.characters)


@worker.handles(Name)
def name(command: Name, counter: Annotated[Counter | None, Key("counter")]) -> Changes:
    """Tell the name, which is personal."""
    yield counter or Counter(id=command.counter)
    yield Named(counter=command.counter, first_name=command.first_name)


@worker.handles(Echo)
def echo(command: Echo) -> Changes:
    """Ask again."""
    yield command


@worker.handles(SetAlarm)
def set_alarm(command: SetAlarm) -> Changes:
    """Keep the instant."""
    yield Alarm(id=command.counter, rings_at=command.rings_at)


@worker.handles(Ring)
def ring(
    command: Ring,
    alarm: Annotated[Alarm, Key("counter")],
    counter: Annotated[Counter | None, Key("counter")],
) -> Changes:
    """Count, and forget the instant."""
    before = counter or Counter(id=command.counter)
    yield alarm.evolve(rings_at=None)
    yield before.evolve(total=before.total + 1)
    yield Counted(counter=before.id, total=before.total + 1)


@worker.handles(BellRung)
def count_bell(event: BellRung, counter: Annotated[Counter | None, Key("counter")]) -> Changes:
    """Count a bell of another worker's."""
    before = counter or Counter(id=event.counter)
    yield before.evolve(total=before.total + 1)
    yield Counted(counter=before.id, total=before.total + 1)


@worker.handles(BellStolen)
def mourn_bell(event: BellStolen) -> Changes:
    """Refuse, though there is nobody to tell."""
    yield Counter(id=event.counter)
    raise Refused("bell_stolen")
