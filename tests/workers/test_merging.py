"""Any chain of merges and late messages ends at one survivor with the sum, in whatever order workers hear of it."""

from collections import Counter, defaultdict
from datetime import datetime, timedelta
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.cards import (
    BlockCard,
    CardState,
    DeleteCard,
    IssueCard,
    IssueVirtualCard,
    LinkCard,
    ReplaceCard,
    RestoreCard,
)
from contracts.member_life import BlockMember, UnblockMember
from contracts.merging import MembersMerged, MergeMembers
from contracts.messages import Actor, ActorKind, Command
from contracts.profiles import ChangeEmail, EmailChanged
from contracts.registration import Channel, Consent, RegisterMember
from contracts.rewards import PurchaseRecorded, RecordPurchase, RedeemReward, RewardIssued
from contracts.values import luhn_digit
from tests.decisions import NOON, TILL
from tests.workers.town import OPERATOR, Town
from workers.cards.documents import Card, LinkedCards
from workers.notifications.documents import Contact
from workers.notifications.documents import Message as Text
from workers.registration.documents import EmailClaim, KnownCard, Member, MemberState, PhoneClaim
from workers.registration.merge_documents import Merge
from workers.rewards.documents import Account, LedgerEntry, Reward
from workers.rewards.documents import Card as RewardsCard
from workers.rewards.joining_documents import Joining

NUMBERS: Final = tuple(digits + luhn_digit(digits) for digits in (f"97700000000{place}" for place in range(8)))
PEOPLE: Final = 4
GIVEN: Final = 3
"""So many of the people join with a card."""
CONSENTS: Final = tuple(
    Consent(kind=kind, text_version="2026-01", given_at=NOON - timedelta(hours=1))
    for kind in ("personal_data", "offer")
)


def phone(place: int) -> str:
    return f"+4915112345{place:03d}"


def join(town: Town, place: int) -> str:
    """Let a person join, by a call; the first ones with a card. Their id."""
    command = RegisterMember(
        channel=Channel.CALL,
        phone=phone(place),
        email=f"{'abcd'[place]}@example.org",
        first_name=f"P{place}",
        last_name="Person",
        card_number=NUMBERS[place] if place < GIVEN else None,
        consents=CONSENTS,
    )
    before = set(town.all("registration", Member))
    assert town.ask(command) == "done"
    (member_id,) = set(town.all("registration", Member)) - before
    return member_id


def bought(town: Town, number: str, coffees: int = 3) -> RecordPurchase:
    """So many coffees, each for a stamp, on a receipt of their own."""
    return RecordPurchase.model_validate(
        {
            "card_number": number,
            "store": "harbour",
            "till": "t1",
            "receipt_number": f"r{town.count}",
            "business_day": NOON.date(),
            "purchased_at": NOON,
            "currency": "EUR",
            "lines": [{"line": 1, "product": "latte", "category": "coffee", "quantity": coffees, "price_minor": 0}],
        }
    )


def opened() -> tuple[Town, list[str]]:
    """A town where cards are known and people have joined; the news of that are still on their way."""
    town = Town()
    for number in NUMBERS:
        assert town.ask(IssueCard(card_number=number)) == "done"
    while any(letter.worker == "registration" for letter in town.underway):
        town.deliver(next(place for place, each in enumerate(town.underway) if each.worker == "registration"))
    return town, [join(town, place) for place in range(PEOPLE)]


def root_of(town: Town, member_id: str) -> str:
    """Who a member is now, going by what was said alone."""
    into = {event.absorbed_id: event.member_id for event in town.events(MembersMerged)}
    while member_id in into:
        member_id = into[member_id]
    return member_id


