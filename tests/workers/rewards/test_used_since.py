"""What came back with a sale and was used elsewhere since: nothing of it is lost, nor had twice, in whatever order."""

from contracts.corrections import CouponReused
from contracts.coupons import CouponState
from contracts.rewards import RewardState
from tests.decisions import refused
from tests.workers.rewards.counter import OPERATOR, PURCHASE_ID, adjust, coffees, receipt, refund
from tests.workers.rewards.offers import coupon, issue, offer_shop, only, use
from tests.workers.rewards.test_undoing_sales import WHOLE, corrected, entries, sold, undo, units, unuse, with_reward
from workers.rewards.documents import Cause, Reward


class TestACouponThatWasUsedInAnotherSale:
    def test_gives_again_in_the_first_what_was_taken_back_in_the_other(self) -> None:
        counter = offer_shop()
        code = issue(counter, "points_to_begin")
        for number in ("17", "18"):
            counter.say(receipt(receipt_number=number))
        counter.say(use(code))
        counter.say(refund(WHOLE))
        counter.say(use(code, receipt_number="18"))
        with refused("returned_used_since", what="points_to_begin"):
            corrected(counter, undo())
        corrected(counter, unuse(code))
        assert units(counter, "points") == (7, 0, 0)
        said = corrected(counter, undo())

        assert only(CouponReused, said).coupon_code == code
        assert (coupon(counter, code).state, coupon(counter, code).purchase_id) == (CouponState.USED, PURCHASE_ID)
        assert units(counter, "points") == (7 + 7 + 20, 0, 0)
        taken = [each for each in entries(counter, Cause.COUPON_RETURNED) if each.reason == "mistake"]
        assert [each.undoes for each in entries(counter, Cause.COUPON_USED_AGAIN)] == [each.id for each in taken]

    def test_gives_no_more_than_was_taken_back(self) -> None:
        counter = offer_shop(shortfall="waive")
        code = issue(counter, "points_to_begin")
        counter.say(receipt())
        counter.say(use(code))
        counter.say(refund(WHOLE))
        counter.say(use(code, receipt_number="18"))
        counter.say(adjust(-15, unit="points"), OPERATOR)
        corrected(counter, unuse(code))
        corrected(counter, undo())

        assert coupon(counter, code).state is CouponState.USED
        assert units(counter, "points") == (7 + 5, 0, 0)


class TestASaleThatIsCorrectedOnceAllOfItCameBack:
    corrected_by_the_till = receipt(coffees(3))

    def test_does_not_count_again_while_its_reward_is_with_the_member(self) -> None:
        counter = with_reward()
        counter.say(refund(WHOLE))
        with refused("purchase_already_refunded"):
            counter.say(self.corrected_by_the_till)

    def test_nor_while_its_coupon_is(self) -> None:
        counter = offer_shop()
        code = issue(counter)
        counter.say(receipt())
        counter.say(use(code))
        counter.say(refund(WHOLE))
        with refused("purchase_already_refunded"):
            counter.say(self.corrected_by_the_till)

    def test_counts_once_the_refund_is_undone(self) -> None:
        counter = with_reward()
        counter.say(refund(WHOLE))
        corrected(counter, undo())
        counter.say(self.corrected_by_the_till)
        assert (counter.only(Reward).state, units(counter)) == (RewardState.USED, (5, 0, 0))

    def test_counts_where_nothing_else_had_come_back(self) -> None:
        counter = sold(refund(WHOLE))
        counter.say(self.corrected_by_the_till)
        assert units(counter) == (1, 0, 0)
