"""Members who became one collect in one account: with the sum, every lot's dates, and what is given once stays one."""

from datetime import timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.cards import CardIssued, CardKind, CardLinked, CardMerged, CardRestored, CardState, VirtualCardIssued
from contracts.coupons import CancelCoupon, CouponCancelled, CouponIssued, CouponState, ShareCoupon
from contracts.joining import AccountRedirected, AccountShared
from contracts.merging import MembersMerged
from contracts.messages import Event
from contracts.operators import OperatorTied
from contracts.rewards import (
    ConfirmPurchase,
    RedeemReward,
    RewardIssued,
    Stage,
    UseReward,
)
from contracts.tiers import TierChanged
from tests.decisions import NOON, refused
from tests.workers.rewards.counter import (
    ANA,
    APP,
    NUMBER,
    OPERATOR,
    OTHER,
    OTTO,
    RULES,
    Shop,
    adjust,
    coffees,
    receipt,
    refund,
)
from tests.workers.rewards.offers import BEN, issue, offer_shop, only, use
from tests.workers.rewards.test_pastimes import answer, pastime_shop
from tests.workers.rewards.test_tiers import STATUS, assign, sell, tier, tier_shop
from workers.rewards.adjustment_documents import Operator, OperatorsOf
from workers.rewards.coupon_documents import Coupon
from workers.rewards.documents import Account, Card, Cause, LedgerEntry
from workers.rewards.joining_documents import Joining

THIRD, FOURTH = "378282246310005", "6011111111111117"
NUMBERS = (NUMBER, OTHER, THIRD, FOURTH)
RECEIPT = {"store": "s1", "till": "t1", "receipt_number": "17", "business_day": NOON.date()}


def merged(number: str = NUMBER, pool: str | None = OTHER, member_id: str = BEN, **changes: Any) -> CardMerged:
    """Ana's card is Ben's, and collects with his."""
    fields = {
        "card_number": number,
        "member_id": member_id,
        "from_member_id": ANA,
        "state": CardState.ACTIVE,
        "pool_number": pool,
    }
    return CardMerged.model_validate({**fields, **changes})


def issued(number: str) -> CardIssued:
    return CardIssued(card_number=number, kind=CardKind.PHYSICAL, category="normal")


def linked(number: str, member_id: str, pool: str | None = None) -> CardLinked:
    return CardLinked(card_number=number, member_id=member_id, category="normal", pool_number=pool)


def couple(shop: Shop | None = None) -> Shop:
    """Ana and Ben, with a card each."""
    opened = shop or Shop()
    for number, member_id in ((NUMBER, ANA), (OTHER, BEN)):
        opened.say(issued(number))
        opened.say(linked(number, member_id))
    return opened


def account_of(shop: Shop, number: str) -> Account:
    card = next(each for each in shop.all(Card) if each.id == number)
    return next(each for each in shop.all(Account) if each.id == card.account_id)


