"""How a tier that was assigned by hand is taken back: what came with it goes, and it is what it would have been."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated

from contracts.corrections import UndoTierAssignment
from contracts.coupons import CouponCancelled, CouponState
from contracts.programme.tiers import TierSystem
from contracts.rewards import UnitChange
from contracts.tiers import TierCause, TierChanged
from runtime.decisions import Key, Refused
from workers import Changes, Context
from workers.rewards.adjusting import refuse_operator
from workers.rewards.caps import local_day, name_of
from workers.rewards.counters import Move, counted
from workers.rewards.counts import HeldTier
from workers.rewards.coupon_documents import Coupon
from workers.rewards.coupons import cancelled_for_good
from workers.rewards.documents import Account, Card, Cause, LedgerEntry
from workers.rewards.giving import take_back
from workers.rewards.ledger import balances, settled
from workers.rewards.receipts import refuse_nobodys, shown
from workers.rewards.reckoning import reached, remembered_until, what_is_rewarded
from workers.rewards.tier_documents import Rank, Standing, TierGift
from workers.rewards.tiers import next_look, with_rank
from workers.rewards.worker import worker

UNDONE = "assignment_undone"


@worker.handles(UndoTierAssignment)
def undo_tier_assignment(
    command: UndoTierAssignment,
    card: Annotated[Card, Key("card_number")],
    account: Annotated[Account | None, Key("card.account_id")],
    standing: Annotated[Standing | None, Key("card.account_id")],
    coupons: Annotated[tuple[Coupon, ...], Key("standing.given_coupons")],
    context: Context,
) -> Changes:
    system = context.programme.rewards.tier_system(command.system)
    if account is None:
        raise Refused("unknown_card")
    refuse_nobodys(card)
    if system is None:
        raise Refused("unknown_tier_system")
    refuse_operator(command.operator_id, context)
    held, rank = account.held_tier(system.code), None if standing is None else standing.rank(system.code)
    if not held.is_by_hand(context.now):
        raise Refused("tier_not_assigned")

    back = back_to(system, account, rank, context)
    took = Taken(settled(account, ()))
    took.take(system, back, () if rank is None else rank.gave, coupons, context)
    others = tuple(each for each in took.account.tiers if each.system != system.code)
    changed = took.account.evolve(tiers=(*others, back))
    now = rank_after(system, back, rank, command.note, context)
    yield card.evolve(), changed, *took.entries, *took.coupons, with_rank(standing or Standing(id=account.id), now)
    yield TierChanged(
        account_id=account.id,
        card_number=card.id,
        member_id=card.member_id,
        system=system.code,
        before=held.tier,
        tier=back.tier,
        cause=TierCause.ASSIGNMENT_UNDONE,
        is_higher=system.rank(back.tier) > system.rank(held.tier),
        held_until=back.held_until,
        given=tuple(took.changes),
        balances=shown(card, balances(changed, context.now, context.programme.rewards.shortfall)),
    )
    yield took.told(card)


def back_to(system: TierSystem, account: Account, rank: Rank | None, context: Context) -> HeldTier:
    """The tier without the assignment: one assigned before it that still holds, else what counts is enough for."""
    earlier = None if rank is None else rank.earlier
    if earlier is not None and earlier.held_until is not None and earlier.held_until > context.now:
        return HeldTier(system=system.code, tier=earlier.tier, held_until=earlier.held_until)
    return HeldTier(system=system.code, tier=reached(system, account, local_day(context)))


def rank_after(system: TierSystem, back: HeldTier, rank: Rank | None, note: str, context: Context) -> Rank:
    """The rank without the assignment; what came with the one before it can still be taken back."""
    earlier = rank.earlier if rank is not None and back.held_until is not None else None
    return Rank(
        system=system.code,
        tier=back.tier,
        since=context.now,
        cause=TierCause.ASSIGNMENT_UNDONE,
        actor=context.actor,
        note=note,
        held_until=back.held_until,
        due_at=back.held_until or next_look(system, back.tier, context),
        gave=() if earlier is None else earlier.gave,
    )


@dataclass(slots=True)
class Taken:
    """What came of taking gifts back: the account after them, and what to yield and to say besides."""

    account: Account
    entries: list[LedgerEntry] = field(default_factory=list)
    coupons: list[Coupon] = field(default_factory=list)
    changes: list[UnitChange] = field(default_factory=list)

    def take(
        self,
        system: TierSystem,
        back: HeldTier,
        gifts: Sequence[TierGift],
        coupons: Sequence[Coupon],
        context: Context,
    ) -> None:
        """Take back what came with tiers above the one that stays; coupons only while nobody used or opened them."""
        by_code = {each.id: each for each in coupons}
        today = local_day(context)
        for gift in gifts:
            if system.rank(gift.tier) <= system.rank(back.tier):
                continue
            if gift.given is not None:
                took = take_back(self.account, gift.given, Cause.TIER_UNDONE, gift.tier, context)
                self.account = took.account
                self.entries.append(took.entry)
                self.changes.append(UnitChange(unit=gift.given.unit, amount=-gift.given.amount))
            coupon = by_code.get(gift.coupon_code or "")
            if coupon is not None and is_untouched(coupon, self.account, context):
                self.coupons.append(cancelled_for_good(coupon, context.now))
            what, period = what_is_rewarded(system, gift.tier), name_of(system.period, today)
            once = Move(what, period, -1, remembered_until(system, today))
            self.account = self.account.evolve(counters=counted(self.account, [once], today))

    def told(self, card: Card) -> tuple[CouponCancelled, ...]:
        """What is said of the coupons."""
        return tuple(
            CouponCancelled(
                coupon_code=coupon.id,
                account_id=coupon.account_id,
                card_number=card.id,
                campaign=coupon.campaign,
                reason=UNDONE,
            )
            for coupon in self.coupons
        )


def is_untouched(coupon: Coupon, account: Account, context: Context) -> bool:
    """Whether a coupon is what it was when it was given: neither used, given away, over, nor open at a till."""
    is_open = coupon.reservation is not None and coupon.reservation.until > context.now
    return coupon.state is CouponState.ISSUED and account.owns(coupon.account_id) and not is_open
