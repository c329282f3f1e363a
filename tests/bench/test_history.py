"""History that is put there at once is what the workers would have kept: it adds up, and nothing stands there twice."""

from datetime import UTC, datetime
from pathlib import Path

import bson
import pytest

from contracts.programme import Programme
from runtime.documents import Document
from runtime.mongo import CODEC, from_raw
from runtime.settings import Settings
from runtime.store import Library, Store
from tests.bench.commands import card_number
from tests.bench.grown import Beside, Grown, Read
from tests.bench.history import FIRST, Copies, members, old_account, put, spread
from tests.bench.ways import Sample
from workers.registration import worker as registration
from workers.registration.documents import EmailClaim, PhoneClaim
from workers.rewards import worker as rewards
from workers.rewards.documents import Account, Card, LedgerEntry, Purchase
from workers.rewards.views import RewardsViews, ledger_matches_balances

PROGRAMME = Programme.read(Path("programme.yaml"))


def made(copies: Copies, document_class: type[Document]) -> list[Document]:
    """The copies of a class."""
    moulds = copies.moulds[document_class.collection]
    values = [copies.values(number) for number in range(copies.count)]
    raws = [bson.decode(mould.copy(each).raw, codec_options=CODEC) for each in values for mould in moulds]
    return [from_raw(document_class, raw) for raw in raws]


class TestMembers:
    async def test_have_ids_cards_and_receipts_of_their_own(self) -> None:
        copies = await members(PROGRAMME, "rewards", 5, purchases=3)

        for kind, count in ((Card, 5), (Account, 5), (Purchase, 15), (LedgerEntry, 30)):
            assert len({each.id for each in made(copies, kind)}) == count, kind.__name__
        accounts = [each.id for each in made(copies, Account)]
        assert accounts == sorted(accounts)
        assert {each.account_id for each in made(copies, Card) if isinstance(each, Card)} == set(accounts)
        assert {each.id for each in made(copies, Card)} == {card_number(FIRST + number) for number in range(5)}
        told = {each.purchase_id for each in made(copies, LedgerEntry) if isinstance(each, LedgerEntry)}
        assert told == {each.id for each in made(copies, Purchase)}

    async def test_have_phones_and_addresses_of_their_own(self) -> None:
        copies = await members(PROGRAMME, "registration", 4)

        assert copies.each == sum(len(each) for each in copies.moulds.values())
        for kind in (PhoneClaim, EmailClaim):
            assert len({each.id for each in made(copies, kind)}) == 4, kind.__name__

    def test_have_ids_that_rise_over_all_that_ids_can_be(self) -> None:
        ids = [spread(number, 1_000) for number in range(1_000)]

        assert ids == sorted(set(ids))
        assert (ids[0][:1], ids[500][:1], ids[-1][:1]) == (b"0", b"8", b"f")
        assert {len(each) for each in ids} == {32}

    def test_refuse_what_is_not_as_long_as_what_it_takes_the_place_of(self) -> None:
        with pytest.raises(ValueError, match="as long"):
            Copies.of("rewards", 1, {}, lambda _: {b"1": b"22"})


class TestOldAccount:
    async def test_adds_up_and_is_explained(self, settings: Settings) -> None:
        for worker in (rewards, registration):
            store = Store(settings, worker.name, worker.documents.values())
            await store.open()
            store.close()
        there: list[int] = []
        await put(settings, await members(PROGRAMME, "rewards", 120, purchases=2), there.append)
        await put(settings, await members(PROGRAMME, "registration", 120), there.append)
        new = await old_account(settings, PROGRAMME, 0, 0, there.append)
        old = await old_account(settings, PROGRAMME, 1, 1_000, there.append)

        library = Library(settings)
        reader = library.worker("rewards")
        views = RewardsViews(reader)
        assert (await ledger_matches_balances(reader)).adds_up
        assert new.entries == 0
        assert 1_000 <= old.entries < 1_400
        entries = await reader.find(LedgerEntry, {"account_id": old.account_id}, limit=0)
        assert len(entries) == old.entries
        purchases = await reader.find(Purchase, {"account_id": old.account_id}, limit=0)
        assert {each.purchase_id for each in entries} - {None} == {each.id for each in purchases}
        posted = {each.entry_id for purchase in purchases for each in purchase.posted}
        assert posted == {each.id for each in entries if each.purchase_id is not None}
        assert len({each.at for each in entries}) > 100
        shown = await views.balance(old.card_number, datetime.now(UTC))
        explained = await views.explanation(old.account_id)
        assert shown is not None
        assert explained is not None
        for unit in explained.units:
            assert sum(part.left for lot in unit.lots for part in lot.parts) == unit.balance
        assert {each.balance for each in shown.account.holdings} == {unit.balance for unit in explained.units}
        assert await views.balance(card_number(FIRST + 119), datetime.now(UTC)) is not None
        library.close()


class TestGrown:
    def test_says_how_rates_stand_to_the_least(self) -> None:
        grown = Grown()
        for size, seconds in ((1_000, (1.0, 2.0, 1.0)), (100_000, (2.0, 2.0, 2.0))):
            samples = [Sample(100, each, {"worker": each, "database": each}, {}) for each in seconds]
            grown.members[size] = Beside(2 * size, {"purchase": samples}, {"balance": Read((1.0, 3.0), 2, 2)})
        summary = grown.summary()["members"]

        assert summary["1000"]["purchase_ratio"] == 1
        assert summary["100000"]["purchase_ratio"] == 0.5
        assert summary["100000"]["purchase_cpu_us"] == 40_000
        assert summary["100000"]["reads"]["balance"]["documents_examined"] == 2
        (title, head, rows), *_ = grown.tables()
        assert "ratio" in title
        assert {len(row) for row in rows} == {len(head)}
        assert rows[1][:4] == ["100,000", "200,000", "50", "0.50 (0.50 … 1.00)"]
