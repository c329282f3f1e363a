"""A scan over everything that the tests print: a test that shows something personal fails, whatever it tests."""

import re
from collections.abc import Iterable
from typing import Final

PERSONAL: Final = re.compile(r"\+?49151\d{6,}|[\w.+-]+@example\.(?:org|com)|M\\?u?00fcller|Müller")
"""What the tests' people have: phones of one range, addresses of a domain that is nobody's, one rare name."""


def shown(sections: Iterable[tuple[str, str]]) -> list[str]:
    """The kinds of output (`stdout`, `stderr`, `log`) in which something personal stands."""
    return sorted({kind for kind, text in sections if PERSONAL.search(text)})
