"""Search beside many members: each by every kind of key, as people write it, timed, and checked for who was meant.

Members are copies of what the registration worker's own handler made of one, each with a name, phone, email, birthday
and card of their own; their purchases are put there as growth does it. Cold is the first search of each kind for a
member after MongoDB was started anew, with an empty cache.
"""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from random import Random
from typing import Any, Final

import bson
from bson.raw_bson import RawBSONDocument
from pymongo import MongoClient
from pymongo.write_concern import WriteConcern

from contracts.cards import CardIssued, CardKind
from contracts.programme import Programme
from runtime.mongo import CODEC, from_raw, to_raw
from runtime.settings import Settings
from runtime.store import Library, Store
from tests.bench.commands import Shop, asked, card_number, happened
from tests.bench.examined import examined
from tests.bench.history import FIRST, members, put
from tests.bench.names import People
from tests.bench.script import PLACEHOLDER, Rehearsal
from tests.bench.searched import Kind, Searched
from workers import registration, rewards
from workers.registration.documents import Member
from workers.registration.views import RegistrationViews, Wanted
from workers.rewards.documents import Account, Purchase
from workers.rewards.views import RewardsViews

AT_ONCE: Final = 5_000
SAMPLES: Final = 400
"""Members who are looked for, spread over all."""
MOST_HITS: Final = 20
REGION: Final = "DE"
DOMAINS: Final = ("gmail.com", "gmx.de", "web.de", "example.org", "t-online.de", "outlook.com")
WITHOUT_EMAIL, WITHOUT_BIRTHDAY = 0.35, 0.4
YOUNGEST: Final = date(2008, 1, 1)
DAYS_OF_BIRTHS: Final = 65 * 365
Say = Callable[[str, int, int], None]
Search = Callable[[Member, Random], Wanted]


def begun(text: str | None, letters: int) -> str:
    """How a text begins."""
    return (text or "")[:letters]


def misspelt(word: str, random: Random, start: int = 0) -> str:
    """A word with two letters swapped, or one missing or wrong, from a place on."""
    place = random.randrange(start, max(start + 1, len(word) - 1))
    kind = random.randrange(3)
    if kind == 0:
        return word[:place] + word[place + 1 : place + 2] + word[place] + word[place + 2 :]
    return word[:place] + ("" if kind == 1 else random.choice("aeinrst")) + word[place + 1 :]


def first_of(member: Member) -> str:
    """The first of their first names."""
    return (member.first_name or "").split()[0]


def last_of(member: Member) -> str:
    """The first part of their last name, without what tells nobody apart."""
    return (member.last_name or "").removeprefix("von ").split("-")[0]


def by_phone(member: Member, _: Random) -> Wanted:
    return Wanted(phone=f"0{member.phone[3:6]} {member.phone[6:]}")


def by_end_of_phone(member: Member, _: Random) -> Wanted:
    return Wanted(phone=member.phone[-6:])


def by_four_digits(member: Member, _: Random) -> Wanted:
    return Wanted(phone=member.phone[-4:])


def by_email(member: Member, _: Random) -> Wanted:
    return Wanted(email=(member.email or "").upper())


def by_beginning_of_email(member: Member, _: Random) -> Wanted:
    return Wanted(email=begun(member.email, 5))


def by_word_of_email(member: Member, _: Random) -> Wanted:
    return Wanted(email=begun((member.email or "").partition(".")[2], 7))


def by_card(member: Member, _: Random) -> Wanted:
    return Wanted(card_number=member.card_numbers[0])


def by_end_of_card(member: Member, _: Random) -> Wanted:
    return Wanted(card_number=member.card_numbers[0][-4:])


def by_near_card(member: Member, random: Random) -> Wanted:
    number, place = member.card_numbers[0], random.randrange(16)
    return Wanted(card_number=number[:place] + str((int(number[place]) + 3) % 10) + number[place + 1 :])


def by_id(member: Member, _: Random) -> Wanted:
    return Wanted(member_id=begun(member.id, 12))


def by_last_name(member: Member, _: Random) -> Wanted:
    return Wanted(name=last_of(member))


def by_both_names(member: Member, _: Random) -> Wanted:
    return Wanted(name=f"{last_of(member)}, {first_of(member)}".lower())


def by_beginnings(member: Member, _: Random) -> Wanted:
    return Wanted(name=f"{begun(first_of(member), 3)} {begun(last_of(member), 4)}")


def by_one_error(member: Member, random: Random) -> Wanted:
    return Wanted(name=f"{first_of(member)} {misspelt(last_of(member), random)}")


def by_last_name_with_an_error(member: Member, random: Random) -> Wanted:
    return Wanted(name=misspelt(last_of(member), random))


