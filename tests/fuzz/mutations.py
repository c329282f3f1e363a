"""Mutations: what is done to a valid message; each is a function of chance and a shot."""

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Final

from tests.fuzz.absurdities import ABSURD_DAYS, ABSURD_IDS, ABSURD_NUMBERS, ABSURD_TEXTS, ABSURD_TIMES
from tests.fuzz.shots import Shot, message_id

Mutation = Callable[[Random, Shot], None]

LONGEST_VALUE: Final = 700_000
"""Largest value that is sent: the broker takes up to a mebibyte with all that belongs to a record."""


def _body(shot: Shot) -> Any:
    try:
        return json.loads(shot.value or b"")
    except (ValueError, RecursionError):
        return {}


def _write(shot: Shot, body: Any) -> None:
    shot.value = json.dumps(body, ensure_ascii=True).encode()[:LONGEST_VALUE]


def _places(value: Any, found: list[tuple[Any, Any]] | None = None) -> list[tuple[Any, Any]]:
    """Every place in a JSON value: its container, and the key or number in it."""
    found = [] if found is None else found
    items: Sequence[tuple[Any, Any]] = ()
    if isinstance(value, dict):
        items = list(value.items())
    elif isinstance(value, list):
        items = list(enumerate(value))
    for key, inner in items:
        found.append((value, key))
        _places(inner, found)
    return found


def _change_field(random: Random, shot: Shot, change: Callable[[Any], Any]) -> None:
    body = _body(shot)
    places = _places(body)
    if not places:
        return
    container, key = random.choice(places)
    container[key] = change(container[key])
    _write(shot, body)


# ---------------------------------------------------------------- the value's bytes


def flips_bits(random: Random, shot: Shot) -> None:
    """Bits of the value."""
    raw = bytearray(shot.value or b"\0")
    for _ in range(random.choice((1, 1, 1, 8))):
        raw[random.randrange(len(raw))] ^= 1 << random.randrange(8)
    shot.value = bytes(raw)


def truncates(random: Random, shot: Shot) -> None:
    """The value ends early."""
    shot.value = (shot.value or b"")[: random.randrange(len(shot.value or b"") + 1)]


def splices(random: Random, shot: Shot) -> None:
    """A piece of the value stands there twice."""
    raw = shot.value or b""
    start, end = sorted((random.randrange(len(raw) + 1), random.randrange(len(raw) + 1)))
    shot.value = raw[:end] + raw[start:]


def nulls_the_value(random: Random, shot: Shot) -> None:
    """No value at all: what Kafka calls a tombstone."""
    shot.value = random.choice((None, None, b"", b"null", b"[]", b"{}", b"0", b'""', b"true"))


def writes_garbage(random: Random, shot: Shot) -> None:
    """Bytes that mean nothing."""
    shot.value = random.randbytes(random.choice((1, 7, 64, 1_000, 20_000)))


def recodes(random: Random, shot: Shot) -> None:
    """Another encoding, or a mark of one."""
    text = (shot.value or b"").decode("utf-8", "replace")
    shot.value = random.choice(
        (
            text.encode("utf-16"),
            text.encode("utf-32-le"),
            b"\xef\xbb\xbf" + text.encode(),
            (shot.value or b"").replace(b'"', b'"\xff\xfe', 1),
            (shot.value or b"").replace(b'":"', b'":"\xc3\x28', 1),
            (shot.value or b"").replace(b'":"', b'":"\\ud800', 1),
            (shot.value or b"").replace(b'":"', b'":"\\u0000', 1),
        )
    )


def nests_deeply(random: Random, shot: Shot) -> None:
    """Brackets within brackets."""
    depth = random.choice((50, 200, 5_000, 100_000))
    opening, closing = random.choice(((b"[", b"]"), (b'{"a":', b"}")))
    nested = opening * depth + b"1" + closing * depth
    shot.value = random.choice((nested, b'{"card_number":' + nested + b"}"))[:LONGEST_VALUE]


def grows(random: Random, shot: Shot) -> None:
    """Very long, in one field or in many."""
    body = _body(shot)
    if not isinstance(body, dict):
        return
    kind = random.randrange(3)
    if kind == 0:
        body["unheard_of"] = "x" * random.choice((1_000, 1_000, 1_000, 100_000, 600_000))
    elif kind == 1:
        body |= {f"field_{number}": number for number in range(5_000)}
    else:
        for name, value in body.items():
            if isinstance(value, list) and value:
                body[name] = value * random.choice((10, 600, 2_000))
    _write(shot, body)


