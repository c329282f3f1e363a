"""Searching members: found by every key however it is written or misspelt, few, the closest first; never everybody."""

import asyncio
from collections.abc import Sequence
from datetime import date
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from contracts.values import luhn_digit
from tests.workers.memory_reader import MemoryReader
from tests.workers.registration.people import member
from workers.registration.documents import Member
from workers.registration.folding import LETTERS, PARTICLES, errors_allowed
from workers.registration.search_terms import UnfitSearch, Wanted
from workers.registration.search_views import FoundMembers, SearchViews

MOST = 20


def card_number(number: int) -> str:
    digits = f"2099{number:08d}"
    return digits + luhn_digit(digits)


def person(number: int, first_name: str | None, last_name: str | None, **more: Any) -> Member:
    said: dict[str, Any] = {
        "phone": f"+491511{number:07d}",
        "email": None,
        "first_name": first_name,
        "last_name": last_name,
        "card_numbers": (card_number(number),),
    }
    return member(f"member-{number:04d}", **{**said, **more})


ANA = person(1, "Ana", "Müller", born_on=date(1984, 2, 29), email="Ana.Mueller@Example.org")
ANNA = person(2, "Anna Maria", "Mühlbauer", born_on=date(1990, 2, 28))
BEN = person(3, "Ben", "Schneider", email="ben@example.org")
BENNO = person(4, "Benno", "Schneidermann", born_on=date(1984, 2, 29))
OLGA = person(5, "Ольга", "Иванова")
HEIDE = person(6, "Ana", "von der Heide-Ñandu")
ZOE = person(7, "Zoë", None)
EVERYBODY = (ANA, ANNA, BEN, BENNO, OLGA, HEIDE, ZOE)


def found(people: Sequence[Member] = EVERYBODY, most: int = MOST, **wanted: Any) -> FoundMembers:
    views = SearchViews(MemoryReader(people))
    return asyncio.run(views.search(Wanted(**wanted), most=most, region="DE"))


def ids(**wanted: Any) -> list[str]:
    return [hit.member.id for hit in found(**wanted).hits]


class TestByName:
    @pytest.mark.parametrize(
        ("name", "people"),
        [
            ("Ana Müller", [ANA]),
            ("müller ana", [ANA]),
            ("MUELLER, Ana", [ANA]),
            ("Muller", [ANA]),
            ("Mu", [ANNA, ANA]),
            ("an mu", [ANA, ANNA]),
            ("Mulelr Ana", [ANA]),
            ("Maria Muhlbauer", [ANNA]),
            ("Maria Anna", [ANNA]),
            ("Maria Mühlbauer Anna", [ANNA]),
            ("Schneider", [BEN, BENNO]),
            ("Schnider", [BEN]),
            ("Scnheiderman", [BENNO]),
            ("Iwanova Olga", [OLGA]),
            ("Ivanova", [OLGA]),
            ("Heide", [HEIDE]),
            ("Nandu Ana", [HEIDE]),
            ("von der Heide Ana", [HEIDE]),
            ("Zoe", [ZOE]),
            ("Nobody", []),
        ],
    )
    def test_finds_in_any_order_beginning_script_and_nearly(self, name: str, people: list[Member]) -> None:
        assert set(ids(name=name)) == {each.id for each in people}

    def test_ranks_the_whole_before_the_part_before_the_near(self) -> None:
        shown = found(name="Ana").hits

        assert [hit.member.id for hit in shown] == [ANA.id, HEIDE.id, ANNA.id]
        assert [hit.match.value for hit in shown] == ["whole", "whole", "near"]
        assert [hit.match.value for hit in found(name="Ann").hits] == ["part", "near", "near"]

    def test_finds_the_whole_among_many_that_begin_so(self) -> None:
        crowd = [person(number, "Bea", "Mühlmann") for number in range(100, 100 + 2 * MOST)]
        whole = person(200, "Bea", "Mühl")

        shown = found((*crowd, whole), name="Mühl Bea")

        assert (shown.hits[0].member.id, shown.is_cut, len(shown.hits)) == (whole.id, True, MOST)

    def test_finds_the_whole_where_many_have_its_two_longest_words(self) -> None:
        crowd = [person(number, "Anna Maria", "Zett") for number in range(1_000, 1_200)]
        whole = person(200, "Anna Maria", "Wolf")

        assert [hit.member.id for hit in found((*crowd, whole), name="Anna Maria Wolf").hits] == [whole.id]

    def test_does_not_take_one_word_for_two(self) -> None:
        assert ids(name="Ben Ben") == []
        assert [hit.member.id for hit in found([person(8, "Ali", "Ali")], name="Ali Ali").hits] == ["member-0008"]


