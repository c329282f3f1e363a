"""Sentences of the rules that no test of one message tells whole."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.adjustments import AdjustmentUndone
from contracts.cards import CardBlocked, CardDeleted, CardIssued, CardKind, CardLinked, CardReplaced
from contracts.corrections import UndoRefund
from contracts.programme.adjustments import AdjustmentRules, Exceeding
from contracts.programme.earning import Cap
from contracts.programme.offers import Campaign
from contracts.programme.periods import Period
from contracts.programme.rewards import RewardOffer, RewardRules, Shortfall
from contracts.rewards import CancelPurchase, PurchaseRecorded, PurchaseRepeated, RedeemReward, RefundLine, RemoveReward
from contracts.tiers import AssignTier, TierChanged
from runtime.documents import Document, Erase
from runtime.store import Reader
from tests.decisions import NOON, TILL, refused
from tests.workers.memory_reader import MemoryReader
from tests.workers.rewards.counter import (
    ANA,
    BUSINESS_DAY,
    ISSUED,
    NUMBER,
    OPERATOR,
    OTHER,
    PROGRAMME,
    RULES,
    Shop,
    adjust,
    coffees,
    receipt,
    refund,
    shop,
    undo,
)
from tests.workers.rewards.model_rules import model_rules
from workers.rewards import worker
from workers.rewards.adjustment_documents import Adjustment
from workers.rewards.documents import Cause, Holding, LedgerEntry, Lot, Reward, Terms
from workers.rewards.ledger import Tally
from workers.rewards.views import RewardsViews

STAMPS = "stamps"
LINKED = CardLinked(card_number=NUMBER, member_id=ANA, category="normal")


def reader(of: Shop) -> Reader:
    """What the shop's worker keeps, as views read it."""
    kept: list[Document] = [each for kind in worker.documents.values() for each in of.all(kind)]
    return MemoryReader(kept)


class TestCards:
    async def test_history_goes_with_a_replacement_card(self) -> None:
        counter = shop()
        counter.say(LINKED)
        counter.say(receipt(coffees(12)))
        counter.say(RedeemReward(card_number=NUMBER, reward="coffee"))
        counter.say(adjust(5), OPERATOR)
        counter.say(CardIssued(card_number=OTHER, kind=CardKind.PHYSICAL, category="normal"))
        counter.say(receipt(coffees(1), card_number=OTHER, receipt_number="18"))
        counter.say(CardBlocked(card_number=NUMBER, member_id=ANA, reason="lost"))
        place = {"new_card_number": OTHER, "first_card_number": NUMBER, "stopped_at": NOON}
        counter.say(CardReplaced(card_number=NUMBER, member_id=ANA, **place))

        views = RewardsViews(reader(counter))
        account = await views.account(OTHER)
        assert account is not None
        assert {each.receipt_number for each in await views.purchases(account.id)} == {"17", "18"}
        assert [each.reward for each in await views.rewards(account.id)] == ["coffee"]
        assert [each.amount for each in await views.adjustments(account.id)] == [5]
        assert {each.id for each in await views.ledger(account.id)} == {each.id for each in counter.all(LedgerEntry)}


