"""Tiers: reached at once, kept to the end of the next period, held by hand, rewarded once a period."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from pydantic import ValidationError

from contracts.cards import CardReplaced
from contracts.coupons import CouponIssued
from contracts.messages import Command
from contracts.programme.rewards import RewardRules, Shortfall
from contracts.rewards import ConfirmPurchase, PurchaseRecorded, RefundLine, Stage, UnitChange
from contracts.tiers import AssignTier, ReckonTier, TierCause, TierChanged
from runtime.decisions import Refused
from tests.decisions import NOON, TILL, decide, refused
from tests.workers.rewards.counter import (
    ANA,
    BUSINESS_DAY,
    NUMBER,
    OPERATOR,
    OTHER,
    RULES,
    Shop,
    by,
    card,
    coffees,
    receipt,
    refund,
)
from tests.workers.rewards.offers import CAMPAIGNS, DAY, offer_shop, only
from workers.rewards.documents import Account, Cause, LedgerEntry, Purchase
from workers.rewards.reckoning import measured, progress
from workers.rewards.tier_documents import Standing
from workers.rewards.tiers import assign_tier

STATUS: dict[str, Any] = {
    "code": "status",
    "text": "Status",
    "unit": "points",
    "period": "month",
    "tiers": [
        {"code": "silver", "text": "Silver", "threshold": 10, "reward": {"campaign": "cake_on_us"}},
        {
            "code": "gold",
            "text": "Gold",
            "threshold": 30,
            "reward": {"units": {"kind": "units", "unit": "stamps", "amount": 5}},
        },
    ],
}
SPENDERS = {
    "code": "spenders",
    "text": "Big spenders",
    "period": "year",
    "tiers": [{"code": "whale", "text": "Whale", "threshold": 5_000}],
}
DOUBLE = {"code": "double", "unit": "points", "rate": {"amount": 1, "per_minor": 100}, "tiers": ["gold"]}
MILES = {"kind": "units", "unit": "miles", "amount": 1}
DECEMBER = datetime(2026, 11, 30, 23, 0, tzinfo=UTC)


def tier_shop(*systems: dict[str, Any], **changes: Any) -> Shop:
    """A shop with these status systems."""
    return offer_shop(tier_systems=list(systems or (STATUS,)), **changes)


def sell(shop: Shop, euros: int, number: str | None = None, **changes: Any) -> list[Any]:
    """Sell coffee for so many euros, each of which is a point."""
    fields = {"receipt_number": number or f"n{shop.count}", "purchased_at": shop.now, **changes}
    return shop.say(receipt(coffees(1, euros * 100), **fields))


def take_back(shop: Shop, number: str, euros: int = 0, quantity: int = 0, **changes: Any) -> list[Any]:
    """Take money, or items, of a receipt back."""
    line = RefundLine(line=1, quantity=quantity, price_minor=euros * 100)
    return shop.say(refund(line, receipt_number=number, refund_number=f"r{shop.count}", **changes))


def anas(shop: Shop) -> Account:
    """Ana's account."""
    return next(each for each in shop.all(Account) if each.card_number == NUMBER)


def tier(shop: Shop, system: str = "status") -> str | None:
    """The tier that Ana has."""
    return anas(shop).held_tier(system).tier


def assign(wanted: str | None, until: date = date(2026, 12, 5), **changes: Any) -> AssignTier:
    """An operator's assignment."""
    fields = {"card_number": NUMBER, "system": "status", "tier": wanted, "holds_until": until, "note": "As promised"}
    return AssignTier.model_validate({**fields, **changes})


