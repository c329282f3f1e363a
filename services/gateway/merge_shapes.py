"""Shapes of what is read about merging: what two members come to as one, and what they were before."""

from datetime import datetime

from contracts.messages import Actor
from contracts.rewards import UnitBalance
from services.gateway.offer_shapes import CouponShown
from services.gateway.shapes import CardShown, RewardShown, Shape


class Obstacle(Shape):
    """What stands against a merge."""

    code: str
    text: str


class HeldTierShown(Shape):
    """A tier in a status system."""

    system: str
    tier: str | None
    held_until: datetime | None


class MergePreview(Shape):
    """What a member will have who absorbs another."""

    member_id: str
    """Who stays."""
    absorbed_id: str
    obstacles: tuple[Obstacle, ...]
    """None: it can be done."""
    merges_left: int
    """How many more members could be absorbed after this."""
    cards: tuple[CardShown, ...]
    balances: tuple[UnitBalance, ...]
    """Of all cards in use; what a deleted card collected comes along when it is restored."""
    rewards: tuple[RewardShown, ...]
    coupons: tuple[CouponShown, ...]
    tiers: tuple[HeldTierShown, ...]


class SideShown(Shape):
    """One of two members before they became one."""

    member_id: str
    card_numbers: tuple[str, ...]
    absorbed: tuple[str, ...]


class MergeShown(Shape):
    """Two members who became one: who did it when, and the state before."""

    id: str
    survivor: SideShown
    absorbed: SideShown
    actor: Actor
    is_confirmed: bool
    merged_at: datetime
