"""Who is calling: shown by password, by details or by a code; tries that fail are counted for the member."""

from datetime import date, timedelta
from typing import Any

import pytest

from contracts.codes import CodePurpose, CodeRejected, CodeRequested
from contracts.identification import (
    CallerIdentified,
    IdentificationFailed,
    IdentificationMethod,
    IdentifyByCode,
    IdentifyByDetails,
    IdentifyByPassword,
    SendIdentificationCode,
)
from contracts.messages import ActorKind
from contracts.passwords import PURPOSE
from contracts.programme.identification import Detail, IdentificationRules
from runtime.decisions import Context
from runtime.documents import Erase
from runtime.vault import with_seals
from tests.decisions import NOON, VAULT, Told, decide, refused
from tests.workers.registration.people import ANA, BEN, NUMBER, OPERATOR, PHONE, at, member
from tests.workers.registration.test_calls import CALL, talking
from workers.registration.call_documents import Call
from workers.registration.challenge_documents import Challenge
from workers.registration.documents import Member
from workers.registration.identification import (
    identify_by_code,
    identify_by_details,
    identify_by_password,
    send_identification_code,
)
from workers.registration.password_documents import Failures, Password

RULES = IdentificationRules(details=tuple(Detail), must_match=3, most_failures=3, failure_minutes=60)
PROOF = "5e" * 32
TALKING = talking(ends_at=NOON + timedelta(hours=1))
PASSWORD = Password(id=ANA, salt="5a" * 16, hash=VAULT.hashed(PURPOSE, f"{ANA}\n{PROOF}"))
KNOWN = member(last_name="Müller-Lüdenscheidt", born_on=date(1990, 5, 1), card_numbers=(NUMBER,))
THRICE = Failures(id=ANA, failed_at=(NOON - timedelta(minutes=90), *[NOON - timedelta(minutes=15)] * 3))
SAID: dict[str, Any] = {"call_id": CALL, "operator_id": "olga", "member_id": ANA}


def by(**more: Any) -> Context[Any]:
    return at(actor=OPERATOR, identification=RULES, **more)


def with_password(proof: str = PROOF, **documents: Any) -> Told:
    command = with_seals(IdentifyByPassword(**SAID, proof=proof), "m-1", VAULT)
    known: dict[str, Any] = {"call": TALKING, "member": KNOWN, "password": PASSWORD, "context": by(), **documents}
    return decide(identify_by_password, command, **known)


def with_details(documents: dict[str, Any] | None = None, **details: Any) -> Told:
    known: dict[str, Any] = {"call": TALKING, "member": KNOWN, "context": by(), **(documents or {})}
    return decide(identify_by_details, IdentifyByDetails(**SAID, **details), **known)


class TestIdentifyByPassword:
    def test_belongs_to_the_call(self) -> None:
        said = with_password()

        call = said.document(Call)
        assert (call.member_id, call.identified_by, call.identified_at) == (ANA, IdentificationMethod.PASSWORD, NOON)
        assert call.has_identified(ANA)
        assert not call.has_identified(BEN)
        assert said.events == [CallerIdentified(**SAID, method=IdentificationMethod.PASSWORD)]
        assert said.document(Member) == KNOWN.evolve(proved_at=NOON)

    def test_that_fails_leaves_a_trace_and_identifies_nobody(self) -> None:
        said = with_password("0" * 64)

        assert said.document(Call).identified_by is None
        assert said.document(Call).failed_tries == 1
        assert said.document(Failures).failed_at == (NOON,)
        assert said.document(Member) == KNOWN, "written, so that their removal in that moment is a conflict"
        assert said.events == [IdentificationFailed(**SAID, method=IdentificationMethod.PASSWORD)]

    def test_is_rate_limited_for_the_member_whatever_the_call(self) -> None:
        with refused("identified_too_often_in_vain", again_at="2026-11-22T12:45:00+00:00"):
            with_password(failures=THRICE)
        later = with_password(failures=THRICE, context=by(now=NOON + timedelta(minutes=45)))
        assert later.erased == [Erase(Failures, ANA)]

    def test_counts_tries_by_any_method_together(self) -> None:
        with refused("identified_too_often_in_vain", again_at="2026-11-22T12:45:00+00:00"):
            with_details({"failures": THRICE}, first_name="Ana", phone=PHONE, card_number=NUMBER)

    def test_is_refused_where_there_is_no_password(self) -> None:
        with refused("password_missing"):
            with_password(password=Password(id=ANA))

    def test_is_refused_about_another_member_than_the_calls(self) -> None:
        with refused("call_of_another_member"):
            with_password(call=talking(member_id=BEN))

    def test_is_refused_in_a_call_that_is_over_or_anothers(self) -> None:
        with refused("call_not_open"):
            with_password(call=talking(ends_at=NOON))
        with refused("call_of_another_operator"):
            with_password(call=talking(operator_id="otto"))


