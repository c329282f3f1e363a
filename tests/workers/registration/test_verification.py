"""How people show that a phone is theirs: before they are members where the channel requires it, or afterwards."""

from datetime import timedelta
from typing import Any

import pytest

from contracts.cards import CardState
from contracts.codes import CodePurpose, CodeRejected, CodeRequested
from contracts.messages import Command
from contracts.programme.registration import ChannelRules, Verification
from contracts.registration import Channel, EnrolMember, MemberRegistered, RegistrationReceived, RegistrationRepeated
from contracts.verification import (
    BeginVerification,
    EndRegistration,
    PhoneVerified,
    RegistrationLapsed,
    ResendPhoneCode,
    VerifyPhone,
)
from runtime.documents import Erase
from runtime.persons import PersonKey
from runtime.vault import with_seals
from tests.decisions import NOON, VAULT, Told, decide, refused
from tests.workers.registration.people import (
    ACTORS,
    BEN,
    ITSELF,
    PHONE,
    RULES,
    SELF_SERVICE,
    STAFFED,
    at,
    joining,
    known,
    member,
)
from workers.registration.challenge_documents import Challenge, CodeSends
from workers.registration.documents import EmailClaim, KnownCard, Member, PhoneClaim, Registration
from workers.registration.joining import enrol_member, register_member
from workers.registration.verification import (
    begin_verification,
    end_registration,
    resend_phone_code,
    verify_phone,
)

PHONE_IN_USE = PhoneClaim(id=PHONE, member_id=BEN)
EMAIL_IN_USE = EmailClaim(id="ana@example.org", member_id=BEN)


def requiring(how: Verification = Verification.REQUIRED) -> dict[str, Any]:
    """Rules under which every channel verifies phones so."""
    channels: dict[Channel, ChannelRules] = {
        channel: rules.model_copy(update={"verification": how}) for channel, rules in RULES.channels.items()
    }
    return {"channels": channels, "verifiers": tuple({actor.kind for actor in ACTORS.values()})}


def now_at(channel: Channel = Channel.MOBILE_APP, minutes: float = 0, **more: Any) -> Any:
    return at(channel, now=NOON + timedelta(minutes=minutes), **{**requiring(), **more})


def received(channel: Channel = Channel.MOBILE_APP, **claims: Any) -> Told:
    return decide(register_member, joining(channel), card=known(), context=now_at(channel), **claims)


def begun(channel: Channel = Channel.MOBILE_APP, **more: Any) -> Told:
    """A registration at a channel, and what follows from it at once."""
    registration = received(channel).document(Registration)
    asking = BeginVerification(registration_id=registration.id)
    said = decide(begin_verification, asking, registration=registration, context=now_at(channel, actor=ITSELF), **more)
    return Told([registration, *said.documents], said.events, said.commands, said.erased)


def typed(command: Command, message_id: str = "m-1") -> Any:
    """A command as a door lets it in."""
    return with_seals(command, message_id, VAULT)


def code_of(said: Told) -> str:
    challenge = said.document(Challenge)
    return VAULT.code(challenge.purpose.value, challenge.code_id, PHONE)


def wrong(said: Told) -> str:
    return f"{(int(code_of(said)) + 1) % 1_000_000:06d}"


def tried(said: Told, code: str, channel: Channel = Channel.MOBILE_APP, minutes: float = 1, **more: Any) -> Told:
    """What is answered to a code for a registration."""
    registration = said.document(Registration)
    more = {
        "registration": registration,
        "challenge": said.document(Challenge),
        "card": known(claimed_by=registration.id),
        **more,
    }
    command = typed(VerifyPhone(registration_id=registration.id, code=code))
    return decide(verify_phone, command, context=now_at(channel, minutes), **more)


class TestRegisterMember:
    @pytest.mark.parametrize("channel", ACTORS)
    def test_waits_for_the_code_where_the_channel_requires_one(self, channel: Channel) -> None:
        said = received(channel)

        registration = said.document(Registration)
        assert registration.ends_at == NOON + timedelta(hours=24)
        assert said.all(Member) == []
        assert [type(each) for each in said.events] == [RegistrationReceived]
        assert said.commands == [BeginVerification(registration_id=registration.id)]
        assert said.document(KnownCard).claimed_by == registration.id

    @pytest.mark.parametrize("channel", ACTORS)
    @pytest.mark.parametrize("how", [Verification.OFFERED, Verification.NONE])
    def test_waits_for_nothing_where_it_does_not(self, channel: Channel, how: Verification) -> None:
        context = at(channel, **requiring(how))
        said = decide(register_member, joining(channel), card=known(), context=context)

        if channel.is_self_service:
            assert said.commands == [EnrolMember(registration_id=said.document(Registration).id)]
            assert said.document(Registration).ends_at is None
        else:
            assert said.document(Member).phone_verified_at is None

    @pytest.mark.parametrize("channel", STAFFED)
    def test_gives_staff_the_hint_before_a_code_is_sent(self, channel: Channel) -> None:
        with refused("phone_already_registered"):
            received(channel, phone_claim=PHONE_IN_USE)
        with refused("email_already_registered"):
            received(channel, email_claim=EMAIL_IN_USE)

    @pytest.mark.parametrize("channel", SELF_SERVICE)
    def test_tells_a_stranger_nothing(self, channel: Channel) -> None:
        assert received(channel, phone_claim=PHONE_IN_USE, email_claim=EMAIL_IN_USE) == received(channel)


