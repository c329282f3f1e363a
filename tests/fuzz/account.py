"""The account: every record that was sent, and what became of it, found out from topics and journals alone."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, Final

from contracts.messages import WORKERS, CommandEnded, Malformed, read_body
from contracts.topics import commands_topic
from runtime.decisions import Worker
from runtime.journal import Outgoing
from runtime.letters import DEAD_CUT, DEAD_HEADERS, DEAD_SHUT, opened_letter
from runtime.sayings import LARGEST_DEAD_BYTES
from runtime.serve import listen_topics
from tests.fuzz.shots import MESSAGES, Shot

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
    content: bytes
    """A hash of what it says, however it is written."""
    type: str | None
    marks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter: why, and what it kept."""

    reason: str
    digest: bytes | None
    """None where it was shut with a key that is gone by now."""
    is_cut: bool


@dataclass
class Aftermath:
    """What lies there when all is quiet."""

    letters: dict[tuple[str, Place], Letter] = field(default_factory=dict)
    doubled_letters: list[tuple[str, Place]] = field(default_factory=list)
    answers: dict[tuple[str, str], str] = field(default_factory=dict)
    """By worker and command: its outcome. Workers don't know of one another's ids."""
    torn_answers: set[tuple[str, str]] = field(default_factory=set)
    """Commands whose answers differ from one another."""
    journals: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """By worker: the ids of all that it finished, and how."""
    buried: set[tuple[str, str]] = field(default_factory=set)
    """Worker and id of every letter that has one."""
    _bytes: dict[tuple[str, str], bytes] = field(default_factory=dict)

    def take_letter(self, worker: str, record: Any, key: bytes | None) -> None:
        """A record of a dead letter topic, and the worker's key for them; one that isn't a letter was sent by us."""
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
        cut = headers.get(DEAD_CUT) or b""
        is_cut = cut.isdigit() and int(cut) > LARGEST_DEAD_BYTES
        whole: Outgoing | None = Outgoing(record.topic, record.key, record.value, list(record.headers))
        if DEAD_SHUT in headers and whole is not None:
            whole = opened_letter(key, whole)
        letter = Letter(reason, None if whole is None else digest_of(whole.key, whole.value, whole.headers), is_cut)
        message_id = headers.get("ce_id")
        if message_id is not None:
            self.buried.add((worker, message_id.decode(errors="replace")))
        before = self.letters.setdefault((worker, place), letter)
        if before != letter and None not in (before.digest, letter.digest):
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
        self._contents: dict[tuple[str, str], bytes] = {}
        """What each worker took under each id."""
        self._twins: set[tuple[str, str | None, bytes]] = set()
        """What has a letter: of twins in one batch the first gets it for all."""

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
        self._contents.clear()
        lying = [(name, self.sent[place]) for name, place in aftermath.letters if place in self.sent]
        self._twins = {(name, sent.id, sent.content) for name, sent in lying}
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
        letter = aftermath.letters.get((worker.name, place))
        answer = None if sent.id is None else aftermath.answers.get((worker.name, sent.id))
        if letter is not None:
            is_answered = is_command and sent.id is not None and letter.reason not in UNANSWERED
            if is_answered and answer is None:
                return f"dead letter ({letter.reason}) of {worker.name} without an answer to {sent.id}"
            return _fault_of(letter, sent) or ("failed" if is_answered else "dead letter")
        if not is_command and sent.type is not None and sent.type not in worker.handlers:
            return "passed over"
        return self._by_journal(worker.name, sent, aftermath, is_command=is_command, answer=answer)

    def _by_journal(
        self, worker: str, sent: Sent, aftermath: Aftermath, *, is_command: bool, answer: str | None
    ) -> str:
        """How a worker ended a record that has no letter of its own: its id tells."""
        outcome = None if sent.id is None else aftermath.journals[worker].get(sent.id)
        if sent.id is None or outcome is None:
            return f"{worker} finished it in no way"
        if is_command and answer != outcome:
            return f"{worker} finished it as {outcome}, and its answer is {answer}"
        name = (worker, sent.id)
        if outcome == "failed" or (outcome == "refused" and not is_command):
            return outcome if name in aftermath.buried else f"{worker} failed at it without a dead letter"
        if (*name, sent.content) in self._twins:
            return "dead letter"
        if self._contents.setdefault(name, sent.content) != sent.content:
            return f"{worker} took two contents under one id"
        return outcome


def _fault_of(letter: Letter, sent: Sent) -> str | None:
    """What is wrong with a letter's bytes."""
    if not letter.is_cut and letter.digest not in (None, sent.digest):
        return "its dead letter has other bytes"
    if letter.is_cut and sent.size <= LARGEST_DEAD_BYTES // 2:
        return "its dead letter was cut though it is small"
    return None


def sent_of(shot: Shot) -> Sent:
    """What is noted of a shot."""
    headers = dict(shot.headers)
    message_id, kind = headers.get("ce_id"), _text(headers.get("ce_type"))
    return Sent(
        digest=digest_of(shot.key, shot.value, shot.headers),
        size=shot.size,
        id=message_id.decode() if message_id is not None and is_readable(message_id) else None,
        content=_content(kind, shot.value),
        type=kind,
        marks=tuple(shot.marks),
    )


def _content(kind: str | None, value: bytes | None) -> bytes:
    try:
        return read_body(MESSAGES[kind or ""], value).digest()
    except (KeyError, Malformed):
        return blake2b(value or b"", digest_size=16).digest()


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
