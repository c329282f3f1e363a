"""Accounts, the cards that lead to them, and the expiry of what they hold."""

from datetime import timedelta

from contracts.cards import CardBlocked, CardIssued, CardKind, CardLinked, CardState, CardUnblocked, VirtualCardIssued
from contracts.rewards import AccountOpened, ExpireLots, LotsExpired, UnitBalance, UnitChange
from tests.decisions import NOON, decide, refused
from tests.workers.rewards.counter import ACCOUNT, ANA, NUMBER, Shop, account, by, card, coffees, holding, receipt
from workers.rewards.accounts import let_card_spend, let_card_work, open_account, open_virtual_account, stop_card
from workers.rewards.documents import Account, Card
from workers.rewards.expiry import expire_lots

ISSUED = CardIssued(card_number=NUMBER, kind=CardKind.PHYSICAL, category="employee")
TOMORROW = NOON + timedelta(days=1)


class TestCardIssued:
    def test_opens_an_account_under_an_opaque_id(self) -> None:
        said = decide(open_account, ISSUED, context=by())

        opened = said.document(Account)
        known = said.document(Card)
        assert said.events == [AccountOpened(account_id=opened.id, card_number=NUMBER)]
        assert NUMBER not in opened.id
        assert (known.account_id, known.state, known.category) == (opened.id, CardState.TO_ISSUE, "employee")

    def test_opens_no_second_one(self) -> None:
        assert decide(open_account, ISSUED, card=card(), context=by()).documents == []


class TestCardLinked:
    def test_lets_the_card_spend(self) -> None:
        linked = CardLinked(card_number=NUMBER, member_id=ANA, category="normal")
        said = decide(let_card_spend, linked, card=card(CardState.TO_ISSUE, member_id=None))

        assert (said.document(Card).state, said.document(Card).member_id) == (CardState.ACTIVE, ANA)

    def test_lets_no_card_spend_that_was_blocked_since(self) -> None:
        linked = CardLinked(card_number=NUMBER, member_id=ANA, category="normal")
        blocked = decide(
            stop_card,
            CardBlocked(card_number=NUMBER, member_id=ANA, reason="lost"),
            card=card(CardState.TO_ISSUE, member_id=None),
            context=by(version=3),
        ).document(Card)
        said = decide(let_card_spend, linked, card=blocked, context=by(version=2))

        late = said.document(Card)
        assert (late.state, late.blocked_at, late.member_id) == (CardState.BLOCKED, NOON, ANA)


class TestCardBlocked:
    def test_stops_the_card_from_then_on(self) -> None:
        said = decide(
            stop_card, CardBlocked(card_number=NUMBER, member_id=ANA, reason="lost"), card=card(), context=by()
        )

        assert (said.document(Card).state, said.document(Card).blocked_at) == (CardState.BLOCKED, NOON)

    def test_is_not_forgotten_when_it_comes_before_the_card(self) -> None:
        lost = CardBlocked(card_number=NUMBER, member_id=ANA, reason="lost")
        blocked = decide(stop_card, lost, context=by(version=3)).document(Card)
        said = decide(open_account, ISSUED, card=blocked, context=by(version=1))

        known = said.document(Card)
        assert (known.state, known.blocked_at, known.account_id) == (CardState.BLOCKED, NOON, said.document(Account).id)


class TestCardUnblocked:
    def test_lets_the_card_work_again(self) -> None:
        unblocked = CardUnblocked(card_number=NUMBER, member_id=ANA, reason="found")
        said = decide(let_card_work, unblocked, card=card(CardState.BLOCKED, blocked_at=NOON))

        assert (said.document(Card).state, said.document(Card).blocked_at) == (CardState.ACTIVE, None)


class TestExpireLots:
    def test_takes_out_what_is_over_and_nothing_else(self) -> None:
        before = account(holding("stamps", 3), holding("points", 5, expires_at=NOON))
        said = decide(expire_lots, ExpireLots(account_id=ACCOUNT), account=before, context=by())

        assert said.events == [
            LotsExpired(
                account_id=ACCOUNT,
                card_number=NUMBER,
                expired=(UnitChange(unit="points", amount=-5),),
                balances=(UnitBalance(unit="stamps", available=3), UnitBalance(unit="points", available=0)),
            )
        ]
        assert said.document(Account).expires_at is None

    def test_does_nothing_too_early(self) -> None:
        before = account(holding("points", 5, expires_at=TOMORROW))

        assert decide(expire_lots, ExpireLots(account_id=ACCOUNT), account=before, context=by()).documents == []

    def test_is_refused_for_an_account_that_is_not_there(self) -> None:
        with refused("unknown_account"):
            Shop().say(ExpireLots(account_id="nobody"))


def test_an_account_stays_small_however_much_is_bought() -> None:
    counter = Shop()
    counter.say(ISSUED)
    for number in range(40):
        counter.say(receipt(coffees(1), receipt_number=str(number)))

    assert [len(each.lots) for each in counter.only(Account).holdings] == [1, 1]


class TestVirtualCardIssued:
    EVENT = VirtualCardIssued(card_number=NUMBER, member_id=ANA, category="employee")

    def test_opens_an_account_that_can_be_spent_from(self) -> None:
        said = decide(open_virtual_account, self.EVENT, context=by(version=1))

        known = said.document(Card)
        assert (known.state, known.member_id, known.category) == (CardState.ACTIVE, ANA, "employee")
        assert said.events == [AccountOpened(account_id=known.account_id or "", card_number=NUMBER)]

    def test_forgets_no_block_that_was_heard_of_before(self) -> None:
        lost = CardBlocked(card_number=NUMBER, member_id=ANA, reason="lost")
        blocked = decide(stop_card, lost, context=by(version=2)).document(Card)
        said = decide(open_virtual_account, self.EVENT, card=blocked, context=by(version=1))

        assert said.document(Card).state is CardState.BLOCKED
        assert said.document(Card).account_id is not None

    def test_takes_up_what_was_bought_before_it_was_heard_of(self) -> None:
        shop = Shop()
        shop.say(receipt(coffees(2)))
        shop.say(self.EVENT, version=1)

        assert shop.holding("stamps").balance == 2

    def test_opens_no_second_account(self) -> None:
        assert decide(open_virtual_account, self.EVENT, card=card(), context=by(version=1)).all(Account) == []
