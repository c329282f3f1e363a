"""Shapes of what is read by who stands before a choice."""

from datetime import date, datetime

from pydantic import BaseModel

from contracts.programme.periods import Period
from contracts.programme.questions import Question
from services.gateway.shapes import Shape


class OfferShown(Shape):
    """A reward that can be bought: whether it can be now, and what would remain."""

    reward: str
    """What `RedeemReward` calls it."""
    text: str
    unit: str
    price: int
    available: int
    """What can be spent of the unit now."""
    is_affordable: bool
    """Whether it can be bought now: `code` says why not."""
    code: str | None
    """Why not, as a refusal would say it: `balance_too_low`, `card_blocked`, …"""
    remains: int | None
    """What could still be spent afterwards; null where it can't be bought."""
    missing: int
    """What is still to be collected for it; 0 where it is there."""
    expires_after_days: int | None


class PrizeShown(Shape):
    """What can be won in a game: a coupon of a campaign, or units."""

    prize: str
    campaign: str | None
    unit: str | None
    amount: int | None
    is_gone: bool
    """Whether all that there were have been won."""


class PastimeShown(Shape):
    """A survey or a game: whether this card may do it now, and what it asks or what can be won."""

    kind: str
    """`survey`: `AnswerSurvey`, or `game`: `PlayGame`."""
    code: str
    """What those call it."""
    text: str
    per: Period
    most: int
    """How often it may be done in such a period, by all cards that collect together."""
    done: int
    """How often it was in this one."""
    is_open: bool
    """Whether it may be done now: `refusal` says why not."""
    refusal: str | None
    """Why not, as a refusal would say it: `game_already_played`, `survey_not_running`, `card_blocked`, …"""
    starts_on: date | None
    ends_on: date | None
    again_on: date | None
    """From when on it may be done again."""
    questions: tuple[Question, ...]
    """Of a survey."""
    prizes: tuple[PrizeShown, ...]
    """Of a game."""


class MovementShown(Shape):
    """One movement of one unit, as its holder is told of it."""

    id: str
    unit: str
    amount: int
    """What came in, or went out, of what can be spent."""
    pending: int
    held: int
    balance_after: int
    cause: str
    at: datetime
    purchase_id: str | None
    reward_id: str | None
    comment: str | None = None
    """Of an adjustment: what the operator said to the holder, or the reason's own text; not told to tills."""
    undoes: str | None


class MovementsShown(BaseModel):
    """Movements, newest first, and where older ones begin."""

    movements: tuple[MovementShown, ...]
    before: str | None
    """Ask with this for older ones; null where there are none."""
