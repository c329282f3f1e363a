"""Shapes of what members choose: their favourite products, and which mailings they get."""

from datetime import date, datetime

from pydantic import BaseModel

from contracts.notifications import MessageChannel


class FavouritesShown(BaseModel):
    """A member's favourite products, and whether they can be changed now."""

    products: tuple[str, ...]
    changed_at: datetime | None
    is_offered: bool
    """Whether the programme lets members choose any now."""
    most: int
    """How many there can be."""
    changes_left: int
    """How often they can still be changed, until `again_on`."""
    again_on: date | None


class SubscriptionShown(BaseModel):
    """Whether a mailing comes to a member through a channel."""

    mailing: str
    text: str
    channel: MessageChannel
    is_on: bool
    chosen_at: datetime | None
    """When the member said so; null where it is the programme's default."""
