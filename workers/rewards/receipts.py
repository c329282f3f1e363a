"""What a receipt says, apart from who said it when: whether it is the same, and whether it can count at all."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Final

from contracts.card_life import Act, may
from contracts.cards import CardState
from contracts.rewards import PurchaseState, RecordPurchase, Stage, UnitBalance
from runtime.decisions import Refused
from workers import Context
from workers.rewards.documents import Account, Card, Purchase

STOPPED: Final[Mapping[CardState, str]] = {
    CardState.BLOCKED: "card_blocked",
    CardState.REPLACED: "card_replaced",
    CardState.DELETED: "card_deleted",
}
"""What a till is told of a card that works no more."""
MOST_REVISIONS: Final = 50
"""Contents that one receipt may have had."""


def refuse_receipt(command: RecordPurchase, context: Context) -> None:
    """Refuse a receipt that can't be right, whoever's it is.

    Raises:
        Refused: `currency_not_accepted` or `purchased_in_future`.
    """
    rules = context.programme.rewards
    if command.currency != rules.currency:
        raise Refused("currency_not_accepted", currency=command.currency, accepted=rules.currency)
    if command.purchased_at > context.now + timedelta(seconds=rules.clock_skew_seconds):
        raise Refused("purchased_in_future")


def refuse_sale(account: Account, known_as: str | None, purchase: Purchase | None) -> None:
    """Refuse a sale in which nothing of this account can be used; one that isn't known yet can be the one.

    Args:
        account: whose coupon or reward it is.
        known_as: the account that used something in this sale before, if one did.
        purchase: the sale, if it is known.

    Raises:
        Refused: `purchase_of_another_card`, `purchase_already_cancelled` or `purchase_already_refunded`.
    """
    owners = (known_as, None if purchase is None else purchase.account_id)
    if not all(account.owns(owner) for owner in owners if owner is not None):
        raise Refused("purchase_of_another_card")
    if purchase is not None and purchase.state is PurchaseState.CANCELLED:
        raise Refused("purchase_already_cancelled")
    if purchase is not None and purchase.state is PurchaseState.REFUNDED:
        raise Refused("purchase_already_refunded")


def why_not_earning(card: Card, purchased_at: datetime | None) -> str | None:
    """Why a purchase on this card can't count, as a refusal's code, or None.

    `purchased_at` is given where the receipt comes late, from an offline till or after a wait: what was bought before
    the card stopped working counts.
    """
    if card.state is not None and not may(card.state, Act.EARN):
        was_before = purchased_at is not None and card.blocked_at is not None and purchased_at < card.blocked_at
        if not was_before:
            return STOPPED[card.state]
    is_late = purchased_at is None or (card.suspended_at is not None and purchased_at >= card.suspended_at)
    return "member_blocked" if card.suspended_at is not None and is_late else None


def why_not_spending(card: Card, now: datetime) -> str | None:
    """Why a card doesn't spend, as a refusal's code, or None: an active one does, but after a change of contact."""
    if card.state is None:
        return "unknown_card"
    if card.state in STOPPED:
        return STOPPED[card.state]
    if card.suspended_at is not None:
        return "member_blocked"
    if not may(card.state, Act.SPEND):
        return "card_not_active"
    return "spending_waits" if card.spends_at is not None and now < card.spends_at else None


def refuse_card(card: Card, purchased_at: datetime | None) -> None:
    """Refuse a card that doesn't earn.

    Raises:
        Refused: `card_blocked`, `card_replaced`, `card_deleted` or `member_blocked`.
    """
    code = why_not_earning(card, purchased_at)
    if code is not None:
        raise Refused(code)


def refuse_nobodys(card: Card) -> None:
    """Refuse a card of which nothing is written any more: its holder was removed, and nobody will have it.

    A deleted card that is somebody's goes on: it may be restored.

    Raises:
        Refused: `card_replaced` or `card_deleted`.
    """
    if card.member_id is None and card.state in (CardState.DELETED, CardState.REPLACED):
        raise Refused(STOPPED[card.state])


def shown(card: Card, balances: tuple[UnitBalance, ...]) -> tuple[UnitBalance, ...]:
    """What who shows a card is told that its account holds; nothing while the card is deleted."""
    return () if card.state is CardState.DELETED else balances


def instant(at: datetime) -> datetime:
    """An instant as documents keep it, in UTC and milliseconds: what was read must equal what was said."""
    utc = at.astimezone(UTC)
    return utc.replace(microsecond=utc.microsecond // 1000 * 1000)


def is_same(command: RecordPurchase, purchase: Purchase) -> bool:
    """Whether a receipt says what its purchase is made of already."""
    return (
        command.revision == purchase.revision
        and command.lines == purchase.lines
        and purchase.purchased_at == instant(command.purchased_at)
    )


def digest(receipt: RecordPurchase | Purchase) -> str:
    """A hash of what a receipt says; equal for a command and the purchase that it made."""
    at = "" if receipt.purchased_at is None else instant(receipt.purchased_at).isoformat()
    content = [str(receipt.revision), at, *(line.model_dump_json() for line in receipt.lines)]
    return blake2b("\n".join(content).encode(), digest_size=16).hexdigest()


def receipt_of(
    command: RecordPurchase, earlier: Purchase | None, state: PurchaseState, context: Context, category: str
) -> Purchase:
    """A receipt as a new purchase; it keeps the refunds that came before it, in `earlier`."""
    return Purchase(
        id=command.purchase_id,
        state=state,
        store=command.store,
        till=command.till,
        receipt_number=command.receipt_number,
        business_day=command.business_day,
        purchased_at=instant(command.purchased_at),
        recorded_at=context.now,
        actor=context.actor,
        card_category=category,
        is_confirmed=command.stage is Stage.CONFIRMED,
        revision=command.revision,
        lines=command.lines,
        refunds=() if earlier is None else earlier.refunds,
    )
