"""The office: what takes several commands, each about what came of the one before: coupons, adjustments, merges, calls.

A case is a generator that yields a command and is given its answer. It goes on when that was heard, so what a case says
depends on when outcomes come; what each command says follows from the seed and from the answers before it.
"""

from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from contracts.catalogue import COMMANDS
from contracts.messages import Actor, ActorKind, CommandEnded, Outcome
from contracts.programme import Programme
from contracts.registration import Channel, RegisterMember
from services.demo.people import People
from services.demo.phones import phone_of
from services.demo.scale import Scale
from services.demo.sending import OFFICE, Sending, till_actor

Case = Generator[Sending, CommandEnded, None]
Step = Generator[Sending, CommandEnded, dict[str, Any]]
TRIES: Final = 40
"""How often a command is said anew that was refused: what it is about may not have got around yet."""
FROM_CARD: Final = 60_000
FROM_PHONE: Final = 900
TILL: Final = {"store": "harbour", "till": "till-99"}


class Over(Exception):
    """A case's command was refused for good."""


class Office:
    """Cases that are under way."""

    def __init__(self, programme: Programme) -> None:
        self._programme = programme
        self._open: dict[str, Case] = {}
        """By the command whose answer they wait for."""
        self.begun = 0
        self.ended = 0
        """How many came to their end."""
        self.refused: Counter[str] = Counter()
        """How many ended early, by the command that was refused."""

    @property
    def is_busy(self) -> bool:
        """Whether a case is under way."""
        return bool(self._open)

    def figures(self) -> dict[str, Any]:
        """How many cases went how far."""
        return {"begun": self.begun, "ended": self.ended, "refused": dict(self.refused)}

    def begin(self, scale: Scale, times: int) -> Iterator[Sending]:
        """Begin so many cases of each kind; all their names follow from the scale."""
        kinds: tuple[Callable[[Desk], Case], ...] = (_coupons, _adjustments, _merge, _removal, _call)
        for time in range(times):
            for place, kind in enumerate(kinds):
                case = kind(Desk(scale, self._programme, time * len(kinds) + place))
                self.begun += 1
                yield from self._on(case, None)

    def go_on(self, answers: Mapping[str, CommandEnded]) -> Iterator[Sending]:
        """What is said next in the cases whose answer was heard."""
        for name in [each for each in self._open if each in answers]:
            yield from self._on(self._open.pop(name), answers[name])

    def _on(self, case: Case, answer: CommandEnded | None) -> Iterator[Sending]:
        try:
            sending = next(case) if answer is None else case.send(answer)
        except StopIteration:
            self.ended += 1
        except Over as over:
            self.refused[str(over)] += 1
        else:
            self._open[sending.id] = case
            yield sending


class Desk:
    """Who works on a case, with names of its own."""

    def __init__(self, scale: Scale, programme: Programme, number: int) -> None:
        self.scale = scale
        self._people = People(scale, programme)
        self._number = number
        self._said = 0
        self._members = 0
        self.operator, self.second = (
            Actor(kind=ActorKind.OPERATOR, id=f"office-{scale.seed}-{number}-{person}") for person in ("a", "b")
        )

    def say(self, name: str, actor: Actor | None = None, **fields: Any) -> Step:
        """Say a command until it is done, and return what its events said, all in one.

        Raises:
            Over: it was refused again and again.
        """
        command = COMMANDS[name].model_validate(fields)
        for _ in range(TRIES):
            self._said += 1
            told = yield Sending(self.scale.id(f"office/{self._number}/{self._said}"), command, actor or self.operator)
            if told.outcome is Outcome.DONE:
                return {field: value for said in told.events for field, value in said.body.items()}
        raise Over(name)

    def member(self) -> Step:
        """A member with a card of their own; returns both names."""
        self._members += 1
        number = self._number * 2 + self._members
        card_number = self.scale.card_number(FROM_CARD + number)
        yield from self.say("IssueCard", OFFICE, card_number=card_number)
        phone = {"phone": phone_of(self.scale.seed, FROM_PHONE + number), "email": None}
        person = self._people.person(0, Channel.POINT_OF_SALE) | phone | {"card_number": card_number}
        said = RegisterMember(**person).model_dump(exclude_none=True)
        joined = yield from self.say("RegisterMember", till_actor("harbour-1"), **said)
        return {"card_number": card_number, "member_id": joined["member_id"]}

    @property
    def by_hand(self) -> dict[str, Any]:
        """What an operator says with what they do by hand."""
        return {"operator_id": self.operator.id, "reason": "goodwill"}


