"""What came back with a sale is used in it again, once the sale counts again: rewards, coupons and what those gave."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from contracts.corrections import CouponReused
from contracts.coupons import CouponState
from contracts.rewards import RewardState
from runtime.decisions import Refused
from workers import Context
from workers.rewards.coupon_documents import Coupon, Given
from workers.rewards.coupons import refuse_reserved
from workers.rewards.documents import Account, Card, Cause, LedgerEntry, Purchase, Reward
from workers.rewards.ledger import Tally, settled


@dataclass(slots=True)
class Reused:
    """What came of using things again: the account after that, and what to yield and to say besides."""

    account: Account
    entries: list[LedgerEntry] = field(default_factory=list)
    rewards: list[Reward] = field(default_factory=list)
    coupons: list[Coupon] = field(default_factory=list)

    def moved(self, tally: Tally, cause: Cause, context: Context, undoes: str | None) -> LedgerEntry | None:
        """Take a tally into the account; the entry of it, if anything moved."""
        self.account = settled(self.account, [tally])
        if not tally.has_moved:
            return None
        self.entries.append(tally.entry(self.account.id, cause, context, undoes=undoes))
        return self.entries[-1]

    def reward(self, reward: Reward, purchase: Purchase, context: Context) -> None:
        """Use a reward again: its price is held no more, or taken again where it had gone back to its lots."""
        tally = Tally(self.account.holding(reward.unit))
        undoes = reward.returned_by
        if reward.state is RewardState.OUTSTANDING:
            tally.held -= reward.price
        if reward.state is RewardState.REMOVED:
            undoes = reward.ended_by
            for lot in reward.paid:
                tally.take_back(lot.terms, lot.amount, context.now, context.programme.rewards.shortfall, None)
        entry = self.moved(tally, Cause.REWARD_USED_AGAIN, context, undoes)
        if entry is not None:
            self.entries[-1] = entry.evolve(reward_id=reward.id)
        self.rewards.append(
            reward.evolve(
                state=RewardState.USED,
                ended_at=context.now,
                due_at=None,
                ended_by=reward.ended_by if entry is None else entry.id,
                purchase_id=purchase.id,
                returned_by=None,
            )
        )

    def coupon(self, coupon: Coupon, purchase: Purchase, context: Context) -> None:
        """Use a coupon again; what was taken back of what it had given is given again, with the terms that it had."""
        given: Given | None = None
        taken = coupon.taken
        if taken is not None and taken.amount:
            tally = Tally(self.account.holding(taken.unit))
            tally.credit(taken.terms, taken.amount, now=context.now)
            entry = self.moved(tally, Cause.COUPON_USED_AGAIN, context, taken.entry_id)
            if entry is not None:
                self.entries[-1] = entry.evolve(source=coupon.id)
                given = Given(unit=taken.unit, amount=taken.amount, terms=taken.terms, entry_id=entry.id)
        self.coupons.append(
            coupon.evolve(
                state=CouponState.USED,
                ended_at=context.now,
                due_at=None,
                reservation=None,
                purchase_id=purchase.id,
                given=given,
                taken=None,
            )
        )

    def told(self, card: Card, purchase: Purchase) -> tuple[CouponReused, ...]:
        """What is said of the coupons."""
        return tuple(
            CouponReused(
                coupon_code=coupon.id,
                account_id=coupon.account_id,
                card_number=card.id,
                campaign=coupon.campaign,
                purchase_id=purchase.id,
            )
            for coupon in self.coupons
        )


def reused(
    account: Account, purchase: Purchase, rewards: Sequence[Reward], coupons: Sequence[Coupon], context: Context
) -> Reused:
    """Use again in a sale what had come back with it.

    Raises:
        Refused: `returned_used_since` or `coupon_reserved`, where somebody has had something else of it by now.
    """
    refuse_gone(account, rewards, coupons, context)
    again = Reused(account)
    for reward in rewards:
        again.reward(reward, purchase, context)
    for coupon in coupons:
        again.coupon(coupon, purchase, context)
    return again


def refuse_gone(account: Account, rewards: Sequence[Reward], coupons: Sequence[Coupon], context: Context) -> None:
    """Refuse where something that came back was used since, or given away, or is open at a till.

    Raises:
        Refused: `returned_used_since` or `coupon_reserved`.
    """
    for reward in rewards:
        if reward.state is RewardState.USED or not account.owns(reward.account_id):
            raise Refused("returned_used_since", what=reward.reward)
    for coupon in coupons:
        is_gone = not account.owns(coupon.account_id) or coupon.replaced_by is not None
        if coupon.state is CouponState.USED or is_gone:
            raise Refused("returned_used_since", what=coupon.campaign)
        refuse_reserved(coupon, context.now)
