"""The checker: judges the history of a run against what the design promises, with a model of its own.

It knows the contracts and takes nothing from the runtime or the workers: whoever gathers a history reads the journal
for it, and says where documents of each class are kept. A rule is a function: it takes the case and says what is wrong.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from contracts.messages import Outcome
from tests.proof.books import BOOKS
from tests.proof.case import BROKEN, JOURNALLESS, UNREADABLE, Case, Found, Letter, Violation
from tests.proof.conservation import CONSERVATION
from tests.proof.history import History, Kept, Place, Record, Saying
from tests.proof.letters import KEY_ID, KEYS, REASONS
from tests.proof.versions import crossings, versions_have_no_gaps


def nothing_sent_is_lost(case: Case) -> Found:
    """What the broker acknowledged lies in its topic, and what lies there can be read as it was meant to be."""
    there: dict[tuple[str, str | None, bytes | None], list[Record]] = defaultdict(list)
    for record in case.commands:
        there[record.topic, record.id, record.value].append(record)
    for sent in case.history.sent:
        found = there.get((sent.topic, sent.id, sent.body), [])
        if sent.is_acknowledged and not found:
            yield Violation("lost_command", f"{sent.id} was acknowledged and isn't in {sent.topic}")
        for record in found:
            if (case.envelopes[id(record)] is not None) is not sent.is_decodable:
                yield Violation("misjudged", f"{sent.id} is readable or not, unlike what its sender knows")


def each_command_has_one_outcome(case: Case) -> Found:
    """Every command that can be read is answered once, as its worker's journal says; the rest are dead letters."""
    for record in case.commands:
        place = ((record.topic, record.partition), record.offset)
        reasons = {each.attributes.get("dead_reason") for each in case.dead.get(place, ())}
        is_buried = bool(reasons & (UNREADABLE | JOURNALLESS))
        # A copy of one that was buried before, under an id that can be read, has no letter of its own.
        is_copy = record.id is not None and (record.topic, record.id, record.value) in case.buried
        if case.envelopes[id(record)] is None and not is_buried and not is_copy:
            yield Violation("without_dead_letter", f"{place} can't be read and has no dead letter")
        if record.id is None or reasons & JOURNALLESS or case.envelopes[id(record)] is None:
            continue
        worker = case.worker_of(record.topic) or ""
        journaled = case.journals.get(worker, {}).get(record.id)
        if journaled is None:
            yield Violation("without_outcome", f"{record.type} {record.id} is not in the journal of {worker}")
        if record.id not in case.answers:
            yield Violation("without_answer", f"{record.type} {record.id} has no answer")


def an_id_says_one_thing(case: Case) -> Found:
    """Of several contents under one id only one counts; the others are dead letters."""
    contents: dict[tuple[str, str], dict[tuple[str | None, bytes | None], list[Record]]] = defaultdict(dict)
    for record in case.commands:
        if record.id is not None and case.envelopes[id(record)] is not None:
            contents[record.topic, record.id].setdefault((record.type, record.value), []).append(record)
    for (_, name), several in contents.items():
        counting = [copies for copies in several.values() if not any(_is_reused(case, copy) for copy in copies)]
        if len(counting) > 1:
            yield Violation("id_reused", f"{len(counting)} contents count under {name}")


def _is_reused(case: Case, record: Record) -> bool:
    letters = case.dead.get(((record.topic, record.partition), record.offset), ())
    return any(letter.attributes.get("dead_reason") == "id_reused" for letter in letters)


def answers_are_what_the_journal_says(case: Case) -> Found:
    """An answer has its command and says what the journal says, byte by byte."""
    known = {record.id for record in case.commands}
    journaled = {each.id: each for journal in case.journals.values() for each in journal.values() if each.result}
    for name, copies in case.answers.items():
        if name not in known:
            yield Violation("ghost_answer", f"an answer to {name}, which nobody sent")
        said = journaled.get(name)
        if said is None or said.result is None:
            yield Violation("ghost_answer", f"an answer to {name}, of which no journal knows")
            continue
        result = said.result
        for copy in copies:
            if (copy.key, copy.value, copy.headers) != (result.key, result.value, result.headers):
                yield Violation("two_outcomes", f"{name} was answered with something that its journal doesn't say")
        if case.ended[name].outcome.value != said.outcome:
            yield Violation("two_outcomes", f"{name} ended as {said.outcome} and was answered otherwise")


