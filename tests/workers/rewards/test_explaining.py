"""Why a balance is what it is: every part has an origin, the parts add up, and what is gone has a fate."""

from datetime import timedelta

import pytest

from contracts.cards import CardLinked
from contracts.corrections import UndoRefund
from contracts.rewards import RedeemReward, RefundLine, Stage
from tests.workers.memory_reader import MemoryReader
from tests.workers.rewards.counter import (
    ANA,
    ISSUED,
    NUMBER,
    OPERATOR,
    PURCHASE_ID,
    Shop,
    adjust,
    coffees,
    receipt,
    refund,
    undo,
)
from workers.rewards import worker
from workers.rewards.adjustment_documents import Adjustment
from workers.rewards.documents import Account, Cause, LedgerEntry, Reward
from workers.rewards.explaining import Given, UnitExplained
from workers.rewards.ledger_views import WINDOW, InvalidPage, LedgerViews, cursor_of

STAMPS = "stamps"


def opened() -> Shop:
    """A shop where Ana's card is hers; every message has a time of its own."""
    counter = Shop()
    counter.say(ISSUED)
    counter.say(CardLinked(card_number=NUMBER, member_id=ANA, category="normal"))
    return counter


def later(counter: Shop, hours: int = 1) -> Shop:
    """The same, later."""
    counter.now += timedelta(hours=hours)
    return counter


def reader_of(counter: Shop) -> MemoryReader:
    """What the shop keeps, as it would be read."""
    return MemoryReader([each for kind in worker.documents.values() for each in counter.all(kind)])


async def explained(counter: Shop, unit: str = STAMPS) -> UnitExplained:
    """One unit of the only account, explained; the parts add up."""
    found = await LedgerViews(reader_of(counter)).explanation(counter.only(Account).id)
    assert found is not None
    for each in found.units:
        check(each, counter)
    return next(each for each in found.units if each.unit == unit)


def check(found: UnitExplained, counter: Shop) -> None:
    """The parts are exactly what is held."""
    holding = counter.only(Account).holding(found.unit)
    for lot in found.lots:
        assert sum(part.left for part in lot.parts) == lot.amount
        assert all(part.left > 0 for part in lot.parts)
    assert tuple((lot.terms, lot.amount) for lot in found.lots) == tuple(
        (each.terms, each.amount) for each in holding.lots
    )
    assert sum(debt.left for debt in found.debts) == holding.debt
    assert sum(lot.amount for lot in found.lots) - holding.debt == found.balance == holding.balance
    assert sum(each.amount for each in found.pending) == holding.pending
    assert sum(each.amount for each in found.held) == holding.held
    for given in found.given:
        assert given.amount == given.left + sum(each.amount for each in given.became)


def origin(given: Given) -> tuple[Cause | None, int]:
    """Where a part is from, and how much it is."""
    return (None if given.entry is None else given.entry.cause, given.left)


