"""What of a member is indexed, and that it follows the member's document."""

from datetime import date

from runtime.mongo import from_raw, to_raw, update_of
from tests.workers.registration.people import NUMBER, PHONE, member
from workers.registration.documents import Member
from workers.registration.search_keys import further_pairs, tails

OTHER = "5500005555555559"


class TestDerived:
    def test_says_by_what_a_member_is_found(self) -> None:
        ana = member(first_name="Ana Luísa", last_name="Müller", born_on=date(1984, 2, 29), card_numbers=(NUMBER,))

        assert ana.derived()["search"] == {
            "phone": PHONE.removeprefix("+")[::-1],
            "last": "muller",
            "first": "ana",
            "more": [{"a": "muller", "b": "luisa"}, {"a": "ana", "b": "luisa"}],
            "email": ["ana@example.org"],
            "birth": {"day": "02-29-1984", "words": ["muller", "ana", "luisa"]},
            "cards": [NUMBER[::-1]],
        }

    def test_has_no_key_for_what_nobody_said(self) -> None:
        unknown = member(first_name=None, last_name=None, email=None)

        assert unknown.derived()["search"].keys() == {"phone"}

    def test_is_kept_and_never_loaded(self) -> None:
        ana = member()

        assert to_raw(ana)["search"] == ana.derived()["search"]
        assert from_raw(Member, to_raw(ana)) == ana

    def test_follows_every_change_of_what_it_is_made_of(self) -> None:
        before = member()
        after = before.evolve(last_name="Alvarez", email=None, card_numbers=(NUMBER, OTHER))

        assert update_of(before, after)["$set"]["search"] == after.derived()["search"]
        assert "search" not in update_of(before, before.evolve(language="de"))["$set"]


class TestTails:
    def test_begin_at_every_word_before_the_at(self) -> None:
        assert tails("ana.maria_m+x@ex.org") == ["ana.maria_m+x@ex.org", "maria_m+x@ex.org", "m+x@ex.org", "x@ex.org"]

    def test_are_few_and_no_further_one_begins_with_a_break(self) -> None:
        longest = "a..b.c.d.e.f.g@ex.org"
        assert tails(longest) == [longest, "b.c.d.e.f.g@ex.org", "c.d.e.f.g@ex.org", "d.e.f.g@ex.org", "e.f.g@ex.org"]
        assert tails("x.@ex.org") == ["x.@ex.org"]
        assert tails("_x@ex.org") == ["_x@ex.org", "x@ex.org"]


class TestFurtherPairs:
    def test_are_every_two_words_beside_first_and_last(self) -> None:
        assert further_pairs(["muller"], ["ana"]) == []
        assert further_pairs(["muller", "berg"], ["ana"]) == [{"a": "muller", "b": "berg"}, {"a": "berg", "b": "ana"}]
        assert further_pairs([], ["ana", "maria"]) == [{"a": "ana", "b": "maria"}]

    def test_are_bounded(self) -> None:
        many = [f"w{number}" for number in range(5)]
        assert len(further_pairs(many, [f"v{number}" for number in range(5)])) < 16
