"""How stamps and points that nobody spent expire."""

from typing import Annotated

from contracts.messages import Command
from contracts.rewards import ExpireLots, LotsExpired, UnitChange
from runtime.decisions import Key
from workers import Changes, Context
from workers.rewards.documents import Account, Cause
from workers.rewards.ledger import Tally, balances, settled
from workers.rewards.worker import worker


@worker.handles(ExpireLots)
def expire_lots(command: ExpireLots, account: Annotated[Account, Key("account_id")], context: Context) -> Changes:
    tallies = [Tally(holding) for holding in account.holdings]
    amounts = [tally.expire(context.now) for tally in tallies]
    if not any(amounts):
        return

    changed = settled(account, tallies)
    yield changed
    for tally in tallies:
        if tally.has_moved:
            yield tally.entry(account.id, Cause.EXPIRY, context)
    yield LotsExpired(
        account_id=account.id,
        card_number=account.card_number,
        expired=tuple(
            UnitChange(unit=tally.before.unit, amount=-amount)
            for tally, amount in zip(tallies, amounts, strict=True)
            if amount
        ),
        balances=balances(changed, context.now, context.programme.rewards.shortfall),
    )


def next_expiry(account: Account) -> Command:
    """The command that takes out what has expired."""
    return ExpireLots(account_id=account.id)


worker.due(Account, field="expires_at", command=next_expiry)