class TestBeginVerification:
    @pytest.mark.parametrize("channel", ACTORS)
    def test_has_a_code_sent_to_the_phone(self, channel: Channel) -> None:
        said = begun(channel)

        requested = said.events[0]
        assert isinstance(requested, CodeRequested)
        assert (requested.phone, requested.purpose) == (PHONE, CodePurpose.VERIFY_PHONE)
        assert requested.challenge_id == said.document(Registration).id
        assert said.document(Challenge).ends_at == said.document(Registration).ends_at

    def test_sends_a_member_a_notice_instead_of_a_code(self) -> None:
        said = begun(phone_claim=PHONE_IN_USE, phone_holder=member(BEN))

        assert [type(each) for each in said.events] == [RegistrationRepeated, CodeRequested]
        requested = said.events[1]
        assert isinstance(requested, CodeRequested)
        assert requested.phone is None
        assert said.document(Challenge) == begun().document(Challenge), "all else is as for a stranger"
        assert said.document(CodeSends) == begun().document(CodeSends)

    def test_waits_while_the_hour_is_used_up(self) -> None:
        used_up = begun().document(CodeSends).evolve(sent_at=(NOON, NOON, NOON))
        said = begun(sends=used_up)

        assert (said.events, said.all(Challenge)) == ([], [])


class TestResendPhoneCode:
    def test_sends_another_code(self) -> None:
        first = begun()
        again = self.resent(first)

        assert code_of(again) != code_of(first)
        assert [type(each) for each in again.events] == [CodeRequested]

    def test_says_the_same_of_a_member_s_phone_and_sends_nothing(self) -> None:
        first = begun()
        real, decoy = self.resent(first), self.resent(first, phone_claim=PHONE_IN_USE)

        shown = [each.model_dump(exclude=set(each.personal)) for each in decoy.events]
        assert shown == [each.model_dump(exclude=set(each.personal)) for each in real.events]
        assert decoy.documents == real.documents
        assert isinstance(decoy.events[0], CodeRequested)
        assert decoy.events[0].phone is None

    def test_is_refused_after_three_within_an_hour(self) -> None:
        first = begun()
        used_up = first.document(CodeSends).evolve(sent_at=(NOON, NOON, NOON))
        with refused("too_many_codes", most=3, again_at="2026-11-22T13:00:00+00:00"):
            self.resent(first, sends=used_up)

    def test_is_refused_when_the_code_came_back(self) -> None:
        first = begun()
        verified = first.document(Registration).evolve(ends_at=None)
        with refused("code_expired"):
            self.resent(first, registration=verified)

    def resent(self, first: Told, **more: Any) -> Told:
        registration = more.pop("registration", first.document(Registration))
        more.setdefault("sends", first.document(CodeSends))
        context = now_at(minutes=5, message_id="m-2")
        command = ResendPhoneCode(registration_id=registration.id)
        return decide(resend_phone_code, command, registration=registration, context=context, **more)