class TestByPhone:
    @pytest.mark.parametrize(
        "phone",
        [
            "+4915110000003",
            "+49 (151) 1000-0003",
            "0151 10000003",
            "0049 151 10000003",
            "10000003",
            "000 0003",
        ],
    )
    def test_finds_in_any_form_and_by_its_end(self, phone: str) -> None:
        assert ids(phone=phone) == [BEN.id]

    def test_finds_by_its_beginning(self) -> None:
        assert set(ids(phone="0151 100")) == set(ids(phone="+49 151 100")) == {each.id for each in EVERYBODY}

    def test_ranks_a_whole_one_first(self) -> None:
        longer = person(8, "Otto", None, phone="+4930123456")
        shorter = person(9, "Uwe", None, phone="+4315130123456")

        hits = found((shorter, longer), phone="030 123456").hits

        assert [(hit.member.id, hit.match.value) for hit in hits] == [(longer.id, "whole"), (shorter.id, "part")]


class TestByEmail:
    @pytest.mark.parametrize(
        "email", ["ana.mueller@example.org", " ANA.MUELLER@EXAMPLE.ORG", "ana.m", "mueller", "mueller@ex"]
    )
    def test_finds_by_its_beginning_and_that_of_its_words(self, email: str) -> None:
        assert ids(email=email) == [ANA.id]


class TestByCard:
    def test_finds_by_the_whole_the_end_and_with_one_wrong_digit(self) -> None:
        number = card_number(3)
        wrong = number[:5] + str((int(number[5]) + 1) % 10) + number[6:]

        assert ids(card_number=number) == [BEN.id]
        assert ids(card_number=f"{number[:4]} {number[4:8]}-{number[8:]}") == [BEN.id]
        assert BEN.id in ids(card_number=number[-5:])
        near = found(card_number=wrong).hits
        assert (BEN.id, "near") in [(hit.member.id, hit.match.value) for hit in near]


class TestAWholeKey:
    def test_is_found_first_though_others_end_or_begin_alike(self) -> None:
        ending = [person(number, "Uwe", None, phone=f"+43151{number}30123456") for number in range(10, 14)]
        whole = person(9, "Eva", None, phone="+4930123456")
        assert [hit.member.id for hit in found((*ending, whole), most=1, phone="030 123456").hits] == [whole.id]

        begun = [person(number, "Uwe", None, email=f"ana@example.org{number}") for number in range(10, 14)]
        shown = found((*begun, person(8, "Eva", None, email="ana@example.org")), most=1, email="ana@example.org")
        assert [hit.member.id for hit in shown.hits] == ["member-0008"]


class TestByTheRest:
    def test_finds_by_id_whole_or_begun(self) -> None:
        assert ids(member_id="member-0003") == [BEN.id]
        assert set(ids(member_id="member-0")) == {each.id for each in EVERYBODY}
        assert ids(member_id="member") == []

    def test_finds_by_birthday_with_the_year_or_a_name(self) -> None:
        assert set(ids(birthday="29.2.1984")) == {ANA.id, BENNO.id}
        assert ids(birthday="02-29", name="Ana") == [ANA.id]
        assert ids(birthday="02-28", name="Maria Mühlbauer") == [ANNA.id]
        assert ids(birthday="02-28", name="Ana Mueller") == []

    def test_looks_past_those_of_the_day_in_whose_name_one_word_stands_for_two(self) -> None:
        day = date(1984, 2, 29)
        crowd = [person(number, "Annabel", "Zett", born_on=day) for number in range(100, 100 + 2 * MOST)]
        meant = person(200, "Ann", "Annaberg", born_on=day)

        shown = found((*crowd, meant), name="Ann Anna", birthday="02-29")

        assert [hit.member.id for hit in shown.hits] == [meant.id]

    def test_looks_through_few_where_both_name_and_email_are_hardly_begun(self) -> None:
        crowd = [person(number, "Bea", "Quast", email=f"anna{number}@example.org") for number in range(1_000, 2_200)]
        late = person(2_500, "Ana", "Zett", email="anne@example.org")

        vague = found((*EVERYBODY, *crowd, late), name="Ze", email="ann")
        assert (vague.hits, vague.is_cut) == ((), True)
        whole = found((*EVERYBODY, *crowd, late), name="Zett", email="ann")
        assert ([hit.member.id for hit in whole.hits], whole.is_cut) == ([late.id], True)
        assert [hit.member.id for hit in found((*EVERYBODY, *crowd), name="Mü", email="ana").hits] == [ANA.id]
        clear = found((*EVERYBODY, *crowd, late), name="Ze", email="anne@")
        assert ([hit.member.id for hit in clear.hits], clear.is_cut) == ([late.id], False)

    def test_finds_by_the_cards_that_something_led_to(self) -> None:
        assert ids(led_to=(card_number(3),)) == [BEN.id]
        assert ids(led_to=()) == []

    def test_wants_everything_that_is_given_to_fit(self) -> None:
        assert ids(name="Ana", phone="0001") == [ANA.id]
        assert ids(name="Ana", phone="0003") == []
        assert ids(email="ana", card_number=card_number(3)[-4:]) == []