class TestExplanation:
    async def test_names_the_undoing_of_a_refund_beside_the_refund(self) -> None:
        counter = opened()
        counter.say(receipt(coffees(2)))
        later(counter).say(refund())
        sale = refund().model_dump(include={"card_number", "store", "till", "receipt_number", "business_day"})
        why = {"operator_id": OPERATOR.id, "reason": "mistake", "refund_number": "r1"}
        later(counter).say(UndoRefund.model_validate({**sale, **why}), OPERATOR)
        found = await explained(counter)

        back, bought = found.given
        assert (origin(back), origin(bought)) == ((Cause.REFUND_UNDONE, 1), (Cause.PURCHASE, 1))
        assert back.entry is not None
        assert [(each.amount, each.entry and each.entry.id) for each in bought.became] == [(1, back.entry.undoes)]

    async def test_names_each_parts_purchase_and_rule_and_when_it_expires(self) -> None:
        counter = opened()
        counter.say(receipt(coffees(2)))
        later(counter).say(adjust(3), OPERATOR)
        found = await explained(counter)

        added, bought = found.lots
        assert [origin(each) for each in added.parts] == [(Cause.ADJUSTMENT, 3)]
        assert added.terms.expires_at is not None
        (part,) = bought.parts
        assert part.entry is not None
        assert (part.entry.purchase_id, part.rule, part.left) == (PURCHASE_ID, "coffee_stamp", 2)

    async def test_says_what_was_spent_on_which_reward_the_oldest_first(self) -> None:
        counter = opened()
        counter.say(receipt(coffees(8), receipt_number="1"))
        later(counter).say(receipt(coffees(5), receipt_number="2"))
        later(counter).say(RedeemReward(card_number=NUMBER, reward="coffee"))
        found = await explained(counter)

        assert [part.left for part in found.lots[0].parts] == [3]
        newer, older = found.given
        assert [(each.amount, each.entry and each.entry.reward_id) for each in older.became] == [
            (8, counter.only(Reward).id)
        ]
        assert [each.amount for each in newer.became] == [2]
        assert [each.reward_id for each in found.held] == [counter.only(Reward).id]

    async def test_a_refund_takes_what_its_own_sale_had_brought(self) -> None:
        counter = opened()
        counter.say(receipt(coffees(2), receipt_number="1"))
        later(counter).say(receipt(coffees(2), receipt_number="17"))
        later(counter).say(refund(RefundLine(line=1, quantity=1, price_minor=350)))
        found = await explained(counter)

        parts = [(part.entry and part.entry.purchase_id, part.left) for part in found.lots[0].parts]
        assert parts == [("s1 t1 1 2026-11-22", 2), (PURCHASE_ID, 1)]

    async def test_an_undone_adjustment_takes_its_own(self) -> None:
        counter = opened()
        counter.say(adjust(3), OPERATOR)
        later(counter).say(adjust(4), OPERATOR)
        second = next(each for each in counter.all(Adjustment) if each.amount == 4)
        later(counter).say(undo(second), OPERATOR)
        found = await explained(counter)

        assert [origin(each) for each in found.lots[0].parts] == [(Cause.ADJUSTMENT, 3)]

    async def test_names_what_made_a_debt_and_what_paid_it(self) -> None:
        counter = opened()
        counter.say(receipt(coffees(10)))
        later(counter).say(RedeemReward(card_number=NUMBER, reward="coffee"))
        later(counter).say(refund(RefundLine(line=1, quantity=3, price_minor=1050)))
        assert [origin(each) for each in (await explained(counter)).debts] == [(Cause.REFUND, 3)]
        later(counter).say(receipt(coffees(2), receipt_number="18"))
        found = await explained(counter)

        assert [origin(each) for each in found.debts] == [(Cause.REFUND, 1)]
        fate = found.given[0].became[0]
        assert (fate.is_debt, fate.amount, fate.entry and fate.entry.cause) == (True, 2, Cause.REFUND)

    async def test_names_what_is_pending_and_what_expired(self) -> None:
        counter = opened()
        counter.say(adjust(3), OPERATOR)
        counter.wait(timedelta(days=400))
        later(counter).say(receipt(coffees(2), stage=Stage.PENDING, purchased_at=counter.now))
        found = await explained(counter)

        assert [(each.purchase_id, each.amount) for each in found.pending] == [(PURCHASE_ID, 2)]
        assert found.given[0].became[0].entry is not None
        assert found.given[0].became[0].entry.cause is Cause.EXPIRY

    async def test_what_is_older_than_what_is_read_is_one_part(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("workers.rewards.ledger_views.WINDOW", 4)
        counter = opened()
        for number in range(6):
            later(counter).say(receipt(coffees(1, 50), receipt_number=str(number)))
        found = await explained(counter)

        assert [origin(each) for each in found.lots[0].parts] == [(None, 3)] + [(Cause.PURCHASE, 1)] * 3
        whole = await LedgerViews(reader_of(counter)).explanation(counter.only(Account).id)
        assert whole is not None
        assert whole.since is not None

    async def test_things_of_one_moment_need_no_order(self) -> None:
        counter = opened()
        counter.say(receipt(coffees(12)))
        counter.say(RedeemReward(card_number=NUMBER, reward="coffee"))
        counter.say(refund(RefundLine(line=1, quantity=5, price_minor=1750)))
        counter.say(receipt(coffees(1), receipt_number="18"))

        await explained(counter)

    async def test_knows_no_account_that_there_is_not(self) -> None:
        assert await LedgerViews(MemoryReader()).explanation("x") is None

    def test_reads_more_than_comes_to_be_at_one_time(self) -> None:
        assert WINDOW >= 1_000


class TestLedger:
    async def test_is_read_by_pages_that_miss_nothing(self) -> None:
        counter = opened()
        for number in range(7):
            counter.say(receipt(coffees(1), receipt_number=str(number)))
        views, account_id = LedgerViews(reader_of(counter)), counter.only(Account).id
        seen: list[LedgerEntry] = []
        page = await views.ledger(account_id, 3)
        while page:
            seen += page
            page = await views.ledger(account_id, 3, cursor_of(page[-1]))

        assert sorted(each.id for each in seen) == sorted(each.id for each in counter.all(LedgerEntry))
        assert len({each.id for each in seen}) == len(seen) == 14

    @pytest.mark.parametrize("cursor", ["", "x", "12", "-1.x", "99999999999999999.x", "١.x"])
    async def test_refuses_a_page_from_nowhere(self, cursor: str) -> None:
        with pytest.raises(InvalidPage):
            await LedgerViews(MemoryReader()).ledger("a", 3, cursor)


class TestAdjustments:
    async def test_are_listed_with_those_that_wait(self) -> None:
        counter = opened()
        counter.say(adjust(3), OPERATOR)
        later(counter).say(adjust(30), OPERATOR)
        views = LedgerViews(reader_of(counter))

        assert [each.amount for each in await views.adjustments(counter.only(Account).id)] == [30, 3]
        ((waiting, account),) = await views.waiting_adjustments()
        assert (waiting.amount, account and account.card_number) == (30, NUMBER)
