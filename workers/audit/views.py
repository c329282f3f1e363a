"""What others may read of the trail: timelines, and whether the trail is whole."""

from collections.abc import Sequence
from datetime import UTC, datetime
from json import loads
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, JsonValue

from contracts.audit import RecordLook
from contracts.messages import Actor, CommandEnded, Outcome, wire_time
from runtime.store import Reader
from workers.audit.documents import Entry
from workers.audit.verifying import NO_HEADS, Break, Heads, InvalidHeads, Verdict, read_heads, unrecorded, verify

__all__ = [
    "NO_HEADS",
    "AuditViews",
    "Break",
    "Entry",
    "Heads",
    "InvalidCursor",
    "InvalidHeads",
    "Line",
    "Verdict",
    "line_of",
    "read_heads",
    "unrecorded",
    "verify",
]

LONGEST_TIMELINE: Final = 1_000


class Line(BaseModel):
    """One line of a timeline: what happened, when, by whom, in which call, with what outcome."""

    model_config = ConfigDict(frozen=True)

    id: str
    what: str
    """An event (`CardBlocked`), a look (`RecordLook`), or a command whose outcome is given (`BlockCard`)."""
    worker: str
    happened_at: datetime
    recorded_at: datetime
    actor: Actor
    outcome: Outcome | None = None
    """Of a command: how it ended; of a look that was refused at the door: that."""
    code: str | None = None
    """Why it was refused or failed."""
    correlation_id: str
    """The command that it goes back to."""
    subjects: tuple[str, ...]
    facts: dict[str, JsonValue]
    """What was said, less what is personal."""

    @property
    def cursor(self) -> str:
        """Where a timeline goes on after this line."""
        return f"{wire_time(self.happened_at)}|{self.id}"


class InvalidCursor(ValueError):
    """A cursor that no line has."""


class AuditViews:
    """The trail, as operators and auditors may see it."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def timeline(
        self,
        subjects: Sequence[str],
        limit: int = 100,
        before: str | None = None,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> list[Line]:
        """What happened to any of the subjects, newest first, at most `limit` lines; from `since` on, before `until`.

        Purchases know a card and an account, not a member: for all of a member pass the member's id with the
        numbers of the cards and the ids of the accounts. No subjects, no lines.

        Raises:
            InvalidCursor: `before` is no line's cursor.
        """
        if not subjects:
            return []
        wanted: dict[str, Any] = {"subjects": {"$in": list(dict.fromkeys(subjects))}}
        within = {name: at for name, at in (("$gte", since), ("$lt", until)) if at is not None}
        if before is not None:
            happened_at, entry = _read_cursor(before)
            # Said twice: the first bounds the index, without it all that is newer would be read again for each page.
            within["$lte"] = happened_at
            wanted["$or"] = [
                {"happened_at": {"$lt": happened_at}},
                {"happened_at": happened_at, "_id": {"$lt": entry}},
            ]
        if within:
            wanted["happened_at"] = within
        newest_first = (("happened_at", -1), ("_id", -1))
        count = max(1, min(limit, LONGEST_TIMELINE))
        return [line_of(entry) for entry in await self._reader.find(Entry, wanted, sort=newest_first, limit=count)]


def _read_cursor(cursor: str) -> tuple[datetime, str]:
    happened_at, _, entry = cursor.partition("|")
    try:
        instant = datetime.fromisoformat(happened_at)
        if not entry or instant.tzinfo is None:
            raise ValueError("half a cursor")
        return instant.astimezone(UTC), entry
    except (ValueError, OverflowError):
        raise InvalidCursor("not a cursor of a timeline") from None


def line_of(entry: Entry) -> Line:
    """An entry as a timeline shows it."""
    said: dict[str, Any] = loads(entry.content)
    facts: dict[str, Any] = said["body"]
    what, outcome, code = said["what"], None, None
    if what == CommandEnded.__name__:
        what, outcome, code, facts = facts["command"], facts["outcome"], facts["code"], facts["details"]
    elif what == RecordLook.__name__ and facts.get("code") is not None:
        outcome, code = Outcome.REFUSED, facts["code"]
    return Line(
        id=entry.id,
        what=what,
        worker=said["worker"],
        happened_at=entry.happened_at,
        recorded_at=said["recorded_at"],
        actor=said["actor"],
        outcome=outcome,
        code=code,
        correlation_id=said["correlation_id"],
        subjects=entry.subjects,
        facts=facts,
    )
