"""Persons' keys: what is personal in events and dead letters is shut with a key, and gone for good when that goes.

A worker keeps the keys of those of whom it speaks, each with the person's first event in one transaction. Who hears of
them reads the key where it lies; nobody keeps a copy, so what was shut can't be opened from the moment a key is erased.
"""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from secrets import token_bytes
from typing import Annotated, Any, ClassVar, Final, TypeVar

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import BeforeValidator, create_model

from contracts.messages import Malformed, read_body
from contracts.persons import PersonalEvent
from runtime.documents import Document, Slot, View
from runtime.journal import JournalRecord, Outgoing

E = TypeVar("E", bound=PersonalEvent)

KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
DEAD_LETTERS: Final = "dead letters"
"""The id of the key with which a worker shuts what it could not process: nobody knows whose that is, so whenever a
member is removed it is erased, and what is buried later has another."""


class PersonKey(Document):
    """The key of one person; its id is theirs, where the worker speaks of them: a member's, an account's."""

    collection: ClassVar = "keys"

    key: bytes


@dataclass(frozen=True, slots=True)
class Shut(Outgoing):
    """A message whose value is to be shut, as soon as the key is at hand."""

    person: str
    is_new: bool
    """Whether nobody can have spoken of the person before: they have no key yet."""
    write: Callable[[bytes], bytes]
    """Its value, given the key."""

    def with_key(self, key: bytes) -> Outgoing:
        """The message as it is published."""
        return Outgoing(self.topic, self.key, self.write(key), self.headers)


def new_key(person: str) -> PersonKey:
    """A key by chance: nothing else leads to it."""
    return PersonKey(id=person, version=1, key=token_bytes(KEY_BYTES))


def shut(key: bytes, plain: bytes, bound_to: str) -> bytes:
    """What only this key opens, and only where it was bound to (AES-256-GCM, NIST SP 800-38D).

    The nonce is a keyed hash of what is shut and where, so that the same again is the same byte by byte, and two that
    differ have two.
    """
    nonces = hmac.digest(key, b"punchcard/nonces", "sha256")
    nonce = hmac.digest(nonces, bound_to.encode() + b"\n" + plain, "sha256")[:NONCE_BYTES]
    return nonce + AESGCM(key).encrypt(nonce, plain, bound_to.encode())


def opened(key: bytes, closed: bytes, bound_to: str) -> bytes | None:
    """What was shut with this key and bound to there; None where that isn't so."""
    try:
        return AESGCM(key).decrypt(closed[:NONCE_BYTES], closed[NONCE_BYTES:], bound_to.encode())
    except (InvalidTag, ValueError):
        return None


# -- events


def shut_event(event: PersonalEvent, message_id: str) -> tuple[bytes, Callable[[bytes], bytes]]:
    """An event's JSON without what is personal, and what writes all of it, given the person's key."""
    personal = set(event.personal)
    public = event.__pydantic_serializer__.to_json(event, exclude=personal)
    plain = event.__pydantic_serializer__.to_json(event, include=personal)
    bound_to = bound(event, message_id)

    def write(key: bytes) -> bytes:
        return b'%b,"personal":"%b"}' % (public[:-1], urlsafe_b64encode(shut(key, plain, bound_to)).rstrip(b"="))

    return public, write


def bound(event: PersonalEvent, message_id: str) -> str:
    """What an event's personal part is bound to: it opens in no other message."""
    return f"{type(event).__name__}\n{message_id}\n{event.whose}"


class _Token(msgspec.Struct):
    """Of an event's JSON what is shut; None where it came in clear."""

    personal: str | None = None


_TOKEN: Final = msgspec.json.Decoder(_Token)


def token_in(value: bytes | None) -> str | None:
    """What is shut in an event's JSON; None where nothing is, or where it is no such JSON."""
    try:
        return None if value is None else _TOKEN.decode(value).personal
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


@cache
def blind(event_class: type[E]) -> type[E]:
    """The event as those see it who have no key: it has the same name, and nothing in its personal fields."""
    nothing: Any = Annotated[None, BeforeValidator(lambda _: None)]
    hidden: dict[str, Any] = dict.fromkeys(event_class.personal, (nothing, None))
    found: type[E] = create_model(event_class.__name__, __base__=event_class, __module__=__name__, **hidden)
    found.personal = event_class.personal
    return found


def read_open(event_class: type[E], value: bytes, token: str, key: bytes, bound_to: str) -> E:
    """An event with what was shut in it.

    Raises:
        Malformed: the key opens nothing there, or what it opens is no such event.
    """
    try:
        closed = urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except ValueError:
        closed = b""
    plain = opened(key, closed, bound_to)
    if plain is None:
        raise Malformed("personal", "was not shut with this person's key, or for another message")
    return read_body(event_class, b"%b,%b" % (value.rstrip()[:-1], plain[1:]))


# -- what a batch says


def to_shut(records: Iterable[JournalRecord]) -> list[Shut]:
    """What of these records' messages is to be shut."""
    return [each for record in records for each in record.messages if type(each) is Shut]


def keys_wanted(messages: Iterable[Shut], view: View) -> list[Slot]:
    """Keys that may be there and that the view was not asked for yet."""
    slots = {_slot(each): None for each in messages if not each.is_new}
    return [slot for slot in slots if not view.knows(slot)]


def make_keys(messages: Iterable[Shut], view: View) -> dict[str, bytes]:
    """The keys of all of whom these messages speak, by person: the view takes in those that weren't there.

    Whoever goes in this very batch gets one that nobody keeps: a key that is made when theirs was erased would stay for
    good. So nothing opens what the batch says of them, nor the dead letters of a batch that removes somebody, whether
    it came to them before the removal or after.
    """
    keys: dict[str, bytes] = {}
    for each in messages:
        if each.person in keys:
            continue
        slot = _slot(each)
        key = view.at(slot) if view.knows(slot) else None
        if not isinstance(key, PersonKey):
            key = new_key(each.person)
            if not view.has_erased(slot):
                view.take({slot: key}, [])
        keys[each.person] = key.key
    return keys


def with_keys(records: Sequence[JournalRecord], keys: Mapping[str, bytes]) -> list[JournalRecord]:
    """The records with everything shut that is to be, by the keys of whom they speak."""
    return [
        replace(record, messages=with_key(record.messages, keys))
        if any(type(each) is Shut for each in record.messages)
        else record
        for record in records
    ]


def with_key(messages: Iterable[Outgoing], keys: Mapping[str, bytes]) -> tuple[Outgoing, ...]:
    """Messages with those shut that are to be, by the keys of whom they speak."""
    return tuple(each.with_key(keys[each.person]) if isinstance(each, Shut) else each for each in messages)


def _slot(message: Shut) -> Slot:
    return (PersonKey, message.person)
