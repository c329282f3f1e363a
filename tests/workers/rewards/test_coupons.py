"""Coupons: issued, sent again, cancelled, shared, expired."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from contracts.cards import CardBlocked
from contracts.coupons import (
    ALPHABET,
    CancelCoupon,
    CouponCode,
    CouponExpired,
    CouponIssued,
    CouponReleased,
    CouponReplaced,
    CouponResent,
    CouponShared,
    CouponState,
    EndCoupon,
    GiftKind,
    IssueCoupon,
    ReleaseCoupon,
    ResendCoupon,
    ReserveCoupon,
    ShareCoupon,
    check_character,
    readable,
)
from contracts.programme.rewards import RewardRules
from runtime.vault import NO_VAULT, NoSecret, Vault
from tests.decisions import NOON, TILL, context, decide, refused
from tests.workers.rewards.counter import ANA, APP, NUMBER, OPERATOR, OTHER, RULES, by, card
from tests.workers.rewards.offers import BEN, CAMPAIGNS, DAY, coupon, issue, offer_rules, offer_shop, only, use
from workers.rewards.coupon_documents import Coupon
from workers.rewards.coupons import cancel_coupon, issue_coupon, new_code

CODES = TypeAdapter(CouponCode)
BODIES = st.text(ALPHABET, min_size=15, max_size=15)
CHANGES: dict[str, Any] = {"campaigns": offer_rules().campaigns}


class TestCodes:
    @given(BODIES)
    def test_are_read_as_people_write_them(self, body: str) -> None:
        code = body + check_character(body)
        written = readable(code).lower().replace("0", "o").replace("1", "l")
        assert CODES.validate_python(written) == code

    @given(BODIES, st.integers(0, 15), st.sampled_from(ALPHABET))
    def test_with_one_wrong_character_are_refused(self, body: str, place: int, wrong: str) -> None:
        code = body + check_character(body)
        mistyped = code[:place] + wrong + code[place + 1 :]
        if mistyped != code:
            with pytest.raises(ValidationError, match="check character"):
                CODES.validate_python(mistyped)

    @pytest.mark.parametrize("text", ["", "ABCD-EFGH", "ABCDEFGHABCDEFG!", "ä" * 16, "0" * 17])
    def test_of_another_form_are_refused(self, text: str) -> None:
        with pytest.raises(ValidationError):
            CODES.validate_python(text)

    def test_do_not_follow_one_another(self) -> None:
        shop = offer_shop()
        first, second = issue(shop), issue(shop)
        assert sum(one == other for one, other in zip(first, second, strict=True)) < 8
        assert CODES.validate_python(first) == first

    def test_are_unforeseeable_by_who_knows_or_chooses_the_messages_id(self) -> None:
        """The same id gives the same by our secret, and others by another one."""
        ours = new_code(context(vault=Vault(b"ours")))
        assert new_code(context(vault=Vault(b"ours"))) == ours
        other = new_code(context(vault=Vault(b"another")))
        assert sum(one == same for one, same in zip(ours, other, strict=True)) < 8
        with pytest.raises(NoSecret):
            new_code(context(vault=NO_VAULT))


class TestIssueCoupon:
    def test_gives_the_account_a_coupon_with_the_campaigns_terms(self) -> None:
        said = decide(
            issue_coupon, IssueCoupon(card_number=NUMBER, campaign="cake_on_us"), card=card(), context=by(**CHANGES)
        )
        kept = said.document(Coupon)

        (told,) = said.events
        assert isinstance(told, CouponIssued)
        assert told.coupon_code == kept.id
        assert (told.account_id, told.member_id) == (kept.account_id, ANA)
        assert told.expires_at == kept.due_at == NOON + timedelta(days=30)
        assert told.gives.kind is GiftKind.ITEM
        assert kept.state is CouponState.ISSUED

    def test_is_refused_for_a_campaign_that_is_unknown_or_not_running(self) -> None:
        for campaign, code in (("winter", "unknown_campaign"), ("summer", "campaign_not_running")):
            command = IssueCoupon(card_number=NUMBER, campaign=campaign)
            with refused(code):
                decide(issue_coupon, command, card=card(), context=by(**CHANGES))
        summer = NOON.replace(year=2027, month=8, day=31)
        command = IssueCoupon(card_number=NUMBER, campaign="summer")
        assert decide(issue_coupon, command, card=card(), context=by(now=summer, **CHANGES)).events

    def test_is_refused_for_a_card_that_collects_nothing(self) -> None:
        shop = offer_shop()
        shop.say(CardBlocked(card_number=NUMBER, member_id=ANA, reason="lost"))
        with refused("card_blocked"):
            issue(shop)
        with refused("unknown_card"):
            issue(shop, number="4000000000000002")

    def test_is_refused_to_who_may_not(self) -> None:
        with refused("actor_not_allowed", actor="app"):
            decide(
                issue_coupon,
                IssueCoupon(card_number=NUMBER, campaign="cake_on_us"),
                card=card(),
                context=by(APP, **CHANGES),
            )


class TestCancelCoupon:
    def test_makes_the_code_worthless(self) -> None:
        shop = offer_shop()
        code = issue(shop)
        shop.say(CancelCoupon(card_number=NUMBER, coupon_code=code, reason="mistake"), OPERATOR)

        with refused("coupon_cancelled"):
            shop.say(use(code))
        with refused("coupon_cancelled"):
            shop.say(CancelCoupon(card_number=NUMBER, coupon_code=code, reason="mistake"), OPERATOR)

    def test_wins_unless_reserved_then_the_operator_sees_where(self) -> None:
        shop = offer_shop(coupon_reserve_seconds=60)
        code = issue(shop)
        shop.say(ReserveCoupon(card_number=NUMBER, coupon_code=code, store="s1", till="t1"))
        cancel = CancelCoupon(card_number=NUMBER, coupon_code=code, reason="mistake")

        until = (NOON + timedelta(seconds=60)).isoformat()
        with refused("coupon_reserved", store="s1", till="t1", until=until):
            shop.say(cancel, OPERATOR)
        shop.now += timedelta(seconds=60)  # the timer hasn't run yet
        shop.say(cancel, OPERATOR)
        assert coupon(shop, code).state is CouponState.CANCELLED

    def test_is_refused_for_a_coupon_of_another(self) -> None:
        shop = offer_shop()
        code = issue(shop)
        with refused("unknown_coupon"):
            shop.say(CancelCoupon(card_number=OTHER, coupon_code=code, reason="mistake"), OPERATOR)

    def test_is_an_operators(self) -> None:
        command = CancelCoupon(card_number=NUMBER, coupon_code="7KQ42M9XTB3C8RWJ", reason="mistake")
        with refused("actor_not_allowed", actor="pos"):
            decide(cancel_coupon, command, card=card(), context=by(TILL, **CHANGES))


class TestResendCoupon:
    def test_sends_the_code_again(self) -> None:
        shop = offer_shop()
        code = issue(shop)
        said = shop.say(ResendCoupon(card_number=NUMBER, coupon_code=code), OPERATOR)
        assert only(CouponResent, said).coupon_code == code
        assert only(CouponResent, said).member_id == ANA

    def test_of_a_cancelled_code_issues_a_new_one_with_the_old_ones_terms(self) -> None:
        shop = offer_shop()
        code = issue(shop)
        shop.say(CancelCoupon(card_number=NUMBER, coupon_code=code, reason="mistake"), OPERATOR)
        shop.now += DAY
        said = shop.say(ResendCoupon(card_number=NUMBER, coupon_code=code), OPERATOR)

        fresh = only(CouponIssued, said)
        assert fresh.coupon_code != code
        assert fresh.replaces == code
        assert fresh.expires_at == NOON + timedelta(days=30)
        assert only(CouponReplaced, said).replaced_by == fresh.coupon_code
        with refused("coupon_cancelled"):
            shop.say(use(code))
        assert shop.say(use(fresh.coupon_code))
        with refused("coupon_already_replaced", coupon_code=fresh.coupon_code):
            shop.say(ResendCoupon(card_number=NUMBER, coupon_code=code), OPERATOR)

    def test_is_refused_once_the_coupon_is_used_or_its_time_is_over(self) -> None:
        shop = offer_shop()
        used, lapsed, cancelled = issue(shop), issue(shop), issue(shop)
        shop.say(use(used))
        with refused("coupon_already_used"):
            shop.say(ResendCoupon(card_number=NUMBER, coupon_code=used))
        shop.say(CancelCoupon(card_number=NUMBER, coupon_code=cancelled, reason="mistake"), OPERATOR)
        shop.now += 30 * DAY
        for code in (lapsed, cancelled):
            with refused("coupon_expired"):
                shop.say(ResendCoupon(card_number=NUMBER, coupon_code=code))


class TestShareCoupon:
    def share(self, code: str, number: str = NUMBER, to: str = OTHER) -> ShareCoupon:
        return ShareCoupon(card_number=number, coupon_code=code, to_card_number=to)

    def test_moves_it_to_another_card_and_its_first_works_no_more(self) -> None:
        shop = offer_shop()
        code = issue(shop)
        told = only(CouponShared, shop.say(self.share(code), APP))

        assert (told.card_number, told.member_id) == (OTHER, BEN)
        assert told.from_account_id != told.account_id == coupon(shop, code).account_id
        with refused("unknown_coupon"):
            shop.say(use(code))
        assert shop.say(use(code, OTHER))

    def test_moves_it_once(self) -> None:
        shop = offer_shop()
        code = issue(shop)
        shop.say(self.share(code), APP)
        with refused("coupon_already_shared"):
            shop.say(self.share(code, OTHER, NUMBER), APP)

    def test_moves_it_once_also_if_it_was_cancelled_and_sent_again(self) -> None:
        shop = offer_shop()
        code = issue(shop)
        shop.say(self.share(code), APP)
        shop.say(CancelCoupon(card_number=OTHER, coupon_code=code, reason="mistake"), OPERATOR)
        fresh = only(CouponIssued, shop.say(ResendCoupon(card_number=OTHER, coupon_code=code), OPERATOR)).coupon_code
        with refused("coupon_already_shared"):
            shop.say(self.share(fresh, OTHER, NUMBER), APP)

    def test_of_one_that_a_till_had_open_for_too_long_leaves_nothing_to_end(self) -> None:
        shop = offer_shop(coupon_reserve_seconds=60)
        code = issue(shop)
        shop.say(ReserveCoupon(card_number=NUMBER, coupon_code=code, store="s1", till="t1"))
        shop.now += timedelta(seconds=60)
        shop.say(self.share(code), APP)
        assert coupon(shop, code).due_at == NOON + 30 * DAY

    def test_is_refused_where_it_makes_no_sense(self) -> None:
        shop = offer_shop()
        code, fixed = issue(shop), issue(shop, "sorry")
        with refused("coupon_of_the_same_account"):
            shop.say(self.share(code, to=NUMBER), APP)
        with refused("coupon_not_shareable"):
            shop.say(self.share(fixed), APP)
        with refused("unknown_card"):
            shop.say(self.share(code, to="4000000000000002"), APP)
        with refused("unknown_coupon"):
            shop.say(self.share(code, OTHER, NUMBER), APP)
        shop.say(ReserveCoupon(card_number=NUMBER, coupon_code=code, store="s1", till="t1"))
        until = coupon(shop, code).due_at
        assert until is not None
        with refused("coupon_reserved", store="s1", till="t1", until=until.isoformat()):
            shop.say(self.share(code), APP)
        shop.say(ReleaseCoupon(card_number=NUMBER, coupon_code=code, store="s1", till="t1"))
        shop.say(CardBlocked(card_number=OTHER, member_id=BEN, reason="lost"))
        with refused("card_blocked"):
            shop.say(self.share(code), APP)


class TestEndCoupon:
    def test_expires_it_when_its_time_is_over(self) -> None:
        shop = offer_shop()
        code = issue(shop)
        assert shop.wait(30 * DAY - timedelta(seconds=1)) == []
        assert only(CouponExpired, shop.wait(timedelta(seconds=1))).coupon_code == code
        assert coupon(shop, code).state is CouponState.EXPIRED
        with refused("coupon_expired"):
            shop.say(use(code))
        assert shop.wait(DAY) == []

    def test_releases_what_a_till_had_open_for_too_long(self) -> None:
        shop = offer_shop(coupon_reserve_seconds=60)
        code = issue(shop)
        shop.say(ReserveCoupon(card_number=NUMBER, coupon_code=code, store="s1", till="t1"))
        told = only(CouponReleased, shop.wait(timedelta(seconds=60)))
        assert (told.store, told.till, told.is_overdue) == ("s1", "t1", True)
        assert coupon(shop, code).due_at == NOON + 30 * DAY

    def test_before_its_time_changes_nothing(self) -> None:
        shop = offer_shop()
        code = issue(shop)
        assert shop.say(EndCoupon(coupon_code=code)) == []
        assert shop.say(EndCoupon(coupon_code="7KQ42M9XTB3C8RWJ")) == []
        assert coupon(shop, code).version == 1


class TestCampaigns:
    @pytest.mark.parametrize(
        ("campaign", "rule"),
        [
            ({"gives": {"kind": "units", "unit": "points"}}, "units needs unit and amount"),
            ({"gives": {"kind": "units", "unit": "miles", "amount": 1}}, "miles is not among the units"),
            ({"gives": {"kind": "units", "unit": "points", "amount": 0}}, "at least 1"),
            ({"gives": {"kind": "item"}}, "item needs product"),
            ({"gives": {"kind": "item", "product": "cake", "percent": 5}}, "item has no"),
            ({"gives": {"kind": "discount"}}, "either percent or discount_minor"),
            ({"gives": {"kind": "discount", "percent": 5, "discount_minor": 5}}, "either percent or discount_minor"),
            ({"gives": {"kind": "item", "product": "cake", "colour": "red"}}, "colour"),
            ({"code": "coffee"}, "stands there twice"),
            ({"starts_on": "2027-01-01", "ends_on": "2026-01-01"}, "must not be later"),
        ],
    )
    def test_are_refused_when_they_contradict_themselves(self, campaign: dict[str, Any], rule: str) -> None:
        with pytest.raises(ValidationError, match=rule):
            RewardRules.model_validate({**RULES.model_dump(), "campaigns": [{**CAMPAIGNS[0], **campaign}]})
