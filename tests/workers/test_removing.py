"""Whatever order workers hear of it in, of a member who was removed nothing is left that somebody said of them."""

from itertools import product
from typing import Any, Final

from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.adjustments import AdjustBalance
from contracts.cards import CardState, DeleteCard, IssueCard, IssueVirtualCard, LinkCard, RestoreCard
from contracts.corrections import UndoTierAssignment
from contracts.merging import MergeMembers
from contracts.messages import Actor, ActorKind, Command
from contracts.operators import TieOperator
from contracts.pastimes import AnswerSurvey
from contracts.registration import Channel, RegisterMember
from contracts.removal import MemberRemoved, RemoveMember
from contracts.rewards import RedeemReward
from contracts.subscriptions import StopMailings
from contracts.tiers import AssignTier
from runtime.mongo import to_raw
from tests.decisions import NOON, TILL
from tests.workers.test_merging import CONSENTS, NUMBERS, bought
from tests.workers.town import WORKERS, Town
from workers.cards.documents import Card, LinkedCards
from workers.cards.documents import Operator as CardsOperator
from workers.notifications.documents import Contact
from workers.notifications.documents import Message as Text
from workers.registration.documents import EmailClaim, KnownCard, Member, PhoneClaim
from workers.registration.operator_documents import Operator
from workers.registration.removal_documents import RemovedMember
from workers.rewards.adjustment_documents import AdjustmentComment, OperatorsOf
from workers.rewards.adjustment_documents import Operator as RewardsOperator
from workers.rewards.documents import Account, LedgerEntry
from workers.rewards.documents import Card as RewardsCard

OLGA: Final = Actor(kind=ActorKind.OPERATOR, id="olga")
RARE: Final = ("4915177700", "zqxmail", "Zqxfirst", "Zqxlast", "Zqxcomment", "Zqxnote", "Zqxremark")
"""What only the people here have said, or was said of them."""


def join(town: Town, place: int, number: str | None) -> str:
    """Let somebody join by a call, with everything that can be said. Their id."""
    before = set(town.all("registration", Member))
    command = RegisterMember(
        channel=Channel.CALL,
        phone=f"+4915177700{place:03d}",
        email=f"zqxmail{place}@example.org",
        first_name=f"Zqxfirst{place}",
        last_name=f"Zqxlast{place}",
        born_on=NOON.date().replace(year=1971),
        card_number=number,
        consents=CONSENTS,
    )
    assert town.ask(command) == "done"
    (member_id,) = set(town.all("registration", Member)) - before
    return member_id


def lived(*, merged: bool) -> tuple[Town, str, str]:
    """A town where two people collected, were written about, and perhaps became one; all news came in."""
    town = Town()
    for number in NUMBERS:
        assert town.ask(IssueCard(card_number=number)) == "done"
    town.settle()
    ana, ben = join(town, 1, NUMBERS[0]), join(town, 2, NUMBERS[1])
    town.settle()
    for number in NUMBERS[:2]:
        assert town.ask(bought(town, number, 30), TILL) == "done"
        assert town.ask(RedeemReward(card_number=number, reward="coffee"), TILL) == "done"
        comment = {"unit": "stamps", "amount": 3, "reason": "goodwill", "comment": "Zqxcomment"}
        assert town.ask(AdjustBalance(card_number=number, operator_id="olga", **comment), OLGA) == "done"
        tier = {"system": "status", "tier": "gold", "holds_until": NOON.date(), "note": "Zqxnote"}
        assert town.ask(AssignTier(card_number=number, **tier), OLGA) == "done"
    assert town.ask(IssueVirtualCard(member_id=ana), OLGA) == "done"
    town.settle()
    if merged:
        assert town.ask(MergeMembers(member_id=ana, absorbed_id=ben), OLGA) == "done"
        town.settle()
    return town, ana, ben


