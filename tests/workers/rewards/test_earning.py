"""Rules, rates, rounding and calendars."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from contracts.programme.rewards import EarningRule, Rate, RewardRules, Rounding, Scheme, ValidUntil, divided
from contracts.rewards import PurchaseLine
from tests.workers.rewards.counter import PROGRAMME, RULES, coffees
from workers.rewards.documents import Earning
from workers.rewards.earning import earnings, months_later, terms_of

ONE = {"code": "one", "unit": "points", "rate": {"amount": 1, "per_items": 1}}
DAILY = {"per": "day", "amount": 1}
BEANS = PurchaseLine(line=2, product="beans-250", category="beans", quantity=2, price_minor=1999)
BERLIN_NEW_YEAR = datetime(2026, 12, 31, 23, 30, tzinfo=UTC)


def rule(**changes: Any) -> EarningRule:
    """A rule of one point per item."""
    fields = {"code": "test", "unit": "points", "rate": {"amount": 1, "per_items": 1}}
    return EarningRule.model_validate({**fields, **changes})


def earned(
    rule: EarningRule,
    *lines: PurchaseLine,
    store: str = "s1",
    category: str = "normal",
    at: datetime = BERLIN_NEW_YEAR,
    scheme: dict[str, Any] | None = None,
) -> tuple[Earning, ...]:
    """What the rule alone gives."""
    schemes = () if scheme is None else (Scheme.model_validate({"code": "brand", "text": "A brand", **scheme}),)
    rules = RULES.model_copy(update={"earning": (rule,), "schemes": schemes})
    programme = PROGRAMME.model_copy(update={"rewards": rules})
    return earnings(programme, lines, store=store, card_category=category, purchased_at=at)


class TestRules:
    def test_match_by_product_or_category(self) -> None:
        assert earned(rule(products=["beans-250"]), coffees(3), BEANS)[0].amount == 2
        assert earned(rule(categories=["coffee"]), coffees(3), BEANS)[0].lines == (1,)
        assert earned(rule(products=["beans-250"], categories=["coffee"]), coffees(3), BEANS)[0].amount == 5
        assert earned(rule(), coffees(3), BEANS)[0].amount == 5

    def test_count_in_their_stores_and_for_their_cards_only(self) -> None:
        assert earned(rule(stores=["s2"]), coffees(3)) == ()
        assert earned(rule(stores=["s2"]), coffees(3), store="s2")
        assert earned(rule(card_categories=["employee"]), coffees(3)) == ()
        assert earned(rule(card_categories=["employee"]), coffees(3), category="employee")

    def test_count_on_their_days_in_the_programmes_zone(self) -> None:
        assert earned(rule(starts_on="2027-01-01", ends_on="2027-01-01"), coffees(1))
        assert earned(rule(ends_on="2026-12-31"), coffees(1)) == ()
        assert earned(rule(starts_on="2027-01-02"), coffees(1)) == ()

    @pytest.mark.parametrize(
        ("hours", "local", "counts"),
        [
            ({"from_time": "06:00", "until_time": "10:30"}, "2026-11-23 06:00", True),
            ({"from_time": "06:00", "until_time": "10:30"}, "2026-11-23 10:29", True),
            ({"from_time": "06:00", "until_time": "10:30"}, "2026-11-23 10:30", False),
            ({"from_time": "06:00"}, "2026-11-23 05:59", False),
            ({"until_time": "06:00"}, "2026-11-23 05:59", True),
            ({"weekdays": ["monday"]}, "2026-11-23 00:00", True),
            ({"weekdays": ["monday"]}, "2026-11-22 23:59", False),
            ({"weekdays": ["friday"], "from_time": "22:00", "until_time": "02:00"}, "2026-11-28 01:59", True),
            ({"weekdays": ["friday"], "from_time": "22:00", "until_time": "02:00"}, "2026-11-27 01:59", False),
            ({"weekdays": ["friday"], "from_time": "22:00", "until_time": "02:00"}, "2026-11-28 02:00", False),
            ({"ends_on": "2026-11-27", "from_time": "22:00", "until_time": "02:00"}, "2026-11-28 01:00", True),
        ],
    )
    def test_count_at_their_hours_and_on_their_days_of_the_week_by_the_programmes_clock(
        self, hours: dict[str, Any], local: str, counts: bool
    ) -> None:
        at = datetime.fromisoformat(local).replace(tzinfo=ZoneInfo("Europe/Berlin"))
        assert bool(earned(rule(**hours), coffees(1), at=at.astimezone(UTC))) is counts
        far_away = at.astimezone(ZoneInfo("Asia/Tokyo"))
        assert bool(earned(rule(**hours), coffees(1), at=far_away)) is counts

    def test_of_a_scheme_count_only_while_and_where_it_runs(self) -> None:
        brand = rule(scheme="brand")
        runs = {"starts_on": "2027-01-01", "stores": ["s1"]}
        assert earned(brand, coffees(1), scheme=runs)
        assert earned(brand, coffees(1), scheme=runs, at=BERLIN_NEW_YEAR - timedelta(hours=1)) == ()
        assert earned(brand, coffees(1), scheme=runs, store="s2") == ()
        assert earned(brand, coffees(1), scheme={"ends_on": "2026-12-31"}) == ()

    def test_give_nothing_below_their_minimum_and_no_more_than_their_most(self) -> None:
        floor = rule(rate={"amount": 1, "per_minor": 100, "at_least_minor": 1000})
        assert earned(floor, coffees(1, 999)) == ()
        assert earned(floor, coffees(1, 1000))[0].amount == 10
        assert earned(rule(rate={"amount": 1, "per_items": 1, "at_most": 2}), coffees(9))[0].amount == 2

    @pytest.mark.parametrize(("rounding", "amount"), [(Rounding.DOWN, 2), (Rounding.HALF_UP, 3), (Rounding.UP, 3)])
    def test_round_as_they_say(self, rounding: Rounding, amount: int) -> None:
        assert (
            earned(rule(rate={"amount": 1, "per_minor": 100, "rounding": rounding}), coffees(1, 250))[0].amount
            == amount
        )


class TestRounding:
    @given(st.integers(0, 10**15), st.integers(1, 10**9))
    def test_never_leaves_the_neighbouring_whole_numbers(self, amount: int, by: int) -> None:
        down, half, up = (divided(amount, by, each) for each in (Rounding.DOWN, Rounding.HALF_UP, Rounding.UP))
        assert down * by <= amount <= up * by
        assert down <= half <= up <= down + 1
        assert abs(2 * (half * by - amount)) <= by

    @given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(1, 99), st.integers(1, 500), st.data())
    def test_more_bought_never_earns_less(
        self, price: int, more: int, amount: int, per: int, data: st.DataObject
    ) -> None:
        most = data.draw(st.none() | st.integers(1, 50))
        rate = Rate(amount=amount, per_minor=per, rounding=data.draw(st.sampled_from(Rounding)), at_most=most)
        assert rate.earned(1, price) <= rate.earned(1, price + more)


class TestTerms:
    @pytest.mark.parametrize(
        ("day", "months", "end"),
        [
            (date(2027, 1, 31), 1, date(2027, 2, 28)),
            (date(2028, 1, 31), 1, date(2028, 2, 29)),
            (date(2026, 11, 30), 3, date(2027, 2, 28)),
            (date(2026, 12, 31), 12, date(2027, 12, 31)),
        ],
    )
    def test_end_on_the_shorter_months_last_day(self, day: date, months: int, end: date) -> None:
        assert months_later(day, months) == end

    def test_end_with_the_day_in_the_programmes_zone(self) -> None:
        terms = terms_of(rule(expires_after_months=8), date(2026, 11, 22), "Europe/Berlin")
        assert terms.expires_at == datetime(2027, 7, 22, 22, 0, tzinfo=UTC)

    def test_or_with_the_month(self) -> None:
        monthly = rule(expires_after_months=3, valid_until=ValidUntil.END_OF_MONTH)
        assert terms_of(monthly, date(2026, 11, 22), "Europe/Berlin").id == "2027-02-28"

    def test_begin_after_the_days_that_the_rule_says(self) -> None:
        terms = terms_of(rule(available_after_days=14), date(2026, 11, 22), "Europe/Berlin")
        assert terms.available_at == datetime(2026, 12, 5, 23, 0, tzinfo=UTC)
        assert terms.expires_at is None

    @given(st.dates(date(2000, 1, 1), date(2100, 1, 1)), st.integers(1, 600))
    def test_never_end_before_they_begin(self, day: date, months: int) -> None:
        assert timedelta(days=27) < months_later(day, months) - day < timedelta(days=31 * months + 1)


class TestRewardRules:
    @pytest.mark.parametrize(
        ("changes", "rule"),
        [
            ({"units": ["points"]}, "is not among the units"),
            ({"units": ["stamps", "points", "points"]}, "a code stands there twice"),
            ({"earning": [{"code": "a", "unit": "points", "rate": {"amount": 1}}]}, "either per_items or per_minor"),
            ({"currency": "euro"}, "currency"),
            ({"earning": [{**ONE, "scheme": "brand"}]}, "brand is not among the schemes"),
            ({"earning": [{**ONE, "caps": [DAILY, DAILY]}]}, "a period stands there twice"),
            ({"earning": [{**ONE, "from_time": "10:00", "until_time": "10:00"}]}, "nothing between them"),
            ({"earning": [{**ONE, "from_time": 630}]}, "must stand in quotes"),
            ({"earning": [{**ONE, "from_time": "10:00+01:00"}]}, "they name none"),
            ({"schemes": [{"code": "b", "text": "B", "starts_on": "2027-01-01", "ends_on": "2026-01-01"}]}, "later"),
        ],
    )
    def test_are_refused_when_they_contradict_themselves(self, changes: dict[str, Any], rule: str) -> None:
        with pytest.raises(ValidationError, match=rule):
            RewardRules.model_validate({**RULES.model_dump(), **changes})
