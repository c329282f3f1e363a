"""Nobody works on their own account, be it only to share something with it; a till costs that nothing."""

from contracts.coupons import ShareCoupon
from contracts.messages import ActorKind
from contracts.operators import OperatorTied
from contracts.rewards import PurchaseRecorded
from tests.decisions import TILL, refused
from tests.workers.rewards.counter import (
    NUMBER,
    OPERATOR,
    OTHER,
    OTTO,
    PROGRAMME,
    RULES,
    Shop,
    adjust,
    adjusting,
    receipt,
)
from tests.workers.rewards.offers import issue, offer_shop
from workers.rewards import worker
from workers.rewards.adjustment_documents import Operator


def open_to_all() -> Shop:
    """A shop where Ana's card is hers, and operators may do whatever there is."""
    counter = adjusting()
    office = (ActorKind.OPERATOR,)
    rights = {
        name: office for name, value in RULES if isinstance(value, tuple) and value and isinstance(value[0], ActorKind)
    }
    changed = RULES.model_copy(update=rights)
    counter.programme = PROGRAMME.model_copy(update={"rewards": changed})
    return counter


class TestRecordPurchase:
    def test_of_a_till_costs_no_look_at_who_is_an_operator(self) -> None:
        """A till is nobody's account: nothing more is loaded for it than before."""
        counter = adjusting()
        counter.say(receipt(), TILL)
        assert not counter.view.knows((Operator, TILL.id))
        assert [need.document for need in worker.handlers["RecordPurchase"].needs].count(Operator) == 0

    def test_of_an_operator_on_a_card_of_somebody_else_counts(self) -> None:
        counter = open_to_all()
        said = counter.say(receipt(), OPERATOR)
        assert isinstance(said[0], PurchaseRecorded)


class TestShareCoupon:
    def test_to_ones_own_card_is_refused(self) -> None:
        counter = offer_shop()
        code = issue(counter)
        counter.say(OperatorTied(operator_id=OPERATOR.id, member_id="ben"), OTTO)
        with refused("own_account"):
            counter.say(ShareCoupon(card_number=NUMBER, coupon_code=code, to_card_number=OTHER), OPERATOR)


def test_who_was_never_tied_to_a_member_works_on_any_card() -> None:
    counter = adjusting()
    counter.say(adjust(), OPERATOR)
    assert counter.only(Operator).member_id is None
