"""Shapes: what reads answer with. They are the door's own words, so that what workers keep can change behind it."""

import re
from collections.abc import Sequence
from datetime import date, datetime
from typing import Final, Self

from pydantic import BaseModel, ConfigDict, JsonValue

from contracts.audit import RecordLook
from contracts.cards import CardKind, CardState
from contracts.messages import ActorKind, Outcome
from contracts.notifications import MessageChannel, MessageStatus
from contracts.registration import Channel
from contracts.rewards import PurchaseLine, PurchaseState, RefundLine, RewardState, UnitBalance
from workers.cards.views import Card

HOLDERS: Final = ("member_id", "absorbed_id", "card_number", "account_id")
"""What of a line's facts says whose it is."""
NAME: Final = re.compile(r"[\x21-\x7e]{1,64}")
"""What can be the subject of a look."""


class Shape(BaseModel):
    """What is read from a worker's document, by the names of its fields."""

    model_config = ConfigDict(frozen=True, from_attributes=True)


class ConsentShown(Shape):
    """An agreement that a member gave."""

    kind: str
    text_version: str
    channel: Channel
    given_at: datetime
    recorded_at: datetime


class AnswerShown(Shape):
    """An answer on the application form."""

    question: str
    value: bool | int | str | tuple[str, ...]
    answered_at: datetime
    answered_by: ActorKind


class RefusedCardShown(Shape):
    """A card that a member gave and that could not be linked."""

    card_number: str
    code: str
    refused_at: datetime


class MemberShown(Shape):
    """A member."""

    id: str
    state: str
    blocked_at: datetime | None
    block_reason: str | None
    channel: Channel
    registered_at: datetime
    phone: str
    phone_verified_at: datetime | None
    email: str | None
    first_name: str | None
    last_name: str | None
    born_on: date | None
    home_store: str | None
    language: str
    card_numbers: tuple[str, ...]
    refused_cards: tuple[RefusedCardShown, ...]
    absorbed: tuple[str, ...]
    """Members who were merged into this one."""
    consents: tuple[ConsentShown, ...]
    answers: tuple[AnswerShown, ...]


class CardShown(Shape):
    """A card."""

    number: str
    kind: CardKind
    category: str
    state: CardState
    issued_at: datetime
    member_id: str | None
    linked_at: datetime | None
    blocked_at: datetime | None
    block_reason: str | None
    suspended_at: datetime | None
    """Since when it doesn't work because its holder is blocked, whatever its state."""
    deleted_at: datetime | None
    replaces: str | None
    replaced_by: str | None
    replaced_at: datetime | None
    newest: str | None = None
    """Of a replaced card: the last of its chain, which has its place now."""

    @classmethod
    def among(cls, card: Card, cards: Sequence[Card]) -> Self:
        """A card, with the newest in its place; `cards` holds all of its chain."""
        by_number = {each.number: each for each in cards}
        newest = card
        for _ in cards:
            newest = by_number.get(newest.replaced_by or "", newest)
        shown = cls.model_validate(card)
        return shown if newest is card else shown.model_copy(update={"newest": newest.number})


class BalanceShown(Shape):
    """What a card's account holds now."""

    card_number: str
    member_id: str | None
    account_id: str
    is_hidden: bool
    """Whether the card was deleted: what it collected is kept, and shown again when it is restored."""
    balances: tuple[UnitBalance, ...]


class EarningShown(Shape):
    """What a rule gave for which lines of a purchase."""

    rule: str
    unit: str
    amount: int
    lines: tuple[int, ...]


class RefundShown(Shape):
    """What of a purchase came back, on which receipt."""

    number: str
    refunded_at: datetime
    lines: tuple[RefundLine, ...]
    undone_at: datetime | None
    """When it was taken back; its lines count as sold again."""


class PurchaseShown(Shape):
    """A purchase: what was bought, what it earned and why, what came back."""

    id: str
    state: PurchaseState
    store: str
    till: str
    receipt_number: str
    business_day: date
    purchased_at: datetime | None
    recorded_at: datetime | None
    is_confirmed: bool
    revision: int
    """As the till counts; it may say another content without counting."""
    versions: int
    """How many contents the receipt has had; above 1 it was revised."""
    lines: tuple[PurchaseLine, ...]
    earnings: tuple[EarningShown, ...]
    refunds: tuple[RefundShown, ...]


class RewardShown(Shape):
    """A reward that stamps or points bought."""

    id: str
    reward: str
    state: RewardState
    unit: str
    price: int
    issued_at: datetime
    ended_at: datetime | None
    expires_at: datetime | None


class MessageShown(Shape):
    """A message to a member."""

    id: str
    channel: MessageChannel
    template: str
    language: str
    recipient: str
    subject: str
    """Of an email."""
    text: str
    status: MessageStatus
    status_at: datetime
    queued_at: datetime
    attempts: int
    error: str | None


class ActorShown(Shape):
    """Who did something, and for operators in which call."""

    kind: ActorKind
    id: str
    call_id: str | None


class LineShown(Shape):
    """One line of a timeline: what happened, when, by whom, with what outcome."""

    id: str
    what: str
    """An event (`CardBlocked`), a look (`RecordLook`), or a command whose outcome is given (`BlockCard`)."""
    worker: str
    happened_at: datetime
    recorded_at: datetime
    actor: ActorShown
    outcome: Outcome | None
    code: str | None
    correlation_id: str
    subjects: tuple[str, ...]
    facts: dict[str, JsonValue]
    """What was said, less what is personal."""
    taken_back_by: tuple[str, ...] = ()
    """Of a command that was done: the commands that take it back."""


class Timeline(BaseModel):
    """Lines, newest first, and where older ones begin."""

    lines: tuple[LineShown, ...]
    before: str | None
    """Ask with this for older lines; null where there are none."""

    @property
    def holders(self) -> tuple[str, ...]:
        """The members, cards and accounts of which its lines show something; a look shows nothing of whom it names."""
        found: dict[str, None] = {}
        for line in self.lines:
            if line.what == RecordLook.__name__:
                continue
            named = [line.facts.get(name) for name in HOLDERS]
            about = line.subjects[:1] if line.outcome is not None else ()
            found |= dict.fromkeys(each for each in (*named, *about) if isinstance(each, str) and NAME.fullmatch(each))
        return tuple(found)
