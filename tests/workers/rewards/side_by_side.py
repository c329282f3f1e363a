"""The rewards worker and the model side by side: what is said of cards and purchases is said to both."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from contracts.adjustments import RewardsReturned
from contracts.cards import (
    CardBlocked,
    CardDeleted,
    CardEvent,
    CardIssued,
    CardLinked,
    CardMerged,
    CardReplaced,
    CardRestored,
)
from contracts.corrections import UndoCancellation, UndoRefund
from contracts.coupons import UnitsRevoked
from contracts.merging import MembersMerged
from contracts.messages import Actor, Command, Event
from contracts.rewards import (
    BalanceEvent,
    CancelPurchase,
    ConfirmPurchase,
    PurchaseLine,
    RefundLine,
    Stage,
)
from runtime.decisions import Refused
from runtime.documents import Document
from tests.decisions import NOON, TILL
from tests.workers.rewards.counter import BUSINESS_DAY, OPERATOR, OTTO, Shop, receipt
from tests.workers.rewards.counter import refund as refund_of
from tests.workers.rewards.model import Back, Line, Model
from tests.workers.rewards.model.hand import Change
from tests.workers.rewards.model.offers import Coupon, Prize
from tests.workers.rewards.office import NUMBERS, News, Office
from workers.rewards.documents import LedgerEntry

RECEIPTS = ("1", "2", "3", "4")
OLD = {"1": timedelta(days=11), "2": timedelta(days=22)}
"""Receipts of tills that were offline; the others are bought when they are first heard of."""
RECEIPT = st.sampled_from(RECEIPTS)
CARD = st.sampled_from([*[0] * 6, 1, 2, 3])
"""0: the newest in the first card's place; else one of them, whatever became of it."""
LINES = st.lists(
    st.tuples(st.integers(1, 12), st.sampled_from([0, 99, 350, 4_000, 12_050]), st.booleans()), min_size=1, max_size=2
).map(tuple)
BACK = st.lists(
    st.tuples(st.integers(1, 3), st.integers(0, 6), st.sampled_from([0, 50, 350, 4_000])).filter(lambda b: b[1] + b[2]),
    min_size=1,
    max_size=2,
    unique_by=lambda back: back[0],
).map(tuple)
PICK = st.integers(0, 30)


