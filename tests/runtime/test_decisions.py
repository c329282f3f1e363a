"""How a decision is run: what it needs, what it may yield, what remains when it fails."""

from collections.abc import Callable
from typing import Annotated, Any, ClassVar

import pytest

from contracts.messages import ActorKind, Command, Event
from runtime.decisions import (
    Changes,
    Context,
    Decision,
    Key,
    NotLoaded,
    Refused,
    Worker,
    decide,
    snake_case,
)
from runtime.documents import Document, Erase, Slot, View
from runtime.sayings import aggregate_version
from tests.decisions import context


class Shelf(Document):
    """A shelf, and the cups that stand on it."""

    collection: ClassVar[str] = "shelves"

    cup_ids: tuple[str, ...] = ()
    best_cup_id: str | None = None


class TeaCup(Document):
    """A cup."""

    collection: ClassVar[str] = "tea_cups"
    alias: ClassVar = "swapped_for"

    sips: int = 0
    saucer_id: str | None = None
    swapped_for: str | None = None


class Saucer(Document):
    """A saucer."""

    collection: ClassVar[str] = "saucers"


class Drink(Command, worker="tea", key="cup_id", actors=frozenset(ActorKind)):
    """Take sips from a cup."""

    cup_id: str | None = None
    shelf_id: str | None = None
    others: tuple[str, ...] = ()

    @property
    def spare_id(self) -> str:
        """The cup to fall back on."""
        return f"spare-of-{self.cup_id}"


class Drunk(Event, worker="tea", key="cup_id", about=("TeaCup", "cup_id")):
    """Somebody drank from a cup."""

    cup_id: str


class Poured(Event, worker="kettle", key="cup_id", about=("Kettle", "cup_id")):
    """The kettle poured into a cup."""

    cup_id: str


OneCup = Annotated[TeaCup, Key("cup_id")]
MaybeCup = Annotated[TeaCup | None, Key("cup_id")]
OneShelf = Annotated[Shelf, Key("shelf_id")]


def tea() -> Worker[None]:
    return Worker[None]("tea", documents=(Shelf, TeaCup, Saucer))


def run(function: Callable[..., Changes], message: Drink, view: View) -> Decision:
    """File a handler with a worker of its own, and run it."""
    worker = tea()
    worker.handles(type(message))(function)
    return decide(worker.handlers["Drink"], message, context(), view)


def view(*documents: Document, missing: tuple[Slot, ...] = ()) -> View:
    loaded = View()
    for document in documents:
        loaded.loaded((type(document), document.id), document)
    for slot in missing:
        loaded.loaded(slot, None)
    return loaded


RED: Slot = (TeaCup, "red")


class TestSnakeCase:
    @pytest.mark.parametrize(("name", "snake"), [("BlockCard", "block_card"), ("Card", "card"), ("AToB", "a_to_b")])
    def test_is_the_handlers_name(self, name: str, snake: str) -> None:
        assert snake_case(name) == snake


