"""Names as they are compared, and the spellings that are near to one."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rapidfuzz.distance import OSA

from workers.registration.folding import (
    LETTERS,
    beginnings_of_neighbours,
    errors_allowed,
    folded,
    one_error_away,
    spellings,
    words_of,
)

WORDS = st.text(LETTERS, min_size=1, max_size=12)


class TestFolded:
    @pytest.mark.parametrize(
        ("name", "plain"),
        [
            ("Müller", "muller"),
            ("Mu\u0308ller", "muller"),
            ("STRAẞE", "strasse"),
            ("Łukasz", "lukasz"),
            ("Ñúñez", "nunez"),
            ("Sørensen", "sorensen"),
            ("Иванов", "ivanov"),
            ("Αλέξανδρος", "alexandros"),
            ("İpek", "ipek"),
        ],
    )
    def test_is_plain_small_letters_whatever_the_writing(self, name: str, plain: str) -> None:
        assert folded(name) == plain


class TestWordsOf:
    @pytest.mark.parametrize(
        ("name", "words"),
        [
            (None, []),
            ("  ", []),
            ("Anna Maria", ["anna", "maria"]),
            ("Müller-Lüdenscheidt", ["muller", "ludenscheidt"]),
            ("O'Neil", ["oneil"]),
            ("D’Angelo", ["dangelo"]),
            ("von der Heide", ["heide"]),
            ("Von", ["von"]),
            ("Ana ANA Aña", ["ana"]),
            ("a b c d e f g", ["a", "b", "c", "e", "f"]),
        ],
    )
    def test_are_those_that_tell_people_apart(self, name: str | None, words: list[str]) -> None:
        assert words_of(name) == words

    @settings(deadline=None)  # letters of another script are read from a file when the first is met
    @given(st.text(max_size=60))
    def test_are_few_short_and_plain_whatever_the_name(self, name: str) -> None:
        words = words_of(name)

        assert len(words) <= 5
        assert all(0 < len(word) <= 40 and word.isascii() and word.isalnum() for word in words)
        assert words_of(" ".join(words)) == words


class TestSpellings:
    @pytest.mark.parametrize(
        ("typed", "name"),
        [("Mueller", "Müller"), ("Müller", "Mueller"), ("MUELLER", "müller"), ("Muller", "Müller"), ("Aage", "Åge")],
    )
    def test_hold_umlauts_written_either_way(self, typed: str, name: str) -> None:
        assert words_of(name)[0] in spellings(typed)


class TestErrorsAllowed:
    @pytest.mark.parametrize(("word", "errors"), [("an", 0), ("ana", 1), ("schmidt", 1), ("schneide", 2)])
    def test_grow_with_the_word(self, word: str, errors: int) -> None:
        assert errors_allowed(word) == errors


class TestOneErrorAway:
    @settings(deadline=None)
    @given(WORDS, WORDS)
    def test_holds_whatever_is_one_error_away_and_nothing_else(self, word: str, other: str) -> None:
        assert (other in one_error_away(word)) == (OSA.distance(word, other) <= 1)

    def test_is_small_enough_to_be_looked_up(self) -> None:
        assert len(one_error_away("schneider")) < 600


class TestBeginningsOfNeighbours:
    @settings(deadline=None)
    @given(st.text(LETTERS, min_size=8, max_size=12), st.data())
    def test_hold_how_a_word_with_two_errors_begins(self, word: str, drawn: st.DataObject) -> None:
        half = len(word) // 2
        beginning = drawn.draw(st.sampled_from(sorted(one_error_away(word[:half]))))
        ending = drawn.draw(st.sampled_from(sorted(one_error_away(word[half:]))))

        assert any((beginning + ending).startswith(each) for each in beginnings_of_neighbours(word))
