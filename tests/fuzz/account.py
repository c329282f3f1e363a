"""The account: every record that was sent, and what became of it, found out from topics and journals alone."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, Final

from contracts.messages import WORKERS, CommandEnded, Malformed, read_body
from contracts.topics import commands_topic
from runtime.admin import DEAD_CUT, DEAD_HEADERS
from runtime.decisions import Worker
from runtime.sayings import LARGEST_DEAD_BYTES
from runtime.serve import listen_topics
from tests.fuzz.shots import Shot

Place = tuple[str, int, int]
UNANSWERED: Final = frozenset({"too_old", "id_reused"})
"""Reasons that get no answer: there may have been one already."""
ORDER: Final = ("passed over", "done", "refused", "failed", "dead letter")
"""Of several readers of a record the worst counts."""


@dataclass(frozen=True, slots=True)
class Sent:
    """What has to be known of a record to account for it."""

    digest: bytes
    size: int
    id: str | None
    """Its id, if it can be read; of a header that comes twice the last counts."""
    type: str | None
    marks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter: why, and what it kept."""

    reason: str
    digest: bytes
    is_cut: bool
    cut_from: int


@dataclass
class Aftermath:
    """What lies there when all is quiet."""

    letters: dict[tuple[str, Place], Letter] = field(default_factory=dict)
    doubled_letters: list[tuple[str, Place]] = field(default_factory=list)
    answers: dict[tuple[str, str], str] = field(default_factory=dict)
    """By worker and command: its outcome. Workers don't know of one another's ids."""
    torn_answers: set[tuple[str, str]] = field(default_factory=set)
    """Commands whose answers differ from one another."""
    journals: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """By worker: the ids of all that it finished."""
    _bytes: dict[tuple[str, str], bytes] = field(default_factory=dict)

    def take_letter(self, worker: str, record: Any) -> None:
        """A record of a dead letter topic; one that isn't a letter of the worker's was sent by us."""
        headers = dict(record.headers)
        try:
            place = (
                headers["dead_topic"].decode(),
                int(headers["dead_partition"]),
                int(headers["dead_offset"]),
            )
            reason = headers["dead_reason"].decode()
        except (KeyError, ValueError, AttributeError):
            return
        cut = headers.get(DEAD_CUT)
        cut_from = int(cut) if cut is not None and cut.isdigit() else 0
        letter = Letter(
            reason, digest_of(record.key, record.value, record.headers), cut_from > LARGEST_DEAD_BYTES, cut_from
        )
        before = self.letters.setdefault((worker, place), letter)
        if before != letter:
            self.doubled_letters.append((worker, place))

    def take_answer(self, record: Any) -> None:
        """A record of the results topic; one that is no answer was sent by us."""
        try:
            ended = read_body(CommandEnded, record.value)
        except Malformed:
            return
        worker = (dict(record.headers).get("ce_source") or b"").decode(errors="replace").rpartition("/")[2]
        if worker not in WORKERS:
            return
        name = (worker, ended.command_id)
        whole = blake2b(repr((record.key, record.value)).encode(), digest_size=16).digest()
        if self._bytes.setdefault(name, whole) != whole:
            self.torn_answers.add(name)
        self.answers[name] = ended.outcome.value


class Account:
    """Everything that was sent to topics."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self.sent: dict[Place, Sent] = {}

    def note(self, place: Place, shot: Shot) -> None:
        """A record was acknowledged at this place."""
        self.sent[place] = sent_of(shot)

    def judge(self, workers: Iterable[Worker[Any]], aftermath: Aftermath) -> tuple[dict[str, Counter[str]], list[str]]:
        """How each record ended, counted by topic; and what can't be accounted for, one line each."""
        readers: dict[str, list[Worker[Any]]] = defaultdict(list)
        for worker in workers:
            for topic in listen_topics(worker, self._prefix):
                readers[topic].append(worker)
        outcomes: dict[str, Counter[str]] = defaultdict(Counter)
        unaccounted = [f"two letters that differ: {each}" for each in aftermath.doubled_letters]
        unaccounted += [f"two answers that differ: {each}" for each in sorted(aftermath.torn_answers)]
        for place, sent in self.sent.items():
            found = [self._by(worker, place, sent, aftermath) for worker in readers.get(place[0], ())]
            unaccounted += [
                f"{place} {'+'.join(sent.marks)} {sent.type}: {text}" for text in found if text not in ORDER
            ]
            known = [each for each in found if each in ORDER]
            outcomes[place[0].removeprefix(f"{self._prefix}.")][_worst(known) if found else "lies there"] += 1
        return outcomes, unaccounted

    def _by(self, worker: Worker[Any], place: Place, sent: Sent, aftermath: Aftermath) -> str:
        """How a worker ended a record, or what is wrong with that."""
        is_command = place[0] == commands_topic(self._prefix, worker.name)
        journal = aftermath.journals[worker.name]
        answer = None if sent.id is None else aftermath.answers.get((worker.name, sent.id))
        letter = aftermath.letters.get((worker.name, place))
        if letter is not None:
            if not letter.is_cut and letter.digest != sent.digest:
                return f"the dead letter of {worker.name} has other bytes"
            if letter.is_cut and sent.size <= LARGEST_DEAD_BYTES // 2:
                return f"the dead letter of {worker.name} was cut though it is small"
            is_answered = letter.reason not in UNANSWERED and is_command and sent.id is not None
            if is_answered and answer is None:
                return f"dead letter ({letter.reason}) of {worker.name} without an answer to {sent.id}"
            return "failed" if is_answered else "dead letter"
        if is_command:
            if sent.id not in journal:
                return f"{worker.name} finished it in no way"
            return answer or f"{worker.name} finished it without an answer"
        if sent.id in journal:
            return "done"
        is_heard = sent.type is None or sent.type in worker.handlers
        return f"{worker.name} finished it in no way" if is_heard else "passed over"


def sent_of(shot: Shot) -> Sent:
    """What is noted of a shot."""
    headers = dict(shot.headers)
    message_id = headers.get("ce_id")
    return Sent(
        digest=digest_of(shot.key, shot.value, shot.headers),
        size=shot.size,
        id=message_id.decode() if message_id is not None and is_readable(message_id) else None,
        type=_text(headers.get("ce_type")),
        marks=tuple(shot.marks),
    )


def is_readable(raw: bytes) -> bool:
    """Whether an id can be read: visible ASCII, of a length that ids may have."""
    return 1 <= len(raw) <= 400 and all(0x21 <= byte <= 0x7E for byte in raw)


def _text(raw: bytes | None) -> str | None:
    try:
        return None if raw is None else raw.decode()
    except UnicodeDecodeError:
        return None


def _worst(outcomes: Sequence[str]) -> str:
    return max(outcomes, key=ORDER.index) if outcomes else "unaccounted"


def digest_of(key: bytes | None, value: bytes | None, headers: Iterable[tuple[str, bytes | None]]) -> bytes:
    """A hash of a record's bytes, less the headers that the runtime writes onto its dead letters."""
    kept = [(name, text) for name, text in headers if name not in DEAD_HEADERS]
    return blake2b(repr((key, value, kept)).encode(), digest_size=16).digest()
