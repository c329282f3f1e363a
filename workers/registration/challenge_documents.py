"""What registration keeps of codes that it waits for: never a code, only what one is derived from, and the tries."""

from datetime import datetime
from typing import ClassVar

from contracts.codes import CodePurpose
from runtime.documents import Document, Index


class Challenge(Document):
    """Waits for a code to be typed; its id is that of what waits for it, or one of its own."""

    collection: ClassVar = "challenges"
    indexes: ClassVar = (Index(("ends_at",)),)

    purpose: CodePurpose
    subject_id: str
    """The member whom it is about, or the registration that waits for it."""
    code_id: str
    """Names the code that counts now: with purpose and address, what it is derived from."""
    expires_at: datetime
    ends_at: datetime
    """When it is forgotten."""
    tries: int = 0
    """How often the code was tried and was not the right one."""


class CodeSends(Document):
    """When an address was sent codes for one purpose within the last hour; its id names both."""

    collection: ClassVar = "code_sends"
    indexes: ClassVar = (Index(("ends_at",)),)

    sent_at: tuple[datetime, ...]
    code_id: str
    """The last of them."""
    ends_at: datetime
    """When none of them counts any more."""


def sends_id(purpose: CodePurpose, address: str) -> str:
    """Where the sends to an address are counted; each purpose by itself, so that none uses up another's."""
    return f"{purpose.value} {address}"
