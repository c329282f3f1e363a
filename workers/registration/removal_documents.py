"""What registration keeps of members who were removed: that it was done, and nothing that leads to a person."""

from datetime import datetime
from typing import ClassVar

from contracts.messages import Actor
from runtime.documents import Document


class RemovedMember(Document):
    """A member who is gone, by the id that nobody else has."""

    collection: ClassVar = "removed_members"

    reason: str
    actor: Actor
    """Who removed them."""
    removed_at: datetime