class TestPurchases:
    @pytest.mark.parametrize(
        "other", [{"store": "s2"}, {"till": "t2"}, {"receipt_number": "18"}, {"business_day": "2026-11-21"}]
    )
    def test_store_till_receipt_number_and_business_day_are_the_business_key(self, other: dict[str, Any]) -> None:
        counter = shop()
        counter.say(receipt())
        (same,) = counter.say(receipt())
        (said,) = counter.say(receipt(**other))

        assert isinstance(same, PurchaseRepeated)
        assert isinstance(said, PurchaseRecorded)
        assert counter.holding(STAMPS).balance == 4

    @settings(max_examples=40, deadline=None)
    @given(
        quantity=st.integers(2, 9),
        price=st.integers(0, 3_000),
        order=st.permutations(range(9)),
        back=st.lists(st.integers(0, 900), min_size=9, max_size=9),
    )
    def test_partial_refunds_never_take_back_more_than_was_earned_and_the_last_takes_the_remainder(
        self, quantity: int, price: int, order: list[int], back: list[int]
    ) -> None:
        counter = shop()
        counter.say(receipt(coffees(quantity, price)))
        earned = {unit: counter.holding(unit).balance for unit in (STAMPS, "points")}
        left = price
        for place in [each for each in order if each < quantity]:
            part = min(left, back[place])
            left -= part
            counter.say(refund(RefundLine(line=1, quantity=1, price_minor=part), refund_number=f"r{place}"))
            for unit, amount in earned.items():
                assert 0 <= counter.holding(unit).balance <= amount

        assert [counter.holding(unit).balance for unit in earned] == [0, 0]
        taken = [each for each in counter.all(LedgerEntry) if each.cause is Cause.REFUND]
        assert sum(each.amount for each in taken) == -sum(earned.values())

    @settings(max_examples=20, deadline=None)
    @given(st.permutations([1, 2, 3, 4, 5]))
    def test_offline_receipts_come_to_what_they_would_oldest_first_whatever_order_they_come_in(
        self, order: list[int]
    ) -> None:
        capped = RULES.earning[0].model_copy(update={"caps": (Cap(per=Period.DAY, amount=6),)})
        rules = RULES.model_copy(update={"earning": (capped, RULES.earning[1])})
        counter = Shop(PROGRAMME.model_copy(update={"rewards": rules}))
        counter.say(ISSUED)
        for hours in order:
            at = NOON - timedelta(hours=hours)
            counter.say(receipt(coffees(hours), receipt_number=str(hours), purchased_at=at, is_offline=True))

        assert (counter.holding(STAMPS).balance, counter.holding("points").balance) == (6, 51)

    def test_another_content_that_earns_as_much_with_other_dates_moves_it_there(self) -> None:
        counter = Shop(PROGRAMME.model_copy(update={"rewards": model_rules(Shortfall.DEBT, Exceeding.REFUSE)}))
        counter.say(ISSUED)
        cake = coffees(1, 0).model_copy(update={"category": "food"})
        counter.say(receipt(cake))
        (before,) = counter.holding("points").lots
        counter.say(receipt(coffees(1, 300)))

        (after,) = counter.holding("points").lots
        assert (before.amount, before.terms.id) == (3, "2026-12-06/2027-01-22")
        assert (after.amount, after.terms.id) == (3, "2027-11-22")
        entry = next(each for each in counter.all(LedgerEntry) if (each.unit, each.cause) == ("points", Cause.REVISION))
        assert (entry.amount, {part.amount for part in entry.parts}) == (0, {3, -3})

    def test_a_refund_of_a_sale_that_was_cancelled_since_is_not_taken_back(self) -> None:
        counter = shop()
        counter.say(receipt(stage="pending"))
        counter.say(refund())
        key = {"card_number": NUMBER, "store": "s1", "till": "t1", "receipt_number": "17", "business_day": BUSINESS_DAY}
        counter.say(CancelPurchase.model_validate(key))
        by_hand = {**key, "refund_number": "r1", "operator_id": OPERATOR.id, "reason": "mistake"}
        with refused("purchase_already_cancelled"):
            counter.say(UndoRefund.model_validate(by_hand), OPERATOR)

    def test_the_defaults_are_those_of_the_rules(self) -> None:
        fields = RewardRules.model_fields
        assert fields["shortfall"].default is Shortfall.DEBT
        assert fields["offline_spending"].default is False
        assert RewardOffer.model_fields["returns"].default is True
        assert Campaign.model_fields["returns"].default is True
        assert AdjustmentRules().exceeding is Exceeding.REFUSE
        assert AdjustmentRules().capped == (OPERATOR.kind,)


