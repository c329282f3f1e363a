"""The demo against a whole system: it reconciles, a second run changes nothing, and what is off is found."""

import importlib
from pathlib import Path

import pytest
from pymongo import MongoClient

from contracts.messages import WORKERS
from contracts.programme import Programme
from runtime.settings import Settings
from services.demo import Scale, reconcile, run
from tests.journeys.running import everything

SMALL = Scale(seed=3, cards=50, registrations=30, receipts=200, tills=5)
PARTS = [importlib.import_module(f"workers.{name}").worker for name in WORKERS]


@pytest.mark.long
class TestDemo:
    async def test_reconciles_twice_changes_nothing_the_second_time_and_finds_what_is_off(
        self, settings: Settings, capsys: pytest.CaptureFixture[str]
    ) -> None:
        programme = Programme.read(Path("programme.yaml"))
        async with everything(settings):
            first = await run(SMALL, programme, settings, PARTS)
            said = capsys.readouterr().out
            assert first == 0, said

            second = await run(SMALL, programme, settings, PARTS)
            said = capsys.readouterr().out
            assert second == 0, said
            assert "changed documents: 0 of" in said
            assert "new outcomes in the journals: 0" in said

            assert await reconcile(settings, PARTS) == 0
            with MongoClient[dict[str, object]](settings.mongo_url.get_secret_value()) as client:
                accounts = client[settings.database("rewards")]["accounts"]
                accounts.update_one({"holdings.balance": {"$gt": 0}}, {"$inc": {"holdings.0.balance": 1}})
            capsys.readouterr()
            assert await reconcile(settings, PARTS) == 1
            assert "1 accounts are off" in capsys.readouterr().out
