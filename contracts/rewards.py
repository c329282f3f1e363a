"""What can be said about purchases, stamps, points and rewards.

What is about an account leaves no gap in its versions; what is about a purchase says that it waits, or didn't change.
"""

from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

from contracts.messages import ANYBODY, OURS, Command, Event
from contracts.naming import OfSomebody
from contracts.values import AccountId, CardNumber, Code, Day, Instant, MemberId, MinorUnits, Points, Reference

Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
"""A currency by its ISO 4217 code."""
PurchaseId = Annotated[str, StringConstraints(min_length=7, max_length=210)]
"""A receipt's business key: store, till, receipt number and business day, with spaces between."""
KnownCardNumber = Annotated[str, StringConstraints(pattern=r"^\d{12,19}$")]
"""A card number that was checked when it came in: an event doesn't reckon its check digit again, which was dear."""
RewardId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
MAX_LINES = 500


class Stage(StrEnum):
    """Whether a purchase is paid for yet."""

    PENDING = "pending"
    CONFIRMED = "confirmed"


class PurchaseState(StrEnum):
    """Where a purchase is in its life."""

    PARKED = "parked"
    """It came before its card did."""
    AWAITED = "awaited"
    """A refund of it came before it did."""
    PENDING = "pending"
    CONFIRMED = "confirmed"
    REFUNDED = "refunded"
    """All of its items came back."""
    CANCELLED = "cancelled"


class RewardState(StrEnum):
    """Where a reward is in its life."""

    OUTSTANDING = "outstanding"
    USED = "used"
    REMOVED = "removed"
    EXPIRED = "expired"


class PurchaseLine(BaseModel):
    """A line of a receipt: so many of a product, for so much together, discounts already off."""

    model_config = ConfigDict(frozen=True)

    line: int = Field(ge=1, le=100_000)
    product: Reference
    category: Code | None = None
    quantity: int = Field(1, ge=1, le=10_000)
    price_minor: MinorUnits


class RefundLine(BaseModel):
    """What of a receipt line comes back: so many items (none where only the price falls) and so much money."""

    model_config = ConfigDict(frozen=True)

    line: int = Field(ge=1, le=100_000)
    quantity: int = Field(ge=0, le=10_000)
    price_minor: MinorUnits


class Earned(BaseModel):
    """What a rule gave for which lines of a receipt."""

    model_config = ConfigDict(frozen=True)

    rule: Code
    unit: Code
    amount: Points
    lines: tuple[int, ...]


class UnitChange(BaseModel):
    """By how much a unit changed."""

    model_config = ConfigDict(frozen=True)

    unit: Code
    amount: Points


class TakenBack(BaseModel):
    """What a refund took back: `amount` in all, of which `owed` became debt and `forgone` was not taken after all."""

    model_config = ConfigDict(frozen=True)

    unit: Code
    amount: Points
    owed: Points = 0
    forgone: Points = 0


class UnitBalance(BaseModel):
    """What an account holds of a unit after a message; `available` can be spent now, the others can't."""

    model_config = ConfigDict(frozen=True)

    unit: Code
    available: Points
    pending: Points = 0
    """Of purchases that aren't confirmed, or not to be spent yet."""
    held: Points = 0
    """What outstanding rewards cost; it comes back if they are removed."""
    debt: Points = 0


class RewardsCommand(OfSomebody, worker="rewards", key="card_number", actors=ANYBODY):
    """Something to do with a card's account."""

    card_number: CardNumber


class ReceiptCommand(RewardsCommand, right="rewards.recorders"):
    """Something to do with the purchase that a till knows by its receipt."""

    store: Reference
    till: Reference
    receipt_number: Reference
    business_day: Day

    @property
    def purchase_id(self) -> str:
        """The business key; no part of it can contain the space that separates them."""
        return f"{self.store} {self.till} {self.receipt_number} {self.business_day.isoformat()}"


class RecordPurchase(ReceiptCommand):
    """Say what was bought, on which receipt; again it changes nothing, with other lines only the difference applies.

    A till that corrects a receipt back to what it once was counts `revision` up, else it is taken for a late repeat.
    """

    purchased_at: Instant
    currency: Currency
    lines: Annotated[tuple[PurchaseLine, ...], Field(min_length=1, max_length=MAX_LINES)]
    stage: Stage = Stage.CONFIRMED
    revision: int = Field(0, ge=0, le=1_000)
    is_offline: bool = False

    @field_validator("lines")
    @classmethod
    def _each_line_once(cls, lines: tuple[PurchaseLine, ...]) -> tuple[PurchaseLine, ...]:
        if len({line.line for line in lines}) != len(lines):
            raise ValueError("a line number stands there twice")
        return lines


class ConfirmPurchase(ReceiptCommand):
    """Say that a pending purchase is paid for: what it earned can be spent."""


class CancelPurchase(ReceiptCommand):
    """Say that a pending purchase didn't come to be."""


class RefundPurchase(ReceiptCommand):
    """Take lines of a purchase back, by the sale's receipt; what they earned goes back by the sale's rate."""

    refund_number: Reference
    """The refund's own receipt; the same again changes nothing."""
    refunded_at: Instant
    lines: Annotated[tuple[RefundLine, ...], Field(min_length=1, max_length=MAX_LINES)]

    @model_validator(mode="after")
    def _each_line_once_and_not_for_nothing(self) -> "RefundPurchase":
        if len({line.line for line in self.lines}) != len(self.lines):
            raise ValueError("lines: a line number stands there twice")
        if any(line.quantity == 0 and line.price_minor == 0 for line in self.lines):
            raise ValueError("lines: a line must bring back items or money")
        return self