def copies_are_equal(case: Case) -> Found:
    """Copies of what follows from a message, and of dead letters, are equal byte by byte."""
    first: dict[tuple[str, str], Record] = {}
    for record in case.history.records:
        if record.topic.endswith(".dead") or record.cause is None or record.id is None:
            continue
        if first.setdefault((record.topic, record.id), record).content != record.content:
            yield Violation("unequal_copies", f"{record.id} was said in two ways on {record.topic}")
    for place, letters in case.dead.items():
        if len({letter.content for letter in letters if case.worker_of(letter.topic)}) > len(_topics(letters)):
            yield Violation("unequal_copies", f"two kinds of dead letters for {place}")


def _topics(records: Iterable[Record]) -> set[str]:
    return {record.topic for record in records}


def nothing_is_said_without_a_cause(case: Case) -> Found:
    """Whatever a worker said follows from a message that it finished as done, and from what it was told."""
    for (worker, cause), said in case.followers.items():
        journaled = case.journals[worker].get(cause)
        if journaled is None:
            yield Violation(
                "ghost", f"{said[min(said)].type} of {worker} follows from {cause}, which it never finished"
            )
        elif journaled.outcome != Outcome.DONE.value:
            yield Violation("ghost", f"{said[min(said)].type} of {worker} follows from {cause}: {journaled.outcome}")
    for record in case.history.records:
        if record.topic.endswith(".events") and case.made_from(record)[0] != case.worker_of(record.topic):
            yield Violation("ghost", f"{record.type} {record.id} on {record.topic} was caused by nothing")


def nothing_is_said_from_memory(case: Case) -> Found:
    """Whatever a worker said was committed, with these very bytes, and that commit stood."""
    promised = {worker: _contents(kept.promised) for worker, kept in case.history.workers.items() if kept.promised}
    for (worker, _), said in case.followers.items():
        for each in said.values():
            if worker in promised and (each.topic, *each.content) not in promised[worker]:
                yield Violation("ghost", f"{each.type} {each.id} was said and never committed")


def _contents(said: Iterable[Saying] | None) -> set[object]:
    return {(each.topic, each.key, each.value, each.headers) for each in said or ()}


def nothing_that_happened_is_unsaid(case: Case) -> Found:
    """All that a finished message said lies in its topic."""
    for (worker, cause), said in case.followers.items():
        if sorted(said) != list(range(1, len(said) + 1)):
            yield Violation("lost_event", f"{worker} said {sorted(said)} because of {cause}")
    for name, ended in case.ended.items():
        workers = [worker for worker, journal in case.journals.items() if name in journal]
        events = [
            each.type
            for worker in workers
            for _, each in sorted(case.followers.get((worker, name), {}).items())
            if each.topic.endswith(".events")
        ]
        if events != [each.type for each in ended.events]:
            yield Violation("lost_event", f"{name} was answered with {[each.type for each in ended.events]}: {events}")


def nothing_that_was_committed_is_unsaid(case: Case) -> Found:
    """All that a commit put into an outbox lies in its topic, and every answer, and the outbox is empty."""
    there = {(each.topic, *each.content) for each in case.history.records}
    for worker, kept in case.history.workers.items():
        for each in kept.promised or ():
            if (each.topic, each.key, each.value, each.headers) not in there:
                yield Violation(
                    "lost_event", f"{worker} committed {dict(each.headers).get('ce_id')!r} and never said it"
                )
        for journaled in kept.journal:
            answer = journaled.result
            if answer is not None and (answer.topic, answer.key, answer.value, answer.headers) not in there:
                yield Violation("without_answer", f"{worker} never answered {journaled.id}")
        if kept.outbox_remains or any(each.pending for each in kept.journal):
            yield Violation("undispatched", f"{worker} has {kept.outbox_remains} parts left in its outbox")


