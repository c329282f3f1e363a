"""What is kept of tiers besides what earning needs to know: since when, why, until when, and colleagues' notes."""

from datetime import datetime
from typing import ClassVar

from contracts.messages import Actor
from contracts.tiers import TierCause
from contracts.values import Personal
from runtime.documents import Document, Index, Part
from workers.rewards.coupon_documents import Given


class TierGift(Part):
    """What came with a tier when it was assigned by hand."""

    tier: str
    given: Given | None = None
    coupon_code: str | None = None


class Rank(Part):
    """How an account stands in one status system."""

    system: str
    tier: str | None
    since: datetime
    cause: TierCause
    actor: Actor
    note: Personal[str | None] = None
    held_until: datetime | None = None
    due_at: datetime | None = None
    """When it has to be looked at again: at its period's end, or when what was assigned by hand ends."""
    gave: tuple[TierGift, ...] = ()
    """What came with it, where it was assigned by hand."""
    earlier: "Rank | None" = None
    """Of one that was assigned by hand while another was: that one, without what was before it."""


class Standing(Document):
    """How an account stands in all systems; its id is the account's."""

    collection: ClassVar = "standings"
    indexes: ClassVar = (Index(("due_at",), sparse=True),)

    ranks: tuple[Rank, ...] = ()
    due_at: datetime | None = None
    """When the first of them has to be looked at again."""

    @property
    def given_coupons(self) -> tuple[str, ...]:
        """The codes of the coupons that came with what is assigned by hand."""
        return tuple(gift.coupon_code for rank in self.ranks for gift in rank.gave if gift.coupon_code is not None)

    def rank(self, system: str) -> Rank | None:
        """How the account stands in a system."""
        return next((rank for rank in self.ranks if rank.system == system), None)
