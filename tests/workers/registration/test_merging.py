"""Two members become one: by the other one's code or the stronger right, once, for good, and not without limit."""

from datetime import timedelta
from typing import Any

import pytest

from contracts.codes import CodePurpose, CodeRejected, CodeRequested
from contracts.merging import ConfirmMerge, MembersMerged, MergeMembers, ProposeMerge
from contracts.messages import Actor, ActorKind
from contracts.programme.registration import MergeRules
from runtime.decisions import Context, NotLoaded, Refused
from runtime.decisions import decide as run
from runtime.documents import Document, Erase, View
from runtime.vault import with_seals
from tests.decisions import NOON, TILL, VAULT, Told, decide, refused
from tests.workers.registration.people import ANA, BEN, OPERATOR, OTHER_PHONE, PHONE, at, member
from workers.registration import worker
from workers.registration.challenge_documents import Challenge, CodeSends, sends_id
from workers.registration.documents import Member, MemberState
from workers.registration.merge_documents import Merge, Side
from workers.registration.merging import confirm_merge, merge_members, propose_merge

CID, DAN = "cid", "dan"
APP = Actor(kind=ActorKind.APP, id="shop-app")


def ben(**changes: Any) -> Member:
    """The one who stays."""
    return member(BEN, phone=OTHER_PHONE, email=None, **changes)


def by_operator(minutes: float = 0, **rules: Any) -> Context[Any]:
    merging = MergeRules(**rules) if rules else MergeRules()
    return at(actor=OPERATOR, now=NOON + timedelta(minutes=minutes), merging=merging)


def merge(survivor: Member, absorbed: Member, *earlier: Member, context: Context[Any] | None = None) -> Told:
    command = MergeMembers(member_id=survivor.id, absorbed_id=absorbed.id)
    return decide(
        merge_members,
        command,
        context=context or by_operator(),
        survivor=survivor,
        absorbed=absorbed,
        earlier=earlier,
    )


class TestMergeMembers:
    def test_lets_one_record_lead_to_the_other_with_the_cards_of_both(self) -> None:
        said = merge(ben(card_numbers=("2",)), member(card_numbers=("1",)))

        stays, gone = said.all(Member)
        assert (stays.card_numbers, stays.absorbed, stays.merged_into) == (("2", "1"), (ANA,), None)
        assert (gone.state, gone.merged_into, gone.card_numbers) == (MemberState.MERGED, BEN, ())
        assert gone == member(state=MemberState.MERGED, merged_into=BEN), "what else the record says stays"
        assert said.events == [
            MembersMerged(
                member_id=BEN,
                absorbed_id=ANA,
                merge_id=said.document(Merge).id,
                is_confirmed=False,
                merged_at=NOON,
            )
        ]

    def test_keeps_the_state_before(self) -> None:
        said = merge(ben(card_numbers=("2",), absorbed=(CID,)), member(card_numbers=("1",)))

        kept = said.document(Merge)
        assert kept.survivor == Side(member_id=BEN, card_numbers=("2",), absorbed=(CID,))
        assert kept.absorbed == Side(member_id=ANA, card_numbers=("1",), absorbed=())
        assert (kept.actor, kept.merged_at, kept.is_confirmed) == (OPERATOR, NOON, False)

    def test_turns_round_those_whom_the_absorbed_one_had_absorbed(self) -> None:
        cid = member(CID, state=MemberState.MERGED, merged_into=ANA)
        said = merge(ben(), member(absorbed=(CID,)), cid)

        by_id = {each.id: each for each in said.all(Member)}
        assert (by_id[CID].merged_into, by_id[ANA].merged_into) == (BEN, BEN)
        assert (by_id[BEN].absorbed, by_id[ANA].absorbed) == ((ANA, CID), ())

    def test_is_the_stronger_right_s_alone(self) -> None:
        for actor in (TILL, APP):
            with refused("actor_not_allowed", actor=actor.kind.value):
                merge(ben(), member(), context=at(actor=actor))
        with refused("actor_not_allowed", actor="operator"):
            merge(ben(), member(), context=by_operator(mergers_without_consent=(ActorKind.SYSTEM,)))

    def test_is_refused_for_one_who_was_absorbed(self) -> None:
        with refused("member_already_merged", member_id=CID):
            merge(ben(), member(state=MemberState.MERGED, merged_into=CID))

    def test_is_refused_with_oneself(self) -> None:
        with refused("merge_with_oneself"):
            merge(ben(), ben())

    def test_is_refused_while_either_is_blocked(self) -> None:
        blocked = {"state": MemberState.BLOCKED}
        for survivor, absorbed in ((ben(**blocked), member()), (ben(), member(**blocked))):
            with refused("member_blocked"):
                merge(survivor, absorbed)

    def test_is_refused_beyond_the_limit_whoever_absorbed_them(self) -> None:
        context = by_operator(most_absorbed=3)
        assert merge(ben(absorbed=("x",)), member(absorbed=("y",)), context=context).events
        with refused("too_many_merges", most=3):
            merge(ben(absorbed=("x", "z")), member(absorbed=("y",)), context=context)
        with refused("too_many_merges", most=3):
            merge(ben(absorbed=("x", "y", "z")), member(), context=context)

    def test_can_not_be_undone(self) -> None:
        said = merge(ben(), member())
        stays, gone = said.all(Member)
        with refused("member_already_merged", member_id=BEN):
            merge(gone, gone)
        with refused("member_already_merged", member_id=BEN):
            merge(stays, gone)


