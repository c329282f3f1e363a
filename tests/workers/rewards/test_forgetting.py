"""What rewards forgets of a member who was removed: words that people wrote; the ledger stays."""

from typing import Any

import pytest

from contracts.adjustments import ApproveAdjustment, BalanceAdjusted
from contracts.cards import CardLinked, CardRetired, CardState
from contracts.corrections import UndoTierAssignment
from contracts.removal import MemberRemoved
from runtime.documents import Erase
from runtime.persons import DEAD_LETTERS, PersonKey
from tests.decisions import NOON, decide, refused
from tests.workers.rewards.counter import ACCOUNT, ANA, NUMBER, OPERATOR, OTTO, account, adjust, by, card
from tests.workers.rewards.offers import only
from tests.workers.rewards.test_pastimes import answer, pastime_shop
from tests.workers.rewards.test_tiers import assign, tier_shop
from workers.rewards.accounts import let_card_spend
from workers.rewards.adjustment_documents import Adjustment, AdjustmentComment, Operator, OperatorsOf
from workers.rewards.documents import Card, LedgerEntry
from workers.rewards.forgetting import forget_holder, untie_operators
from workers.rewards.pastime_documents import SurveyResponse
from workers.rewards.tier_documents import Standing

RETIRED = CardRetired(card_number=NUMBER, state=CardState.DELETED, stopped_at=NOON)
REMOVED = MemberRemoved(member_id=ANA, absorbed_ids=("ben",), former_ids=(), reason="on_request", removed_at=NOON)


def retire(**known: Any) -> Any:
    return decide(forget_holder, RETIRED, **{"earlier": (), "context": by(version=7), **known})


class TestCardRetired:
    def test_takes_the_card_out_of_use_and_says_no_more_whose_it_was(self) -> None:
        said = retire(card=card(news=5, holder_news=4, suspended_at=NOON), account=account())

        kept = said.document(Card)
        assert (kept.state, kept.member_id, kept.suspended_at, kept.blocked_at) == (CardState.DELETED, None, None, NOON)
        older = CardLinked(card_number=NUMBER, member_id=ANA, category="normal")
        assert decide(let_card_spend, older, card=kept, context=by(version=6)).document(Card).member_id is None

    def test_is_noted_of_a_card_that_is_not_heard_of_yet(self) -> None:
        assert retire().document(Card).state is CardState.DELETED

    def test_erases_comments_answers_and_keys_of_all_accounts_that_the_card_leads_to(self) -> None:
        said = retire(card=card(), account=account(absorbed=("other",)))
        assert set(said.erased) == {
            erase
            for each in (ACCOUNT, "other")
            for erase in (
                Erase(AdjustmentComment, each, field="account_id"),
                Erase(SurveyResponse, each, field="account_id"),
                Erase(PersonKey, each),
            )
        }

    def test_blanks_what_colleagues_wrote_on_tiers_and_nothing_else_of_them(self) -> None:
        shop = tier_shop()
        for note in ("Zqxnote", "Zqxagain"):
            shop.say(assign("gold", note=note), OPERATOR)
        before = shop.only(Standing)
        assert "Zqxnote" in str(before)
        assert "Zqxagain" in str(before)
        shop.say(RETIRED)

        after = shop.only(Standing)
        assert "Zqx" not in str(after)
        assert [(each.system, each.tier, each.held_until, each.gave) for each in after.ranks] == [
            (each.system, each.tier, each.held_until, each.gave) for each in before.ranks
        ]

    def test_leaves_the_ledger_and_erases_answers(self) -> None:
        shop = pastime_shop()
        shop.say(answer(stars=4, remark="Zqxremark"), OPERATOR)
        entries = shop.all(LedgerEntry)
        shop.say(RETIRED)
        assert shop.all(SurveyResponse) == []
        assert shop.all(LedgerEntry) == entries

    @pytest.mark.parametrize("state", [CardState.DELETED, CardState.REPLACED])
    def test_lets_nobody_write_on_its_tier_any_more(self, state: CardState) -> None:
        shop = tier_shop()
        shop.say(assign("gold"), OPERATOR)
        shop.say(RETIRED.model_copy(update={"state": state}))
        undone = UndoTierAssignment(card_number=NUMBER, operator_id=OPERATOR.id, system="status", note="Zqxnote")
        for late in (assign("silver", note="Zqxnote"), undone):
            with refused(f"card_{state.value}"):
                shop.say(late, OPERATOR)
        assert "Zqx" not in str(shop.only(Standing))


class TestMemberRemoved:
    def test_ties_no_operator_to_them_any_more(self) -> None:
        tied = OperatorsOf(id=ANA, operator_ids=("olga", "otto"))
        operators = (Operator(id="olga", member_id=ANA), Operator(id="otto", member_id="cid"))
        said = decide(untie_operators, REMOVED, tied=tied, operators=operators)

        assert said.documents == [Operator(id="olga")]
        assert set(said.erased) == {
            *(Erase(OperatorsOf, ANA), Erase(OperatorsOf, "ben"), Erase(PersonKey, DEAD_LETTERS))
        }


class TestAComment:
    def test_stands_by_itself_and_is_said_when_the_second_person_agrees(self) -> None:
        shop = tier_shop()
        shop.say(adjust(25, comment="Zqxcomment"), OPERATOR)
        waits, written = shop.only(Adjustment), shop.only(AdjustmentComment)
        assert (written.id, written.text) == (waits.id, "Zqxcomment")
        assert "Zqx" not in str(waits)

        said = shop.say(ApproveAdjustment(card_number=NUMBER, operator_id=OTTO.id, adjustment_id=waits.id), OTTO)
        assert only(BalanceAdjusted, said).comment == "Zqxcomment"

    def test_is_the_reasons_own_where_nobody_wrote_any(self) -> None:
        shop = tier_shop()
        said = shop.say(adjust(5), OPERATOR)
        assert shop.all(AdjustmentComment) == []
        assert only(BalanceAdjusted, said).comment == shop.only(Adjustment).comment
