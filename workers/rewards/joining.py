"""How a card comes to collect in another's account, with all that its own had collected.

That is so for a card that took another's place, and for all cards of members who became one. Whoever hears of it notes
the card as an heir of the other, and `JoinAccount` does it, at once or when there is an account to join. In any order,
an account that was left leads to one that isn't left, in one step, and so do all cards: each joining turns round
whatever led to the account that goes.
"""

from collections.abc import Sequence
from typing import Annotated

from contracts.cards import CardMerged, CardReplaced, CardState
from contracts.coupons import KeepOneCoupon
from contracts.joining import AccountRedirected, AccountShared
from contracts.rewards import (
    AccountClosed,
    BalanceMoved,
    JoinAccount,
    ResumePurchase,
    UnitChange,
)
from runtime.decisions import Key
from workers import Changes, Context
from workers.rewards.counters import given_twice, summed
from workers.rewards.documents import Account, Card, Cause
from workers.rewards.joining_documents import Joining, before
from workers.rewards.ledger import Tally, balances, settled
from workers.rewards.reckoning import all_reckonings, joined_tiers
from workers.rewards.spending import held_alike, held_too, newly_held
from workers.rewards.worker import worker


@worker.handles(CardReplaced)
def hand_on_account(
    event: CardReplaced,
    card: Annotated[Card | None, Key("card_number")],
    successor: Annotated[Card | None, Key("new_card_number")],
    first: Annotated[Card | None, Key("first_card_number")],
    context: Context,
) -> Changes:
    known = card or Card(id=event.card_number)
    replaced = known.told(context.version, CardState.REPLACED, blocked_at=event.stopped_at).evolve(
        replaced_by=event.new_card_number
    )
    heir = successor or Card(id=event.new_card_number)
    yield from held_too(replaced)
    began = replaced if event.first_card_number == event.card_number else first or Card(id=event.first_card_number)
    yield replaced, heir
    yield from shared(began, heir)


@worker.handles(CardMerged)
def share_account(
    event: CardMerged,
    card: Annotated[Card | None, Key("card_number")],
    pool: Annotated[Card | None, Key("pool_number")],
    context: Context,
) -> Changes:
    known = held_by(card or Card(id=event.card_number), context.version, event.member_id)
    yield known
    yield from pooled(known, event.pool_number, pool)


def held_by(card: Card, version: int | None, member_id: str) -> Card:
    """The card as the member's whom an event tells, unless newer ones told of another."""
    if version is not None and version <= card.holder_news:
        return card
    return card.evolve(member_id=member_id, holder_news=card.holder_news if version is None else version)


def pooled(card: Card, pool_number: str | None, pool: Card | None) -> Changes:
    """Let a card collect in the account of the pool's card, if its holder has such a pool."""
    if pool_number is not None and pool_number != card.id:
        yield from shared(pool or Card(id=pool_number), card)


def shared(first: Card, heir: Card) -> Changes:
    """Let a card lead to another's account: next, or as soon as there is one."""
    yield first.evolve(heirs=tuple(dict.fromkeys((*first.heirs, heir.id))))
    if first.account_id is not None:
        yield JoinAccount(card_number=heir.id, first_card_number=first.id)


@worker.handles(JoinAccount)
def join_account(
    command: JoinAccount,
    card: Annotated[Card | None, Key("card_number")],
    first: Annotated[Card | None, Key("first_card_number")],
    account: Annotated[Account | None, Key("first.account_id")],
    own: Annotated[Account | None, Key("card.account_id")],
    led: Annotated[tuple[Card, ...], Key("own.cards")],
    closed: Annotated[tuple[Account, ...], Key("own.absorbed")],
    context: Context,
) -> Changes:
    number = command.card_number
    if first is None or account is None or number not in first.heirs:
        return

    before = (*led, card or Card(id=number), first)
    alike = held_alike(before, context.now)
    yield from newly_held(before, alike, account)
    yield alike[first.id].evolve(heirs=tuple(each for each in first.heirs if each != number))
    yield from joined(alike[number], account, own, [alike[each.id] for each in led], closed, context)


