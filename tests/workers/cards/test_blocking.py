"""How cards stop working, and work again."""

import pytest

from contracts.cards import BlockCard, CardBlocked, CardState, CardUnblocked, IssueCard, UnblockCard
from contracts.messages import Message
from runtime.decisions import Refused
from runtime.decisions import decide as run
from runtime.documents import View
from tests.decisions import NOON, decide, refused
from tests.workers.cards.deck import ANA, NUMBER, OPERATOR, SMS, by, card
from workers.cards import worker
from workers.cards.blocking import block_card, unblock_card
from workers.cards.documents import Card, Operator

BLOCK = BlockCard(card_number=NUMBER, reason="lost")
UNBLOCK = UnblockCard(card_number=NUMBER, reason="found")


class TestBlockCard:
    def test_stops_an_active_card(self) -> None:
        said = decide(block_card, BLOCK, card=card(CardState.ACTIVE, ANA), context=by())

        blocked = said.document(Card)
        assert said.events == [CardBlocked(card_number=NUMBER, member_id=ANA, reason="lost")]
        assert (blocked.state, blocked.block_reason, blocked.blocked_at) == (CardState.BLOCKED, "lost", NOON)
        assert blocked.member_id == ANA

    def test_is_refused_twice(self) -> None:
        with refused("card_already_blocked"):
            decide(block_card, BLOCK, card=card(CardState.BLOCKED, ANA), context=by())

    @pytest.mark.parametrize("state", [CardState.TO_ISSUE, CardState.REPLACED, CardState.DELETED])
    def test_is_refused_for_a_card_that_is_not_active(self, state: CardState) -> None:
        with refused("card_not_active", state=state.value):
            decide(block_card, BLOCK, card=card(state), context=by())

    def test_is_refused_for_a_reason_that_the_programme_does_not_have(self) -> None:
        with refused("block_reason_unknown", reason="whim"):
            decide(block_card, BlockCard(card_number=NUMBER, reason="whim"), card=card(), context=by())

    def test_is_refused_to_who_may_not_block(self) -> None:
        with refused("actor_not_allowed", actor="sms"):
            decide(block_card, BLOCK, card=card(CardState.ACTIVE, ANA), context=by(SMS))


class TestUnblockCard:
    def test_lets_a_blocked_card_work_again(self) -> None:
        kept = card(CardState.BLOCKED, ANA, block_reason="lost", blocked_at=NOON)
        said = decide(unblock_card, UNBLOCK, card=kept, context=by(OPERATOR))

        assert said.events == [CardUnblocked(card_number=NUMBER, member_id=ANA, reason="found")]
        assert said.document(Card) == card(CardState.ACTIVE, ANA)

    @pytest.mark.parametrize("state", [each for each in CardState if each is not CardState.BLOCKED])
    def test_is_refused_for_a_card_that_is_not_blocked(self, state: CardState) -> None:
        with refused("card_not_blocked", state=state.value):
            decide(unblock_card, UNBLOCK, card=card(state), context=by(OPERATOR))

    def test_is_refused_for_a_reason_that_the_programme_does_not_have(self) -> None:
        with refused("unblock_reason_unknown", reason="lost"):
            decide(unblock_card, UnblockCard(card_number=NUMBER, reason="lost"), card=card(), context=by(OPERATOR))

    def test_is_refused_to_who_may_not_unblock(self) -> None:
        with refused("actor_not_allowed", actor="pos"):
            decide(unblock_card, UNBLOCK, card=card(CardState.BLOCKED, ANA), context=by())


class TestACardThatNobodyKnows:
    @pytest.mark.parametrize("command", [BLOCK, UNBLOCK])
    def test_is_refused(self, command: Message) -> None:
        view = View()
        view.loaded((Card, NUMBER), None)
        view.loaded((Operator, OPERATOR.id), None)
        with refused("unknown_card"):
            run(worker.handlers[type(command).__name__], command, by(OPERATOR), view)

    def test_can_be_issued(self) -> None:
        view = View()
        view.loaded((Card, NUMBER), None)
        decision = run(worker.handlers["IssueCard"], IssueCard(card_number=NUMBER), by(), view)
        view.take(decision.documents, decision.erased)
        with pytest.raises(Refused, match="card_not_active"):
            run(worker.handlers["BlockCard"], BLOCK, by(), view)