class TestVerifyPhone:
    @pytest.mark.parametrize("channel", STAFFED)
    def test_makes_the_member_where_staff_is_told_the_code(self, channel: Channel) -> None:
        said = begun(channel)
        ended = tried(said, code_of(said), channel)

        made = ended.document(Member)
        assert made.phone_verified_at == NOON + timedelta(minutes=1)
        assert [type(each) for each in ended.events] == [MemberRegistered]
        assert ended.document(KnownCard).claimed_by == made.id
        assert {(each.document, each.value) for each in ended.erased} == {
            (Challenge, said.document(Registration).id),
            (Registration, said.document(Registration).id),
        }

    @pytest.mark.parametrize("channel", SELF_SERVICE)
    def test_leads_to_enrolment_where_people_type_it(self, channel: Channel) -> None:
        said = begun(channel)
        registration = said.document(Registration)
        ended = tried(said, code_of(said), channel)

        assert ended.events == [PhoneVerified(registration_id=registration.id)]
        assert ended.commands == [EnrolMember(registration_id=registration.id)]
        waiting = ended.document(Registration)
        assert (waiting.phone_verified_at, waiting.ends_at) == (NOON + timedelta(minutes=1), None)
        enrolled = decide(enrol_member, ended.commands[0], registration=waiting, context=now_at(channel, 1))
        made = enrolled.document(Member)
        assert (made.phone_verified_at, made.registration_id) == (NOON + timedelta(minutes=1), registration.id)

    @pytest.mark.parametrize("channel", SELF_SERVICE)
    def test_says_the_same_whoever_is_a_member_already(self, channel: Channel) -> None:
        said = begun(channel)
        claims: dict[str, Any] = {"phone_claim": PHONE_IN_USE, "email_claim": EMAIL_IN_USE}

        assert tried(said, code_of(said), channel, **claims) == tried(said, code_of(said), channel)
        assert tried(said, wrong(said), channel, **claims) == tried(said, wrong(said), channel)

    @pytest.mark.parametrize("channel", ACTORS)
    def test_counts_a_wrong_code_and_goes_on_waiting(self, channel: Channel) -> None:
        said = begun(channel)
        ended = tried(said, wrong(said), channel)

        challenge = said.document(Challenge)
        rejected = CodeRejected(
            challenge_id=challenge.id,
            purpose=CodePurpose.VERIFY_PHONE,
            tries_left=4,
            subject_id=challenge.subject_id,
        )
        assert ended.events == [rejected]
        assert ended.document(Challenge) == challenge.evolve(tries=1)
        assert (ended.erased, ended.commands, ended.all(Member)) == ([], [], [])

    def test_is_refused_when_the_code_is_too_old_or_was_tried_too_often(self) -> None:
        said = begun()
        with refused("code_expired"):
            tried(said, code_of(said), minutes=10)
        with refused("too_many_tries", most=5):
            tried(said, code_of(said), challenge=said.document(Challenge).evolve(tries=5))
        with refused("code_expired"):
            tried(said, code_of(said), challenge=None)

    def test_is_refused_when_the_code_came_in_clear(self) -> None:
        said = begun()
        registration = said.document(Registration)
        with refused("not_sealed", field="code"):
            decide(
                verify_phone,
                VerifyPhone(registration_id=registration.id, code=code_of(said)),
                registration=registration,
                challenge=said.document(Challenge),
                context=now_at(),
            )

    @pytest.mark.parametrize("channel", STAFFED)
    def test_is_refused_when_somebody_else_was_quicker_with_the_phone_or_email(self, channel: Channel) -> None:
        said = begun(channel)
        with refused("phone_already_registered"):
            tried(said, code_of(said), channel, phone_claim=PHONE_IN_USE)
        with refused("email_already_registered"):
            tried(said, code_of(said), channel, email_claim=EMAIL_IN_USE)

    def test_is_for_those_whom_the_programme_names(self) -> None:
        said = begun()
        command = typed(VerifyPhone(registration_id=said.document(Registration).id, code=code_of(said)))
        with refused("actor_not_allowed", actor="app"):
            decide(
                verify_phone,
                command,
                registration=said.document(Registration),
                challenge=said.document(Challenge),
                context=now_at(verifiers=()),
            )


class TestEnrolMember:
    def test_is_refused_before_the_code_came_back(self) -> None:
        registration = begun().document(Registration)
        with refused("phone_not_verified"):
            decide(
                enrol_member, EnrolMember(registration_id=registration.id), registration=registration, context=now_at()
            )

    def test_tells_the_holder_of_the_email_and_lets_the_registration_go(self) -> None:
        said = begun()
        waiting = tried(said, code_of(said)).document(Registration)
        ended = decide(
            enrol_member,
            EnrolMember(registration_id=waiting.id),
            registration=waiting,
            email_claim=EMAIL_IN_USE,
            email_holder=member(BEN),
            context=now_at(),
        )
        assert [type(each) for each in ended.events] == [RegistrationLapsed, RegistrationRepeated]
        assert ended.all(PhoneClaim) == []


class TestEndRegistration:
    def test_forgets_a_registration_whose_code_never_came_and_frees_its_card(self) -> None:
        registration = begun().document(Registration)
        said = self.ended(registration, hours=24, card=known(claimed_by=registration.id))

        gone = (Registration, Challenge, PersonKey)
        assert said.erased == [Erase(each, registration.id) for each in gone]
        assert said.document(KnownCard) == known()
        assert said.events == [RegistrationLapsed(registration_id=registration.id)]

    def test_waits_for_its_time_and_for_nothing_that_is_decided(self) -> None:
        registration = begun().document(Registration)

        assert self.ended(registration, hours=23.9).erased == []
        assert self.ended(registration.evolve(ends_at=None), hours=24).erased == []
        assert self.ended(None, hours=24).erased == []

    def test_leaves_a_card_that_is_somebody_s(self) -> None:
        registration = begun().document(Registration)
        theirs = known(CardState.ACTIVE, member_id=BEN)
        assert self.ended(registration, hours=24, card=theirs).all(KnownCard) == []

    def ended(self, registration: Registration | None, hours: float, **more: Any) -> Told:
        command = EndRegistration(registration_id="r-1")
        context = now_at(minutes=60 * hours, actor=ITSELF)
        return decide(end_registration, command, registration=registration, context=context, **more)


def test_a_registration_is_found_when_its_time_is_over() -> None:
    assert any(index.fields == ("ends_at",) and index.sparse for index in Registration.indexes)
