"""What somebody looks for, read from how people write it; what is empty or too short finds nobody and says why."""

import pytest

from contracts.values import luhn_digit
from tests.workers.registration.people import NUMBER
from workers.registration.search_names import Match
from workers.registration.search_terms import UnfitSearch, Wanted, near_cards, read


class TestRead:
    @pytest.mark.parametrize(
        ("wanted", "field"),
        [
            (Wanted(), "body"),
            (Wanted(name=""), "body.name"),
            (Wanted(name="  - ' "), "body.name"),
            (Wanted(name="a"), "body.name"),
            (Wanted(name="A. B. C."), "body.name"),
            (Wanted(name="ab ac ad ae af ag"), "body.name"),
            (Wanted(phone=""), "body.phone"),
            (Wanted(phone="+49 1"), "body.phone"),
            (Wanted(phone="call me 12345"), "body.phone"),
            (Wanted(email="an"), "body.email"),
            (Wanted(email="@example.org"), "body.email"),
            (Wanted(email="a na@example.org"), "body.email"),
            (Wanted(card_number="123"), "body.card_number"),
            (Wanted(card_number="4111x"), "body.card_number"),
            (Wanted(card_number="1" * 20), "body.card_number"),
            (Wanted(member_id=""), "body.member_id"),
            (Wanted(member_id="a b"), "body.member_id"),
            (Wanted(birthday="tomorrow"), "body.birthday"),
            (Wanted(birthday="2023-02-29"), "body.birthday"),
            (Wanted(birthday="02-30"), "body.birthday"),
            (Wanted(birthday="02-29"), "body.birthday"),
            (Wanted(birthday="29.2."), "body.birthday"),
        ],
    )
    def test_says_which_field_finds_nobody(self, wanted: Wanted, field: str) -> None:
        with pytest.raises(UnfitSearch) as caught:
            read(wanted, "DE")

        assert caught.value.field == field
        given = [each for each in wanted if each and len(each) > 4]
        assert not any(str(each) in caught.value.rule for each in given), "it never repeats what was looked for"

    @pytest.mark.parametrize("birthday", ["1984-02-29", "29.2.1984", "29.02.1984", "29. 2. 1984"])
    def test_reads_a_day_however_it_is_written(self, birthday: str) -> None:
        assert read(Wanted(birthday=birthday)).day == "02-29-1984"

    @pytest.mark.parametrize("birthday", ["02-29", "--02-29", "29.2.", "29.02."])
    def test_reads_a_day_without_its_year_beside_another_key(self, birthday: str) -> None:
        assert read(Wanted(birthday=birthday, name="Ana")).day == "02-29-"
        assert read(Wanted(birthday=birthday, phone="5678")).day == "02-29-"

    @pytest.mark.parametrize(
        "phone",
        [
            "+49 151 12345678",
            "+49 (0)151 12345678",
            "0049-151-12345678",
            "0151/12345678",
            "015112345678",
        ],
    )
    def test_knows_a_whole_phone_in_any_form(self, phone: str) -> None:
        assert read(Wanted(phone=phone), "DE").phone == "+4915112345678"

    def test_looks_in_steps_only_where_something_may_be_near(self) -> None:
        assert read(Wanted(name="Ana")).levels == (Match.PART, Match.NEAR)
        assert read(Wanted(card_number=NUMBER)).levels == (Match.WHOLE, Match.NEAR)
        assert read(Wanted(card_number="1111", phone="5678")).levels == (Match.WHOLE,)


class TestNearCards:
    def test_can_be_and_are_one_error_away(self) -> None:
        found = near_cards(NUMBER)

        assert NUMBER in found
        assert len(found) < 60
        assert all(luhn_digit(each[:-1]) == each[-1] for each in found)

    @pytest.mark.parametrize("typed", ["4111111111111112", "411111111111111", "41111111111111111", "1411111111111111"])
    def test_hold_the_number_that_was_meant(self, typed: str) -> None:
        assert NUMBER in near_cards(typed)
