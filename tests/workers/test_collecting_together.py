"""Where the programme says so all cards of a member collect in one account, and caps, games and balances are theirs."""

from itertools import permutations

import pytest

from contracts.cards import CardLinked, DeleteCard, IssueVirtualCard, LinkCard, RestoreCard, VirtualCardIssued
from contracts.pastimes import PlayGame
from contracts.rewards import AccountClosed, PurchaseRecorded, RecordPurchase
from tests.decisions import TILL
from tests.workers.test_merging import NUMBERS, bought, opened
from tests.workers.town import DEMO, Town
from workers.rewards.documents import Account
from workers.rewards.documents import Card as RewardsCard

SECOND, THIRD = NUMBERS[4], NUMBERS[5]


def town(*, together: bool = True) -> tuple[Town, str]:
    """A town where Ana has one card, and all is settled; her id."""
    cards = DEMO.cards.model_copy(update={"collects_together": together})
    made, people = opened()
    made.programme = DEMO.model_copy(update={"cards": cards})
    made.settle()
    return made, people[0]


def account(of: Town, number: str) -> Account:
    """The account that a card leads to."""
    led = of.all("rewards", RewardsCard)[number].account_id
    assert led is not None
    return of.all("rewards", Account)[led]


def stamps(of: Town, number: str) -> int:
    return account(of, number).holding("stamps").balance


class TestCardsOfOneMember:
    def test_collect_in_one_account_from_the_second_on(self) -> None:
        made, ana = town()
        for number, coffees in ((NUMBERS[0], 2), (SECOND, 3)):
            assert made.ask(bought(made, number, coffees), TILL) == "done"
        assert made.ask(LinkCard(card_number=SECOND, member_id=ana)) == "done"
        made.settle()

        assert account(made, SECOND) == account(made, NUMBERS[0])
        assert stamps(made, SECOND) == 5
        assert made.events(CardLinked)[-1].pool_number == NUMBERS[0]
        assert len(made.events(AccountClosed)) == 1

    def test_collect_each_for_itself_where_the_programme_says_nothing(self) -> None:
        made, ana = town(together=False)
        assert made.ask(LinkCard(card_number=SECOND, member_id=ana)) == "done"
        made.settle()
        assert account(made, SECOND).id != account(made, NUMBERS[0]).id

    def test_do_so_if_they_are_virtual_or_restored(self) -> None:
        made, ana = town()
        assert made.ask(IssueVirtualCard(member_id=ana)) == "done"
        virtual = made.events(VirtualCardIssued)[-1].card_number
        made.settle()
        assert made.ask(bought(made, virtual, 3), TILL) == "done"
        assert stamps(made, NUMBERS[0]) == 3
        assert made.ask(DeleteCard(card_number=virtual)) == "done"
        made.settle()
        assert made.ask(bought(made, virtual, 3), TILL) == "card_deleted"
        assert made.ask(RestoreCard(card_number=virtual)) == "done"
        made.settle()
        assert account(made, virtual) == account(made, NUMBERS[0])

    def test_fill_one_cap_together(self) -> None:
        made, ana = town()
        assert made.ask(LinkCard(card_number=SECOND, member_id=ana)) == "done"
        made.settle()
        for number in (NUMBERS[0], SECOND):
            breakfast = bought(made, number, 1).model_dump(mode="json")
            breakfast |= {"purchased_at": "2026-11-23T07:00:00+01:00", "is_offline": True, "business_day": "2026-11-23"}
            breakfast["lines"] = [{**breakfast["lines"][0], "category": "breakfast", "quantity": 2}]
            assert made.ask(RecordPurchase.model_validate(breakfast), TILL) == "done"
        earned = [
            sum(each.amount for each in event.earned if each.rule == "breakfast")
            for event in made.events(PurchaseRecorded)[-2:]
        ]
        assert earned == [10, 0]

    def test_play_a_game_as_often_together_as_one(self) -> None:
        made, ana = town()
        assert made.ask(LinkCard(card_number=SECOND, member_id=ana)) == "done"
        made.settle()
        assert made.ask(PlayGame(card_number=NUMBERS[0], game="wheel")) == "done"
        assert made.ask(PlayGame(card_number=SECOND, game="wheel")) == "game_already_played"

    @pytest.mark.parametrize("order", list(permutations(range(3)))[1:])
    def test_end_in_one_account_in_whatever_order_it_is_heard_of(self, order: tuple[int, ...]) -> None:
        made, ana = town()
        for number in (SECOND, THIRD):
            assert made.ask(bought(made, number, 2), TILL) == "done"
            assert made.ask(LinkCard(card_number=number, member_id=ana)) == "done"
        while made.underway:
            made.deliver(order[0] % len(made.underway))
            order = (*order[1:], order[0])
        assert account(made, THIRD) == account(made, SECOND) == account(made, NUMBERS[0])
        assert stamps(made, THIRD) == 4
