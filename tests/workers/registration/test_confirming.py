"""How somebody who is a member already shows that their phone is theirs, where the programme offers it."""

from datetime import timedelta
from typing import Any

from contracts.codes import CodeRejected, CodeRequested
from contracts.programme.registration import Verification
from contracts.registration import Channel
from contracts.verification import ConfirmPhone, PhoneConfirmed, SendPhoneCode
from runtime.documents import Erase
from tests.decisions import NOON, Told, decide, refused
from tests.workers.registration.people import ANA, BEN, PHONE, member
from tests.workers.registration.test_verification import code_of, now_at, requiring, typed, wrong
from workers.registration.challenge_documents import Challenge
from workers.registration.documents import Member
from workers.registration.verification import confirm_phone, send_phone_code


def offered(minutes: float = 0, message_id: str = "m-1") -> Any:
    return now_at(Channel.CALL, minutes, message_id=message_id, **requiring(Verification.OFFERED))


class TestSendPhoneCode:
    def test_has_a_code_sent_to_a_member_s_phone(self) -> None:
        said = decide(send_phone_code, SendPhoneCode(member_id=ANA), member=member(), context=offered())

        requested = said.events[0]
        assert isinstance(requested, CodeRequested)
        assert (requested.phone, requested.subject_id) == (PHONE, ANA)
        assert requested.challenge_id == said.document(Challenge).id != ANA

    def test_is_refused_where_nothing_is_to_be_verified(self) -> None:
        verified = member(phone_verified_at=NOON)
        with refused("phone_already_verified"):
            decide(send_phone_code, SendPhoneCode(member_id=ANA), member=verified, context=offered())
        nowhere = now_at(Channel.CALL, **requiring(Verification.NONE))
        with refused("verification_not_offered"):
            decide(send_phone_code, SendPhoneCode(member_id=ANA), member=member(), context=nowhere)


class TestConfirmPhone:
    def test_verifies_the_phone(self) -> None:
        sent = decide(send_phone_code, SendPhoneCode(member_id=ANA), member=member(), context=offered())
        said = self.confirmed(sent, code_of(sent))

        assert said.document(Member).phone_verified_at == NOON + timedelta(minutes=1)
        assert said.events == [PhoneConfirmed(member_id=ANA, verified_at=NOON + timedelta(minutes=1))]
        assert said.erased == [Erase(Challenge, sent.document(Challenge).id)]

    def test_counts_a_wrong_code(self) -> None:
        sent = decide(send_phone_code, SendPhoneCode(member_id=ANA), member=member(), context=offered())
        said = self.confirmed(sent, wrong(sent))

        (rejected,) = said.events
        assert isinstance(rejected, CodeRejected)
        assert rejected.subject_id == ANA
        assert said.all(Member) == []

    def test_takes_no_code_for_another_member_or_another_phone(self) -> None:
        sent = decide(send_phone_code, SendPhoneCode(member_id=ANA), member=member(), context=offered())

        with refused("code_expired"):
            self.confirmed(sent, code_of(sent), member(BEN))
        changed = self.confirmed(sent, code_of(sent), member(phone="+4915112345679"))
        assert [type(each) for each in changed.events] == [CodeRejected]

    def confirmed(self, sent: Told, code: str, whose: Member | None = None) -> Told:
        whose = whose or member()
        challenge = sent.document(Challenge)
        command = typed(ConfirmPhone(member_id=whose.id, challenge_id=challenge.id, code=code))
        return decide(confirm_phone, command, member=whose, challenge=challenge, context=offered(1))
