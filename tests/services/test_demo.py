"""The demo's messages, without servers: the same every time, valid, and of every kind; what is asked in vain."""

import asyncio
from collections import Counter
from datetime import date
from itertools import count, islice
from pathlib import Path
from typing import Any

import pytest

from contracts.messages import CommandEnded, Outcome, Said
from contracts.programme import Programme
from contracts.registration import RegisterMember
from contracts.rewards import RecordPurchase, RemoveReward, UseReward
from runtime.admin import Backlog
from runtime.settings import Settings
from runtime.store import Library
from services.demo import Impossible, Scale, why_not_on
from services.demo.books import Books, changed_documents
from services.demo.day import Day, issued_reward
from services.demo.sending import Sending, Stray
from services.demo.strays import KINDS
from tests.services.test_cli import punchcard

DAY = date(2026, 11, 20)
SMALL = Scale(seed=3, cards=50, registrations=30, receipts=200, tills=5, day=DAY)
PROGRAMME = Programme.read(Path("programme.yaml"))
SETTINGS = Settings(prefix="test-demo")


def said(scale: Scale) -> list[Sending | Stray]:
    """All that a day says, as far as no answer is needed for it."""
    day = Day(scale, PROGRAMME, SETTINGS)
    return [each for step in day.steps for each in step.say({})]


def shown(sendings: list[Sending | Stray]) -> list[Any]:
    """What must not change from run to run."""
    return [
        (each.id, each.command.encoded(), each.command.digest(), each.actor) if isinstance(each, Sending) else each.id
        for each in sendings
    ]


class TestDay:
    def test_is_the_same_every_time(self) -> None:
        assert shown(said(SMALL)) == shown(said(SMALL))

    def test_gives_one_id_to_one_content(self) -> None:
        contents: dict[str, set[bytes]] = {}
        for each in said(SMALL):
            if isinstance(each, Sending):
                contents.setdefault(each.id, set()).add(each.command.digest())

        assert all(len(digests) == 1 for digests in contents.values())

    def test_has_ids_that_say_nothing_of_when(self) -> None:
        assert all(each.id[14] == "5" for each in said(SMALL))

    @pytest.mark.parametrize("other", [{"seed": 4}, {"day": date(2026, 11, 19)}, {"receipts": 201}, {"tills": 6}])
    def test_shares_no_receipt_with_another(self, other: dict[str, Any]) -> None:
        fields = {name: getattr(SMALL, name) for name in SMALL.__slots__} | other
        here, there = ({keys_of(each) for each in said(scale)} for scale in (SMALL, Scale(**fields)))

        assert here & there <= {None}

    def test_keeps_its_cards_on_other_days(self) -> None:
        first = Day(SMALL, PROGRAMME, SETTINGS).first_card()

        assert first == Day(SMALL.on(date(2026, 1, 1)), PROGRAMME, SETTINGS).first_card()

    def test_comes_through_every_open_door(self) -> None:
        open_doors = {door for door, rules in PROGRAMME.registration.channels.items() if rules.is_open}

        assert {command.channel for command in commands(RegisterMember)} == open_doors

    def test_gives_everybody_a_phone_of_their_own_and_nobody_a_real_address(self) -> None:
        people = [each.command for each in Day(SMALL, PROGRAMME, SETTINGS).registrations()]
        joined = [command for command in people if isinstance(command, RegisterMember)]

        assert len({command.phone for command in joined}) == len(joined)
        assert all(command.email is None or command.email.endswith("@example.com") for command in joined)

    def test_says_everything_that_goes_wrong_with_receipts(self) -> None:
        kinds = Counter(each.kind for each in said(SMALL))
        receipts = Counter(command.purchase_id for command in commands(RecordPurchase))

        assert {"ConfirmPurchase", "CancelPurchase", "RefundPurchase", "BlockCard", "UnblockCard"} <= kinds.keys()
        assert kinds["(malformed)"] == len(KINDS)
        assert len(receipts) >= SMALL.receipts
        assert max(receipts.values()) > 1

    def test_uses_what_was_issued(self) -> None:
        day = Day(SMALL, PROGRAMME, SETTINGS)
        bought = next(iter(islice(day.redemptions(), 1)))
        issued = Said(type="RewardIssued", body={"reward_id": "a" * 32})
        ended = CommandEnded(command_id=bought.id, command="RedeemReward", outcome=Outcome.DONE, events=(issued,))

        used = [each.command for each in day.uses({bought.id: ended})]

        assert issued_reward(ended) == "a" * 32
        assert isinstance(used[0], UseReward | RemoveReward)
        assert (used[0].card_number, used[0].reward_id) == (bought.command.key_value, "a" * 32)


