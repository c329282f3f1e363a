"""Random histories against a second telling of the rules: the same answers, the same lots, nothing made or lost.

`HISTORIES=2000 make histories` runs so many instead of the everyday few.
"""

import os
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from contracts.adjustments import RestoreReward, UndoAdjustment, UnuseReward
from contracts.cards import CardLinked
from contracts.messages import Actor, Command
from contracts.programme.adjustments import Exceeding
from contracts.programme.rewards import Shortfall
from contracts.rewards import (
    CancelPurchase,
    ConfirmPurchase,
    PurchaseLine,
    RedeemReward,
    RefundLine,
    RemoveReward,
    Stage,
    UseReward,
)
from runtime.decisions import Refused
from tests.decisions import TILL
from tests.workers.rewards.counter import (
    ANA,
    BUSINESS_DAY,
    ISSUED,
    NUMBER,
    OPERATOR,
    PROGRAMME,
    RULES,
    Shop,
    adjust,
    receipt,
    refund,
)
from tests.workers.rewards.model import Back, Line, Model
from workers.rewards.adjustment_documents import Adjustment
from workers.rewards.documents import Account, Cause, LedgerEntry, Purchase, Reward
from workers.rewards.explaining import explained

EVERYDAY = 40
RECEIPTS = ("1", "2", "3")
LINES = st.lists(
    st.tuples(st.integers(1, 15), st.sampled_from([0, 99, 350, 4_000, 12_050]), st.booleans()), min_size=1, max_size=2
).map(tuple)
BACK = st.lists(
    st.tuples(st.integers(1, 3), st.integers(0, 8), st.sampled_from([0, 50, 350, 4_000])).filter(lambda b: b[1] + b[2]),
    min_size=1,
    max_size=2,
    unique_by=lambda back: back[0],
).map(tuple)
UNDOING = (Cause.ADJUSTMENT_UNDONE, Cause.REWARD_RESTORED, Cause.REWARD_UNUSED, Cause.REWARD_RETURNED)
NOTHING = st.none()