class SideBySide(RuleBasedStateMachine):
    """Three cards and four receipts, of which everything is said to both, in any order, each twice."""

    shop: Shop
    model: Model
    office: Office
    bought_at: dict[str, datetime]
    known: dict[type[Document], list[str]]
    """Ids of what the worker made, in the order in which the model did."""

    # saying it to both

    def number(self, card: int) -> str:
        return NUMBERS[card - 1] if card else self.office.newest(NUMBERS[0])

    def same(self, command: Command, allowed: bool, actor: Actor = TILL, *, repeats: bool = True) -> None:
        """The worker does what the model allows and refuses what it doesn't; said again, nothing moves."""
        assert self.said(command, actor) is allowed, f"{command!r} allowed: {allowed}"
        for kind, known in self.known.items():
            known += [each.id for each in self.shop.all(kind) if each.id not in known]
        if repeats:
            entries = len(self.shop.ids.get(LedgerEntry, ()))
            self.said(command, actor)
            assert len(self.shop.ids.get(LedgerEntry, ())) == entries, f"{command!r} counts twice"

    def said(self, command: Command, actor: Actor) -> bool:
        try:
            said = self.shop.say(command, actor)
        except Refused:
            return False
        number = getattr(command, "card_number", "")
        if number and self.model.cards[number].state == "deleted":
            assert not any(shows_balance(each, number) for each in said), f"{command!r} shows what is hidden"
        return True

    def choose(
        self, kind: type[Document], told: Sequence[Prize | Coupon | Change], wanted: str, pick: int
    ) -> int | None:
        """One of the things of a kind, mostly one in the wanted state."""
        there = [index for index, each in enumerate(told) if each.state == wanted]
        some = there if there and pick % 4 else range(len(self.known[kind]))
        return some[pick // 4 % len(some)] if some else None

    # cards

    def work(self) -> None:
        """Let the first card, or that which has its place, be in use, and everybody know it."""
        for _ in range(3):
            number = self.office.newest(NUMBERS[0])
            for move in ("issue", "link", "unblock", "restore"):
                if move in self.office.moves(number):
                    self.card_life(0, move, is_late=True)
        while self.office.mail:
            self.hear(0)

    @rule(card=CARD, pick=PICK, is_late=st.booleans())
    def live(self, card: int, pick: int, is_late: bool) -> None:
        moves = self.office.moves(self.number(card))
        if moves:
            self.card_life(card, moves[pick % len(moves)], is_late=is_late)

    def card_life(self, card: int, move: str, *, is_late: bool) -> None:
        """Do something to a card; unless the news is late it is heard at once."""
        getattr(self.office, move)(self.number(card), self.shop.now)
        while self.office.mail and not is_late:
            self.hear(0)

    @precondition(lambda self: self.office.mail)
    @rule(pick=PICK)
    def hear(self, pick: int) -> None:
        news = self.office.mail.pop(pick % len(self.office.mail))
        self.shop.say(news.event, OPERATOR, news.version, news.at)
        tell(self.model, news)

    # purchases

    @rule(number=RECEIPT, card=CARD, lines=LINES, is_paid=st.booleans(), is_offline=st.booleans())
    def record(self, number: str, card: int, lines: tuple[Line, ...], is_paid: bool, is_offline: bool) -> None:
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
        at = self.bought_at.setdefault(number, NOON - OLD[number] if number in OLD else self.shop.now)
        command = receipt(
            *bought,
            card_number=self.number(card),
            receipt_number=number,
            stage=Stage.CONFIRMED if is_paid else Stage.PENDING,
            purchased_at=at,
            is_offline=is_offline,
        )
        allowed = self.model.record(self.number(card), number, at, lines, is_paid=is_paid, is_offline=is_offline)
        self.same(command, allowed)

    @rule(number=RECEIPT, card=CARD, is_paid=st.booleans())
    def end(self, number: str, card: int, is_paid: bool) -> None:
        """Confirm it, or cancel it."""
        kind = ConfirmPurchase if is_paid else CancelPurchase
        allowed = (self.model.confirm if is_paid else self.model.cancel)(self.number(card), number)
        self.same(kind.model_validate(self.key(number, card)), allowed)

    @rule(number=RECEIPT, card=CARD, back=BACK, name=st.sampled_from(["r1", "r2"]))
    def refund(self, number: str, card: int, back: tuple[Back, ...], name: str) -> None:
        lines = [RefundLine(line=line, quantity=items, price_minor=price) for line, items, price in back]
        command = refund_of(*lines, card_number=self.number(card), receipt_number=number, refund_number=name)
        self.same(command, self.model.refund(self.number(card), number, name, back))

    @rule(number=RECEIPT, card=CARD, pick=PICK, operator=st.sampled_from([OPERATOR, OTTO]))
    def undo(self, number: str, card: int, pick: int, operator: Actor) -> None:
        """Take a refund back, or the cancellation."""
        sale, who = self.model.sales.get(number), {"operator_id": operator.id, "reason": "mistake"}
        if sale is None:
            return
        if not sale.refunds or (sale.is_cancelled and pick % 4):
            allowed = self.model.undo_cancellation(self.number(card), number, operator.id)
            command: Command = UndoCancellation.model_validate({**self.key(number, card), **who})
        else:
            names = [each for each in sale.refunds if each not in sale.undone] if pick % 4 else []
            refund = (names or list(sale.refunds))[-1]
            allowed = self.model.undo_refund(self.number(card), number, refund, operator.id)
            key = {**self.key(number, card), "refund_number": refund}
            command = UndoRefund.model_validate({**key, **who})
        self.same(command, allowed, operator)

    @rule(number=RECEIPT, card=CARD, items=st.integers(1, 12))
    def refund_some(self, number: str, card: int, items: int) -> None:
        """So many items of each line, with what they cost; a name of its own each time."""
        sale = self.model.sales.get(number)
        left = [] if sale is None else [(n, *line[:2]) for n, line in enumerate(sale.left(), 1) if line[0]]
        if sale is not None and left:
            back = tuple((line, min(items, there), price * min(items, there) // there) for line, there, price in left)
            self.refund(number, card, back, f"some{len(sale.refunds)}")

    def key(self, sale: str, card: int) -> dict[str, Any]:
        """A receipt's business key, on a card."""
        return {
            "card_number": self.number(card),
            "store": "s1",
            "till": "t1",
            "receipt_number": sale,
            "business_day": BUSINESS_DAY,
        }


def tell(model: Model, news: News) -> None:
    """Let the model hear what the worker hears."""
    event, version = news.event, news.version
    if isinstance(event, MembersMerged):
        model.merged(event.member_id, event.absorbed_id)
        return
    assert isinstance(event, CardEvent)
    number = event.card_number
    if isinstance(event, CardIssued):
        model.issued(number, version)
    elif isinstance(event, CardLinked):
        model.linked(number, version, event.member_id, event.pool_number)
    elif isinstance(event, CardMerged):
        model.held(number, version, event.member_id, event.pool_number)
    elif isinstance(event, CardReplaced):
        model.replaced(number, version, event.stopped_at, event.new_card_number, event.first_card_number)
    elif isinstance(event, CardBlocked):
        model.heard(number, version, "blocked", news.at)
    elif isinstance(event, CardDeleted):
        model.heard(number, version, "deleted", event.stopped_at)
    elif isinstance(event, CardRestored):
        model.heard(number, version, event.state.value, event.stopped_at)
        model.held(number, version, event.member_id, event.pool_number)
    else:
        model.heard(number, version, "active")


def shows_balance(said: Event | Command, number: str) -> bool:
    """Whether an answer about a card says what its account holds; what came of itself besides isn't shown with one."""
    if isinstance(said, RewardsReturned | UnitsRevoked):
        return False
    return isinstance(said, BalanceEvent) and said.card_number == number and said.balances != ()
