"""Searching members: a few, ranked, by keys that stand in their documents; never everybody."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from contracts.values import comparable_email
from runtime.store import Reader
from workers.registration.documents import MemberExcerpt, MemberState
from workers.registration.folding import words_of
from workers.registration.search_names import (
    LOOKED_UP,
    Filter,
    Match,
    Spellings,
    anywhere,
    closeness,
    named,
    near_to,
    neighbours,
)
from workers.registration.search_terms import Terms, Wanted, near_cards, read

CANDIDATES: Final = 100
"""Most members that one step of a search takes from MongoDB."""
VAGUELY: Final = 1_000
"""So many are looked through where little is asked for: by then enough are found, or it is better to say more."""


class Hit(NamedTuple):
    """A member who was found, how close they are to what was looked for, and by how many typing errors."""

    member: MemberExcerpt
    match: Match
    errors: int


class FoundMembers(NamedTuple):
    """Who was found, the closest first."""

    hits: tuple[Hit, ...]
    is_cut: bool
    """Whether there are more than are shown, or may be."""


class SearchViews:
    """Searches over the registration worker's members."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def search(self, wanted: Wanted, *, most: int, region: str | None = None) -> FoundMembers:
        """Members whom all that is given fits, at most so many: those whom it fits wholly, in part, nearly.

        Raises:
            UnfitSearch: it is empty, too short, or can't be.
            Away: MongoDB can't be reached.
        """
        terms = read(wanted, region)
        hits: dict[str, Hit] = {}
        is_cut = False
        for level in terms.levels:
            limit = _limit(terms, level, most)
            found = await self._step(terms, level, limit)
            is_cut = terms.is_vague or len(found) == limit
            if is_cut and level is Match.PART:  # those who are named so wholly may not be among them
                found += await self._step(terms, Match.WHOLE, limit)
            hits |= {hit.member.id: hit for member in found if (hit := judged(member, terms)) is not None}
            is_cut = is_cut or len(hits) > most
            if is_cut or (hits and terms.is_whole_card):  # whose card it is, is known: nobody is near
                break
        return FoundMembers(tuple(sorted(hits.values(), key=_order)[:most]), is_cut)

    async def _step(self, terms: Terms, level: Match, limit: int) -> list[MemberExcerpt]:
        if terms.is_vague and level is Match.PART:
            (email,), name = terms.filters, named(terms.words[:LOOKED_UP], level, {}, None)
            return await self._reader.find_among(MemberExcerpt, email, name, among=VAGUELY, limit=limit)
        return await self._reader.find(MemberExcerpt, await self._filter(terms, level), limit=limit)

    async def _filter(self, terms: Terms, level: Match) -> Filter:
        filters = list(terms.filters)
        if terms.is_whole_card and terms.card_number is not None:
            numbers = near_cards(terms.card_number) if level is Match.NEAR else [terms.card_number]
            filters.append({"card_numbers": {"$in": numbers}})
        if terms.words:
            words = terms.words[:LOOKED_UP]
            near = await self._near(words) if level is Match.NEAR else {}
            filters.append(named(words, level, near, terms.day))
            if level is not Match.NEAR:
                filters += [anywhere(each, level) for each in terms.words[LOOKED_UP:]]
        return filters[0] if len(filters) == 1 else {"$and": filters}

    async def _near(self, words: Sequence[Spellings]) -> Mapping[Spellings, Sequence[str]]:
        """By word, the first and last names that are near to it.

        An index tells which names there are, each once, whoever has them: that is a few of the hundreds that could be,
        and to plan a search for those took MongoDB longer than to do it.
        """
        fits = neighbours(words)
        if not fits:
            return {}
        wanted = {field: {field: {"$in": fits}} for field in ("search.last", "search.first")}
        names = list(await self._reader.distinct(MemberExcerpt, wanted))
        return {word: near_to(word, names) for word in words}


def _limit(terms: Terms, level: Match, most: int) -> int:
    """How many candidates to look at: whom a step's filter finds without errors, they all fit alike.

    That isn't so where it asks for some of the words only, where one word of a name may stand for two of them, or where
    a whole phone or email is the end or the beginning of others.
    """
    is_exact = level is not Match.NEAR and len(terms.words) <= (LOOKED_UP if terms.day is None else 1)
    return most + 1 if is_exact and not terms.may_be_whole else CANDIDATES


def judged(member: MemberExcerpt, terms: Terms) -> Hit | None:
    """How close a candidate is to what is looked for; None if it isn't."""
    close = closeness(terms.words, [*words_of(member.last_name), *words_of(member.first_name)])
    if close is None:
        return None
    match, errors = close
    matches = [match]
    if terms.phone is not None:
        matches.append(Match.WHOLE if member.phone == terms.phone else Match.PART)
    if terms.email is not None:
        is_whole = comparable_email(member.email or "") == terms.email
        matches.append(Match.WHOLE if is_whole else Match.PART)
    if terms.card_number is not None and terms.card_number not in member.card_numbers:
        matches.append(Match.NEAR if terms.is_whole_card else Match.PART)
    return Hit(member, max(matches, key=lambda each: each.rank), errors)


def _order(hit: Hit) -> tuple[int, int, bool, str, str, str]:
    member = hit.member
    is_out = member.state is not MemberState.ACTIVE
    return hit.match.rank, hit.errors, is_out, member.last_name or "", member.first_name or "", member.id
