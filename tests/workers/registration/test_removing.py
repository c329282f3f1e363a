"""How a member is removed: by whom, why, and what of them goes with their record."""

from typing import Any

from contracts.codes import CodePurpose
from contracts.messages import ActorKind
from contracts.operators import OperatorTied
from contracts.programme.calls import CallRules
from contracts.programme.registration import RemovalRules
from contracts.registration import Channel
from contracts.removal import MemberRemoved, RemoveMember
from runtime.documents import Erase
from runtime.persons import DEAD_LETTERS, PersonKey
from tests.decisions import NOON, decide, refused
from tests.workers.registration.people import ANA, APP, BEN, OPERATOR, OTHER_PHONE, PHONE, at, member
from workers.registration.challenge_documents import CodeSends, sends_id
from workers.registration.documents import EmailClaim, Member, MemberState, PhoneChange, PhoneClaim
from workers.registration.favourite_documents import Favourites
from workers.registration.operator_documents import Operator
from workers.registration.password_documents import Failures, Password
from workers.registration.removal_documents import RemovedMember
from workers.registration.removing import remove_member

RULES = RemovalRules(reasons=("on_request",), removers=(ActorKind.OPERATOR,))
REMOVE = RemoveMember(member_id=ANA, reason="on_request")


def at_the_desk(**more: Any) -> Any:
    return at(Channel.CALL, **{"removal": RULES, **more})


class TestRemoveMember:
    def test_erases_everything_that_leads_to_them_and_the_keys_to_what_was_said_of_them(self) -> None:
        ana = member(registration_id="r-1")
        said = decide(remove_member, REMOVE, member=ana, absorbed=(), operators=(), context=at_the_desk())

        assert set(said.erased) == {
            *(Erase(Member, ANA), Erase(PhoneClaim, PHONE), Erase(EmailClaim, "ana@example.org")),
            *(Erase(Password, ANA), Erase(Failures, ANA), Erase(PhoneChange, ANA)),
            *(Erase(Favourites, ANA), Erase(PersonKey, ANA), Erase(PersonKey, "r-1"), Erase(PersonKey, DEAD_LETTERS)),
            *(Erase(CodeSends, sends_id(purpose, PHONE)) for purpose in CodePurpose),
        }
        removed = RemovedMember(id=ANA, reason="on_request", actor=OPERATOR, removed_at=NOON)
        assert said.documents == [removed]
        told = MemberRemoved(member_id=ANA, absorbed_ids=(), former_ids=("r-1",), reason="on_request", removed_at=NOON)
        assert said.events == [told]

    def test_erases_how_many_codes_went_to_a_phone_that_they_were_about_to_have(self) -> None:
        change = PhoneChange(id=ANA, phone=OTHER_PHONE, challenge_id="c-1")
        known: dict[str, Any] = {"member": member(), "absorbed": (), "operators": (), "change": change}
        said = decide(remove_member, REMOVE, **known, context=at_the_desk())
        assert Erase(CodeSends, sends_id(CodePurpose.CHANGE_CONTACT, OTHER_PHONE)) in said.erased

    def test_takes_whom_they_absorbed_along(self) -> None:
        ben = member(BEN, phone=OTHER_PHONE, email=None, merged_into=ANA, state=MemberState.MERGED)
        said = decide(
            remove_member, REMOVE, member=member(absorbed=(BEN,)), absorbed=(ben,), operators=(), context=at_the_desk()
        )

        assert {Erase(Member, BEN), Erase(PhoneClaim, OTHER_PHONE), Erase(PersonKey, BEN)} <= set(said.erased)
        (told,) = said.events
        assert isinstance(told, MemberRemoved)
        assert told.absorbed_ids == (BEN,)

    def test_unties_operators_who_were_them_and_says_so(self) -> None:
        ties = {"olga": ANA, "otto": BEN, "omar": "cid", "oona": None}
        operators = tuple(Operator(id=each, member_id=member_id) for each, member_id in ties.items())
        ana = member(absorbed=(BEN,), operator_ids=tuple(ties))
        said = decide(remove_member, REMOVE, member=ana, absorbed=(), operators=operators, context=at_the_desk())

        assert said.all(Operator) == [Operator(id="olga"), Operator(id="otto")]
        assert said.events[:-1] == [OperatorTied(operator_id=each, member_id=None) for each in ("olga", "otto")]

    def test_removes_a_blocked_member_too(self) -> None:
        blocked = member(state=MemberState.BLOCKED)
        assert decide(remove_member, REMOVE, member=blocked, absorbed=(), operators=(), context=at_the_desk()).events

    def test_is_refused_for_one_who_was_absorbed_so_that_nobody_takes_the_survivor_by_mistake(self) -> None:
        with refused("member_already_merged", member_id=BEN):
            decide(
                remove_member, REMOVE, member=member(merged_into=BEN), absorbed=(), operators=(), context=at_the_desk()
            )

    def test_is_refused_twice(self) -> None:
        removed = RemovedMember(id=ANA, reason="on_request", actor=OPERATOR, removed_at=NOON)
        with refused("member_already_removed"):
            decide(remove_member, REMOVE, removed=removed, absorbed=(), operators=(), context=at_the_desk())

    def test_is_refused_for_nobody(self) -> None:
        with refused("unknown_member"):
            decide(remove_member, REMOVE, absorbed=(), operators=(), context=at_the_desk())

    def test_is_done_in_a_call_where_the_programme_wants_one(self) -> None:
        with refused("call_missing"):
            asking = at_the_desk(calls=CallRules(is_required=True))
            decide(remove_member, REMOVE, member=member(), absorbed=(), operators=(), context=asking)

    def test_takes_a_reason_of_the_programme(self) -> None:
        with refused("removal_reason_unknown", reason="mood"):
            command = RemoveMember(member_id=ANA, reason="mood")
            decide(remove_member, command, member=member(), absorbed=(), operators=(), context=at_the_desk())

    def test_is_for_those_whom_the_programme_names(self) -> None:
        with refused("actor_not_allowed", actor="app"):
            decide(remove_member, REMOVE, member=member(), absorbed=(), operators=(), context=at_the_desk(actor=APP))
