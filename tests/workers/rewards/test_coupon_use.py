"""Coupons at the till: reserved, released, used once under any interleaving, given back with their sale."""

from datetime import timedelta

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from contracts.cards import CardBlocked, CardIssued, CardKind, CardReplaced
from contracts.coupons import (
    CancelCoupon,
    CouponIssued,
    CouponReleased,
    CouponReserved,
    CouponReturned,
    CouponShared,
    CouponState,
    CouponUsed,
    CouponUseRepeated,
    ReleaseCoupon,
    ResendCoupon,
    ReserveCoupon,
    ReturnCoupons,
    ShareCoupon,
    UnitsGiven,
    UnitsRevoked,
)
from contracts.messages import Actor, Command
from contracts.rewards import CancelPurchase, PurchaseRefunded, RedeemReward, RefundLine, Stage, UnitChange
from runtime.decisions import Refused
from tests.decisions import NOON, TILL, refused
from tests.workers.rewards.counter import ANA, BUSINESS_DAY, NUMBER, OPERATOR, OTHER, Shop, coffees, receipt, refund
from tests.workers.rewards.offers import DAY, coupon, issue, offer_shop, only, use
from workers.rewards.coupon_documents import Coupon
from workers.rewards.coupon_use import MOST_COUPONS
from workers.rewards.documents import Account, Cause, LedgerEntry

WHOLE = RefundLine(line=1, quantity=2, price_minor=700)
REPLACED = CardReplaced(
    card_number=NUMBER, member_id=ANA, new_card_number=OTHER, first_card_number=NUMBER, stopped_at=NOON
)
CARDLESS = "4000000000000002"


def reserve(code: str, till: str = "t1") -> ReserveCoupon:
    """A till opens a coupon."""
    return ReserveCoupon(card_number=NUMBER, coupon_code=code, store="s1", till=till)


def points(shop: Shop) -> int:
    """What Ana has."""
    return next(each for each in shop.all(Account) if each.card_number == NUMBER).holding("points").balance


class TestReserveCoupon:
    def test_keeps_it_for_one_till_until_an_end(self) -> None:
        shop = offer_shop(coupon_reserve_seconds=60)
        code = issue(shop)
        told = only(CouponReserved, shop.say(reserve(code)))
        assert told.reserved_until == NOON + timedelta(seconds=60)
        assert told.gives.product == "cake"

        until = told.reserved_until.isoformat()
        with refused("coupon_reserved", store="s1", till="t1", until=until):
            shop.say(reserve(code, "t2"))
        with refused("coupon_reserved", store="s1", till="t1", until=until):
            shop.say(use(code, till="t2"))
        assert only(CouponUsed, shop.say(use(code))).coupon_code == code

    def test_again_by_the_same_till_moves_the_end(self) -> None:
        shop = offer_shop(coupon_reserve_seconds=60)
        code = issue(shop)
        shop.say(reserve(code))
        shop.now += timedelta(seconds=59)
        shop.say(reserve(code))
        assert coupon(shop, code).due_at == NOON + timedelta(seconds=119)

    def test_ends_with_the_coupon_at_the_latest(self) -> None:
        shop = offer_shop()
        code = issue(shop)
        shop.now = NOON + 30 * DAY - timedelta(seconds=5)
        assert only(CouponReserved, shop.say(reserve(code))).reserved_until == NOON + 30 * DAY

    def test_is_refused_for_a_card_that_does_not_spend(self) -> None:
        shop = offer_shop()
        shop.say(CardIssued(card_number=CARDLESS, kind=CardKind.PHYSICAL, category="normal"))
        code = issue(shop, number=CARDLESS)
        with refused("card_not_active", state="to_issue"):
            shop.say(ReserveCoupon(card_number=CARDLESS, coupon_code=code, store="s1", till="t1"))


class TestReleaseCoupon:
    def test_lets_others_use_it(self) -> None:
        shop = offer_shop()
        code = issue(shop)
        shop.say(reserve(code))
        release = ReleaseCoupon(card_number=NUMBER, coupon_code=code, store="s1", till="t1")
        told = only(CouponReleased, shop.say(release))
        assert not told.is_overdue
        assert coupon(shop, code).due_at == NOON + 30 * DAY
        assert shop.say(use(code, till="t2"))

    def test_is_refused_where_no_till_or_another_has_it_open(self) -> None:
        shop = offer_shop()
        code = issue(shop)
        release = ReleaseCoupon(card_number=NUMBER, coupon_code=code, store="s1", till="t1")
        with refused("coupon_not_reserved"):
            shop.say(release)
        shop.say(reserve(code, "t2"))
        until = (NOON + timedelta(seconds=900)).isoformat()
        with refused("coupon_reserved", store="s1", till="t2", until=until):
            shop.say(release)


