"""Shapes of what is read by who stands before a choice."""

from datetime import datetime

from pydantic import BaseModel

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
