"""Another phone or email: for an identified caller, with a code to the new phone, told to both; spending waits."""

from datetime import timedelta
from typing import Any

import pytest

from contracts.calls import CallState
from contracts.codes import CodePurpose, CodeRejected, CodeRequested
from contracts.identification import IdentificationMethod
from contracts.messages import Actor, ActorKind
from contracts.profiles import (
    ChangeEmail,
    ChangePhone,
    ConfirmPhoneChange,
    DropPhoneChange,
    EmailChanged,
    PhoneChanged,
)
from contracts.programme.profiles import ProfileRules
from runtime.documents import Erase
from runtime.vault import with_seals
from tests.decisions import NOON, VAULT, Told, decide, refused
from tests.workers.registration.people import ANA, APP, BEN, NUMBER, OPERATOR, OTHER_PHONE, PHONE, at, member
from tests.workers.registration.test_calls import CALL, CALLING, talking
from workers.registration.call_documents import Call
from workers.registration.challenge_documents import Challenge, CodeSends, sends_id
from workers.registration.contact_changes import change_email, change_phone, confirm_phone_change, drop_phone_change
from workers.registration.documents import EmailClaim, Member, PhoneChange, PhoneClaim

RULES = ProfileRules(cooling_off_hours=72)
COOLED_OFF = NOON + timedelta(hours=72)
KNOWN = member(card_numbers=(NUMBER,))
SYSTEM = Actor(kind=ActorKind.SYSTEM, id="office")


def proven(by: IdentificationMethod = IdentificationMethod.DETAILS, **changes: Any) -> Call:
    return talking(**{"member_id": ANA, "identified_by": by, "ends_at": NOON + timedelta(hours=1), **changes})


def by(actor: Actor = CALLING, **more: Any) -> Any:
    return at(actor=actor, profiles=RULES, **more)


def asked(phone: str = OTHER_PHONE, **documents: Any) -> Told:
    command = ChangePhone(member_id=ANA, call_id=CALL, phone=phone)
    return decide(change_phone, command, **{"member": KNOWN, "call": proven(), "context": by(), **documents})


def confirmed(is_right: bool = True, **documents: Any) -> Told:
    sent = asked()
    change, challenge = sent.document(PhoneChange), sent.document(Challenge)
    code = VAULT.code(CodePurpose.CHANGE_CONTACT, challenge.code_id, OTHER_PHONE)
    typed = code if is_right else f"{(int(code) + 1) % 1_000_000:06d}"
    command = with_seals(ConfirmPhoneChange(member_id=ANA, call_id=CALL, code=typed), "m-1", VAULT)
    known = {"member": KNOWN, "absorbed": (), "call": proven(), "change": change, "challenge": challenge}
    return decide(confirm_phone_change, command, **{**known, "context": by(), **documents})


def emailed(email: str = "ana@example.com", **documents: Any) -> Told:
    command = ChangeEmail(member_id=ANA, call_id=CALL, email=email)
    known = {"member": KNOWN, "absorbed": (), "call": proven(), "context": by()}
    return decide(change_email, command, **{**known, **documents})


NOT_PROVEN = [
    (talking(member_id=ANA), "caller_not_identified"),
    (proven(member_id=BEN), "call_of_another_member"),
    (proven(state=CallState.CLOSED), "call_not_open"),
    (proven(operator_id="otto"), "call_of_another_operator"),
]


