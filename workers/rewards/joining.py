"""How a card that took another's place comes to lead to that one's account, with all that its own had collected."""

from typing import Annotated

from contracts.cards import CardReplaced, CardState
from contracts.rewards import AccountClosed, BalanceMoved, JoinAccount, ResumePurchase, UnitChange
from runtime.decisions import Key
from workers import Changes, Context
from workers.rewards.counters import summed
from workers.rewards.documents import Account, Card, Cause
from workers.rewards.ledger import Tally, balances, settled
from workers.rewards.reckoning import all_reckonings, joined_tiers
from workers.rewards.spending import held_too
from workers.rewards.worker import worker


@worker.handles(CardReplaced)
def hand_on_account(
    event: CardReplaced,
    card: Annotated[Card | None, Key("card_number")],
    successor: Annotated[Card | None, Key("new_card_number")],
    first: Annotated[Card | None, Key("first_card_number")],
    account: Annotated[Account | None, Key("first.account_id")],
    own: Annotated[Account | None, Key("successor.account_id")],
    context: Context,
) -> Changes:
    known = card or Card(id=event.card_number)
    replaced = known.told(context.version, CardState.REPLACED, blocked_at=event.stopped_at).evolve(
        replaced_by=event.new_card_number
    )
    heir = successor or Card(id=event.new_card_number)
    yield from held_too(replaced)
    if account is not None:
        yield replaced
        yield from joined(heir, account, own, context)
        return

    began = replaced if event.first_card_number == event.card_number else first or Card(id=event.first_card_number)
    yield replaced, heir, began.evolve(heirs=(*began.heirs, heir.id))


@worker.handles(JoinAccount)
def join_account(
    command: JoinAccount,
    card: Annotated[Card | None, Key("card_number")],
    first: Annotated[Card | None, Key("first_card_number")],
    account: Annotated[Account | None, Key("first.account_id")],
    own: Annotated[Account | None, Key("card.account_id")],
    context: Context,
) -> Changes:
    number = command.card_number
    if first is None or account is None or number not in first.heirs:
        return

    yield first.evolve(heirs=tuple(each for each in first.heirs if each != number))
    yield from joined(card or Card(id=number), account, own, context)


def joined(card: Card, account: Account, own: Account | None, context: Context) -> Changes:
    """Let a card lead to an account: what waited for the card goes on there, what it had collected itself moves there.

    Every card of a chain joins the account of the chain's first, never that of the one before it. So an account that
    was left leads to one that is not left, in whatever order the replacements are heard of.
    """
    yield card.evolve(account_id=account.id, waiting=())
    for purchase_id in card.waiting:
        yield ResumePurchase(card_number=card.id, purchase_id=purchase_id)
    if own is not None and own.id != account.id:
        yield from moved(card, own, account, context)


def moved(card: Card, left: Account, account: Account, context: Context) -> Changes:
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
        counters=summed(account.counters, left.counters),
        tiers=joined_tiers(account, left, context),
    )
    closed = settled(left, out).evolve(merged_into=account.id, counters=(), tiers=())
    shared = {"card_number": card.id, "member_id": card.member_id}
    yield changed, closed
    yield AccountClosed(
        account_id=left.id, merged_into=account.id, balances=balances(closed, context.now, shortfall), **shared
    )
    yield BalanceMoved(
        account_id=account.id,
        from_account_id=left.id,
        moved=tuple(UnitChange(unit=each.before.unit, amount=each.amount) for each in into if each.amount),
        balances=balances(changed, context.now, shortfall),
        **shared,
    )
    yield all_reckonings(changed, context)
