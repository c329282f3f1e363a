"""Random histories: whatever happens in whatever order, the ledger adds up and nothing is taken that was not given."""

from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from contracts.cards import CardBlocked, CardIssued, CardKind, CardLinked, CardUnblocked
from contracts.corrections import UndoCancellation, UndoRefund
from contracts.messages import Command, Event
from contracts.programme.rewards import Shortfall
from contracts.rewards import (
    CancelPurchase,
    ConfirmPurchase,
    PurchaseLine,
    PurchaseRepeated,
    PurchaseState,
    RedeemReward,
    RefundLine,
    RemoveReward,
    Stage,
    UseReward,
)
from runtime.decisions import Refused
from tests.decisions import TILL
from tests.workers.rewards.counter import ANA, BUSINESS_DAY, NUMBER, OPERATOR, PROGRAMME, RULES, Shop, receipt, refund
from workers.rewards.booking import shares
from workers.rewards.documents import Cause, LedgerEntry, Purchase, Reward

RECEIPTS = st.sampled_from(["1", "2", "3"])
LINES = st.lists(
    st.builds(
        lambda quantity, price, is_coffee: (quantity, price, is_coffee),
        st.integers(1, 12),
        st.integers(0, 9_000),
        st.booleans(),
    ),
    min_size=1,
    max_size=3,
).map(
    lambda rows: tuple(
        PurchaseLine(
            line=number, product="p", category="coffee" if is_coffee else None, quantity=quantity, price_minor=price
        )
        for number, (quantity, price, is_coffee) in enumerate(rows, 1)
    )
)
BACK = st.lists(
    st.builds(RefundLine, line=st.integers(1, 3), quantity=st.integers(1, 6), price_minor=st.integers(0, 3_000)),
    min_size=1,
    max_size=2,
    unique_by=lambda line: line.line,
).map(tuple)
SLOW = RULES.earning[1].model_copy(
    update={"code": "slow_points", "available_after_days": 14, "expires_after_months": 2}
)


TAKEN_BACK = (Cause.REFUND, Cause.REFUND_UNDONE, Cause.CANCELLATION, Cause.CANCELLATION_UNDONE)