class Desk:
    """The registration worker over documents in memory, which follows records as the machine does."""

    def __init__(self, *members: Member) -> None:
        self.view = View()
        self.take(*members)
        self.count = 0

    def take(self, *documents: Document) -> None:
        for each in documents:
            self.view.loaded((type(each), each.id), each)

    def say(self, command: Any) -> list[Any]:
        self.count += 1
        context = at(actor=OPERATOR, message_id=f"m-{self.count}")
        while True:
            try:
                decision = run(worker.handlers[type(command).__name__], command, context, self.view)
            except NotLoaded as missing:
                for slot in missing.slots:
                    self.view.loaded(slot, None)
                continue
            self.view.take(decision.documents, decision.erased)
            return decision.messages

    def merge(self, member_id: str, absorbed_id: str) -> str:
        try:
            self.say(MergeMembers(member_id=member_id, absorbed_id=absorbed_id))
        except Refused as refusal:
            return refusal.code
        return "done"

    def leads_to(self, member_id: str) -> str | None:
        record = self.view.at((Member, member_id))
        assert isinstance(record, Member)
        return record.merged_into


class TestTwoMergesAtOnce:
    def test_that_would_close_a_circle_are_one_merge(self) -> None:
        desk = Desk(member(), ben())

        assert (desk.merge(BEN, ANA), desk.merge(ANA, BEN)) == ("done", "merge_with_oneself")
        assert (desk.leads_to(ANA), desk.leads_to(BEN)) == (BEN, None)

    @pytest.mark.parametrize("order", [(0, 1), (1, 0)])
    def test_of_a_chain_end_at_one_survivor(self, order: tuple[int, int]) -> None:
        desk = Desk(member(), ben(), member(CID, phone="+4915112345670"))
        merges = ((BEN, ANA), (CID, BEN))
        assert [desk.merge(*merges[place]) for place in order] == ["done", "done"]

        assert (desk.leads_to(ANA), desk.leads_to(BEN), desk.leads_to(CID)) == (CID, CID, None)

    def test_of_the_same_two_are_one(self) -> None:
        desk = Desk(member(), ben())
        assert (desk.merge(BEN, ANA), desk.merge(BEN, ANA)) == ("done", "member_already_merged")

    def test_need_two_members(self) -> None:
        assert Desk(ben()).merge(BEN, ANA) == "unknown_member"
        assert Desk(member()).merge(BEN, ANA) == "unknown_member"


def propose(sends: CodeSends | None = None, **changes: Any) -> Told:
    return decide(
        propose_merge,
        ProposeMerge(member_id=BEN, absorbed_id=ANA),
        context=changes.pop("context", None) or by_operator(),
        survivor=changes.get("survivor", ben()),
        absorbed=changes.get("absorbed", member()),
        sends=sends,
    )


