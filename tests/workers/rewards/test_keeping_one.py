"""What a person is given once stays one, whichever codes were cancelled and sent again before or after a merge."""

import pytest

from contracts.coupons import CancelCoupon, CouponCancelled, CouponIssued, ResendCoupon, ShareCoupon
from tests.decisions import refused
from tests.workers.rewards.counter import APP, NUMBER, OPERATOR, OTHER, Shop
from tests.workers.rewards.offers import DAY, only, use
from tests.workers.rewards.test_merging import THIRD, codes, issued, linked, merged, usable
from tests.workers.rewards.test_pastimes import answer, pastime_shop
from tests.workers.rewards.test_tier_undoing import assigned, unassign
from workers.rewards.coupon_documents import Coupon


def both_answered() -> tuple[Shop, str, str]:
    """A shop where Ana and Ben were given the same coupon for a survey that a person answers once."""
    shop = pastime_shop()
    (mine,) = codes(shop.say(answer(), APP))
    (other,) = codes(shop.say(answer(OTHER), APP))
    return shop, mine, other


def cancel(shop: Shop, code: str, number: str = NUMBER) -> None:
    shop.say(CancelCoupon(card_number=number, coupon_code=code, reason="mistake"), OPERATOR)


def sent_anew(shop: Shop, code: str, number: str = NUMBER) -> str:
    """Cancel a code, and let another take its place."""
    cancel(shop, code, number)
    (fresh,) = codes(shop.say(ResendCoupon(card_number=number, coupon_code=code), OPERATOR))
    return fresh


class TestKeepOneCoupon:
    @pytest.mark.parametrize("times", [1, 3])
    def test_counts_a_code_that_took_anothers_place(self, times: int) -> None:
        shop, code, other = both_answered()
        for _ in range(times):
            code = sent_anew(shop, code)
        assert sorted(usable(shop)) == sorted((code, other))
        assert only(CouponCancelled, shop.say(merged())).reason == "merged"
        assert len(usable(shop)) == 1

    def test_leaves_the_other_where_that_code_was_cancelled_too(self) -> None:
        shop, mine, other = both_answered()
        cancel(shop, sent_anew(shop, mine))
        shop.say(merged())
        assert usable(shop) == [other]

    def test_leaves_none_besides_one_that_was_used_under_another_code(self) -> None:
        shop, mine, _ = both_answered()
        shop.say(use(sent_anew(shop, mine)))
        shop.say(merged())
        assert usable(shop) == []

    def test_of_three_members_counts_them_too(self) -> None:
        shop, mine, _ = both_answered()
        sent_anew(shop, mine)
        shop.say(merged())
        shop.say(issued(THIRD))
        shop.say(linked(THIRD, "cid"))
        (third,) = codes(shop.say(answer(THIRD), APP))
        sent_anew(shop, third, THIRD)
        shop.say(merged(OTHER, THIRD, "cid"))
        assert len(usable(shop)) == 1


class TestResendCoupon:
    def test_brings_back_none_that_went_in_a_merge(self) -> None:
        shop, *_ = both_answered()
        gone = only(CouponCancelled, shop.say(merged())).coupon_code
        with refused("coupon_cancelled_for_good"):
            shop.say(ResendCoupon(card_number=NUMBER, coupon_code=gone), OPERATOR)
        assert len(usable(shop)) == 1

    def test_brings_back_none_that_came_with_a_tier_that_was_taken_back(self) -> None:
        shop = assigned(gives_rewards=True)
        unassign(shop)
        with refused("coupon_cancelled_for_good"):
            shop.say(ResendCoupon(card_number=NUMBER, coupon_code=shop.only(Coupon).id), OPERATOR)

    def test_of_one_cancelled_before_a_merge_leaves_the_one_that_was_kept(self) -> None:
        shop, mine, other = both_answered()
        cancel(shop, mine)
        shop.say(merged())
        shop.now += DAY
        said = shop.say(ResendCoupon(card_number=NUMBER, coupon_code=mine), OPERATOR)

        assert only(CouponIssued, said).replaces == mine
        assert usable(shop) == [other]

    def test_of_the_one_that_was_kept_gives_it_another_code(self) -> None:
        shop, *_ = both_answered()
        shop.say(merged())
        (kept,) = usable(shop)
        fresh = sent_anew(shop, kept)
        assert usable(shop) == [fresh]

    def test_of_one_that_was_given_away_leaves_it_to_whom_it_was_given(self) -> None:
        shop, mine, _ = both_answered()
        shop.say(issued(THIRD))
        shop.say(linked(THIRD, "cid"))
        shop.say(ShareCoupon(card_number=NUMBER, coupon_code=mine, to_card_number=THIRD), APP)
        fresh = sent_anew(shop, mine, THIRD)
        shop.say(merged())
        assert usable(shop) == [fresh], "Cid keeps what Ana gave him, and Ben's was the second"
