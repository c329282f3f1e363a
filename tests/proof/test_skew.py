"""What snapshot transactions would let slip past each other is seen without the unlucky moment in which it happens."""

from contextlib import suppress
from typing import Annotated, Any, ClassVar, Final

import pytest

from contracts.messages import ANYBODY, Command, Envelope
from runtime.decisions import Changes, Context, Key, Refused, Worker, decide
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


class Bar(Command, worker="cards", key="door", actors=ANYBODY):
    """Lock a door whoever is inside."""

    door: str


class BarIfInside(Command, worker="cards", key="door", actors=ANYBODY):
    """Lock a door if somebody is inside."""

    door: str
    guest: str


class Sweep(Command, worker="cards", key="guest", actors=ANYBODY):
    """Throw somebody out who is inside (said by a worker)."""

    guest: str


class Forget(Command, worker="cards", key="door", actors=ANYBODY):
    """Forget somebody, and unlock the door that they locked."""

    door: str
    guest: str


NAMES: Final = ("ana", "front", "back")

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
    if door is not None and door.is_locked:
        raise Refused("door_locked")
    yield (guest or Guest(id=command.guest)).evolve(door=command.door)


@worker.handles(Clear)
def clear(command: Clear, door: Annotated[Door | None, Key("door")]) -> Changes:
    yield (door or Door(id=command.door)).evolve(is_locked=True)
    yield Erase(Guest, command.door, field="door")


@worker.handles(Bar)
def bar(command: Bar, door: Annotated[Door | None, Key("door")]) -> Changes:
    yield (door or Door(id=command.door)).evolve(is_locked=True)


@worker.handles(BarIfInside)
def bar_if_inside(
    command: BarIfInside, guest: Annotated[Guest | None, Key("guest")], door: Annotated[Door | None, Key("door")]
) -> Changes:
    if guest is not None:
        yield (door or Door(id=command.door)).evolve(is_locked=True)


@worker.handles(Sweep)
def sweep(command: Sweep, guest: Annotated[Guest | None, Key("guest")]) -> Changes:
    if guest is not None:
        yield guest.evolve(door="")


@worker.handles(Forget)
def forget(
    command: Forget, guest: Annotated[Guest | None, Key("guest")], door: Annotated[Door | None, Key("door")]
) -> Changes:
    yield Erase(Guest, command.guest)
    yield (door or Door(id=command.door)).evolve(is_locked=False)


Asked = Command | tuple[str, Command]


def asked(*commands: Asked) -> list[str]:
    """What is found when these are decided one after the other; some with ids of their own."""
    footprints = Footprints()
    noting = footprints.noting(decide)
    view = View()
    for name in NAMES:
        view.loaded((Guest, name), None)
        view.loaded((Door, name), None)
    for number, each in enumerate(commands):
        name, command = each if isinstance(each, tuple) else (f"c{number}", each)
        envelope = Envelope(id=name, type="x", time=NOON, actor=TILL, correlation_id="c")
        context: Context[Any] = Context(envelope, NOON, None)
        with suppress(Refused):
            decision = noting(worker.handlers[type(command).__name__], command, context, view)
            view.take(decision.documents, decision.erased)
    return [*footprints.skews.values()]


IN: Final = Enter(door="front", guest="ana")
BARRED: Final = ("b", Bar(door="front"))
SWEPT: Final = ("b/proof-1", Sweep(guest="ana"))


class TestWriteSkew:
    def test_is_two_messages_that_read_what_the_other_writes(self) -> None:
        assert asked(IN, Lock(door="front", guest="ana")) == [
            "Enter reads the Door that Lock writes and Lock reads the Guest that Enter writes"
        ]

    def test_is_seen_where_one_was_refused_for_what_the_other_did(self) -> None:
        assert asked(Lock(door="front", guest="ana"), IN) == asked(IN, Lock(door="front", guest="ana"))

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

    def test_is_none_with_what_a_worker_asks_itself_which_goes_where_its_cause_came_from(self) -> None:
        cause, entered, locks = Sweep(guest="ana"), Enter(door="ana", guest="front"), Lock(door="ana", guest="front")
        assert asked(("b", cause), ("b/proof-1", entered), locks) == []
        assert len(asked(("b", cause), ("c/proof-1", entered), locks)) == 1

    def test_is_with_an_erase_of_what_is_not_there_which_is_no_write(self) -> None:
        out = Forget(door="front", guest="ana")
        assert asked(out, IN) == [
            "Enter reads the Door that Forget writes and Forget reads the Guest that Enter writes"
        ]
        assert asked(Enter(door="back", guest="ana"), out, IN) == []

    def test_is_none_where_one_was_written_as_it_was_only_to_meet_a_conflict(self) -> None:
        unlocked, touched = Forget(door="front", guest="back"), Forget(door="front", guest="ana")
        assert asked(unlocked, touched, IN) == []

    @pytest.mark.parametrize("order", [(IN, BARRED, SWEPT), (BARRED, IN, SWEPT), (BARRED, SWEPT, IN)])
    def test_is_three_messages_where_one_follows_from_another(self, order: tuple[Asked, ...]) -> None:
        said = "Enter reads the Door that Bar writes and Sweep reads the Guest that Enter writes, following from Bar"
        assert asked(*order) == [said]

    def test_is_none_of_three_where_one_would_not_have_been_done_without_another(self) -> None:
        assert asked(IN, ("b", BarIfInside(door="front", guest="ana")), SWEPT) == []

    def test_is_none_of_three_of_which_none_follows_from_another(self) -> None:
        assert asked(IN, BARRED, ("c/proof-1", SWEPT[1])) == []
