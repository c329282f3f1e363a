"""Guards: rules that stand before every command of a family that one kind of actor asks."""

from typing import Annotated

import pytest

from contracts.messages import Actor, ActorKind, Command
from runtime.context import Asked
from runtime.decisions import Changes, Context, Key, NotLoaded, Refused, UnfitHandler, Worker, decide
from tests.decisions import TILL, context
from tests.runtime.test_decisions import Drink, Drunk, Saucer, TeaCup, tea, view

OLGA = Actor(kind=ActorKind.OPERATOR, id="olga")


class Gulp(Drink, worker="tea", key="cup_id", actors=frozenset(ActorKind)):
    """Take one big sip."""


class Wash(Command, worker="tea", key="cup_id", actors=frozenset(ActorKind)):
    """Clean a cup."""

    cup_id: str


def drink(command: Drink) -> Changes:
    yield Drunk(cup_id=command.cup_id or "")


def gulp(command: Gulp) -> Changes:
    yield Drunk(cup_id=command.cup_id or "")


def wash(command: Wash) -> Changes:
    yield Drunk(cup_id=command.cup_id)


def refuse_broken(
    asked: Asked[Drink],
    cup: Annotated[TeaCup | None, Key("command.cup_id")],
    own: Annotated[Saucer | None, Key("actor.id")],
) -> None:
    if own is None or cup is None:
        raise Refused("no_saucer", cup=asked.command.cup_id)


def kitchen(*, guard_first: bool) -> Worker[None]:
    worker = tea()
    if guard_first:
        worker.guards(Drink, asked_by=ActorKind.OPERATOR)(refuse_broken)
    worker.handles(Drink)(drink)
    worker.handles(Gulp)(gulp)
    worker.handles(Wash)(wash)
    if not guard_first:
        worker.guards(Drink, asked_by=ActorKind.OPERATOR)(refuse_broken)
    return worker


@pytest.mark.parametrize("guard_first", [True, False])
class TestGuard:
    def test_stands_before_all_of_its_family_whenever_it_was_filed(self, guard_first: bool) -> None:
        worker = kitchen(guard_first=guard_first)
        seen = view(TeaCup(id="red"), missing=((Saucer, "olga"),))
        for name, command in (("Drink", Drink(cup_id="red")), ("Gulp", Gulp(cup_id="red"))):
            with pytest.raises(Refused, match="no_saucer"):
                decide(worker.handlers[name], command, context(actor=OLGA), seen)
        assert decide(worker.handlers["Wash"], Wash(cup_id="red"), context(actor=OLGA), view()).messages

    def test_lets_pass_what_the_rule_has_nothing_against(self, guard_first: bool) -> None:
        worker = kitchen(guard_first=guard_first)
        seen = view(TeaCup(id="red"), Saucer(id="olga"))
        assert decide(worker.handlers["Drink"], Drink(cup_id="red"), context(actor=OLGA), seen).messages

    def test_asks_for_its_documents_and_for_nothing_where_another_kind_of_actor_asks(self, guard_first: bool) -> None:
        worker = kitchen(guard_first=guard_first)
        with pytest.raises(NotLoaded):
            decide(worker.handlers["Drink"], Drink(cup_id="red"), context(actor=OLGA), view())
        assert decide(worker.handlers["Drink"], Drink(cup_id="red"), context(actor=TILL), view()).messages

    def test_follows_a_document_to_the_one_that_it_stands_for(self, guard_first: bool) -> None:
        worker = kitchen(guard_first=guard_first)
        cups = (TeaCup(id="red", swapped_for="blue"), TeaCup(id="blue"))
        seen = view(*cups, Saucer(id="olga"))
        assert decide(worker.handlers["Drink"], Drink(cup_id="red"), context(actor=OLGA), seen).messages


class TestSignature:
    def test_must_begin_with_what_is_asked(self) -> None:
        def refuse(command: Drink) -> None:
            return None

        with pytest.raises(UnfitHandler, match="must be typed Asked"):
            tea().guards(Drink, asked_by=ActorKind.OPERATOR)(refuse)

    def test_gets_no_context(self) -> None:
        def refuse(asked: Asked[Drink], context: Context[None]) -> None:
            return None

        with pytest.raises(UnfitHandler, match="gets no context"):
            tea().guards(Drink, asked_by=ActorKind.OPERATOR)(refuse)
