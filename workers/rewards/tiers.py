"""Tiers: reached at once, kept to the end of the next period, assigned by hand; what comes with them comes once."""

from datetime import datetime, timedelta
from typing import Annotated, NamedTuple

from contracts.messages import Command
from contracts.programme.periods import Period
from contracts.programme.tiers import TierSystem
from contracts.tiers import AssignTier, ReckonTier, TierCause, TierChanged
from runtime.decisions import Key, Refused
from workers import Changes, Context
from workers.rewards.caps import local_day, name_of
from workers.rewards.counters import Move, counted
from workers.rewards.counts import HeldTier
from workers.rewards.documents import Account, Card, Cause
from workers.rewards.earning import midnight
from workers.rewards.ledger import balances
from workers.rewards.prizes import Awarded, awarding
from workers.rewards.receipts import refuse_nobodys, shown
from workers.rewards.reckoning import reached, remembered_until, what_is_rewarded
from workers.rewards.tier_documents import Rank, Standing, TierGift
from workers.rewards.worker import worker


class Step(NamedTuple):
    """From which tier of a system an account comes to which, and why."""

    system: TierSystem
    before: str | None
    tier: str | None
    cause: TierCause
    held_until: datetime | None = None
    note: str | None = None
    gives_rewards: bool = True

    @property
    def is_higher(self) -> bool:
        """Whether it leads upwards."""
        return self.system.rank(self.tier) > self.system.rank(self.before)


@worker.handles(AssignTier)
def assign_tier(
    command: AssignTier,
    card: Annotated[Card, Key("card_number")],
    account: Annotated[Account | None, Key("card.account_id")],
    standing: Annotated[Standing | None, Key("card.account_id")],
    context: Context,
) -> Changes:
    system = context.programme.rewards.tier_system(command.system)
    if account is None:
        raise Refused("unknown_card")
    refuse_nobodys(card)
    if system is None:
        raise Refused("unknown_tier_system")
    if command.tier is not None and not system.rank(command.tier):
        raise Refused("unknown_tier")
    if command.holds_until < local_day(context):
        raise Refused("tier_end_in_past")

    held_until = midnight(command.holds_until + timedelta(days=1), context.programme.time_zone)
    before = account.held_tier(system.code).tier
    step = Step(
        system, before, command.tier, TierCause.ASSIGNED, held_until, command.note, gives_rewards=command.gives_rewards
    )
    yield card.evolve()  # whoever forgets its holder in this moment meets a conflict, or would miss the note
    yield from stepped(step, account, standing, card, context)


@worker.handles(ReckonTier)
def reckon_tier(
    command: ReckonTier,
    account: Annotated[Account | None, Key("account_id")],
    standing: Annotated[Standing | None, Key("account_id")],
    card: Annotated[Card | None, Key("account.card_number")],
    context: Context,
) -> Changes:
    system = context.programme.rewards.tier_system(command.system)
    if account is None or account.merged_into is not None or system is None:
        if standing is not None:
            yield forgotten(standing, command.system)
        return
    held = account.held_tier(system.code)
    rank = None if standing is None else standing.rank(system.code)
    tier = reached(system, account, local_day(context))
    if held.is_by_hand(context.now) or (held.held_until is None and held.tier == tier):
        due_at = held.held_until or next_look(system, tier, context)
        if due_at != (None if rank is None else rank.due_at):
            yield with_rank(standing or Standing(id=account.id), looked_at(held, rank, due_at, context))
        return
    step = Step(system, held.tier, tier, why(system, held, tier, rank, context))
    yield from stepped(step, account, standing, card, context)


def why(system: TierSystem, held: HeldTier, tier: str | None, rank: Rank | None, context: Context) -> TierCause:
    """Why an account has another tier by what counts."""
    if held.held_until is not None:
        return TierCause.HOLD_ENDED
    if system.rank(tier) > system.rank(held.tier):
        return TierCause.REACHED
    return TierCause.PERIOD_ENDED if rank is not None and is_due(rank, context) else TierCause.TAKEN_BACK


def is_due(rank: Rank, context: Context) -> bool:
    """Whether it is time to look at a rank again."""
    return rank.due_at is not None and rank.due_at <= context.now


