"""Card numbers out of a range, in an order that nobody who has one foresees: a keyed walk through all of it.

The position in the range goes through a Feistel network over decimal digits (as in NIST SP 800-38G, FF1, with a keyed
BLAKE2 in each round). It is a bijection: every position gives another number, so a range never runs into itself, and
the same key, range and position always give the same number. Without the key neighbours look unrelated.
"""

import os
import secrets
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path
from typing import Final, Self

from contracts.programme.cards import NumberRange
from contracts.values import luhn_digit

ROUNDS: Final = 10
KEY_BYTES: Final = 32


class NumberKey:
    """The secret by which ranges are walked."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    @classmethod
    def kept_in(cls, file: Path) -> Self:
        """The key in a file; made and kept there if there is none yet.

        Raises:
            OSError: the file can't be read or written.
            ValueError: it holds no key.
        """
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="ascii") as opened:
                opened.write(secrets.token_hex(KEY_BYTES) + "\n")
        secret = bytes.fromhex(file.read_text(encoding="ascii").strip())
        if len(secret) != KEY_BYTES:
            raise ValueError(f"must hold {KEY_BYTES} bytes as hexadecimal digits")
        return cls(secret)

    def walk(self, numbers: NumberRange, start: int, count: int) -> Iterator[str]:
        """So many numbers from a position on, each with its check digit.

        Raises:
            ValueError: the range has fewer.
        """
        if start < 0 or count < 0 or start + count > 10**numbers.free_digits:
            raise ValueError(f"the range has the positions 0 to {10**numbers.free_digits - 1:,}")
        for position in range(start, start + count):
            digits = numbers.prefix + self._permuted(position, numbers)
            yield digits + luhn_digit(digits)

    def _permuted(self, position: int, numbers: NumberRange) -> str:
        low_digits = numbers.free_digits // 2
        high_digits = numbers.free_digits - low_digits
        high, low = divmod(position, 10**low_digits)
        for turn in range(ROUNDS):
            if turn % 2 == 0:
                high = (high + self._mixed(turn, low, numbers)) % 10**high_digits
            else:
                low = (low + self._mixed(turn, high, numbers)) % 10**low_digits
        return f"{high:0{high_digits}d}{low:0{low_digits}d}"

    def _mixed(self, turn: int, half: int, numbers: NumberRange) -> int:
        said = f"{numbers.prefix}/{numbers.digits}/{turn}/{half}".encode()
        return int.from_bytes(blake2b(said, key=self._secret, digest_size=16).digest(), "big")
