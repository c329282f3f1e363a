"""What the rewards worker keeps: the cards it knows, accounts, purchases, rewards and the ledger.

Only `Card` and `Account` know a card's number; ledger, purchases and rewards know the account by an opaque id, so
that nothing in them leads back to a member who was removed.

An account stays small whatever was bought: purchases that expire on the same day (or in the same month) share a lot.
What each of them brought stands in its ledger entry and in the purchase, so a lot's origins are never lost.
"""

from datetime import date, datetime
from enum import StrEnum
from typing import ClassVar, Final, Self

from contracts.cards import CardState
from contracts.messages import Actor
from contracts.programme.rewards import Rate
from contracts.rewards import PurchaseLine, PurchaseState, RefundLine, RewardState, UnitBalance
from runtime.documents import Document, Index, Part
from workers.rewards.card_parts import CategoryChange
from workers.rewards.counts import Counter, HeldTier
from workers.rewards.purchase_parts import Posted

MOST_CATEGORY_CHANGES: Final = 20
"""Remembered of a card: an offline receipt from before all of them earns by the oldest category that is known."""


class Card(Document):
    """What this worker knows of a card, from the events about it; its id is the card's number.

    A card without a state is known by nothing but purchases that came before its own event and wait for it. They
    stand here rather than in a document of their own, so that the two writes meet and neither misses the other.
    """

    collection: ClassVar = "cards"

    state: CardState | None = None
    account_id: str | None = None
    member_id: str | None = None
    category: str = "normal"
    blocked_at: datetime | None = None
    """When it stopped working, while it doesn't."""
    suspended_at: datetime | None = None
    """Since when it doesn't work because its holder is blocked, whatever its state."""
    suspension_news: int = 0
    """As `news`, of that."""
    replaced_by: str | None = None
    spends_at: datetime | None = None
    """When something can be spent with it again, after its member came to be reached elsewhere."""
    news: int = 0
    """The card's own version of which the newest event about it told."""
    holder_news: int = 0
    """The same, of whose it is."""
    category_news: int = 0
    """The same, of its category."""
    category_changes: tuple[CategoryChange, ...] = ()
    """The oldest first."""
    waiting: tuple[str, ...] = ()
    """Ids of the purchases that wait for the card."""
    heirs: tuple[str, ...] = ()
    """Cards that are to lead to its account, and wait for it to have one."""

    @property
    def is_unheard_of(self) -> bool:
        """Whether no event told anything of it yet."""
        news = self.category_news or self.suspension_news or self.holder_news or self.spends_at is not None
        return self.state is None and self.account_id is None and not self.heirs and not news

    def told(self, version: int | None, state: CardState, blocked_at: datetime | None = None) -> Self:
        """The card as an event tells; older news than it has had change nothing."""
        if version is not None and version <= self.news:
            return self
        return self.evolve(state=state, blocked_at=blocked_at, news=self.news if version is None else version)

    def suspended(self, version: int | None, at: datetime | None) -> Self:
        """The card suspended or not as an event tells, unless newer ones told otherwise."""
        if version is not None and version <= self.suspension_news:
            return self
        return self.evolve(suspended_at=at, suspension_news=self.suspension_news if version is None else version)

    def categorised(self, version: int | None, category: str) -> Self:
        """The card in the category that an event tells, unless newer ones told another."""
        if version is not None and version <= self.category_news:
            return self
        return self.evolve(category=category, category_news=self.category_news if version is None else version)

    def recategorised(self, version: int | None, category: str, earlier: str, at: datetime) -> Self:
        """The card in another category since an instant; news of changes may come in any order."""
        change = CategoryChange(version=version or 0, at=at, earlier=earlier)
        changes = sorted((*self.category_changes, change), key=lambda each: each.version)
        return self.categorised(version, category).evolve(category_changes=tuple(changes[-MOST_CATEGORY_CHANGES:]))

    def category_at(self, at: datetime | None) -> str:
        """The category that it was in at an instant; the one that it is in if none is given."""
        for change in self.category_changes:
            if at is not None and at < change.at:
                return change.earlier
        return self.category


class Terms(Part):
    """From when until when units can be spent; lots with the same terms are one lot."""

    id: str
    available_at: datetime | None = None
    expires_at: datetime | None = None


class Lot(Part):
    """Units that can be spent, and expire, together."""

    terms: Terms
    amount: int


