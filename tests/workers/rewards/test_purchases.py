"""Recording, repeating, revising, confirming and cancelling purchases."""

from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from contracts.cards import CardState
from contracts.rewards import (
    Earned,
    PurchaseConfirmed,
    PurchaseRecorded,
    PurchaseRepeated,
    PurchaseRevised,
    PurchaseState,
    Stage,
    UnitBalance,
    UnitChange,
)
from runtime.mongo import to_raw
from tests.decisions import NOON, TILL, decide, refused
from tests.workers.rewards.counter import (
    ACCOUNT,
    ANA,
    APP,
    BUSINESS_DAY,
    NUMBER,
    PURCHASE_ID,
    account,
    by,
    card,
    coffees,
    receipt,
    recorded_purchase,
    shop,
)
from workers.rewards.documents import Account, Cause, LedgerEntry, Purchase
from workers.rewards.purchases import record_purchase
from workers.rewards.receipts import MOST_REVISIONS


class TestRecordPurchase:
    def test_earns_and_says_why(self) -> None:
        said = decide(record_purchase, receipt(), card=card(), account=account(), context=by())

        assert said.events == [
            PurchaseRecorded(
                account_id=ACCOUNT,
                card_number=NUMBER,
                member_id=ANA,
                purchase_id=PURCHASE_ID,
                stage=Stage.CONFIRMED,
                earned=(
                    Earned(rule="coffee_stamp", unit="stamps", amount=2, lines=(1,)),
                    Earned(rule="points_per_euro", unit="points", amount=7, lines=(1,)),
                ),
                balances=(UnitBalance(unit="stamps", available=2), UnitBalance(unit="points", available=7)),
            )
        ]

    def test_writes_one_entry_for_each_unit_with_cause_actor_and_balance(self) -> None:
        said = decide(record_purchase, receipt(), card=card(), account=account(), context=by())

        stamps, points = said.all(LedgerEntry)
        assert (stamps.unit, stamps.amount, stamps.balance_after, stamps.cause) == ("stamps", 2, 2, Cause.PURCHASE)
        assert (points.unit, points.amount, points.actor, points.at) == ("points", 7, TILL, NOON)
        assert points.parts[0].rule == "points_per_euro"

    def test_keeps_no_card_and_no_member_in_purchase_and_ledger(self) -> None:
        said = decide(record_purchase, receipt(), card=card(), account=account(), context=by())

        for document in (said.document(Purchase), *said.all(LedgerEntry)):
            assert NUMBER not in str(to_raw(document))
            assert ANA not in str(to_raw(document))

    def test_earns_on_a_card_that_is_to_issue(self) -> None:
        waiting = card(CardState.TO_ISSUE, member_id=None)
        said = decide(record_purchase, receipt(), card=waiting, account=account(), context=by())

        assert said.document(Account).holding("stamps").balance == 2

    def test_of_a_pending_purchase_promises_only(self) -> None:
        said = decide(record_purchase, receipt(stage="pending"), card=card(), account=account(), context=by())

        assert said.document(Account).holding("points").pending == 7
        assert said.document(Account).holding("points").balance == 0
        assert said.document(Purchase).due_at == NOON + timedelta(days=1)

    def test_answers_a_repeat_the_same_and_changes_nothing(self) -> None:
        before = recorded_purchase()
        said = decide(record_purchase, receipt(), card=card(), purchase=before, account=account(), context=by())

        assert said.documents == []
        assert isinstance(said.events[0], PurchaseRepeated)
        assert said.events[0].earned[0].amount == 2
        assert said.events[0].balances == before.balances

    def test_takes_the_same_instant_with_another_offset_and_microseconds_for_the_same(self) -> None:
        at = "2026-11-22T13:00:00.000400+01:00"
        said = decide(
            record_purchase,
            receipt(purchased_at=at),
            card=card(),
            purchase=recorded_purchase(),
            account=account(),
            context=by(),
        )

        assert isinstance(said.events[0], PurchaseRepeated)

    def test_applies_only_the_difference_of_another_content(self) -> None:
        counter = shop()
        counter.say(receipt())
        said = counter.say(receipt(coffees(5)))

        assert isinstance(said[0], PurchaseRevised)
        assert said[0].changes == (UnitChange(unit="stamps", amount=3), UnitChange(unit="points", amount=10))
        assert counter.holding("stamps").balance == 5
        assert counter.all(LedgerEntry)[-1].purchase_id == PURCHASE_ID

    def test_takes_what_it_once_was_for_a_late_repeat_unless_the_revision_is_counted_up(self) -> None:
        counter = shop()
        counter.say(receipt(coffees(2)))
        counter.say(receipt(coffees(5)))
        late = counter.say(receipt(coffees(2)))
        meant = counter.say(receipt(coffees(2), revision=1))

        assert isinstance(late[0], PurchaseRepeated)
        assert isinstance(meant[0], PurchaseRevised)
        assert counter.holding("stamps").balance == 2

    def test_revises_by_the_category_that_the_card_had(self) -> None:
        before = recorded_purchase(card_category="normal")
        said = decide(
            record_purchase,
            receipt(coffees(3)),
            card=card(category="employee"),
            purchase=before,
            account=account(),
            context=by(),
        )

        assert said.document(Purchase).card_category == "normal"

    def test_confirms_a_pending_purchase(self) -> None:
        counter = shop()
        counter.say(receipt(stage="pending"))
        said = counter.say(receipt())

        assert isinstance(said[0], PurchaseConfirmed)
        assert counter.holding("points").balance == 7
        assert counter.holding("points").pending == 0

    def test_never_takes_a_confirmation_back(self) -> None:
        counter = shop()
        counter.say(receipt())
        said = counter.say(receipt(stage="pending"))

        assert isinstance(said[0], PurchaseRepeated)
        assert counter.only(Purchase).state is PurchaseState.CONFIRMED

    def test_earns_by_the_rules_of_its_day(self) -> None:
        rule = by().programme.rewards.earning[0]
        past = rule.model_copy(update={"ends_on": BUSINESS_DAY - timedelta(days=1)})
        rules = by(earning=(past,))
        late = receipt(purchased_at=NOON - timedelta(days=1), is_offline=True)

        assert decide(record_purchase, receipt(), card=card(), account=account(), context=rules).all(LedgerEntry) == []
        assert len(decide(record_purchase, late, card=card(), account=account(), context=rules).all(LedgerEntry)) == 1

    def test_is_refused_on_a_blocked_card(self) -> None:
        with refused("card_blocked"):
            decide(record_purchase, receipt(), card=card(CardState.BLOCKED), account=account(), context=by())

    def test_counts_offline_receipts_from_before_the_block(self) -> None:
        blocked = card(CardState.BLOCKED, blocked_at=NOON)
        late = receipt(purchased_at=NOON - timedelta(hours=1), is_offline=True)

        assert decide(record_purchase, late, card=blocked, account=account(), context=by()).all(LedgerEntry)
        with refused("card_blocked"):
            decide(record_purchase, receipt(is_offline=True), card=blocked, account=account(), context=by())

    def test_is_refused_on_a_replaced_card(self) -> None:
        with refused("card_replaced"):
            decide(record_purchase, receipt(), card=card(CardState.REPLACED), account=account(), context=by())

    def test_is_refused_in_another_currency(self) -> None:
        with refused("currency_not_accepted", currency="USD", accepted="EUR"):
            decide(record_purchase, receipt(currency="USD"), card=card(), account=account(), context=by())

    def test_is_refused_from_the_future(self) -> None:
        with refused("purchased_in_future"):
            late = receipt(purchased_at=NOON + timedelta(days=2))
            decide(record_purchase, late, card=card(), account=account(), context=by())

    def test_is_refused_by_who_may_not(self) -> None:
        with refused("actor_not_allowed", actor="app"):
            decide(record_purchase, receipt(), card=card(), account=account(), context=by(APP))

    def test_is_refused_when_the_receipt_is_anothers(self) -> None:
        with refused("purchase_of_another_card"):
            decide(
                record_purchase,
                receipt(),
                card=card(),
                purchase=recorded_purchase(account_id="account-2"),
                account=account(),
                context=by(),
            )

    def test_is_refused_with_other_content_once_cancelled(self) -> None:
        before = recorded_purchase(state=PurchaseState.CANCELLED)
        with refused("purchase_already_cancelled"):
            decide(record_purchase, receipt(coffees(9)), card=card(), purchase=before, account=account(), context=by())

    def test_is_refused_after_too_many_revisions(self) -> None:
        before = recorded_purchase(superseded=("x",) * MOST_REVISIONS)
        with refused("too_many_revisions", most=MOST_REVISIONS):
            decide(record_purchase, receipt(coffees(9)), card=card(), purchase=before, account=account(), context=by())

    def test_needs_each_line_number_once(self) -> None:
        with pytest.raises(ValidationError, match="a line number stands there twice"):
            receipt(coffees(1), coffees(2))


def test_the_business_key_keeps_its_parts_apart() -> None:
    assert receipt(store="a", till="b/c").purchase_id != receipt(store="a/b", till="c").purchase_id
    assert receipt(purchased_at=datetime(2026, 1, 1, tzinfo=UTC)).purchase_id == PURCHASE_ID