class TestUseCoupon:
    def test_says_what_the_till_gives_and_moves_nothing_itself(self) -> None:
        shop = offer_shop()
        code = issue(shop)
        told = only(CouponUsed, shop.say(use(code)))
        assert (told.gives.product, told.purchase_id, told.member_id) == ("cake", "s1 t1 17 2026-11-22", ANA)
        assert shop.all(LedgerEntry) == []

    def test_books_units_with_the_coupons_own_terms(self) -> None:
        shop = offer_shop()
        code = issue(shop, "points_to_begin")
        shop.now += 9 * DAY
        given = only(UnitsGiven, shop.say(use(code)))
        assert given.changes == (UnitChange(unit="points", amount=20),)
        assert (given.cause.value, given.source) == ("coupon", code)
        (entry,) = shop.all(LedgerEntry)
        assert (entry.cause, entry.source, entry.amount) == (Cause.COUPON_USED, code, 20)
        assert entry.parts[0].lot == "2027-06-01"

    def test_works_once(self) -> None:
        shop = offer_shop()
        code = issue(shop, "points_to_begin")
        shop.say(use(code))
        with refused("coupon_already_used"):
            shop.say(use(code, receipt_number="18"))
        assert points(shop) == 20

    def test_again_for_the_same_receipt_is_told_the_same_and_changes_nothing(self) -> None:
        shop = offer_shop()
        code = issue(shop, "points_to_begin")
        shop.say(use(code))
        assert only(CouponUseRepeated, shop.say(use(code))).gives.amount == 20
        assert points(shop) == 20

    def test_works_with_a_card_of_its_holder_only(self) -> None:
        shop = offer_shop()
        code = issue(shop)
        with refused("unknown_coupon"):
            shop.say(use(code, OTHER))
        with refused("unknown_coupon"):
            shop.say(use("7KQ42M9XTB3C8RWJ"))
        shop.say(CardBlocked(card_number=NUMBER, member_id=ANA, reason="lost"))
        with refused("card_blocked"):
            shop.say(use(code))

    def test_is_refused_in_a_sale_of_another_or_one_that_is_over(self) -> None:
        shop = offer_shop()
        code, bens = issue(shop), issue(shop, number=OTHER)
        shop.say(receipt())
        with refused("purchase_of_another_card"):
            shop.say(use(bens, OTHER))
        shop.say(refund(WHOLE))
        with refused("purchase_already_refunded"):
            shop.say(use(code))
        shop.say(receipt(receipt_number="18", stage=Stage.PENDING))
        shop.say(_cancel("18"))
        with refused("purchase_already_cancelled"):
            shop.say(use(code, receipt_number="18"))

    def test_is_refused_beyond_what_a_sale_may_use(self) -> None:
        shop = offer_shop()
        for _ in range(MOST_COUPONS):
            shop.say(use(issue(shop)))
        with refused("too_many_coupons", most=MOST_COUPONS):
            shop.say(use(issue(shop)))