def joined(
    card: Card,
    account: Account,
    own: Account | None,
    led: Sequence[Card],
    closed: Sequence[Account],
    context: Context,
) -> Changes:
    """Let a card lead to an account: what waited for it goes on there, what its own account has moves there.

    Args:
        card: with all that the message says of it.
        account: where it is to lead; it may lead there already.
        own: the account that it led to so far, if any.
        led: the cards that lead to `own`, this one among them.
        closed: the accounts that went into `own`.
        context: the message's.
    """
    leaves = None if own is None or own.merged_into is not None or own.id == account.id else own
    heirs = tuple(dict.fromkeys((*card.heirs, *unlisted(leaves, closed, card))))
    yield card.evolve(account_id=account.id, waiting=(), heirs=heirs)
    for purchase_id in card.waiting:
        yield ResumePurchase(card_number=card.id, purchase_id=purchase_id)
    for heir in heirs:
        yield JoinAccount(card_number=heir, first_card_number=card.id)
    if leaves is not None:
        yield tuple(each.evolve(account_id=account.id) for each in led if each.id != card.id)
        yield from moved(card, leaves, account, closed, context)
    elif card.id not in account.cards:
        yield account.evolve(led=(*account.led, card.id))
        yield AccountShared(account_id=account.id, card_number=card.id)


def unlisted(leaves: Account | None, closed: Sequence[Account], card: Card) -> tuple[str, ...]:
    """Other cards that lead to an account which was joined when accounts didn't list their cards yet."""
    if leaves is None:
        return ()
    listed = {card.id, *leaves.cards}
    return tuple(each.card_number for each in closed if each.card_number is not None and each.card_number not in listed)


def moved(card: Card, left: Account, account: Account, closed: Sequence[Account], context: Context) -> Changes:
    """Move everything from one account into another, by two entries for each unit that name one another."""
    shortfall = context.programme.rewards.shortfall
    out: list[Tally] = []
    into: list[Tally] = []
    for holding in left.holdings:
        out.append(Tally(holding))
        out[-1].empty()
        into.append(Tally(account.holding(holding.unit)))
        into[-1].take_over(holding, context.now)
        if out[-1].has_moved:
            taken = out[-1].entry(left.id, Cause.MOVED_OUT, context)
            given = into[-1].entry(account.id, Cause.MOVED_IN, context, counterpart=taken.id)
            yield taken.evolve(counterpart=given.id), given

    changed = settled(account, into).evolve(
        absorbed=(*account.absorbed, left.id, *left.absorbed),
        led=tuple(number for number in dict.fromkeys((*account.led, *left.cards)) if number != account.card_number),
        counters=summed(account.counters, left.counters),
        tiers=joined_tiers(account, left, context),
    )
    ended = settled(left, out).evolve(merged_into=account.id, led=(), counters=(), tiers=())
    shared = {"card_number": card.id, "member_id": card.member_id}
    yield changed, ended, kept_before(left, account, context)
    yield AccountClosed(
        account_id=left.id, merged_into=account.id, balances=balances(ended, context.now, shortfall), **shared
    )
    yield BalanceMoved(
        account_id=account.id,
        from_account_id=left.id,
        moved=tuple(UnitChange(unit=each.before.unit, amount=each.amount) for each in into if each.amount),
        balances=balances(changed, context.now, shortfall),
        **shared,
    )
    yield from redirected(closed, account)
    yield all_reckonings(changed, context)
    for codes in given_twice(account.counters, left.counters):
        yield KeepOneCoupon(account_id=account.id, coupon_codes=codes)


def kept_before(left: Account, account: Account, context: Context) -> Joining:
    """What both accounts held before they became one."""
    return Joining(id=left.id, account=before(account), left=before(left), actor=context.actor, joined_at=context.now)


def redirected(closed: Sequence[Account], account: Account) -> Changes:
    """Let the accounts that had gone into one that goes now lead to where it goes."""
    for each in closed:
        yield each.evolve(merged_into=account.id)
        yield AccountRedirected(account_id=each.id, card_number=each.card_number, merged_into=account.id)
