"""Refunds: partial, whole, too large, again, and before their sale."""

from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from contracts.cards import CardState
from contracts.programme.rewards import Shortfall
from contracts.rewards import (
    PurchaseRecorded,
    PurchaseRefunded,
    PurchaseRepeated,
    PurchaseState,
    RefundLine,
    RefundParked,
    RefundsRefused,
    TakenBack,
)
from tests.decisions import NOON, Told, decide, refused
from tests.workers.rewards.counter import (
    APP,
    ISSUED,
    PURCHASE_ID,
    Shop,
    account,
    by,
    card,
    coffees,
    holding,
    receipt,
    refund,
    shop,
)
from workers.rewards.documents import Account, Cause, LedgerEntry, Purchase, Refund
from workers.rewards.purchases import record_purchase
from workers.rewards.refunds import MOST_REFUNDS, refund_purchase


def sold(**changes: Any) -> dict[str, Any]:
    """What a sale of two coffees left behind."""
    told = decide(record_purchase, receipt(), card=card(), account=account(), context=by())
    return {"card": card(), "purchase": told.document(Purchase), "account": told.document(Account), **changes}


def spent(**rules: Any) -> Told:
    """A refund of one coffee whose stamps and points are gone."""
    purchase = sold()["purchase"]
    empty = account(holding("stamps"), holding("points"))
    return decide(refund_purchase, refund(), card=card(), purchase=purchase, account=empty, context=by(**rules))


class TestRefundPurchase:
    def test_takes_back_what_the_lines_earned(self) -> None:
        said = decide(refund_purchase, refund(), **sold(), context=by())

        event = said.events[0]
        assert isinstance(event, PurchaseRefunded)
        assert event.taken_back == (TakenBack(unit="stamps", amount=1), TakenBack(unit="points", amount=4))
        assert not event.is_whole
        assert {entry.cause for entry in said.all(LedgerEntry)} == {Cause.REFUND}

    def test_links_its_entries_to_those_of_the_sale(self) -> None:
        sale = sold()
        said = decide(refund_purchase, refund(), **sale, context=by())

        assert {each.undoes for each in said.all(LedgerEntry)} == {each.entry_id for each in sale["purchase"].posted}

    def test_takes_the_rest_with_the_last_items_whatever_they_cost(self) -> None:
        counter = shop()
        counter.say(receipt(coffees(2, price_minor=799)))
        for number in ("r1", "r2"):
            counter.say(refund(RefundLine(line=1, quantity=1, price_minor=100), refund_number=number))

        assert counter.holding("points").balance == 0
        assert counter.holding("stamps").balance == 0
        assert counter.only(Purchase).state is PurchaseState.REFUNDED

    def test_goes_by_the_rate_of_the_sale(self) -> None:
        generous = by().programme.rewards.earning[1]
        rate = generous.rate.model_copy(update={"amount": 100})
        now = by(earning=(generous.model_copy(update={"rate": rate}),))
        said = decide(refund_purchase, refund(), **sold(), context=now)

        assert said.document(Account).holding("points").balance == 3

    def test_of_a_pending_purchase_takes_from_what_is_pending(self) -> None:
        counter = shop()
        counter.say(receipt(stage="pending"))
        counter.say(refund())

        assert counter.holding("stamps").pending == 1
        assert counter.holding("stamps").balance == 0

    def test_makes_a_debt_of_what_was_spent(self) -> None:
        event = spent().events[0]

        assert isinstance(event, PurchaseRefunded)
        assert event.taken_back[1] == TakenBack(unit="points", amount=4, owed=4)
        assert [(each.available, each.debt) for each in event.balances] == [(0, 1), (0, 4)]

    def test_or_a_negative_balance(self) -> None:
        event = spent(shortfall=Shortfall.NEGATIVE).events[0]

        assert isinstance(event, PurchaseRefunded)
        assert [(each.available, each.debt) for each in event.balances] == [(-1, 0), (-4, 0)]

    def test_or_waives_it_and_says_so(self) -> None:
        said = spent(shortfall=Shortfall.WAIVE)

        assert [entry.forgone for entry in said.all(LedgerEntry)] == [1, 4]
        assert said.document(Account).holding("points").balance == 0

    def test_debt_is_paid_by_the_next_earnings(self) -> None:
        indebted = account(holding("points", debt=4, balance=-4))
        said = decide(record_purchase, receipt(), card=card(), account=indebted, context=by())

        points = said.document(Account).holding("points")
        assert (points.balance, points.debt, points.lots[0].amount) == (3, 0, 3)

    def test_takes_nothing_for_what_has_expired(self) -> None:
        counter = shop()
        counter.say(receipt())
        counter.wait(timedelta(days=370))
        counter.say(receipt(receipt_number="18", purchased_at=counter.now))
        counter.say(refund(refunded_at=counter.now))

        assert counter.holding("points").balance == 7
        assert counter.holding("stamps").balance == 3

    def test_again_changes_nothing(self) -> None:
        counter = shop()
        counter.say(receipt())
        counter.say(refund())
        said = counter.say(refund())

        assert isinstance(said[0], PurchaseRepeated)
        assert counter.holding("stamps").balance == 1

    def test_works_on_a_blocked_card(self) -> None:
        said = decide(refund_purchase, refund(), **sold(card=card(CardState.BLOCKED)), context=by())

        assert isinstance(said.events[0], PurchaseRefunded)

    def test_is_refused_with_other_lines_under_the_same_number(self) -> None:
        counter = shop()
        counter.say(receipt())
        counter.say(refund())
        with refused("refund_changed"):
            counter.say(refund(RefundLine(line=1, quantity=2, price_minor=700)))

    def test_is_refused_for_more_than_was_sold(self) -> None:
        with refused("refund_exceeds_sale", line=1, items=2, price_minor=700):
            decide(refund_purchase, refund(RefundLine(line=1, quantity=3, price_minor=700)), **sold(), context=by())

    def test_is_refused_for_a_line_that_is_not_there(self) -> None:
        with refused("unknown_line", line=9):
            decide(refund_purchase, refund(RefundLine(line=9, quantity=1, price_minor=1)), **sold(), context=by())

    def test_is_refused_on_another_card(self) -> None:
        with refused("purchase_of_another_card"):
            decide(
                refund_purchase,
                refund(),
                **sold(card=card(account_id="account-2"), account=account(id="account-2")),
                context=by(),
            )

    def test_is_refused_on_an_unknown_card(self) -> None:
        with refused("unknown_card"):
            decide(refund_purchase, refund(), **sold(card=None), context=by())

    def test_is_refused_once_cancelled(self) -> None:
        cancelled = sold()["purchase"].evolve(state=PurchaseState.CANCELLED)
        with refused("purchase_already_cancelled"):
            decide(refund_purchase, refund(), **sold(purchase=cancelled), context=by())

    def test_is_refused_after_too_many(self) -> None:
        many = tuple(
            Refund(number=str(each), refunded_at=NOON, lines=(), actor=by().actor) for each in range(MOST_REFUNDS)
        )
        with refused("too_many_refunds", most=MOST_REFUNDS):
            decide(refund_purchase, refund(), **sold(purchase=sold()["purchase"].evolve(refunds=many)), context=by())

    def test_is_refused_by_who_may_not(self) -> None:
        with refused("actor_not_allowed", actor="app"):
            decide(refund_purchase, refund(), **sold(), context=by(APP))

    def test_must_bring_something_back(self) -> None:
        with pytest.raises(ValidationError, match="items or money"):
            refund(RefundLine(line=1, quantity=0, price_minor=0))