def confirm(challenge: Challenge | None, code: str, minutes: float = 0, survivor: Member | None = None) -> Told:
    command = ConfirmMerge(
        member_id=BEN if survivor is None else survivor.id, absorbed_id=ANA, challenge_id="c-1", code=code
    )
    return decide(
        confirm_merge,
        with_seals(command, "m-1", VAULT),
        context=by_operator(minutes),
        survivor=survivor or ben(),
        absorbed=member(),
        earlier=(),
        challenge=challenge,
    )


def code_of(challenge: Challenge) -> str:
    return VAULT.code(CodePurpose.MERGE_MEMBERS.value, challenge.code_id, PHONE)


class TestProposeMerge:
    def test_sends_the_other_member_a_code(self) -> None:
        said = propose()

        (requested,) = said.events
        assert isinstance(requested, CodeRequested)
        assert (requested.subject_id, requested.phone, requested.purpose) == (ANA, PHONE, CodePurpose.MERGE_MEMBERS)
        assert said.all(Member) == [member()], "nothing has happened yet"
        assert said.document(CodeSends).id == sends_id(CodePurpose.MERGE_MEMBERS, PHONE)

    def test_is_refused_as_the_merge_would_be(self) -> None:
        with refused("merge_with_oneself"):
            propose(survivor=member())
        with refused("member_already_merged", member_id=CID):
            propose(absorbed=member(merged_into=CID))
        with refused("actor_not_allowed", actor="pos"):
            propose(context=at(actor=TILL))

    def test_is_refused_for_an_account_that_slept_whose_number_may_be_somebody_else_s(self) -> None:
        with refused("account_slept", days=365):
            propose(absorbed=member(registered_at=NOON - timedelta(days=365)))

    def test_is_refused_beyond_three_codes_an_hour(self) -> None:
        sent = CodeSends(
            id=sends_id(CodePurpose.MERGE_MEMBERS, PHONE),
            sent_at=(NOON, NOON, NOON),
            code_id="x",
            ends_at=NOON + timedelta(hours=1),
        )
        with refused("too_many_codes", most=3, again_at="2026-11-22T13:00:00+00:00"):
            propose(sent)


class TestConfirmMerge:
    def test_makes_one_of_two_by_the_code(self) -> None:
        challenge = propose().document(Challenge)
        said = confirm(challenge, code_of(challenge))

        assert said.erased == [Erase(Challenge, challenge.id)]
        (merged,) = said.events
        assert isinstance(merged, MembersMerged)
        assert (merged.member_id, merged.absorbed_id, merged.is_confirmed) == (BEN, ANA, True)
        assert said.document(Merge).is_confirmed

    def test_counts_a_wrong_code_and_merges_nobody(self) -> None:
        challenge = propose().document(Challenge)
        said = confirm(challenge, f"{(int(code_of(challenge)) + 1) % 1_000_000:06d}")

        rejected = CodeRejected(
            challenge_id=challenge.id, purpose=CodePurpose.MERGE_MEMBERS, tries_left=4, subject_id=ANA
        )
        assert said.events == [rejected]
        assert said.all(Member) == []

    def test_is_refused_after_ten_minutes_or_without_a_code(self) -> None:
        challenge = propose().document(Challenge)
        with refused("code_expired"):
            confirm(challenge, code_of(challenge), minutes=10)
        with refused("code_expired"):
            confirm(None, "123456")

    def test_is_refused_for_a_merge_into_somebody_else(self) -> None:
        challenge = propose().document(Challenge)
        with refused("code_expired"):
            confirm(challenge, code_of(challenge), survivor=member(DAN, phone="+4915112345670"))

    def test_of_a_code_to_the_survivor_s_phone_is_wrong(self) -> None:
        challenge = propose().document(Challenge)
        said = confirm(challenge, VAULT.code(CodePurpose.MERGE_MEMBERS.value, challenge.code_id, OTHER_PHONE))
        assert [type(each) for each in said.events] == [CodeRejected]
