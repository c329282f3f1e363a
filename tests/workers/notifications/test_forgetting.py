"""How notifications forgets a member who was removed, and why no late news brings them back."""

from datetime import timedelta
from typing import Any

import pytest

from contracts.codes import CodePurpose, CodeRequested
from contracts.merging import MembersMerged
from contracts.notifications import EraseTexts
from contracts.removal import MemberRemoved
from runtime.documents import Erase
from runtime.persons import DEAD_LETTERS, PersonKey
from tests.decisions import NOON, decide
from tests.workers.notifications.programmes import ANA, at
from tests.workers.notifications.test_queueing import BLOCKED, registered
from workers.notifications.codes import text_code
from workers.notifications.documents import Contact, Erasure, Message
from workers.notifications.forgetting import ONCE_MORE, erase_texts, forget_member
from workers.notifications.merging import write_to_survivor
from workers.notifications.queueing import tell_of_blocked_card, welcome_member

AGAIN = EraseTexts(member_id="ana")
REMOVED = MemberRemoved(
    member_id="ana", absorbed_ids=("ben",), former_ids=("r-1",), reason="on_request", removed_at=NOON
)
GONE = Contact(id="ana", is_removed=True)


def forget(**known: Any) -> Any:
    return decide(forget_member, REMOVED, context=at(), **{"absorbed": (), **known})


class TestMemberRemoved:
    def test_leaves_nothing_of_how_they_are_reached_but_that_they_are_gone(self) -> None:
        for said in (forget(contact=ANA), forget()):
            assert said.all(Contact) == [GONE, Contact(id="ben", merged_into="ana")]

    def test_erases_all_texts_to_them_and_whom_they_absorbed_and_does_so_once_more_later(self) -> None:
        said = forget(contact=ANA)
        texts = {Erase(Message, each, field="member_id") for each in ("ana", "ben", "r-1")}
        assert texts | {Erase(PersonKey, DEAD_LETTERS)} == set(said.erased)

        later = said.document(Erasure)
        assert later.due_at == NOON + ONCE_MORE
        due = decide(erase_texts, AGAIN, erasure=later, context=at(now=NOON + ONCE_MORE))
        assert set(due.erased) == texts | {Erase(Erasure, "ana")}

    @pytest.mark.parametrize("erasure", [None, Erasure(id="ana", texts_of=("ana",), due_at=NOON + ONCE_MORE)])
    def test_erases_nothing_before_its_time(self, erasure: Erasure | None) -> None:
        assert decide(erase_texts, AGAIN, erasure=erasure, context=at()).erased == []

    def test_forgets_an_absorbed_member_of_whose_merge_nobody_heard(self) -> None:
        ben = Contact(id="ben", phone="+4915112345679", first_name="Ben")
        said = forget(contact=ANA, absorbed=(ben,))
        assert Contact(id="ben", merged_into="ana") in said.all(Contact)


class TestLateNews:
    def test_of_a_member_who_is_gone_are_told_to_nobody(self) -> None:
        for handler, event, known in (
            (welcome_member, registered(), "known"),
            (tell_of_blocked_card, BLOCKED, "contact"),
            (text_code, code(), "contact"),
        ):
            said = decide(handler, event, context=at(), **{known: GONE})
            assert (said.documents, said.events) == ([], [])

    def test_of_a_merge_into_one_who_is_gone_leave_nothing_of_the_other(self) -> None:
        merged = MembersMerged(member_id="ana", absorbed_id="ben", merge_id="m", is_confirmed=True, merged_at=NOON)
        ben = Contact(id="ben", phone="+4915112345679", first_name="Ben")
        said = decide(write_to_survivor, merged, left=ben, held=GONE, earlier=(), context=at())

        assert [each.phone for each in said.all(Contact)] == ["", ""]
        assert said.erased == [Erase(Message, "ben", field="member_id")]


def code() -> CodeRequested:
    return CodeRequested(
        challenge_id="ch-1",
        purpose=CodePurpose.VERIFY_PHONE,
        code_id="c-1",
        subject_id="ana",
        phone="+4915112345678",
        language="en",
        expires_at=NOON + timedelta(minutes=5),
    )