def everybody_hears_everything(case: Case) -> Found:
    """A worker finished every message that it has a handler for, in every topic that it listens to, and no other."""
    for worker, kept in case.history.workers.items():
        heard = _heard(case, worker, kept)
        for name in heard.keys() - case.journals[worker].keys():
            yield Violation("unheard", f"{worker} never finished {heard[name].type} {name}")
        for name in case.journals[worker].keys() - heard.keys():
            yield Violation("ghost", f"{worker} finished {name}, which lies in none of its topics")


def _heard(case: Case, worker: str, kept: Kept) -> dict[str, Record]:
    heard: dict[str, Record] = {}
    for topic in {topic for topic, _ in kept.ends}:
        is_own = topic == f"{case.history.prefix}.{worker}.commands"
        for record in case.history.by_topic.get(topic, ()):
            if record.id is None or not (is_own or record.type in kept.handles):
                continue
            letters = case.dead.get(((record.topic, record.partition), record.offset), ())
            own = {each.attributes.get("dead_reason") for each in letters if case.worker_of(each.topic) == worker}
            if not own & JOURNALLESS:
                heard.setdefault(record.id, record)
    return heard


def dead_letters_are_whole_and_harmless(case: Case) -> Found:
    """A dead letter holds its original's bytes, says why, and had no effect; none is there by our own mistake."""
    for (place, offset), letters in case.dead.items():
        letter = letters[0]
        original = case.originals.get((place, offset))
        reason = letter.attributes.get("dead_reason")
        if original is None:
            yield Violation("ghost_dead_letter", f"for {place} {offset}, where nothing is")
            continue
        if "dead_cut_from_bytes" not in letter.attributes and (
            (letter.key, letter.value) != (original.key, original.value)
            or not {each for each in original.headers if each[0] not in REASONS} <= set(letter.headers)
        ):
            yield Violation("dead_letter_changed", f"for {place} {offset}: not the original's bytes")
        if reason in BROKEN:
            said = letter.attributes
            yield Violation("our_mistake", f"{original.type} {original.id}: {reason} {said.get('dead_detail')}")
        worker = case.worker_of(letter.topic) or ""
        journaled = case.journals.get(worker, {}).get(original.id or "")
        if reason not in JOURNALLESS and journaled is not None and journaled.outcome == Outcome.DONE.value:
            yield Violation("dead_letter_with_effect", f"{original.id} is a dead letter ({reason}) and was done")


def offsets_follow_what_they_caused(case: Case) -> Found:
    """No offset is committed before everything below it was answered and said; in the end none is left."""
    for worker, kept in case.history.workers.items():
        for place, end in kept.ends.items():
            if kept.committed.get(place, 0) > end:
                yield Violation("offset_ahead", f"{worker} stands beyond the end of {place}")
            if kept.committed.get(place, 0) < end:
                yield Violation("lag", f"{worker} stands at {kept.committed.get(place, 0)} of {end} in {place}")
        yield from _commits_in_time(case, worker, kept)


def _commits_in_time(case: Case, worker: str, kept: Kept) -> Found:
    reached: dict[Place, int] = {}
    for commit in kept.commits:
        place = (commit.topic, commit.partition)
        low = reached.get(place, 0)
        for offset in range(low, commit.offset):
            original = case.originals.get((place, offset))
            if original is None:
                yield Violation("offset_ahead", f"{worker} committed {commit.offset} in {place}, beyond its end")
                break
            for effect in _effects(case, worker, original):
                if effect.sequence > commit.sequence:
                    text = f"{worker} committed {place} {commit.offset} before {effect.type} {effect.id} was said"
                    yield Violation("offset_ahead", text)
        reached[place] = max(low, commit.offset)


def _effects(case: Case, worker: str, original: Record) -> Iterator[Record]:
    """The first copies of all that a record caused."""
    letters = case.dead.get(((original.topic, original.partition), original.offset), ())
    own = [each for each in letters if case.worker_of(each.topic) == worker]
    # A twin within its batch has no letter of its own, until it comes again in another.
    first = case.first_letter(worker, ((original.topic, original.partition), original.offset)) if own else None
    if first is not None:
        yield first
    # What follows from the id follows from its other content.
    is_reused = (original.id or "", original.type, original.value) in case.reused
    if is_reused or any(each.attributes.get("dead_reason") in JOURNALLESS for each in own):
        return
    yield from case.followers.get((worker, original.id or ""), {}).values()
    if original.topic == f"{case.history.prefix}.{worker}.commands":
        yield from case.answers.get(original.id or "", ())[:1]


