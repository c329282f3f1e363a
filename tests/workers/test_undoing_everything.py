"""Every action of an operator is taken back by the command that the contracts name, by an entry that names its own."""

from collections.abc import Callable
from typing import Any

import pytest

from contracts import cards
from contracts.cards import CardState
from contracts.catalogue import COMMANDS
from contracts.member_life import BlockMember, UnblockMember
from contracts.messages import ActorKind, Command
from contracts.notifications import MessageChannel
from contracts.operators import OperatorTied, TieOperator
from contracts.subscriptions import ChangeSubscriptions, StopMailings, SubscriptionChange
from contracts.undoing import UNDOING
from runtime.decisions import Refused
from tests.decisions import decide, refused
from tests.workers.cards.deck import ANA, OPERATOR
from tests.workers.cards.test_any_order import NUMBERS, Desk, opened
from tests.workers.notifications.programmes import ANA as MEMBER
from tests.workers.notifications.programmes import RULES
from tests.workers.notifications.programmes import at as written_to
from tests.workers.rewards.counter import Shop
from tests.workers.rewards.undoing import AGAIN, LINKED, REWARDS, Case, by_whom, held, shop
from tests.workers.test_merging import opened as opened_town
from workers.cards.documents import Card
from workers.notifications.documents import Contact
from workers.notifications.subscriptions import change_subscriptions, stop_mailings
from workers.registration.operator_documents import Operator
from workers.rewards.documents import LedgerEntry

COVERED = ("cards", "rewards", "notifications")


class TestTheTable:
    def test_says_of_every_command_that_an_operator_may_give_how_it_is_taken_back(self) -> None:
        given = {name for name, each in COMMANDS.items() if ActorKind.OPERATOR in each.actors}
        held = {name for name in given if COMMANDS[name].worker in COVERED}
        assert held - UNDOING.keys() == set(), "a command was added: say in contracts/undoing.py what takes it back"
        assert UNDOING.keys() - given == set(), "these commands are no operator's, or there are none like them"

    @pytest.mark.parametrize("name", UNDOING)
    def test_names_commands_of_the_same_worker_that_an_operator_may_give(self, name: str) -> None:
        for each in UNDOING[name].by:
            assert ActorKind.OPERATOR in COMMANDS[each].actors
            assert COMMANDS[each].worker == COMMANDS[name].worker

    @pytest.mark.parametrize("name", UNDOING)
    def test_says_how_or_why_not_in_a_sentence(self, name: str) -> None:
        assert UNDOING[name].how.endswith(".")

    def test_is_done_and_undone_here_whole(self) -> None:
        assert {case.pair for case in (*CARDS, *REWARDS)} | {(name, by) for name, by, *_ in MAILINGS} | {TIED} == {
            (name, by) for name, each in UNDOING.items() for by in each.by
        }


FIRST, SPARE = NUMBERS[0], NUMBERS[2]


def kept(desk: Desk, number: str = FIRST) -> Card:
    """A card as it is kept."""
    found = desk.all("cards", Card)[number]
    assert isinstance(found, Card)
    return found


def virtual(desk: Desk) -> str:
    """The number of the card that was drawn."""
    (number,) = desk.all("cards", Card).keys() - set(NUMBERS)
    return str(number)


def link(_: Desk) -> Command:
    """Give Ana a second card."""
    return cards.LinkCard(card_number=SPARE, member_id=ANA)


def block(_: Desk) -> Command:
    return cards.BlockCard(card_number=FIRST, reason="lost")


def unblock(_: Desk) -> Command:
    return cards.UnblockCard(card_number=FIRST, reason="found")


def delete(_: Desk) -> Command:
    return cards.DeleteCard(card_number=FIRST)


def restore(_: Desk) -> Command:
    return cards.RestoreCard(card_number=FIRST)


def block_member(_: Desk) -> Command:
    return BlockMember(member_id=ANA, reason="abuse")


def unblock_member(_: Desk) -> Command:
    return UnblockMember(member_id=ANA, reason="cleared")


def is_suspended(desk: Desk) -> bool:
    return kept(desk).suspended_at is not None


CARDS = (
    Case("BlockMember", "UnblockMember", block_member, unblock_member, is_suspended),
    Case(
        "UnblockMember",
        "BlockMember",
        unblock_member,
        block_member,
        lambda desk: not is_suspended(desk),
        (block_member,),
    ),
    Case("BlockCard", "UnblockCard", block, unblock, lambda desk: kept(desk).state is CardState.BLOCKED),
    Case("UnblockCard", "BlockCard", unblock, block, lambda desk: kept(desk).state is CardState.ACTIVE, (block,)),
    Case("DeleteCard", "RestoreCard", delete, restore, lambda desk: kept(desk).state is CardState.DELETED, (link,)),
    Case(
        "RestoreCard", "DeleteCard", restore, delete, lambda desk: kept(desk).state is CardState.ACTIVE, (link, delete)
    ),
    Case(
        "ChangeCardCategory",
        "ChangeCardCategory",
        lambda _: cards.ChangeCardCategory(card_number=FIRST, category="employee"),
        lambda _: cards.ChangeCardCategory(card_number=FIRST, category="normal"),
        lambda desk: kept(desk).category == "employee",
    ),
    Case(
        "LinkCard",
        "DeleteCard",
        link,
        lambda _: cards.DeleteCard(card_number=SPARE),
        lambda desk: kept(desk, SPARE).state is CardState.ACTIVE,
    ),
    Case(
        "IssueVirtualCard",
        "DeleteCard",
        lambda _: cards.IssueVirtualCard(member_id=ANA),
        lambda desk: cards.DeleteCard(card_number=virtual(desk)),
        lambda desk: (
            len(desk.all("cards", Card)) > len(NUMBERS) and kept(desk, virtual(desk)).state is CardState.ACTIVE
        ),
    ),
)