class TestLoading:
    def test_is_by_a_field_of_the_message(self) -> None:
        def drink(command: Drink, cup: OneCup) -> Changes:
            yield cup.evolve(sips=cup.sips + 1)

        after = run(drink, Drink(cup_id="red"), view(TeaCup(id="red", version=4, sips=2)))
        assert after.documents == {RED: TeaCup(id="red", version=5, sips=3)}

    def test_is_by_a_property_that_the_message_computes(self) -> None:
        def drink(command: Drink, cup: Annotated[TeaCup, Key("spare_id")]) -> Changes:
            yield Drunk(cup_id=cup.id)

        after = run(drink, Drink(cup_id="red"), view(TeaCup(id="spare-of-red")))
        assert after.messages == [Drunk(cup_id="spare-of-red")]

    def test_is_by_an_earlier_parameter_and_one_depth_later(self) -> None:
        seen: list[str] = []

        def drink(
            command: Drink,
            shelf: OneShelf,
            cup: Annotated[TeaCup, Key("shelf.best_cup_id")],
            saucer: Annotated[Saucer, Key("cup.saucer_id")],
        ) -> Changes:
            seen.extend((shelf.id, cup.id, saucer.id))
            yield ()

        worker = tea()
        worker.handles(Drink)(drink)
        handler, message = worker.handlers["Drink"], Drink(shelf_id="top")
        known = View()

        assert handler.slots_at(0, message, known) == [(Shelf, "top")]
        known.loaded((Shelf, "top"), Shelf(id="top", best_cup_id="red"))
        assert handler.slots_at(1, message, known) == [RED]
        known.loaded(RED, TeaCup(id="red", saucer_id="white"))
        assert handler.slots_at(2, message, known) == [(Saucer, "white")]
        known.loaded((Saucer, "white"), Saucer(id="white"))
        assert handler.slots_at(2, message, known) == []

        decide(handler, message, context(), known)
        assert seen == ["top", "red", "white"]

    def test_is_of_several_and_leaves_out_what_is_missing(self) -> None:
        def drink(
            command: Drink,
            cups: Annotated[tuple[TeaCup, ...], Key("others")],
            shelf: OneShelf,
            stood: Annotated[tuple[TeaCup, ...], Key("shelf.cup_ids")],
        ) -> Changes:
            yield tuple(Drunk(cup_id=cup.id) for cup in (*cups, *stood))

        loaded = view(
            TeaCup(id="red"), TeaCup(id="blue"), Shelf(id="top", cup_ids=("blue",)), missing=((TeaCup, "gone"),)
        )
        after = run(drink, Drink(others=("red", "gone"), shelf_id="top"), loaded)

        assert after.messages == [Drunk(cup_id="red"), Drunk(cup_id="blue")]

    def test_asks_for_what_was_never_asked_for(self) -> None:
        def drink(command: Drink, cups: Annotated[tuple[TeaCup, ...], Key("others")]) -> Changes:
            yield ()

        with pytest.raises(NotLoaded) as caught:
            run(drink, Drink(others=("red", "blue")), view(TeaCup(id="red")))
        assert caught.value.slots == ((TeaCup, "blue"),)

    def test_refuses_what_must_exist_and_does_not(self) -> None:
        def drink(command: Drink, cup: OneCup) -> Changes:
            yield ()

        for message in (Drink(cup_id="red"), Drink(cup_id=None)):
            with pytest.raises(Refused) as caught:
                run(drink, message, view(missing=(RED,)))
            assert (caught.value.code, caught.value.details) == ("unknown_tea_cup", {})

    def test_gives_none_for_what_may_be_missing(self) -> None:
        def drink(command: Drink, cup: MaybeCup) -> Changes:
            assert cup is None
            yield TeaCup(id="red")

        for message in (Drink(cup_id="red"), Drink(cup_id=None)):
            after = run(drink, message, view(missing=(RED,)))
            assert after.documents[RED].version == 1

    def test_gives_none_for_what_hangs_on_something_missing(self) -> None:
        def drink(command: Drink, cup: MaybeCup, saucer: Annotated[Saucer | None, Key("cup.saucer_id")]) -> Changes:
            assert saucer is None
            yield ()

        run(drink, Drink(cup_id="red"), view(missing=(RED,)))