RULES: Final[list[Callable[[Case], Found]]] = [
    nothing_sent_is_lost,
    each_command_has_one_outcome,
    an_id_says_one_thing,
    answers_are_what_the_journal_says,
    copies_are_equal,
    nothing_is_said_without_a_cause,
    nothing_is_said_from_memory,
    nothing_that_happened_is_unsaid,
    nothing_that_was_committed_is_unsaid,
    everybody_hears_everything,
    dead_letters_are_whole_and_harmless,
    offsets_follow_what_they_caused,
    versions_have_no_gaps,
    *BOOKS,
    *CONSERVATION,
]


def judge(case: Case) -> list[Violation]:
    """Everything that is wrong with a case; nothing, if all promises were kept."""
    return [violation for rule in RULES for violation in rule(case)]


def crossed(case: Case) -> list[Violation]:
    """Events that passed others about the same aggregate, from other partitions: no promise, but worth knowing."""
    return list(crossings(case))


def compare(before: History, after: History) -> list[Violation]:
    """What a replay of the whole input changed: nothing may have, and every answer must have been given again."""
    return [*_changed_documents(before, after), *_said_anew(before, after), *_not_given_again(before, after)]


REPLACED: Final = frozenset({(KEYS, KEY_ID)})
"""Documents that a replay may make: what can't be read is buried again, and a removal took the key that was there."""
WHERE: Final = frozenset({"dead_partition", "dead_offset", "dead_at"})
"""Reasons of a dead letter that say which record it was, of several that are equal."""


def _changed_documents(before: History, after: History) -> Found:
    for worker, kept in before.workers.items():
        now = after.workers[worker]
        for name in kept.documents.keys() | now.documents.keys():
            old = {each["_id"]: dict(each) for each in kept.documents.get(name, ())}
            new = {each["_id"]: dict(each) for each in now.documents.get(name, ())}
            for changed in sorted(key for key in old.keys() | new.keys() if old.get(key) != new.get(key)):
                if (name, changed) not in REPLACED or changed in old:
                    yield Violation("replay_changed", f"{worker}: {name} {changed}")
        outcomes = [{(each.id, each.outcome, each.result) for each in one.journal} for one in (kept, now)]
        for changed in sorted({each[0] for each in outcomes[0] ^ outcomes[1]}):
            yield Violation("replay_changed", f"{worker}: the outcome of {changed}")


def _said_anew(before: History, after: History) -> Found:
    """Only equal copies of what there was may be there; of dead letters, of what they were shut over."""
    said = {(record.topic, record.content) for record in before.records}
    for record in after.records:
        if not record.topic.endswith((".dead", ".commands")) and (record.topic, record.content) not in said:
            yield Violation("replay_changed", f"{record.type} {record.id} is new on {record.topic}")
    buried = {_without_place(letter) for letter in Case(before).letters}
    for letter in Case(after).letters:
        if _without_place(letter) not in buried:
            why = [letter.record.attributes.get(name) for name in ("dead_reason", "dead_detail")]
            yield Violation("replay_buried", f"{letter.record.type} {letter.record.id}: {why}")


def _without_place(letter: Letter) -> tuple[Any, ...]:
    """A letter wherever its original lay: of two equal records under a used id both have one if they came apart."""
    record = letter.record
    headers = tuple(each for each in record.headers if each[0] not in WHERE)
    return record.topic, record.key, record.value, headers


def _not_given_again(before: History, after: History) -> Found:
    """Where an answer was not given once more nothing was replayed, and nothing is proved."""
    given = [Counter(each.attributes.get("ce_subject") for each in one.on("results")) for one in (before, after)]
    silent = [name for name, count in given[0].items() if given[1][name] <= count]
    if silent:
        yield Violation("not_replayed", f"{len(silent)} of {len(given[0])} answers were not given again: {silent[0]}")
