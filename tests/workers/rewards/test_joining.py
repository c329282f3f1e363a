"""A card that took another's place leads to that one's account, and nothing that either collected is lost."""

from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.cards import CardBlocked, CardEvent, CardIssued, CardKind, CardLinked, CardReplaced, CardState
from contracts.rewards import (
    AccountClosed,
    BalanceMoved,
    ConfirmPurchase,
    JoinAccount,
    PurchaseParked,
    PurchaseRecorded,
    PurchaseRefused,
    RedeemReward,
    RemoveReward,
    RewardIssued,
    Stage,
    UnitBalance,
    UnitChange,
    UseReward,
)
from contracts.values import luhn_digit
from tests.decisions import NOON, decide, refused
from tests.workers.rewards.counter import ANA, NUMBER, OPERATOR, OTHER, Shop, by, coffees, holding, receipt, refund
from workers.rewards.documents import Account, Card, Cause, Holding, LedgerEntry, Purchase
from workers.rewards.joining import join_account
from workers.rewards.ledger import Tally

THIRD = "378282246310005"
REPLACED = CardReplaced(
    card_number=NUMBER, member_id=ANA, new_card_number=OTHER, first_card_number=NUMBER, stopped_at=NOON
)
RECEIPT = {"store": "s1", "till": "t1", "receipt_number": "17", "business_day": NOON.date()}


def issued(number: str) -> CardIssued:
    return CardIssued(card_number=number, kind=CardKind.PHYSICAL, category="normal")


def linked(number: str, replaces: str | None = None) -> CardLinked:
    return CardLinked(card_number=number, member_id=ANA, category="normal", replaces=replaces)


def blocked(number: str) -> CardBlocked:
    return CardBlocked(card_number=number, member_id=ANA, reason="lost")


def counter() -> Shop:
    """A shop where Ana's card is in use and another lies ready."""
    shop = Shop()
    for event in (issued(NUMBER), linked(NUMBER), issued(OTHER)):
        shop.say(event)
    return shop


def replace(shop: Shop) -> None:
    for event in (blocked(NUMBER), REPLACED, linked(OTHER, NUMBER)):
        shop.say(event)


def account_of(shop: Shop, number: str) -> Account:
    card = next(each for each in shop.all(Card) if each.id == number)
    return next(each for each in shop.all(Account) if each.id == card.account_id)