class TestAlias:
    CHIPPED = TeaCup(id="chipped", saucer_id="old", swapped_for="red")
    RED = TeaCup(id="red", saucer_id="saucer")

    def test_is_followed_to_the_document_that_it_stands_for(self) -> None:
        def drink(command: Drink, cup: OneCup) -> Changes:
            yield cup.evolve(sips=cup.sips + 1)

        oldest = TeaCup(id="oldest", swapped_for="chipped")
        decision = run(drink, Drink(cup_id="oldest"), view(oldest, self.CHIPPED, self.RED))
        assert decision.documents[RED] == TeaCup(id="red", saucer_id="saucer", sips=1, version=1)
        assert len(decision.documents) == 1

    def test_is_asked_for_where_it_is_not_loaded_yet(self) -> None:
        def drink(command: Drink, cup: MaybeCup) -> Changes:
            yield Erase(TeaCup, "red")

        with pytest.raises(NotLoaded) as caught:
            run(drink, Drink(cup_id="chipped"), view(self.CHIPPED))
        assert caught.value.slots == (RED,)

    def test_is_what_later_parameters_hang_on(self) -> None:
        def drink(command: Drink, cup: OneCup, saucer: Annotated[Saucer, Key("cup.saucer_id")]) -> Changes:
            yield saucer.evolve()

        worker = tea()
        worker.handles(Drink)(drink)
        loaded = view(self.CHIPPED, self.RED)
        assert worker.handlers["Drink"].slots_at(1, Drink(cup_id="chipped"), loaded) == [(Saucer, "saucer")]
        assert worker.handlers["Drink"].slots_at(1, Drink(cup_id="chipped"), view(self.CHIPPED)) == []
        decision = run(drink, Drink(cup_id="chipped"), view(self.CHIPPED, self.RED, Saucer(id="saucer")))
        assert list(decision.documents) == [(Saucer, "saucer")]

    def test_is_given_itself_where_it_is_wanted_as_it_is(self) -> None:
        def drink(command: Drink, cup: Annotated[TeaCup, Key("cup_id", as_is=True)]) -> Changes:
            yield cup.evolve(sips=3)

        decision = run(drink, Drink(cup_id="chipped"), view(self.CHIPPED, self.RED))
        assert list(decision.documents) == [(TeaCup, "chipped")]

    def test_is_given_itself_among_several(self) -> None:
        def drink(command: Drink, cups: Annotated[tuple[TeaCup, ...], Key("others")]) -> Changes:
            yield tuple(cup.evolve(sips=1) for cup in cups)

        decision = run(drink, Drink(others=("chipped",)), view(self.CHIPPED))
        assert list(decision.documents) == [(TeaCup, "chipped")]

    def test_that_leads_in_a_circle_is_a_bug(self) -> None:
        def drink(command: Drink, cup: OneCup) -> Changes:
            yield cup

        round_about = view(TeaCup(id="a", swapped_for="b"), TeaCup(id="b", swapped_for="a"))
        with pytest.raises(LookupError, match="TeaCup . stands for itself"):
            run(drink, Drink(cup_id="a"), round_about)