def by_errors_in_both(member: Member, random: Random) -> Wanted:
    return Wanted(name=f"{misspelt(first_of(member), random)} {misspelt(last_of(member), random)}")


def by_two_errors(member: Member, random: Random) -> Wanted:
    """Two errors in the second half of long names, one in short ones."""
    name = misspelt(last_of(member), random, len(last_of(member)) // 2)
    return Wanted(name=misspelt(name, random, len(name) // 2 + 1) if len(name) > 9 else name)


def by_nobody(_: Member, random: Random) -> Wanted:
    return Wanted(name="".join(random.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(9)) + " xyloph")


def by_birthday(member: Member, _: Random) -> Wanted:
    return Wanted(birthday=f"{member.born_on:%d.%m.%Y}")


def by_birthday_and_name(member: Member, _: Random) -> Wanted:
    return Wanted(birthday=f"{member.born_on:%m-%d}", name=begun(last_of(member), 4))


def by_birthday_and_misspelt_name(member: Member, random: Random) -> Wanted:
    return Wanted(birthday=f"{member.born_on:%m-%d}", name=misspelt(last_of(member), random))


def by_name_and_phone(member: Member, _: Random) -> Wanted:
    return Wanted(name=first_of(member), phone=member.phone[-4:])


def by_name_and_email(member: Member, _: Random) -> Wanted:
    return Wanted(name=begun(last_of(member), 3), email=begun(member.email, 3))


NOBODY: Final = "a name that nobody has"
KINDS: Final[dict[str, Search]] = {
    "phone, national": by_phone,
    "phone, last 6 digits": by_end_of_phone,
    "phone, last 4 digits": by_four_digits,
    "email, whole": by_email,
    "email, begun": by_beginning_of_email,
    "email, a word of it": by_word_of_email,
    "card, whole": by_card,
    "card, last 4 digits": by_end_of_card,
    "card, one digit wrong": by_near_card,
    "member id, begun": by_id,
    "last name": by_last_name,
    "last and first name": by_both_names,
    "beginnings of both names": by_beginnings,
    "first and last name, an error": by_one_error,
    "last name, an error": by_last_name_with_an_error,
    "both names, an error in each": by_errors_in_both,
    "last name, two errors if long": by_two_errors,
    NOBODY: by_nobody,
    "birthday": by_birthday,
    "birthday without year, name begun": by_birthday_and_name,
    "birthday without year, name with an error": by_birthday_and_misspelt_name,
    "first name, end of the phone": by_name_and_phone,
    "name begun, email begun": by_name_and_email,
}
RECEIPT: Final = "receipt number"


class Searches:
    """One measurement of searches on databases of its own."""

    def __init__(
        self, settings: Settings, programme: Programme, say: Say, restart: Callable[[], None] | None = None
    ) -> None:
        self._settings = settings
        self._restart = restart
        self._programme = programme
        self._say = say
        self._random = Random(11)
        self._url = settings.mongo_url.get_secret_value()

    async def measure(self, size: int, times: int) -> Searched:
        """Put so many members there, look for some by each kind of key so many times; nothing is left of it."""
        found = Searched(size, options=f"{times} searches of each kind, {MOST_HITS} hits at most")
        library = Library(self._settings)
        try:
            people = await self._fill(size)
            self._views = RegistrationViews(library.worker("registration"))
            self._rewards = RewardsViews(library.worker("rewards"))
            chosen = self._random.sample(people, min(times, len(people)))
            if self._restart is not None:
                await asyncio.to_thread(self._restart)
            await self._look(found, chosen, is_cold=True)
            await self._look(found, chosen, is_cold=False)
            await self._examine(found, chosen[:10])
        finally:
            self._say("cleaning up", 0, 0)
            library.close()
            await asyncio.to_thread(self._drop)
        return found

    # -- members and purchases

    async def _fill(self, size: int) -> list[tuple[Member, int]]:
        one = await self._one()
        people: list[tuple[Member, int]] = []
        names = People(seed=size)
        for start in range(0, size, AT_ONCE):
            self._say(f"{size:,} members", start, size)
            numbers = range(start, min(size, start + AT_ONCE))
            named = zip(numbers, names.some(len(numbers)), strict=True)
            made = [self._member(one, number, *name) for number, name in named]
            people += [
                (each, number)
                for each, number in zip(made, numbers, strict=True)
                if number % max(1, size // SAMPLES) == 0 and each.email is not None and each.born_on is not None
            ]
            await asyncio.to_thread(self._insert, made)
        await self._buy(size)
        for worker in (registration.worker, rewards.worker):
            self._say(f"indexes of {worker.name}", 0, 0)
            documents = (Member,) if worker.name == "registration" else (Purchase, Account)
            store = Store(self._settings, worker.name, documents)
            await store.open()
            store.close()
        with MongoClient[dict[str, Any]](self._url) as client:
            await asyncio.to_thread(client.admin.command, "fsync")
        return people

    async def _one(self) -> Member:
        """A member as the worker's own handler makes one."""
        settings, card = Settings(prefix=PLACEHOLDER), card_number(FIRST)
        rehearsal = Rehearsal("registration", self._programme, settings)
        issued = CardIssued(card_number=card, kind=CardKind.PHYSICAL, category="normal")
        await rehearsal.live(
            [happened(settings, issued), *asked(settings, [Shop(self._programme).member(FIRST, card)])]
        )
        (raw,) = rehearsal.documents()[Member.collection]
        return from_raw(Member, raw)

    def _member(self, one: Member, number: int, first_name: str, last_name: str) -> Member:
        random = self._random
        first, last = first_name.split(maxsplit=1)[0], last_name.split("-", maxsplit=1)[0].replace(" ", "")
        local = f"{first}.{last}{number % 100}"
        has_email, has_birthday = random.random() > WITHOUT_EMAIL, random.random() > WITHOUT_BIRTHDAY
        return one.evolve(
            id=f"{random.getrandbits(128):032x}",
            first_name=first_name,
            last_name=last_name,
            phone=f"+49{random.choice((151, 160, 170, 171, 175, 176))}{number:07d}"[:14],
            email=f"{local}@{random.choice(DOMAINS)}" if has_email else None,
            born_on=YOUNGEST - timedelta(days=random.randrange(DAYS_OF_BIRTHS)) if has_birthday else None,
            card_numbers=(card_number(FIRST + number),),
            registered_at=datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=number),
        )

    def _insert(self, made: Sequence[Member]) -> None:
        with MongoClient[RawBSONDocument](self._url, document_class=RawBSONDocument) as client:
            database = client.get_database(self._settings.database("registration"), write_concern=WriteConcern(w=1))
            raw = [RawBSONDocument(bson.encode(to_raw(each), codec_options=CODEC)) for each in made]
            database[Member.collection].insert_many(raw, ordered=False)

    async def _buy(self, size: int) -> None:
        """A purchase of everybody, and the account that it was booked in."""
        copies = await members(self._programme, "rewards", size)
        kept = {name: copies.moulds[name] for name in (Purchase.collection, Account.collection)}
        done = 0

        def note(count: int) -> None:
            nonlocal done
            done += count
            self._say(f"{size:,} purchases", done, 2 * size)

        await put(self._settings, replace(copies, moulds=kept), note)

    def _drop(self) -> None:
        with MongoClient[dict[str, Any]](self._url) as client:
            for worker in ("registration", "rewards"):
                client.drop_database(self._settings.database(worker))

    # -- searches

    async def _look(self, found: Searched, people: Sequence[tuple[Member, int]], *, is_cold: bool) -> None:
        for place, (name, ask) in enumerate(self._asks()):
            self._say(f"{'cold' if is_cold else 'warm'}: {name}", place, len(KINDS) + 1)
            kind = found.kinds.setdefault(name, Kind(""))
            for member, number in people:
                wanted = ask(member, number)
                began = time.perf_counter()
                shown = await self._search(wanted)
                (kind.cold_ms if is_cold else kind.warm_ms).append(1e3 * (time.perf_counter() - began))
                kind.example = kind.example or _shown(wanted)
                kind.hits.append(len(shown.hits))
                is_found = shown.is_cut or member.id in {hit.member.id for hit in shown.hits}
                kind.missed += not is_found and name != NOBODY

    def _asks(self) -> Iterator[tuple[str, Callable[[Member, int], Wanted | str]]]:
        for name, kind in KINDS.items():
            yield name, partial(_of_kind, kind)
        yield RECEIPT, lambda _, number: f"m-{number:08d}"

    async def _search(self, wanted: Wanted | str) -> Any:
        if isinstance(wanted, str):
            wanted = Wanted(led_to=await self._rewards.cards_by_receipt(wanted))
        return await self._views.search(wanted, most=MOST_HITS, region=REGION)

    async def _examine(self, found: Searched, people: Sequence[tuple[Member, int]]) -> None:
        with MongoClient[dict[str, Any]](self._url) as client:
            for name, ask in self._asks():
                self._say(f"what is read: {name}", 0, 0)
                for member, number in people:
                    documents, keys = await examined(client, partial(self._search, ask(member, number)))
                    found.kinds[name].documents.append(documents)
                    found.kinds[name].keys.append(keys)


def _of_kind(kind: Search, member: Member, _: int) -> Wanted:
    return kind(member, Random(member.id))


def _shown(wanted: Wanted | str) -> str:
    """A search as tables show it: the names are invented."""
    return wanted if isinstance(wanted, str) else " + ".join(str(each) for each in wanted if each is not None)
