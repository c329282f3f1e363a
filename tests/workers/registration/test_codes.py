"""Codes: six digits, ten minutes, five tries, three sends an hour; none is kept, the comparison takes constant time."""

import inspect
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from contracts.codes import CodePurpose, CodeRejected, CodeRequested, EndChallenge, ForgetSends
from runtime.documents import Document, Erase
from tests.decisions import NOON, VAULT, Told, decide, refused
from tests.workers.registration.people import ANA, BEN, ITSELF, PHONE, at, member
from workers.registration import worker
from workers.registration.challenge_documents import Challenge, CodeSends, sends_id
from workers.registration.codes import asked, counting, end_challenge, forget_sends, is_right, refuse_sleeper, rejected
from workers.registration.documents import Applicant

PURPOSE = CodePurpose.VERIFY_PHONE
LONG_AGO, LATE = datetime(2020, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)


def ask(sends: CodeSends | None = None, minutes: float = 0, person: Applicant | None = None, **more: Any) -> Told:
    """What comes of asking for a code so many minutes after noon."""
    now = NOON + timedelta(minutes=minutes)
    changes: list[Any] = []
    for each in asked(PURPOSE, "c-1", person or member(), sends, at(now=now, message_id=f"m-{minutes}"), **more):
        changes += each if isinstance(each, tuple) else (each,)
    documents = [each for each in changes if isinstance(each, Document)]
    return Told(documents, [each for each in changes if each not in documents], [], [])


def code_of(said: Told) -> str:
    """The code that who reads Ana's texts gets."""
    challenge = said.document(Challenge)
    return VAULT.code(challenge.purpose.value, challenge.code_id, PHONE)


def wrong(said: Told) -> str:
    """A code that isn't it."""
    return f"{(int(code_of(said)) + 1) % 1_000_000:06d}"


def is_taken(said: Told, tried: str, minutes: float = 0) -> bool:
    return tries(said.document(Challenge), tried, minutes)


def tries(challenge: Challenge | None, tried: str, minutes: float = 0) -> bool:
    context = at(now=NOON + timedelta(minutes=minutes))
    return is_right(tried, counting(challenge, PURPOSE, ANA, context), PHONE, context)


class TestCode:
    def test_is_sent_to_the_address_and_stands_nowhere(self) -> None:
        said = ask()

        requested = said.events[0]
        assert isinstance(requested, CodeRequested)
        assert (requested.phone, requested.first_name, requested.language) == (PHONE, "Ana", "en")
        kept = msgspec.json.encode(said.documents) + requested.encoded()
        assert code_of(said).encode() not in kept

    def test_is_right_or_wrong(self) -> None:
        said = ask()

        assert is_taken(said, code_of(said))
        assert not is_taken(said, wrong(said))
        assert not is_taken(said, "")

    def test_counts_for_ten_minutes(self) -> None:
        said = ask()

        assert is_taken(said, code_of(said), minutes=9.99)
        with refused("code_expired"):
            is_taken(said, code_of(said), minutes=10)
        with refused("code_expired"):
            tries(None, "123456")

    def test_may_be_tried_five_times(self) -> None:
        said = ask()
        challenge = said.document(Challenge)
        for left in (4, 3, 2, 1, 0):
            assert not tries(challenge, wrong(said))
            changed, event = rejected(challenge, "m-1")
            assert isinstance(changed, Challenge)
            assert event == CodeRejected(challenge_id="c-1", purpose=PURPOSE, tries_left=left, subject_id="m-1")
            challenge = changed

        with refused("too_many_tries", most=5):
            tries(challenge, code_of(said))

    def test_proves_one_purpose_of_one_member_and_one_address(self) -> None:
        said = ask()
        challenge = said.document(Challenge)

        with refused("code_expired"):
            counting(challenge, CodePurpose.MERGE_MEMBERS, ANA, at())
        with refused("code_expired"):
            counting(challenge, PURPOSE, BEN, at())
        assert not is_right(code_of(said), challenge.evolve(purpose=CodePurpose.MERGE_MEMBERS), PHONE, at())
        assert not is_right(code_of(said), challenge, "+4915112345679", at())

    def test_that_was_asked_for_again_is_another_and_the_one_before_counts_no_more(self) -> None:
        first = ask()
        again = ask(first.document(CodeSends), minutes=1)

        assert code_of(again) != code_of(first)
        assert not is_taken(again, code_of(first), minutes=1)
        assert again.document(Challenge).tries == 0

    def test_is_compared_in_constant_time(self) -> None:
        assert "hmac.compare_digest(" in inspect.getsource(is_right)
        assert " == " not in inspect.getsource(is_right)


