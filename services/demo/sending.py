"""What the demo sends: commands by somebody, and things that are no commands at all."""

from dataclasses import dataclass

from contracts.messages import Actor, ActorKind, Command
from runtime.edge import stamped
from runtime.journal import Outgoing
from runtime.settings import Settings

SOURCE = "demo"


@dataclass(frozen=True, slots=True)
class Sending:
    """A command, by whom, under which id."""

    id: str
    command: Command
    actor: Actor

    @property
    def kind(self) -> str:
        """Its type, as the summary counts it."""
        return type(self.command).__name__

    @property
    def has_outcome(self) -> bool:
        """Whether its sender gets an answer."""
        return True

    def outgoing(self, settings: Settings) -> Outgoing:
        """The message for Kafka, said now: what it is about lies in its body, which is the same each time."""
        return stamped(settings, SOURCE, self.command, self.id, self.actor, None)


@dataclass(frozen=True, slots=True)
class Stray:
    """A message that can't be processed, and the reason that its dead letter has to give."""

    id: str
    message: Outgoing
    worker: str
    reason: str
    has_outcome: bool
    """Whether its id can be read and is its own, so that its sender is told that it failed."""

    @property
    def kind(self) -> str:
        """What the summary counts it as."""
        return "(malformed)"

    @property
    def marker(self) -> bytes:
        """Its Kafka key, by which its dead letter is found."""
        assert self.message.key is not None
        return self.message.key

    def outgoing(self, settings: Settings) -> Outgoing:
        """The message for Kafka."""
        del settings
        return self.message


DESKS = tuple(Actor(kind=ActorKind.OPERATOR, id=f"desk-{number}") for number in range(1, 6))
APP = Actor(kind=ActorKind.APP, id="app")
WALLET = Actor(kind=ActorKind.WALLET, id="wallet")
OFFICE = Actor(kind=ActorKind.SYSTEM, id="head-office")


def till_actor(till: str) -> Actor:
    """A till, as who sends its messages."""
    return Actor(kind=ActorKind.POS, id=till)
