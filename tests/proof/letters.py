"""Dead letters that are shut, opened anew from how they are documented: the runtime isn't asked what it made of them.

What is shut is a nonce of 12 bytes and AES-256-GCM of a MessagePack array: the original's key, its value, and of each
header that is neither the envelope's nor a reason the place, name and text. It is bound to where the original lies.
"""

from dataclasses import replace
from typing import Any, Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tests.proof.history import Record

KEYS: Final = "keys"
"""The collection in which each worker keeps persons' keys."""
KEY_ID: Final = "dead letters"
"""The id of the one for dead letters; whenever a member is removed it is erased."""
SHUT: Final = "dead_shut"
CUT: Final = "dead_cut_from_bytes"
"""Says of a letter that its original was too large to be kept whole."""
PLACE: Final = ("dead_topic", "dead_partition", "dead_offset")
REASONS: Final = frozenset({"dead_reason", "dead_detail", "dead_at", SHUT, CUT, *PLACE})
"""The headers that a dead letter has besides its original's."""
NONCE_BYTES: Final = 12
TAG_BYTES: Final = 16
_PARTS: Any = tuple[bytes | None, bytes | None, list[tuple[int, str, bytes | None]]]


def opened(key: bytes, letter: Record) -> Record | None:
    """A letter as it was before it was shut; None where this key doesn't open it."""
    shut = letter.value or b""
    bound_to = "\n".join(letter.attributes.get(name, "") for name in PLACE)
    try:
        plain = AESGCM(key).decrypt(shut[:NONCE_BYTES], shut[NONCE_BYTES:], bound_to.encode())
        own_key, value, hidden = msgspec.msgpack.decode(plain, type=_PARTS)
    except (InvalidTag, ValueError, msgspec.MsgspecError):
        return None
    return _with(letter, own_key, value, hidden)


def taken_on_trust(letter: Record, original: Record) -> Record | None:
    """A letter that nobody can open any more, as it was if it holds its original; None where its length denies that."""
    sent = [each for each in original.headers if each[0] not in REASONS]
    hidden = [(place, name, text) for place, (name, text) in enumerate(sent) if not name.startswith("ce_")]
    plain = msgspec.msgpack.encode((original.key, original.value, hidden))
    is_whole = len(letter.value or b"") == NONCE_BYTES + len(plain) + TAG_BYTES
    return _with(letter, original.key, original.value, hidden) if is_whole or CUT in letter.attributes else None


def _with(letter: Record, key: bytes | None, value: bytes | None, hidden: list[tuple[int, str, Any]]) -> Record:
    headers = [each for each in letter.headers if each[0] != SHUT]
    for place, name, text in hidden:
        headers.insert(place, (name, text))
    return replace(letter, key=key, value=value, headers=tuple(headers))
