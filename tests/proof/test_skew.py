"""What snapshot transactions would let slip past each other is seen without the unlucky moment in which it happens."""

from typing import Annotated, Any, ClassVar, Final

import pytest

from contracts.messages import ANYBODY, Command, Envelope
from runtime.decisions import Changes, Context, Key, Worker, decide
from runtime.documents import Document, Erase, View
from tests.decisions import NOON, TILL
from tests.proof.simulation import skew
from tests.proof.simulation.skew import Footprints


class Door(Document):
    collection: ClassVar = "doors"

    is_locked: bool = False


class Guest(Document):
    collection: ClassVar = "guests"

    door: str = ""


class Lock(Command, worker="cards", key="door", actors=ANYBODY):
    """Lock a door, if nobody is inside."""

    door: str
    guest: str


class Enter(Command, worker="cards", key="guest", actors=ANYBODY):
    """Go in, if the door isn't locked."""

    door: str
    guest: str


class Clear(Command, worker="cards", key="door", actors=ANYBODY):
    """Throw everybody out and lock the door."""

    door: str


worker: Final = Worker[None]("cards", documents=(Door, Guest))


@worker.handles(Lock)
def lock(
    command: Lock, guest: Annotated[Guest | None, Key("guest")], door: Annotated[Door | None, Key("door")]
) -> Changes:
    if guest is None:
        yield (door or Door(id=command.door)).evolve(is_locked=True)


@worker.handles(Enter)
def enter(
    command: Enter, guest: Annotated[Guest | None, Key("guest")], door: Annotated[Door | None, Key("door")]
) -> Changes:
    if door is None or not door.is_locked:
        yield (guest or Guest(id=command.guest)).evolve(door=command.door)


@worker.handles(Clear)
def clear(command: Clear, door: Annotated[Door | None, Key("door")]) -> Changes:
    yield (door or Door(id=command.door)).evolve(is_locked=True)
    yield Erase(Guest, command.door, field="door")


def asked(*commands: Command) -> list[str]:
    """What is found when these are decided one after the other."""
    footprints = Footprints()
    noting = footprints.noting(decide)
    view = View()
    for slot in ((Guest, "ana"), (Door, "front"), (Door, "back"), (Door, "ana")):
        view.loaded(slot, None)
    for number, command in enumerate(commands):
        envelope = Envelope(id=f"c{number}", type="x", time=NOON, actor=TILL, correlation_id="c")
        context: Context[Any] = Context(envelope, NOON, None)
        decision = noting(worker.handlers[type(command).__name__], command, context, view)
        view.take(decision.documents, decision.erased)
    return [each.text for each in footprints.skews.values()]


IN: Final = Enter(door="front", guest="ana")


class TestWriteSkew:
    def test_is_two_messages_that_read_what_the_other_writes(self) -> None:
        assert asked(IN, Lock(door="front", guest="ana")) == [
            "Enter reads the Door that Lock writes and Lock reads the Guest that Enter writes"
        ]

    def test_is_none_about_different_documents(self) -> None:
        assert asked(IN, Lock(door="back", guest="ana")) == []

    def test_is_none_between_messages_of_one_key_which_one_process_decides(self) -> None:
        assert asked(Enter(door="ana", guest="ana"), Lock(door="ana", guest="ana")) == []

    def test_is_also_with_whoever_erases_all_that_another_adds_to(self) -> None:
        out = Clear(door="front")
        assert asked(out, IN) == ["Clear reads the Guest that Enter writes and Enter reads the Door that Clear writes"]

    def test_is_none_where_nothing_follows_from_what_was_read(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(skew, "HARMLESS", {("Lock", "Guest"): "guests may be locked in"})
        assert asked(IN, Lock(door="front", guest="ana")) == []
