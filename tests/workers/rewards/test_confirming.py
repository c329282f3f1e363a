"""Confirming and cancelling pending purchases, and what becomes of those that nobody ends."""

from datetime import timedelta

from contracts.cards import CardState
from contracts.messages import Event
from contracts.rewards import (
    CancelPurchase,
    ConfirmPurchase,
    PurchaseCancelled,
    PurchaseConfirmed,
    PurchaseRepeated,
    PurchaseState,
)
from tests.decisions import decide, refused
from tests.workers.rewards.counter import (
    BUSINESS_DAY,
    NUMBER,
    account,
    by,
    card,
    receipt,
    recorded_purchase,
    shop,
)
from workers.rewards.documents import Account, Purchase
from workers.rewards.purchases import cancel_purchase, confirm_purchase, record_purchase

RECEIPT = {"card_number": NUMBER, "store": "s1", "till": "t1", "receipt_number": "17", "business_day": BUSINESS_DAY}
CONFIRM = ConfirmPurchase.model_validate(RECEIPT)
CANCEL = CancelPurchase.model_validate(RECEIPT)


class TestConfirmPurchase:
    def test_lets_what_was_pending_count_even_if_the_card_was_blocked_since(self) -> None:
        pending = decide(record_purchase, receipt(stage="pending"), card=card(), account=account(), context=by())
        said = decide(
            confirm_purchase,
            CONFIRM,
            card=card(CardState.BLOCKED),
            purchase=pending.document(Purchase),
            account=pending.document(Account),
            context=by(),
        )

        assert isinstance(said.events[0], PurchaseConfirmed)
        assert said.document(Account).holding("points").balance == 7

    def test_again_changes_nothing(self) -> None:
        said = decide(
            confirm_purchase, CONFIRM, card=card(), purchase=recorded_purchase(), account=account(), context=by()
        )

        assert said.documents == []
        assert isinstance(said.events[0], PurchaseRepeated)

    def test_is_refused_once_cancelled(self) -> None:
        cancelled = recorded_purchase(state=PurchaseState.CANCELLED, is_confirmed=False)
        with refused("purchase_already_cancelled"):
            decide(confirm_purchase, CONFIRM, card=card(), purchase=cancelled, account=account(), context=by())

    def test_is_refused_when_unknown(self) -> None:
        counter = shop()
        with refused("unknown_purchase"):
            counter.say(CONFIRM)

    def test_is_refused_when_only_a_refund_is_known(self) -> None:
        awaited = recorded_purchase(state=PurchaseState.AWAITED, account_id=None)
        with refused("unknown_purchase"):
            decide(confirm_purchase, CONFIRM, card=card(), purchase=awaited, context=by())

    def test_is_refused_on_another_card(self) -> None:
        with refused("purchase_of_another_card"):
            decide(
                confirm_purchase,
                CONFIRM,
                card=card(account_id="account-2"),
                purchase=recorded_purchase(),
                account=account(id="account-2"),
                context=by(),
            )


class TestCancelPurchase:
    def test_ends_a_pending_purchase(self) -> None:
        counter = shop()
        counter.say(receipt(stage="pending"))
        said = counter.say(CANCEL)
        again = counter.say(CANCEL)

        assert isinstance(said[0], PurchaseCancelled)
        assert counter.holding("points").pending == 0
        assert isinstance(again[0], PurchaseRepeated)

    def test_is_refused_once_confirmed(self) -> None:
        with refused("purchase_already_confirmed"):
            decide(cancel_purchase, CANCEL, card=card(), purchase=recorded_purchase(), account=account(), context=by())


class TestEndPurchase:
    def test_cancels_what_nobody_confirmed_in_time(self) -> None:
        counter = shop()
        counter.say(receipt(stage="pending"))

        assert counter.wait(timedelta(hours=23)) == []
        said = [each for each in counter.wait(timedelta(hours=1)) if isinstance(each, Event)]
        assert isinstance(said[0], PurchaseCancelled)
        assert said[0].is_overdue
        assert counter.only(Purchase).state is PurchaseState.CANCELLED
        assert counter.wait(timedelta(days=1)) == []
