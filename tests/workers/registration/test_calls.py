"""Calls: one at a time for each operator, about one member, with consent, closed with a reason or ended by time."""

from datetime import timedelta
from operator import attrgetter
from typing import Any

import pytest

from contracts.calls import (
    CallClosed,
    CallDirection,
    CallEnded,
    CallOpened,
    CallState,
    CareCommand,
    CloseCall,
    ConsentToLookRecorded,
    EndCall,
    OpenCall,
    RecordConsentToLook,
)
from contracts.catalogue import COMMANDS
from contracts.identification import IdentificationMethod
from contracts.messages import Actor, ActorKind
from contracts.programme.calls import CallReason, CallRules
from contracts.registration import Channel, MemberRegistered
from runtime.decisions import Context, NotLoaded, Refused
from runtime.decisions import decide as decide_as_the_runtime_does
from runtime.documents import View
from tests.contracts.golden.examples import example
from tests.decisions import NOON, decide, refused
from tests.workers.registration.people import ANA, APP, BEN, OPERATOR, at, joining, member
from workers.registration.call_documents import Call, Desk
from workers.registration.callers import refuse_outside_call, refuse_unidentified
from workers.registration.calls import close_call, end_call, open_call, record_consent_to_look
from workers.registration.documents import Member
from workers.registration.joining import register_member
from workers.registration.worker import worker

CALL, OTHER_CALL = "0b9c2f0f6a2b8e5d0c9a7e4f3b2a1d0c", "1b9c2f0f6a2b8e5d0c9a7e4f3b2a1d0c"
RULES = CallRules(lasts_seconds=600, reasons=(CallReason(code="lost_card", label={}),))
REQUIRED = RULES.model_copy(update={"is_required": True})
ENDS = NOON + timedelta(seconds=600)
OTTO = Actor(kind=ActorKind.OPERATOR, id="otto")
CALLING = Actor(kind=ActorKind.OPERATOR, id="olga", call_id=CALL)


def by(actor: Actor = OPERATOR, rules: CallRules = RULES, **more: Any) -> Context[Any]:
    """A context in which calls have these rules."""
    return at(actor=actor, calls=rules, **more)


def talking(**changes: Any) -> Call:
    """A call that Olga has open."""
    kept: dict[str, Any] = {
        "id": CALL,
        "operator_id": "olga",
        "direction": CallDirection.INBOUND,
        "opened_at": NOON,
        "ends_at": ENDS,
        "due_at": ENDS,
    }
    return Call(**{**kept, **changes})


def opening(**changes: Any) -> OpenCall:
    return OpenCall(**{"operator_id": "olga", "direction": CallDirection.INBOUND, **changes})


class TestOpenCall:
    @pytest.mark.parametrize("direction", CallDirection)
    def test_is_inbound_outbound_or_none(self, direction: CallDirection) -> None:
        said = decide(open_call, opening(direction=direction), context=by())

        call = said.document(Call)
        assert (call.operator_id, call.direction, call.state, call.due_at) == ("olga", direction, CallState.OPEN, ENDS)
        assert said.document(Desk) == Desk(id="olga", call_id=call.id)
        opened = CallOpened(call_id=call.id, operator_id="olga", member_id=None, direction=direction, ends_at=ENDS)
        assert said.events == [opened]

    def test_may_be_about_a_member_from_the_start(self) -> None:
        said = decide(open_call, opening(member_id=ANA), member=member(), context=by())
        assert said.document(Call).member_id == ANA

    def test_is_refused_about_nobody_who_is_known(self) -> None:
        with refused("unknown_member"):
            decide(open_call, opening(member_id=BEN), context=by())

    def test_is_refused_while_the_operator_has_another_open(self) -> None:
        with refused("call_already_open", call_id=CALL):
            decide(open_call, opening(), desk=Desk(id="olga", call_id=CALL), earlier=talking(), context=by())

    def test_ends_one_whose_time_is_over_though_no_timer_came(self) -> None:
        late = by(now=ENDS)
        said = decide(open_call, opening(), desk=Desk(id="olga", call_id=CALL), earlier=talking(), context=late)

        old, new = said.all(Call)
        assert (old.id, old.state, old.due_at) == (CALL, CallState.ENDED, None)
        assert new.state is CallState.OPEN
        assert said.document(Desk).call_id == new.id
        assert [type(event) for event in said.events] == [CallEnded, CallOpened]

    def test_is_refused_in_the_name_of_another(self) -> None:
        with refused("operator_not_the_sender"):
            decide(open_call, opening(operator_id="otto"), context=by())

    def test_is_refused_to_who_has_no_calls(self) -> None:
        with refused("actor_not_allowed", actor="app"):
            decide(open_call, opening(operator_id=APP.id), context=by(APP))


