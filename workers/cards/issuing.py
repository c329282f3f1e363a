"""How cards become known."""

from typing import Annotated

from contracts.cards import CardIssued, CardState, IssueCard
from runtime.decisions import Key, Refused
from workers import Changes, Context
from workers.cards.documents import Card
from workers.cards.worker import worker


@worker.handles(IssueCard)
def issue_card(command: IssueCard, card: Annotated[Card | None, Key("card_number")], context: Context) -> Changes:
    rules = context.programme.cards
    if card is not None:
        raise Refused("card_already_issued")
    if command.category not in rules.categories:
        raise Refused("card_category_unknown", category=command.category)

    yield Card(
        id=command.card_number,
        kind=command.kind,
        category=command.category,
        state=CardState.TO_ISSUE,
        issued_at=context.now,
    )
    yield CardIssued(card_number=command.card_number, kind=command.kind, category=command.category)