def stepped(step: Step, account: Account, standing: Standing | None, card: Card | None, context: Context) -> Changes:
    """Let an account have another tier, with what comes with those that it climbs."""
    system = step.system
    awarded = awarding(account)
    gifts = climbed(step, awarded, context) if step.gives_rewards else ()
    held = HeldTier(system=system.code, tier=step.tier, held_until=step.held_until)
    others = tuple(each for each in awarded.account.tiers if each.system != system.code)
    changed = awarded.account.evolve(tiers=(*others, held))
    rank = Rank(
        system=system.code,
        tier=step.tier,
        since=context.now,
        cause=step.cause,
        actor=context.actor,
        note=step.note,
        held_until=step.held_until,
        due_at=step.held_until or next_look(system, step.tier, context),
        gave=gifts if step.cause is TierCause.ASSIGNED else (),
        earlier=held_before(step, account, standing, context),
    )
    held_now = balances(changed, context.now, context.programme.rewards.shortfall)
    yield changed, *awarded.entries, *awarded.coupons, with_rank(standing or Standing(id=account.id), rank)
    yield TierChanged(
        account_id=account.id,
        card_number=account.card_number if card is None else card.id,
        member_id=None if card is None else card.member_id,
        system=system.code,
        before=step.before,
        tier=step.tier,
        cause=step.cause,
        is_higher=step.is_higher,
        held_until=step.held_until,
        given=tuple(awarded.given),
        coupon_codes=awarded.coupon_codes,
        balances=held_now if card is None else shown(card, held_now),
    )
    yield awarded.told(card)


def held_before(step: Step, account: Account, standing: Standing | None, context: Context) -> Rank | None:
    """The rank that was assigned by hand and still holds when another is assigned in its place."""
    rank = None if standing is None else standing.rank(step.system.code)
    is_by_hand = account.held_tier(step.system.code).is_by_hand(context.now)
    if rank is None or step.cause is not TierCause.ASSIGNED or not is_by_hand:
        return None
    return rank.evolve(earlier=None)


def climbed(step: Step, awarded: Awarded, context: Context) -> tuple[TierGift, ...]:
    """Give what comes with each tier on the way up, unless it was given in this period already; says what."""
    system, today = step.system, local_day(context)
    gifts: list[TierGift] = []
    period = name_of(system.period, today)
    for tier in system.tiers[system.rank(step.before) : system.rank(step.tier)]:
        what = what_is_rewarded(system, tier.code)
        if tier.reward is None or awarded.account.counted(what, period):
            continue
        award = awarded.award(tier.reward, Cause.TIER_REWARD, tier.code, context)
        gifts.append(TierGift(tier=tier.code, given=award.given, coupon_code=award.coupon_code))
        codes = () if award.coupon_code is None else (award.coupon_code,)
        once = Move(what, period, 1, remembered_until(system, today), codes)
        awarded.account = awarded.account.evolve(counters=counted(awarded.account, [once], today))
    return tuple(gifts)


def next_look(system: TierSystem, tier: str | None, context: Context) -> datetime | None:
    """When a tier that was reached has to be looked at again: when the present period ends."""
    if tier is None or system.period is Period.EVER:
        return None
    return midnight(system.period.next_day(local_day(context)), context.programme.time_zone)


def looked_at(held: HeldTier, rank: Rank | None, due_at: datetime | None, context: Context) -> Rank:
    """The rank of a tier that stays; there is none yet where the tier came with an account that went into this one."""
    return Rank(
        system=held.system,
        tier=held.tier,
        since=context.now if rank is None else rank.since,
        cause=TierCause.REACHED if rank is None else rank.cause,
        actor=context.actor if rank is None else rank.actor,
        note=None if rank is None else rank.note,
        held_until=held.held_until,
        due_at=due_at,
        gave=() if rank is None else rank.gave,
        earlier=None if rank is None else rank.earlier,
    )


def with_rank(standing: Standing, rank: Rank) -> Standing:
    """The standing with one rank in place of the one that was."""
    ranks = (*(each for each in standing.ranks if each.system != rank.system), rank)
    return standing.evolve(ranks=ranks, due_at=first_due(ranks))


def forgotten(standing: Standing, system: str) -> Standing:
    """The standing without a system: the account went into another one, or the programme has the system no more."""
    ranks = tuple(each for each in standing.ranks if each.system != system)
    return standing.evolve(ranks=ranks, due_at=first_due(ranks))


def first_due(ranks: tuple[Rank, ...]) -> datetime | None:
    """When the first of these ranks has to be looked at."""
    return min((each.due_at for each in ranks if each.due_at is not None), default=None)


def next_reckoning(standing: Standing) -> Command:
    """The command that looks at the rank whose time has come first."""
    due = [rank for rank in standing.ranks if rank.due_at is not None]
    return ReckonTier(account_id=standing.id, system=min(due, key=lambda rank: (rank.due_at, rank.system)).system)


worker.due(Standing, field="due_at", command=next_reckoning)