class TestRecordConsentToLook:
    agreeing = RecordConsentToLook(operator_id="olga", call_id=CALL, member_id=ANA)

    def test_makes_the_call_one_about_that_member(self) -> None:
        said = decide(record_consent_to_look, self.agreeing, call=talking(), member=member(), context=by())

        call = said.document(Call)
        assert (call.member_id, call.consented_at) == (ANA, NOON)
        assert said.events == [ConsentToLookRecorded(call_id=CALL, operator_id="olga", member_id=ANA)]
        assert call.may_look_at(ANA)
        assert not call.may_look_at(BEN)

    def test_is_noted_once(self) -> None:
        agreed = talking(member_id=ANA, consented_at=NOON)
        said = decide(record_consent_to_look, self.agreeing, call=agreed, member=member(), context=by())
        assert said.documents == []
        assert said.events == []

    def test_is_refused_about_a_second_member(self) -> None:
        with refused("call_of_another_member"):
            decide(record_consent_to_look, self.agreeing, call=talking(member_id=BEN), member=member(), context=by())

    def test_is_asked_again_of_who_was_absorbed_meanwhile(self) -> None:
        earlier = talking(member_id=BEN, consented_at=NOON)
        survivor = member(absorbed=(BEN,))
        said = decide(record_consent_to_look, self.agreeing, call=earlier, member=survivor, context=by())
        assert said.document(Call).may_look_at(ANA)

    def test_is_refused_in_a_call_of_another_operator(self) -> None:
        with refused("call_of_another_operator"):
            decide(
                record_consent_to_look, self.agreeing, call=talking(operator_id="otto"), member=member(), context=by()
            )

    def test_nobody_is_asked_where_there_is_no_caller(self) -> None:
        assert talking(direction=CallDirection.NONE).may_look_at(ANA)
        assert not talking(member_id=ANA).may_look_at(ANA)


class TestCloseCall:
    closing = CloseCall(operator_id="olga", call_id=CALL, reason="lost_card")

    def test_ends_a_call_with_a_reason_of_the_programme(self) -> None:
        desk, call = Desk(id="olga", call_id=CALL), talking(member_id=ANA)
        later = by(now=NOON + timedelta(minutes=5))
        said = decide(close_call, self.closing, call=call, desk=desk, context=later)

        closed = said.document(Call)
        assert (closed.state, closed.reason, closed.due_at) == (CallState.CLOSED, "lost_card", None)
        assert closed.ends_at == later.now
        assert said.document(Desk).call_id is None
        assert said.events == [CallClosed(call_id=CALL, operator_id="olga", member_id=ANA, reason="lost_card")]

    def test_is_refused_with_another_reason(self) -> None:
        with refused("call_reason_unknown", reason="boredom"):
            closing = self.closing.model_copy(update={"reason": "boredom"})
            decide(close_call, closing, call=talking(), desk=Desk(id="olga"), context=by())

    @pytest.mark.parametrize("state", [CallState.CLOSED, CallState.ENDED])
    def test_is_refused_once_it_is_over(self, state: CallState) -> None:
        with refused("call_not_open"):
            decide(close_call, self.closing, call=talking(state=state), desk=Desk(id="olga"), context=by())

    def test_is_refused_to_another_operator(self) -> None:
        closing = self.closing.model_copy(update={"operator_id": "otto"})
        with refused("call_of_another_operator"):
            decide(close_call, closing, call=talking(), desk=Desk(id="olga"), context=by(OTTO))


class TestEndCall:
    ending = EndCall(operator_id="olga", call_id=CALL)

    def test_ends_a_call_that_nobody_closed_in_the_programmes_time(self) -> None:
        said = decide(end_call, self.ending, call=talking(), desk=Desk(id="olga", call_id=CALL), context=by(now=ENDS))

        assert (said.document(Call).state, said.document(Call).due_at) == (CallState.ENDED, None)
        assert said.document(Desk).call_id is None
        assert said.events == [CallEnded(call_id=CALL, operator_id="olga", member_id=None)]

    def test_leaves_one_alone_whose_time_is_not_over(self) -> None:
        said = decide(end_call, self.ending, call=talking(), desk=Desk(id="olga", call_id=CALL), context=by())
        assert said.documents == []

    def test_leaves_one_alone_that_was_closed(self) -> None:
        closed = talking(state=CallState.CLOSED, due_at=None)
        assert decide(end_call, self.ending, call=closed, desk=Desk(id="olga"), context=by(now=ENDS)).documents == []

    def test_leaves_the_next_call_of_the_operator_open(self) -> None:
        desk = Desk(id="olga", call_id=OTHER_CALL)
        said = decide(end_call, self.ending, call=talking(), desk=desk, context=by(now=ENDS))
        assert said.all(Desk) == []


