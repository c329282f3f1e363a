"""What rewards forgets when a member is removed: words that people wrote, and whose a card was; the ledger stays.

Comments on adjustments, notes on tiers and answers to surveys go with every account that one of their cards leads to,
and so does the key to what was said of it. What was collected stays there, tied to nobody, and expires by its rules.
"""

from typing import Annotated

from contracts.cards import CardRetired
from contracts.removal import MemberRemoved
from runtime.decisions import Key
from runtime.documents import Erase
from runtime.persons import DEAD_LETTERS, PersonKey
from workers import Changes, Context
from workers.rewards.adjustment_documents import AdjustmentComment, Operator, OperatorsOf
from workers.rewards.documents import Account, Card
from workers.rewards.pastime_documents import SurveyResponse
from workers.rewards.tier_documents import Rank, Standing
from workers.rewards.worker import worker


@worker.handles(CardRetired)
def forget_holder(
    event: CardRetired,
    card: Annotated[Card | None, Key("card_number")],
    account: Annotated[Account | None, Key("card.account_id")],
    standing: Annotated[Standing | None, Key("card.account_id")],
    earlier: Annotated[tuple[Standing, ...], Key("account.absorbed")],
    context: Context,
) -> Changes:
    known = (card or Card(id=event.card_number)).told(context.version, event.state, blocked_at=event.stopped_at)
    yield known.suspended(context.version, None).evolve(
        member_id=None, holder_news=max(known.holder_news, context.version or 0)
    )
    if account is None:
        return

    for each in (account.id, *account.absorbed):
        yield Erase(AdjustmentComment, each, field="account_id"), Erase(SurveyResponse, each, field="account_id")
        yield Erase(PersonKey, each)
    standings = (*earlier, *(() if standing is None else (standing,)))
    yield tuple(each.evolve(ranks=tuple(unnoted(rank) for rank in each.ranks)) for each in standings)


def unnoted(rank: Rank) -> Rank:
    """A rank without what colleagues wrote about it, nor about the one before."""
    return rank.evolve(note=None, earlier=None if rank.earlier is None else unnoted(rank.earlier))


@worker.handles(MemberRemoved)
def untie_operators(
    event: MemberRemoved,
    tied: Annotated[OperatorsOf | None, Key("member_id", as_is=True)],
    operators: Annotated[tuple[Operator, ...], Key("tied.operator_ids")],
) -> Changes:
    yield Erase(PersonKey, DEAD_LETTERS)
    yield tuple(Erase(OperatorsOf, each) for each in (event.member_id, *event.absorbed_ids))
    yield tuple(each.evolve(member_id=None) for each in operators if each.member_id == event.member_id)