class TestReckonTier:
    def test_lifts_at_once_whoever_has_earned_enough_and_gives_what_comes_with_it(self) -> None:
        shop = tier_shop()
        assert [type(each) for each in sell(shop, 9)] == [PurchaseRecorded]
        said = sell(shop, 1)

        told = only(TierChanged, said)
        assert (told.before, told.tier, told.cause, told.is_higher) == (None, "silver", TierCause.REACHED, True)
        assert told.coupon_codes == (only(CouponIssued, said).coupon_code,)
        assert (told.member_id, only(CouponIssued, said).member_id) == (ANA, ANA)

    def test_gives_what_comes_with_each_tier_that_is_climbed(self) -> None:
        shop = tier_shop()
        told = only(TierChanged, sell(shop, 30))
        assert told.tier == "gold"
        assert len(told.coupon_codes) == 1
        assert told.given == (UnitChange(unit="stamps", amount=5),)
        assert [entry.source for entry in shop.all(LedgerEntry) if entry.cause is Cause.TIER_REWARD] == ["gold"]

    def test_counts_a_pending_purchase_once_it_is_confirmed(self) -> None:
        shop = tier_shop()
        sell(shop, 10, "1", stage=Stage.PENDING)
        assert tier(shop) is None
        fields = {"card_number": NUMBER, "store": "s1", "till": "t1", "receipt_number": "1"}
        shop.say(ConfirmPurchase.model_validate({**fields, "business_day": BUSINESS_DAY}))
        assert tier(shop) == "silver"

    def test_counts_what_was_spent_where_no_unit_is_named(self) -> None:
        shop = tier_shop(STATUS, SPENDERS)
        sell(shop, 50, "1")
        assert (tier(shop), tier(shop, "spenders")) == ("gold", "whale")
        take_back(shop, "1", euros=1)
        assert (tier(shop), tier(shop, "spenders")) == ("gold", None)

    def test_recomputes_after_a_refund_at_once(self) -> None:
        shop = tier_shop()
        sell(shop, 30, "1")
        told = only(TierChanged, take_back(shop, "1", euros=1))
        assert (told.before, told.tier, told.cause, told.is_higher) == ("gold", "silver", TierCause.TAKEN_BACK, False)
        assert not told.given
        assert not told.coupon_codes

    def test_keeps_a_tier_to_the_end_of_the_next_period_and_no_longer(self) -> None:
        shop = tier_shop()
        sell(shop, 30)
        shop.wait(DECEMBER - NOON - timedelta(seconds=1))
        assert tier(shop) == "gold"
        assert shop.wait(timedelta(seconds=1)) == []
        assert tier(shop) == "gold"
        sell(shop, 10)
        assert tier(shop) == "gold"
        told = only(TierChanged, shop.wait(31 * DAY))
        assert (told.before, told.tier, told.cause) == ("gold", "silver", TierCause.PERIOD_ENDED)
        assert only(TierChanged, shop.wait(31 * DAY)).tier is None
        assert shop.only(Standing).due_at is None

    def test_counts_a_late_receipt_in_its_own_period(self) -> None:
        shop = tier_shop()
        shop.now = NOON + 20 * DAY
        sell(shop, 30, purchased_at=NOON, is_offline=True)
        assert tier(shop) == "gold"
        assert only(TierChanged, shop.wait(30 * DAY)).tier is None
        sell(shop, 30, purchased_at=NOON, is_offline=True)
        assert tier(shop) is None

    def test_counts_a_clock_ahead_as_the_day_on_which_the_receipt_came(self) -> None:
        shop = tier_shop()
        shop.now = DECEMBER - timedelta(hours=1)
        sell(shop, 10, "1", purchased_at=shop.now + timedelta(hours=2))
        shop.now = DECEMBER + timedelta(hours=2)
        take_back(shop, "1", euros=10)
        assert progress(shop.programme.rewards.tier_systems[0], anas(shop), date(2026, 12, 1)) == (0, 0)

    def test_of_an_account_that_went_into_another_is_forgotten(self) -> None:
        shop = tier_shop()
        sell(shop, 10, card_number=OTHER)
        shop.say(REPLACED)
        left = next(each for each in shop.all(Account) if each.merged_into is not None)
        assert shop.say(ReckonTier(account_id=left.id, system="status")) == []
        assert next(each for each in shop.all(Standing) if each.id == left.id).due_at is None
        assert shop.say(ReckonTier(account_id="nobody", system="status")) == []


REPLACED = CardReplaced(
    card_number=NUMBER, member_id=ANA, new_card_number=OTHER, first_card_number=NUMBER, stopped_at=NOON
)


class TestAccountsThatBecameOne:
    def test_keep_the_highest_tier_and_are_then_recomputed(self) -> None:
        shop = tier_shop()
        sell(shop, 10, card_number=OTHER)
        shop.say(REPLACED)
        assert tier(shop) == "silver"
        shop.wait(38 * DAY)
        assert tier(shop) == "silver"
        assert only(TierChanged, shop.wait(2 * DAY)).tier is None

    def test_count_together(self) -> None:
        shop = tier_shop()
        sell(shop, 6)
        sell(shop, 6, card_number=OTHER)
        assert only(TierChanged, shop.say(REPLACED)).tier == "silver"

    def test_are_not_rewarded_a_second_time(self) -> None:
        shop = tier_shop()
        sell(shop, 10, "1")
        sell(shop, 10, card_number=OTHER)
        shop.say(REPLACED)
        take_back(shop, "1", euros=10, card_number=OTHER)
        assert [each for each in sell(shop, 10, card_number=OTHER) if isinstance(each, CouponIssued)] == []

    def test_keep_what_was_assigned_by_hand(self) -> None:
        shop = tier_shop()
        shop.say(assign("gold", card_number=OTHER), OPERATOR)
        shop.say(REPLACED)
        assert tier(shop) == "gold"
        shop.wait(14 * DAY)
        assert tier(shop) is None


