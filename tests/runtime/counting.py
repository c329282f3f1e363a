"""A small vocabulary for tests of the machine, which has never heard of loyalty: counters that are counted up."""

from typing import Annotated, ClassVar

from contracts.messages import Command, Event
from runtime.decisions import Changes, Context, Key, Refused, Worker
from runtime.documents import Document, Index


class CounterCommand(Command, worker="cards", key="counter"):
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


class Counter(Document):
    """A number with a name."""

    collection: ClassVar = "counters"
    indexes: ClassVar = (Index(("total",)),)

    total: int = 0
    owner: str | None = None
    ballast: str = ""


class Name(Document):
    """A name that is taken."""

    collection: ClassVar = "names"

    owner: str


worker: Worker[None] = Worker("cards", documents=(Counter, Name))


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
    name: Annotated[Name | None, Key("counter")],
    counter: Annotated[Counter | None, Key("counter")],
) -> Changes:
    """Take the name, if nobody has."""
    if name is not None:
        raise Refused("name_taken", counter=command.counter)
    yield Name(id=command.counter, owner=command.owner)
    yield (counter or Counter(id=command.counter)).evolve(owner=command.owner)
    yield Claimed(counter=command.counter, owner=command.owner)


@worker.handles(Collide)
def collide(command: Collide) -> Changes:
    """Insert blindly."""
    yield Name(id=command.counter, owner="collide")


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