class TestReturnCoupons:
    def test_a_coupon_used_in_a_refunded_sale_comes_back_if_the_whole_sale_does(self) -> None:
        shop = offer_shop()
        code = issue(shop)
        shop.say(use(code))
        shop.say(receipt())
        part = shop.say(refund(RefundLine(line=1, quantity=1, price_minor=350)))
        assert not only(PurchaseRefunded, part).is_whole
        assert coupon(shop, code).state is CouponState.USED

        said = shop.say(refund(RefundLine(line=1, quantity=1, price_minor=350), refund_number="r2"))
        assert only(CouponReturned, said).state is CouponState.ISSUED
        assert shop.say(use(code, receipt_number="18"))

    def test_or_does_not_where_its_campaign_says_so(self) -> None:
        shop = offer_shop()
        code = issue(shop, "sorry")
        shop.say(use(code))
        shop.say(receipt())
        shop.say(refund(WHOLE))
        assert coupon(shop, code).state is CouponState.USED

    def test_whose_time_is_over_comes_back_expired(self) -> None:
        shop = offer_shop()
        code = issue(shop)
        shop.say(use(code))
        shop.say(receipt())
        shop.now += 30 * DAY
        assert only(CouponReturned, shop.say(refund(WHOLE))).state is CouponState.EXPIRED
        with refused("coupon_expired"):
            shop.say(use(code, receipt_number="18"))

    def test_comes_back_with_a_sale_that_did_not_come_to_be(self) -> None:
        shop = offer_shop()
        code = issue(shop)
        shop.say(receipt(stage=Stage.PENDING))
        shop.say(use(code))
        assert only(CouponReturned, shop.say(_cancel("17"))).coupon_code == code

    def test_comes_back_from_a_sale_whose_refund_came_first(self) -> None:
        shop = offer_shop()
        code = issue(shop)
        shop.say(use(code))
        shop.say(refund(WHOLE))
        assert only(CouponReturned, shop.say(receipt())).coupon_code == code

    def test_takes_back_the_units_that_it_gave_by_linked_entries(self) -> None:
        shop = offer_shop()
        codes = [issue(shop, "points_to_begin") for _ in range(3)]
        for code in codes:
            shop.say(use(code))
        shop.say(receipt())
        shop.say(RedeemReward(card_number=NUMBER, reward="cake"))
        assert points(shop) == 60 + 7 - 50
        revoked = only(UnitsRevoked, shop.say(refund(WHOLE)))

        assert revoked.changes == (UnitChange(unit="points", amount=-20),) * 3
        assert points(shop) == -50
        given = {entry.source: entry.id for entry in shop.all(LedgerEntry) if entry.cause is Cause.COUPON_USED}
        back = {entry.source: entry.undoes for entry in shop.all(LedgerEntry) if entry.cause is Cause.COUPON_RETURNED}
        assert given == back

    def test_said_twice_gives_back_once(self) -> None:
        shop = offer_shop()
        code = issue(shop, "points_to_begin")
        shop.say(use(code))
        shop.say(receipt())
        shop.say(refund(WHOLE))
        assert shop.say(ReturnCoupons(purchase_id="s1 t1 17 2026-11-22")) == []
        assert shop.say(ReturnCoupons(purchase_id="s1 t1 99 2026-11-22")) == []
        assert points(shop) == 0

    def test_is_not_asked_for_where_the_programme_has_no_coupons(self) -> None:
        shop = offer_shop(campaigns=[])
        shop.say(receipt())
        assert ReturnCoupons not in [type(each) for each in shop.say(refund(WHOLE))]


def _cancel(number: str) -> CancelPurchase:
    fields = {"store": "s1", "till": "t1", "receipt_number": number, "business_day": BUSINESS_DAY}
    return CancelPurchase.model_validate({"card_number": NUMBER, **fields})


TILLS = st.sampled_from(["t1", "t2"])
NUMBERS = st.sampled_from([NUMBER, OTHER])
CAMPAIGN = st.sampled_from(["cake_on_us", "points_to_begin"])


