"""What somebody looks for, read from how people write it: as filters over the keys of members."""

import re
from datetime import date
from typing import Final, NamedTuple

import phonenumbers

from contracts.values import comparable_email, luhn_digit
from workers.registration.folding import folded
from workers.registration.search_keys import backwards, birthday_key
from workers.registration.search_names import (
    LEAST_LETTERS,
    MOST_WORDS_WANTED,
    Filter,
    Match,
    Spellings,
    begins,
    words_wanted,
)

LEAST_DIGITS: Final = 4
"""Fewer of a phone or a card fit too many."""
LEAST_BEGINNING: Final = 6
"""So many digits of a phone, its country code among them, may be all that is known of it."""
LEAST_EMAIL: Final = 3
VAGUE: Final = 5
"""Where both name and email are shorter, each fits thousands."""
WHOLE_CARD: Final = range(12, 20)
LEAST_ID: Final = 8
"""Shorter member ids have to be whole."""
LEAP_YEAR: Final = 2000

_PHONE: Final = re.compile(r"[0-9+()/. \-]+")
_BETWEEN: Final = re.compile(r"[\s\-]")
_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_ISO_DAY: Final = re.compile(r"(?:([0-9]{4})-|--)?([0-9]{2})-([0-9]{2})")
_DOTTED_DAY: Final = re.compile(r"([0-9]{1,2})\. ?([0-9]{1,2})\. ?([0-9]{4})?")


class UnfitSearch(ValueError):
    """A search that finds nobody, as it is empty, too short, or can't be: which field, and its rule."""

    def __init__(self, field: str, rule: str) -> None:
        super().__init__(f"{field}: {rule}")
        self.field = field
        self.rule = rule


class Wanted(NamedTuple):
    """Whom somebody looks for, as they wrote it; all that is given must fit."""

    name: str | None = None
    phone: str | None = None
    email: str | None = None
    card_number: str | None = None
    member_id: str | None = None
    birthday: str | None = None
    led_to: tuple[str, ...] | None = None
    """Cards that something else led to: receipts, coupons."""


class Terms(NamedTuple):
    """What was looked for, read."""

    filters: tuple[Filter, ...]
    phone: str | None
    """In E.164, if it is a whole one; what was written, if it isn't."""
    email: str | None
    card_number: str | None
    words: tuple[Spellings, ...]
    """Of a name, the longest first."""
    day: str | None
    """How the key of a birthday begins, with the year or without."""

    @property
    def levels(self) -> tuple[Match, ...]:
        """In which steps to look, the closest first; whose name is the whole has its beginning, too."""
        if self.words:
            return (Match.PART,) if self.is_vague else (Match.PART, Match.NEAR)
        return (Match.WHOLE, Match.NEAR) if self.is_whole_card else (Match.WHOLE,)

    @property
    def is_vague(self) -> bool:
        """Whether little more is looked for than how a name and an email begin."""
        if self.email is None or not self.words or self.phone or self.card_number or self.day or len(self.filters) > 1:
            return False
        return max(len(self.email), len(self.words[0][0])) < VAGUE

    @property
    def may_be_whole(self) -> bool:
        """Whether a phone or an email is given that may be the whole of somebody's."""
        return (self.phone or "").startswith("+") or "@" in (self.email or "")

    @property
    def is_whole_card(self) -> bool:
        """Whether a card's whole number is looked for."""
        return self.card_number is not None and len(self.card_number) in WHOLE_CARD


def read(wanted: Wanted, region: str | None = None) -> Terms:
    """What is looked for, in which filters.

    Raises:
        UnfitSearch: it would find everybody, or is none.
    """
    if all(each is None for each in wanted):
        raise UnfitSearch("body", "say whom to look for, by one key at least")
    filters: list[Filter] = [] if wanted.led_to is None else [{"card_numbers": {"$in": list(wanted.led_to)}}]
    member_id, phone, email, card = wanted.member_id, wanted.phone, wanted.email, wanted.card_number
    if member_id is not None:
        filters.append(_member_id(member_id.strip()))
    if phone is not None:
        phone, fits = _phone(folded(phone.strip()), region)
        filters.append(fits)
    if card is not None:
        card, ends = _card(_BETWEEN.sub("", folded(card)))
        filters += ends
    if email is not None:
        email = _email(comparable_email(email.strip()))
        filters.append({"search.email": {"$elemMatch": begins(email)}})

    words = () if wanted.name is None else _words(wanted.name)
    is_alone = not words and not filters and card is None
    day = None if wanted.birthday is None else _day(wanted.birthday.strip(), is_alone=is_alone)
    if day is not None and not words:
        filters.append({"search.birth.day": begins(day)})
    return Terms(tuple(filters), phone, email, card, words, day)


