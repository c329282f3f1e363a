"""A card's category changes what it earns from then on; what was earned stays, and comes back by the sale's rate."""

from collections.abc import Callable
from datetime import timedelta
from itertools import permutations

import pytest

from contracts.cards import CardCategoryChanged, CardEvent, CardLinked
from contracts.rewards import Stage
from tests.decisions import NOON, decide
from tests.workers.rewards.counter import ANA, ISSUED, NUMBER, PROGRAMME, RULES, Shop, by, coffees, receipt, refund
from workers import Changes
from workers.rewards.accounts import earn_by_category, let_card_spend, open_account
from workers.rewards.documents import MOST_CATEGORY_CHANGES, Card, Purchase

HOUR = timedelta(hours=1)
STAFF = CardCategoryChanged(card_number=NUMBER, member_id=ANA, category="employee", earlier="normal")
BACK = CardCategoryChanged(card_number=NUMBER, member_id=ANA, category="normal", earlier="employee")
LINKED = CardLinked(card_number=NUMBER, member_id=ANA, category="normal")
DOUBLE = RULES.model_validate(
    {
        **RULES.model_dump(mode="json"),
        "earning": [
            {"code": "normal_points", "unit": "points", "rate": {"amount": 1, "per_minor": 100}},
            {
                "code": "staff_points",
                "unit": "points",
                "rate": {"amount": 1, "per_minor": 100},
                "card_categories": ["employee"],
            },
        ],
    }
)


def counter() -> Shop:
    """A shop that gives an employee's card twice the points, 3 and 3 for a coffee."""
    shop = Shop(PROGRAMME.model_copy(update={"rewards": DOUBLE}))
    shop.say(ISSUED, version=1)
    shop.say(LINKED, version=2)
    return shop


def points(shop: Shop) -> int:
    return shop.holding("points").balance


class TestCardCategoryChanged:
    def test_changes_what_the_card_earns_from_then_on_and_what_was_earned_stays(self) -> None:
        shop = counter()
        shop.say(receipt(coffees(1), receipt_number="1"))
        shop.now += HOUR
        shop.say(STAFF, version=3)
        assert points(shop) == 3
        shop.say(receipt(coffees(1), receipt_number="2", purchased_at=shop.now))

        assert points(shop) == 3 + 6

    def test_leaves_a_refund_to_the_rate_of_its_sale(self) -> None:
        shop = counter()
        shop.say(receipt(coffees(2)))
        shop.say(STAFF, version=3)
        shop.say(refund())

        assert points(shop) == 3

    def test_leaves_a_pending_purchase_and_its_revision_to_the_category_that_it_was_opened_in(self) -> None:
        shop = counter()
        shop.say(receipt(coffees(1), stage=Stage.PENDING))
        shop.say(STAFF, version=3)
        shop.say(receipt(coffees(2)))

        assert points(shop) == 7

    @pytest.mark.parametrize(("at", "category"), [(NOON, "normal"), (NOON + 2 * HOUR, "employee")])
    def test_lets_an_offline_receipt_earn_by_the_category_at_its_time(self, at: object, category: str) -> None:
        shop = counter()
        shop.now += HOUR
        shop.say(STAFF, version=3)
        shop.now += 3 * HOUR
        shop.say(BACK, version=4)
        shop.say(receipt(coffees(1), purchased_at=at, is_offline=True))

        assert shop.only(Purchase).card_category == category

    def test_is_the_same_in_whatever_order_news_come(self) -> None:
        news: tuple[tuple[Callable[..., Changes], CardEvent, int], ...] = (
            (open_account, ISSUED, 1),
            (let_card_spend, LINKED, 2),
            (earn_by_category, STAFF, 3),
            (earn_by_category, BACK, 4),
        )
        ends = set()
        for order in permutations(news):
            card: Card | None = None
            for handler, event, version in order:
                at = by(version=version, now=NOON + version * HOUR)
                card = decide(handler, event, card=card, context=at).document(Card)
            assert card is not None
            late = NOON + 3 * HOUR + timedelta(minutes=30)
            ends.add((card.category, card.category_at(NOON), card.category_at(late), card.category_at(None)))

        assert ends == {("normal", "normal", "employee", "normal")}

    def test_is_remembered_so_many_times_and_no_more(self) -> None:
        card = Card(id=NUMBER)
        for version in range(1, 3 * MOST_CATEGORY_CHANGES):
            card = card.recategorised(version, "normal", "employee", NOON + version * HOUR)

        assert len(card.category_changes) == MOST_CATEGORY_CHANGES