class TestIdentifyByDetails:
    @pytest.mark.parametrize(
        "details",
        [
            {"first_name": "ANA", "last_name": "muller-ludenscheidt", "born_on": date(1990, 5, 1)},
            {"phone": "+49 1511 2345678", "email": "ANA@example.ORG", "card_number": NUMBER},
            {"first_name": " Ana ", "phone": PHONE, "card_number": NUMBER, "email": "wrong@example.org"},
        ],
    )
    def test_takes_as_many_right_ones_as_the_programme_wants(self, details: dict[str, Any]) -> None:
        assert with_details(**details).events == [CallerIdentified(**SAID, method=IdentificationMethod.DETAILS)]

    def test_fails_without_saying_what_was_wrong(self) -> None:
        wrong_name = with_details(first_name="Eve", phone=PHONE, card_number=NUMBER)
        wrong_card = with_details(first_name="Ana", phone=PHONE, card_number="4000000000000002")
        assert wrong_name.events == wrong_card.events
        assert wrong_name.events == [IdentificationFailed(**SAID, method=IdentificationMethod.DETAILS)]
        assert wrong_name.documents == wrong_card.documents

    def test_takes_no_detail_that_the_member_has_not_given(self) -> None:
        unknown = member(first_name=None, email=None)
        said = with_details({"member": unknown}, first_name="Ana", email="ana@example.org", phone=PHONE)
        assert isinstance(said.events[0], IdentificationFailed)

    def test_leaves_the_tries_that_failed_as_they_are_because_others_may_know_details_too(self) -> None:
        once = Failures(id=ANA, failed_at=(NOON,))
        said = with_details({"failures": once}, first_name="Ana", phone=PHONE, card_number=NUMBER)
        assert (said.erased, said.all(Failures)) == ([], [])

    def test_is_refused_with_too_few(self) -> None:
        named = ", ".join(Detail)
        with refused("details_too_few", needed=3, details=named):
            with_details(first_name="Ana", phone=PHONE)

    def test_needs_a_right_of_its_own(self) -> None:
        closed = RULES.model_copy(update={"detail_askers": (ActorKind.SYSTEM,)})
        with refused("actor_not_allowed", actor="operator"):
            with_details({"context": at(actor=OPERATOR, identification=closed)}, first_name="Ana", phone=PHONE)


class TestSendIdentificationCode:
    def test_sends_one_to_the_phone_that_is_known(self) -> None:
        said = decide(
            send_identification_code, SendIdentificationCode(**SAID), call=TALKING, member=KNOWN, context=by()
        )

        requested = said.events[0]
        assert isinstance(requested, CodeRequested)
        assert (requested.purpose, requested.phone, requested.subject_id) == (
            CodePurpose.IDENTIFY_CALLER,
            PHONE,
            ANA,
        )
        assert said.document(Call).challenge_id == requested.challenge_id == said.document(Challenge).id


class TestIdentifyByCode:
    def tried(self, code: str | None = None, **documents: Any) -> Told:
        sent = decide(
            send_identification_code, SendIdentificationCode(**SAID), call=TALKING, member=KNOWN, context=by()
        )
        challenge, call = sent.document(Challenge), sent.document(Call)
        right = VAULT.code(CodePurpose.IDENTIFY_CALLER, challenge.code_id, PHONE)
        wrong = f"{(int(right) + 1) % 1_000_000:06d}"
        command = with_seals(IdentifyByCode(**SAID, code=right if code is None else wrong), "m-1", VAULT)
        known = {"call": call, "member": KNOWN, "challenge": challenge, "context": by(), **documents}
        return decide(identify_by_code, command, **known)

    def test_identifies_by_the_one_that_was_sent_and_uses_it_up(self) -> None:
        said = self.tried()
        assert said.events == [CallerIdentified(**SAID, method=IdentificationMethod.CODE)]
        assert said.erased == [Erase(Challenge, str(said.document(Call).challenge_id))]

    def test_that_is_wrong_counts_for_the_code_and_for_the_member(self) -> None:
        said = self.tried("wrong")
        rejected, failed = said.events
        assert isinstance(rejected, CodeRejected)
        assert isinstance(failed, IdentificationFailed)
        assert said.document(Challenge).tries == 1
        assert said.document(Failures).failed_at == (NOON,)

    def test_is_refused_where_none_was_sent_or_its_time_is_over(self) -> None:
        with refused("code_expired"):
            self.tried(challenge=None)
        with refused("code_expired"):
            self.tried(context=by(now=NOON + timedelta(minutes=10)))

    def test_alone_does_not_open_an_account_that_slept_for_longer_than_the_programmes_limit(self) -> None:
        asleep = by(sleep_days=30, now=NOON + timedelta(days=31))
        late = talking(ends_at=NOON + timedelta(days=32))
        with refused("account_slept", days=30):
            command = SendIdentificationCode(**SAID)
            decide(send_identification_code, command, call=late, member=KNOWN, context=asleep)
        with refused("account_slept", days=30):
            self.tried(call=late, context=asleep)