class TestAssignTier:
    def test_gives_a_tier_that_holds_to_the_end_of_its_last_day(self) -> None:
        shop = tier_shop()
        told = only(TierChanged, shop.say(assign("gold"), OPERATOR))
        end = datetime(2026, 12, 5, 23, 0, tzinfo=UTC)
        assert (told.tier, told.cause, told.held_until) == ("gold", TierCause.ASSIGNED, end)

        shop.wait(end - NOON - timedelta(seconds=1))
        assert tier(shop) == "gold"
        told = only(TierChanged, shop.wait(timedelta(seconds=1)))
        assert (told.tier, told.cause) == (None, TierCause.HOLD_ENDED)

    def test_holds_also_a_lower_one_against_what_is_earned(self) -> None:
        shop = tier_shop()
        sell(shop, 10)
        shop.say(assign(None), OPERATOR)
        sell(shop, 20)
        assert tier(shop) is None
        assert only(TierChanged, shop.wait(14 * DAY)).tier == "gold"

    def test_gives_rewards_only_if_it_says_so(self) -> None:
        shop = tier_shop()
        assert only(TierChanged, shop.say(assign("silver"), OPERATOR)).coupon_codes == ()
        told = only(TierChanged, shop.say(assign("gold", gives_rewards=True), OPERATOR))
        assert (told.given, told.coupon_codes) == ((UnitChange(unit="stamps", amount=5),), ())

    def test_keeps_the_note_where_only_colleagues_see_it(self) -> None:
        shop = tier_shop()
        said = shop.say(assign("gold", note="Her brother owns the place"), OPERATOR)
        (rank,) = shop.only(Standing).ranks
        assert (rank.note, rank.actor) == ("Her brother owns the place", OPERATOR)
        assert "brother" not in "".join(each.model_dump_json() for each in said)

    @pytest.mark.parametrize(
        ("changes", "code"),
        [
            ({"system": "miles"}, "unknown_tier_system"),
            ({"tier": "platinum"}, "unknown_tier"),
            ({"holds_until": date(2026, 11, 21)}, "tier_end_in_past"),
            ({"card_number": "4000000000000002"}, "unknown_card"),
        ],
    )
    def test_is_refused(self, changes: dict[str, Any], code: str) -> None:
        with refused(code):
            tier_shop().say(assign("gold", **changes), OPERATOR)

    def test_is_refused_for_a_card_without_an_account(self) -> None:
        with refused("unknown_card"):
            decide(assign_tier, assign("gold"), card=card(account_id=None), context=by(OPERATOR))

    def test_is_refused_to_tills(self) -> None:
        with refused("actor_not_allowed", actor="pos"):
            decide(assign_tier, assign("gold"), card=card(), context=by(TILL))


class TestEarningByTier:
    def test_begins_with_the_purchase_after_the_one_that_reached_it(self) -> None:
        shop = tier_shop(earning=[*[rule.model_dump(mode="json") for rule in RULES.earning], DOUBLE])
        first, *_ = sell(shop, 30, "1")
        assert [each.rule for each in first.earned] == ["coffee_stamp", "points_per_euro"]
        second, *_ = sell(shop, 1)
        assert [each.rule for each in second.earned] == ["coffee_stamp", "points_per_euro", "double"]

    def test_stays_for_a_revision_what_it_was_for_the_sale(self) -> None:
        shop = tier_shop(earning=[*[rule.model_dump(mode="json") for rule in RULES.earning], DOUBLE])
        sell(shop, 30, "1")
        revised, *_ = sell(shop, 31, "1", revision=1)
        assert [each.rule for each in revised.earned] == ["coffee_stamp", "points_per_euro"]