class TestCardReplaced:
    def test_leads_the_new_card_to_the_old_one_s_account(self) -> None:
        shop = counter()
        shop.say(receipt(coffees(12)))
        replace(shop)

        assert account_of(shop, OTHER) == account_of(shop, NUMBER)
        said = shop.say(RedeemReward(card_number=OTHER, reward="coffee"))
        assert isinstance(said[0], RewardIssued)

    def test_moves_what_the_new_card_had_collected_by_entries_that_name_each_other(self) -> None:
        shop = counter()
        shop.say(receipt(coffees(2)))
        shop.say(receipt(coffees(3), card_number=OTHER, receipt_number="18"))
        left = account_of(shop, OTHER)
        said = shop.say(REPLACED)

        kept = account_of(shop, NUMBER)
        assert [kept.holding(unit).balance for unit in ("stamps", "points")] == [5, 17]
        closed = next(each for each in shop.all(Account) if each.id == left.id)
        assert (closed.merged_into, kept.absorbed, closed.expires_at) == (kept.id, (left.id,), None)
        assert [(each.balance, each.lots) for each in closed.holdings] == [(0, ()), (0, ())]
        out = {each.unit: each for each in shop.all(LedgerEntry) if each.cause is Cause.MOVED_OUT}
        into = {each.unit: each for each in shop.all(LedgerEntry) if each.cause is Cause.MOVED_IN}
        assert {unit: (each.amount, each.counterpart) for unit, each in into.items()} == {
            "stamps": (3, out["stamps"].id),
            "points": (10, out["points"].id),
        }
        assert all(out[unit].counterpart == each.id for unit, each in into.items())
        moved = next(event for event in said if isinstance(event, BalanceMoved))
        assert moved.moved == (UnitChange(unit="stamps", amount=3), UnitChange(unit="points", amount=10))
        ended = next(event for event in said if isinstance(event, AccountClosed))
        assert ended.balances == (UnitBalance(unit="stamps", available=0), UnitBalance(unit="points", available=0))

    def test_lets_lots_keep_their_dates(self) -> None:
        shop = counter()
        shop.say(receipt(coffees(2)))
        shop.say(receipt(coffees(3), card_number=OTHER, receipt_number="18", purchased_at=NOON - timedelta(days=40)))
        (before,) = account_of(shop, OTHER).holding("points").lots
        shop.say(REPLACED)

        assert before in account_of(shop, NUMBER).holding("points").lots

    def test_ends_what_the_new_card_had_under_way_on_the_account_that_it_leads_to(self) -> None:
        shop = counter()
        shop.say(receipt(coffees(2), card_number=OTHER, stage=Stage.PENDING))
        replace(shop)
        assert account_of(shop, NUMBER).holding("stamps").pending == 2
        shop.say(ConfirmPurchase(card_number=OTHER, **RECEIPT))
        shop.say(refund(card_number=OTHER))

        held = account_of(shop, NUMBER).holding("stamps")
        assert (held.pending, held.balance) == (0, 1)

    def test_lets_a_pending_purchase_of_the_new_card_end_by_itself(self) -> None:
        shop = counter()
        shop.say(receipt(coffees(2), card_number=OTHER, stage=Stage.PENDING))
        replace(shop)
        shop.wait(timedelta(days=2))

        assert account_of(shop, OTHER).holding("stamps") == Holding(unit="stamps")

    def test_keeps_a_receipt_of_the_new_card_one_receipt(self) -> None:
        shop = counter()
        shop.say(receipt(coffees(2), card_number=OTHER))
        replace(shop)
        shop.say(receipt(coffees(2), card_number=OTHER))
        shop.say(receipt(coffees(3), card_number=OTHER))

        assert account_of(shop, OTHER).holding("stamps").balance == 3

    def test_lets_rewards_that_either_card_bought_be_used_with_the_new_one(self) -> None:
        shop = counter()
        shop.say(receipt(coffees(10)))
        shop.say(linked(OTHER))
        shop.say(receipt(coffees(20), card_number=OTHER, receipt_number="18"))
        bought = [shop.say(RedeemReward(card_number=each, reward="coffee"))[0] for each in (NUMBER, OTHER, OTHER)]
        first, second, third = (each.reward_id for each in bought if isinstance(each, RewardIssued))
        replace(shop)
        assert account_of(shop, OTHER).holding("stamps").held == 30
        shop.say(UseReward(card_number=OTHER, reward_id=first, store="s1"))
        shop.say(RemoveReward(card_number=OTHER, reward_id=second, reason="mistake"), OPERATOR)
        shop.wait(timedelta(days=91))

        held = account_of(shop, OTHER).holding("stamps")
        assert (held.held, held.balance) == (0, 10)
        with refused("reward_expired"):
            shop.say(UseReward(card_number=OTHER, reward_id=third, store="s1"))

    def test_takes_what_waited_for_the_new_card(self) -> None:
        shop = Shop()
        for event in (issued(NUMBER), linked(NUMBER)):
            shop.say(event)
        assert isinstance(shop.say(receipt(coffees(2), card_number=OTHER))[0], PurchaseParked)
        said = shop.say(REPLACED)

        assert any(isinstance(event, PurchaseRecorded) for event in said)
        shop.say(issued(OTHER))
        assert len(shop.all(Account)) == 1


