"""How people become members."""

from datetime import timedelta
from typing import Any

import pytest

from contracts.cards import CardState
from contracts.messages import ActorKind
from contracts.registration import (
    Channel,
    EnrolMember,
    MemberRegistered,
    RegisterMember,
    RegistrationReceived,
    RegistrationRepeated,
)
from runtime.decisions import decide as run
from runtime.documents import Erase, View
from tests.decisions import NOON, Told, decide, refused
from tests.workers.registration.people import (
    ANA,
    BEN,
    CONSENTS,
    EMAIL,
    ITSELF,
    MORNING,
    NUMBER,
    OTHER_PHONE,
    PHONE,
    SELF_SERVICE,
    STAFFED,
    at,
    consent,
    joining,
    known,
    member,
)
from workers.registration import worker
from workers.registration.documents import (
    Answer,
    EmailClaim,
    GivenConsent,
    KnownCard,
    Member,
    PhoneClaim,
    Registration,
)
from workers.registration.joining import enrol_member, register_member

PHONE_IN_USE = PhoneClaim(id=PHONE, member_id=ANA)
EMAIL_IN_USE = EmailClaim(id="ana@example.org", member_id=BEN)


class TestRegisterMember:
    @pytest.mark.parametrize("channel", STAFFED)
    def test_makes_a_member_where_staff_does_it(self, channel: Channel) -> None:
        said = decide(register_member, joining(channel), card=known(), context=at(channel))

        made = said.document(Member)
        assert said.commands == []
        assert said.events == [
            MemberRegistered(
                member_id=made.id,
                channel=channel,
                phone=PHONE,
                email=EMAIL,
                first_name="Ana",
                language="en",
                card_number=NUMBER,
                home_store=None,
                registered_at=NOON,
            )
        ]
        assert (made.phone, made.email, made.channel, made.registered_at) == (PHONE, EMAIL, channel, NOON)
        assert made.card_numbers == (), "it is linked when the cards worker says so"

    def test_makes_phone_email_and_card_theirs(self) -> None:
        said = decide(register_member, joining(), card=known(), context=at())

        made = said.document(Member)
        assert said.document(PhoneClaim) == PhoneClaim(id=PHONE, member_id=made.id)
        assert said.document(EmailClaim) == EmailClaim(id="ana@example.org", member_id=made.id)
        assert said.document(KnownCard) == known(claimed_by=made.id)

    def test_takes_people_without_email_and_card(self) -> None:
        said = decide(register_member, joining(Channel.CALL, email=None, card_number=None), context=at(Channel.CALL))

        assert [type(each) for each in said.documents] == [Member, PhoneClaim]

    def test_records_consents_with_time_channel_and_text_version(self) -> None:
        said = decide(register_member, joining(), card=known(), context=at())

        assert said.document(Member).consents[0] == GivenConsent(
            kind="personal_data",
            text_version="2026-09",
            channel=Channel.POINT_OF_SALE,
            given_at=MORNING,
            recorded_at=NOON,
        )

    def test_keeps_answers_with_who_gave_them(self) -> None:
        said = decide(register_member, joining(answers={"milk": ("oat",)}), card=known(), context=at())

        assert said.document(Member).answers == (
            Answer(question="milk", value=("oat",), answered_at=NOON, answered_by=ActorKind.POS),
        )

    def test_takes_the_programme_s_first_language_without_another(self) -> None:
        assert decide(register_member, joining(), card=known(), context=at()).document(Member).language == "en"
        german = decide(register_member, joining(language="de"), card=known(), context=at())
        assert german.document(Member).language == "de"

    def test_is_refused_when_the_phone_is_in_use(self) -> None:
        with refused("phone_already_registered"):
            decide(register_member, joining(), phone_claim=PHONE_IN_USE, card=known(), context=at())

    def test_is_refused_when_the_email_is_in_use(self) -> None:
        with refused("email_already_registered"):
            decide(register_member, joining(), email_claim=EMAIL_IN_USE, card=known(), context=at())

    def test_is_refused_when_nobody_knows_the_card(self) -> None:
        with refused("unknown_card"):
            decide(register_member, joining(), context=at())

    @pytest.mark.parametrize("card", [known(CardState.ACTIVE, member_id=BEN), known(claimed_by=BEN)])
    def test_is_refused_when_the_card_is_somebody_s(self, card: KnownCard) -> None:
        with refused("card_already_linked"):
            decide(register_member, joining(), card=card, context=at())

    @pytest.mark.parametrize("state", [each for each in CardState if each is not CardState.TO_ISSUE])
    def test_is_refused_when_the_card_is_not_to_issue(self, state: CardState) -> None:
        with refused("card_not_to_issue", state=state.value):
            decide(register_member, joining(), card=known(state), context=at())


