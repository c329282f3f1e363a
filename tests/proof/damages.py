"""Damages: what a run left behind with one thing spoilt, and the name under which the checker must find it."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, Final, NamedTuple, TypeVar

from tests.proof.case import JOURNALLESS, UNREADABLE, Case, Raw
from tests.proof.history import Commit, History, Journaled, Record
from tests.proof.letters import SHUT
from tests.proof.simulation.memory import remembering_readers

T = TypeVar("T")
READERS: Final = remembering_readers()


class Damage(NamedTuple):
    """Something to spoil, and the code of what must be found then."""

    code: str
    spoil: Callable[[History], History]


DAMAGES: Final[dict[str, Damage]] = {}


def found_as(code: str) -> Callable[[Callable[[History], History]], Callable[[History], History]]:
    """File a damage under its function's name."""

    def file(spoil: Callable[[History], History]) -> Callable[[History], History]:
        DAMAGES[spoil.__name__] = Damage(code, spoil)
        return spoil

    return file


def case_of(history: History) -> Case:
    """A case that remembers what others have read."""
    return Case(history, READERS.envelope, READERS.body)


def without_place(history: History) -> list[str]:
    """The damages that have nothing to strike in a history."""
    lacking = []
    for name, damage in DAMAGES.items():
        try:
            damage.spoil(history)
        except LookupError:
            lacking.append(name)
    return lacking


# -- how things are spoilt


def first(several: Iterable[T]) -> T:
    """The first that is there; a damage without a place to strike proves nothing."""
    for each in several:
        return each
    raise LookupError("nothing here to damage: take another seed")


def without(history: History, *gone: Record) -> History:
    """The history without records."""
    places = {(each.topic, each.partition, each.offset) for each in gone}
    rest = (each for each in history.records if (each.topic, each.partition, each.offset) not in places)
    return replace(history, records=tuple(rest))


def instead(history: History, old: Record, **changes: Any) -> History:
    """The history with one record changed."""
    new = replace(old, **changes)
    return replace(history, records=tuple(new if each is old else each for each in history.records))


def once_more(history: History, old: Record, **changes: Any) -> History:
    """The history with a copy of a record, changed, at the end of its partition."""
    place = (old.topic, old.partition)
    end = 1 + max(each.offset for each in history.records if (each.topic, each.partition) == place)
    return replace(history, records=(*history.records, replace(old, offset=end, **changes)))


def headers(record: Record, **changes: str | None) -> tuple[tuple[str, bytes], ...]:
    """A record's headers with some changed, or dropped."""
    kept = tuple(each for each in record.headers if each[0] not in changes)
    return kept + tuple((name, text.encode()) for name, text in changes.items() if text is not None)


def keeping(history: History, worker: str, **changes: Any) -> History:
    """The history with something else that a worker keeps."""
    kept = replace(history.workers[worker], **changes)
    return replace(history, workers={**history.workers, worker: kept})


def journal(history: History, worker: str, old: Journaled, **changes: Any) -> History:
    """The history with one journal record changed; dropped without changes."""
    new = (replace(old, **changes),) if changes else ()
    rest = tuple(each for each in history.workers[worker].journal if each is not old)
    return keeping(history, worker, journal=rest + new)


def document(history: History, worker: str, collection: str, name: str, **changes: Any) -> History:
    """The history with one document changed, or made; dropped without changes."""
    documents = history.workers[worker].documents
    several = {each["_id"]: each for each in documents.get(collection, ())}
    old = several.pop(name, {"_id": name, "version": 1})
    new: tuple[Raw, ...] = ({**old, **changes},) if changes else ()
    return keeping(history, worker, documents={**documents, collection: (*several.values(), *new)})


def one_of(history: History, worker: str, collection: str, **fields: Any) -> Raw:
    """The first document that has these fields, or any."""
    several = history.workers[worker].documents.get(collection, ())
    return first(each for each in several if fields.items() <= {**each}.items())


def said_by_one(history: History, at_least: int = 2) -> tuple[str, str, list[Record]]:
    """A worker, a command of its own, and the first copies of the events that it said because of it, in order."""
    case = case_of(history)
    for (worker, cause), said in case.followers.items():
        events = [said[number] for number in sorted(said) if said[number].topic.endswith(".events")]
        if cause in case.answers and len(events) >= at_least and 1 in said and said[1] is events[0]:
            return worker, cause, events
    raise LookupError("no command with so many events")


def all_copies(history: History, record: Record) -> list[Record]:
    """A record and all that say the same."""
    return [each for each in history.records if (each.topic, each.id) == (record.topic, record.id)]


# -- commands and answers


@found_as("lost_command")
def a_command_is_lost(history: History) -> History:
    sent = first(each for each in history.sent if each.is_decodable)
    return without(history, *(each for each in history.records if (each.topic, each.id) == (sent.topic, sent.id)))


@found_as("misjudged")
def a_message_is_misjudged(history: History) -> History:
    one, *others = history.sent
    return replace(history, sent=(replace(one, is_decodable=not one.is_decodable), *others))


@found_as("without_dead_letter")
def a_dead_letter_is_lost_of_whose_value_there_is_another(history: History) -> History:
    case = case_of(history)
    letters = [each for each in case.letters if each.record.attributes["dead_reason"] in UNREADABLE]
    buried = [(each, case.originals[each.at]) for each in letters if each.at[0][0].endswith(".commands")]
    for letter, original in buried:
        if any(other.value == original.value and other.id != original.id for _, other in buried):
            return without(history, *case.dead[letter.at])
    raise LookupError("no two unreadable messages with the same value")


@found_as("without_outcome")
def a_command_is_not_journaled(history: History) -> History:
    worker, cause, _ = said_by_one(history)
    return journal(history, worker, case_of(history).journals[worker][cause])


