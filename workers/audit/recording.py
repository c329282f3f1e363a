"""What is recorded: every event of every worker, how every command ended, and who looked at what.

All of it meets one hot function, `record`; it reads no field that it needn't, and hashes the bytes as they are kept.
"""

from collections.abc import Iterator
from datetime import datetime
from functools import cache, lru_cache
from json.encoder import encode_basestring as quoted
from typing import Any

from contracts.audit import RecordLook
from contracts.catalogue import EVENTS
from contracts.messages import CommandEnded, Message, Outcome, wire_time
from contracts.removal import MemberRemoved
from contracts.subjects import LISTS, SUBJECTS, subjects_of
from runtime.documents import Erase
from runtime.persons import DEAD_LETTERS, PersonKey
from workers import Changes, Context
from workers.audit.chains import BEGINNING, chain_of, entry_hash, entry_id
from workers.audit.documents import Chain, Entry
from workers.audit.worker import worker


def record(message: Message, chain: Chain | None, context: Context) -> Changes:
    """Add an entry to the message's chain; the chain's head moves with it."""
    yield from linked(message, subjects_of(message), chain, context)


@worker.handles(CommandEnded)
def record_outcome(message: CommandEnded, chain: Chain | None, context: Context) -> Changes:
    """Add an entry on how a command ended; that a look was recorded is said by its own entry."""
    if message.command == RecordLook.__name__ and message.outcome is Outcome.DONE:
        return
    yield from linked(message, outcome_subjects(message), chain, context)


@worker.handles(RecordLook)
def record_look(command: RecordLook, chain: Chain | None, context: Context) -> Changes:
    """Add an entry on what somebody looked at."""
    yield from linked(command, (command.subject, *command.also), chain, context)


@worker.handles(MemberRemoved)
def record_removal(message: MemberRemoved, chain: Chain | None, context: Context) -> Changes:
    """Add an entry on a member who is gone; nothing here leads to them, but for letters of which nobody knows whose."""
    yield from linked(message, subjects_of(message), chain, context)
    yield Erase(PersonKey, DEAD_LETTERS)


def linked(message: Message, subjects: tuple[str, ...], chain: Chain | None, context: Context) -> Iterator[Any]:
    """The entry for a message, tied to the end of its chain, and the chain's new head.

    What was done in a call is about the call, too, so that all of it is one read.
    """
    call_id = context.actor.call_id
    if call_id is not None and call_id not in subjects:
        subjects = (*subjects, call_id)
    name = chain.id if chain is not None else chain_of(message)
    sequence = chain.length + 1 if chain is not None else 1
    number = entry_id(name, sequence)
    content = content_of(message, subjects, context)
    digest = entry_hash(chain.hash if chain is not None else BEGINNING, number, content)
    yield Entry(id=number, content=content, hash=digest, subjects=subjects, happened_at=context.time)
    yield Chain(id=name, length=sequence, hash=digest)


def content_of(message: Message, subjects: tuple[str, ...], context: Context) -> str:
    """Who said what when, as JSON, without anything personal.

    Put together by hand from what is JSON already: an encoder for it took half of the time of an entry.
    """
    actor = context.actor
    call_id = "null" if actor.call_id is None else quoted(actor.call_id)
    about = ",".join([quoted(subject) for subject in subjects])
    body = message.__pydantic_serializer__.to_json(message, exclude=left_out(type(message))).decode()
    return (
        f'{{"what":"{type(message).__name__}","worker":"{message.worker}","id":{quoted(context.id)},'
        f'"correlation_id":{quoted(context.correlation_id)},'
        f'"actor":{{"kind":"{actor.kind.value}","id":{quoted(actor.id)},"call_id":{call_id}}},'
        f'"happened_at":"{wire_time(context.time)}","recorded_at":"{recorded_at(context.now)}",'
        f'"subjects":[{about}],"body":{body}}}'
    )


@lru_cache(maxsize=16)
def recorded_at(now: datetime) -> str:
    """A batch's instant in its wire form; all of a batch share one."""
    return wire_time(now)


@cache
def left_out(message_class: type[Message]) -> set[str]:
    """Fields that don't go into entries: personal ones, and of an outcome what entries have elsewhere already.

    An outcome's digest neither: entries stay, and who has the secret could try against it what somebody had said.
    """
    own = {"events", "subjects", "body_digest"} if message_class is CommandEnded else set()
    return {*message_class.personal, *own}


def outcome_subjects(ended: CommandEnded) -> tuple[str, ...]:
    """What a command was about, and what came of it: a registration's member is known only from its event."""
    found = dict.fromkeys(ended.subjects if ended.subject is None else (ended.subject, *ended.subjects))
    for said in ended.events:
        for name in SUBJECTS:
            subject = said.body.get(name)
            if isinstance(subject, str):
                found[subject] = None
        for name in LISTS:
            several = said.body.get(name)
            if isinstance(several, list):
                found |= {each: None for each in several if isinstance(each, str)}
    return tuple(found)


for event in EVENTS.values():
    if event.worker != worker.name and event is not MemberRemoved:
        worker.handles(event)(record)
