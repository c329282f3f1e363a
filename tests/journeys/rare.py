"""Rare strings, every dress in which one could be left somewhere, and all that a system keeps, read raw."""

import base64
import hashlib
import html
import json
import quopri
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final
from unicodedata import combining, normalize
from urllib.parse import quote, quote_plus

import phonenumbers
from aiokafka import AIOKafkaConsumer, TopicPartition
from bson.raw_bson import RawBSONDocument
from phonenumbers import PhoneNumberFormat
from pymongo import MongoClient

from contracts.catalogue import EVENTS
from contracts.messages import WORKERS
from contracts.persons import PersonalEvent
from contracts.topics import dead_topic
from runtime.admin import connection, needed_topics
from runtime.journal import Outgoing
from runtime.letters import DEAD_SHUT, opened_letter
from runtime.persons import DEAD_LETTERS, PersonKey, blind, bound, read_open, token_in
from runtime.settings import Settings

LEAST: Final = 6
"""Bytes: what is shorter stands in many places by chance."""
CHARSETS: Final = ("utf-8", "latin-1", "utf-16-le", "utf-16-be", "utf-32-le")
DIGESTS: Final = ("md5", "sha1", "sha256", "sha512", "blake2b", "blake2s")
FORMATS: Final = (
    *(PhoneNumberFormat.E164, PhoneNumberFormat.INTERNATIONAL, PhoneNumberFormat.NATIONAL, PhoneNumberFormat.RFC3966),
)


def spellings(text: str) -> set[str]:
    """A text as people and programs write it: phones formatted, letters folded."""
    found = {text, normalize("NFC", text), normalize("NFD", text), text.casefold(), text.lower(), text.upper()}
    found.add("".join(each for each in normalize("NFD", text) if not combining(each)))
    if text.startswith("+"):
        phone = phonenumbers.parse(text)
        found |= {phonenumbers.format_number(phone, each) for each in FORMATS}
        found |= {text[1:], str(phone.national_number), f"0{phone.national_number}", str(phone.national_number)[-8:]}
    if "@" in text:
        found |= {text.partition("@")[0]}
    return found


def dresses(text: str) -> set[bytes]:
    """What to look for of one text, in bytes; backwards too, as search keys have it."""
    found: set[bytes] = set()
    for spelling in spellings(text):
        raw = spelling.encode()
        found |= {spelling.encode(each, errors="ignore") for each in CHARSETS} | {spelling[::-1].encode()}
        found |= {json.dumps(spelling)[1:-1].encode(), spelling.encode("unicode_escape"), repr(raw)[2:-1].encode()}
        found |= {quote(spelling, safe="").encode(), quote_plus(spelling).encode(), quopri.encodestring(raw).strip()}
        found |= {html.escape(spelling).encode(), spelling.encode("ascii", "xmlcharrefreplace")}
        found |= {raw.hex().encode(), raw.hex().upper().encode(), *in_base64(raw)}
        for name in DIGESTS:
            digest = hashlib.new(name, raw).digest()
            found |= {digest, digest.hex().encode(), *in_base64(digest)}
        for size in (8, 16, 32):
            digest = hashlib.blake2b(raw, digest_size=size).digest()
            found |= {digest, digest.hex().encode()}
    return {each for each in found if len(each) >= LEAST}


def in_base64(raw: bytes) -> Iterator[bytes]:
    """Base64 depends on where in three bytes it begins, so its ends are cut."""
    for padding in range(3):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            shifted = encode(b"\0" * padding + raw).rstrip(b"=")
            yield shifted[(0, 2, 3)[padding] + (padding > 0) : -2]


class Sieve:
    """Finds rare texts in whatever dress.

    There are thousands of dresses: only those whose beginning stands anywhere in the haystack are looked for.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        self._wanted = {text: dresses(text) for text in texts}

    def found(self, haystack: bytes) -> list[str]:
        """The texts that stand in there, in capitals or not."""
        lowered = haystack.lower()
        exact, folded = beginnings(haystack), beginnings(lowered)
        return [
            text
            for text, wanted in self._wanted.items()
            if any(each[:LEAST] in exact and each in haystack for each in wanted)
            or any(each[:LEAST] in folded and each in lowered for each in {each.lower() for each in wanted})
        ]


def beginnings(haystack: bytes) -> set[bytes]:
    """All that is so long as the shortest dress."""
    return {haystack[start : start + LEAST] for start in range(len(haystack) - LEAST + 1)}


def kept_in_mongodb(settings: Settings) -> Iterator[tuple[str, bytes]]:
    """Every document of every collection of every database of ours, as BSON."""
    with MongoClient[RawBSONDocument](settings.mongo_url.get_secret_value(), document_class=RawBSONDocument) as client:
        for name in client.list_database_names():
            if name.startswith(settings.prefix):
                for collection in client[name].list_collection_names():
                    yield f"{name}.{collection}", b"".join(each.raw for each in client[name][collection].find())


def kept_in_files(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Every file below a folder."""
    for file in folder.rglob("*"):
        if file.is_file():
            yield str(file), file.read_bytes()


async def records(settings: Settings) -> AsyncIterator[Any]:
    """Every record of every topic, from its beginning."""
    consumer = AIOKafkaConsumer(**connection(settings), enable_auto_commit=False)
    await consumer.start()
    try:
        topics = needed_topics(settings)
        places = [TopicPartition(topic.name, number) for topic in topics for number in range(topic.partitions)]
        ends = {place: end for place, end in (await consumer.end_offsets(places)).items() if end}
        consumer.assign(list(ends))
        await consumer.seek_to_beginning(*ends)
        while any([await consumer.position(place) < end for place, end in ends.items()]):
            for found in (await consumer.getmany(timeout_ms=200)).values():
                for record in found:
                    yield record
    finally:
        await consumer.stop()


def as_it_lies(record: Any) -> bytes:
    """A record's key, value and headers."""
    headers = b"\n".join(name.encode() + b": " + (value or b"") for name, value in record.headers)
    return b"\n".join((record.key or b"", record.value or b"", headers))


def keys_left(settings: Settings) -> dict[tuple[str, str], bytes]:
    """Every key that any worker still keeps, by worker and person."""
    with MongoClient[dict[str, Any]](settings.mongo_url.get_secret_value()) as client:
        return {
            (worker, raw["_id"]): raw["key"]
            for worker in WORKERS
            for raw in client[settings.database(worker)][PersonKey.collection].find()
        }


def as_it_opens(settings: Settings, record: Any, keys: Mapping[tuple[str, str], bytes]) -> bytes | None:
    """What was shut in a record, opened by the keys that are left; None where nothing was, or nothing opens it."""
    headers = {name: (value or b"").decode(errors="replace") for name, value in record.headers}
    if DEAD_SHUT in headers:
        worker = next(each for each in WORKERS if dead_topic(settings.prefix, each) == record.topic)
        letter = Outgoing(record.topic, record.key, record.value, list(record.headers))
        whole = opened_letter(keys.get((worker, DEAD_LETTERS)), letter)
        return None if whole is None else as_it_lies(whole)
    event, token = EVENTS.get(headers.get("ce_type", "")), token_in(record.value)
    if token is None or event is None or not issubclass(event, PersonalEvent):
        return None
    seen = blind(event).model_validate_json(record.value)
    key = keys.get((event.worker, seen.whose))
    if key is None:
        return None
    return read_open(event, record.value, token, key, bound(seen, headers["ce_id"])).encoded()
