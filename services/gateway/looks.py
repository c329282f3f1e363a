"""Looks: who was shown whom, and who was not let, noted in the audit trail."""

import asyncio
import re
from collections.abc import Sequence
from time import monotonic
from typing import Final

import structlog
from uuid_utils import uuid7

from contracts.audit import RecordLook
from runtime.edge import Away as KafkaAway
from services.gateway.answers import unavailable
from services.gateway.commands import Asks
from services.gateway.keys import Caller
from services.gateway.metrics import Metrics
from services.gateway.problems import LACKS_A_RIGHT, Problem

NOBODY: Final = "nobody"
"""Whom a search that found none looked at."""
MOST_TOGETHER: Final = 100
"""Who else one note names; a longer list is noted in several."""

MOST_A_MINUTE: Final = 60
"""Refusals of one key that are noted in a minute: a till that is set up wrongly is refused at every sale."""
ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""What can be an id, and no address or number as people write it: nobody has looked at what was refused."""

log = structlog.get_logger(__name__)


class Looks:
    """Notes who looked at whom in the audit trail, without letting the one who looks wait."""

    def __init__(self, edge: Asks, metrics: Metrics) -> None:
        self._edge = edge
        self.metrics = metrics
        self._minute = 0
        self._noted: dict[str, set[tuple[str, str, str]]] = {}
        self._under_way: set[asyncio.Task[None]] = set()

    def must_be_possible(self) -> None:
        """Let nobody look while looks can't be noted.

        Raises:
            Problem: 503, Kafka is away.
        """
        if not self._edge.ready:
            raise unavailable()

    def note(
        self,
        caller: Caller,
        subject: str,
        what: str,
        *,
        also: Sequence[str] = (),
        by: Sequence[str] = (),
        hits: int | None = None,
    ) -> None:
        """Note a look, and who else was shown with it; of a search by which keys it was, and how many it showed."""
        others = [each for each in dict.fromkeys(also) if each != subject]
        for start in range(0, max(1, len(others)), MOST_TOGETHER):
            together = tuple(others[start : start + MOST_TOGETHER])
            self._begin(caller, RecordLook(subject=subject, what=what, also=together, by=tuple(by), hits=hits))

    def refused(self, caller: Caller, problem: Problem, *, subject: object, scope: str) -> None:
        """Note that somebody was not let do, or see, what they asked for; the same once a minute, and so many in all.

        Args:
            caller: who asked, proved by a key.
            problem: what they were told; noted is what says that they lack a right.
            subject: whom or what it was about, where an id says that.
            scope: the command that they gave, or the right by which they wanted to read.
        """
        if problem.code not in LACKS_A_RIGHT:
            return
        about = subject if isinstance(subject, str) and ID.fullmatch(subject) else NOBODY
        minute = int(monotonic() // 60)
        if minute != self._minute:
            self._minute, self._noted = minute, {}
        noted = self._noted.setdefault(caller.actor.id, set())
        entry = (about, problem.members.get("scope", scope), problem.code)
        if entry not in noted and len(noted) < MOST_A_MINUTE:
            noted.add(entry)
            self._begin(caller, RecordLook(subject=about, what="refused", scope=entry[1], code=problem.code))

    def _begin(self, caller: Caller, look: RecordLook) -> None:
        task = asyncio.create_task(self._note(caller, look))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def end(self, wait_seconds: float) -> None:
        """Let the looks under way be noted, for so long at most; what isn't then is counted as lost."""
        if not self._under_way:
            return
        _, late = await asyncio.wait(self._under_way, timeout=wait_seconds)
        for task in late:
            task.cancel()
        if late:
            self.metrics.looks_lost.inc(len(late))
            log.error("looks_lost", looks=len(late))

    async def _note(self, caller: Caller, look: RecordLook) -> None:
        try:
            await self._edge.submit(look, id=str(uuid7()), actor=caller.actor)
        except KafkaAway:
            self.metrics.looks_lost.inc()
            log.error("look_lost", what=look.what, actor=caller.actor.id)  # noqa: TRY400  # no trace: it may hold values