class TestALateMessage:
    def test_for_the_old_number_is_refused(self) -> None:
        shop = counter()
        replace(shop)

        with refused("card_replaced"):
            shop.say(receipt())
        with refused("card_replaced"):
            shop.say(RedeemReward(card_number=NUMBER, reward="coffee"))

    def test_of_what_was_bought_before_the_old_card_was_blocked_counts(self) -> None:
        shop = counter()
        replace(shop)
        shop.say(receipt(purchased_at=NOON - timedelta(hours=1), is_offline=True))

        assert account_of(shop, OTHER).holding("stamps").balance == 2

    def test_confirms_and_refunds_a_sale_that_was_opened_before(self) -> None:
        shop = counter()
        shop.say(receipt(stage=Stage.PENDING))
        replace(shop)
        shop.say(ConfirmPurchase(card_number=NUMBER, **RECEIPT))
        shop.say(refund(card_number=NUMBER))

        assert account_of(shop, OTHER).holding("stamps").balance == 1

    def test_ends_well_when_it_waited_for_a_card_that_is_replaced_by_now(self) -> None:
        shop = Shop()
        assert isinstance(shop.say(receipt())[0], PurchaseParked)
        replace(shop)
        said = shop.say(issued(NUMBER))

        assert [event.code for event in said if isinstance(event, PurchaseRefused)] == ["card_replaced"]
        assert shop.all(Purchase) == []


class TestJoinAccount:
    def test_does_nothing_for_a_card_that_is_not_waited_for(self) -> None:
        first = Card(id=NUMBER, account_id="a")
        account = Account(id="a", card_number=NUMBER, opened_at=NOON)
        command = JoinAccount(card_number=OTHER, first_card_number=NUMBER)

        assert decide(join_account, command, first=first, account=account, context=by()).documents == []


class TestADebt:
    def test_goes_along_and_is_paid_by_what_the_other_account_has(self) -> None:
        tally = Tally(holding("stamps", 5))
        tally.take_over(Holding(unit="stamps", balance=-3, debt=3), NOON)

        assert (tally.holding.balance, tally.holding.debt, tally.holding.lots[0].amount) == (2, 0, 2)

    def test_stays_as_far_as_nothing_pays_it(self) -> None:
        tally = Tally(holding("stamps", 2))
        tally.take_over(Holding(unit="stamps", balance=-3, debt=3), NOON)

        assert (tally.holding.balance, tally.holding.debt, tally.holding.lots) == (-1, 1, ())

    def test_of_the_account_that_stays_is_paid_by_what_comes(self) -> None:
        tally = Tally(Holding(unit="stamps", balance=-3, debt=3))
        tally.take_over(holding("stamps", 5), NOON)

        assert (tally.holding.balance, tally.holding.debt, tally.holding.lots[0].amount) == (2, 0, 2)


CHAIN = (NUMBER, OTHER, THIRD)
NEWS: tuple[tuple[CardEvent, int], ...] = (
    *((event, version) for number in CHAIN for event, version in ((issued(number), 1), (linked(number), 2))),
    (blocked(NUMBER), 3),
    (REPLACED, 4),
    (blocked(OTHER), 3),
    (
        CardReplaced(
            card_number=OTHER, member_id=ANA, new_card_number=THIRD, first_card_number=NUMBER, stopped_at=NOON
        ),
        4,
    ),
)


class TestAnyOrderOfNews:
    @settings(max_examples=60, deadline=None)
    @given(st.permutations([*NEWS, *CHAIN, *CHAIN]))
    def test_leads_all_cards_of_a_chain_to_one_account_with_all_that_was_collected(
        self, order: list[tuple[CardEvent, int] | str]
    ) -> None:
        shop = Shop()
        for place, said in enumerate(order):
            if isinstance(said, str):
                early = receipt(
                    coffees(3),
                    card_number=said,
                    receipt_number=str(place),
                    purchased_at=NOON - timedelta(days=1),
                    is_offline=True,
                )
                shop.say(early)
            else:
                shop.say(said[0], version=said[1])

        cards = {each.id: each for each in shop.all(Card)}
        assert [cards[number].state for number in CHAIN] == [CardState.REPLACED, CardState.REPLACED, CardState.ACTIVE]
        (open_account,) = (each for each in shop.all(Account) if each.merged_into is None)
        assert {cards[number].account_id for number in CHAIN} == {open_account.id}
        assert open_account.holding("stamps").balance == 18
        assert all(not each.lots for account in shop.all(Account) if account.merged_into for each in account.holdings)
        assert not any(each.waiting or each.heirs for each in cards.values())


def test_the_numbers_of_these_tests_have_their_check_digits() -> None:
    assert all(luhn_digit(number[:-1]) == number[-1] for number in CHAIN)