# ---------------------------------------------------------------- the value's fields


def confuses_types(random: Random, shot: Shot) -> None:
    """A field holds another kind of thing."""
    other: Any = random.choice((None, True, 1, 1.5, "text", [], {}, [None], {"$gt": ""}, [[]], {"a": {"b": []}}))
    _change_field(random, shot, lambda _: other)


def writes_huge_numbers(random: Random, shot: Shot) -> None:
    """Numbers beyond all that fits."""
    _change_field(random, shot, lambda _: random.choice(ABSURD_NUMBERS))
    if random.random() < 0.1:
        shot.value = (shot.value or b"").replace(
            b":", random.choice((b':NaN,"x":', b':-Infinity,"x":', b':1e99999,"x":')), 1
        )


def writes_absurd_texts(random: Random, shot: Shot) -> None:
    """Texts that other systems stumbled over."""
    _change_field(random, shot, lambda _: random.choice(ABSURD_TEXTS))


def writes_absurd_times(random: Random, shot: Shot) -> None:
    """Times before and after all clocks, in a field that holds a time."""
    body = _body(shot)
    times = [
        place for place in _places(body) if isinstance(place[1], str) and place[1].endswith(("_at", "_on", "_day"))
    ]
    if not times:
        return
    container, key = random.choice(times)
    container[key] = random.choice((*ABSURD_TIMES, *ABSURD_DAYS))
    _write(shot, body)


def writes_absurd_ids(random: Random, shot: Shot) -> None:
    """Ids of every kind, in a field that holds one."""
    body = _body(shot)
    ids = [
        place
        for place in _places(body)
        if isinstance(place[1], str) and place[1].endswith(("_id", "_number", "subject"))
    ]
    if not ids:
        return
    container, key = random.choice(ids)
    container[key] = random.choice(ABSURD_IDS)
    _write(shot, body)


def drops_fields(random: Random, shot: Shot) -> None:
    """A field is not there."""
    body = _body(shot)
    places = [place for place in _places(body) if isinstance(place[0], dict)]
    if places:
        container, key = random.choice(places)
        container.pop(key, None)
        _write(shot, body)


def doubles_fields(random: Random, shot: Shot) -> None:
    """A field stands there twice, or under a name that nobody knows."""
    raw = shot.value or b"{}"
    name = random.choice(list(_body(shot) or {"a": 1})) if isinstance(_body(shot), dict) else "a"
    shot.value = raw[:-1] + b"," + json.dumps(str(name) + random.choice(("", "_", "\u0000"))).encode() + b":1}"


# ---------------------------------------------------------------- the headers


def loses_headers(random: Random, shot: Shot) -> None:
    """A header is not there, or none is."""
    if random.random() < 0.05:
        shot.headers = []
    elif shot.headers:
        shot.headers.pop(random.randrange(len(shot.headers)))


def doubles_headers(random: Random, shot: Shot) -> None:
    """A header comes twice, the second with other content."""
    if shot.headers:
        name, value = random.choice(shot.headers)
        shot.headers.insert(random.randrange(len(shot.headers) + 1), (name, random.choice((value, b"", b"x", b"\xff"))))


def spoils_headers(random: Random, shot: Shot) -> None:
    """A header's value is null, no text, or absurd."""
    if shot.headers:
        place = random.randrange(len(shot.headers))
        name, value = shot.headers[place]
        spoiled = (
            None,
            b"",
            b"\xff\xfe",
            b"\x00",
            b" ",
            b"-1",
            b"9" * 400,
            b"{}",
            random.randbytes(20),
            (value or b"") * 40,
        )
        shot.headers[place] = (name, random.choice(spoiled))


def crowds_headers(random: Random, shot: Shot) -> None:
    """Many headers, long ones, ones that look like the runtime's own."""
    names = ("dead_reason", "dead_topic", "dead_offset", "dead_cut_from_bytes", "ce_x", "", "\u2603", "x" * 200)
    for _ in range(random.choice((1, 3, 200))):
        shot.headers.append((random.choice(names), random.randbytes(random.choice((0, 3, 100)))))


def _set_header(shot: Shot, name: str, value: bytes) -> None:
    shot.headers = [(header, value if header == name else old) for header, old in shot.headers]