class TestRegisterMemberAtSelfService:
    @pytest.mark.parametrize("channel", SELF_SERVICE)
    def test_is_received_and_enrolled_next(self, channel: Channel) -> None:
        said = decide(register_member, joining(channel), card=known(), context=at(channel))

        kept = said.document(Registration)
        assert said.events == [RegistrationReceived(registration_id=kept.id, channel=channel, card_number=NUMBER)]
        assert said.commands == [EnrolMember(registration_id=kept.id)]
        assert (kept.phone, kept.email, kept.card_number) == (PHONE, EMAIL, NUMBER)

    def test_sets_the_card_aside(self) -> None:
        said = decide(register_member, joining(Channel.WALLET), card=known(), context=at(Channel.WALLET))

        assert said.document(KnownCard).claimed_by == said.document(Registration).id
        with refused("card_already_linked"):
            decide(
                register_member,
                joining(Channel.WALLET),
                card=said.document(KnownCard),
                context=at(Channel.WALLET),
            )

    def test_says_nothing_personal(self) -> None:
        assert RegistrationReceived.personal == frozenset()

    @pytest.mark.parametrize("channel", SELF_SERVICE)
    def test_says_the_same_whoever_is_a_member_already(self, channel: Channel) -> None:
        def said(**claims: object) -> Told:
            return decide(register_member, joining(channel), card=known(), context=at(channel), **claims)

        stranger = said()
        assert said(phone_claim=PHONE_IN_USE) == stranger
        assert said(email_claim=EMAIL_IN_USE) == stranger
        assert said(phone_claim=PHONE_IN_USE, email_claim=EMAIL_IN_USE) == stranger


def received(**changes: object) -> Registration:
    """Ana's registration in the app, waiting."""
    command = joining(Channel.MOBILE_APP, **changes)
    card = known() if command.card_number else None
    said = decide(register_member, command, card=card, context=at(Channel.MOBILE_APP, now=MORNING))
    return said.document(Registration)


def enrolled(registration: Registration, **documents: object) -> Told:
    """What comes of a registration that was received."""
    command = EnrolMember(registration_id=registration.id)
    documents.setdefault("card", known(claimed_by=registration.id) if registration.card_number else None)
    return decide(enrol_member, command, registration=registration, context=at(Channel.MOBILE_APP), **documents)


