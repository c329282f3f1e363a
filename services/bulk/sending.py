"""How rows are sent: many on their way at once, until each has its outcome; stopping midway loses nothing."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from typing import Final, Self

from contracts.messages import Actor, Command, CommandEnded
from runtime.edge import Away, Edge, stamped
from runtime.settings import Settings
from services.bulk.rows import Row

SOURCE: Final = "bulk"
AT_ONCE: Final = 400
"""Commands in one publishing."""
IN_FLIGHT: Final = 3_000
"""Commands without an outcome at which it waits for some."""
REPEATS: Final = 2
"""How often what has no outcome is sent once more, under the same ids, so that nothing happens twice."""


class Unanswered(Exception):
    """Nobody takes the commands, or nobody answers them; the text is one line."""


class Sending:
    """Sends the commands of rows, and keeps their outcomes."""

    def __init__(
        self,
        settings: Settings,
        actor: Actor,
        answers: dict[str, CommandEnded],
        advance: Callable[[int], None],
        *,
        patience_seconds: float = 20.0,
    ) -> None:
        """Disconnected yet; outcomes go into `answers` by command id as they come, and `advance` is told of each."""
        self._settings = settings
        self._actor = actor
        self._advance = advance
        self._patience_seconds = patience_seconds
        self._edge = Edge(settings, SOURCE, heard=self._hear)
        self._open: dict[str, Command] = {}
        self._is_heard = asyncio.Event()
        self.answers = answers

    async def __aenter__(self) -> Self:
        try:
            await self._edge.__aenter__()
        except Away as error:
            raise self._nobody() from error
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._edge.close()

    async def send(self, rows: Sequence[Row]) -> None:
        """Send the commands of these rows in order, and wait until each has its outcome.

        Raises:
            Unanswered: there is nobody who takes or answers them.
        """
        commands = [(row.id, row.command) for row in rows if row.command is not None]
        for start in range(0, len(commands), AT_ONCE):
            part = dict(commands[start : start + AT_ONCE])
            # They are waited for before they are sent: an outcome may be quicker than the acknowledgement.
            self._open |= part
            await self._post(part)
            await self._until_open(IN_FLIGHT)
        await self._until_open(0)

    async def _post(self, commands: dict[str, Command]) -> None:
        messages = [stamped(self._settings, SOURCE, each, name, self._actor, None) for name, each in commands.items()]
        for attempt in range(REPEATS + 1):
            try:
                return await self._edge.send(messages)
            except Away as error:
                if attempt == REPEATS:
                    raise self._nobody() from error
                await asyncio.sleep(1.0)
        return None

    async def _until_open(self, most: int) -> None:
        repeats = 0
        moved_at, last = time.monotonic(), len(self._open)
        while len(self._open) > most:
            self._is_heard.clear()
            # `wait_for` would swallow an interruption that comes with an outcome (Python 3.11).
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(1.0, self._patience_seconds)):
                    await self._is_heard.wait()
            if len(self._open) < last:
                moved_at, last = time.monotonic(), len(self._open)
            if time.monotonic() - moved_at < self._patience_seconds:
                continue
            if repeats == REPEATS:
                waited = self._patience_seconds * (REPEATS + 1)
                raise Unanswered(f"{len(self._open):,} rows have no outcome after {waited:.0f} s: do all workers run?")
            repeats, moved_at = repeats + 1, time.monotonic()
            waiting = list(self._open.items())
            for start in range(0, len(waiting), AT_ONCE):
                await self._post(dict(waiting[start : start + AT_ONCE]))

    def _hear(self, ended: CommandEnded) -> None:
        if self._open.pop(ended.command_id, None) is None:
            return
        self.answers[ended.command_id] = ended
        self._advance(1)
        self._is_heard.set()

    def _nobody(self) -> Unanswered:
        return Unanswered(
            f"Kafka at {self._settings.kafka_servers} does not answer; `punchcard up` (make run) starts everything"
        )