def _coupons(desk: Desk) -> Case:
    card = {"card_number": (yield from desk.member())["card_number"]}
    other = (yield from desk.member())["card_number"]
    now = datetime.now(UTC).replace(microsecond=0)
    sale = {**card, **TILL, "receipt_number": desk.operator.id, "business_day": desk.scale.day}
    line = {"line": 1, "quantity": 1, "price_minor": 5_000}
    gift = yield from desk.say("IssueCoupon", **card, campaign="welcome_points")
    yield from desk.say("UseCoupon", **sale, coupon_code=gift["coupon_code"], actor=till_actor("till-99"))
    bought = {"purchased_at": now - timedelta(hours=1), "currency": "EUR", "lines": [{**line, "product": "cake"}]}
    yield from desk.say("RecordPurchase", **sale, **bought, actor=till_actor("till-99"))
    back = {"refund_number": f"{desk.operator.id}-r", "refunded_at": now, "lines": [line]}
    yield from desk.say("RefundPurchase", **sale, **back, actor=till_actor("till-99"))
    cake = yield from desk.say("IssueCoupon", **card, campaign="free_cake")
    shared = yield from desk.say("ShareCoupon", **card, coupon_code=cake["coupon_code"], to_card_number=other)
    theirs = {"card_number": other, "coupon_code": shared["coupon_code"]}
    yield from desk.say("CancelCoupon", **theirs, reason="mistake")
    yield from desk.say("ResendCoupon", **theirs)


def _adjustments(desk: Desk) -> Case:
    card = {"card_number": (yield from desk.member())["card_number"]}
    points = {**card, **desk.by_hand, "unit": "points"}
    small = yield from desk.say("AdjustBalance", **points, amount=50)
    yield from desk.say("UndoAdjustment", **card, **desk.by_hand, adjustment_id=small["adjustment_id"])
    large = yield from desk.say("AdjustBalance", **points, amount=600)
    second: dict[str, Any] = {"operator_id": desk.second.id, "adjustment_id": large["adjustment_id"]}
    yield from desk.say("ApproveAdjustment", **card, **second, actor=desk.second)


def _merge(desk: Desk) -> Case:
    one = yield from desk.member()
    two = yield from desk.member()
    for each in (one, two):
        points = {"card_number": each["card_number"], "unit": "points", "amount": 20}
        yield from desk.say("AdjustBalance", **points, **desk.by_hand)
    yield from desk.say("MergeMembers", member_id=one["member_id"], absorbed_id=two["member_id"])
    yield from desk.say("ChangeFavourites", OFFICE, member_id=one["member_id"], products=["cake"])
    yield from desk.say("BlockCard", card_number=two["card_number"], reason="lost")


def _removal(desk: Desk) -> Case:
    member = yield from desk.member()
    points = {"card_number": member["card_number"], "unit": "points", "amount": 30}
    yield from desk.say("AdjustBalance", **points, **desk.by_hand)
    yield from desk.say("RemoveMember", member_id=member["member_id"], reason="on_request")


def _call(desk: Desk) -> Case:
    member_id = (yield from desk.member())["member_id"]
    mine: dict[str, Any] = {"operator_id": desk.operator.id}
    call = {**mine, "call_id": (yield from desk.say("OpenCall", **mine, direction="inbound"))["call_id"]}
    yield from desk.say("RecordConsentToLook", **call, member_id=member_id)
    yield from desk.say("CloseCall", **call, reason="lost_card")
