"""The simulated Kafka keeps its word: what it lets happen is what Kafka lets happen."""

from random import Random

import pytest
from aiokafka.errors import CommitFailedError

from tests.proof.history import Place
from tests.proof.simulation.kafka import Brokers, Group
from tests.proof.simulation.loop import Loop

TOPIC = "sim.cards.commands"


class Member:
    """A consumer that joins every generation."""

    instance = "cards-0"

    def __init__(self, group: Group) -> None:
        self.group = group
        self.generation = 0
        self.positions: dict[Place, int] = {}

    def assign(self, generation: int, share: tuple[Place, ...]) -> None:
        self.generation = generation
        self.positions = {place: self.group.committed.get(place, 0) for place in share}

    def hear_of_rebalance(self, number: int) -> None:
        """It rejoins when the test says so."""


@pytest.fixture
def member() -> Member:
    brokers = Brokers(Loop(Random(1)), Random(1), {TOPIC: 1})
    brokers.append((TOPIC, 0), [(None, b"{}", ())] * 3, 0)
    member = Member(brokers.group("cards", [TOPIC]))
    member.group.join(member)
    return member


class TestRewind:
    def test_delivers_everything_again_from_the_next_generation_on(self, member: Member) -> None:
        member.group.commit(member, member.generation, {(TOPIC, 0): 3})
        assert member.group.lag == 0
        member.group.rewind()
        assert member.group.lag == 3
        member.group.rejoined(member)
        assert member.positions == {(TOPIC, 0): 0}

    def test_takes_a_commit_that_was_under_way_and_forgets_it_too(self, member: Member) -> None:
        old = member.generation
        member.group.rewind()
        member.group.commit(member, old, {(TOPIC, 0): 3})
        assert member.group.lag == 3
        member.group.rejoined(member)
        assert member.positions == {(TOPIC, 0): 0}
        with pytest.raises(CommitFailedError):
            member.group.commit(member, old, {(TOPIC, 0): 3})