class TestRefundBeforeItsSale:
    def test_waits_and_is_joined_when_the_sale_comes(self) -> None:
        counter = shop()
        first = counter.say(refund())
        again = counter.say(refund())
        said = counter.say(receipt())

        assert isinstance(first[0], RefundParked)
        assert first == again
        event = said[0]
        assert isinstance(event, PurchaseRecorded)
        assert event.earned[0].amount == 2
        assert event.taken_back == (TakenBack(unit="stamps", amount=1), TakenBack(unit="points", amount=4))
        assert counter.holding("stamps").balance == 1

    def test_waits_even_for_a_card_that_nobody_knows(self) -> None:
        counter = Shop()
        counter.say(refund())
        counter.say(receipt())
        counter.say(ISSUED)

        assert counter.holding("stamps").balance == 1

    def test_goes_on_waiting_when_its_parked_sale_is_refused(self) -> None:
        counter = Shop()
        counter.say(refund())
        counter.say(receipt())
        counter.wait(timedelta(seconds=301))
        counter.say(ISSUED)
        counter.say(receipt())

        assert counter.holding("stamps").balance == 1

    def test_is_refused_in_the_end(self) -> None:
        counter = shop()
        counter.say(refund())
        said = counter.wait(timedelta(days=31))

        assert [each for each in said if isinstance(each, RefundsRefused)] == [
            RefundsRefused(purchase_id=PURCHASE_ID, refund_numbers=("r1",), code="unknown_purchase")
        ]
        assert counter.all(Purchase) == []
