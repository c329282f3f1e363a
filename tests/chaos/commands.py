"""The soak's commands: days of the demo and the office's cases, every command of the contracts, looks, and repeats.

All of it follows from one seed. A command that is added to the contracts is sent without a line changed here, by the
example that its golden file is made of; most of those are refused, and that is an outcome, too.
"""

from collections.abc import Iterator, Mapping
from datetime import date
from random import Random
from typing import Final
from uuid import uuid5

from contracts.audit import RecordLook
from contracts.catalogue import COMMANDS
from contracts.messages import CommandEnded
from contracts.programme import Programme
from runtime.settings import Settings
from services.demo.day import Day
from services.demo.scale import MOST_SEEDS, NAMESPACE, Scale
from services.demo.sending import DESKS, OFFICE, Sending, Stray
from tests.chaos.office import Office
from tests.contracts.golden.examples import example

Answers = Mapping[str, CommandEnded]
CARDS: Final = 260
REGISTRATIONS: Final = 160
RECEIPTS: Final = 1_400
SMALL: Final = 8
"""The days of a short soak are so many times smaller, so that it sees every part of one."""
SHORT_COMMANDS: Final = 5_000
LOOK_EVERY: Final = 12
"""Every so many commands somebody looks at what the last one was about."""
REPEAT_SHARE: Final = 0.02
"""How many commands are sent once more, later, as they were."""
REMEMBERED: Final = 500
CASES: Final = 4
"""How many cases of each kind the office begins on a day."""
OFFICE_EVERY: Final = 50
"""Every so many commands the office goes on with the cases whose answers came."""


class Commands:
    """What is sent, in order."""

    def __init__(self, seed: int, programme: Programme, settings: Settings, total: int, day: date) -> None:
        self._seed = seed
        self._programme = programme
        self._settings = settings
        self._smaller = SMALL if total < SHORT_COMMANDS else 1
        self._random = Random(f"commands/{seed}")
        self._day = day
        self.office = Office(programme)

    def all(self, answers: Answers) -> Iterator[Sending | Stray]:
        """All there is to send, without end; `answers` fills up with the outcomes that came so far."""
        remembered: list[Sending] = []
        for number, sending in enumerate(self._days(answers)):
            yield sending
            if not isinstance(sending, Sending):
                continue
            if number % OFFICE_EVERY == 0:
                yield from self.office.go_on(answers)
            if number % LOOK_EVERY == 0:
                yield self._look(number, sending)
            if self._random.random() < REPEAT_SHARE and remembered:
                yield self._random.choice(remembered)
            remembered = [*remembered[-REMEMBERED:], sending]

    def _days(self, answers: Answers) -> Iterator[Sending | Stray]:
        number = 0
        while True:
            scale = Scale(
                seed=(self._seed * 1_000 + number) % MOST_SEEDS,
                cards=CARDS // self._smaller,
                registrations=REGISTRATIONS // self._smaller,
                receipts=RECEIPTS // self._smaller,
                tills=20,
                day=self._day,
            )
            yield from self._examples(number)
            yield from self.office.begin(scale, max(1, CASES // self._smaller))
            for step in Day(scale, self._programme, self._settings).steps:
                yield from step.say(answers)
            number += 1

    def _examples(self, day: int) -> Iterator[Sending]:
        for name, command in COMMANDS.items():
            yield Sending(self._id(f"example/{day}/{name}"), example(command), DESKS[day % len(DESKS)])

    def _look(self, number: int, sending: Sending) -> Sending:
        subject = (sending.command.key_value or "nobody").replace(" ", "/")
        return Sending(self._id(f"look/{number}"), RecordLook(subject=subject, what="profile"), OFFICE)

    def _id(self, name: str) -> str:
        return str(uuid5(NAMESPACE, f"chaos/{self._seed}/{self._day}/{name}"))