class TestCardMerged:
    def test_sums_balances_and_lets_lots_keep_their_dates(self) -> None:
        shop = couple()
        shop.say(receipt(coffees(2), purchased_at=NOON - timedelta(days=40)))
        shop.say(receipt(coffees(3), card_number=OTHER, receipt_number="18"))
        lots = [each for number in (NUMBER, OTHER) for each in account_of(shop, number).holding("points").lots]
        shop.say(merged())

        common = account_of(shop, NUMBER)
        assert common == account_of(shop, OTHER)
        assert [common.holding(unit).balance for unit in ("stamps", "points")] == [5, 17]
        assert sorted(common.holding("points").lots, key=str) == sorted(lots, key=str)
        assert sorted(common.cards) == sorted((NUMBER, OTHER))
        assert [each.member_id for each in shop.all(Card)] == [BEN, BEN]

    def test_keeps_the_state_before(self) -> None:
        shop = couple()
        shop.say(receipt(coffees(2)))
        before = {number: account_of(shop, number) for number in (NUMBER, OTHER)}
        shop.say(merged())

        kept = shop.only(Joining)
        assert kept.id == kept.left.account_id == before[NUMBER].id
        assert (kept.left.holdings, kept.left.cards) == (before[NUMBER].holdings, (NUMBER,))
        assert (kept.account.account_id, kept.account.holdings) == (before[OTHER].id, before[OTHER].holdings)
        assert kept.joined_at == NOON

    def test_lets_both_sides_cards_keep_working(self) -> None:
        shop = couple()
        shop.say(receipt(coffees(6)))
        shop.say(receipt(coffees(6), card_number=OTHER, receipt_number="18"))
        shop.say(merged())
        bought = only(RewardIssued, shop.say(RedeemReward(card_number=NUMBER, reward="coffee")))
        shop.say(UseReward(card_number=OTHER, reward_id=bought.reward_id, store="s1"))
        shop.say(receipt(coffees(1), receipt_number="19"))

        held = account_of(shop, OTHER).holding("stamps")
        assert (held.balance, held.held) == (3, 0)

    def test_lets_rewards_and_what_is_under_way_of_the_other_side_go_on(self) -> None:
        shop = couple()
        shop.say(receipt(coffees(12), receipt_number="16"))
        bought = only(RewardIssued, shop.say(RedeemReward(card_number=NUMBER, reward="coffee")))
        origin = account_of(shop, NUMBER).id
        shop.say(receipt(coffees(2), stage=Stage.PENDING))
        shop.say(merged())
        assert account_of(shop, OTHER).holding("stamps").pending == 2
        shop.say(ConfirmPurchase(card_number=NUMBER, **RECEIPT))
        shop.say(refund(card_number=NUMBER))
        shop.say(UseReward(card_number=OTHER, reward_id=bought.reward_id, store="s1"))

        held = account_of(shop, OTHER).holding("stamps")
        assert (held.balance, held.pending, held.held) == (3, 0, 0)
        assert bought.account_id == origin, "it keeps its origin"

    def test_of_a_chain_turns_round_cards_and_accounts_that_were_left(self) -> None:
        shop = couple()
        shop.say(issued(THIRD))
        shop.say(linked(THIRD, "cid"))
        first = account_of(shop, NUMBER)
        shop.say(receipt(coffees(2), stage=Stage.PENDING))
        shop.say(merged())
        said = shop.say(merged(OTHER, THIRD, "cid"))

        redirected = only(AccountRedirected, said)
        common = account_of(shop, THIRD)
        assert (redirected.account_id, redirected.merged_into) == (first.id, common.id)
        assert {account_of(shop, number).id for number in (NUMBER, OTHER, THIRD)} == {common.id}
        assert [each.merged_into for each in shop.all(Account) if each.id != common.id] == [common.id, common.id]
        shop.wait(timedelta(days=2))
        assert account_of(shop, NUMBER).holding("stamps").pending == 0, "what ends by itself ends there"

    def test_without_a_pool_only_says_whose_the_card_is(self) -> None:
        shop = couple()
        shop.say(merged(pool=None))

        assert account_of(shop, NUMBER) != account_of(shop, OTHER)
        assert next(each for each in shop.all(Card) if each.id == NUMBER).member_id == BEN

    def test_is_not_overruled_by_older_news_of_the_holder(self) -> None:
        shop = Shop()
        shop.say(issued(OTHER), version=1)
        shop.say(merged(), version=3)
        shop.say(issued(NUMBER), version=1)
        shop.say(linked(NUMBER, ANA), version=2)

        card = next(each for each in shop.all(Card) if each.id == NUMBER)
        assert (card.member_id, card.state) == (BEN, CardState.ACTIVE)
        assert account_of(shop, NUMBER) == account_of(shop, OTHER)