def aliases_lead_to_the_survivor(town: Town, people: list[str]) -> None:
    members, contacts = town.all("registration", Member), town.all("notifications", Contact)
    linked = town.all("cards", LinkedCards)
    for each in people:
        root = root_of(town, each)
        merged_into = None if root == each else root
        assert members[each].merged_into == linked[each].merged_into == contacts[each].merged_into == merged_into
        assert (members[each].state is MemberState.MERGED) == (root != each)
        absorbed = sorted(other for other in people if other != each and root_of(town, other) == each)
        for record in (members[each], linked[each], contacts[each]):
            assert sorted(record.absorbed) == absorbed


def cards_are_the_survivor_s(town: Town, people: list[str]) -> None:
    kept = town.all("cards", Card)
    for each in people:
        mine = {card.id for card in kept.values() if card.member_id == each}
        assert set(town.all("registration", Member)[each].card_numbers) == mine
        in_use = {number for number in mine if kept[number].state in (CardState.ACTIVE, CardState.BLOCKED)}
        is_blocked = town.all("registration", Member)[each].state is MemberState.BLOCKED
        for number in in_use:
            assert (kept[number].suspended_at is not None) == is_blocked
            assert town.all("rewards", RewardsCard)[number].suspended_at == kept[number].suspended_at
        held = town.all("cards", LinkedCards)[each]
        assert Counter(held.card_numbers) == Counter(in_use)
        assert Counter(held.former) == Counter(mine - in_use)
    for number, card in kept.items():
        assert town.all("rewards", RewardsCard)[number].member_id == card.member_id
        known = town.all("registration", KnownCard)[number]
        assert (known.member_id, known.state, known.claimed_by) == (card.member_id, card.state, None)


def balances_are_summed(town: Town, people: list[str]) -> None:
    earned: dict[str, int] = defaultdict(int)
    for event in town.events(PurchaseRecorded):
        earned[event.card_number] += sum(each.amount for each in event.earned if each.unit == "stamps")
    for event in town.events(RewardIssued):
        earned[event.card_number] -= event.paid
    accounts, known = town.all("rewards", Account), town.all("rewards", RewardsCard)
    kept = town.all("cards", Card)
    for each in people:
        mine = [card for card in kept.values() if card.member_id == each]
        led_to = {known[card.id].account_id for card in mine}
        held = sum(accounts[account_id].holding("stamps").balance for account_id in led_to if account_id is not None)
        assert held == sum(earned[card.id] for card in mine)
        in_use = [card.id for card in mine if card.state in (CardState.ACTIVE, CardState.BLOCKED)]
        if town.all("registration", Member)[each].absorbed:
            assert len({known[number].account_id for number in in_use}) <= 1, "common balances"


def the_ledger_adds_up(town: Town) -> None:
    accounts, entries = town.all("rewards", Account), town.all("rewards", LedgerEntry)
    sums: Counter[tuple[str, str]] = Counter()
    for entry in entries.values():
        sums[entry.account_id, entry.unit] += entry.amount
    for account in accounts.values():
        for holding in account.holdings:
            assert sums[account.id, holding.unit] == holding.balance
            assert sum(lot.amount for lot in holding.lots) - holding.debt == holding.balance
            assert not account.merged_into or (holding.balance, holding.held, holding.pending) == (0, 0, 0)
        if account.merged_into is not None:
            assert accounts[account.merged_into].merged_into is None, "one step"
            assert account.id in accounts[account.merged_into].absorbed
    for number, card in town.all("rewards", RewardsCard).items():
        assert card.account_id is not None
        assert accounts[card.account_id].merged_into is None, "no card leads to an account that was left"
        assert number in accounts[card.account_id].cards
        assert not card.heirs
        assert not card.waiting
    held = Counter[str]()
    for reward in town.all("rewards", Reward).values():
        owner = accounts[reward.account_id]
        held[owner.merged_into or owner.id] += reward.price
    assert {each.id: each.holding("stamps").held for each in accounts.values() if each.holding("stamps").held} == held


