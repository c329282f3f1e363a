"""What others may read of messages: what a member was sent, and how far it came."""

from collections.abc import Collection

from runtime.store import Reader
from workers.notifications.documents import OPEN, Contact, Message

__all__ = ["Contact", "Message", "NotificationViews"]


class NotificationViews:
    """Messages, as operators and apps may see them."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def message(self, message_id: str) -> Message | None:
        """One message."""
        return await self._reader.get(Message, message_id)

    async def messages_of(self, member_id: str, limit: int = 100, *, absorbed: Collection[str] = ()) -> list[Message]:
        """A member's messages, and those of members whom they absorbed, newest first."""
        where = {"member_id": {"$in": [member_id, *absorbed]}}
        return await self._reader.find(Message, where, sort=(("queued_at", -1),), limit=limit)

    async def contact(self, member_id: str) -> Contact | None:
        """How a member is reached, and which mailings they want."""
        return await self._reader.get(Contact, member_id)

    async def messages_on_their_way(self) -> int:
        """How many messages are still to be sent, or may be."""
        where = {"status": {"$in": [status.value for status in OPEN]}}
        counted = await self._reader.aggregate(Message, ({"$match": where}, {"$count": "count"}))
        return sum(row["count"] for row in counted)