class CouponHistories(RuleBasedStateMachine):
    """Two cards, two tills and some coupons, of which everything is said at any time."""

    @initialize()
    def open(self) -> None:
        self.shop = offer_shop(coupon_reserve_seconds=3_600)
        self.uses: dict[str, int] = {}
        self.moves: dict[str, int] = {}
        self.roots: dict[str, str] = {}

    def say(self, command: Command, actor: Actor = TILL) -> None:
        try:
            said = self.shop.say(command, actor)
        except Refused:
            return
        for each in said:
            if isinstance(each, CouponIssued):
                self.roots[each.coupon_code] = each.coupon_code
                if each.replaces is not None:
                    self.roots[each.coupon_code] = self.roots[each.replaces]
            if isinstance(each, CouponUsed | CouponReturned):
                root = self.roots[each.coupon_code]
                self.uses[root] = self.uses.get(root, 0) + (1 if isinstance(each, CouponUsed) else -1)
            if isinstance(each, CouponShared):
                root = self.roots[each.coupon_code]
                self.moves[root] = self.moves.get(root, 0) + 1

    def code(self, data: st.DataObject) -> str:
        known = [each.id for each in self.shop.all(Coupon)]
        return data.draw(st.sampled_from(known)) if known else "7KQ42M9XTB3C8RWJ"

    @rule(number=NUMBERS, campaign=CAMPAIGN)
    def issue(self, number: str, campaign: str) -> None:
        self.roots.setdefault(code := issue(self.shop, campaign, number), code)

    @rule(data=st.data(), number=NUMBERS, till=TILLS, receipt_number=st.sampled_from(["1", "2"]))
    def use(self, data: st.DataObject, number: str, till: str, receipt_number: str) -> None:
        self.say(use(self.code(data), number, till=till, receipt_number=receipt_number))

    @rule(data=st.data(), number=NUMBERS, till=TILLS, is_released=st.booleans())
    def open_or_close(self, data: st.DataObject, number: str, till: str, is_released: bool) -> None:
        command = ReleaseCoupon if is_released else ReserveCoupon
        self.say(command(card_number=number, coupon_code=self.code(data), store="s1", till=till))

    @rule(data=st.data(), number=NUMBERS)
    def cancel(self, data: st.DataObject, number: str) -> None:
        self.say(CancelCoupon(card_number=number, coupon_code=self.code(data), reason="x"), OPERATOR)

    @rule(data=st.data(), number=NUMBERS)
    def resend(self, data: st.DataObject, number: str) -> None:
        self.say(ResendCoupon(card_number=number, coupon_code=self.code(data)), OPERATOR)

    @rule(data=st.data(), number=NUMBERS)
    def share(self, data: st.DataObject, number: str) -> None:
        other = OTHER if number == NUMBER else NUMBER
        self.say(ShareCoupon(card_number=number, coupon_code=self.code(data), to_card_number=other), OPERATOR)

    @rule(number=NUMBERS, till=TILLS, receipt_number=st.sampled_from(["1", "2"]), is_refunded=st.booleans())
    def trade(self, number: str, till: str, receipt_number: str, is_refunded: bool) -> None:
        fields = {"card_number": number, "till": till, "receipt_number": receipt_number}
        self.say(refund(WHOLE, **fields) if is_refunded else receipt(coffees(2), **fields))

    @rule(hours=st.sampled_from([1, 24, 30 * 24]))
    def wait(self, hours: int) -> None:
        said = self.shop.wait(timedelta(hours=hours))
        assert not any(isinstance(each, CouponUsed | CouponReturned) for each in said)

    @invariant()
    def a_coupon_is_used_at_most_once(self) -> None:
        assert all(times in (0, 1) for times in self.uses.values())

    @invariant()
    def a_coupon_moves_at_most_once(self) -> None:
        assert all(times == 1 for times in self.moves.values())

    @invariant()
    def units_are_those_of_the_coupons_that_are_used(self) -> None:
        entries = [
            each for each in self.shop.all(LedgerEntry) if each.cause in (Cause.COUPON_USED, Cause.COUPON_RETURNED)
        ]
        used = [each for each in self.shop.all(Coupon) if each.state is CouponState.USED and each.given is not None]
        assert sum(entry.amount for entry in entries) == 20 * len(used)

    @invariant()
    def whoever_waits_has_an_end(self) -> None:
        for each in self.shop.all(Coupon):
            assert each.reservation is None or each.due_at == each.reservation.until
            assert each.due_at is None or each.state is CouponState.ISSUED


CouponHistories.TestCase.settings = settings(
    max_examples=40, stateful_step_count=25, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestCouponHistories = CouponHistories.TestCase


class TestAccountsThatBecameOne:
    def test_have_the_coupons_of_both(self) -> None:
        shop = offer_shop()
        old, new = issue(shop, "points_to_begin"), issue(shop, "points_to_begin", OTHER)
        shop.say(REPLACED)
        for number, code in enumerate((old, new)):
            assert shop.say(use(code, OTHER, receipt_number=str(number)))
        assert points(shop) == 40
        with refused("card_replaced"):
            shop.say(reserve(issue(shop, number=OTHER)))

    def test_take_back_what_the_one_was_given_before(self) -> None:
        shop = offer_shop()
        code = issue(shop, "points_to_begin", OTHER)
        shop.say(use(code, OTHER))
        shop.say(receipt(card_number=OTHER))
        shop.say(REPLACED)
        assert points(shop) == 20 + 7
        assert only(CouponReturned, shop.say(refund(WHOLE, card_number=OTHER))).coupon_code == code
        assert points(shop) == 0
        assert shop.say(use(code, OTHER, receipt_number="18"))

    def test_share_nothing_with_one_another(self) -> None:
        shop = offer_shop()
        code = issue(shop, number=OTHER)
        shop.say(REPLACED)
        with refused("coupon_of_the_same_account"):
            shop.say(ShareCoupon(card_number=OTHER, coupon_code=code, to_card_number=OTHER), OPERATOR)