def the_state_before_is_kept(town: Town) -> None:
    merges = town.all("registration", Merge)
    assert {(each.survivor.member_id, each.absorbed.member_id) for each in merges.values()} == {
        (event.member_id, event.absorbed_id) for event in town.events(MembersMerged)
    }
    left = {each.id for each in town.all("rewards", Account).values() if each.merged_into is not None}
    assert set(town.all("rewards", Joining)) == left
    assert {each.id for each in town.all("registration", PhoneClaim).values()} == {phone(n) for n in range(PEOPLE)}


def addresses_lead_to_who_they_were_given_by(town: Town) -> None:
    members, claims = town.all("registration", Member), town.all("registration", EmailClaim)
    named = {each.comparable_email: each.merged_into or each.id for each in members.values() if each.comparable_email}
    roots = {each.id: members[each.member_id].merged_into or each.member_id for each in claims.values()}
    assert roots == named


def spending_waits_for_all_cards_of_an_account(town: Town) -> None:
    waits: dict[str | None, set[datetime | None]] = defaultdict(set)
    for card in town.all("rewards", RewardsCard).values():
        waits[card.account_id].add(card.spends_at)
    assert {account_id: each for account_id, each in waits.items() if len(each) > 1} == {}


def one_survivor_with_the_sum(town: Town, people: list[str]) -> None:
    aliases_lead_to_the_survivor(town, people)
    cards_are_the_survivor_s(town, people)
    balances_are_summed(town, people)
    the_ledger_adds_up(town)
    the_state_before_is_kept(town)
    addresses_lead_to_who_they_were_given_by(town)
    spending_waits_for_all_cards_of_an_account(town)


def doing(town: Town, people: list[str], what: str, chance: Any) -> list[Command]:
    """One thing that somebody does: with members and cards who may be anybody's by now, absorbed ones too."""
    number, other = chance.choice(NUMBERS), chance.choice(NUMBERS)
    member_id = chance.choice(people)
    lost = BlockCard(card_number=number, reason="lost")
    commands: dict[str, list[Command]] = {
        "merge": [MergeMembers(member_id=member_id, absorbed_id=chance.choice(people))],
        "buy": [bought(town, number, chance.choice((1, 5, 12)))],
        "redeem": [RedeemReward(card_number=number, reward="coffee")],
        "link": [LinkCard(card_number=number, member_id=member_id)],
        "virtual": [IssueVirtualCard(member_id=member_id)],
        "replace": [lost, ReplaceCard(card_number=number, new_card_number=other)],
        "delete": [DeleteCard(card_number=number)],
        "restore": [RestoreCard(card_number=number)],
        "move": [ChangeEmail(member_id=member_id, email=f"{chance.choice('abcdef')}@example.org")],
        "block": [BlockMember(member_id=member_id, reason="fraud")],
        "unblock": [UnblockMember(member_id=member_id, reason="cleared")],
    }
    return commands.get(what, [])


ASKERS: Final = {"buy": TILL, "redeem": TILL, "move": Actor(kind=ActorKind.SYSTEM, id="office")}
WHAT: Final = (
    *("merge", "merge", "merge", "buy", "buy", "redeem", "hear", "hear"),
    *("move", "move", "link", "virtual", "replace", "delete", "restore", "block", "unblock"),
)


