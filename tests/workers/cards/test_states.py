"""What each state of a card may do: all of the table, held against what the handlers of every worker do."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path

import pytest

from contracts.card_life import MAY, Act, may
from contracts.cards import BlockCard, CardState, ChangeCardCategory, DeleteCard, ReplaceCard, RestoreCard, UnblockCard
from contracts.rewards import ConfirmPurchase, RedeemReward, Stage
from runtime.decisions import Refused
from tests.decisions import NOON, decide
from tests.workers.cards import deck
from tests.workers.memory_reader import MemoryReader
from tests.workers.registration import people
from tests.workers.rewards import counter
from workers.cards import blocking, categories, deleting, linking, replacing
from workers.cards.documents import Card, LinkedCards
from workers.registration.views import RegistrationViews
from workers.rewards.documents import Card as KnownToRewards
from workers.rewards.purchases import record_purchase
from workers.rewards.redemption import redeem_reward

HELD = LinkedCards(id=deck.ANA, card_numbers=(deck.NUMBER,))
DESK = deck.by(deck.OPERATOR)


def card_in(state: CardState) -> Card:
    """A card as the cards worker has it."""
    return deck.card(state, None if state is CardState.TO_ISSUE else deck.ANA, blocked_at=NOON)


def earn(state: CardState) -> None:
    known = counter.card(state, blocked_at=NOON - timedelta(hours=1))
    decide(record_purchase, counter.receipt(), card=known, account=counter.account(), context=counter.by())


def spend(state: CardState) -> None:
    rich = counter.account(counter.holding("stamps", 10))
    command = RedeemReward(card_number=counter.NUMBER, reward="coffee")
    decide(redeem_reward, command, card=counter.card(state), account=rich, context=counter.by())


def finish(state: CardState) -> None:
    shop = counter.shop()
    shop.say(counter.receipt(stage=Stage.PENDING))
    opened = shop.only(KnownToRewards)
    shop.view.take({(KnownToRewards, opened.id): opened.evolve(state=state, blocked_at=NOON)}, [])
    shop.say(
        ConfirmPurchase(
            card_number=counter.NUMBER, store="s1", till="t1", receipt_number="17", business_day=counter.BUSINESS_DAY
        )
    )


def link(state: CardState) -> None:
    # A member's own registration is answered by an event, as events aren't refused.
    card = card_in(state).evolve(member_id=None)
    problem = linking.link_problem(card, LinkedCards(id=deck.ANA, card_numbers=()), 2)
    if problem is not None:
        raise Refused(problem)


def block(state: CardState) -> None:
    command = BlockCard(card_number=deck.NUMBER, reason="lost")
    decide(blocking.block_card, command, card=card_in(state), context=DESK)


def unblock(state: CardState) -> None:
    command = UnblockCard(card_number=deck.NUMBER, reason="found")
    decide(blocking.unblock_card, command, card=card_in(state), context=DESK)


REPLACE = ReplaceCard(card_number=deck.NUMBER, new_card_number=deck.OTHER)


def replace(state: CardState) -> None:
    fresh = deck.card(id=deck.OTHER)
    decide(
        replacing.replace_card,
        REPLACE,
        card=card_in(state),
        replacement=fresh,
        linked=HELD,
        context=DESK,
    )


def take_over(state: CardState) -> None:
    lost = card_in(CardState.BLOCKED)
    other = deck.card(state, id=deck.OTHER)
    decide(replacing.replace_card, REPLACE, card=lost, replacement=other, linked=HELD, context=DESK)


def delete(state: CardState) -> None:
    command = DeleteCard(card_number=deck.NUMBER)
    spare = deck.card(CardState.ACTIVE, deck.ANA, id=deck.OTHER)
    decide(deleting.delete_card, command, card=card_in(state), linked=HELD, in_use=(spare,), context=DESK)


def restore(state: CardState) -> None:
    command = RestoreCard(card_number=deck.NUMBER)
    decide(deleting.restore_card, command, card=card_in(state), linked=HELD, context=DESK)


def change_category(state: CardState) -> None:
    command = ChangeCardCategory(card_number=deck.NUMBER, category="employee")
    decide(categories.change_card_category, command, card=card_in(state), context=DESK)


DONE_BY: Mapping[Act, Callable[[CardState], None]] = {
    Act.EARN: earn,
    Act.SPEND: spend,
    Act.FINISH: finish,
    Act.LINK: link,
    Act.BLOCK: block,
    Act.UNBLOCK: unblock,
    Act.REPLACE: replace,
    Act.TAKE_OVER: take_over,
    Act.DELETE: delete,
    Act.RESTORE: restore,
    Act.CHANGE_CATEGORY: change_category,
}


@pytest.mark.parametrize("state", CardState)
@pytest.mark.parametrize("act", [each for each in Act if each is not Act.IDENTIFY])
def test_a_card_may_do_what_its_state_allows_and_nothing_else(act: Act, state: CardState) -> None:
    if may(state, act):
        DONE_BY[act](state)
        return
    with pytest.raises(Refused):
        DONE_BY[act](state)


@pytest.mark.parametrize("state", CardState)
async def test_a_card_identifies_its_holder_where_its_state_allows_it(state: CardState) -> None:
    ana = people.member(card_numbers=(people.NUMBER,))
    views = RegistrationViews(MemoryReader([ana, people.known(state, member_id=ana.id)]))

    assert (await views.identified_by(people.NUMBER) is not None) is may(state, Act.IDENTIFY)
    assert await views.member_by_card(people.NUMBER) == ana


async def test_a_card_that_nobody_knows_identifies_nobody() -> None:
    assert await RegistrationViews(MemoryReader()).identified_by(people.NUMBER) is None


def test_the_table_for_people_says_the_same() -> None:
    page = Path("docs/cards.md").read_text(encoding="utf-8").split("<!-- states -->")[1]
    names, _, *lines = ([cell.strip() for cell in line.strip("|").split("|")] for line in page.strip().splitlines())
    said = {
        CardState(state.strip("`")): {
            Act(name.replace(" ", "_")) for name, cell in zip(names[1:], cells, strict=True) if cell == "yes"
        }
        for state, *cells in lines
    }
    assert said == MAY


class TestTheTable:
    def test_has_every_state(self) -> None:
        assert MAY.keys() == set(CardState)

    def test_lets_a_card_to_issue_earn_and_not_spend_nor_be_blocked_nor_replaced(self) -> None:
        allowed = MAY[CardState.TO_ISSUE]
        assert Act.EARN in allowed
        assert not allowed & {Act.SPEND, Act.BLOCK, Act.REPLACE, Act.IDENTIFY}

    @pytest.mark.parametrize("state", [CardState.BLOCKED, CardState.REPLACED, CardState.DELETED])
    def test_lets_a_card_that_was_stopped_neither_earn_nor_spend_nor_identify(self, state: CardState) -> None:
        assert not MAY[state] & {Act.EARN, Act.SPEND, Act.IDENTIFY}
        assert Act.FINISH in MAY[state]