def _member_id(text: str) -> Filter:
    if not _ID.fullmatch(text):
        raise UnfitSearch("body.member_id", "has only letters, digits, - and _, 64 at most")
    return {"_id": begins(text) if len(text) >= LEAST_ID else text}


def _phone(plain: str, region: str | None) -> tuple[str, Filter]:
    """A phone in E.164 if it is a whole one, and what fits: the whole, its end, its beginning."""
    digits = re.sub("[^0-9]", "", plain)
    if not _PHONE.fullmatch(plain):
        raise UnfitSearch("body.phone", "has only digits, spaces and + - ( ) / .")
    if len(digits) < LEAST_DIGITS:
        raise UnfitSearch("body.phone", f"needs {LEAST_DIGITS} digits at least: its last ones")
    # Without the zeros in front a national form is the end of the international one, nearly everywhere.
    ends = sorted({digits, *(each for each in (digits.lstrip("0"),) if len(each) >= LEAST_DIGITS)})
    fits: list[Filter] = [{"search.phone": begins(backwards(each))} for each in ends]
    whole = _whole_phone(plain, region)
    if whole is not None:
        fits.append({"phone": whole})
    beginning = _beginning(plain, digits, region)
    if len(beginning) > LEAST_BEGINNING:
        fits.append({"phone": begins(beginning)})
    return whole or digits, {"$or": fits} if len(fits) > 1 else fits[0]


def _whole_phone(plain: str, region: str | None) -> str | None:
    international = f"+{plain[2:]}" if plain.startswith("00") else plain
    try:
        parsed = phonenumbers.parse(international, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(parsed):
        return None
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


def _beginning(plain: str, digits: str, region: str | None) -> str:
    """How the international form begins, if what was written is its beginning."""
    if plain.startswith("+"):
        return f"+{digits}"
    if plain.startswith("00"):
        return f"+{digits[2:]}"
    if plain.startswith("0") and region is not None:
        return f"+{phonenumbers.country_code_for_region(region)}{digits[1:]}"
    return ""


def _card(number: str) -> tuple[str, list[Filter]]:
    """A card's number, and what fits if it is the end of one; whole ones are looked for step by step."""
    if not (number.isascii() and number.isdigit()) or len(number) >= WHOLE_CARD.stop:
        raise UnfitSearch("body.card_number", f"has only digits, {WHOLE_CARD.stop - 1} at most")
    if len(number) < LEAST_DIGITS:
        raise UnfitSearch("body.card_number", f"needs {LEAST_DIGITS} digits at least: its last ones")
    if len(number) in WHOLE_CARD:
        return number, []
    return number, [{"search.cards": {"$elemMatch": begins(backwards(number))}}]


def near_cards(number: str) -> list[str]:
    """A card's number, and those that can be and differ by one digit more, less, other, or two swapped."""
    places, digits = range(len(number) + 1), "0123456789"
    found = {number[:place] + digit + number[place:] for place in places for digit in digits}
    for place in places[:-1]:
        before, after = number[:place], number[place + 1 :]
        found |= {before + after, *(before + digit + after for digit in digits)}
        found.add(before + after[:1] + number[place] + after[1:])
    can_be = {each for each in found if len(each) in WHOLE_CARD and luhn_digit(each[:-1]) == each[-1]}
    return sorted(can_be | {number})


def _email(email: str) -> str:
    if len(email) < LEAST_EMAIL:
        raise UnfitSearch("body.email", f"needs {LEAST_EMAIL} characters at least")
    if email.startswith("@") or re.search(r"\s", email):
        raise UnfitSearch("body.email", "begins with what stands before the @, and has no spaces")
    return email


def _words(text: str) -> tuple[Spellings, ...]:
    words = words_wanted(text)
    if not words:
        rule = f"needs a word of {LEAST_LETTERS} letters at least, and has {MOST_WORDS_WANTED} words at most"
        raise UnfitSearch("body.name", rule)
    return words


def _day(text: str, *, is_alone: bool) -> str:
    """How the key of a birthday begins."""
    iso, dotted = _ISO_DAY.fullmatch(text), _DOTTED_DAY.fullmatch(text)
    if iso is not None:
        year, month, day = iso.groups()
    elif dotted is not None:
        day, month, year = dotted.groups()
    else:
        raise UnfitSearch("body.birthday", "is a day: 1984-02-29, 29.2.1984, or 02-29 and 29.2. without the year")
    try:
        born_on = date(int(year or LEAP_YEAR), int(month), int(day))
    except ValueError:
        raise UnfitSearch("body.birthday", "is no day of the calendar") from None
    if year is None and is_alone:
        raise UnfitSearch("body.birthday", "needs the year, or another key beside it")
    return birthday_key(born_on) if year is not None else birthday_key(born_on)[: len("02-29-")]
