"""Tiers that were assigned by hand and are taken back, with what came with them."""

from datetime import date
from typing import Any, ClassVar

import pytest

from contracts.corrections import UndoTierAssignment
from contracts.coupons import CouponCancelled, CouponState
from contracts.messages import Command, Event
from contracts.operators import OperatorTied
from contracts.rewards import UnitChange
from contracts.tiers import TierCause, TierChanged
from tests.decisions import refused
from tests.workers.rewards.counter import ANA, NUMBER, OPERATOR, OTTO, Shop
from tests.workers.rewards.offers import only, use
from tests.workers.rewards.test_tiers import STATUS, anas, assign, sell, tier, tier_shop
from workers.rewards.coupon_documents import Coupon
from workers.rewards.documents import Cause, LedgerEntry
from workers.rewards.tier_documents import Standing


def unassign(counter: Shop, **changes: Any) -> list[Event | Command]:
    """Take the assignment back."""
    fields = {"card_number": NUMBER, "operator_id": OPERATOR.id, "system": "status", "note": "By mistake", **changes}
    return counter.say(UndoTierAssignment.model_validate(fields), OPERATOR)


def assigned(wanted: str = "gold", **changes: Any) -> Shop:
    """A shop where Ana was assigned a tier."""
    counter = tier_shop()
    counter.say(assign(wanted, **changes), OPERATOR)
    return counter


class TestUndoTierAssignment:
    def test_lets_the_tier_be_what_was_earned_at_once(self) -> None:
        counter = tier_shop()
        sell(counter, 12)
        counter.say(assign("gold"), OPERATOR)
        told = only(TierChanged, unassign(counter))

        assert (told.before, told.tier, told.cause) == ("gold", "silver", TierCause.ASSIGNMENT_UNDONE)
        assert (tier(counter), told.is_higher, told.held_until) == ("silver", False, None)
        (rank,) = counter.only(Standing).ranks
        assert (rank.note, rank.actor) == ("By mistake", OPERATOR)

    def test_is_refused_twice(self) -> None:
        counter = assigned()
        unassign(counter)
        with refused("tier_not_assigned"):
            unassign(counter)

    def test_is_refused_of_what_was_earned(self) -> None:
        counter = tier_shop()
        sell(counter, 12)
        with refused("tier_not_assigned"):
            unassign(counter)

    def test_takes_back_what_came_with_it_by_linked_entries(self) -> None:
        counter = assigned(gives_rewards=True)
        assert anas(counter).holding("stamps").balance == 5
        said = unassign(counter)

        assert only(TierChanged, said).given == (UnitChange(unit="stamps", amount=-5),)
        assert only(CouponCancelled, said).coupon_code == counter.only(Coupon).id
        assert (counter.only(Coupon).state, anas(counter).holding("stamps").balance) == (CouponState.CANCELLED, 0)
        (given,) = [each for each in counter.all(LedgerEntry) if each.cause is Cause.TIER_REWARD]
        (taken,) = [each for each in counter.all(LedgerEntry) if each.cause is Cause.TIER_UNDONE]
        assert (taken.undoes, taken.source) == (given.id, "gold")

    def test_leaves_what_was_earned_or_used_by_then(self) -> None:
        counter = assigned(gives_rewards=True)
        counter.say(use(counter.only(Coupon).id))
        sell(counter, 30)
        said = unassign(counter)
        assert only(TierChanged, said).given == ()
        assert (tier(counter), counter.only(Coupon).state) == ("gold", CouponState.USED)
        assert anas(counter).holding("stamps").balance == 5 + 1

    def test_lets_what_it_took_be_earned_in_the_same_period(self) -> None:
        counter = assigned(gives_rewards=True)
        unassign(counter)
        assert only(TierChanged, sell(counter, 30)).given == (UnitChange(unit="stamps", amount=5),)

    def test_brings_back_the_assignment_before_it_which_can_be_undone_too(self) -> None:
        counter = assigned("silver", gives_rewards=True)
        held_until = anas(counter).held_tier("status").held_until
        counter.say(assign("gold", date(2026, 12, 31), gives_rewards=True), OPERATOR)
        told = only(TierChanged, unassign(counter))
        assert (told.tier, told.held_until) == ("silver", held_until)
        assert counter.only(Coupon).state is CouponState.ISSUED
        assert only(TierChanged, unassign(counter)).tier is None
        assert counter.only(Coupon).state is CouponState.CANCELLED

    @pytest.mark.parametrize(
        ("changes", "code"),
        [
            ({"system": "miles"}, "unknown_tier_system"),
            ({"card_number": "4000000000000002"}, "unknown_card"),
            ({"operator_id": "otto"}, "operator_not_the_sender"),
        ],
    )
    def test_is_refused_where_there_is_nothing_like_it(self, changes: dict[str, Any], code: str) -> None:
        with refused(code):
            unassign(assigned(), **changes)

    def test_is_refused_on_ones_own_account(self) -> None:
        counter = assigned()
        counter.say(OperatorTied(operator_id=OPERATOR.id, member_id=ANA), OTTO)
        with refused("own_account"):
            unassign(counter)

    def test_keeps_its_note_from_members(self) -> None:
        said = unassign(assigned(), note="Her brother owns the place")
        assert "brother" not in "".join(each.model_dump_json() for each in said)


class TestTwoSystemsAtOnce:
    regulars: ClassVar[dict[str, Any]] = {
        **STATUS,
        "code": "regulars",
        "tiers": [
            {"code": "known", "text": "Known", "threshold": 10, "reward": {"campaign": "cake_on_us"}},
            {
                "code": "gilded",
                "text": "Gilded",
                "threshold": 30,
                "reward": {"units": {"kind": "units", "unit": "stamps", "amount": 7}},
            },
        ],
    }

    def in_both(self) -> Shop:
        """A shop where Ana was assigned the highest tier of two systems, with all that comes with them."""
        counter = tier_shop(STATUS, self.regulars)
        counter.say(assign("gold", gives_rewards=True), OPERATOR)
        counter.say(assign("gilded", system="regulars", gives_rewards=True), OPERATOR)
        return counter

    def test_give_each_its_own(self) -> None:
        counter = self.in_both()
        assert (tier(counter), tier(counter, "regulars")) == ("gold", "gilded")
        assert anas(counter).holding("stamps").balance == 5 + 7
        assert [each.state for each in counter.all(Coupon)] == [CouponState.ISSUED] * 2

    @pytest.mark.parametrize(("undone", "other", "kept"), [("status", "regulars", 7), ("regulars", "status", 5)])
    def test_undoing_in_one_leaves_alone_what_came_with_the_other(self, undone: str, other: str, kept: int) -> None:
        counter = self.in_both()
        held, gave = anas(counter).held_tier(other), counter.only(Standing).rank(other)
        assert gave is not None
        gone = only(CouponCancelled, unassign(counter, system=undone)).coupon_code

        assert (tier(counter, undone), anas(counter).held_tier(other)) == (None, held)
        assert counter.only(Standing).rank(other) == gave
        assert anas(counter).holding("stamps").balance == kept
        assert gone not in {each.coupon_code for each in gave.gave}
        assert [each.id for each in counter.all(Coupon) if each.state is CouponState.ISSUED] == [
            each.coupon_code for each in gave.gave if each.coupon_code is not None
        ]
        with refused("tier_not_assigned"):
            unassign(counter, system=undone)
        unassign(counter, system=other)
        assert anas(counter).holding("stamps").balance == 0