def written_of(number: str) -> tuple[Command, ...]:
    """All that lets somebody write about a card's holder, or say something of them."""
    adjusted = {"unit": "stamps", "amount": 3, "reason": "goodwill", "comment": "Zqxcomment"}
    tier = {"system": "status", "tier": "gold", "holds_until": NOON.date(), "note": "Zqxnote"}
    return (
        AdjustBalance(card_number=number, operator_id="olga", **adjusted),
        AssignTier(card_number=number, **tier),
        UndoTierAssignment(card_number=number, operator_id="olga", system="status", note="Zqxnote"),
        AnswerSurvey(card_number=number, survey="how_was_it", answers={"stars": 4, "remark": "Zqxremark"}),
    )


def left(town: Town) -> list[tuple[str, str, str]]:
    """Where something rare still stands: worker, class, and what."""
    return [
        (name, type(document).__name__, rare)
        for name in WORKERS
        for _, _, document in town.views[name].written()
        for rare in RARE
        if rare in str(to_raw(document))
    ]


def remove(town: Town, member_id: str, **changes: Any) -> str:
    return town.ask(RemoveMember(**{"member_id": member_id, "reason": "on_request", **changes}), OLGA)


def tied(town: Town, member_id: str) -> None:
    """Have it said of an operator which member they are."""
    assert town.ask(TieOperator(operator_id="omar", member_id=member_id), OLGA) == "done"


def ties(town: Town) -> dict[str, str | None]:
    """Which member the operator is, by worker."""
    classes: dict[str, type[Any]] = {"registration": Operator, "cards": CardsOperator, "rewards": RewardsOperator}
    return {name: town.all(name, each)["omar"].member_id for name, each in classes.items()}


