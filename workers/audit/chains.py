"""How entries hang together: which chain a message belongs to, and the hash that ties an entry to the one before.

One chain would make all audit processes wait for each other, as each entry changes the chain's head. So there are
several, and a message's chain follows from its Kafka key by Kafka's own hash: with a partition count that divides
`CHAINS`, the messages of one chain all come from one partition, so two processes never write the same head. With
other counts they may; then the database settles it and the runtime redoes the batch.
"""

from functools import lru_cache
from hashlib import blake2b
from struct import unpack_from
from typing import Final

from contracts.messages import Message

CHAINS: Final = 48
"""Divided by 1, 2, 3, 4, 6, 8, 12, 16, 24 and 48. It never changes: entries don't move between chains."""
HASH_BYTES: Final = 32
BEGINNING: Final = ""
"""What stands for the hash before the first entry."""
_MASK: Final = 0xFFFFFFFF


def chain_of(message: Message) -> str:
    """The id of the chain that a message is recorded in."""
    return chain_of_key(message.key_value or "")


@lru_cache(maxsize=100_000)
def chain_of_key(key: str) -> str:
    """The id of the chain of a Kafka key."""
    return chain_name((murmur2(key.encode()) & 0x7FFFFFFF) % CHAINS)


def chain_name(number: int) -> str:
    """A chain's id: two digits, so that ids sort."""
    return f"{number:02d}"


def entry_id(chain: str, sequence: int) -> str:
    """An entry's id; ids of one chain sort by sequence."""
    return f"{chain}/{sequence:012d}"


def entry_hash(before: str, entry: str, content: str) -> str:
    """The hash that ties an entry, by its id and content, to the hash before it; 64 hexadecimal digits."""
    return blake2b(f"{before}\n{entry}\n{content}".encode(), digest_size=HASH_BYTES).hexdigest()


def murmur2(key: bytes) -> int:
    """Kafka's hash of a key, as an unsigned number of 32 bits.

    Source: org.apache.kafka.common.utils.Utils.murmur2.
    """
    length = len(key)
    state = 0x9747B28C ^ length
    words = length // 4
    for word in unpack_from(f"<{words}I", key):
        mixed = (word * 0x5BD1E995) & _MASK
        mixed = ((mixed ^ (mixed >> 24)) * 0x5BD1E995) & _MASK
        state = ((state * 0x5BD1E995) & _MASK) ^ mixed
    rest = key[words * 4 :]
    if rest:
        state = ((state ^ int.from_bytes(rest, "little")) * 0x5BD1E995) & _MASK
    state = ((state ^ (state >> 13)) * 0x5BD1E995) & _MASK
    return state ^ (state >> 15)
