"""What others may read about members."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final, TypeVar

from contracts.card_life import Act, may
from workers.registration.call_documents import Call, Desk, Ticket
from workers.registration.documents import KnownCard, Member, MemberExcerpt, MemberState
from workers.registration.favourite_documents import Favourites
from workers.registration.merge_documents import Merge
from workers.registration.password_documents import Password
from workers.registration.search_names import Match
from workers.registration.search_terms import UnfitSearch, Wanted
from workers.registration.search_views import FoundMembers, Hit, SearchViews

__all__ = [
    "Call",
    "Favourites",
    "FoundMembers",
    "Hit",
    "Match",
    "Member",
    "MemberState",
    "Merge",
    "RegistrationViews",
    "UnfitSearch",
    "Wanted",
]
M = TypeVar("M", Member, MemberExcerpt)

MOST_STEPS: Final = 4
"""From a record to whom it stands for: one step, but a read may meet a merge that is being written."""


class RegistrationViews(SearchViews):
    """Read-only queries over the registration worker's documents.

    Every one raises `runtime.store.Away` when MongoDB can't be reached.
    """

    async def member(self, member_id: str) -> Member | None:
        """The member with an id; where another absorbed them, that one."""
        found = await self._reader.get(Member, member_id)
        return None if found is None else await self.survivor_of(found)

    async def search(self, wanted: Wanted, *, most: int, region: str | None = None) -> FoundMembers:
        """Members whom all that is given fits, each once; who was absorbed is found as whoever absorbed them.

        Raises:
            UnfitSearch: it is empty, too short, or can't be.
            Away: MongoDB can't be reached.
        """
        found = await super().search(wanted, most=most, region=region)
        hits: dict[str, Hit] = {}
        for hit in found.hits:
            member = await self.survivor_of(hit.member)
            hits.setdefault(member.id, hit._replace(member=member))
        return FoundMembers(tuple(hits.values()), found.is_cut)

    async def record(self, member_id: str) -> Member | None:
        """The record with an id, also of a member whom another absorbed."""
        return await self._reader.get(Member, member_id)

    async def survivor_of(self, member: M) -> M:
        """The member whom a record stands for: itself, or whoever absorbed it."""
        for _ in range(MOST_STEPS):
            if member.merged_into is None:
                break
            member = await self._reader.get(type(member), member.merged_into) or member
        return member

    async def merges_of(self, member: Member) -> list[Merge]:
        """How a member absorbed others, the first first, with the state before."""
        ids = [member.id, *member.absorbed]
        return await self._reader.find(Merge, {"survivor_id": {"$in": ids}}, sort=(("merged_at", 1),))

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

    async def open_call(self, operator_id: str, now: datetime, call_id: str | None = None) -> Call | None:
        """The call that an operator has open; with an id only if it is that one."""
        if call_id is None:
            desk = await self._reader.get(Desk, operator_id)
            call_id = None if desk is None else desk.call_id
        call = None if call_id is None else await self._reader.get(Call, call_id)
        is_theirs = call is not None and call.operator_id == operator_id and call.is_open_at(now)
        return call if is_theirs else None

    async def ticket(self, call_id: str) -> Ticket | None:
        """The ticket that is tied to a call."""
        return await self._reader.get(Ticket, call_id)

    async def calls_of(self, member_id: str, limit: int = 100, *, absorbed: Sequence[str] = ()) -> list[Call]:
        """The calls about a member and those whom they absorbed, newest first."""
        about = {"member_id": {"$in": [member_id, *absorbed]}}
        return await self._reader.find(Call, about, sort=(("opened_at", -1),), limit=limit)

    async def open_calls_of(self, member_id: str, now: datetime, *, absorbed: Sequence[str] = ()) -> list[Call]:
        """The calls about a member that operators have open."""
        about = {"member_id": {"$in": [member_id, *absorbed]}, "due_at": {"$gt": now}}
        return await self._reader.find(Call, about, sort=(("due_at", 1),))

    async def salted(self, member_id: str) -> Password | None:
        """How a member's password is salted and stretched; None where they have none."""
        member = await self.member(member_id)
        return None if member is None else await self._reader.get(Password, member.id)

    async def _first(self, filter_: dict[str, str]) -> Member | None:
        members = await self._reader.find(Member, filter_, limit=1)
        return await self.survivor_of(members[0]) if members else None