class TestADeletedCard:
    def test_hides_its_points_from_whoever_undoes_something_on_it_or_assigns_a_tier(self) -> None:
        counter = Shop(PROGRAMME.model_copy(update={"rewards": model_rules(Shortfall.DEBT, Exceeding.REFUSE)}))
        counter.say(ISSUED)
        counter.say(LINKED)
        counter.say(adjust(5), OPERATOR)
        counter.say(CardDeleted(card_number=NUMBER, member_id=ANA, stopped_at=NOON))

        (undone,) = counter.say(undo(counter.only(Adjustment)), OPERATOR)
        assigned = counter.say(
            AssignTier(card_number=NUMBER, system="status", tier="gold", holds_until=NOON.date(), note="As promised"),
            OPERATOR,
        )[0]
        assert isinstance(undone, AdjustmentUndone)
        assert isinstance(assigned, TierChanged)
        assert undone.balances == assigned.balances == ()


class TestTheLedger:
    def test_every_movement_says_cause_actor_rule_lot_time_balance_after_and_what_it_undoes(self) -> None:
        counter = shop()
        counter.say(receipt(coffees(2)))
        counter.now += timedelta(hours=1)
        counter.say(refund())

        sale = {each.unit: each for each in counter.all(LedgerEntry) if each.cause is Cause.PURCHASE}
        back = {each.unit: each for each in counter.all(LedgerEntry) if each.cause is Cause.REFUND}
        for unit, rule, lot in ((STAMPS, "coffee_stamp", "never"), ("points", "points_per_euro", "2027-11-22")):
            for entry in (sale[unit], back[unit]):
                assert entry.actor == TILL
                assert [(part.rule, part.lot, part.amount) for part in entry.parts] == [(rule, lot, entry.amount)]
            assert (sale[unit].at, back[unit].at) == (NOON, NOON + timedelta(hours=1))
            assert sale[unit].balance_after == sale[unit].amount
            assert back[unit].balance_after == sale[unit].amount + back[unit].amount == counter.holding(unit).balance
            assert (sale[unit].undoes, back[unit].undoes) == (None, sale[unit].id)

    def test_nothing_is_ever_edited_or_deleted(self) -> None:
        counter = shop()
        counter.say(LINKED)
        counter.say(receipt(coffees(12)))
        kept: dict[str, LedgerEntry] = {}
        counter.say(RedeemReward(card_number=NUMBER, reward="coffee"))
        counter.say(RemoveReward(card_number=NUMBER, reward_id=counter.only(Reward).id, reason="mistake"), OPERATOR)
        counter.say(adjust(5), OPERATOR)
        for message, actor in (
            (undo(counter.only(Adjustment)), OPERATOR),
            (receipt(coffees(11)), TILL),
            (refund(), TILL),
            (RedeemReward(card_number=NUMBER, reward="coffee"), TILL),
        ):
            kept |= {each.id: each for each in counter.all(LedgerEntry)}
            counter.say(message, actor)
            now = {each.id: each for each in counter.all(LedgerEntry)}
            assert {entry_id: now[entry_id] for entry_id in kept} == kept
            assert len(now) > len(kept)

    @pytest.mark.parametrize("what", ["edited", "deleted"])
    def test_a_shop_notices_an_entry_that_is_edited_or_deleted(self, what: str) -> None:
        counter = shop()
        counter.say(receipt())
        entry = counter.all(LedgerEntry)[0]
        change = entry.evolve(amount=entry.amount + 1) if what == "edited" else Erase(LedgerEntry, entry.id)

        with pytest.raises(AssertionError, match="ledger"):
            counter.refuse_rewriting([change])

    def test_expired_units_of_an_account_that_goes_into_another_pay_no_debt_of_it(self) -> None:
        over = Lot(terms=Terms(id="2026-11-21", expires_at=NOON - timedelta(hours=1)), amount=5)
        tally = Tally(Holding(unit=STAMPS, balance=-3, debt=3))
        tally.take_over(Holding(unit=STAMPS, balance=5, lots=(over,)), NOON)

        assert (tally.holding.debt, tally.holding.lots) == (3, (over,))
        assert tally.expire(NOON) == 5
        assert tally.holding.balance == -3
