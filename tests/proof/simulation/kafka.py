"""A simulated Kafka: logs, and groups with generations, static members, eviction and rebalances."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

from aiokafka.errors import CommitFailedError

from tests.proof.history import Commit, Place, Record
from tests.proof.simulation.loop import Loop

SESSION_SECONDS: Final = 6.0
HEARTBEAT_SECONDS: Final = 1.5
REBALANCE_SECONDS: Final = 6.0


class Lying(Record):
    """A record in a log: as aiokafka gives it to a consumer, and as histories have it."""

    @property
    def timestamp(self) -> int:
        """When it was appended, in milliseconds."""
        return self.timestamp_ms


@dataclass
class Brokers:
    """All logs and groups."""

    loop: Loop
    random: Random
    partitions: dict[str, int]
    logs: dict[Place, list[Record]] = field(default_factory=dict)
    groups: dict[str, "Group"] = field(default_factory=dict)
    waiters: dict[Place, list[Any]] = field(default_factory=lambda: defaultdict(list))
    sequence: int = 0
    failovers: int = 0
    """How many times leaders changed: what was not replicated by then is gone."""
    is_failing: bool = False
    """Whether they change as soon as a leader has something that it hasn't replicated."""

    def __post_init__(self) -> None:
        for topic, count in self.partitions.items():
            for number in range(count):
                self.logs[topic, number] = []

    def fail_over(self) -> None:
        """Change leaders."""
        self.failovers += 1

    def tick(self) -> int:
        """The next number in the order of all that happens."""
        self.sequence += 1
        return self.sequence

    def append(self, place: Place, said: Iterable[tuple[bytes | None, bytes | None, Any]], now_ms: int) -> None:
        """Put records at the end of a log, where consumers see them."""
        log = self.logs[place]
        for key, value, headers in said:
            log.append(Lying(*place, len(log), key, value, tuple(headers), now_ms, self.tick()))
        for waiter in self.waiters.pop(place, ()):
            if not waiter.done():
                waiter.set_result(None)

    def group(self, name: str, topics: Sequence[str]) -> "Group":
        """A group by its name."""
        return self.groups.setdefault(name, Group(self, name, tuple(topics)))


class Group:
    """A consumer group; its members are the consumers of processes, by the fixed names of their slots."""

    def __init__(self, brokers: Brokers, name: str, topics: tuple[str, ...]) -> None:
        self.brokers = brokers
        self.name = name
        self.topics = topics
        self.places = [(topic, number) for topic in topics for number in range(brokers.partitions[topic])]
        self.generation = 0
        self.committed: dict[Place, int] = {}
        self.commits: list[Commit] = []
        self.members: dict[str, Any] = {}
        self.shares: dict[str, tuple[Place, ...]] = {}
        self.rebalances = 0
        self._joined: dict[str, Any] | None = None
        self._round = 0
        self._is_rewinding = False

    @property
    def lag(self) -> int:
        """How many records lie beyond what is committed."""
        committed = {} if self._is_rewinding else self.committed
        return sum(len(self.brokers.logs[place]) - committed.get(place, 0) for place in self.places)

    def has(self, consumer: Any) -> bool:
        """Whether it is this very consumer that holds its slot's place."""
        return self.members.get(consumer.instance) is consumer

    def join(self, consumer: Any) -> None:
        """Take a consumer in: a static member that comes back gets what it had, anybody else makes a rebalance."""
        name = consumer.instance
        old = self.members.get(name)
        self.members[name] = consumer
        if old is not None and old is not consumer and self._joined is None and name in self.shares:
            consumer.assign(self.generation, self.shares[name])
            return
        if self._joined is None:
            self._begin()
        assert self._joined is not None
        self._joined[name] = consumer
        self._complete_if_all()

    def _begin(self) -> None:
        self._joined = {}
        self._round += 1
        self.rebalances += 1
        number = self._round
        for member in list(self.members.values()):
            member.hear_of_rebalance(number)
        self.brokers.loop.call_later(REBALANCE_SECONDS, self._give_up, number)

    def rejoined(self, consumer: Any) -> None:
        """A member has let go of what it had and waits for its new share."""
        if not self.has(consumer):
            self.join(consumer)
            return
        if self._joined is None:
            consumer.assign(self.generation, self.shares.get(consumer.instance, ()))
            return
        self._joined[consumer.instance] = consumer
        self._complete_if_all()

    def unsettle(self) -> None:
        """Rebalance for no reason that members can see, as when the coordinator moves."""
        if self._joined is None and self.members:
            self._begin()

    def rewind(self) -> None:
        """Have the whole input delivered again, from the next shares on: what is under way may still be committed."""
        self._is_rewinding = True
        self.unsettle()

    def awaits(self, consumer: Any, number: int) -> bool:
        """Whether this rebalance is still under way and the member has not joined it yet."""
        return self._joined is not None and self._round == number and consumer.instance not in self._joined

    def _give_up(self, number: int) -> None:
        if self._joined is not None and self._round == number:
            self.members = dict(self._joined)
            self._complete_if_all()

    def _complete_if_all(self) -> None:
        if self._joined is None or any(self._joined.get(name) is not each for name, each in self.members.items()):
            return
        self._joined = None
        self.generation += 1
        if self._is_rewinding:
            self._is_rewinding = False
            self.committed.clear()
        names = sorted(self.members)
        self.shares = dict.fromkeys(names, ())
        for topic in self.topics if names else ():
            count = self.brokers.partitions[topic]
            each, more = divmod(count, len(names))
            for position, name in enumerate(names):
                first = position * each + min(position, more)
                own = range(first, first + each + (position < more))
                self.shares[name] += tuple((topic, number) for number in own)
        for name in names:
            self.members[name].assign(self.generation, self.shares[name])

    def evict(self, consumer: Any) -> None:
        """Take out a member that was not heard of for a session's time."""
        name = consumer.instance
        if self.members.get(name) is not consumer:
            return
        del self.members[name]
        self.shares.pop(name, None)
        if self._joined is not None:
            self._joined.pop(name, None)
            self._complete_if_all()
        elif self.members:
            self._begin()

    def commit(self, consumer: Any, generation: int, offsets: dict[Place, int]) -> None:
        """Commit offsets, unless the group has gone on since the consumer asked for it.

        Raises:
            CommitFailedError: it has.
        """
        if not self.has(consumer) or generation != self.generation:
            raise CommitFailedError
        for place, offset in offsets.items():
            self.committed[place] = offset
            self.commits.append(Commit(*place, offset, self.brokers.tick()))
