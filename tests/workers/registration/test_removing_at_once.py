"""A member is removed while another process keeps something of theirs: of two such transactions MongoDB stops one."""

from collections.abc import AsyncIterator, Callable
from typing import Any, Final

import pytest

from contracts.favourites import ChangeFavourites
from contracts.identification import IdentificationMethod, IdentifyByDetails, SendIdentificationCode
from contracts.merging import ProposeMerge
from contracts.messages import ActorKind, Command
from contracts.operators import TieOperator
from contracts.passwords import RenewalWay, RenewPassword
from contracts.profiles import ChangePhone
from contracts.programme import Programme
from contracts.programme.registration import (
    ChannelRules,
    FavouriteRules,
    RegistrationRules,
    RemovalRules,
    Verification,
)
from contracts.registration import Channel
from contracts.removal import RemoveMember
from contracts.verification import SendPhoneCode
from runtime.persons import PersonKey
from runtime.settings import Settings
from runtime.store import Transaction
from tests.decisions import NOON
from tests.runtime import faults
from tests.runtime.machine import Bench, two
from tests.workers.registration.people import ANA, BEN, DEMO, OPERATOR, RULES, member
from tests.workers.registration.test_calls import CALL, talking
from tests.workers.registration.test_identification import RULES as IDENTIFICATION
from tests.workers.registration.test_merging import ben
from tests.workers.registration.test_views import keep
from workers.registration.challenge_documents import CodeSends
from workers.registration.documents import Member, PhoneChange
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
        "verifiers": (ActorKind.OPERATOR,),
        "channels": {Channel.SMS: ChannelRules(actors=(ActorKind.OPERATOR,), verification=Verification.OFFERED)},
    }
)
PROGRAMME: Final[Programme] = DEMO.model_copy(update={"registration": CARE})
REMOVE: Final = RemoveMember(member_id=ANA, reason="on_request")
PROVEN: Final = "c2" * 16
KEPT: Final[dict[str, Command]] = {
    "favourites": ChangeFavourites(member_id=ANA, products=("latte",)),
    "password": RenewPassword(member_id=ANA, way=RenewalWay.LINK),
    "failures": IdentifyByDetails(
        call_id=CALL, operator_id=OPERATOR.id, member_id=ANA, first_name="Bea", last_name="Braun", email="b@example.org"
    ),
    "tie": TieOperator(operator_id="otto", member_id=ANA),
    "phone change": ChangePhone(member_id=ANA, call_id=PROVEN, phone="+4915198765432"),
    "caller's code": SendIdentificationCode(call_id=CALL, operator_id=OPERATOR.id, member_id=ANA),
    "phone's code": SendPhoneCode(member_id=ANA),
    "merge's code": ProposeMerge(member_id=BEN, absorbed_id=ANA),
}
"""Commands that keep something under a member's id, or that names them."""


@pytest.fixture
async def desks(settings: Settings) -> AsyncIterator[tuple[Bench, Bench]]:
    """Two processes of registration, and one member."""
    async with two(settings, worker, lambda: NOON, PROGRAMME) as (desk, other):
        until = NOON.replace(hour=13)
        proven = talking(id=PROVEN, ends_at=until, member_id=ANA, identified_by=IdentificationMethod.CODE)
        await keep(desk.store, member(), ben(), talking(ends_at=until), proven)
        yield desk, other


def meanwhile(other: Bench, command: Command) -> Callable[[Transaction], Any]:
    """Have another process do something between what a transaction loads and what it commits."""

    async def meddle(_: Transaction) -> None:
        assert await ask(other, "meanwhile", command) == ("done", None)

    return meddle


async def ask(desk: Bench, id: str, command: Command) -> tuple[str, str | None]:
    """What Olga's command comes to, in the call of which it is."""
    return await desk.ask(id, command, OPERATOR.model_copy(update={"call_id": getattr(command, "call_id", None)}))


async def left(desk: Bench) -> list[Any]:
    """What is still kept of the member."""
    kinds = (Member, Favourites, Password, Failures, PhoneChange, PersonKey)
    kept: list[Any] = [await desk.store.reader.get(each, ANA) for each in kinds]
    sends = await desk.store.reader.find(CodeSends, {}, limit=9)
    ties = [each for each in await desk.store.reader.find(Operator, {}, limit=9) if each.member_id is not None]
    return [each for each in (*kept, *sends, *ties) if each is not None]


class TestRemoveMember:
    @pytest.mark.parametrize("what", KEPT)
    async def test_in_the_moment_in_which_something_of_theirs_is_kept_has_that_refused(
        self, desks: tuple[Bench, Bench], what: str
    ) -> None:
        desk, other = desks
        faults.interfere(desk.store, meanwhile(other, REMOVE))
        outcome, code = await ask(desk, "kept", KEPT[what])
        assert (outcome, code) == ("refused", "unknown_member")
        assert await left(desk) == []

    @pytest.mark.parametrize("what", KEPT)
    async def test_takes_what_was_kept_while_it_was_decided(self, desks: tuple[Bench, Bench], what: str) -> None:
        desk, other = desks
        faults.interfere(desk.store, meanwhile(other, KEPT[what]))
        assert await ask(desk, "removed", REMOVE) == ("done", None)
        assert await left(desk) == []