class TestChangePhone:
    def test_sends_a_code_to_the_new_one_and_changes_nothing_yet(self) -> None:
        said = asked()

        requested = said.events[0]
        assert isinstance(requested, CodeRequested)
        assert (requested.purpose, requested.phone) == (CodePurpose.CHANGE_CONTACT, OTHER_PHONE)
        assert said.all(Member) == [KNOWN]
        change = said.document(PhoneChange)
        assert (change.id, change.phone, change.challenge_id) == (ANA, OTHER_PHONE, requested.challenge_id)

    @pytest.mark.parametrize(("call", "code"), NOT_PROVEN)
    def test_is_done_for_identified_callers_alone(self, call: Call, code: str) -> None:
        with refused(code):
            asked(call=call)

    def test_is_refused_to_operators_outside_of_calls_even_where_none_are_required(self) -> None:
        with refused("caller_not_identified"):
            command = ChangePhone(member_id=ANA, phone=OTHER_PHONE)
            decide(change_phone, command, member=KNOWN, context=by(OPERATOR))

    def test_is_refused_to_self_service(self) -> None:
        with refused("actor_not_allowed", actor="app"):
            asked(context=by(APP))

    def test_tells_the_operator_that_a_phone_is_in_use(self) -> None:
        with refused("phone_already_registered"):
            asked(claim=PhoneClaim(id=OTHER_PHONE, member_id=BEN))

    def test_is_refused_where_it_is_theirs_already(self) -> None:
        with refused("contact_unchanged"):
            asked(PHONE)

    def test_is_limited_like_all_codes(self) -> None:
        sent = (NOON - timedelta(minutes=1),) * 3
        sends = CodeSends(id="x", sent_at=sent, code_id="c", ends_at=NOON + timedelta(minutes=59))
        with refused("too_many_codes", most=3, again_at="2026-11-22T12:59:00+00:00"):
            asked(sends=sends)

    def test_again_counts_for_the_last_phone_only(self) -> None:
        first = asked().document(PhoneChange)
        second = asked("+4915112345680", change=first, context=by(now=NOON + timedelta(minutes=1)))
        assert second.document(PhoneChange).phone == "+4915112345680"


class TestConfirmPhoneChange:
    def test_moves_the_claim_with_the_phone_at_once(self) -> None:
        said = confirmed()

        assert said.document(Member).phone == OTHER_PHONE
        assert said.document(PhoneClaim) == PhoneClaim(id=OTHER_PHONE, member_id=ANA)
        erased = {(erase.document, erase.value) for erase in said.erased}
        assert (PhoneClaim, PHONE) in erased
        assert (PhoneChange, ANA) in erased
        assert said.events == [
            PhoneChanged(
                member_id=ANA,
                card_numbers=(NUMBER,),
                spends_at=COOLED_OFF,
                phone=OTHER_PHONE,
                earlier_phone=PHONE,
                first_name="Ana",
                language="en",
            )
        ]

    def test_lets_spending_go_on_where_the_old_address_agreed(self) -> None:
        said = confirmed(call=proven(IdentificationMethod.CODE))
        assert isinstance(said.events[0], PhoneChanged)
        assert said.events[0].spends_at is None

    def test_has_no_agreement_in_a_call_about_somebody_else(self) -> None:
        others = proven(IdentificationMethod.CODE, member_id=BEN)
        office = Actor(kind=ActorKind.SYSTEM, id="office", call_id=CALL)
        said = confirmed(call=others, context=by(office))
        assert isinstance(said.events[0], PhoneChanged)
        assert said.events[0].spends_at == COOLED_OFF

    def test_forgets_how_many_codes_went_to_the_phone_that_they_leave(self) -> None:
        assert {Erase(CodeSends, sends_id(purpose, PHONE)) for purpose in CodePurpose} <= set(confirmed().erased)

    def test_with_a_wrong_code_counts_and_changes_nothing(self) -> None:
        said = confirmed(is_right=False)
        assert [type(event) for event in said.events] == [CodeRejected]
        assert said.all(Member) == []
        assert said.document(Challenge).tries == 1

    def test_is_refused_where_the_phone_was_taken_meanwhile(self) -> None:
        with refused("phone_already_registered"):
            confirmed(claim=PhoneClaim(id=OTHER_PHONE, member_id=BEN))

    def test_takes_one_of_somebody_whom_they_absorbed(self) -> None:
        own = PhoneClaim(id=OTHER_PHONE, member_id="ana-as-she-was", version=3)
        merged = KNOWN.evolve(absorbed=("ana-as-she-was",))
        assert confirmed(member=merged, claim=own).document(PhoneClaim) == own.evolve(member_id=ANA)
        with refused("phone_already_registered"):
            confirmed(claim=own)

    def test_keeps_the_one_they_leave_where_an_absorbed_record_names_it(self) -> None:
        merged = KNOWN.evolve(absorbed=("as-she-was",))
        same, other = (member("as-she-was", phone=phone, merged_into=ANA) for phone in (PHONE, "+4915112345111"))
        assert Erase(PhoneClaim, PHONE) not in confirmed(member=merged, absorbed=(same,)).erased
        assert Erase(PhoneClaim, PHONE) in confirmed(member=merged, absorbed=(other,)).erased

    def test_is_refused_where_nothing_waits_or_its_time_is_over(self) -> None:
        with refused("code_expired"):
            confirmed(change=None, challenge=None)
        with refused("code_expired"):
            confirmed(context=by(now=NOON + timedelta(minutes=10)))

    @pytest.mark.parametrize(("call", "code"), NOT_PROVEN)
    def test_is_done_for_identified_callers_alone(self, call: Call, code: str) -> None:
        with refused(code):
            confirmed(call=call)


