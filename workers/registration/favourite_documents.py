"""What registration keeps of members' favourite products."""

from datetime import datetime
from typing import ClassVar

from runtime.documents import Document


class Favourites(Document):
    """The products that a member likes best; its id is the member's."""

    collection: ClassVar = "favourites"

    products: tuple[str, ...] = ()
    changed_at: datetime | None = None
    period: str = ""
    """The first day of the period in which they were last changed."""
    changes: int = 0
    """How often they were changed in that period."""

    def changes_in(self, period: str) -> int:
        """How often they were changed in a period, of which they remember the last one alone."""
        return self.changes if self.period == period else 0
