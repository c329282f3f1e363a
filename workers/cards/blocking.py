"""How cards stop working, and work again."""

from typing import Annotated

from contracts.card_life import Act, may
from contracts.cards import BlockCard, CardBlocked, CardState, CardUnblocked, UnblockCard
from runtime.decisions import Key, Refused
from workers import Changes, Context
from workers.cards.documents import Card
from workers.cards.worker import worker


@worker.handles(BlockCard)
def block_card(command: BlockCard, card: Annotated[Card, Key("card_number")], context: Context) -> Changes:
    rules = context.programme.cards
    if command.reason not in rules.block_reasons:
        raise Refused("block_reason_unknown", reason=command.reason)
    if card.state is CardState.BLOCKED:
        raise Refused("card_already_blocked")
    if not may(card.state, Act.BLOCK):
        raise Refused("card_not_active", state=card.state.value)

    yield card.evolve(state=CardState.BLOCKED, blocked_at=context.now, block_reason=command.reason)
    yield CardBlocked(card_number=card.number, member_id=card.member_id, reason=command.reason)


@worker.handles(UnblockCard)
def unblock_card(command: UnblockCard, card: Annotated[Card, Key("card_number")], context: Context) -> Changes:
    rules = context.programme.cards
    if command.reason not in rules.unblock_reasons:
        raise Refused("unblock_reason_unknown", reason=command.reason)
    if not may(card.state, Act.UNBLOCK):
        raise Refused("card_not_blocked", state=card.state.value)

    yield card.evolve(state=CardState.ACTIVE, blocked_at=None, block_reason=None)
    yield CardUnblocked(card_number=card.number, member_id=card.member_id, reason=command.reason)