class TestScale:
    @pytest.mark.parametrize(
        ("wish", "field"),
        [
            ({"seed": -1}, "seed"),
            ({"registrations": 5_101, "cards": 9_000}, "registrations"),
            ({"cards": 1_005}, "cards"),
            ({"tills": 1}, "tills"),
        ],
    )
    def test_refuses_what_can_not_be_played(self, wish: dict[str, int], field: str) -> None:
        with pytest.raises(Impossible, match=f"^{field}: "):
            Scale(**wish)  # type: ignore[arg-type]  # sizes are numbers

    def test_gives_cards_of_their_own_to_every_seed(self) -> None:
        numbers = {Scale(seed=seed).card_number(place) for seed in (7, 8) for place in range(2_100)}

        assert len(numbers) == 4_200


class TestWhyNotOn:
    def test_takes_no_future_and_nothing_that_is_long_gone(self) -> None:
        assert why_not_on(DAY, DAY) is None
        assert why_not_on(date(2026, 11, 21), DAY) == "must not be in the future"
        assert why_not_on(date(2026, 9, 20), DAY) == "must not be more than 60 days ago"


class TestChangedDocuments:
    def test_counts_what_came_went_or_has_another_version(self) -> None:
        before = {("cards", "cards", "1"): 1, ("cards", "cards", "2"): 1, ("audit", "entries", "1"): 1}
        after = {("cards", "cards", "1"): 2, ("cards", "cards", "3"): 1, ("audit", "entries", "1"): 1}

        assert changed_documents(before, after) == {"cards": 3}


class TestDemoCommand:
    @pytest.mark.parametrize(
        ("arguments", "line"),
        [
            (["--cards", "20"], "punchcard: cards: must be 10 more than registrations, for guests"),
            (["--day", "2999-01-01"], "punchcard: day: must not be in the future"),
        ],
    )
    def test_says_in_one_line_what_it_can_not_play(self, arguments: list[str], line: str) -> None:
        ended = punchcard("demo", *arguments)

        assert (ended.returncode, ended.stdout, ended.stderr.splitlines()) == (1, "", [line])

    @pytest.mark.parametrize("command", ["demo", "reconcile"])
    def test_says_that_nothing_runs(self, command: str) -> None:
        ended = punchcard(command, PUNCHCARD_MONGO_URL="mongodb://127.0.0.1:1/?replicaSet=punchcard")

        assert ended.returncode == 1
        assert ended.stderr.splitlines() == [
            "punchcard: MongoDB does not answer; `punchcard up` (make run) starts everything"
        ]


def commands(kind: type[Any]) -> list[Any]:
    """The commands of one type that the small day says."""
    return [each.command for each in said(SMALL) if isinstance(each, Sending) and isinstance(each.command, kind)]


def keys_of(each: Sending | Stray) -> str | None:
    """The business key of a receipt; None for anything else."""
    if isinstance(each, Sending) and isinstance(each.command, RecordPurchase):
        return each.command.purchase_id
    return None


class TestBooks:
    async def test_do_not_wait_for_ever_for_workers_that_are_asked_all_the_time(self) -> None:
        said = count(1)

        async def look() -> dict[str, Backlog]:
            await asyncio.sleep(0)
            return {SETTINGS.group("cards"): Backlog(behind=0, end=next(said))}

        books = Books(SETTINGS, Library(SETTINGS), (), look)
        assert not await books.until_level(("cards",), most_seconds=0.05)
