"""Random histories against a second telling of the rules: the same answers, the same lots, nothing made or lost.

`make histories HISTORIES=2000` runs so many instead of the everyday few; with `MUTANTS=1` it sees whether they notice
rules that are broken on purpose.
"""

import os
from itertools import product

import pytest

from contracts.programme.adjustments import Exceeding
from contracts.programme.rewards import Shortfall
from tests.workers.rewards.directed import Story
from tests.workers.rewards.mutants import EVERYDAY, MUTANTS, Mutant, Uncut, broken, caught, histories, is_noticed
from tests.workers.rewards.noticed import NOTICED_BY, Telling
from tests.workers.rewards.stories import AgainstModel
from workers.rewards.ledger import Tally

MANY = os.environ.get("HISTORIES")
# Every run tries the same ones, so that a red one means a change; `make histories` looks for new ones.
AgainstModel.TestCase.settings = histories(int(MANY or EVERYDAY), derandomize=MANY is None)
TestAgainstModel = AgainstModel.TestCase


STORIES = sorted({telling.story for telling in NOTICED_BY.values()}, key=lambda story: story.__name__)


class TestStories:
    @pytest.mark.parametrize("story", STORIES)
    def test_come_out_as_the_rules_say_whatever_the_switches(self, story: Story) -> None:
        for shortfall in Shortfall:
            for exceeding, together in product(Exceeding, (False, True)):
                Telling(story, shortfall, exceeding, together).tell()


class TestMutants:
    def test_change_what_is_there(self) -> None:
        assert len(MUTANTS) > 90
        for mutant in MUTANTS.values():
            mutant.made()

    def test_say_when_the_code_has_moved_on(self) -> None:
        with pytest.raises(Uncut, match="stands 0 times"):
            Mutant("gone", Tally.promise, "no such text", "").made()

    def test_have_a_story_each(self) -> None:
        assert NOTICED_BY.keys() == MUTANTS.keys(), "say in noticed.py which story notices it"

    @pytest.mark.parametrize("name", MUTANTS)
    def test_are_noticed(self, name: str) -> None:
        assert is_noticed(MUTANTS[name])

    @pytest.mark.parametrize(
        "name",
        [
            "the_last_to_expire_is_spent_first",
            "a_receipt_that_is_said_again_counts_twice",
            "a_debt_is_not_paid_by_the_next_earnings",
        ],
    )
    def test_are_caught_by_chance(self, name: str) -> None:
        assert caught(MUTANTS[name], 2 * EVERYDAY) is not None

    def test_leave_the_worker_as_it_was(self) -> None:
        before = Tally.credit
        with broken(MUTANTS["a_debt_is_not_paid_by_the_next_earnings"]):
            assert Tally.credit is not before
        assert Tally.credit is before