class TestSleeper:
    """An SMS code alone doesn't open an account that slept for longer than the programme's limit."""

    @pytest.mark.parametrize(
        "changes",
        [{"registered_at": LATE}, {"phone_verified_at": LATE}, {"proved_at": LATE}],
    )
    def test_is_one_whose_member_showed_themselves_too_long_ago(self, changes: dict[str, Any]) -> None:
        ana = member(**{"registered_at": LONG_AGO, **changes})
        refuse_sleeper(ana, at(now=LATE + timedelta(days=30, seconds=-1), sleep_days=30))
        with refused("account_slept", days=30):
            refuse_sleeper(ana, at(now=LATE + timedelta(days=30), sleep_days=30))


class TestSends:
    def test_are_three_an_hour(self) -> None:
        first = ask()
        second = ask(first.document(CodeSends), minutes=10)
        third = ask(second.document(CodeSends), minutes=20)

        with refused("too_many_codes", most=3, again_at="2026-11-22T13:00:00+00:00"):
            ask(third.document(CodeSends), minutes=59.9)
        fourth = ask(third.document(CodeSends), minutes=60)
        assert len(fourth.document(CodeSends).sent_at) == 3, "those of an hour ago are forgotten"
        with refused("too_many_codes", most=3, again_at="2026-11-22T13:10:00+00:00"):
            ask(fourth.document(CodeSends), minutes=61)

    def test_are_counted_for_each_purpose_and_address(self) -> None:
        assert ask().document(CodeSends).id == sends_id(PURPOSE, PHONE)
        assert ask(phone="+4915112345679").document(CodeSends).id == sends_id(PURPOSE, "+4915112345679")
        assert sends_id(CodePurpose.MERGE_MEMBERS, PHONE) != sends_id(PURPOSE, PHONE)

    def test_that_only_the_asker_believes_are_answered_and_counted_alike(self) -> None:
        real, decoy = ask(), ask(is_sent=False)

        assert decoy.documents == real.documents
        assert isinstance(decoy.events[0], CodeRequested)
        assert decoy.events[0].phone is None
        assert {"phone", "first_name"} <= CodeRequested.personal, "so the answer doesn't show the difference"
        assert decoy.events[0] == real.events[0].model_copy(update={"phone": None, "first_name": None})


class TestEndChallenge:
    def test_forgets_it_when_its_time_is_over(self) -> None:
        challenge = ask().document(Challenge)
        asking = EndChallenge(challenge_id="c-1")

        early = decide(end_challenge, asking, challenge=challenge, context=at(actor=ITSELF))
        assert early.erased == []
        later = at(actor=ITSELF, now=NOON + timedelta(minutes=10))
        assert decide(end_challenge, asking, challenge=challenge, context=later).erased == [Erase(Challenge, "c-1")]
        assert decide(end_challenge, asking, context=later).erased == [], "it was ended before"

    def test_waits_for_who_keeps_it_longer(self) -> None:
        assert ask(ends_at=NOON + timedelta(days=1)).document(Challenge).ends_at == NOON + timedelta(days=1)


class TestForgetSends:
    def test_forgets_them_when_they_limit_nothing_any_more(self) -> None:
        sends = ask().document(CodeSends)
        asking = ForgetSends(code_id=sends.code_id, sends_id=sends.id)

        assert decide(forget_sends, asking, sends=sends, context=at(actor=ITSELF)).erased == []
        later = at(actor=ITSELF, now=NOON + timedelta(hours=1))
        assert decide(forget_sends, asking, sends=sends, context=later).erased == [Erase(CodeSends, sends.id)]
        assert decide(forget_sends, asking, context=later).erased == []


class TestDocuments:
    @pytest.mark.parametrize("document", [Challenge, CodeSends])
    def test_that_come_due_are_found(self, document: type[Document]) -> None:
        timers = {due.document: due.field for due in worker.timers}
        assert timers[document] == "ends_at"
        assert any(index.fields == ("ends_at",) for index in document.indexes)
