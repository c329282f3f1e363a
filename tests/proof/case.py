"""A case: a history, sorted as the checker's rules need it."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, NamedTuple

from contracts.catalogue import COMMANDS, EVENTS
from contracts.messages import CommandEnded, Envelope, Malformed, read_body, read_envelope
from tests.proof import letters
from tests.proof.history import Headers, History, Journaled, Place, Record

Raw = Mapping[str, Any]
At = tuple[Place, int]
"""Where a record lies: its partition and its offset."""


@dataclass(frozen=True, slots=True)
class Violation:
    """A promise that was broken: its short name, and what shows it."""

    code: str
    text: str


class Letter(NamedTuple):
    """A dead letter with what it was shut over, and where its original lies."""

    at: At
    record: Record
    is_on_trust: bool
    """Whether nobody can open it any more: of what is shut in it only the length is known."""


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
    def letters(self) -> list[Letter]:
        """All dead letters, opened."""
        return [self._opened(record) for record in self.history.records if record.topic.endswith(".dead")]

    @cached_property
    def dead(self) -> dict[At, list[Record]]:
        """By the place of the original, its dead letters."""
        found: dict[At, list[Record]] = defaultdict(list)
        for letter in self.letters:
            found[letter.at].append(letter.record)
        return found

    def first_letter(self, worker: str, at: At) -> Record | None:
        """A worker's first dead letter of a record, or of a twin: one is enough, in whichever batches they are."""
        name = self._twins.get(at)
        return None if name is None else self._first_letters.get((worker, *name))

    @cached_property
    def _twins(self) -> dict[At, tuple[Any, ...]]:
        """What a record's twins have in common, for all that have dead letters; what has no id has no twins."""
        found: dict[At, tuple[Any, ...]] = {}
        for at in self.dead:
            original = self.originals.get(at)
            if original is not None:
                found[at] = (at[0], original.id, original.type, original.value) if original.id else at
        return found

    @cached_property
    def _first_letters(self) -> dict[tuple[Any, ...], Record]:
        found: dict[tuple[Any, ...], Record] = {}
        for at, name in self._twins.items():
            for letter in self.dead[at]:
                key = (self.worker_of(letter.topic), *name)
                if key not in found or letter.sequence < found[key].sequence:
                    found[key] = letter
        return found

    @cached_property
    def buried(self) -> set[tuple[str, str | None, bytes | None]]:
        """Topic, id and value of all that can't be read, or came under a used id, and has a dead letter for that."""
        found: set[tuple[str, str | None, bytes | None]] = set()
        for letter in self.letters:
            original = self.originals.get(letter.at)
            if original is not None and letter.record.attributes.get("dead_reason") in UNREADABLE | JOURNALLESS:
                found.add((original.topic, original.id, original.value))
        return found

    @cached_property
    def letters_on_trust(self) -> int:
        """How many dead letters nobody can open any more."""
        return sum(letter.is_on_trust for letter in self.letters)

    def _opened(self, record: Record) -> Letter:
        """A letter with what it was shut over; one whose key went with a member is taken for whole if it can be."""
        said = record.attributes
        at = ((said.get("dead_topic", ""), int(said.get("dead_partition", -1))), int(said.get("dead_offset", -1)))
        if letters.SHUT not in said:
            return Letter(at, record, is_on_trust=False)
        key = self.documents(self.worker_of(record.topic) or "", letters.KEYS).get(letters.KEY_ID)
        whole = None if key is None else letters.opened(key["key"], record)
        if whole is None and self._is_somebody_gone and at in self.originals:
            trusted = letters.taken_on_trust(record, self.originals[at])
            return Letter(at, trusted or record, is_on_trust=trusted is not None)
        return Letter(at, whole or record, is_on_trust=False)

    @cached_property
    def _is_somebody_gone(self) -> bool:
        """Whether a member was removed: nothing else takes the keys to dead letters."""
        return any(record.type == "MemberRemoved" for record in self.history.on("registration.events"))

    def documents(self, worker: str, collection: str) -> Mapping[str, Raw]:
        """By id, what a worker keeps in a collection."""
        found = self._documents.get((worker, collection))
        if found is None:
            kept = self.history.workers.get(worker)
            several = () if kept is None else kept.documents.get(collection, ())
            found = self._documents[worker, collection] = {each["_id"]: each for each in several}
        return found

    @cached_property
    def _documents(self) -> dict[tuple[str, str], Mapping[str, Raw]]:
        return {}

    @cached_property
    def first_events(self) -> list[Record]:
        """The first copies of all events, as they lie there."""
        found: dict[str, Record] = {}
        for record in self.history.records:
            if record.topic.endswith(".events") and record.type in EVENTS and record.id is not None:
                found.setdefault(record.id, record)
        return list(found.values())

    @cached_property
    def events(self) -> dict[str, list[Record]]:
        """The same, by type."""
        found: dict[str, list[Record]] = defaultdict(list)
        for record in self.first_events:
            found[record.type or ""].append(record)
        return found

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
        """By worker and message id, from which partition came what counts under that id."""
        found: dict[str, dict[str, Place]] = {}
        for worker, kept in self.history.workers.items():
            topics = {topic for topic, _ in kept.ends}
            records = [each for topic in topics for each in self.history.by_topic.get(topic, ())]
            counting = [each for each in records if each.id and (each.id, each.type, each.value) not in self.reused]
            found[worker] = {each.id or "": (each.topic, each.partition) for each in reversed(counting)}
        return found

    @cached_property
    def reused(self) -> set[tuple[str, str | None, bytes | None]]:
        """Ids with what else was said under them, of which one copy at least became a dead letter for that."""
        buried = ((at, letter) for at, found in self.dead.items() for letter in found)
        places = [at for at, letter in buried if letter.attributes.get("dead_reason") == "id_reused"]
        originals = [self.originals[at] for at in places if at in self.originals]
        return {(each.id or "", each.type, each.value) for each in originals}

    @cached_property
    def originals(self) -> dict[At, Record]:
        """Every record by its place."""
        return {((each.topic, each.partition), each.offset): each for each in self.history.records}
