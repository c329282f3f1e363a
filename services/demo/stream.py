"""The stream: messages to Kafka as fast as they are answered, and every outcome heard and counted."""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Final, Self

from contracts.messages import CommandEnded, Outcome
from runtime.admin import AdminError
from runtime.edge import Away, Edge
from runtime.settings import Settings
from services.demo.sending import SOURCE, Sending, Stray

AT_ONCE: Final = 400
"""Messages in one publishing."""
IN_FLIGHT: Final = 3_000
"""Commands without an answer at which it waits for some."""
PATIENCE_SECONDS: Final = 20.0
"""Without any answer for so long, what has none is sent once more: the same ids, so nothing happens twice."""
REPEATS: Final = 2


class Stream:
    """Sends messages and keeps their outcomes."""

    def __init__(self, settings: Settings, advance: Callable[[int], None]) -> None:
        self._settings = settings
        self._advance = advance
        self._edge = Edge(settings, SOURCE, heard=self._hear)
        self._open: dict[str, Sending | Stray] = {}
        self._heard = asyncio.Event()
        self.answers: dict[str, CommandEnded] = {}
        """By command id."""
        self.kinds: dict[str, str] = {}
        """What each command was, by id: every one that was acknowledged by Kafka and can be answered."""
        self.contradicted: set[str] = set()
        """Commands that got two answers that differ."""
        self.messages = 0
        """How many messages were sent, copies and strays among them."""
        self.strays: list[Stray] = []

    async def __aenter__(self) -> Self:
        try:
            await self._edge.__aenter__()
        except Away as error:
            raise not_running(self._settings) from error
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._edge.close()

    async def play(self, sendings: Iterable[Sending | Stray]) -> None:
        """Send these in order and wait until each has its outcome.

        Raises:
            AdminError: there is nobody who takes or answers them.
        """
        for batch in batches(sendings, AT_ONCE):
            await self._send(batch)
            await self._until_open(IN_FLIGHT)
        await self._until_open(0)

    async def _send(self, batch: Sequence[Sending | Stray]) -> None:
        # They wait before they are sent: an answer may be quicker than the acknowledgement.
        for sending in batch:
            if sending.has_outcome and sending.id not in self.answers:
                self._open[sending.id] = sending
        await self._post(batch)
        self.messages += len(batch)
        for sending in batch:
            if sending.has_outcome:
                self.kinds[sending.id] = sending.kind
            if isinstance(sending, Stray):
                self.strays.append(sending)

    async def _post(self, batch: Sequence[Sending | Stray]) -> None:
        for attempt in range(REPEATS + 1):
            try:
                return await self._edge.send([sending.outgoing(self._settings) for sending in batch])
            except Away as error:
                if attempt == REPEATS:
                    raise not_running(self._settings) from error
                await asyncio.sleep(1.0)
        return None

    async def _until_open(self, most: int) -> None:
        repeats = 0
        moved_at, last = time.monotonic(), len(self._open)
        while len(self._open) > most:
            self._heard.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1.0):
                    await self._heard.wait()
            if len(self._open) < last:
                moved_at, last = time.monotonic(), len(self._open)
            if time.monotonic() - moved_at < PATIENCE_SECONDS:
                continue
            if repeats == REPEATS:
                kinds = Counter(sending.kind for sending in self._open.values())
                raise AdminError(
                    f"no answer to {', '.join(f'{count} {kind}' for kind, count in kinds.items())} within "
                    f"{PATIENCE_SECONDS * (REPEATS + 1):.0f} s: do all workers run? `punchcard up` starts them"
                )
            repeats, moved_at = repeats + 1, time.monotonic()
            waiting = list(self._open.values())
            for batch in batches(waiting, AT_ONCE):
                await self._post(batch)

    def _hear(self, ended: CommandEnded) -> None:
        earlier = self.answers.get(ended.command_id)
        if earlier is not None:
            if earlier != ended:
                self.contradicted.add(ended.command_id)
            return
        if self._open.pop(ended.command_id, None) is None:
            return
        self.answers[ended.command_id] = ended
        self._advance(1)
        self._heard.set()

    def count(self, outcome: Outcome) -> int:
        """How many commands ended so."""
        return sum(ended.outcome is outcome for ended in self.answers.values())


def batches(sendings: Iterable[Sending | Stray], size: int) -> Iterator[list[Sending | Stray]]:
    """The same in lists of at most `size`."""
    rest = iter(sendings)
    while batch := list(islice(rest, size)):
        yield batch


def not_running(settings: Settings) -> AdminError:
    """What to say when the broker doesn't answer."""
    return AdminError(f"Kafka at {settings.kafka_servers} does not answer; `punchcard up` (make run) starts everything")