def sets_absurd_envelopes(random: Random, shot: Shot) -> None:
    """An attribute of the envelope says what can't be."""
    absurd: dict[str, Sequence[str]] = {
        "ce_id": ABSURD_IDS,
        "ce_time": ABSURD_TIMES,
        "ce_hops": ("-1", "17", "1000", "1001", "9" * 30, "1.0", "x", "٣", "0x10", " 1", "1_000"),
        "ce_schemaversion": ("0", "-1", "2", "99", "9" * 30, "x"),
        "ce_actorkind": ("", "admin", "OPERATOR", "system ", "worker", "system", "operator\x00"),
        "ce_actorid": ABSURD_IDS,
        "ce_correlationid": ABSURD_IDS,
        "ce_sequence": ("-1", "0", "9" * 30, "x", "1.5"),
        "ce_specversion": ("0.3", "2.0", "1.0 ", ""),
        "ce_subject": ABSURD_TEXTS,
        "traceparent": ("x" * 61, "", "00-0-0-00", "\u2603", "x" * 60),
        "content-type": ("text/plain", "application/json; charset=utf-16"),
    }
    name = random.choice(list(absurd))
    _set_header(shot, name, random.choice(absurd[name]).encode("utf-8", "surrogatepass"))


def claims_another_type(random: Random, shot: Shot) -> None:
    """It says that it is something else, known or not."""
    names = (
        "BlockCard",
        "CardBlocked",
        "CommandEnded",
        "Command",
        "Message",
        "__init__",
        "blockcard",
        "RecordPurchase ",
        "",
    )
    _set_header(shot, "ce_type", random.choice(names).encode())


# ---------------------------------------------------------------- the record


def changes_the_key(random: Random, shot: Shot) -> None:
    """A wrong key, or none."""
    shot.key = random.choice(
        (None, b"", b"\x00", b"wrong", random.randbytes(16), b"k" * 10_000, (shot.key or b"")[::-1])
    )


def goes_astray(random: Random, shot: Shot) -> None:
    """Another partition than its key's."""
    shot.partition = random.randrange(64)


def lies_about_time(random: Random, shot: Shot) -> None:
    """The record's own time is absurd."""
    shot.timestamp_ms = random.choice((0, 1, 4_102_444_800_000, 253_402_300_799_999, 253_402_300_800_000, 2**53, 2**62))


MUTATIONS: Final[tuple[Mutation, ...]] = (
    *(flips_bits, truncates, splices, nulls_the_value, writes_garbage, recodes, nests_deeply, grows),
    *(confuses_types, writes_huge_numbers, writes_absurd_texts, writes_absurd_times, writes_absurd_ids),
    *(drops_fields, doubles_fields, loses_headers, doubles_headers, spoils_headers, crowds_headers),
    *(sets_absurd_envelopes, sets_absurd_envelopes, claims_another_type, changes_the_key, goes_astray, lies_about_time),
)
RARE: Final[frozenset[Mutation]] = frozenset({nests_deeply, grows, writes_garbage, crowds_headers})
"""What makes large records; the local broker is for development and keeps all of them in memory."""


def mutated(random: Random, shot: Shot) -> Shot:
    """The shot with one to three mutations."""
    changed = shot.copied()
    for _ in range(random.choice((1, 1, 1, 2, 2, 3))):
        mutation = random.choice(MUTATIONS)
        if mutation in RARE and random.random() < 0.97:
            continue
        mutation(random, changed)
        changed.marks.append(mutation.__name__)
    return changed


def strayed(random: Random, shot: Shot, topics: Sequence[str]) -> Shot:
    """The shot on a topic that isn't its own."""
    changed = shot.copied()
    changed.topic = random.choice(topics)
    changed.marks.append("strays")
    return changed


def repeated(random: Random, shot: Shot) -> Shot:
    """The shot once more: the same bytes, or the same id with another body or another envelope."""
    changed = shot.copied()
    kind = random.randrange(3)
    if kind == 1:
        confuses_types(random, changed)
    elif kind == 2:
        sets_absurd_envelopes(random, changed)
    changed.marks.append("repeats")
    return changed


def aged(random: Random, shot: Shot) -> Shot:
    """The shot with an id and a time from long ago, or from days to come."""
    changed = shot.copied()
    then = datetime.now(UTC) + timedelta(days=random.choice((-3_000, -60, -14.1, -13.9, -1, 0.03, 0.05, 2, 3_000)))
    _set_header(changed, "ce_id", message_id(random, then).encode())
    _set_header(changed, "ce_time", then.isoformat().encode())
    changed.marks.append("ages")
    return changed
