"""What is kept of members who became one: who did it when, and the state before."""

from datetime import datetime
from typing import ClassVar

from contracts.messages import Actor
from runtime.documents import Document, Index, Part


class Side(Part):
    """One of two members before they became one."""

    member_id: str
    card_numbers: tuple[str, ...]
    absorbed: tuple[str, ...]


class Merge(Document):
    """Two members who became one. What is personal stays in their records, which both are kept."""

    collection: ClassVar = "merges"
    indexes: ClassVar = (Index(("survivor_id", "merged_at")),)

    survivor_id: str
    survivor: Side
    absorbed: Side
    actor: Actor
    is_confirmed: bool
    merged_at: datetime
