"""What was said so far, as stories: what an event tells, with what the command said that it follows from.

Whoever asks for something about what one story tells asks for things that belong together: this card's coupon, that
receipt's refund.
"""

from collections import defaultdict, deque
from collections.abc import Collection, Mapping
from functools import cache
from random import Random
from typing import Any, Final

from contracts.messages import Command
from tests.proof.simulation.words import roots_in

MOST_OF_A_KIND: Final = 20
"""The older ones are about what has gone on since."""
LOOKED_AT: Final = 3
"""Of how many stories the one that fits best is told on."""
Story = Mapping[str, Any]
"""What an event tells, and what was asked that led to it."""


class Hearsay:
    """What whoever sends commands has heard."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._asked: dict[str, Command] = {}
        self._said: dict[str, deque[Story]] = defaultdict(_few)
        """By the event's type."""
        self._about: dict[str, deque[Story]] = defaultdict(_few)
        """By the name of an id that they tell."""

    def note(self, command_id: str, command: Command) -> None:
        """Remember what was asked."""
        self._asked[command_id] = command

    def hear(self, event: str, fields: Mapping[str, Any], cause: str | None) -> None:
        """Take in an event's fields; `cause` is the id of what it follows from."""
        asked = self._asked.get(cause.partition("/")[0]) if cause is not None else None
        given = {} if asked is None else {name: value for name, value in asked.__dict__.items() if value is not None}
        story = {**fields, **given}
        self._said[event].append(story)
        for name, value in story.items():
            if isinstance(value, str) and is_name(name):
                self._about[name].append(story)

    def value(self, field: str, but: Collection[Any] = ()) -> Any:
        """Something that was told under this name, if it isn't one of these; else None."""
        stories = self._about.get(field)
        if not stories:
            return None
        value = self._random.choice(stories)[field]
        return None if value in but else value

    def knows(self, field: str) -> bool:
        """Whether anything was told under this name."""
        return field in self._about

    def story(self, command: str, needed: Collection[str], told: Collection[str]) -> Mapping[str, Any]:
        """What a story tells that goes on with a command: of what it is about, and of much of what it takes.

        All that is about the same is as likely, however often it happens: most of it can be undone, or done once more.
        """
        akin = [event for event in self._said if kinship(command, event)] or list(self._said)
        if not akin:
            return {}
        looked_at = [self._random.choice(self._said[self._random.choice(akin)]) for _ in range(LOOKED_AT)]
        return max(looked_at, key=lambda each: (_count(needed, each), _count(told, each)))


def _few() -> deque[Story]:
    return deque(maxlen=MOST_OF_A_KIND)


def _count(names: Collection[str], story: Story) -> int:
    return sum(name in story for name in names)


@cache
def kinship(command: str, event: str) -> int:
    """How much of what an event says a command is about, too: `UnblockCard` is about `CardBlocked`."""
    return sum(root in command.lower() for root in roots_in(event))


def is_id(field: str) -> bool:
    """Whether a field names something that only events tell of."""
    return field in {"code", "token"} or field.endswith(("_id", "_code"))


def is_name(field: str) -> bool:
    """Whether a field's value says which one is meant, so that it says nothing without its fellows."""
    return is_id(field) or field.endswith(("_number", "_day"))
