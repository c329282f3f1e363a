"""What is compared after each step: the worker's documents with the model's numbers, and every entry by itself."""

from collections.abc import Mapping

from contracts.coupons import CouponState
from contracts.rewards import PurchaseState, RewardState
from tests.workers.rewards.counter import Shop
from tests.workers.rewards.model import Model
from tests.workers.rewards.model.sales import Sale
from workers.rewards.adjustment_documents import Adjustment
from workers.rewards.coupon_documents import Coupon
from workers.rewards.documents import Account, Card, Cause, LedgerEntry, Purchase, Reward
from workers.rewards.explaining import explained

UNDOING = (
    Cause.ADJUSTMENT_UNDONE,
    Cause.REWARD_REMOVED,
    Cause.REWARD_RESTORED,
    Cause.REWARD_UNUSED,
    Cause.REWARD_RETURNED,
    Cause.COUPON_RETURNED,
    Cause.CANCELLATION,
    Cause.REFUND,
    Cause.REFUND_UNDONE,
    Cause.CANCELLATION_UNDONE,
)
MOVED = (Cause.MOVED_OUT, Cause.MOVED_IN)


def holdings_are_the_same(shop: Shop, model: Model) -> None:
    """Every account holds what the model says, and every card, receipt, reward, coupon and adjustment is as it says."""
    accounts = {each.card_number: each for each in shop.all(Account)}
    names = {each.id: each.card_number for each in accounts.values()}
    assert accounts.keys() == model.purses.keys()
    for name, purse in model.purses.items():
        account = accounts[name]
        for unit, told in purse.units.items():
            held = account.holding(unit)
            lots = {(lot.terms.available_at, lot.terms.expires_at): lot.amount for lot in held.lots}
            assert lots == told.lots, f"{name} {unit}: {lots} is not {told.lots}"
            assert (held.debt, held.pending, held.held) == (told.debt, told.pending, told.held), (
                name,
                unit,
                held,
                told,
            )
            assert held.balance == told.balance, (name, unit)
        tier = account.held_tier("status")
        assert (tier.tier, tier.held_until) == (purse.tier, purse.held_until), name
        assert names.get(account.merged_into or "") == model.owner(purse.into), name
    cards = {each.id: each for each in shop.all(Card)}
    for number, card in model.cards.items():
        state = cards[number].state if number in cards else None
        assert (None if state is None else state.value) == card.state, number
        assert (cards[number].member_id if number in cards else None) == card.member, number
        owner = model.owner(card.account)
        assert (names.get(cards[number].account_id or "") if number in cards else None) == owner, number
    assert {each.receipt_number: each.state for each in shop.all(Purchase)} == {
        number: state_of(sale) for number, sale in model.sales.items()
    }
    assert sorted(each.state.value for each in shop.all(Reward)) == sorted(each.state for each in model.prizes)
    assert sorted(each.state.value for each in shop.all(Coupon)) == sorted(each.state for each in model.coupons)
    assert sorted(each.state.value for each in shop.all(Adjustment)) == sorted(each.state for each in model.changes)


def state_of(sale: Sale) -> PurchaseState:
    """A receipt's state."""
    if sale.account is None:
        return PurchaseState.AWAITED if sale.awaits is None else PurchaseState.PARKED
    if sale.is_cancelled:
        return PurchaseState.CANCELLED
    if not sale.is_paid:
        return PurchaseState.PENDING
    return PurchaseState.REFUNDED if sale.is_over else PurchaseState.CONFIRMED


def entries_are_explained(shop: Shop, seen: set[str]) -> None:
    """Every entry that wasn't seen yet says what it is about, and what undoes something names what it undoes."""
    ids = shop.ids.get(LedgerEntry, [])
    if len(ids) == len(seen):
        return
    entries = {each.id: each for each in shop.all(LedgerEntry)}
    for entry in [each for each in entries.values() if each.id not in seen]:
        about = entry.purchase_id or entry.reward_id or entry.adjustment_id or entry.source
        assert about or entry.cause in (Cause.EXPIRY, *MOVED), "an entry about nothing"
        assert entry.undoes or entry.cause not in UNDOING or is_first_of_its_sale(entry, entries, seen), (
            f"{entry.cause} undoes nothing"
        )
        undone = None if entry.undoes is None else entries[entry.undoes]
        if undone is not None:
            assert undone.unit == entry.unit
            assert (undone.purchase_id, undone.reward_id, undone.adjustment_id, undone.source) == (
                entry.purchase_id,
                entry.reward_id,
                entry.adjustment_id,
                entry.source,
            )
        if entry.cause in MOVED:
            other = entries[entry.counterpart or ""]
            assert (other.counterpart, other.amount, other.unit) == (entry.id, -entry.amount, entry.unit)
            assert (other.pending, other.held) == (-entry.pending, -entry.held)
    seen |= entries.keys()


def is_first_of_its_sale(entry: LedgerEntry, entries: Mapping[str, LedgerEntry], seen: set[str]) -> bool:
    """Whether a refund is undone that came before its sale: it moved nothing, and what is given now is the first."""
    earlier = [entries[each] for each in seen if entries[each].purchase_id == entry.purchase_id]
    return entry.cause is Cause.REFUND_UNDONE and not any(each.unit == entry.unit for each in earlier)


def explanations_add_up(shop: Shop) -> None:
    """Every unit of every account has an origin, every debt a reason, and what was given became something."""
    entries = sorted(shop.all(LedgerEntry), key=lambda entry: entry.at)
    for account in shop.all(Account):
        if account.merged_into is not None:
            continue
        mine = [each for each in entries if account.owns(each.account_id)]
        pending = [each for each in shop.all(Purchase) if each.state is PurchaseState.PENDING]
        held = [each for each in shop.all(Reward) if each.state is RewardState.OUTSTANDING]
        for unit in explained(
            account,
            mine,
            [each for each in pending if account.owns(each.account_id)],
            [each for each in held if account.owns(each.account_id)],
        ):
            for lot in unit.lots:
                assert sum(part.left for part in lot.parts) == lot.amount
                assert all(part.entry is not None for part in lot.parts), "a unit without an origin"
            assert sum(debt.left for debt in unit.debts) == account.holding(unit.unit).debt
            assert all(each.purchase_id or each.reward_id for each in (*unit.pending, *unit.held)), "held for nothing"
            assert all(given.amount == given.left + sum(each.amount for each in given.became) for given in unit.given)
    assert all(each.purchase_id is None for each in shop.all(Coupon) if each.state is not CouponState.USED)