class TestAnyChainOfMergesAndLateMessages:
    @settings(max_examples=80, deadline=None)
    @given(st.lists(st.sampled_from(WHAT), max_size=30), st.randoms(use_true_random=False))
    def test_ends_at_one_survivor_with_the_sum(self, doings: list[str], chance: Any) -> None:
        town, people = opened()
        for what in doings:
            if what == "hear" and town.underway:
                for _ in range(chance.randrange(12)):
                    if town.underway:
                        town.deliver(chance.randrange(len(town.underway)), again=chance.random() < 0.2)
            else:
                for command in doing(town, people, what, chance):
                    town.ask(command, ASKERS.get(what, OPERATOR))
        while town.underway:
            town.deliver(chance.randrange(len(town.underway)))

        one_survivor_with_the_sum(town, people)

    def test_is_tried_with_everything_that_can_happen(self) -> None:
        town, people = opened()
        town.settle()
        ana, ben, cid, dan = people
        assert town.ask(bought(town, NUMBERS[0], 12), TILL) == "done"
        assert town.ask(RedeemReward(card_number=NUMBERS[0], reward="coffee"), TILL) == "done"
        assert town.ask(bought(town, NUMBERS[1], 5), TILL) == "done"
        assert town.ask(LinkCard(card_number=NUMBERS[3], member_id=dan)) == "done"
        assert town.ask(bought(town, NUMBERS[3], 4), TILL) == "done"
        assert town.ask(MergeMembers(member_id=ben, absorbed_id=ana)) == "done"
        assert town.ask(MergeMembers(member_id=cid, absorbed_id=ben)) == "done"
        assert town.ask(MergeMembers(member_id=ben, absorbed_id=dan)) == "done", "whoever absorbed Ben absorbs Dan"
        town.settle()

        one_survivor_with_the_sum(town, people)
        (common,) = [each for each in town.all("rewards", Account).values() if each.absorbed and not each.merged_into]
        assert (common.holding("stamps").balance, common.holding("stamps").held) == (11, 10)
        assert {root_of(town, each) for each in people} == {cid}


class TestSpendingWaits:
    """Who took a member over and merges them away doesn't spend what was theirs with a card of their own."""

    @pytest.mark.parametrize("order", ["moved, merged", "merged, moved", "moved, merged, heard of the merge first"])
    def test_with_every_card_that_comes_to_collect_with_theirs(self, order: str) -> None:
        town, people = opened()
        ana, ben = people[:2]
        town.settle()
        moving = ChangeEmail(member_id=ana, email="ana@example.org")
        merging = MergeMembers(member_id=ben, absorbed_id=ana)
        for command in (merging, moving) if order == "merged, moved" else (moving, merging):
            assert town.ask(command, ASKERS["move"]) == "done"
            if order == "moved, merged":
                town.settle()
        while later := [each for each in town.underway if not isinstance(each.message, EmailChanged)]:
            town.deliver(town.underway.index(later[0]))
        town.settle()

        assert town.ask(bought(town, NUMBERS[1], 12), TILL) == "done"
        for number in NUMBERS[:2]:
            assert town.ask(RedeemReward(card_number=number, reward="coffee"), TILL) == "spending_waits"


class TestLateNews:
    def test_for_an_absorbed_member_is_written_to_the_survivor(self) -> None:
        town, people = opened()
        ana, ben = people[:2]
        town.settle()
        assert town.ask(BlockCard(card_number=NUMBERS[0], reason="lost")) == "done"
        (late,) = [each for each in town.underway if each.worker == "notifications"]
        assert town.ask(MergeMembers(member_id=ben, absorbed_id=ana)) == "done"
        while len(town.underway) > 1:
            town.deliver(next(place for place, each in enumerate(town.underway) if each is not late))
        town.deliver(0)

        blocked = [each for each in town.all("notifications", Text).values() if each.template == "card_blocked"]
        assert [(each.member_id, each.recipient) for each in blocked] == [(ben, phone(1))]

    def test_waits_for_a_survivor_whose_registration_is_not_heard_of_yet(self) -> None:
        town, people = opened()
        ana, ben = people[:2]
        assert town.ask(MergeMembers(member_id=ben, absorbed_id=ana)) == "done"
        notices = [each for each in town.underway if each.worker == "notifications"]
        merged = next(each for each in notices if isinstance(each.message, MembersMerged))
        town.deliver(town.underway.index(merged))
        while town.underway:
            registrations = [each for each in town.underway if type(each.message).__name__ == "MemberRegistered"]
            mine = [each for each in registrations if each.worker == "notifications"]
            others = [each for each in town.underway if each not in mine]
            town.deliver(town.underway.index((others or mine)[0]))

        texts = town.all("notifications", Text).values()
        assert Counter((each.member_id, each.template) for each in texts if each.member_id in (ana, ben)) == {
            (ben, "welcome"): 1
        }