class TestDecide:
    def test_raises_the_version_by_one_however_often_it_is_yielded(self) -> None:
        def drink(command: Drink, cup: OneCup) -> Changes:
            once = cup.evolve(sips=1)
            yield once
            yield once.evolve(sips=2), Drunk(cup_id=cup.id)

        after = run(drink, Drink(cup_id="red"), view(TeaCup(id="red", version=4)))
        assert after.documents == {RED: TeaCup(id="red", version=5, sips=2)}

    def test_raises_it_again_for_the_next_message_of_the_batch(self) -> None:
        def drink(command: Drink, cup: OneCup) -> Changes:
            yield cup.evolve(sips=cup.sips + 1)

        loaded = view(TeaCup(id="red", version=4))
        for version in (5, 6):
            after = run(drink, Drink(cup_id="red"), loaded)
            assert after.documents[RED].version == version
            loaded.take(after.documents, after.erased)

    def test_begins_at_one(self) -> None:
        def drink(command: Drink) -> Changes:
            yield TeaCup(id="red")

        assert run(drink, Drink(), View()).documents[RED].version == 1

    def test_does_not_touch_a_document_that_is_yielded_as_it_was_loaded(self) -> None:
        def drink(command: Drink, cup: OneCup) -> Changes:
            yield cup

        loaded = TeaCup(id="red", version=4)
        assert run(drink, Drink(cup_id="red"), view(loaded)).documents[RED].version == 5
        assert loaded.version == 4

    def test_leaves_no_trace_when_it_raises(self) -> None:
        def drink(command: Drink, cup: OneCup) -> Changes:
            yield cup.evolve(sips=1)
            yield TeaCup(id="blue"), Erase(TeaCup, "red")
            raise ZeroDivisionError

        before = TeaCup(id="red", version=4)
        loaded = view(before)
        with pytest.raises(ZeroDivisionError):
            run(drink, Drink(cup_id="red"), loaded)

        assert loaded.at(RED) is before
        assert before.version == 4
        assert not loaded.knows((TeaCup, "blue"))
        assert (list(loaded.written()), loaded.erased) == ([], ())

    def test_leaves_no_trace_until_it_is_taken_in(self) -> None:
        def drink(command: Drink, cup: OneCup) -> Changes:
            yield cup.evolve(sips=1)

        loaded = view(TeaCup(id="red", version=4))
        run(drink, Drink(cup_id="red"), loaded)

        assert loaded.at(RED) == TeaCup(id="red", version=4)

    def test_keeps_the_order_of_what_is_said(self) -> None:
        def drink(command: Drink) -> Changes:
            yield Drunk(cup_id="1"), Drink(cup_id="2")
            yield Drunk(cup_id="3")

        assert run(drink, Drink(), View()).messages == [Drunk(cup_id="1"), Drink(cup_id="2"), Drunk(cup_id="3")]

    def test_may_say_nothing(self) -> None:
        def drink(command: Drink) -> Changes:
            yield from ()

        assert run(drink, Drink(), View()) == Decision()

    def test_refuses_to_take_anything_else(self) -> None:
        def drink(command: Drink) -> Any:
            yield {"cup": "red"}

        with pytest.raises(TypeError, match="a handler can't yield a dict"):
            run(drink, Drink(), View())

    def test_hands_on_an_erasure(self) -> None:
        def drink(command: Drink) -> Changes:
            yield Erase(TeaCup, "top", field="saucer_id")

        assert run(drink, Drink(), View()).erased == [Erase(TeaCup, "top", field="saucer_id")]

    def test_keeps_what_is_made_after_an_erasure_and_not_what_was_made_before(self) -> None:
        def drink(command: Drink) -> Changes:
            yield TeaCup(id="red", saucer_id="white")
            yield Erase(TeaCup, "white", field="saucer_id")
            yield TeaCup(id="blue", saucer_id="white")

        loaded = view(missing=(RED,))
        after = run(drink, Drink(), loaded)
        loaded.take(after.documents, after.erased)

        assert loaded.at(RED) is None
        assert list(loaded.written()) == [("insert", None, TeaCup(id="blue", version=1, saucer_id="white"))]

    def test_gives_the_context_under_whatever_name(self) -> None:
        def drink(command: Drink, what_else: Context[None]) -> Changes:
            yield Drunk(cup_id=what_else.new_id()), TeaCup(id=what_else.actor.id)

        after = run(drink, Drink(), View())
        assert list(after.documents) == [(TeaCup, "till-1")]

    def test_makes_the_same_ids_when_it_is_redone(self) -> None:
        def drink(command: Drink, context: Context[None]) -> Changes:
            yield TeaCup(id=context.new_id()), TeaCup(id=context.new_id())

        first, again = (list(run(drink, Drink(), View()).documents) for _ in range(2))
        assert first == again
        assert len(set(first)) == 2


class TestAggregateVersion:
    def test_is_the_one_after_the_message(self) -> None:
        decided = Decision(documents={RED: TeaCup(id="red", version=5)})
        assert aggregate_version(tea(), Drunk(cup_id="red"), decided, view(TeaCup(id="red", version=4))) == 5

    def test_is_the_one_seen_where_nothing_changed(self) -> None:
        assert aggregate_version(tea(), Drunk(cup_id="red"), Decision(), view(TeaCup(id="red", version=4))) == 4

    def test_is_none_where_it_was_not_seen_or_is_missing_or_somebody_elses(self) -> None:
        for seen in (View(), view(missing=(RED,))):
            assert aggregate_version(tea(), Drunk(cup_id="red"), Decision(), seen) is None
        assert aggregate_version(tea(), Poured(cup_id="red"), Decision(), View()) is None