class TestOutsideCall:
    """What operators do to members is held against their call by the worker itself."""

    def test_is_fine_where_the_programme_needs_none(self) -> None:
        refuse_outside_call(None, None, by())

    def test_is_refused_where_it_needs_one(self) -> None:
        with refused("call_missing"):
            refuse_outside_call(None, None, by(rules=REQUIRED))

    def test_is_nothing_to_those_who_are_no_operators(self) -> None:
        refuse_outside_call(None, None, by(APP, REQUIRED))

    def test_is_fine_in_an_open_call_about_that_member(self) -> None:
        refuse_outside_call(CALL, talking(), by(CALLING, REQUIRED), member())
        refuse_outside_call(CALL, talking(member_id=ANA), by(CALLING, REQUIRED), member())

    @pytest.mark.parametrize(
        ("call", "actor", "code"),
        [
            (talking(), OPERATOR, "call_not_the_senders"),
            (None, CALLING, "unknown_call"),
            (talking(operator_id="otto"), CALLING, "call_of_another_operator"),
            (talking(state=CallState.CLOSED), CALLING, "call_not_open"),
            (talking(ends_at=NOON), CALLING, "call_not_open"),
            (talking(member_id=BEN), CALLING, "call_of_another_member"),
        ],
    )
    def test_is_refused_in_a_call_that_is_not_theirs_open_and_about_the_member(
        self, call: Call | None, actor: Actor, code: str
    ) -> None:
        with refused(code):
            refuse_outside_call(CALL, call, by(actor), member())

    def test_takes_a_call_about_somebody_whom_the_member_absorbed_meanwhile(self) -> None:
        refuse_outside_call(CALL, talking(member_id=BEN), by(CALLING), member(absorbed=(BEN,)))

    def test_of_two_members_one_is_who_calls(self) -> None:
        for caller in (ANA, BEN):
            refuse_outside_call(CALL, talking(member_id=caller), by(CALLING), member(), member(BEN))
        with refused("call_of_another_member"):
            refuse_outside_call(CALL, talking(member_id="cid"), by(CALLING), member(), member(BEN))

    def test_who_was_identified_before_they_were_absorbed_is_asked_again(self) -> None:
        earlier = talking(member_id=BEN, identified_by=IdentificationMethod.PASSWORD)
        with refused("caller_not_identified"):
            refuse_unidentified(earlier, member(absorbed=(BEN,)))


CARE = sorted(name for name, command in COMMANDS.items() if issubclass(command, CareCommand))


@pytest.mark.parametrize("name", CARE)
class TestEveryCareCommand:
    """Whatever is added: the worker looks at the call itself, before it looks at anything else."""

    def answer(self, name: str, actor: Actor, call: Call | None = None, call_id: str | None = None) -> str:
        command = example(COMMANDS[name]).model_copy(update={"member_id": ANA, "call_id": call_id})
        view = View()
        for member_id in (ANA, getattr(command, "absorbed_id", ANA)):
            view.loaded((Member, member_id), member(member_id))
        if call is not None:
            view.loaded((Call, CALL), call)
        while True:
            try:
                decide_as_the_runtime_does(worker.handlers[name], command, by(actor, REQUIRED), view)
            except NotLoaded as missing:
                for slot in missing.slots:
                    view.loaded(slot, None)
            except Refused as refusal:
                return refusal.code
            else:
                return "done"

    def test_by_an_operator_is_refused_without_a_call_where_one_is_required(self, name: str) -> None:
        if ActorKind.OPERATOR in attrgetter(str(COMMANDS[name].right))(by().programme):
            assert self.answer(name, OPERATOR) == "call_missing"

    def test_by_an_operator_is_refused_in_a_call_that_is_not_theirs_open_and_about_the_member(self, name: str) -> None:
        if ActorKind.OPERATOR not in attrgetter(str(COMMANDS[name].right))(by().programme):
            return
        for call, code in (
            (None, "unknown_call"),
            (talking(operator_id="otto"), "call_of_another_operator"),
            (talking(state=CallState.CLOSED), "call_not_open"),
            (talking(member_id=BEN), "call_of_another_member"),
        ):
            assert self.answer(name, CALLING, call, CALL) == code
        assert self.answer(name, OPERATOR, talking(), CALL) == "call_not_the_senders"


class TestRegisterMember:
    def test_by_call_is_done_in_a_call_where_the_programme_wants_that(self) -> None:
        said = decide(
            register_member,
            joining(Channel.CALL, card_number=None, call_id=CALL),
            call=talking(),
            context=by(CALLING, REQUIRED),
        )
        assert isinstance(said.events[0], MemberRegistered)
        with refused("call_missing"):
            decide(register_member, joining(Channel.CALL, card_number=None), context=by(rules=REQUIRED))

    def test_from_a_paper_form_needs_none(self) -> None:
        said = decide(register_member, joining(Channel.PAPER_FORM, card_number=None), context=by(rules=REQUIRED))
        assert isinstance(said.events[0], MemberRegistered)
