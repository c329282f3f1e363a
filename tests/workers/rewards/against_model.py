"""Random histories of everything: the rewards worker answers and holds what the model does, after each step."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule

from contracts.adjustments import (
    ApproveAdjustment,
    DeclineAdjustment,
    RestoreReward,
    UndoAdjustment,
    UnuseReward,
)
from contracts.cards import CardState
from contracts.corrections import UnuseCoupon
from contracts.coupons import (
    CancelCoupon,
    IssueCoupon,
    ReleaseCoupon,
    ResendCoupon,
    ReserveCoupon,
    ShareCoupon,
    UseCoupon,
)
from contracts.messages import Actor, Command
from contracts.operators import OperatorTied
from contracts.programme.adjustments import Exceeding
from contracts.programme.rewards import Shortfall
from contracts.rewards import (
    RedeemReward,
    RemoveReward,
    UseReward,
)
from contracts.tiers import AssignTier
from tests.decisions import TILL
from tests.workers.rewards.counter import ANA, BUSINESS_DAY, OPERATOR, OTTO, PROGRAMME, Shop, adjust
from tests.workers.rewards.model import Model, Switches
from tests.workers.rewards.model.switches import local
from tests.workers.rewards.model_rules import model_rules
from tests.workers.rewards.office import BEN, NUMBERS, Office
from tests.workers.rewards.same import entries_are_explained, explanations_add_up, holdings_are_the_same
from tests.workers.rewards.side_by_side import CARD, PICK, RECEIPT, RECEIPTS, SideBySide
from workers.rewards.adjustment_documents import Adjustment
from workers.rewards.coupon_documents import Coupon
from workers.rewards.documents import Reward
from workers.rewards.tier_documents import Standing

FIRST, LAST, LAST_OF_ALL = 1, -3, -4
"""Picks: of what is in the state that is wanted, or of all."""
OPERATORS = st.sampled_from([OPERATOR, OTTO])
AMOUNTS = st.sampled_from([1, 7, 15, 20, 21, -1, -7, -15, -20, -40])


class Everything(SideBySide):
    """Three cards, four receipts and whatever can be done to them, in any order, each said twice."""

    seen: set[str]
    tied: str | None = None
    """Which member one of the operators was said to be."""

    @initialize(
        shortfall=st.sampled_from(Shortfall),
        exceeding=st.sampled_from(Exceeding),
        is_known=st.sampled_from([True, True, True, False]),
        together=st.booleans(),
    )
    def begin(self, shortfall: Shortfall, exceeding: Exceeding, is_known: bool, together: bool = False) -> None:
        self.shop = Shop(PROGRAMME.model_copy(update={"rewards": model_rules(shortfall, exceeding)}))
        may_exceed = exceeding is Exceeding.SHORTFALL
        self.model = Model(self.shop.now, Switches(shortfall.value, may_exceed), NUMBERS)
        self.office = Office(together=together)
        self.bought_at = {}
        self.known = {Reward: [], Coupon: [], Adjustment: []}
        self.seen = set()
        if is_known:
            self.collect()

    def collect(self) -> None:
        """Begin with a card in use, that holds something of everything."""
        for move in ("issue", "link"):
            self.card_life(1, move, is_late=False)
        for amount, operator in ((20, OPERATOR), (20, OTTO)):
            self.adjust(0, "stamps", amount, operator, 0)
        self.wait(40 * 24, is_noticed=True)
        self.adjust(0, "stamps", 12, OPERATOR, 0)
        self.adjust(0, "points", 60, OPERATOR, 0)
        self.redeem(0, "coffee")

    # rewards and coupons

    @rule(card=CARD, code=st.sampled_from(["coffee", "cake"]))
    def redeem(self, card: int, code: str) -> None:
        number = self.number(card)
        self.same(RedeemReward(card_number=number, reward=code), self.model.redeem(number, code), repeats=False)

    @rule(
        pick=PICK,
        what=st.sampled_from(["use", "use", "remove", "restore", "unuse"]),
        sale=st.sampled_from([None, *RECEIPTS]),
        card=CARD,
    )
    def end_reward(self, pick: int, what: str, sale: str | None, card: int) -> None:
        number = self.number(card)
        wanted = {"restore": "removed", "unuse": "used"}.get(what, "outstanding")
        index = self.choose(Reward, self.model.prizes, wanted, pick)
        if index is None:
            return
        about: dict[str, Any] = {"card_number": number, "reward_id": self.known[Reward][index]}
        why: dict[str, Any] = {**about, "reason": "mistake"}
        purchase_id = None if sale is None else f"s1 t1 {sale} {BUSINESS_DAY}"
        model = self.model
        commands: dict[str, tuple[Command, Callable[[], bool]]] = {
            "use": (UseReward(**about, purchase_id=purchase_id), lambda: model.use(number, index, sale)),
            "remove": (RemoveReward(**why), lambda: model.remove(number, index)),
            "restore": (RestoreReward(**why), lambda: model.restore(number, index)),
            "unuse": (UnuseReward(**why, operator_id=OPERATOR.id), lambda: model.unuse(number, index)),
        }
        command, is_allowed = commands[what]
        self.same(command, not model.is_own(number, OPERATOR.id) and is_allowed(), OPERATOR)

    @rule(card=CARD, campaign=st.sampled_from(["cake_on_us", "points_to_begin", "sorry"]))
    def issue_coupon(self, card: int, campaign: str) -> None:
        number = self.number(card)
        command = IssueCoupon(card_number=number, campaign=campaign)
        self.same(command, self.model.issue(number, campaign), repeats=False)

    @rule(
        pick=PICK,
        what=st.sampled_from(["use", "use", "unuse", "reserve", "release", "cancel", "resend", "share"]),
        sale=RECEIPT,
        card=CARD,
        till=st.sampled_from(["t1", "t1", "t2"]),
        to=st.integers(0, 2),
    )
    def coupon(self, pick: int, what: str, sale: str, card: int, till: str, to: int = 0) -> None:
        number = self.number(card)
        wanted = {"resend": "cancelled", "unuse": "used"}.get(what, "issued")
        index = self.choose(Coupon, self.model.coupons, wanted, pick)
        if index is None:
            return
        about: dict[str, Any] = {"card_number": number, "coupon_code": self.known[Coupon][index]}
        place = {**about, "store": "s1", "till": till}
        bill = {**about, **self.key(sale, card)}
        model = self.model
        commands: dict[str, tuple[Command, Callable[[], bool]]] = {
            "use": (UseCoupon.model_validate(bill), lambda: model.redeem_coupon(number, index, "t1", sale)),
            "unuse": (
                UnuseCoupon(**about, operator_id=OPERATOR.id, reason="mistake"),
                lambda: model.unuse_coupon(number, index),
            ),
            "reserve": (ReserveCoupon(**place), lambda: model.reserve(number, index, till)),
            "release": (ReleaseCoupon(**place), lambda: model.release(number, index, till)),
            "cancel": (CancelCoupon(**about, reason="mistake"), lambda: model.cancel_coupon(number, index)),
            "resend": (ResendCoupon(**about), lambda: model.resend(number, index)),
            "share": (
                ShareCoupon(**about, to_card_number=NUMBERS[to]),
                lambda: not model.is_own(NUMBERS[to], OPERATOR.id) and model.share(number, index, NUMBERS[to]),
            ),
        }
        command, is_allowed = commands[what]
        actor = TILL if what in ("use", "reserve", "release") else OPERATOR
        self.same(command, not model.is_own(number, actor.id) and is_allowed(), actor)

    # by hand

    @rule(
        card=CARD,
        unit=st.sampled_from(["stamps", "stamps", "points"]),
        amount=AMOUNTS,
        operator=OPERATORS,
        off=st.sampled_from([None, None, 0, 1]),
    )
    def adjust(self, card: int, unit: str, amount: int, operator: Actor, off: int | None) -> None:
        number = self.number(card)
        seen = self.expected(number, unit, off)
        command = adjust(amount, operator, card_number=number, unit=unit, expected_balance=seen)
        self.same(command, self.model.adjust(number, unit, amount, operator.id, seen), operator, repeats=False)

    def expected(self, number: str, unit: str, off: int | None) -> int | None:
        """What an operator may have seen: nothing, what is there, or something else."""
        account = self.model.cards[number].account
        return None if off is None or account is None else self.model.shown(account, unit) + off

    @rule(card=CARD, pick=PICK, operator=OPERATORS, what=st.sampled_from(["approve", "approve", "decline", "undo"]))
    def go_on(self, card: int, pick: int, operator: Actor, what: str) -> None:
        number = self.number(card)
        wanted = "applied" if what == "undo" else "waiting"
        index = self.choose(Adjustment, self.model.changes, wanted, pick)
        if index is None:
            return
        about: dict[str, Any] = {
            "card_number": number,
            "operator_id": operator.id,
            "adjustment_id": self.known[Adjustment][index],
        }
        commands: dict[str, Callable[[], tuple[Command, bool]]] = {
            "approve": lambda: (ApproveAdjustment(**about), self.model.approve(number, index, operator.id)),
            "decline": lambda: (DeclineAdjustment(**about), self.model.decline(number, index, operator.id)),
            "undo": lambda: (UndoAdjustment(**about, reason="mistake"), self.model.undo(number, index, operator.id)),
        }
        command, allowed = commands[what]()
        self.same(command, allowed, operator)

    @rule(
        card=CARD,
        amount=st.sampled_from([15, 21, 21, -7, -21]),
        operator=OPERATORS,
        what=st.sampled_from(["approve", "undo"]),
        member=st.sampled_from([None, None, None, None, ANA, BEN]),
    )
    def adjust_and_go_on(self, card: int, amount: int, operator: Actor, what: str, member: str | None) -> None:
        self.adjust(card, "stamps", amount, OPERATOR, None)
        if self.tied != member:
            self.tied = member
            self.shop.say(OperatorTied(operator_id=OPERATOR.id, member_id=member), OTTO)
            self.model.tie(OPERATOR.id, member)
        self.go_on(card, LAST_OF_ALL, operator, what)

    @rule(
        card=CARD,
        tier=st.sampled_from([None, "silver", "gold"]),
        days=st.sampled_from([-1, 0, 5, 40]),
        gives_rewards=st.booleans(),
    )
    def assign(self, card: int, tier: str | None, days: int, gives_rewards: bool) -> None:
        number = self.number(card)
        command = AssignTier(
            card_number=number,
            system="status",
            tier=tier,
            holds_until=local(self.shop.now) + timedelta(days=days),
            note="As promised",
            gives_rewards=gives_rewards,
        )
        is_own = self.model.is_own(number, OPERATOR.id)
        allowed = not is_own and self.model.assign(number, tier, days, gives_rewards=gives_rewards)
        self.same(command, allowed, OPERATOR, repeats=False)

    # time

    @rule(hours=st.sampled_from([1, 25, 25, 15 * 24, 31 * 24, 95 * 24, 370 * 24]), is_noticed=st.booleans())
    def wait(self, hours: float, is_noticed: bool) -> None:
        """Let time pass: what is over by then is noticed at once, or, but for tiers, later."""
        for time in (timedelta(hours=hours), timedelta()):
            self.shop.wait(time, only=None if is_noticed else (Standing,))
            self.model.wait(time, is_noticed=is_noticed)

    @rule(pick=PICK, is_noticed=st.booleans())
    def wait_for_an_end(self, pick: int, is_noticed: bool) -> None:
        """To the very moment at which something ends."""
        ends = sorted({each for each in self.model.ends() if each > self.shop.now})
        if ends:
            hours = (ends[pick % len(ends)] - self.shop.now) / timedelta(hours=1)
            self.wait(hours, is_noticed)

    # what holds after each step

    @invariant()
    def holds_what_the_model_holds(self) -> None:
        if hasattr(self, "shop"):
            holdings_are_the_same(self.shop, self.model)
            entries_are_explained(self.shop, self.seen)

    def teardown(self) -> None:
        if not hasattr(self, "shop"):
            return
        while self.office.mail:
            self.hear(0)
        self.wait(0, is_noticed=True)
        self.holds_what_the_model_holds()
        for number, card in self.office.cards.items():
            assert card.state.value == self.model.cards[number].state
            if card.state is CardState.REPLACED and card.replaced_by is not None:
                assert self.model.owns(number, self.model.cards[card.replaced_by].account)
        for member, cards in self.office.in_use.items():
            accounts = {self.model.cards[each].account for each in cards}
            together = self.office.together or self.office.absorbed not in (None, member)
            assert not together or len(accounts) <= 1, "one member collects in several accounts"
        explanations_add_up(self.shop)
