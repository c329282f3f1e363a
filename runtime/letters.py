"""Dead letters: what of them is shut, and how it is opened.

What others sent may say whose it is in more than its value: a till may publish under a phone as the key. So where a
letter is shut its original's key, value and headers are, but for those of the envelope, which tell what it was.
"""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from runtime.arrivals import Record
from runtime.journal import PACK, Outgoing
from runtime.persons import DEAD_LETTERS, Shut, opened, shut

DEAD_CUT: Final = "dead_cut_from_bytes"
"""Says of a dead letter that it isn't whole, and how large it was."""
DEAD_SHUT: Final = "dead_shut"
"""Says of a dead letter that it is shut with the worker's key for that: something personal may stand in it."""
DEAD_HEADERS: Final = (
    *("dead_reason", "dead_detail", "dead_topic", "dead_partition", "dead_offset", "dead_at"),
    *(DEAD_CUT, DEAD_SHUT),
)
"""What the runtime adds to the headers of a message that it buries."""
SHUT_WHOLE: Final = "2"
"""How what is shut is made; of letters from before, which say 1, it is the value alone."""
SHUT_ROOM: Final = 100
"""Bytes that shutting a dead letter adds to it, with the header that says so."""
SHUT_HEADER_ROOM: Final = 16
"""Bytes that it adds for each header."""
Headers = Sequence[tuple[str, bytes]]
_PARTS: Any = tuple[bytes | None, bytes | None, list[tuple[int, str, bytes | None]]]
_UNPACK: Final = msgspec.msgpack.Decoder(_PARTS)
"""Key, value, and headers with the places where they stood."""


def bound_letter(topic: str, partition: int | str, offset: int | str) -> str:
    """What is shut in a dead letter is bound to: where it came from."""
    return f"{topic}\n{partition}\n{offset}"


def shut_letter(letter: Outgoing, record: Record) -> Shut:
    """A dead letter of this record that is to be shut: in clear are the envelope and the reasons alone."""
    bound_to = bound_letter(record.topic, record.partition, record.offset)
    kept: list[tuple[str, bytes]] = []
    hidden: list[tuple[int, str, bytes | None]] = []
    for place, (name, text) in enumerate(letter.headers):
        if name.startswith("ce_") or name in DEAD_HEADERS:
            kept.append((name, text))
        else:
            hidden.append((place, name, text))
    plain = PACK.encode((letter.key, letter.value, hidden))
    return Shut(
        letter.topic,
        None,
        None,
        kept,
        person=DEAD_LETTERS,
        is_new=False,
        write=lambda key: shut(key, plain, bound_to),
    )


def opened_letter(key: bytes | None, letter: Outgoing) -> Outgoing | None:
    """A dead letter as it was before it was shut; None where this key, or none at all, doesn't open it."""
    said = {name: (text or b"").decode(errors="replace") for name, text in letter.headers}
    places = (said.get(name, "") for name in ("dead_topic", "dead_partition", "dead_offset"))
    plain = None if key is None else opened(key, letter.value or b"", bound_letter(*places))
    if plain is None:
        return None
    headers = [(name, text) for name, text in letter.headers if name != DEAD_SHUT]
    if said.get(DEAD_SHUT) != SHUT_WHOLE:
        return Outgoing(letter.topic, letter.key, plain, headers)
    own_key, value, hidden = _UNPACK.decode(plain)
    for place, name, text in hidden:
        headers.insert(place, (name, text))
    return Outgoing(letter.topic, own_key, value, headers)