class TestLaterCards:
    def test_of_a_member_who_absorbed_another_collect_in_the_same_account(self) -> None:
        shop = couple()
        shop.say(receipt(coffees(2)))
        shop.say(merged())
        shop.say(issued(THIRD))
        shop.say(receipt(coffees(3), card_number=THIRD, receipt_number="18"))
        shop.say(linked(THIRD, BEN, OTHER))
        shop.say(VirtualCardIssued(card_number=FOURTH, member_id=BEN, category="normal", pool_number=OTHER))
        shop.say(receipt(coffees(4), card_number=FOURTH, receipt_number="19"))

        assert {account_of(shop, number).id for number in NUMBERS} == {account_of(shop, OTHER).id}
        assert account_of(shop, OTHER).holding("stamps").balance == 9

    def test_that_were_deleted_bring_what_they_had_when_they_are_restored(self) -> None:
        shop = couple()
        shop.say(receipt(coffees(2)))
        shop.say(merged(pool=None))
        assert account_of(shop, OTHER).holding("stamps").balance == 0
        back = CardRestored(
            card_number=NUMBER, member_id=BEN, state=CardState.ACTIVE, stopped_at=None, pool_number=OTHER
        )
        shop.say(back)

        assert account_of(shop, OTHER).holding("stamps").balance == 2

    def test_without_an_account_of_their_own_share_the_other_s(self) -> None:
        shop = Shop()
        shop.say(issued(OTHER))
        said = shop.say(merged())
        assert only(AccountShared, said).card_number == NUMBER
        shop.say(issued(NUMBER))

        assert len(shop.all(Account)) == 1


EDGES = ((NUMBER, OTHER), (OTHER, THIRD), (NUMBER, THIRD), (FOURTH, THIRD), (OTHER, FOURTH))


class TestAnyOrderOfNews:
    @settings(max_examples=60, deadline=None)
    @given(st.permutations([*(issued(each) for each in NUMBERS), *EDGES, *NUMBERS, *NUMBERS]))
    def test_ends_in_one_account_with_the_sum(self, order: list[Any]) -> None:
        shop = Shop()
        for place, said in enumerate(order):
            match said:
                case str():
                    shop.say(receipt(coffees(3), card_number=said, receipt_number=str(place)))
                case (number, pool):
                    shop.say(merged(number, pool))
                case _:
                    shop.say(said)

        (common,) = [each for each in shop.all(Account) if each.merged_into is None]
        assert {each.account_id for each in shop.all(Card)} == {common.id}
        assert common.holding("stamps").balance == 24
        assert sorted(common.cards) == sorted(NUMBERS)
        assert {each.merged_into for each in shop.all(Account) if each.id != common.id} <= {common.id}
        assert not any(each.heirs or each.waiting for each in shop.all(Card))
        moved = [each for each in shop.all(LedgerEntry) if each.cause in (Cause.MOVED_IN, Cause.MOVED_OUT)]
        assert sum(each.amount for each in moved) == 0


def codes(said: list[Any]) -> list[str]:
    return [each.coupon_code for each in said if isinstance(each, CouponIssued)]


def usable(shop: Shop) -> list[str]:
    return [each.id for each in shop.all(Coupon) if each.state is CouponState.ISSUED]


class TestWhatAPersonIsGivenOnce:
    def both_answer(self) -> tuple[Shop, str, str]:
        shop = pastime_shop()
        (mine,) = codes(shop.say(answer(), APP))
        (other,) = codes(shop.say(answer(OTHER), APP))
        return shop, mine, other

    def test_stays_one_where_both_were_given_it(self) -> None:
        shop, mine, other = self.both_answer()
        said = shop.say(merged())

        assert usable(shop) == [other] or usable(shop) == [mine]
        assert only(CouponCancelled, said).reason == "merged"
        with refused("survey_already_answered"):
            shop.say(answer(), APP)

    def test_is_the_one_that_was_used_already(self) -> None:
        for place in (0, 1):
            shop, *both = self.both_answer()
            shop.say(use(both[place], (NUMBER, OTHER)[place]))
            shop.say(merged())
            assert usable(shop) == []
            assert next(each for each in shop.all(Coupon) if each.id == both[place]).state is CouponState.USED

    def test_is_the_one_that_was_given_away(self) -> None:
        shop, mine, _ = self.both_answer()
        shop.say(issued(THIRD))
        shop.say(linked(THIRD, "cid"))
        shop.say(ShareCoupon(card_number=NUMBER, coupon_code=mine, to_card_number=THIRD), APP)
        shop.say(merged())

        assert usable(shop) == [mine], "Cid keeps what Ana gave him"

    def test_is_kept_where_the_other_s_was_cancelled(self) -> None:
        shop, mine, other = self.both_answer()
        shop.say(CancelCoupon(card_number=NUMBER, coupon_code=mine, reason="mistake"), OPERATOR)
        shop.say(merged())

        assert usable(shop) == [other]

    def test_of_three_members_stays_one(self) -> None:
        shop, *_ = self.both_answer()
        shop.say(issued(THIRD))
        shop.say(linked(THIRD, "cid"))
        shop.say(answer(THIRD), APP)
        shop.say(merged())
        shop.say(merged(OTHER, THIRD, "cid"))

        assert len(usable(shop)) == 1

    def test_leaves_what_can_be_had_often(self) -> None:
        shop = pastime_shop()
        both = [issue(shop), issue(shop, number=OTHER)]
        shop.say(merged())
        assert sorted(usable(shop)) == sorted(both)


