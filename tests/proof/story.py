"""A story: what commands made by chance seldom come to, said in order to the simulated machine, and what it left."""

from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from functools import partial
from typing import Any, Final

import msgspec

from contracts.cards import IssueCard
from contracts.catalogue import COMMANDS
from contracts.messages import Actor, Command
from contracts.values import luhn_digit
from tests.proof.history import History
from tests.proof.simulation.commands import actor
from tests.proof.simulation.machine import Run

NUMBERS: Final = tuple(each + luhn_digit(each) for each in (f"4111000000000{place:02d}" for place in range(60)))
ANA, BEN, CARA = NUMBERS[:3]
SALE: Final = {"store": "harbour", "till": "till-1", "receipt_number": "0001"}
WHO: Final = {"operator_id": "operator-1", "reason": "goodwill"}
SENTENCES: Final = 1_500
"""Commands of a run: most of them are said while the story waits for an answer."""
Asked = tuple[Command, Actor]


class Storyteller:
    """Stands in for the simulation's sender: says the next sentence as soon as what it waits for was told."""

    def __init__(self, run: Run) -> None:
        self.heard = self
        """It reads the logs itself."""
        self.opening = ()
        self.is_over = False
        self._run = run
        self._sentences = self._story()
        self._next = next(self._sentences)

    def hear(self, event: str, fields: Mapping[str, Any], cause: str | None) -> None:
        """Nothing to remember."""

    def note(self, command_id: str, command: Command) -> None:
        """Nothing to remember."""

    def command(self) -> Asked:
        """The next sentence; while its time hasn't come, one that is refused."""
        said = self._next() if not self.is_over else None
        if said is None:
            return IssueCard(card_number=NUMBERS[0]), actor("operator")
        try:
            self._next = next(self._sentences)
        except StopIteration:
            self.is_over = True
        return said

    def _told(self, kind: str, **fields: Any) -> dict[str, Any] | None:
        """The last event of a kind with these fields."""
        found = None
        for (topic, _), log in self._run.world.brokers.logs.items():
            for record in log if topic.endswith(".events") else ():
                if record.type == kind:
                    body: dict[str, Any] = msgspec.json.decode(record.value or b"{}")
                    found = body if fields.items() <= body.items() else found
        return found

    def _say(self, name: str, kind: str = "operator", **fields: Any) -> Callable[[], Asked]:
        return lambda: (COMMANDS[name].model_validate(fields), actor(kind))

    def _after(
        self, kind: str, make: Callable[[dict[str, Any]], Callable[[], Asked]], **fields: Any
    ) -> Callable[[], Asked | None]:
        """A sentence that is made of an event, once that was told."""

        def wait() -> Asked | None:
            told = self._told(kind, **fields)
            return None if told is None else make(told)()

        return wait

    def _story(self) -> Iterator[Callable[[], Asked | None]]:
        yield from (self._say("IssueCard", card_number=each) for each in NUMBERS)
        yield from self._members()
        yield from self._coupons()
        yield from self._by_hand()
        yield from (self._say("PlayGame", "pos", card_number=each, game="wheel") for each in NUMBERS)
        yield from self._contacts()

    def _members(self) -> Iterator[Callable[[], Asked | None]]:
        given_at = self._run.world.wall_clock()
        consents = [
            {"kind": kind, "text_version": "2026-01", "given_at": given_at} for kind in ("personal_data", "offer")
        ]
        for place, number in enumerate((ANA, BEN, CARA)):
            person = {"phone": f"+4915112345{place:03d}", "email": f"member{place}@example.org", "first_name": "Ana"}
            said = {"channel": "point_of_sale", "card_number": number, "consents": consents, **person}
            yield self._after("CardIssued", lambda _, said=said: self._say("RegisterMember", "pos", **said))  # type: ignore[misc]

    def _coupons(self) -> Iterator[Callable[[], Asked | None]]:
        now = self._run.world.wall_clock()
        sale: dict[str, Any] = {"card_number": ANA, "business_day": now.date(), **SALE}
        lines = [{"line": 1, "quantity": 1, "price_minor": 5_000}]
        bought: dict[str, Any] = {"purchased_at": now, "currency": "EUR", "lines": [{**lines[0], "product": "cake"}]}

        def with_coupon(name: str, **fields: Any) -> Callable[[dict[str, Any]], Callable[[], Asked]]:
            return lambda told: self._say(name, **fields, coupon_code=told["coupon_code"])

        given = {"campaign": "welcome_points"}
        yield self._after("CardLinked", lambda _: self._say("IssueCoupon", card_number=ANA, **given), card_number=ANA)
        yield self._after("CouponIssued", with_coupon("UseCoupon", **sale), **given)
        yield self._after("CouponUsed", lambda _: self._say("RecordPurchase", **sale, **bought))
        back: dict[str, Any] = {"refund_number": "r1", "refunded_at": now + timedelta(seconds=1), "lines": lines}
        yield self._after("PurchaseRecorded", lambda _: self._say("RefundPurchase", **sale, **back))
        yield self._after("CouponReturned", lambda _: self._say("UndoRefund", **sale, refund_number="r1", **WHO))
        yield self._after("CouponReused", with_coupon("UnuseCoupon", card_number=ANA, **WHO))
        yield self._after("CouponUnused", with_coupon("UseCoupon", **{**sale, "receipt_number": "0002"}))
        shared = {"campaign": "free_cake"}
        yield self._say("IssueCoupon", card_number=ANA, **shared)
        yield self._after("CouponIssued", with_coupon("ShareCoupon", card_number=ANA, to_card_number=BEN), **shared)
        yield self._after("CouponShared", with_coupon("CancelCoupon", card_number=BEN, reason="mistake"))
        yield self._after("CouponCancelled", with_coupon("ResendCoupon", card_number=BEN))

    def _by_hand(self) -> Iterator[Callable[[], Asked | None]]:
        adjusted = {"card_number": ANA, "unit": "points", **WHO}
        for amount in (50, -5, 600):
            yield self._say("AdjustBalance", **adjusted, amount=amount)
        undone = {"card_number": ANA, **WHO}
        yield self._after(
            "BalanceAdjusted",
            lambda told: self._say("UndoAdjustment", **undone, adjustment_id=told["adjustment_id"]),
            amount=-5,
        )

    def _contacts(self) -> Iterator[Callable[[], Asked | None]]:
        def of(name: str, **fields: Any) -> Callable[[dict[str, Any]], Callable[[], Asked]]:
            return lambda told: self._say(name, "system", member_id=told["member_id"], **fields)

        def merging(told: dict[str, Any]) -> Callable[[], Asked]:
            other = self._told("CardLinked", **ben) or {}
            return of("MergeMembers", absorbed_id=other["member_id"])(told)

        ana, ben, cara = ({"card_number": each} for each in (ANA, BEN, CARA))
        yield self._after("CardLinked", of("RenewPassword", way="link"), **ana)
        yield self._after("CardLinked", of("ChangeFavourites", products=["cake"]), **ana)
        yield self._after(
            "CardLinked",
            lambda told: self._say("TieOperator", operator_id="operator-9", member_id=told["member_id"]),
            **ana,
        )
        yield self._after("CardLinked", merging, **ana)
        for email in ("member1@example.org", "another@example.org"):
            yield self._after("MembersMerged", of("ChangeEmail", email=email))
        yield self._after("CardLinked", of("RemoveMember", reason="on_request"), **cara)


def _unspoilt(run: Run, topic: str, name: str, key: bytes | None, body: bytes, headers: Any) -> None:
    """Nothing is spoilt on its way, and nothing comes twice."""
    run._append(topic, name, key, body, headers, is_decodable=True)


def told(seed: int) -> History:
    """What is left when the story was told in calm, to its end.

    Raises:
        AssertionError: the machine didn't come to rest, or the story not to its end.
    """
    run = Run(seed, SENTENCES, is_calm=True)
    teller = Storyteller(run)
    run.sender = teller  # type: ignore[assignment]
    run._put = partial(_unspoilt, run)  # type: ignore[method-assign]
    history = run.history()
    assert not run.mishaps, run.mishaps
    assert teller.is_over, "the story waits for something that was refused"
    return history
