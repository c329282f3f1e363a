"""Purchases that overtake their card."""

from datetime import timedelta

from contracts.cards import CardState
from contracts.messages import Command
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
    Shop,
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
from workers.rewards.receipts import MOST_REVISIONS

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


def overtaken(*said: Command) -> Shop:
    """A shop where this waited for a card that has an account by now, but hears late that it is to be taken up."""
    counter = shop(issued=False)
    for each in said:
        counter.say(each)
    counter.view.loaded((Card, NUMBER), card())
    counter.view.loaded((Account, ACCOUNT), account())
    return counter


class TestBeforeWhatWaitedIsTakenUp:
    resume = ResumePurchase(card_number=NUMBER, purchase_id=PURCHASE_ID)

    def test_a_repeat_does_not_forget_that_the_purchase_is_paid_for(self) -> None:
        counter = overtaken(receipt(stage="pending"), CONFIRM)
        counter.say(receipt(stage="pending"))
        counter.say(self.resume)
        counter.wait(timedelta(days=2))

        assert counter.only(Purchase).state is PurchaseState.CONFIRMED
        assert counter.holding("stamps").balance == 2

    def test_a_repeat_confirms_it(self) -> None:
        counter = overtaken(receipt(stage="pending"))
        counter.say(receipt())
        assert counter.only(Purchase).state is PurchaseState.CONFIRMED

    def test_a_late_repeat_of_an_older_content_does_not_count(self) -> None:
        counter = overtaken(receipt(), receipt(coffees(5)))
        (told,) = [each for each in counter.say(receipt()) if isinstance(each, PurchaseRecorded)]
        counter.say(self.resume)

        assert {each.unit: each.amount for each in told.earned} == {"stamps": 5, "points": 17}
        assert counter.holding("stamps").balance == 5

    def test_a_newer_content_counts_and_what_waited_is_an_older_one(self) -> None:
        counter = overtaken(receipt(stage="pending"), CONFIRM)
        counter.say(receipt(coffees(5), stage="pending"))
        counter.say(self.resume)
        counter.say(receipt())

        assert (counter.only(Purchase).state, counter.only(Purchase).versions) == (PurchaseState.CONFIRMED, 2)
        assert counter.holding("stamps").balance == 5

    def test_contents_are_bounded(self) -> None:
        waits = overtaken(receipt()).only(Purchase)
        full = waits.evolve(superseded=tuple(str(each) for each in range(MOST_REVISIONS)))
        with refused("too_many_revisions", most=MOST_REVISIONS):
            decide(
                record_purchase,
                receipt(coffees(5)),
                card=card(),
                account=account(),
                purchase=full,
                context=by(),
            )

    def test_another_card_does_not_get_it(self) -> None:
        counter = shop()
        counter.say(receipt(card_number=OTHER))
        with refused("purchase_of_another_card"):
            counter.say(receipt())
        assert counter.only(Purchase).awaited_card == OTHER