class TestTierSystems:
    @pytest.mark.parametrize(
        ("changes", "rule"),
        [
            ({"tiers": [STATUS["tiers"][1], STATUS["tiers"][0]]}, "thresholds must rise"),
            ({"unit": "miles"}, "miles is not among the units"),
            ({"tiers": [{**STATUS["tiers"][0], "reward": {"campaign": "none"}}]}, "none is not among the campaigns"),
            ({"tiers": [{**STATUS["tiers"][0], "reward": {}}]}, "either campaign or units"),
            (
                {"tiers": [{**STATUS["tiers"][0], "reward": {"units": {"kind": "item", "product": "x"}}}]},
                "must be a gift of units",
            ),
            ({"tiers": [{**STATUS["tiers"][1], "reward": {"units": MILES}}]}, "miles is not among the units"),
        ],
    )
    def test_are_refused_when_they_contradict_themselves(self, changes: dict[str, Any], rule: str) -> None:
        with pytest.raises(ValidationError, match=rule):
            RewardRules.model_validate(
                {**RULES.model_dump(), "campaigns": CAMPAIGNS, "tier_systems": [{**STATUS, **changes}]}
            )

    def test_must_have_the_tiers_that_rules_name_each_once(self) -> None:
        with pytest.raises(ValidationError, match="gold is not among the tiers"):
            RewardRules.model_validate({**RULES.model_dump(), "earning": [DOUBLE]})
        twice = {**RULES.model_dump(), "campaigns": CAMPAIGNS, "tier_systems": [STATUS, {**STATUS, "code": "second"}]}
        with pytest.raises(ValidationError, match="tiers: a code stands there twice"):
            RewardRules.model_validate(twice)


NUMBERS = st.sampled_from(["1", "2", "3"])


class TierHistories(RuleBasedStateMachine):
    """Sales, refunds and assignments, late and early, over many months."""

    @initialize(shortfall=st.sampled_from(Shortfall))
    def open(self, shortfall: Shortfall) -> None:
        self.shop = tier_shop(shortfall=shortfall)
        self.rewards: dict[tuple[str, str], int] = {}

    def say(self, command: Command, is_operators: bool = False) -> None:
        try:
            said = self.shop.say(command, OPERATOR if is_operators else TILL)
        except Refused:
            return
        self.hear(said)

    def hear(self, said: list[Any]) -> None:
        month = f"{self.shop.now.astimezone(self.shop.programme.zone):%Y-%m}"
        for each in said:
            if isinstance(each, TierChanged):
                for name in (["silver"] * len(each.coupon_codes)) + (["gold"] * len(each.given)):
                    self.rewards[name, month] = self.rewards.get((name, month), 0) + 1

    @rule(number=NUMBERS, euros=st.sampled_from([3, 9, 12, 35]), days=st.integers(0, 40), is_pending=st.booleans())
    def sell(self, number: str, euros: int, days: int, is_pending: bool) -> None:
        at, count = self.shop.now - days * DAY, self.shop.count
        stage = Stage.PENDING if is_pending else Stage.CONFIRMED
        line = coffees(1, euros * 100)
        fields = {"receipt_number": number, "purchased_at": at, "stage": stage, "is_offline": True}
        self.say(receipt(line, revision=count, **fields))

    @rule(number=NUMBERS, euros=st.sampled_from([1, 9]), quantity=st.integers(0, 1))
    def take_back(self, number: str, euros: int, quantity: int) -> None:
        line = RefundLine(line=1, quantity=quantity, price_minor=euros * 100)
        self.say(refund(line, receipt_number=number, refund_number=f"r{self.shop.count}"))

    @rule(wanted=st.sampled_from([None, "silver", "gold"]), days=st.integers(0, 40), gives=st.booleans())
    def assign(self, wanted: str | None, days: int, gives: bool) -> None:
        until = (self.shop.now + days * DAY).date()
        self.say(assign(wanted, until, gives_rewards=gives), is_operators=True)

    @rule(days=st.sampled_from([1, 8, 31]))
    def wait(self, days: int) -> None:
        for _ in range(days):
            self.hear(self.shop.wait(DAY))

    @invariant()
    def a_reward_is_given_at_most_once_for_a_tier_and_period(self) -> None:
        assert all(times == 1 for times in self.rewards.values())

    @invariant()
    def a_tier_is_what_counts_or_what_was_assigned(self) -> None:
        account, system = anas(self.shop), self.shop.programme.rewards.tier_systems[0]
        today = self.shop.now.astimezone(self.shop.programme.zone).date()
        months = {0: 0, 1: 0}
        for purchase in self.shop.all(Purchase):
            if purchase.purchased_at is None or purchase.recorded_at is None:
                continue
            day = min(purchase.purchased_at, purchase.recorded_at).astimezone(self.shop.programme.zone).date()
            age = 12 * (today.year - day.year) + today.month - day.month
            if age in months:
                months[age] += measured(system, purchase)
        assert progress(system, account, today) == (months[0], months[1])
        held = account.held_tier("status")
        if not held.is_by_hand(self.shop.now):
            best = system.reached(max(months.values()))
            assert held.tier == (None if best is None else best.code)


TierHistories.TestCase.settings = settings(
    max_examples=30, stateful_step_count=20, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestTierHistories = TierHistories.TestCase
