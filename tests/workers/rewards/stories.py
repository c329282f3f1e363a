"""Stories that chance alone seldom tells: what becomes of one sale, of a card that is lost, of what comes too early."""

from collections.abc import Callable

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from tests.workers.rewards.against_model import FIRST, LAST, LAST_OF_ALL, Everything
from tests.workers.rewards.counter import ANA, OPERATOR, OTTO
from tests.workers.rewards.model import Line
from tests.workers.rewards.office import BEN, NUMBERS
from tests.workers.rewards.side_by_side import CARD, LINES, RECEIPT

FIRST_THEN = st.sampled_from(["confirm", "cancel", "some", "some", "rest", "change", "swap", "spend", "buy", "reuse"])
STORY = st.sampled_from(
    [
        *(
            "confirm",
            "cancel",
            "some",
            "some",
            "rest",
            "change",
            "change",
            "again",
            "spend",
            "spend",
            "buy",
            "remove",
            "back",
        ),
        *("give", "deduct", "owe", "undo", "undo", "reuse", "day", "month", "year", "year unnoticed", "end"),
    ]
)


class AgainstModel(Everything):
    """Everything, and these stories."""

    @rule(number=RECEIPT, card=CARD, hours=st.sampled_from([0, 25, 95 * 24, 370 * 24]))
    def end_sale(self, number: str, card: int, hours: int) -> None:
        self.wait(hours, is_noticed=True)
        self.end(number, card, False)
        self.refund_some(number, card, 12)

    @rule(
        number=RECEIPT,
        lines=LINES,
        is_paid=st.booleans(),
        first=FIRST_THEN,
        then=st.lists(STORY, min_size=1, max_size=7),
    )
    def sell(self, number: str, lines: tuple[Line, ...], is_paid: bool, first: str, then: list[str]) -> None:
        """A sale on a card that works, and what becomes of it."""
        self.work()
        self.record(number, 0, lines, is_paid, False)
        what: dict[str, Callable[[], None]] = {
            "confirm": lambda: self.end(number, 0, True),
            "cancel": lambda: self.end(number, 0, False),
            "some": lambda: self.refund_some(number, 0, 2),
            "rest": lambda: self.refund_some(number, 0, 12),
            "change": lambda: self.record(number, 0, (*lines[1:], (3, 4_000, len(then) % 2 == 0)), is_paid, True),
            "again": lambda: self.record(number, 0, lines, is_paid, True),
            "spend": lambda: self.spend(number),
            "swap": lambda: self.swap(number),
            "reuse": lambda: self.reuse(number),
            "owe": self.owe,
            "buy": self.buy,
            "back": lambda: self.undo(number, 0, FIRST, OTTO),
            "remove": lambda: self.end_reward(LAST, "remove", number, 0),
            "give": lambda: self.adjust(0, "stamps", 15, OTTO, None),
            "deduct": lambda: self.adjust(0, "points", -40, OTTO, None),
            "undo": lambda: self.go_on(0, LAST, OTTO, "undo"),
            "day": lambda: self.wait(25, is_noticed=True),
            "month": lambda: self.wait(31 * 24, is_noticed=True),
            "year": lambda: self.wait(370 * 24, is_noticed=True),
            "year unnoticed": lambda: self.wait(370 * 24, is_noticed=False),
            "end": lambda: self.wait_for_an_end(len(then), is_noticed=False),
        }
        for each in (first, *then):
            what[each]()

    @rule(
        number=RECEIPT,
        other=RECEIPT,
        lines=LINES,
        is_paid=st.booleans(),
        then=st.lists(st.sampled_from(["refund", "confirm", "confirm", "cancel", "change", "wait"]), max_size=3),
        moves=st.sampled_from(
            [("issue",), ("issue", "link"), ("issue", "link", "block"), ("issue", "link", "block", "replace"), ()]
        ),
        is_mixed=st.booleans(),
    )
    def overtake(
        self,
        number: str,
        other: str,
        lines: tuple[Line, ...],
        is_paid: bool,
        then: list[str],
        moves: tuple[str, ...],
        is_mixed: bool,
    ) -> None:
        """Purchases on a card that nobody has heard of yet, and what becomes of them, before it is."""
        fresh = next((each for each in NUMBERS if each not in self.office.cards), None)
        if fresh is None:
            return
        card = NUMBERS.index(fresh) + 1
        self.record(number, card, lines, is_paid, True)
        what: dict[str, Callable[[], None]] = {
            "refund": lambda: self.refund(number, card, ((1, 1, 0),), "r1"),
            "confirm": lambda: self.end(number, card, True),
            "cancel": lambda: self.end(number, card, False),
            "change": lambda: self.record(number, card, ((3, 4_000, True),), is_paid, True),
            "wait": lambda: self.wait(1, is_noticed=True),
        }
        for each in then:
            what[each]()
        self.record(other, card, lines, is_paid, True)
        if not moves and self.office.successor(self.number(0)) == fresh:
            self.work()
            for move in ("block", "replace"):
                self.card_life(0, move, is_late=True)
        for move in moves:
            if move in self.office.moves(fresh):
                self.card_life(card, move, is_late=True)
        while self.office.mail:
            self.hear(-1 if is_mixed else 0)
        self.record(number, card, lines, is_paid, True)

    def swap(self, number: str) -> None:
        """Another content that earns as much, with other dates."""
        for lines in (((1, 0, False),), ((1, 350, True),)):
            self.record(number, 0, lines, True, True)

    def reuse(self, number: str) -> None:
        """A reward is used, and then it wasn't."""
        self.redeem(0, "coffee")
        for what in ("use", "unuse"):
            self.end_reward(FIRST, what, number, 0)

    def owe(self) -> None:
        """Deduct more points than there are."""
        account = self.model.cards[self.number(0)].account
        if account is not None:
            there = self.model.unit(account, "points").spendable(self.model.now)
            self.adjust(0, "points", -there - 5, OTTO, None)

    def buy(self) -> None:
        """Everything that can be bought."""
        for code in ("cake", "coffee", "cake", "coffee"):
            self.redeem(0, code)

    def spend(self, number: str) -> None:
        """Buy rewards, and use them and a coupon in a sale."""
        self.issue_coupon(0, "points_to_begin")
        self.coupon(LAST, "use", number, 0, "t1")
        for code in ("cake", "coffee"):
            self.redeem(0, code)
            self.end_reward(FIRST, "use", number, 0)

    @rule(
        number=RECEIPT,
        lines=LINES,
        is_paid=st.booleans(),
        unit=st.sampled_from(["stamps", "points"]),
        amount=st.sampled_from([0, 15, 20, -7]),
        is_early=st.booleans(),
        is_late=st.booleans(),
        is_old=st.booleans(),
    )
    def replace(
        self,
        number: str,
        lines: tuple[Line, ...],
        is_paid: bool,
        unit: str,
        amount: int,
        is_early: bool,
        is_late: bool,
        is_old: bool,
    ) -> None:
        """A card is lost, and the one that takes its place has collected something, or even spent, by then."""
        self.work()
        by = self.office.successor(self.number(0))
        if by is None:
            return
        card = self.collecting(by, number, lines, is_paid, unit, amount)
        self.redeem(card, "coffee")
        if is_old:
            self.owe()
            self.wait(370 * 24, is_noticed=False)
        self.card_life(0, "block", is_late=True)
        self.card_life(0, "replace", is_late=True)
        if is_early:
            self.hear(-1)
            self.redeem(card, "coffee")
            self.redeem(card, "cake")
        while self.office.mail and not is_late:
            self.hear(0)

    def collecting(
        self, other: str, number: str, lines: tuple[Line, ...], is_paid: bool, unit: str, amount: int
    ) -> int:
        """Another card that has collected something, or owes."""
        card = NUMBERS.index(other) + 1
        if other not in self.office.cards:
            self.card_life(card, "issue", is_late=False)
        self.record(number, card, lines, is_paid, False)
        if amount:
            self.adjust(card, unit, amount, OTTO, None)
        return card

    @precondition(lambda self: self.office.absorbed is None)
    @rule(
        number=RECEIPT,
        lines=LINES,
        is_paid=st.booleans(),
        unit=st.sampled_from(["stamps", "points"]),
        amount=st.sampled_from([0, 15, 20, -7]),
        stays=st.sampled_from([ANA, BEN]),
        order=st.one_of(st.none(), st.permutations(range(4))),
    )
    def merge(
        self,
        number: str,
        lines: tuple[Line, ...],
        is_paid: bool,
        unit: str,
        amount: int,
        stays: str,
        order: list[int] | None,
    ) -> None:
        """Somebody with a card of their own absorbs the other, or is absorbed; the news comes in any order."""
        self.work()
        for other in NUMBERS[1:]:
            if other != self.number(0) and (other not in self.office.cards or self.office.is_to_issue(other)):
                card = self.collecting(other, number, lines, is_paid, unit, amount)
                self.card_life(card, "link", is_late=False)
                self.redeem(card, "coffee")
                break
        self.office.merge(stays, self.shop.now)
        for pick in order or ():
            if self.office.mail:
                self.hear(pick)

    @rule(
        campaign=st.sampled_from(["cake_on_us", "cake_on_us", "points_to_begin", "sorry"]),
        number=RECEIPT,
        to=st.integers(0, 2),
        then=st.lists(
            st.sampled_from(["use", "use", "reserve", "release", "cancel", "resend", "share", "unuse", "end", "rest"]),
            min_size=2,
            max_size=6,
        ),
        till=st.sampled_from(["t1", "t2"]),
    )
    def use_coupon(self, campaign: str, number: str, to: int, then: list[str], till: str) -> None:
        """The life of a coupon."""
        self.work()
        if NUMBERS[1] not in self.office.cards:
            self.card_life(2, "issue", is_late=False)
        self.issue_coupon(0, campaign)
        self.record(number, 0, ((1, 350, True),), True, False)
        for each in then:
            if each == "end":
                self.wait_for_an_end(0, is_noticed=False)
            elif each == "rest":
                self.refund_some(number, 0, 12)
            else:
                self.coupon(LAST_OF_ALL, each, number, 0, till, to)

    @rule(
        amounts=st.lists(st.sampled_from([15, 16, -7, 21, 5]), min_size=2, max_size=4),
        then=st.lists(st.sampled_from(["approve", "undo", "decline", "day"]), max_size=3),
    )
    def adjust_often(self, amounts: list[int], then: list[str]) -> None:
        """Several adjustments of one operator, and what becomes of the last."""
        self.work()
        for amount in amounts:
            self.adjust(0, "stamps", amount, OPERATOR, None)
        self.owe()
        for each in then:
            if each == "day":
                self.wait(25, is_noticed=True)
            else:
                self.go_on(0, LAST_OF_ALL, OTTO, each)
