"""What others may read about members."""

from collections.abc import Collection

from contracts.card_life import Act, may
from workers.registration.documents import KnownCard, Member
from workers.registration.search_names import Match
from workers.registration.search_terms import UnfitSearch, Wanted
from workers.registration.search_views import FoundMembers, Hit, SearchViews

__all__ = ["FoundMembers", "Hit", "Match", "Member", "RegistrationViews", "UnfitSearch", "Wanted"]


class RegistrationViews(SearchViews):
    """Read-only queries over the registration worker's documents.

    Every one raises `runtime.store.Away` when MongoDB can't be reached.
    """

    async def member(self, member_id: str) -> Member | None:
        """The member with an id."""
        return await self._reader.get(Member, member_id)

    async def member_by_phone(self, phone: str) -> Member | None:
        """The member with a phone, given in E.164."""
        return await self._first({"phone": phone})

    async def member_by_card(self, card_number: str) -> Member | None:
        """The member whose card it is."""
        return await self._first({"card_numbers": card_number})

    async def identified_by(self, card_number: str) -> Member | None:
        """The member whom a card identifies: one that works no more identifies nobody, whoever's it is."""
        card = await self._reader.get(KnownCard, card_number)
        if card is None or not may(card.state, Act.IDENTIFY):
            return None
        return await self.member_by_card(card_number)

    async def members_by_phones(self, phones: Collection[str]) -> list[Member]:
        """The members who have one of these phones, given in E.164."""
        return await self._reader.find(Member, {"phone": {"$in": list(phones)}}, limit=0)

    async def _first(self, filter_: dict[str, str]) -> Member | None:
        members = await self._reader.find(Member, filter_, limit=1)
        return members[0] if members else None
