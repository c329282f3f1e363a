"""Who is written to when two members became one: the survivor, whatever order the news come in."""

from typing import Any

from contracts.merging import MembersMerged
from contracts.notifications import MessageStatus, ResendMessage
from tests.decisions import NOON, decide, refused
from tests.workers.notifications.programmes import ANA, at, message
from tests.workers.notifications.test_queueing import BLOCKED, registered
from workers.notifications.delivery import resend_message
from workers.notifications.documents import Contact, Message, Notice
from workers.notifications.merging import write_to_survivor
from workers.notifications.queueing import MOST_WAITING, tell_of_blocked_card, welcome_member

BEN = Contact(id="ben", phone="+4915112345679", first_name="Ben", language="en")
MERGED = MembersMerged(member_id="ben", absorbed_id="ana", merge_id="m", is_confirmed=True, merged_at=NOON)
LOST = Notice(event="CardBlocked", cause="c-1", subject="…0002", noticed_at=NOON)


def hear(**known: Any) -> Any:
    return decide(write_to_survivor, MERGED, context=at(), **{"earlier": (), **known})


class TestMembersMerged:
    def test_lets_the_one_stand_for_the_other_and_forgets_how_to_reach_the_absorbed_one(self) -> None:
        said = hear(left=ANA, held=BEN)

        assert said.all(Contact) == [BEN.evolve(absorbed=("ana",)), Contact(id="ana", merged_into="ben")]
        assert said.events == []

    def test_turns_round_whom_the_absorbed_one_had_absorbed(self) -> None:
        said = hear(left=ANA.evolve(absorbed=("cid",)), held=BEN, earlier=(Contact(id="cid", merged_into="ana"),))
        assert {each.id: each.merged_into for each in said.all(Contact)} == {"ben": None, "ana": "ben", "cid": "ben"}

    def test_tells_the_survivor_what_the_absorbed_one_waited_to_hear(self) -> None:
        said = hear(left=Contact(id="ana", notices=(LOST,), is_awaited=True), held=BEN)

        assert said.document(Message).recipient == BEN.phone

    def test_is_noted_for_members_who_are_not_heard_of_yet(self) -> None:
        said = hear(left=Contact(id="ana", notices=(LOST,)))
        assert [(each.id, each.notices, each.is_known) for each in said.all(Contact)][-1] == ("ben", (LOST,), False)

    def test_changes_nothing_of_one_who_was_absorbed(self) -> None:
        assert hear(left=Contact(id="ana", merged_into="cid"), held=BEN).documents == []


class TestALateRegistration:
    def test_of_an_absorbed_member_is_not_welcomed(self) -> None:
        said = decide(welcome_member, registered(), context=at(), known=Contact(id="ana", merged_into="ben"))
        assert (said.documents, said.events) == ([], [])

    def test_of_a_survivor_is_welcomed_and_told_what_came_before(self) -> None:
        known = Contact(id="ana", absorbed=("cid",), notices=(LOST,))
        said = decide(welcome_member, registered(), context=at(), known=known)

        assert said.document(Contact) == ANA.evolve(absorbed=("cid",))
        assert [each.template for each in said.all(Message)] == ["welcome", "card_blocked"]


class TestLateNews:
    def test_are_kept_with_a_survivor_who_is_not_heard_of_yet(self) -> None:
        said = decide(tell_of_blocked_card, BLOCKED, context=at(), contact=Contact(id="ben", absorbed=("ana",)))
        assert [each.event for each in said.document(Contact).notices] == ["CardBlocked"]

    def test_are_no_more_than_so_many(self) -> None:
        full = Contact(id="ben", notices=(LOST,) * MOST_WAITING)
        said = decide(tell_of_blocked_card, BLOCKED, context=at(), contact=full)
        assert len(said.document(Contact).notices) == MOST_WAITING


class TestResendMessage:
    def test_goes_to_the_survivor(self) -> None:
        old = message(status=MessageStatus.SENT, due_at=None)
        said = decide(resend_message, ResendMessage(message_id=old.id), context=at(), message=old, contact=BEN)
        again = said.document(Message)
        assert (again.member_id, again.recipient) == ("ben", BEN.phone)

    def test_is_refused_while_nobody_knows_how_to_reach_them(self) -> None:
        old = message(status=MessageStatus.SENT, due_at=None)
        with refused("unknown_contact"):
            decide(
                resend_message,
                ResendMessage(message_id=old.id),
                context=at(),
                message=old,
                contact=Contact(id="ben"),
            )