@pytest.mark.parametrize("case", CARDS, ids=lambda case: f"{case.name}-{case.by}")
def test_what_is_done_to_a_card_is_undone_once_and_stays_told(case: Case) -> None:
    desk = opened()
    for each in case.before:
        assert desk.ask(each(desk))
    assert not case.is_done(desk)
    told = len(desk.said)
    assert desk.ask(case.do(desk))
    assert case.is_done(desk)
    taken_back = case.undo(desk)
    assert desk.ask(taken_back)
    assert not case.is_done(desk)
    assert len(desk.said) == told + 2, "an event each"
    assert not desk.ask(taken_back), "twice"


@pytest.mark.parametrize("case", REWARDS, ids=lambda case: f"{case.name}-{case.by}")
def test_what_is_done_to_an_account_is_undone_once_by_entries_that_name_those_of_it(case: Case) -> None:
    counter = shop()
    for each in case.before:
        counter.say(command := each(counter), by_whom(command))
    assert not case.is_done(counter)
    holdings = held(counter, case)
    done = case.do(counter)
    assert type(done).__name__ == case.name
    counter.say(done, by_whom(done))
    assert case.is_done(counter)
    made = {each.id: each for each in counter.all(LedgerEntry)}

    taken_back = case.undo(counter)
    assert type(taken_back).__name__ == case.by
    assert counter.say(taken_back, by_whom(taken_back)), "something is told"
    assert not case.is_done(counter)
    assert {unit: held(counter, case)[unit] for unit in holdings} == holdings
    after = {each.id: each for each in counter.all(LedgerEntry)}
    assert made.items() <= after.items(), "no entry is edited or deleted"
    for entry in (each for each in after.values() if each.id not in made):
        assert case.by in LINKED or entry.undoes in made
    if case.by not in AGAIN:
        is_told_twice(counter, taken_back)


TIED = ("TieOperator", "TieOperator")


def test_who_is_which_member_is_said_and_taken_back_and_stays_told() -> None:
    town, people = opened_town()
    tie = TieOperator(operator_id="otto", member_id=people[0])
    assert town.ask(tie) == "done"
    assert town.ask(tie.model_copy(update={"member_id": None})) == "done"
    assert town.all("registration", Operator)["otto"].member_id is None
    assert [each.member_id for each in town.events(OperatorTied)] == [people[0], None]


def is_told_twice(counter: Shop, command: Command) -> None:
    """Said again it is refused, or answered as a till's repeat is; nothing moves."""
    before = counter.all(LedgerEntry)
    try:
        (told,) = counter.say(command, by_whom(command))
    except Refused:
        told = None
    assert told is None or type(told).__name__ in ("PurchaseRepeated", "CouponUseRepeated", "CouponResent")
    assert counter.all(LedgerEntry) == before


OFF = ChangeSubscriptions(
    member_id="ana", changes=(SubscriptionChange(mailing="offers", channel=MessageChannel.SMS, is_on=False),)
)
ON = OFF.model_copy(update={"changes": (OFF.changes[0].model_copy(update={"is_on": True}),)})
STOP = StopMailings(member_id="ana")
ALL_ON = ON.model_copy(update={"changes": (*ON.changes, ON.changes[0].model_copy(update={"mailing": "status"}))})
MAILINGS: tuple[tuple[str, str, Command, Command], ...] = (
    ("ChangeSubscriptions", "ChangeSubscriptions", OFF, ON),
    ("StopMailings", "ChangeSubscriptions", STOP, ALL_ON),
)


def wanted(contact: Contact) -> list[bool]:
    """Whether each mailing comes."""
    return [contact.wants(each.code, MessageChannel.SMS, by_default=True) for each in RULES.mailings]


@pytest.mark.parametrize(("name", "by", "do", "undo"), MAILINGS)
def test_what_is_done_to_mailings_is_undone_once_and_stays_told(name: str, by: str, do: Command, undo: Command) -> None:
    handlers: dict[str, Callable[..., Any]] = {
        "ChangeSubscriptions": change_subscriptions,
        "StopMailings": stop_mailings,
    }
    office = written_to(actor=OPERATOR)
    off = decide(handlers[name], do, contact=MEMBER, context=office).document(Contact)
    assert not all(wanted(off))
    back = decide(handlers[by], undo, contact=off, context=office)
    assert all(wanted(back.document(Contact)))
    assert len(back.events) == 1
    with refused("subscriptions_unchanged"):
        decide(handlers[by], undo, contact=back.document(Contact), context=office)
