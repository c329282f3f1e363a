"""A deleted card's points are hidden, and come back when it is restored."""

from datetime import timedelta
from typing import Any

from contracts.cards import CardBlocked, CardDeleted, CardEvent, CardLinked, CardReplaced, CardRestored, CardState
from contracts.rewards import ConfirmPurchase, PurchaseConfirmed, PurchaseRefunded, RedeemReward, Stage, UnitBalance
from runtime.documents import Document
from tests.decisions import NOON, decide, refused
from tests.workers.memory_reader import MemoryReader
from tests.workers.rewards.counter import ANA, ISSUED, NUMBER, OTHER, Shop, by, card, coffees, receipt, refund, shop
from workers.rewards import worker
from workers.rewards.accounts import hide_card, show_card
from workers.rewards.documents import Card
from workers.rewards.views import RewardsViews

LINKED = CardLinked(card_number=NUMBER, member_id=ANA, category="normal")
DELETED = CardDeleted(card_number=NUMBER, member_id=ANA, stopped_at=NOON)
RESTORED = CardRestored(card_number=NUMBER, member_id=ANA, state=CardState.ACTIVE, stopped_at=None)


def counter(*more: CardEvent) -> Shop:
    """A shop where Ana's card has ten stamps."""
    opened = shop()
    opened.say(LINKED)
    opened.say(receipt(coffees(10)))
    for event in more:
        opened.say(event)
    return opened


def views(of: Shop) -> RewardsViews:
    kept: list[Document] = [each for kind in worker.documents.values() for each in of.all(kind)]
    return RewardsViews(MemoryReader(kept))


class TestCardDeleted:
    async def test_hides_what_the_card_collected(self) -> None:
        found = await views(counter(DELETED)).balance(NUMBER, NOON)

        assert found is not None
        assert (found.is_hidden, found.balances) == (True, ())

    def test_lets_the_card_neither_earn_nor_spend(self) -> None:
        opened = counter(DELETED)
        with refused("card_deleted"):
            opened.say(receipt(receipt_number="18"))
        with refused("card_deleted"):
            opened.say(RedeemReward(card_number=NUMBER, reward="coffee"))

    def test_lets_what_was_opened_or_bought_before_end_without_showing_the_balance(self) -> None:
        opened = counter()
        pending: dict[str, Any] = {"receipt_number": "18", "stage": Stage.PENDING}
        opened.say(receipt(coffees(1), **pending))
        opened.say(DELETED)
        (confirmed,) = opened.say(
            ConfirmPurchase(card_number=NUMBER, store="s1", till="t1", receipt_number="18", business_day=NOON.date())
        )
        (refunded,) = opened.say(refund())
        opened.say(receipt(coffees(1), receipt_number="19", purchased_at=NOON - timedelta(minutes=1), is_offline=True))

        assert isinstance(confirmed, PurchaseConfirmed)
        assert isinstance(refunded, PurchaseRefunded)
        assert confirmed.balances == refunded.balances == ()
        assert opened.holding("stamps").balance == 11

    async def test_hides_what_a_replaced_card_led_to(self) -> None:
        replaced = CardReplaced(
            card_number=NUMBER, member_id=ANA, new_card_number=OTHER, first_card_number=NUMBER, stopped_at=NOON
        )
        news = (
            CardBlocked(card_number=NUMBER, member_id=ANA, reason="lost"),
            replaced,
            ISSUED.model_copy(update={"card_number": OTHER}),
        )
        gone = DELETED.model_copy(update={"card_number": OTHER})
        before, after = views(counter(*news)), views(counter(*news, gone))

        for number in (NUMBER, OTHER):
            there, hidden = await before.balance(number, NOON), await after.balance(number, NOON)
            assert there is not None
            assert hidden is not None
            assert (there.is_hidden, hidden.is_hidden) == (False, True)

    def test_is_kept_when_it_comes_before_the_card(self) -> None:
        assert decide(hide_card, DELETED, context=by(version=3)).document(Card).state is CardState.DELETED


class TestCardRestored:
    async def test_brings_the_points_back(self) -> None:
        opened = counter(DELETED, RESTORED)
        found = await views(opened).balance(NUMBER, NOON)

        assert found is not None
        assert not found.is_hidden
        assert UnitBalance(unit="stamps", available=10) in found.balances
        opened.say(RedeemReward(card_number=NUMBER, reward="coffee"))
        opened.say(receipt(receipt_number="18"))

    def test_leaves_a_card_that_was_blocked_before_blocked(self) -> None:
        event = RESTORED.model_copy(update={"state": CardState.BLOCKED, "stopped_at": NOON})
        said = decide(show_card, event, card=card(CardState.DELETED), context=by(version=5)).document(Card)

        assert (said.state, said.blocked_at) == (CardState.BLOCKED, NOON)

    def test_changes_nothing_when_newer_news_came_before(self) -> None:
        deleted_again = decide(hide_card, DELETED, card=card(), context=by(version=7)).document(Card)
        late = decide(show_card, RESTORED, card=deleted_again, context=by(version=6)).document(Card)

        assert late.state is CardState.DELETED
