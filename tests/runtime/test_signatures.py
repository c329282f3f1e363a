"""Filing a handler: signatures that the runtime can't serve are refused when they are filed, and say why."""

from collections.abc import Callable
from typing import Annotated, Any, ClassVar

import pytest

from runtime.decisions import Changes, Key, UnfitHandler
from runtime.documents import Document
from tests.runtime.test_decisions import Drink, Drunk, OneCup, Poured, Saucer, TeaCup, tea


class Foreign(Document):
    """A document of somebody else."""

    collection: ClassVar[str] = "foreign"


def no_message() -> Changes:
    yield ()


def other_message(command: Drunk) -> Changes:
    yield ()


def no_generator(command: Drink) -> None:
    return None


async def asynchronous(command: Drink) -> Any:
    yield ()


def bare_document(command: Drink, cup: TeaCup) -> Changes:
    yield ()


def untyped(command: Drink, cup) -> Changes:  # type: ignore[no-untyped-def]  # such handlers are what is tested
    yield ()


def two_keys(command: Drink, cup: Annotated[TeaCup, Key("cup_id"), Key("shelf_id")]) -> Changes:
    yield ()


def no_document(command: Drink, cup: Annotated[str, Key("cup_id")]) -> Changes:
    yield ()


def foreign(command: Drink, cup: Annotated[Foreign, Key("cup_id")]) -> Changes:
    yield ()


def misspelled(command: Drink, cup: Annotated[TeaCup, Key("cup_idd")]) -> Changes:
    yield ()


def misspelled_in_document(command: Drink, cup: OneCup, saucer: Annotated[Saucer, Key("cup.sauser_id")]) -> Changes:
    yield ()


def too_early(command: Drink, saucer: Annotated[Saucer, Key("cup.saucer_id")], cup: OneCup) -> Changes:
    yield ()


def from_several(
    command: Drink,
    cups: Annotated[tuple[TeaCup, ...], Key("others")],
    saucer: Annotated[Saucer, Key("cups.saucer_id")],
) -> Changes:
    yield ()


class TestHandles:
    @pytest.mark.parametrize(
        ("function", "complaint"),
        [
            (no_message, "the first parameter of no_message must be typed Drink"),
            (other_message, "the first parameter of other_message must be typed Drink"),
            (no_generator, "no_generator must be a generator function"),
            (asynchronous, "asynchronous must be a generator function"),
            (bare_document, "bare_document: cup must be the context or Annotated"),
            (untyped, "untyped: cup must be the context or Annotated"),
            (two_keys, "two_keys: cup must be the context or Annotated"),
            (no_document, "no_document: cup is not a document"),
            (foreign, "foreign: Foreign is not among the worker's documents"),
            (misspelled, "misspelled: the key of cup, cup_idd, is not in Drink"),
            (misspelled_in_document, "misspelled_in_document: the key of saucer, cup.sauser_id, is not in TeaCup"),
            (too_early, "too_early: the key of saucer, cup.saucer_id, is not in Drink"),
            (from_several, "from_several: the key of saucer, cups.saucer_id, is not in one document"),
        ],
    )
    def test_says_what_it_can_not_serve(self, function: Callable[..., Any], complaint: str) -> None:
        with pytest.raises(UnfitHandler) as caught:
            tea().handles(Drink)(function)
        assert complaint in str(caught.value)

    def test_files_one_handler_per_message(self) -> None:
        worker = tea()

        @worker.handles(Drink)
        def drink(command: Drink) -> Changes:
            yield ()

        with pytest.raises(UnfitHandler, match="Drink has a handler already"):
            worker.handles(Drink)(drink)

    def test_says_whose_events_are_listened_to(self) -> None:
        worker = tea()

        @worker.handles(Drink)
        def drink(command: Drink) -> Changes:
            yield ()

        @worker.handles(Poured)
        def fill(event: Poured) -> Changes:
            yield ()

        assert worker.listens_to == ("kettle",)