class AgainstModel(RuleBasedStateMachine):
    """Three receipts and whatever can be done to them, each said twice."""

    @initialize(shortfall=st.sampled_from(Shortfall), exceeding=st.sampled_from(Exceeding))
    def open(self, shortfall: Shortfall, exceeding: Exceeding) -> None:
        by_hand = RULES.adjustments.model_copy(update={"exceeding": exceeding, "caps": ()})
        rules = RULES.model_copy(update={"shortfall": shortfall, "adjustments": by_hand})
        self.shop = Shop(PROGRAMME.model_copy(update={"rewards": rules}))
        self.shop.say(ISSUED)
        self.shop.say(CardLinked(card_number=NUMBER, member_id=ANA, category="normal"))
        self.model = Model(self.shop.now, shortfall.value, may_exceed=exceeding is Exceeding.SHORTFALL)
        self.rewards: list[str] = []
        self.adjustments: list[str] = []
        self.adjust("stamps", 60)
        self.wait(40 * 24)
        self.adjust("stamps", 12)
        self.adjust("points", 60)
        self.redeem("coffee")

    def same(self, command: Command, allowed: bool, actor: Actor = TILL, *, repeats: bool = True) -> None:
        """The worker does what the model allows and refuses what it doesn't; said again, nothing moves."""
        assert self.said(command, actor) is allowed, f"{command!r} allowed: {allowed}"
        if repeats:
            entries = len(self.shop.all(LedgerEntry))
            self.said(command, actor)
            assert len(self.shop.all(LedgerEntry)) == entries

    def said(self, command: Command, actor: Actor) -> bool:
        try:
            self.shop.say(command, actor)
        except Refused:
            return False
        return True

    @rule(number=st.sampled_from(RECEIPTS), lines=LINES, is_paid=st.booleans())
    def record(self, number: str, lines: tuple[Line, ...], is_paid: bool) -> None:
        bought = [
            PurchaseLine(
                line=place,
                product="latte" if is_coffee else "cake",
                category="coffee" if is_coffee else "food",
                quantity=items,
                price_minor=price,
            )
            for place, (items, price, is_coffee) in enumerate(lines, 1)
        ]
        at = self.opened_at(number)
        stage = Stage.CONFIRMED if is_paid else Stage.PENDING
        command = receipt(*bought, receipt_number=number, stage=stage, purchased_at=at, is_offline=True)
        self.same(command, self.model.record(number, at, lines, is_paid=is_paid))

    def opened_at(self, number: str) -> Any:
        """When a receipt is from: each was at a time of its own, well before."""
        return PROGRAMME_START - timedelta(days=11 * int(number))

    @rule(number=st.sampled_from(RECEIPTS))
    def confirm(self, number: str) -> None:
        self.same(ConfirmPurchase.model_validate(key(number)), self.model.confirm(number))

    @rule(number=st.sampled_from(RECEIPTS))
    def cancel(self, number: str) -> None:
        self.same(CancelPurchase.model_validate(key(number)), self.model.cancel(number))

    @rule(number=st.sampled_from(RECEIPTS), back=BACK, name=st.sampled_from(["r1", "r2", "r3"]))
    def refund(self, number: str, back: tuple[Back, ...], name: str) -> None:
        wait = timedelta(seconds=RULES.refund_wait_seconds)
        lines = [RefundLine(line=line, quantity=items, price_minor=price) for line, items, price in back]
        command = refund(*lines, receipt_number=number, refund_number=name)
        self.same(command, self.model.refund(number, name, back, wait))

    @rule(number=st.sampled_from(RECEIPTS))
    def refund_the_rest(self, number: str) -> None:
        sale = self.model.sales.get(number)
        left = [] if sale is None else [(n, line[0], line[1]) for n, line in enumerate(sale.left(), 1) if line[0]]
        if left:
            self.refund_named(number, tuple(left))

    def refund_named(self, number: str, back: tuple[Back, ...]) -> None:
        lines = [RefundLine(line=line, quantity=items, price_minor=price) for line, items, price in back]
        command = refund(*lines, receipt_number=number, refund_number="rest")
        self.same(command, self.model.refund(number, "rest", back, timedelta()))

    @rule(number=st.sampled_from(RECEIPTS), lines=LINES, is_paid=st.booleans(), picks=st.lists(st.integers(0, 9)))
    def record_with_rewards(self, number: str, lines: tuple[Line, ...], is_paid: bool, picks: list[int]) -> None:
        self.record(number, lines, is_paid)
        for pick in picks[:3]:
            self.redeem("coffee")
            if self.rewards:
                self.end_reward(pick, "use", number)

    @rule(number=st.sampled_from(RECEIPTS), hours=st.sampled_from([0, 25, 95 * 24, 370 * 24]))
    def end_sale(self, number: str, hours: int) -> None:
        self.wait(hours)
        self.cancel(number)
        self.refund_the_rest(number)

    @rule(code=st.sampled_from(["coffee", "cake"]))
    def redeem(self, code: str) -> None:
        self.same(RedeemReward(card_number=NUMBER, reward=code), self.model.redeem(code), repeats=False)
        self.rewards += [each.id for each in self.shop.all(Reward) if each.id not in self.rewards]

    @precondition(lambda self: self.rewards)
    @rule(
        pick=st.integers(0, 50),
        what=st.sampled_from(["use", "use", "remove", "restore", "unuse"]),
        number=st.sampled_from([None, *RECEIPTS]),
    )
    def end_reward(self, pick: int, what: str, number: str | None) -> None:
        index = pick % len(self.rewards)
        about: dict[str, Any] = {"card_number": NUMBER, "reward_id": self.rewards[index]}
        why: dict[str, Any] = {**about, "reason": "mistake"}
        purchase_id = None if number is None else f"s1 t1 {number} {BUSINESS_DAY}"
        commands: dict[str, Callable[[], tuple[Command, bool]]] = {
            "use": lambda: (UseReward(**about, purchase_id=purchase_id), self.model.use(index, number)),
            "remove": lambda: (RemoveReward(**why), self.model.remove(index)),
            "restore": lambda: (RestoreReward(**why), self.model.restore(index)),
            "unuse": lambda: (UnuseReward(**why, operator_id=OPERATOR.id), self.model.unuse(index)),
        }
        command, allowed = commands[what]()
        self.same(command, allowed, TILL if what == "use" else OPERATOR)

    @rule(unit=st.sampled_from(["stamps", "points"]), amount=st.sampled_from([-60, -7, -1, 3, 12, 60]))
    def adjust(self, unit: str, amount: int) -> None:
        self.same(adjust(amount, unit=unit), self.model.adjust(unit, amount), OPERATOR, repeats=False)
        self.adjustments += [each.id for each in self.shop.all(Adjustment) if each.id not in self.adjustments]

    @precondition(lambda self: self.adjustments)
    @rule(pick=st.integers(0, 50))
    def undo(self, pick: int) -> None:
        index = pick % len(self.adjustments)
        command = UndoAdjustment(
            card_number=NUMBER, operator_id=OPERATOR.id, adjustment_id=self.adjustments[index], reason="mistake"
        )
        self.same(command, self.model.undo(index), OPERATOR)

    @rule(hours=st.sampled_from([1, 25, 31 * 24, 95 * 24, 370 * 24]))
    def wait(self, hours: int) -> None:
        for time in (timedelta(hours=hours), timedelta()):
            self.shop.wait(time)
            self.model.wait(time)

    @invariant()
    def holds_what_the_model_holds(self) -> None:
        if not hasattr(self, "shop"):
            return
        for unit, told in self.model.units.items():
            held = self.shop.only(Account).holding(unit)
            assert {lot.terms.expires_at: lot.amount for lot in held.lots} == told.lots, unit
            assert (held.debt, held.pending, held.held) == (told.debt, told.pending, told.held), unit
            assert held.balance == told.balance

    @invariant()
    def explains_every_entry(self) -> None:
        if not hasattr(self, "shop"):
            return
        entries = self.shop.all(LedgerEntry)
        ids = {entry.id for entry in entries}
        for entry in entries:
            assert sum(part.amount for part in entry.parts) == entry.amount
            assert entry.cause is Cause.EXPIRY or entry.purchase_id or entry.reward_id or entry.adjustment_id
            assert entry.undoes is None or entry.undoes in ids
            assert entry.undoes or entry.cause not in UNDOING

    def teardown(self) -> None:
        if not hasattr(self, "shop"):
            return
        entries = sorted(self.shop.all(LedgerEntry), key=lambda entry: entry.at)
        account = self.shop.only(Account)
        for unit in explained(account, entries, self.shop.all(Purchase), ()):
            for lot in unit.lots:
                assert sum(part.left for part in lot.parts) == lot.amount
                assert all(part.entry is not None for part in lot.parts), "a unit without an origin"
            assert sum(debt.left for debt in unit.debts) == account.holding(unit.unit).debt
            assert all(given.amount == given.left + sum(each.amount for each in given.became) for given in unit.given)


PROGRAMME_START = Shop().now


def key(number: str) -> dict[str, Any]:
    """A receipt's business key."""
    return {
        "card_number": NUMBER,
        "store": "s1",
        "till": "t1",
        "receipt_number": number,
        "business_day": BUSINESS_DAY,
    }


AgainstModel.TestCase.settings = settings(
    max_examples=int(os.environ.get("HISTORIES", EVERYDAY)),
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)

TestAgainstModel = AgainstModel.TestCase
