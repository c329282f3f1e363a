"""What purchases load and write stays as small as it was, however much was bought before."""

from datetime import timedelta
from typing import Final

import bson

from contracts.cards import CardLinked
from contracts.programme.rewards import RewardRules
from contracts.rewards import ExpireLots, RedeemReward
from runtime.mongo import CODEC, to_raw
from tests.decisions import NOON, TILL
from tests.workers.rewards.counter import ANA, ISSUED, NUMBER, PROGRAMME, Shop, coffees, receipt
from workers.rewards.documents import Account, Cause, EntryPart, Holding, LedgerEntry, Lot, Terms
from workers.rewards.explaining import Replay

LONGEST: Final = 62 + 14 + 62
"""Days that anything lasts: two months, or what waits two weeks and lasts to the end of the next month."""
HARD: Final = RewardRules.model_validate(
    {
        **PROGRAMME.rewards.model_dump(mode="json"),
        "cap_memory_days": 31,
        "earning": [
            {"code": "stamp", "unit": "stamps", "rate": {"amount": 1, "per_items": 1}, "categories": ["coffee"]},
            {
                "code": "points",
                "unit": "points",
                "rate": {"amount": 1, "per_minor": 100},
                "expires_after_months": 2,
                "caps": [{"per": per, "amount": 10**6} for per in ("day", "week", "month", "quarter", "year", "ever")],
            },
            {
                "code": "slow_points",
                "unit": "points",
                "rate": {"amount": 1, "per_minor": 100},
                "available_after_days": 14,
                "expires_after_months": 1,
                "valid_until": "end_of_month",
            },
        ],
        "tier_systems": [
            {
                "code": "status",
                "text": "Status",
                "unit": "points",
                "period": "month",
                "tiers": [{"code": "silver", "text": "Silver", "threshold": 10}],
            }
        ],
    }
)
"""What makes an account large: units that expire every day, some that wait, caps of every period, tiers by month."""


class Busy(Shop):
    """A shop that doesn't add up its account after each message: a long history would take for ever."""

    def __init__(self) -> None:
        super().__init__(PROGRAMME.model_copy(update={"rewards": HARD}))
        self.receipts = 0
        self.say(ISSUED)
        self.say(CardLinked(card_number=NUMBER, member_id=ANA, category="normal"))

    def check(self) -> None:
        """What adds up is for other tests."""

    @property
    def account(self) -> Account:
        """The only account, as it is now."""
        return self.only(Account)

    @property
    def bytes(self) -> int:
        """How large the account is in MongoDB."""
        return len(bson.encode(to_raw(self.account), codec_options=CODEC))

    def buy(self) -> None:
        """Another receipt, now."""
        self.receipts += 1
        number = str(self.receipts)
        self.say(receipt(coffees(1), receipt_number=number, business_day=self.now.date(), purchased_at=self.now))

    def live(self, days: int) -> int:
        """Buy every day, redeem now and then, let expire what expires; says how large the account became."""
        largest = 0
        for day in range(days):
            self.now += timedelta(days=1)
            self.buy()
            if day % 20 == 19:
                self.say(RedeemReward(card_number=NUMBER, reward="coffee"))
            if self.account.expires_at is not None and self.account.expires_at <= self.now:
                self.say(ExpireLots(account_id=self.account.id))
            largest = max(largest, self.bytes)
        return largest


class TestAccount:
    def test_grows_no_more_once_what_came_first_expires(self) -> None:
        shop = Busy()
        first, second, third = (shop.live(LONGEST) for _ in range(3))

        assert third <= 1.05 * second
        assert second <= 1.2 * first
        assert len(shop.account.holding("points").lots) <= LONGEST
        assert len(shop.account.holding("stamps").lots) == 1

    def test_is_as_large_after_many_purchases_of_a_day_as_after_two(self) -> None:
        shop = Busy()
        shop.buy()
        shop.buy()
        after_two = shop.bytes
        for _ in range(400):
            shop.buy()

        assert shop.bytes <= after_two + 16, "its numbers are longer, and it holds nothing more"

    def test_forgets_periods_whose_time_is_over(self) -> None:
        shop = Busy()
        shop.live(120)
        after_a_season = len(shop.account.counters)
        shop.live(120)

        assert len(shop.account.counters) <= after_a_season + 3

    def test_keeps_no_lot_of_which_nothing_is_left(self) -> None:
        shop = Busy()
        shop.live(10)
        shop.say(RedeemReward(card_number=NUMBER, reward="coffee"))

        assert shop.account.holding("stamps").lots == ()


class TestExplanation:
    def test_passes_by_nothing_twice_that_is_spent(self) -> None:
        """A card that collects and spends for long has a lot of which each part is spent in its turn."""
        count, lot = 400, Lot(terms=Terms(id="never"), amount=1)
        holder = Account(
            id="a", card_number=NUMBER, opened_at=NOON, holdings=(Holding(unit="stamps", balance=1, lots=(lot,)),)
        )

        def entry(number: int, amount: int) -> LedgerEntry:
            return LedgerEntry(
                id=str(number),
                account_id="a",
                unit="stamps",
                amount=amount,
                balance_after=0,
                cause=Cause.PURCHASE if amount > 0 else Cause.REWARD_ISSUED,
                actor=TILL,
                at=NOON + timedelta(minutes=number),
                parts=(EntryPart(lot="never", amount=amount),),
            )

        moves = [entry(number, 1 if number % 2 == 0 else -1) for number in range(2 * count)]
        replay = Replay(holder, moves)

        assert len(replay.queues["a", "stamps", "never"]) <= 2
        assert [each.left for each in replay.left(("a", "stamps", "never"))] == [1]
        assert len(replay.given) == count
