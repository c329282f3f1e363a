"""A case: a history, sorted as the checker's rules need it."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final

from contracts.catalogue import COMMANDS
from contracts.messages import CommandEnded, Envelope, Malformed, read_body, read_envelope
from runtime.journal import Outgoing
from runtime.letters import DEAD_HEADERS, DEAD_SHUT, opened_letter
from runtime.persons import DEAD_LETTERS, PersonKey
from tests.proof.history import Headers, History, Journaled, Place, Record


@dataclass(frozen=True, slots=True)
class Violation:
    """A promise that was broken: its short name, and what shows it."""

    code: str
    text: str


Found = Iterator[Violation]

JOURNALLESS: Final = frozenset({"too_old", "id_reused"})
"""Dead letters of records that have no outcome of their own."""
UNREADABLE: Final = frozenset({"malformed", "unknown_type"})
BROKEN: Final = frozenset({"bug", "refused_event", "unwritable"})
"""Dead letters that only our own mistakes make."""


@dataclass(frozen=True)
class Case:
    """A history, sorted as the rules need it."""

    history: History
    read_envelope: Callable[[Headers], Envelope] = read_envelope
    read_body: Callable[[type[Any], bytes | None], Any] = read_body
    """Ways to read that remember what they have read already will do, too."""

    def worker_of(self, topic: str) -> str | None:
        """Whose topic it is; None for the results."""
        parts = topic.removeprefix(self.history.prefix + ".").split(".")
        return parts[0] if len(parts) == 2 else None

    @cached_property
    def commands(self) -> list[Record]:
        """Everything that lies in topics of commands."""
        return [record for record in self.history.records if record.topic.endswith(".commands")]

    @cached_property
    def envelopes(self) -> dict[int, Envelope | None]:
        """By Python's identity of a record on a commands topic, its envelope if that and its body can be read."""
        return {id(record): self._readable(record) for record in self.commands}

    def _readable(self, record: Record) -> Envelope | None:
        command = COMMANDS.get(record.type or "")
        if command is None or command.worker != self.worker_of(record.topic):
            return None
        try:
            envelope = self.read_envelope(record.headers)
            self.read_body(command, record.value)
        except Malformed:
            return None
        return envelope

    @cached_property
    def answers(self) -> dict[str, list[Record]]:
        """By command id, the records on the results topic."""
        found: dict[str, list[Record]] = defaultdict(list)
        for record in self.history.on("results"):
            found[record.attributes.get("ce_subject", "")].append(record)
        return found

    @cached_property
    def ended(self) -> dict[str, CommandEnded]:
        """By command id, the first answer."""
        return {name: self.read_body(CommandEnded, copies[0].value) for name, copies in self.answers.items()}

    @cached_property
    def journals(self) -> dict[str, dict[str, Journaled]]:
        """By worker and message id, the journal."""
        return {name: {each.id: each for each in kept.journal} for name, kept in self.history.workers.items()}

    @cached_property
    def dead(self) -> dict[tuple[Place, int], list[Record]]:
        """By the place of the original, its dead letters."""
        found: dict[tuple[Place, int], list[Record]] = defaultdict(list)
        for record in self.history.records:
            if record.topic.endswith(".dead"):
                said = record.attributes
                place = (said.get("dead_topic", ""), int(said.get("dead_partition", -1)))
                offset = int(said.get("dead_offset", -1))
                found[place, offset].append(self._opened(record, place, offset))
        return found

    def _opened(self, letter: Record, place: Place, offset: int) -> Record:
        """A letter with what it was shut over; of one whose key went with a member it is taken that it was whole."""
        if DEAD_SHUT not in letter.attributes:
            return letter
        kept = self.history.workers.get(self.worker_of(letter.topic) or "")
        keys = () if kept is None else kept.documents.get(PersonKey.collection, ())
        key = next((each["key"] for each in keys if each["_id"] == DEAD_LETTERS), None)
        whole = opened_letter(key, Outgoing(letter.topic, letter.key, letter.value, list(letter.headers)))
        if whole is not None:
            return replace(letter, key=whole.key, value=whole.value, headers=tuple(whole.headers))
        reasons = tuple(each for each in letter.headers if each[0] in DEAD_HEADERS and each[0] != DEAD_SHUT)
        original = self.originals.get((place, offset))
        if original is None:
            return replace(letter, value=None, headers=reasons)
        sent = tuple(each for each in original.headers if each[0] not in DEAD_HEADERS)
        return replace(letter, key=original.key, value=original.value, headers=(*sent, *reasons))

    @cached_property
    def followers(self) -> dict[tuple[str, str], dict[int, Record]]:
        """By worker and cause, the first copies of what that worker said because of it, by number."""
        found: dict[tuple[str, str], dict[int, Record]] = defaultdict(dict)
        for record in self.history.records:
            source, number = self.made_from(record)
            if source is not None and record.cause is not None:
                found[source, record.cause].setdefault(number, record)
        return found

    def made_from(self, record: Record) -> tuple[str | None, int]:
        """Which worker said a message that follows from another, and as its how manieth; (None, 0) for the rest."""
        cause, name = record.cause, record.id
        if cause is None or name is None or not name.startswith(cause + "/") or record.topic.endswith(".dead"):
            return None, 0
        worker, _, number = name[len(cause) + 1 :].rpartition("-")
        return (worker, int(number)) if worker in self.history.workers and number.isdecimal() else (None, 0)

    @cached_property
    def arrivals(self) -> dict[str, dict[str, Place]]:
        """By worker and message id, from which partition it came."""
        found: dict[str, dict[str, Place]] = {}
        for worker, kept in self.history.workers.items():
            topics = {topic for topic, _ in kept.ends}
            records = [each for topic in topics for each in self.history.by_topic.get(topic, ())]
            found[worker] = {each.id: (each.topic, each.partition) for each in reversed(records) if each.id}
        return found

    @cached_property
    def reused(self) -> set[tuple[str, str | None, bytes | None]]:
        """Ids with what else was said under them, of which one copy at least became a dead letter for that."""
        letters = ((at, letter) for at, found in self.dead.items() for letter in found)
        places = [at for at, letter in letters if letter.attributes.get("dead_reason") == "id_reused"]
        originals = [self.originals[at] for at in places if at in self.originals]
        return {(each.id or "", each.type, each.value) for each in originals}

    @cached_property
    def originals(self) -> dict[tuple[Place, int], Record]:
        """Every record by its place."""
        return {((each.topic, each.partition), each.offset): each for each in self.history.records}