class TestARemovedMember:
    def test_leaves_nothing_that_was_said_of_them_and_a_ledger_that_adds_up(self) -> None:
        town, ana, ben = lived(merged=True)
        assert {rare for _, _, rare in left(town)} == {*RARE} - {"Zqxremark"}
        entries, balances = town.all("rewards", LedgerEntry), held(town)

        assert remove(town, ana) == "done"
        town.settle()

        assert left(town) == []
        assert town.all("rewards", LedgerEntry) == entries
        assert held(town) == balances
        assert not town.all("notifications", Text)
        assert not town.all("rewards", AdjustmentComment)
        assert {each.state for each in town.all("cards", Card).values() if each.id in NUMBERS[:2]} == {
            CardState.DELETED
        }
        (removed,) = town.events(MemberRemoved)
        assert (removed.absorbed_ids, removed.reason) == ((ben,), "on_request")
        held_by = [each.member_id for each in town.all("cards", Card).values()]
        held_by += [each.member_id for each in town.all("registration", KnownCard).values()]
        held_by += [each.member_id for each in town.all("rewards", RewardsCard).values()]
        assert set(held_by) == {None}

    def test_leaves_others_alone(self) -> None:
        town, ana, ben = lived(merged=False)
        remove(town, ana)
        town.settle()

        assert set(town.all("registration", Member)) == {ben}
        assert town.all("notifications", Contact)[ben].is_known
        assert {each.member_id for each in town.all("notifications", Text).values()} == {ben}
        assert [each.text for each in town.all("rewards", AdjustmentComment).values()] == ["Zqxcomment"]
        assert town.ask(bought(town, NUMBERS[1], 1), TILL) == "done"

    def test_joins_again_as_a_stranger_and_without_the_old_card(self) -> None:
        town, ana, _ = lived(merged=False)
        remove(town, ana)
        town.settle()
        assert NUMBERS[0] in town.all("registration", KnownCard)

        again = join(town, 1, None)
        town.settle()
        assert again != ana
        assert town.ask(LinkCard(card_number=NUMBERS[0], member_id=again), OLGA) == "card_not_to_issue"
        assert town.ask(LinkCard(card_number=NUMBERS[2], member_id=again), OLGA) == "done"
        assert {each.member_id for each in town.all("registration", PhoneClaim).values()} >= {again}
        assert {each.member_id for each in town.all("registration", EmailClaim).values()} >= {again}

    def test_is_not_brought_back_by_anything_that_comes_late(self) -> None:
        town, ana, ben = lived(merged=True)
        remove(town, ana)
        town.settle()

        for gone in (ana, ben):
            assert remove(town, gone) == ("member_already_removed" if gone == ana else "unknown_member")
            assert town.ask(IssueVirtualCard(member_id=gone), OLGA) == "unknown_member"
            assert town.ask(LinkCard(card_number=NUMBERS[3], member_id=gone), OLGA) == "unknown_member"
            assert town.ask(StopMailings(member_id=gone), OLGA) == "unknown_contact"
            assert town.ask(MergeMembers(member_id=gone, absorbed_id=gone), OLGA) == "unknown_member"
        assert town.ask(RestoreCard(card_number=NUMBERS[0]), OLGA) == "card_not_linked"
        assert town.ask(DeleteCard(card_number=NUMBERS[0]), OLGA) == "card_not_in_use"
        assert town.ask(bought(town, NUMBERS[0]), TILL) == "card_deleted"
        assert town.ask(RedeemReward(card_number=NUMBERS[0], reward="coffee"), TILL) == "card_deleted"
        for number in NUMBERS[:2]:
            assert {town.ask(each, OLGA) for each in written_of(number)} == {"card_deleted"}
        town.settle()
        assert left(town) == []
        assert town.all("cards", LinkedCards)[ana].is_removed
        assert set(town.all("registration", RemovedMember)) == {ana}

    def test_is_no_operator_any_more_in_whatever_order_that_is_heard(self) -> None:
        for is_merged, turned in product((False, True), repeat=2):
            town, ana, ben = lived(merged=False)
            tied(town, ben)
            if is_merged:
                assert town.ask(MergeMembers(member_id=ana, absorbed_id=ben), OLGA) == "done"
            assert remove(town, ana if is_merged else ben) == "done"
            while town.underway:
                town.deliver(-1 if turned else 0)

            assert ties(town) == dict.fromkeys(ties(town))
            assert not [each for each in town.all("rewards", OperatorsOf).values() if each.operator_ids]

    def test_leaves_an_operator_who_can_be_tied_to_another_at_once(self) -> None:
        for turned in (False, True):
            town, ana, ben = lived(merged=False)
            tied(town, ben)
            town.settle()
            assert remove(town, ben) == "done"
            tied(town, ana)
            while town.underway:
                town.deliver(-1 if turned else 0)

            assert ties(town) == dict.fromkeys(ties(town), ana)
            assert [(each.id, each.operator_ids) for each in town.all("rewards", OperatorsOf).values()] == [
                (ana, ("omar",))
            ]

    @settings(max_examples=40)
    @given(st.data())
    def test_is_forgotten_whatever_order_the_news_come_in(self, data: st.DataObject) -> None:
        town = Town()
        for number in NUMBERS[:3]:
            town.ask(IssueCard(card_number=number))
        town.settle()
        ana, ben = join(town, 1, NUMBERS[0]), join(town, 2, NUMBERS[1])
        if data.draw(st.booleans(), label="settled"):
            town.settle()
        town.ask(bought(town, NUMBERS[0], 30), TILL)
        town.ask(RedeemReward(card_number=NUMBERS[0], reward="coffee"), TILL)
        tied(town, data.draw(st.sampled_from((ana, ben)), label="tied"))
        if data.draw(st.booleans(), label="merged"):
            town.ask(MergeMembers(member_id=ana, absorbed_id=ben), OLGA)
        else:
            remove(town, ben)
        remove(town, ana)

        while town.underway:
            town.deliver(data.draw(st.integers(0, len(town.underway) - 1), label="next"))

        assert left(town) == []
        assert {each.member_id for each in town.all("cards", Card).values()} == {None}
        assert ties(town) == dict.fromkeys(ties(town))


def held(town: Town) -> dict[str, Any]:
    """What every account holds."""
    return {each.id: each.holdings for each in town.all("rewards", Account).values()}
