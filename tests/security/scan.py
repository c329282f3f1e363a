"""A scan over everything that the tests print or log: a test that shows something personal or secret fails."""

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final

PERSONAL: Final = re.compile(r"\+?49151\d{6,}|[\w.+-]@example\.(?:org|com)|M\\?u?00fcller|Müller")
"""What the tests' people have: phones of one range, addresses of a domain that is nobody's, one rare name."""
KEY: Final = re.compile(r"pk_[a-z0-9][a-z0-9-]{0,39}_[A-Za-z0-9_-]{43,}")
"""An API key as the gateway makes them (services/gateway/keys.py)."""
PLATFORM_SECRET: Final = os.environ["PUNCHCARD_SECRET"]
KAFKA_PASSWORD: Final = "a-Rather_long.Password=of~ours"
SMTP_PASSWORD: Final = "zqx-word-for-the-mail"
TICKETS_SECRET: Final = "between-us-and-the-desk"
MEMBER_PASSWORD: Final = "correct horse"
SECRETS: Final = (PLATFORM_SECRET, KAFKA_PASSWORD, SMTP_PASSWORD, TICKETS_SECRET, MEMBER_PASSWORD)
"""What the tests give to the processes that they start, and what their members choose."""


def kinds(text: str) -> list[str]:
    """What stands in a text that mustn't: something personal, a secret."""
    is_secret = KEY.search(text) is not None or any(secret in text for secret in SECRETS)
    return [*(["something personal"] if PERSONAL.search(text) else []), *(["a secret"] if is_secret else [])]


def shown(sections: Iterable[tuple[str, str]]) -> list[str]:
    """What is shown that mustn't be, and on which kind of output (`stdout`, `stderr`, `log`, a file's name)."""
    return sorted({f"{what} on {kind}" for kind, text in sections for what in kinds(text)})


def logged(folder: Path) -> Iterable[tuple[str, str]]:
    """The log files under a folder, those that were moved aside too, as sections."""
    for file in sorted(folder.rglob("*.log*")):
        if file.is_file():
            yield file.name, file.read_text(encoding="utf-8", errors="replace")
