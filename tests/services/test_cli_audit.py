"""`punchcard audit`, against a database that somebody tampers with."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.database import Database
from typer.testing import CliRunner, Result

from contracts.cards import CardBlocked
from runtime.mongo import CODEC
from runtime.settings import Settings
from services.cli.commands import app
from tests.workers.audit.test_views import CHAIN, trail
from workers.audit.chains import BEGINNING, entry_hash
from workers.audit.documents import Chain, Entry

CARD = "4000000000000002"


class Kept:
    """The trail in MongoDB, as somebody sees it who may write there."""

    def __init__(self, database: Database[dict[str, Any]]) -> None:
        self._database = database
        self.entries, self.chains = database[Entry.collection], database[Chain.collection]

    def keep(self, count: int) -> None:
        """Have a trail of one chain with so many entries."""
        self._database.client.drop_database(self._database.name)
        said = trail(*[CardBlocked(card_number=CARD, member_id="m1", reason=f"r{number}") for number in range(count)])
        self.entries.insert_many(list(said.collection(Entry).values()))
        self.chains.insert_many(list(said.collection(Chain).values()))

    def cut(self, count: int) -> None:
        """Leave so many entries, and a head that fits them."""
        self.entries.delete_many({"_id": {"$gt": f"{CHAIN}/{count:012d}"}})
        last = self.entries.find_one({"_id": f"{CHAIN}/{count:012d}"})
        assert last is not None
        self.chains.update_one({"_id": CHAIN}, {"$set": {"length": count, "hash": last["hash"]}})


@pytest.fixture
def kept(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kept]:
    monkeypatch.setenv("PUNCHCARD_PREFIX", settings.prefix)
    monkeypatch.setenv("PUNCHCARD_MONGO_URL", settings.mongo_url.get_secret_value())
    with MongoClient[dict[str, Any]](settings.mongo_url.get_secret_value()) as client:
        found = Kept(client.get_database(settings.database("audit"), codec_options=CODEC))
        found.keep(5)
        yield found


def audit(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["audit", *arguments])


class TestVerify:
    def test_says_that_all_is_whole(self, kept: Kept) -> None:
        ended = audit("verify")
        assert (ended.exit_code, ended.stdout) == (0, "5 entries in 1 chains: whole\n")

    def test_says_which_entry_is_no_json_any_more(self, kept: Kept) -> None:
        kept.entries.update_one({"_id": f"{CHAIN}/{3:012d}"}, {"$set": {"content": "{"}})

        ended = audit("verify")
        assert ended.exit_code == 1
        assert ended.stdout.splitlines() == [
            f"{CHAIN}/{3:012d}: the entry's hash doesn't fit its content and the entry before it",
            "2 entries in 1 chains: broken in 1 places",
        ]

    def test_finds_a_chain_that_was_cut_since_its_head_was_noted(self, kept: Kept, tmp_path: Path) -> None:
        heads = tmp_path / "heads.json"
        assert audit("verify", "--note", str(heads)).exit_code == 0
        assert json.loads(heads.read_text()).keys() == {CHAIN}
        kept.cut(3)

        assert audit("verify").exit_code == 0
        ended = audit("verify", "--since", str(heads))
        assert ended.exit_code == 1
        assert ended.stdout.splitlines()[0] == f"{CHAIN}/{4:012d}: the chain had 5 entries when its head was noted"

    def test_goes_on_from_a_head_that_was_noted(self, kept: Kept, tmp_path: Path) -> None:
        heads = tmp_path / "heads.json"
        audit("verify", "--note", str(heads))
        kept.keep(7)

        ended = audit("verify", "--since", str(heads), "--note", str(heads))
        assert ended.exit_code == 0
        assert json.loads(heads.read_text())[CHAIN].startswith("7:")

    def test_notes_no_heads_of_a_broken_trail(self, kept: Kept, tmp_path: Path) -> None:
        kept.chains.delete_many({})

        assert audit("verify", "--note", str(tmp_path / "heads.json")).exit_code == 1
        assert list(tmp_path.iterdir()) == []


class TestExport:
    def test_writes_what_can_be_verified_without_the_database(self, kept: Kept, tmp_path: Path) -> None:
        file = tmp_path / "trail.jsonl"
        assert audit("export", str(file)).exit_code == 0

        *entries, verdict = [json.loads(line) for line in file.read_text().splitlines()]
        digest = BEGINNING
        for each in entries:
            digest = entry_hash(digest, each["id"], each["content"])
            assert each["hash"] == digest
        assert (verdict["heads"], verdict["breaks"]) == ({CHAIN: f"5:{digest}"}, [])

    def test_says_where_a_broken_trail_ends(self, kept: Kept, tmp_path: Path) -> None:
        kept.entries.delete_one({"_id": f"{CHAIN}/{3:012d}"})
        file = tmp_path / "trail.jsonl"

        assert audit("export", str(file)).exit_code == 1
        *entries, verdict = [json.loads(line) for line in file.read_text().splitlines()]
        assert (len(entries), verdict["breaks"][0]["sequence"]) == (2, 3)

    def test_writes_over_no_file(self, kept: Kept, tmp_path: Path) -> None:
        file = tmp_path / "trail.jsonl"
        file.write_text("another")

        assert audit("export", str(file)).exit_code == 1
        assert file.read_text() == "another"