class RedeemReward(RewardsCommand, right="rewards.spenders"):
    """Buy a reward with stamps or points."""

    reward: Code
    is_offline: bool = False


class UseReward(RewardsCommand, right="rewards.givers"):
    """Hand an outstanding reward out at a till, in a sale, known or not; if all of that comes back, it does too."""

    reward_id: RewardId
    store: Reference | None = None
    purchase_id: PurchaseId | None = None


class RemoveReward(RewardsCommand, right="rewards.removers"):
    """Undo an outstanding reward: its price comes back."""

    reward_id: RewardId
    reason: Code


class ResumePurchase(RewardsCommand, actors=OURS):
    """Take up a parked purchase: its card is known by now, or its time is over (said by the system)."""

    purchase_id: PurchaseId


class JoinAccount(RewardsCommand, actors=OURS):
    """Let a card collect in another's account, now that there is one (said by a worker)."""

    first_card_number: CardNumber


class EndPurchase(Command, worker="rewards", key="purchase_id", actors=OURS):
    """End a purchase's wait: a pending one is cancelled, an awaited one's refunds are refused (said by the system)."""

    purchase_id: PurchaseId


class ExpireLots(Command, worker="rewards", key="account_id", actors=OURS):
    """Take out of an account what has expired (said by the system)."""

    account_id: AccountId


class ExpireReward(Command, worker="rewards", key="account_id", actors=OURS):
    """End an outstanding reward whose time is over (said by the system)."""

    account_id: AccountId
    reward_id: RewardId


class AccountEvent(Event, worker="rewards", key="account_id", about=("Account", "account_id")):
    """Something that happened to an account."""

    account_id: AccountId
    card_number: KnownCardNumber | None
    """The card that was shown, else the account's first; none once its member was removed."""


class AccountOpened(AccountEvent):
    """A card became known, so it can collect."""


class BalanceEvent(AccountEvent):
    """Something that happened to what an account holds."""

    member_id: MemberId | None = None
    """Whose card was shown, where one was and it has a holder."""
    balances: tuple[UnitBalance, ...]


class PurchaseRecorded(BalanceEvent):
    """A purchase counted, with what it earned and why; `taken_back` where a refund of it had come before it."""

    purchase_id: PurchaseId
    stage: Stage
    earned: tuple[Earned, ...]
    taken_back: tuple[TakenBack, ...] = ()


class PurchaseRevised(BalanceEvent):
    """A receipt came again with other content: what it earns now, and the difference that was applied."""

    purchase_id: PurchaseId
    stage: Stage
    earned: tuple[Earned, ...]
    changes: tuple[UnitChange, ...]


class PurchaseConfirmed(BalanceEvent):
    """A pending purchase was paid for; what it earned counts."""

    purchase_id: PurchaseId
    earned: tuple[Earned, ...]


class PurchaseCancelled(BalanceEvent):
    """A pending purchase didn't come to be, by the till or because nobody confirmed it in time."""

    purchase_id: PurchaseId
    is_overdue: bool = False


class PurchaseRefunded(BalanceEvent):
    """Lines of a purchase came back, and what they had earned; `is_whole` if nothing of it is left."""

    purchase_id: PurchaseId
    refund_number: Reference
    is_whole: bool
    taken_back: tuple[TakenBack, ...]


class RewardIssued(BalanceEvent):
    """A reward was bought and waits to be used."""

    reward_id: RewardId
    reward: Code
    unit: Code
    paid: Points
    expires_at: Instant | None


class RewardUsed(BalanceEvent):
    """A reward was handed out."""

    reward_id: RewardId
    reward: Code
    store: Reference | None


class RewardRemoved(BalanceEvent):
    """An outstanding reward was undone and its price came back."""

    reward_id: RewardId
    reward: Code
    unit: Code
    returned: Points
    reason: Code


class RewardExpired(BalanceEvent):
    """A reward was not used in time; its price is gone."""

    reward_id: RewardId
    reward: Code


class LotsExpired(BalanceEvent):
    """Stamps or points were not spent in time."""

    expired: tuple[UnitChange, ...]


class AccountClosed(BalanceEvent):
    """All that an account held went to another, which its card leads to from now on."""

    merged_into: AccountId


class BalanceMoved(BalanceEvent):
    """What another account held came into this one: a card took another's place, or two members became one."""

    from_account_id: AccountId
    moved: tuple[UnitChange, ...]
    """By how much each balance changed."""


class PurchaseEvent(Event, worker="rewards", key="purchase_id", about=("Purchase", "purchase_id")):
    """Something about a purchase that moves no account."""

    purchase_id: PurchaseId


class PurchaseRepeated(PurchaseEvent):
    """A receipt came again with nothing new: the answer that it had, and no effect."""

    account_id: AccountId
    card_number: KnownCardNumber | None
    member_id: MemberId | None = None
    state: PurchaseState
    earned: tuple[Earned, ...]
    balances: tuple[UnitBalance, ...]


class PurchaseParked(PurchaseEvent):
    """A purchase waits for its card, which nobody knows yet."""

    card_number: KnownCardNumber
    ends_at: Instant


class PurchaseRefused(PurchaseEvent):
    """A parked purchase can't count, and why."""

    card_number: KnownCardNumber
    code: Code


class RefundParked(PurchaseEvent):
    """A refund waits for its sale."""

    card_number: KnownCardNumber
    refund_number: Reference
    ends_at: Instant


class RefundsRefused(PurchaseEvent):
    """Refunds waited in vain for their sale."""

    refund_numbers: tuple[Reference, ...]
    code: Code
