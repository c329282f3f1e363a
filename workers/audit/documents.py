"""What audit keeps: entries, each hashed over the one before it, and the head of every chain."""

from datetime import datetime
from typing import ClassVar

from runtime.documents import Document, Index


class Entry(Document):
    """One thing that happened; never changed. Its id is chain and sequence: `07/000000000042`."""

    collection: ClassVar[str] = "entries"
    indexes: ClassVar[tuple[Index, ...]] = (Index(("subjects", "happened_at", "id")),)

    content: str
    """All that is said, as JSON: these very characters are hashed, so nothing is ever made canonical again."""
    hash: str
    subjects: tuple[str, ...]
    """What it is about: ids of member, card, account, purchase, message. They stand in the content too."""
    happened_at: datetime


class Chain(Document):
    """The end of one chain: how many entries it has, and the hash of the last."""

    collection: ClassVar[str] = "chains"

    length: int
    hash: str
