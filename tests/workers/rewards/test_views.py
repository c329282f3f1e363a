"""What the views give, read from a real MongoDB: the documents as the worker decided them."""

from datetime import timedelta

from contracts.cards import CardIssued, CardKind, CardLinked
from contracts.rewards import RedeemReward, RewardState
from runtime.settings import Settings
from runtime.store import CODEC, Reader, Store, connect, to_raw
from tests.decisions import NOON
from tests.workers.rewards.counter import ANA, NUMBER, OTHER, PURCHASE_ID, Shop, coffees, receipt, refund
from workers.rewards import worker
from workers.rewards.documents import Account, LedgerEntry, Purchase, Reward
from workers.rewards.ledger_views import NEWEST
from workers.rewards.views import NEWEST_PURCHASE, OLDEST_PURCHASE, RewardsViews, ledger_matches_balances


def busy_shop() -> Shop:
    """A shop with two purchases, a refund and a reward."""
    shop = Shop()
    shop.say(CardIssued(card_number=NUMBER, kind=CardKind.PHYSICAL, category="normal"))
    shop.say(CardLinked(card_number=NUMBER, member_id=ANA, category="normal"))
    shop.say(receipt(coffees(12)))
    shop.say(receipt(coffees(1), receipt_number="18", purchased_at=NOON - timedelta(days=1)))
    shop.say(refund())
    shop.say(RedeemReward(card_number=NUMBER, reward="coffee"))
    shop.say(receipt(card_number=OTHER, receipt_number="99"))
    return shop


class TestRewardsViews:
    async def test_give_what_the_worker_decided(self, settings: Settings) -> None:
        shop = busy_shop()
        client = connect(settings)
        database = client.get_database(settings.database("rewards"), codec_options=CODEC)
        for document_class in worker.documents.values():
            if kept := shop.all(document_class):
                await database[document_class.collection].insert_many([dict(to_raw(each)) for each in kept])
        store = Store(settings, "rewards", worker.documents.values())
        await store.open()
        reader = Reader(database)
        views = RewardsViews(reader)

        account = shop.only(Account)
        shown = await views.balance(NUMBER, NOON)
        assert shown is not None
        assert shown.account == account == await views.account(NUMBER)
        assert [(each.unit, each.available, each.held) for each in shown.balances] == [
            ("stamps", 2, 10),
            ("points", 41, 0),
        ]
        assert await views.account(OTHER) is None
        assert await views.balance(OTHER, NOON) is None

        assert [each.receipt_number for each in await views.purchases(account.id)] == ["17", "18"]
        assert [each.receipt_number for each in await views.purchases(account.id, sort=OLDEST_PURCHASE)] == ["18", "17"]
        assert await views.purchase(PURCHASE_ID) in shop.all(Purchase)
        assert [each.id for each in await views.purchases_by_receipt("17")] == [PURCHASE_ID]
        assert await views.rewards(account.id, state=RewardState.OUTSTANDING) == shop.all(Reward)
        assert await views.rewards(account.id, state=RewardState.USED) == []
        assert await views.reward(shop.only(Reward).id) == shop.only(Reward)
        assert sorted(each.id for each in await views.ledger(account.id)) == sorted(
            each.id for each in shop.all(LedgerEntry)
        )

        totals = await ledger_matches_balances(reader)
        assert totals.adds_up
        assert totals.entries == {"stamps": 2, "points": 41}

        for collection, sort in (("ledger_entries", NEWEST), ("purchases", NEWEST_PURCHASE)):
            for owned in ([account.id], [account.id, "another"]):
                page = database[collection].find({"account_id": {"$in": owned}}).sort(list(sort)).limit(3)
                plan = str((await page.explain())["queryPlanner"]["winningPlan"])
                assert "'SORT'" not in plan, "a page of a long history must be read, not sorted"
                assert "COLLSCAN" not in plan

        await database["ledger_entries"].delete_one({"_id": shop.all(LedgerEntry)[0].id})
        assert (await ledger_matches_balances(reader)).accounts_off == 1
        client.close()
