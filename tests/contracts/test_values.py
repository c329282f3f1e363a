"""The small words: check digits, phones, emails, personal marks."""

from typing import Annotated, Any
from unicodedata import normalize

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import BaseModel, TypeAdapter, ValidationError

from contracts.values import (
    REGION,
    CardNumber,
    Code,
    Day,
    Email,
    Instant,
    MemberId,
    MessageId,
    Personal,
    Phone,
    Points,
    Reference,
    Text,
    comparable_email,
    is_personal,
    luhn_digit,
    personal_fields,
)

digits = st.text("0123456789", min_size=11, max_size=18)


def rule_broken(type_: Any, value: object) -> str:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(type_).validate_python(value)
    return str(caught.value.errors(include_input=False, include_url=False, include_context=False)[0]["msg"])


def taken(type_: Any, value: object) -> Any:
    return TypeAdapter(type_).validate_python(value)


class TestLuhnDigit:
    @pytest.mark.parametrize(
        ("number", "digit"),
        [("7992739871", "3"), ("411111111111111", "1"), ("37828224631000", "5"), ("0", "0"), ("", "0")],
    )
    def test_is_that_of_the_published_examples(self, number: str, digit: str) -> None:
        assert luhn_digit(number) == digit

    @given(digits, st.data())
    def test_notices_every_single_wrong_digit(self, number: str, data: st.DataObject) -> None:
        place = data.draw(st.integers(0, len(number) - 1))
        wrong = data.draw(st.sampled_from([each for each in "0123456789" if each != number[place]]))
        assert luhn_digit(number[:place] + wrong + number[place + 1 :]) != luhn_digit(number)

    @given(digits, st.data())
    def test_notices_swapped_neighbours_other_than_09_and_90(self, number: str, data: st.DataObject) -> None:
        place = data.draw(st.integers(0, len(number) - 2))
        pair = number[place : place + 2]
        assume(pair[0] != pair[1] and pair not in {"09", "90"})
        assert luhn_digit(number[:place] + pair[::-1] + number[place + 2 :]) != luhn_digit(number)


class TestCardNumber:
    @given(digits)
    def test_is_taken_with_its_check_digit(self, number: str) -> None:
        assert taken(CardNumber, number + luhn_digit(number)) == number + luhn_digit(number)

    @given(digits, st.sampled_from("0123456789"))
    def test_is_refused_with_another(self, number: str, digit: str) -> None:
        assume(digit != luhn_digit(number))
        assert rule_broken(CardNumber, number + digit) == "Value error, the check digit is wrong"

    @pytest.mark.parametrize(
        "number",
        ["", "0", "79927398713", "7" * 20, "4111 1111 1111 1111", "-411111111111111", "4111111111111111\n"],
    )
    def test_has_twelve_to_nineteen_digits_and_nothing_else(self, number: str) -> None:
        assert "pattern" in rule_broken(CardNumber, number)

    def test_is_written_in_ascii_digits_so_that_one_card_has_one_number(self) -> None:
        assert "pattern" in rule_broken(CardNumber, "٤١١١١١١١١١١١١١١١")

    def test_is_text(self) -> None:
        assert "string" in rule_broken(CardNumber, 4111111111111111)


class TestPhone:
    @pytest.mark.parametrize(
        "written",
        ["+4915112345678", "+49 151 12345678", "+49 (0)151 1234 5678", " +49-151-1234-5678 "],
    )
    def test_is_brought_to_one_form(self, written: str) -> None:
        assert taken(Phone, written) == "+4915112345678"

    @pytest.mark.parametrize("written", ["015112345678", "hello", "", "0049 151 12345678"])
    def test_is_international(self, written: str) -> None:
        assert rule_broken(Phone, written) == "Value error, must be an international phone number that begins with +"

    @pytest.mark.parametrize("written", ["0151 12345678", "0151/123-45678", "+49 151 12345678", "0049 151 12345678"])
    def test_may_be_national_where_a_door_says_of_which_country(self, written: str) -> None:
        assert TypeAdapter(Phone).validate_python(written, context={REGION: "DE"}) == "+4915112345678"
        with pytest.raises(ValidationError):
            TypeAdapter(Phone).validate_python("hello", context={REGION: "DE"})

    @pytest.mark.parametrize("written", ["+49151", "+1 555 1234567890", "+4900000000000"])
    def test_can_exist(self, written: str) -> None:
        assert rule_broken(Phone, written) == "Value error, is not a phone number that can exist"

    def test_is_short(self) -> None:
        assert "at most 32" in rule_broken(Phone, "+49" + " " * 40 + "15112345678")

    @given(st.text(max_size=40))
    def test_is_never_told_by_an_error(self, written: str) -> None:
        try:
            taken(Phone, f"{written}\N{SNOWMAN}")
        except ValidationError as error:
            problems = error.errors(include_input=False, include_url=False)
            assert "\N{SNOWMAN}" not in str(problems)
            assert [problem.get("input") for problem in problems] == [None]

    @given(st.integers(15_100_000_000, 15_199_999_999))
    def test_stays_as_it_is_when_taken_again(self, national: int) -> None:
        try:
            phone = taken(Phone, f"+49{national}")
        except ValidationError:
            assume(False)
        assert taken(Phone, phone) == phone