class Histories(RuleBasedStateMachine):
    """One card and three receipts, of which everything is said at any time, several times."""

    @initialize(shortfall=st.sampled_from(Shortfall), has_card=st.booleans())
    def open(self, shortfall: Shortfall, has_card: bool) -> None:
        rules = RULES.model_copy(
            update={"shortfall": shortfall, "earning": (*RULES.earning, SLOW), "refund_wait_seconds": 9_000_000}
        )
        self.shop = Shop(PROGRAMME.model_copy(update={"rewards": rules}))
        if has_card:
            self.issue()

    def say(self, message: Command | Event, **changes: Any) -> list[Event | Command]:
        try:
            return self.shop.say(message, changes.get("actor", TILL))
        except Refused:
            return []

    @rule()
    def issue(self) -> None:
        self.say(CardIssued(card_number=NUMBER, kind=CardKind.PHYSICAL, category="normal"))
        self.say(CardLinked(card_number=NUMBER, member_id=ANA, category="normal"))

    @rule(is_stopped=st.booleans())
    def block(self, is_stopped: bool) -> None:
        kind = CardBlocked if is_stopped else CardUnblocked
        self.say(kind(card_number=NUMBER, member_id=ANA, reason="lost"))

    @rule(number=RECEIPTS, lines=LINES, stage=st.sampled_from(Stage), days=st.integers(0, 40))
    def record(self, number: str, lines: tuple[PurchaseLine, ...], stage: Stage, days: int) -> None:
        at = self.shop.now - timedelta(days=days)
        command = receipt(*lines, receipt_number=number, stage=stage, purchased_at=at, is_offline=True)
        self.say(command)
        entries = len(self.shop.all(LedgerEntry))
        self.say(command)
        assert len(self.shop.all(LedgerEntry)) == entries

    @rule(number=RECEIPTS)
    def confirm(self, number: str) -> None:
        self.say(ConfirmPurchase.model_validate(self.key(number)))

    @rule(number=RECEIPTS)
    def cancel(self, number: str) -> None:
        self.say(CancelPurchase.model_validate(self.key(number)))

    @rule(number=RECEIPTS, lines=BACK, refund_number=st.sampled_from(["r1", "r2", "r3"]))
    def refund(self, number: str, lines: tuple[RefundLine, ...], refund_number: str) -> None:
        command = refund(*lines, receipt_number=number, refund_number=refund_number)
        self.say(command)
        entries = len(self.shop.all(LedgerEntry))
        self.say(command)
        assert len(self.shop.all(LedgerEntry)) == entries

    @rule(number=RECEIPTS, refund_number=st.sampled_from(["r1", "r2", "r3"]))
    def undo_refund(self, number: str, refund_number: str) -> None:
        why = {"operator_id": OPERATOR.id, "reason": "mistake"}
        command = UndoRefund.model_validate({**self.key(number), **why, "refund_number": refund_number})
        self.say(command, actor=OPERATOR)
        assert not self.say(command, actor=OPERATOR), "twice"

    @rule(number=RECEIPTS)
    def undo_cancellation(self, number: str) -> None:
        why = {"operator_id": OPERATOR.id, "reason": "mistake"}
        command = UndoCancellation.model_validate({**self.key(number), **why})
        self.say(command, actor=OPERATOR)
        assert not self.say(command, actor=OPERATOR), "twice"

    @rule(reward=st.sampled_from(["coffee", "cake"]))
    def redeem(self, reward: str) -> None:
        self.say(RedeemReward(card_number=NUMBER, reward=reward))

    @rule(is_used=st.booleans(), data=st.data())
    def end_reward(self, is_used: bool, data: st.DataObject) -> None:
        rewards = self.shop.all(Reward)
        if rewards:
            reward_id = data.draw(st.sampled_from(rewards)).id
            use = UseReward(card_number=NUMBER, reward_id=reward_id)
            self.say(
                use if is_used else RemoveReward(card_number=NUMBER, reward_id=reward_id, reason="x"), actor=OPERATOR
            )

    @rule(hours=st.sampled_from([1, 25, 15 * 24, 70 * 24, 400 * 24]))
    def wait(self, hours: int) -> None:
        self.shop.wait(timedelta(hours=hours))

    def key(self, number: str) -> dict[str, Any]:
        return {
            "card_number": NUMBER,
            "store": "s1",
            "till": "t1",
            "receipt_number": number,
            "business_day": BUSINESS_DAY,
        }

    @invariant()
    def takes_back_no_more_than_it_gave(self) -> None:
        entries = self.shop.all(LedgerEntry)
        for purchase in self.shop.all(Purchase):
            worth = sum(amount for _, amount in shares(purchase))
            assert 0 <= worth <= sum(earning.amount for earning in purchase.earnings)
            mine = [entry for entry in entries if entry.purchase_id == purchase.id]
            kept = sum(entry.amount - entry.forgone for entry in mine)
            pending = sum(entry.pending for entry in mine)
            is_pending = purchase.state is PurchaseState.PENDING
            assert (kept, pending) == ((0, worth) if is_pending else (worth, 0))

    @invariant()
    def undoes_only_what_is_there(self) -> None:
        entries = self.shop.all(LedgerEntry)
        ids = {entry.id for entry in entries}
        assert all(entry.undoes is None or entry.undoes in ids for entry in entries)
        assert all(entry.undoes for entry in entries if entry.cause in TAKEN_BACK)


Histories.TestCase.settings = settings(
    max_examples=60, stateful_step_count=25, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)


TestHistories = Histories.TestCase


def test_a_repeat_is_told_the_same() -> None:
    shop = Shop()
    shop.say(CardIssued(card_number=NUMBER, kind=CardKind.PHYSICAL, category="normal"))
    (first,) = shop.say(receipt())
    (again,) = shop.say(receipt())

    assert isinstance(again, PurchaseRepeated)
    assert {"earned": again.earned, "balances": again.balances}.items() <= dict(first).items()
