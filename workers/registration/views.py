"""What others may read about members."""

from collections.abc import Collection
from datetime import UTC, datetime

from contracts.card_life import Act, may
from workers.registration.call_documents import Call, Desk, Ticket
from workers.registration.documents import KnownCard, Member, MemberState
from workers.registration.favourite_documents import Favourites
from workers.registration.password_documents import Password
from workers.registration.search_names import Match
from workers.registration.search_terms import UnfitSearch, Wanted
from workers.registration.search_views import FoundMembers, Hit, SearchViews

__all__ = ["Call", "FoundMembers", "Hit", "Match", "Member", "RegistrationViews", "UnfitSearch", "Wanted"]


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
        """The member whom a card identifies: one that doesn't work identifies nobody, whoever's it is."""
        card = await self._reader.get(KnownCard, card_number)
        if card is None or not may(card.state, Act.IDENTIFY):
            return None
        member = await self.member_by_card(card_number)
        return None if member is None or member.state is MemberState.BLOCKED else member

    async def favourites(self, member_id: str) -> Favourites:
        """The favourite products of a member; none where they never chose any."""
        return await self._reader.get(Favourites, member_id) or Favourites(id=member_id)

    async def members_by_phones(self, phones: Collection[str]) -> list[Member]:
        """The members who have one of these phones, given in E.164."""
        return await self._reader.find(Member, {"phone": {"$in": list(phones)}}, limit=0)

    async def call(self, call_id: str) -> Call | None:
        """The call with an id."""
        return await self._reader.get(Call, call_id)

    async def open_call(self, operator_id: str, call_id: str | None = None) -> Call | None:
        """The call that an operator has open now; with an id only if it is that one."""
        if call_id is None:
            desk = await self._reader.get(Desk, operator_id)
            call_id = None if desk is None else desk.call_id
        call = None if call_id is None else await self._reader.get(Call, call_id)
        is_theirs = call is not None and call.operator_id == operator_id and call.is_open_at(datetime.now(UTC))
        return call if is_theirs else None

    async def ticket(self, call_id: str) -> Ticket | None:
        """The ticket that is tied to a call."""
        return await self._reader.get(Ticket, call_id)

    async def calls_of(self, member_id: str, limit: int = 100) -> list[Call]:
        """The calls about a member, newest first."""
        return await self._reader.find(Call, {"member_id": member_id}, sort=(("opened_at", -1),), limit=limit)

    async def salted(self, member_id: str) -> Password | None:
        """How a member's password is salted and stretched; None where they have none."""
        member = await self.member(member_id)
        return None if member is None else await self._reader.get(Password, member.id)

    async def _first(self, filter_: dict[str, str]) -> Member | None:
        members = await self._reader.find(Member, filter_, limit=1)
        return members[0] if members else None