class TestEmail:
    @pytest.mark.parametrize(
        "email", ["ana@example.org", "Ana.Lópéz+news@mail.example.co.uk", "δοκιμή@παράδειγμα.gr", "o'hara@a-b.ie"]
    )
    def test_is_kept_as_it_is_written(self, email: str) -> None:
        assert taken(Email, f" {email} ") == email

    @pytest.mark.parametrize(
        "email",
        [
            "",
            "ana",
            "@example.org",
            "ana@",
            "ana@example",
            "ana@example.",
            "ana@.org",
            "ana@a..b",
            "a b@example.org",
            "ana@example.org\nBcc: bob@example.org",
            "ana@exa\x00mple.org",
            "ana@@example.org",
            "a" * 65 + "@example.org",
        ],
    )
    def test_has_a_name_and_a_domain_and_nothing_that_could_end_a_header(self, email: str) -> None:
        assert "pattern" in rule_broken(Email, email)

    def test_is_short(self) -> None:
        assert "at most 254" in rule_broken(Email, "ana@" + "a." * 130 + "org")


class TestComparableEmail:
    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("ana@example.org", "ANA@Example.ORG"),
            ("jos\u00e9@example.org", "jose\u0301@example.org"),
            ("straße@example.org", "STRASSE@example.org"),
            ("σας@example.gr", "ΣΑΣ@example.gr"),
        ],
    )
    def test_is_one_for_what_people_take_for_one(self, one: str, other: str) -> None:
        assert comparable_email(one) == comparable_email(other)

    def test_keeps_different_ones_apart(self) -> None:
        assert comparable_email("ana@example.org") != comparable_email("ana+x@example.org")
        assert comparable_email("ana@example.org") != comparable_email("a.na@example.org")

    @given(st.text(max_size=20))
    def test_stays_as_it_is_when_compared_again(self, email: str) -> None:
        once = comparable_email(email)
        assert comparable_email(once) == once

    @given(st.text(max_size=20), st.sampled_from(["NFC", "NFD"]))
    def test_doesn_t_depend_on_how_accents_are_written(self, email: str, form: Any) -> None:
        assert comparable_email(normalize(form, email)) == comparable_email(email)


class TestNames:
    @pytest.mark.parametrize("value", ["a", "oat_milk", "a" * 64, "tier2"])
    def test_of_the_programme_are_plain(self, value: str) -> None:
        assert taken(Code, value) == value

    @pytest.mark.parametrize("value", ["", "A", "2nd", "oat-milk", "a" * 65, "é", "a\n", "_a"])
    def test_of_the_programme_are_nothing_else(self, value: str) -> None:
        assert "pattern" in rule_broken(Code, value)

    @pytest.mark.parametrize("type_", [MessageId, Reference])
    @pytest.mark.parametrize("value", ["a b", "a\n", "é", "a\x00"])
    def test_of_others_are_printable_ascii(self, type_: Any, value: str) -> None:
        assert "pattern" in rule_broken(type_, value)

    @pytest.mark.parametrize("value", ["a/b", "a.b", "$where", "ä"])
    def test_of_members_have_nothing_that_means_something_elsewhere(self, value: str) -> None:
        assert "pattern" in rule_broken(MemberId, value)


class TestText:
    def test_loses_the_space_around_it(self) -> None:
        assert taken(Text, "  Ana ") == "Ana"

    @pytest.mark.parametrize("value", ["", "   ", "a" * 501])
    def test_is_neither_empty_nor_endless(self, value: str) -> None:
        assert rule_broken(Text, value)


class TestPoints:
    @pytest.mark.parametrize("value", [10**12 + 1, -(10**12) - 1, 1.5, "many"])
    def test_are_whole_and_bounded(self, value: object) -> None:
        assert rule_broken(Points, value)


class Address(BaseModel):
    street: Personal[str]
    country: str


class Person(BaseModel):
    number: int
    phone: Personal[Phone]
    email: Personal[Email] | None = None
    nickname: Annotated[Personal[str], "kept short"] = ""
    addresses: tuple[Address, ...] = ()
    notes: dict[str, Personal[str]] = {}
    countries: tuple[str, ...] = ()


class TestPersonal:
    def test_marks_fields_however_deep(self) -> None:
        assert personal_fields(Person) == {"phone", "email", "nickname", "addresses", "notes"}

    @pytest.mark.parametrize(
        "annotation",
        [Personal[str], Personal[str] | None, list[Personal[int]], dict[str, tuple[Personal[str], ...]], Address],
    )
    def test_is_seen_inside(self, annotation: Any) -> None:
        assert is_personal(annotation)

    @pytest.mark.parametrize("annotation", [str, CardNumber, Annotated[str, "personal"], list[str], None])
    def test_is_not_seen_where_it_is_not(self, annotation: Any) -> None:
        assert not is_personal(annotation)

    def test_changes_nothing_else_about_a_field(self) -> None:
        person = Person(number=1, phone="+49 151 12345678")
        assert person.phone == "+4915112345678"
        assert repr(Person.model_fields["phone"].metadata[-1]) == "personal"


class TestInstantAndDay:
    @pytest.mark.parametrize(
        "absurd",
        ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "1799-12-31T23:59:59Z", "2200-01-01T00:00:01Z"],
    )
    def test_are_of_times_that_can_be_reckoned_with(self, absurd: str) -> None:
        assert "should be" in rule_broken(Instant, absurd)
        assert "should be" in rule_broken(Day, "0001-01-01")
        assert "should be" in rule_broken(Day, "9999-12-31")
        assert str(taken(Day, "1900-02-28")) == "1900-02-28"
