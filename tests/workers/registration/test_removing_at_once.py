"""A member is removed while another process keeps something of theirs: of two such transactions MongoDB stops one."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any, Final

import pytest

from contracts.favourites import ChangeFavourites
from contracts.identification import IdentifyByDetails
from contracts.messages import ActorKind, Command
from contracts.operators import TieOperator
from contracts.passwords import RenewalWay, RenewPassword
from contracts.programme import Programme
from contracts.programme.registration import FavouriteRules, RegistrationRules, RemovalRules
from contracts.removal import RemoveMember
from contracts.topics import commands_topic
from runtime.batch import Batches
from runtime.settings import Settings
from runtime.store import Transaction
from tests.decisions import NOON
from tests.runtime import faults
from tests.runtime.machine import Bench, message, outcomes
from tests.workers.registration.people import ANA, DEMO, OPERATOR, RULES, member
from tests.workers.registration.test_calls import CALL, talking
from tests.workers.registration.test_identification import RULES as IDENTIFICATION
from tests.workers.registration.test_views import keep
from workers.registration.documents import Member
from workers.registration.favourite_documents import Favourites
from workers.registration.operator_documents import Operator
from workers.registration.password_documents import Failures, Password
from workers.registration.worker import worker

CARE: Final[RegistrationRules] = RULES.model_copy(
    update={
        "removal": RemovalRules(reasons=("on_request",), removers=(ActorKind.OPERATOR,)),
        "favourites": FavouriteRules(most=2),
        "favourite_editors": (ActorKind.OPERATOR,),
        "identification": IDENTIFICATION,
    }
)
PROGRAMME: Final[Programme] = DEMO.model_copy(update={"registration": CARE})
REMOVE: Final = RemoveMember(member_id=ANA, reason="on_request")
KEPT: Final[dict[str, Command]] = {
    "favourites": ChangeFavourites(member_id=ANA, products=("latte",)),
    "password": RenewPassword(member_id=ANA, way=RenewalWay.LINK),
    "failures": IdentifyByDetails(
        call_id=CALL, operator_id=OPERATOR.id, member_id=ANA, first_name="Bea", last_name="Braun", email="b@example.org"
    ),
    "tie": TieOperator(operator_id="otto", member_id=ANA),
}
"""Commands that keep something under a member's id, or that names them."""


class Desk(Bench):
    """Registration, at noon."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings, worker)
        self.batches = Batches(worker, PROGRAMME, self.store, settings, self.telemetry, lambda: NOON)

    async def ask(self, id: str, command: Command) -> tuple[str, str | None]:
        """What a command of an operator comes to."""
        topic = commands_topic(self.settings.prefix, worker.name)
        sent = message(self.settings, id, command, time=NOON, topic=topic, actor=OPERATOR)
        ((outcome, code),) = outcomes(await self.settle(sent))
        return outcome, code


@pytest.fixture
async def desks(settings: Settings) -> AsyncIterator[tuple[Desk, Desk]]:
    """Two processes of registration, and one member."""
    async with AsyncExitStack() as stack:
        desk, other = [await stack.enter_async_context(Desk(settings)) for _ in range(2)]
        await keep(desk.store, member(), talking(ends_at=NOON.replace(hour=13)))
        yield desk, other


def meanwhile(other: Desk, command: Command) -> Callable[[Transaction], Any]:
    """Have another process do something between what a transaction loads and what it commits."""

    async def meddle(_: Transaction) -> None:
        assert await other.ask("meanwhile", command) == ("done", None)

    return meddle


async def left(desk: Desk) -> list[Any]:
    """What is still kept of the member."""
    kept = [await desk.store.reader.get(each, ANA) for each in (Member, Favourites, Password, Failures)]
    ties = [each for each in await desk.store.reader.find(Operator, {}, limit=9) if each.member_id is not None]
    return [each for each in (*kept, *ties) if each is not None]


class TestRemoveMember:
    @pytest.mark.parametrize("what", KEPT)
    async def test_in_the_moment_in_which_something_of_theirs_is_kept_has_that_refused(
        self, desks: tuple[Desk, Desk], what: str
    ) -> None:
        desk, other = desks
        faults.interfere(desk.store, meanwhile(other, REMOVE))
        outcome, code = await desk.ask("kept", KEPT[what])
        assert (outcome, code) == ("refused", "unknown_member")
        assert await left(desk) == []

    @pytest.mark.parametrize("what", KEPT)
    async def test_takes_what_was_kept_while_it_was_decided(self, desks: tuple[Desk, Desk], what: str) -> None:
        desk, other = desks
        faults.interfere(desk.store, meanwhile(other, KEPT[what]))
        assert await desk.ask("removed", REMOVE) == ("done", None)
        assert await left(desk) == []