class Holding(Part):
    """What an account holds of one unit: `balance` is its lots less its debt, and the sum of its ledger entries."""

    packed: ClassVar = ("lots",)

    unit: str
    balance: int = 0
    pending: int = 0
    """Of purchases that aren't confirmed yet; not in the balance."""
    held: int = 0
    """What outstanding rewards cost; not in the balance."""
    debt: int = 0
    lots: tuple[Lot, ...] = ()
    """The soonest to expire first; none is empty."""

    def spendable(self, now: datetime) -> int:
        """What can be spent now."""
        return sum(lot.amount for lot in self.lots if is_spendable(lot.terms, now))


class Account(Document):
    """What one card, or several of one member, collected."""

    collection: ClassVar = "accounts"
    indexes: ClassVar = (Index(("expires_at",), sparse=True),)

    card_number: str | None
    """The card that it was opened for."""
    led: tuple[str, ...] = ()
    """Cards that came to lead here besides."""
    opened_at: datetime
    holdings: tuple[Holding, ...] = ()
    expires_at: datetime | None = None
    """When the next of its lots expires."""
    counters: tuple[Counter, ...] = ()
    """What fell into the present periods, and into those that are remembered."""
    tiers: tuple[HeldTier, ...] = ()
    """In each status system in which it has, or has had, a tier."""

    @property
    def tier_codes(self) -> tuple[str, ...]:
        """The tiers that it has, in whatever system."""
        return tuple(each.tier for each in self.tiers if each.tier is not None)

    def held_tier(self, system: str) -> HeldTier:
        """The tier that it has in a system."""
        for held in self.tiers:
            if held.system == system:
                return held
        return HeldTier(system=system, tier=None)

    def counted(self, what: str, period: str) -> int:
        """How much of something fell into a period."""
        for counter in self.counters:
            if counter.what == what and counter.period == period:
                return counter.amount
        return 0

    merged_into: str | None = None
    """The account that everything in it went to; nothing leads here any more but what was bought before."""
    absorbed: tuple[str, ...] = ()
    """The accounts that went into it."""

    @property
    def cards(self) -> tuple[str, ...]:
        """The cards that lead here."""
        return self.led if self.card_number is None else (self.card_number, *self.led)

    def owns(self, account_id: str | None) -> bool:
        """Whether what is of an account is of this one: it is this one, or went into it."""
        return account_id == self.id or account_id in self.absorbed

    def holding(self, unit: str) -> Holding:
        """What it holds of a unit."""
        for holding in self.holdings:
            if holding.unit == unit:
                return holding
        return Holding(unit=unit)


class Earning(Part):
    """What a rule gave for lines of a purchase, and all that a refund needs to take it back by the sale's own rate."""

    rule: str
    unit: str
    amount: int
    lines: tuple[int, ...]
    rate: Rate
    terms: Terms


class Took(Part):
    """What a refund took of a unit, by which entry: out of which lots, what became a debt, and what it did not take."""

    unit: str
    entry_id: str
    drawn: tuple[Lot, ...] = ()
    owed: int = 0
    forgone: int = 0


class Refund(Part):
    """What of a purchase came back, on which receipt."""

    number: str
    refunded_at: datetime
    lines: tuple[RefundLine, ...]
    actor: Actor
    took: tuple[Took, ...] = ()
    """None where it came before its sale: that was booked with it."""
    undone_at: datetime | None = None
    undone_by: Actor | None = None


class Purchase(Document):
    """A receipt, by its business key: what was bought, what that earned and why, what of it came back."""

    collection: ClassVar = "purchases"
    indexes: ClassVar = (
        # A store is looked for within the index: no purchase of another one is read.
        Index(("account_id", "purchased_at", "store")),
        Index(("receipt_number", "purchased_at", "store")),
        Index(("due_at",), sparse=True),
    )

    state: PurchaseState
    account_id: str | None = None
    awaited_card: str | None = None
    """The card that a parked purchase waits for; cleared with the wait."""
    due_at: datetime | None = None
    """When its wait ends: for its card, its sale, or its confirmation."""
    store: str
    till: str
    receipt_number: str
    business_day: date
    purchased_at: datetime | None = None
    recorded_at: datetime | None = None
    actor: Actor | None = None
    """Who recorded it."""
    card_category: str = "normal"
    """The card's when it was recorded: a revision earns by it, whatever the card is by then."""
    tiers: tuple[str, ...] = ()
    """The account's when it was recorded, likewise."""
    is_confirmed: bool = False
    """Whether it is paid for."""
    revision: int = 0
    lines: tuple[PurchaseLine, ...] = ()
    superseded: tuple[str, ...] = ()
    """Digests of the contents that it had before."""
    earnings: tuple[Earning, ...] = ()
    refunds: tuple[Refund, ...] = ()
    posted: tuple[Posted, ...] = ()
    cancelled_with: tuple[Posted, ...] = ()
    """The entries of its cancellation."""
    returned_rewards: tuple[str, ...] = ()
    returned_coupons: tuple[str, ...] = ()
    """What came back with it when it was over."""
    balances: tuple[UnitBalance, ...] = ()
    """What the till was told that the account holds; a repeat is told the same."""

    @property
    def versions(self) -> int:
        """How many contents its receipt has had, the present one counted."""
        return 1 + len(self.superseded)