class TestEnrolMember:
    def test_makes_a_member_of_the_registration(self) -> None:
        registration = received(answers={"drink": "tea"}, language="de", home_store="S1")
        said = enrolled(registration)

        made = said.document(Member)
        assert said.events == [
            MemberRegistered(
                member_id=made.id,
                channel=Channel.MOBILE_APP,
                phone=PHONE,
                email=EMAIL,
                first_name="Ana",
                language="de",
                card_number=NUMBER,
                home_store="S1",
                registered_at=NOON,
            )
        ]
        assert (made.consents, made.answers) == (registration.consents, registration.answers)
        assert said.document(PhoneClaim).member_id == made.id
        assert said.document(EmailClaim).member_id == made.id
        assert said.document(KnownCard).claimed_by == made.id

    def test_forgets_the_registration_either_way(self) -> None:
        registration = received()
        gone = [Erase(Registration, registration.id)]

        assert enrolled(registration).erased == gone
        assert enrolled(registration, phone_claim=PHONE_IN_USE, phone_holder=member()).erased == gone

    def test_tells_the_member_whose_phone_it_is(self) -> None:
        ana = member(email="ana@old.example", first_name="Anna", language="de")
        said = enrolled(received(), phone_claim=PHONE_IN_USE, phone_holder=ana)

        assert said.all(PhoneClaim) == []
        assert said.document(Member) == ana.evolve(repeat_told_at=NOON)
        assert said.events == [
            RegistrationRepeated(
                member_id=ANA,
                channel=Channel.MOBILE_APP,
                phone=PHONE,
                email="ana@old.example",
                first_name="Anna",
                language="de",
            )
        ]

    def test_tells_the_member_whose_email_it_is(self) -> None:
        ben = member(BEN, phone=OTHER_PHONE)
        said = enrolled(received(), email_claim=EMAIL_IN_USE, email_holder=ben)

        assert [(type(each), each.aggregate_id) for each in said.events] == [(RegistrationRepeated, BEN)]

    def test_tells_both_when_phone_and_email_are_two_members(self) -> None:
        said = enrolled(
            received(),
            phone_claim=PHONE_IN_USE,
            phone_holder=member(),
            email_claim=EMAIL_IN_USE,
            email_holder=member(BEN, phone=OTHER_PHONE),
        )

        assert [each.aggregate_id for each in said.events] == [ANA, BEN]

    def test_tells_once_when_both_are_one_member(self) -> None:
        claim = EmailClaim(id="ana@example.org", member_id=ANA)
        said = enrolled(
            received(), phone_claim=PHONE_IN_USE, phone_holder=member(), email_claim=claim, email_holder=member()
        )

        assert [each.aggregate_id for each in said.events] == [ANA]

    def test_doesn_t_pester_a_member(self) -> None:
        of_late = member(repeat_told_at=NOON - timedelta(hours=23, minutes=59))
        said = enrolled(received(), phone_claim=PHONE_IN_USE, phone_holder=of_late)
        assert (said.events, said.all(Member)) == ([], [])

        long_ago = member(repeat_told_at=NOON - timedelta(hours=24))
        assert len(enrolled(received(), phone_claim=PHONE_IN_USE, phone_holder=long_ago).events) == 1

    def test_keeps_the_card_aside_for_the_member_who_exists(self) -> None:
        said = enrolled(received(), phone_claim=PHONE_IN_USE, phone_holder=member())

        assert said.document(KnownCard) == known(claimed_by=ANA)

    def test_needs_no_card(self) -> None:
        said = enrolled(received(card_number=None))
        assert said.all(KnownCard) == []

        said = enrolled(received(card_number=None), phone_claim=PHONE_IN_USE, phone_holder=member())
        assert said.all(KnownCard) == []

    def test_is_refused_for_a_registration_that_nobody_made(self) -> None:
        view = View()
        view.loaded((Registration, "r-1"), None)
        with refused("unknown_registration"):
            run(worker.handlers["EnrolMember"], EnrolMember(registration_id="r-1"), at(actor=ITSELF), view)


def refusing(command: RegisterMember, channel: Channel = Channel.POINT_OF_SALE, **rules: Any) -> None:
    decide(register_member, command, card=known(), context=at(channel, **rules))


class TestConsents:
    @pytest.mark.parametrize("missing", ["personal_data", "offer"])
    def test_that_are_required_must_be_given(self, missing: str) -> None:
        given = tuple(each for each in CONSENTS if each.kind != missing)
        with refused("consent_missing", consent=missing):
            refusing(joining(consents=given))

    def test_that_are_not_required_may_be_given(self) -> None:
        refusing(joining(consents=(*CONSENTS, consent("mailings"))))

    def test_are_those_of_the_programme(self) -> None:
        with refused("consent_unknown", consent="soul"):
            refusing(joining(consents=(*CONSENTS, consent("soul"))))

    def test_are_given_once(self) -> None:
        with refused("consent_repeated", consent="offer"):
            refusing(joining(consents=(*CONSENTS, consent("offer"))))

    def test_are_given_to_a_text_that_counts(self) -> None:
        with refused("consent_version_unknown", consent="offer", text_version="2019-05"):
            refusing(joining(consents=(CONSENTS[0], consent("offer", "2019-05"))))

    def test_are_not_given_tomorrow(self) -> None:
        refusing(joining(consents=(CONSENTS[0], consent("offer", given_at=NOON + timedelta(minutes=5)))))
        with refused("consent_in_future", consent="offer"):
            refusing(joining(consents=(CONSENTS[0], consent("offer", given_at=NOON + timedelta(minutes=6)))))
