"""Parts of what is known of a card: the categories that it was in."""

from datetime import datetime

from runtime.documents import Part


class CategoryChange(Part):
    """A card's going from a category into another."""

    version: int
    at: datetime
    earlier: str
