"""Parts of an account that purchases move besides its units: what fell into a period, and which tiers that comes to."""

from datetime import date, datetime

from runtime.documents import Part


class Counter(Part):
    """How much of something fell into one period: what a capped rule gave there, for one."""

    what: str
    period: str
    amount: int
    kept_until: date | None = None
    """The last day on which it is remembered; None: for ever."""
    coupon_codes: tuple[str, ...] = ()
    """Of what is given once: the coupons that it came to, several where accounts became one."""


class HeldTier(Part):
    """The tier that an account has in a status system, and until when, if it was assigned by hand."""

    system: str
    tier: str | None
    held_until: datetime | None = None

    def is_by_hand(self, now: datetime) -> bool:
        """Whether it holds whatever the account earns or loses."""
        return self.held_until is not None and self.held_until > now
