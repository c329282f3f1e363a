"""Purchases that overtake their card."""

from datetime import timedelta

from contracts.cards import CardState
from contracts.rewards import (
    CancelPurchase,
    ConfirmPurchase,
    PurchaseParked,
    PurchaseRecorded,
    PurchaseRefused,
    PurchaseState,
    ResumePurchase,
)
from tests.decisions import NOON, TILL, decide, refused
from tests.workers.rewards.counter import (
    ACCOUNT,
    BUSINESS_DAY,
    ISSUED,
    NUMBER,
    OPERATOR,
    OTHER,
    PURCHASE_ID,
    account,
    by,
    card,
    coffees,
    receipt,
    shop,
)
from workers.rewards.documents import Account, Card, LedgerEntry, Purchase
from workers.rewards.parking import MOST_WAITING
from workers.rewards.purchases import record_purchase

RECEIPT = {"card_number": NUMBER, "store": "s1", "till": "t1", "receipt_number": "17", "business_day": BUSINESS_DAY}
CONFIRM = ConfirmPurchase.model_validate(RECEIPT)
CANCEL = CancelPurchase.model_validate(RECEIPT)


class TestParking:
    def test_keeps_a_purchase_that_overtakes_its_card(self) -> None:
        counter = shop(issued=False)
        said = counter.say(receipt())

        assert said == [
            PurchaseParked(purchase_id=PURCHASE_ID, card_number=NUMBER, ends_at=NOON + timedelta(seconds=300))
        ]

    def test_takes_it_up_when_the_card_is_known(self) -> None:
        counter = shop(issued=False)
        counter.say(receipt())
        counter.say(receipt(coffees(1), receipt_number="18"))
        said = counter.say(ISSUED, OPERATOR)

        assert [type(each) for each in said if isinstance(each, PurchaseRecorded)] == [PurchaseRecorded] * 2
        assert counter.holding("stamps").balance == 3
        assert counter.only(Card).waiting == ()
        assert {entry.actor for entry in counter.all(LedgerEntry)} == {TILL}
        assert {each.awaited_card for each in counter.all(Purchase)} == {None}

    def test_answers_repeats_while_it_waits_and_keeps_the_newest_content(self) -> None:
        counter = shop(issued=False)
        counter.say(receipt())
        counter.say(receipt())
        counter.say(receipt(coffees(5)))
        late = counter.say(receipt())
        counter.say(ISSUED)

        assert isinstance(late[0], PurchaseParked)
        assert counter.holding("stamps").balance == 5

    def test_refuses_it_when_nobody_issues_the_card(self) -> None:
        counter = shop(issued=False)
        counter.say(receipt())
        said = counter.wait(timedelta(seconds=301))

        assert said == [PurchaseRefused(purchase_id=PURCHASE_ID, card_number=NUMBER, code="unknown_card")]
        assert counter.all(Purchase) == []
        assert counter.all(Card) == []

    def test_refuses_it_when_the_card_is_blocked_by_then(self) -> None:
        counter = shop(issued=False)
        counter.say(receipt())
        counter.view.loaded((Card, NUMBER), card(CardState.BLOCKED, blocked_at=NOON - timedelta(days=1)))
        counter.view.loaded((Account, ACCOUNT), account())
        said = counter.say(ResumePurchase(card_number=NUMBER, purchase_id=PURCHASE_ID))

        assert said == [PurchaseRefused(purchase_id=PURCHASE_ID, card_number=NUMBER, code="card_blocked")]

    def test_is_not_resumed_twice_nor_by_another_card(self) -> None:
        counter = shop(issued=False)
        counter.say(receipt())

        assert counter.say(ResumePurchase(card_number=OTHER, purchase_id=PURCHASE_ID)) == []
        assert counter.say(ResumePurchase(card_number=NUMBER, purchase_id=PURCHASE_ID)) == []
        counter.say(ISSUED)
        assert counter.say(ResumePurchase(card_number=NUMBER, purchase_id=PURCHASE_ID)) == []

    def test_may_be_confirmed_or_cancelled_while_it_waits(self) -> None:
        counter = shop(issued=False)
        counter.say(receipt(stage="pending"))
        counter.say(receipt(stage="pending", receipt_number="18"))
        counter.say(CONFIRM)
        counter.say(CANCEL.model_copy(update={"receipt_number": "18"}))
        counter.say(ISSUED)

        assert counter.holding("stamps").balance == 2
        assert counter.only(Purchase).state is PurchaseState.CONFIRMED

    def test_is_refused_on_another_unknown_card(self) -> None:
        counter = shop(issued=False)
        counter.say(receipt())
        with refused("purchase_of_another_card"):
            counter.say(receipt(card_number=OTHER))

    def test_is_bounded(self) -> None:
        full = Card(id=NUMBER, waiting=tuple(str(each) for each in range(MOST_WAITING)))
        with refused("unknown_card"):
            decide(record_purchase, receipt(), card=full, context=by())