class TestTiers:
    def test_are_the_highest_and_then_recomputed_from_what_both_earned(self) -> None:
        shop = tier_shop()
        sell(shop, 12)
        shop.say(receipt(coffees(1, 2_000), card_number=OTHER, receipt_number="o"))
        assert tier(shop) == "silver"
        said = shop.say(merged())

        common = account_of(shop, NUMBER)
        assert common.held_tier("status").tier == "gold", "12 and 20 are more than 30"
        assert only(TierChanged, said).before == "silver"

    def test_that_are_assigned_hold_until_their_end(self) -> None:
        shop = tier_shop()
        shop.say(assign("gold"), OPERATOR)
        shop.say(receipt(coffees(1, 1_200), card_number=OTHER, receipt_number="o"))
        shop.say(merged())

        assert account_of(shop, OTHER).held_tier("status").tier == "gold"
        shop.wait(timedelta(days=30))
        assert account_of(shop, OTHER).held_tier("status").tier == "silver"

    def test_give_what_comes_with_them_once(self) -> None:
        shop = tier_shop()
        sell(shop, 12)
        shop.say(receipt(coffees(1, 1_200), card_number=OTHER, receipt_number="o"))
        given = len(shop.all(Coupon))
        shop.say(merged())
        sell(shop, 1)

        assert len(shop.all(Coupon)) == given
        assert len(usable(shop)) == min(given, 1)
        assert STATUS["tiers"][0]["code"] == "silver"


class TestCaps:
    def test_are_those_of_one_person(self) -> None:
        rules = [{**each.model_dump(mode="json"), "caps": []} for each in RULES.earning]
        rules[0]["caps"] = [{"per": "day", "amount": 5}]
        shop = offer_shop(earning=rules)
        shop.say(receipt(coffees(4)))
        shop.say(receipt(coffees(4), card_number=OTHER, receipt_number="18"))
        shop.say(merged())
        shop.say(receipt(coffees(4), receipt_number="19"))

        assert account_of(shop, OTHER).holding("stamps").balance == 8, "8 of 5 are earned: no more today"


def members_merged(member_id: str = BEN, absorbed_id: str = ANA) -> MembersMerged:
    return MembersMerged(member_id=member_id, absorbed_id=absorbed_id, merge_id="m", is_confirmed=True, merged_at=NOON)


class TestNobodyAdjustsTheirOwnAccount:
    def tied(self, *said: Event) -> Shop:
        shop = couple()
        for each in said:
            shop.say(each, OTTO)
        return shop

    def test_also_when_they_were_absorbed_before_or_after_they_were_tied(self) -> None:
        tie = OperatorTied(operator_id=OPERATOR.id, member_id=ANA)
        for order in ((tie, members_merged()), (members_merged(), tie)):
            shop = self.tied(*order)
            with refused("own_account"):
                shop.say(adjust(card_number=OTHER), OPERATOR)

    def test_also_at_the_end_of_a_chain_in_any_order(self) -> None:
        tie = OperatorTied(operator_id=OPERATOR.id, member_id=ANA)
        chain = (members_merged(), members_merged("cid", BEN), tie)
        for order in (chain, chain[::-1], (chain[1], chain[0], tie), (tie, *chain[:2])):
            shop = self.tied(*order)
            assert shop.only(Operator).member_id == "cid"
            assert {each.merged_into for each in shop.all(OperatorsOf) if each.id != "cid"} == {"cid"}

    def test_but_others_whom_they_were_tied_to_once(self) -> None:
        once, now = (OperatorTied(operator_id=OPERATOR.id, member_id=each) for each in (ANA, "cid"))
        shop = self.tied(once, now, members_merged())
        assert shop.only(Operator).member_id == "cid"