class TestChangeEmail:
    def test_moves_the_claim_with_the_email_and_spending_waits(self) -> None:
        said = emailed()

        assert said.document(Member).email == "ana@example.com"
        assert said.document(EmailClaim) == EmailClaim(id="ana@example.com", member_id=ANA)
        assert said.erased == [Erase(EmailClaim, "ana@example.org")]
        assert said.events == [
            EmailChanged(
                member_id=ANA,
                card_numbers=(NUMBER,),
                spends_at=COOLED_OFF,
                email="ana@example.com",
                earlier_email="Ana@Example.org",
                first_name="Ana",
                language="en",
            )
        ]

    def test_the_first_one_lets_spending_go_on(self) -> None:
        said = emailed(member=member(email=None))
        assert said.erased == []
        assert isinstance(said.events[0], EmailChanged)
        assert said.events[0].spends_at is None

    def test_keeps_the_one_they_leave_where_an_absorbed_record_names_it(self) -> None:
        merged = KNOWN.evolve(absorbed=("as-she-was",))
        same, other = (
            member("as-she-was", email=email, merged_into=ANA) for email in ("ANA@example.org", "x@example.org")
        )
        assert emailed(member=merged, absorbed=(same,)).erased == []
        assert emailed(member=merged, absorbed=(other,)).erased == [Erase(EmailClaim, "ana@example.org")]

    def test_in_another_spelling_keeps_the_claim(self) -> None:
        said = emailed("ANA@example.org", claim=EmailClaim(id="ana@example.org", member_id=ANA))
        assert said.document(Member).email == "ANA@example.org"
        assert (said.all(EmailClaim), said.erased) == ([], [])
        assert isinstance(said.events[0], EmailChanged)
        assert said.events[0].spends_at is None

    def test_tells_the_operator_that_an_email_is_in_use(self) -> None:
        with refused("email_already_registered"):
            emailed(claim=EmailClaim(id="ana@example.com", member_id=BEN))

    def test_is_refused_where_it_is_theirs_already(self) -> None:
        with refused("contact_unchanged"):
            emailed("Ana@Example.org")

    @pytest.mark.parametrize(("call", "code"), NOT_PROVEN)
    def test_is_done_for_identified_callers_alone(self, call: Call, code: str) -> None:
        with refused(code):
            emailed(call=call)

    def test_by_the_back_office_needs_no_call(self) -> None:
        command = ChangeEmail(member_id=ANA, email="ana@example.com")
        assert decide(change_email, command, member=KNOWN, absorbed=(), context=by(SYSTEM)).events


class TestDropPhoneChange:
    def test_forgets_a_phone_whose_code_nobody_said_in_time(self) -> None:
        change = asked().document(PhoneChange)
        dropping = DropPhoneChange(member_id=ANA)
        early = decide(drop_phone_change, dropping, change=change, context=by(SYSTEM))
        late = decide(drop_phone_change, dropping, change=change, context=by(SYSTEM, now=NOON + timedelta(minutes=10)))
        assert (early.erased, late.erased) == ([], [Erase(PhoneChange, ANA)])


class TestContactChangers:
    def test_are_those_who_may_be_told_that_an_address_is_in_use(self) -> None:
        with pytest.raises(ValueError, match="contact_changers must be operator or system"):
            ProfileRules(contact_changers=(ActorKind.OPERATOR, ActorKind.APP))