class TestBounds:
    def test_nothing_finds_nobody(self) -> None:
        with pytest.raises(UnfitSearch):
            found()

    def test_shows_so_many_and_says_that_there_are_more(self) -> None:
        crowd = [person(number, "Ana", f"Meier{LETTERS[number % 26]}") for number in range(300)]

        shown = found(crowd, name="Meier")

        assert len(shown.hits) == MOST
        assert shown.is_cut
        assert not found(crowd[:MOST], name="Meier").is_cut
        assert found(crowd[: MOST + 1], name="Meier").is_cut


NAMES = st.text(LETTERS, min_size=3, max_size=12).filter(lambda name: name not in PARTICLES)


@st.composite
def meant(draw: st.DrawFn, typed: str) -> str:
    """A name that may be meant by a word with errors: of two at most one in the word's first half."""
    errors = draw(st.integers(0, errors_allowed(typed)))
    if errors == 0:
        return typed
    if errors == 1:
        return draw(one_error(typed))
    half = len(typed) // 2
    return draw(one_error(typed[:half])) + draw(one_error(typed[half:]))


@st.composite
def one_error(draw: st.DrawFn, word: str) -> str:
    """A word with a letter more, less, another, or two swapped neighbours."""
    place = draw(st.integers(0, len(word) - 1))
    letter = draw(st.sampled_from(LETTERS))
    before, here, after = word[:place], word[place], word[place + 1 :]
    swapped = before + after[:1] + here + after[1:]
    return draw(st.sampled_from([before + letter + here + after, before + letter + after, before + after, swapped]))


class TestAnyMember:
    @settings(max_examples=60, deadline=None)
    @given(st.lists(st.tuples(NAMES, NAMES), min_size=1, max_size=20), st.tuples(NAMES, NAMES), st.data())
    def test_is_found_by_any_allowed_disfigurement_of_their_name(
        self, names: list[tuple[str, str]], typed: tuple[str, str], drawn: st.DataObject
    ) -> None:
        first, last = (drawn.draw(meant(word)) for word in typed)
        assume(PARTICLES.isdisjoint({first, last}))
        wanted = person(9_999, first.title(), last.upper())
        people = [person(number, *name) for number, name in enumerate(names)]

        shown = found([*people, wanted], most=5, name=" ".join(drawn.draw(st.permutations(typed))))

        assert len(shown.hits) <= 5
        assert shown.is_cut or wanted.id in [hit.member.id for hit in shown.hits]

    @settings(max_examples=40, deadline=None)
    @given(st.lists(st.integers(0, 9_999_999), min_size=1, max_size=30, unique=True), st.data())
    def test_is_found_by_their_phone_in_any_form(self, numbers: list[int], drawn: st.DataObject) -> None:
        people = [person(place, None, None, phone=f"+491511{number:07d}") for place, number in enumerate(numbers)]
        wanted = drawn.draw(st.sampled_from(people))
        national = wanted.phone.removeprefix("+49")
        form = drawn.draw(st.sampled_from(["+49{}", "0049{}", "0{}", "{}", "+49(0){}"])).format(national)
        ending = wanted.phone[-drawn.draw(st.integers(4, 11)) :]
        typed = drawn.draw(st.sampled_from([form, ending]))
        spaced = "".join(digit + drawn.draw(st.sampled_from(["", "", " ", "-", "/"])) for digit in typed)

        shown = found(people, most=5, phone=spaced)

        assert shown.is_cut or wanted.id in [hit.member.id for hit in shown.hits]

    @settings(max_examples=40, deadline=None)
    @given(st.lists(st.tuples(NAMES, NAMES), min_size=1, max_size=12), st.text(max_size=12), st.text(max_size=12))
    def test_is_never_shown_beyond_the_bound_whatever_is_typed(
        self, names: list[tuple[str, str]], name: str, phone: str
    ) -> None:
        people = [person(number, first, last) for number, (first, last) in enumerate(names)]
        for wanted in ({"name": name}, {"phone": phone}, {"name": name, "phone": phone}):
            try:
                shown = found(people, most=3, **wanted)
            except UnfitSearch:
                continue
            assert len(shown.hits) <= 3
            assert any(character.isalnum() for character in name + phone)