@found_as("without_answer")
def a_command_has_no_answer(history: History) -> History:
    return without(history, *first(case_of(history).answers.values()))


@found_as("id_reused")
def a_used_id_counts_again(history: History) -> History:
    case = case_of(history)
    readable = [each for each in case.commands if case.envelopes[id(each)] is not None]
    names = {(each.id or "", each.type, each.value) for each in readable} & case.reused
    one = first(sorted(names, key=repr))
    again = (at for at, each in case.originals.items() if (each.id, each.type, each.value) == one)
    return without(history, *(letter for at in again for letter in case.dead.get(at, ())))


@found_as("ghost_answer")
def an_answer_is_to_nothing(history: History) -> History:
    answer = first(history.on("results"))
    return once_more(history, answer, headers=headers(answer, ce_subject="nobody", ce_id="nobody/result"))


@found_as("two_outcomes")
def a_byte_of_an_answer_is_another(history: History) -> History:
    answer = first(history.on("results"))
    return instead(history, answer, value=(answer.value or b"") + b" ")


@found_as("two_outcomes")
def the_journal_says_another_outcome(history: History) -> History:
    worker, cause, _ = said_by_one(history)
    return journal(history, worker, case_of(history).journals[worker][cause], outcome="refused")


# -- what was said


@found_as("unequal_copies")
def an_event_is_said_in_two_ways(history: History) -> History:
    _, _, events = said_by_one(history)
    return once_more(history, events[0], key=b"another")


@found_as("unequal_copies")
def a_dead_letter_is_written_in_two_ways(history: History) -> History:
    letter = first(each for each in history.records if each.topic.endswith(".dead"))
    return once_more(history, letter, headers=headers(letter, dead_detail="another"))


@found_as("ghost")
def an_event_has_no_cause(history: History) -> History:
    _, _, events = said_by_one(history)
    return instead(history, events[0], headers=headers(events[0], ce_causationid=None))


@found_as("ghost")
def something_is_said_from_memory(history: History) -> History:
    worker, _, events = said_by_one(history)
    promised = history.workers[worker].promised or ()
    return keeping(history, worker, promised=tuple(each for each in promised if each.value != events[0].value))


@found_as("lost_event")
def the_first_of_several_events_is_lost(history: History) -> History:
    _, _, events = said_by_one(history)
    return without(history, *all_copies(history, events[0]))


@found_as("undispatched")
def something_stays_in_an_outbox(history: History) -> History:
    return keeping(history, "cards", outbox_remains=1)


@found_as("unheard")
def an_event_is_not_heard(history: History) -> History:
    journaled = first(each for each in history.workers["notifications"].journal if each.result is None)
    return journal(history, "notifications", journaled)


@found_as("ghost")
def something_is_heard_that_nobody_said(history: History) -> History:
    kept = history.workers["notifications"]
    return keeping(history, "notifications", journal=(*kept.journal, replace(kept.journal[0], id="nothing")))


# -- dead letters


def _letter(history: History, *, shut: bool, reasons: frozenset[str]) -> Record:
    letters = (each for each in history.records if each.topic.endswith(".dead"))
    return first(x for x in letters if (SHUT in x.attributes) is shut and x.attributes["dead_reason"] in reasons)


@found_as("ghost_dead_letter")
def a_dead_letter_is_of_nothing(history: History) -> History:
    letter = _letter(history, shut=True, reasons=UNREADABLE)
    return instead(history, letter, headers=headers(letter, dead_offset="999999"))


@found_as("dead_letter_changed")
def a_dead_letter_misses_a_header(history: History) -> History:
    letter = _letter(history, shut=True, reasons=UNREADABLE | JOURNALLESS)
    return instead(history, letter, headers=headers(letter, ce_source=None))


@found_as("dead_letter_changed")
def a_shut_dead_letter_is_cut(history: History) -> History:
    letter = _letter(history, shut=True, reasons=UNREADABLE)
    return instead(history, letter, value=(letter.value or b"")[:-1])


@found_as("our_mistake")
def a_dead_letter_is_our_own_mistake(history: History) -> History:
    letter = _letter(history, shut=True, reasons=UNREADABLE)
    return instead(history, letter, headers=headers(letter, dead_reason="bug"))


@found_as("dead_letter_with_effect")
def what_is_dead_was_done(history: History) -> History:
    case = case_of(history)
    for letter in case.letters:
        worker = case.worker_of(letter.record.topic) or ""
        found = case.journals[worker].get(case.originals[letter.at].id or "")
        if letter.record.attributes["dead_reason"] in UNREADABLE and found is not None:
            return journal(history, worker, found, outcome="done")
    raise LookupError("nothing unreadable has an outcome")


# -- offsets


@found_as("offset_ahead")
def an_offset_is_beyond_the_end(history: History) -> History:
    kept = history.workers["cards"]
    place = first(place for place, end in kept.ends.items() if end)
    return keeping(history, "cards", committed={**kept.committed, place: kept.ends[place] + 1})


@found_as("lag")
def a_record_is_left(history: History) -> History:
    kept = history.workers["cards"]
    place = first(place for place, end in kept.ends.items() if end)
    return keeping(history, "cards", committed={**kept.committed, place: kept.ends[place] - 1})


@found_as("offset_ahead")
def offsets_are_committed_before_anything_is_said(history: History) -> History:
    commits = tuple(replace(each, sequence=0) for each in history.workers["cards"].commits)
    return keeping(history, "cards", commits=commits)


@found_as("offset_ahead")
def more_is_committed_than_there_is(history: History) -> History:
    kept = history.workers["cards"]
    beyond = Commit(f"{history.prefix}.cards.commands", 0, 10**6, 10**9)
    return keeping(history, "cards", commits=(*kept.commits, beyond))