class Reward(Document):
    """Something that stamps or points bought."""

    collection: ClassVar = "rewards"
    indexes: ClassVar = (
        Index(("account_id", "issued_at")),
        Index(("account_id", "state", "issued_at")),
        Index(("due_at",), sparse=True),
    )

    account_id: str
    reward: str
    unit: str
    price: int
    state: RewardState
    issued_at: datetime
    ended_at: datetime | None = None
    expires_at: datetime | None = None
    due_at: datetime | None = None
    """When it expires, while it is outstanding."""
    paid: tuple[Lot, ...]
    """What was taken from which lots; it goes back there if the reward is removed."""
    entry_id: str
    ended_by: str | None = None
    """The entry of its use or removal; what takes that back points to it."""
    purchase_id: str | None = None
    """The sale that it was used in."""
    returns: bool = True
    """Whether it comes back with that sale."""
    returned_by: str | None = None
    """The entry by which it came back with its sale."""


class Cause(StrEnum):
    """Why something moved."""

    PURCHASE = "purchase"
    REVISION = "revision"
    CONFIRMATION = "confirmation"
    CANCELLATION = "cancellation"
    CANCELLATION_UNDONE = "cancellation_undone"
    REFUND = "refund"
    REFUND_UNDONE = "refund_undone"
    REWARD_ISSUED = "reward_issued"
    REWARD_USED = "reward_used"
    REWARD_REMOVED = "reward_removed"
    REWARD_EXPIRED = "reward_expired"
    EXPIRY = "expiry"
    REWARD_RESTORED = "reward_restored"
    REWARD_UNUSED = "reward_unused"
    REWARD_RETURNED = "reward_returned"
    REWARD_USED_AGAIN = "reward_used_again"
    ADJUSTMENT = "adjustment"
    ADJUSTMENT_UNDONE = "adjustment_undone"
    COUPON_USED = "coupon_used"
    COUPON_RETURNED = "coupon_returned"
    COUPON_USED_AGAIN = "coupon_used_again"
    TIER_REWARD = "tier_reward"
    TIER_UNDONE = "tier_undone"
    SURVEY_ANSWERED = "survey_answered"
    GAME_PLAYED = "game_played"
    MOVED_OUT = "moved_out"
    MOVED_IN = "moved_in"


class EntryPart(Part):
    """How much of a movement was in which lot, by which rule; no lot where it is about debt or what is pending."""

    lot: str | None
    amount: int
    rule: str | None = None


class LedgerEntry(Document):
    """One movement of one unit of one account; written once, never changed, and undone only by another entry.

    Over an account's entries of a unit, `amount` sums up to the holding's balance, `pending` and `held` to its own.
    """

    collection: ClassVar = "ledger_entries"
    indexes: ClassVar = (Index(("account_id", "at", "id")),)

    account_id: str
    unit: str
    amount: int
    pending: int = 0
    held: int = 0
    balance_after: int
    forgone: int = 0
    """What should have been taken and wasn't: it had expired, or is waived; below 0: that was undone with the rest."""
    cause: Cause
    actor: Actor
    at: datetime
    purchase_id: str | None = None
    reward_id: str | None = None
    adjustment_id: str | None = None
    reason: str | None = None
    """Why an operator did it, by the programme's own word."""
    source: str | None = None
    """What else gave or took it: a coupon by its code, a tier, a survey, a game."""
    parts: tuple[EntryPart, ...] = ()
    undoes: str | None = None
    """The entry that this one takes back, in whole or in part."""
    counterpart: str | None = None
    """Of what moved between two accounts: the other account's entry."""


def is_available(terms: Terms, now: datetime) -> bool:
    """Whether the time before which units with these terms can't be spent is over."""
    return terms.available_at is None or terms.available_at <= now


def has_expired(terms: Terms, now: datetime) -> bool:
    """Whether units with these terms can be spent no more."""
    return terms.expires_at is not None and terms.expires_at <= now


def is_spendable(terms: Terms, now: datetime) -> bool:
    """Whether units with these terms can be spent now."""
    return is_available(terms, now) and not has_expired(terms, now)
