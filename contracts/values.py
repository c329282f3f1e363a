"""The small words that messages are made of: identifiers, numbers with check digits, personal text."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Annotated, Any, Final, TypeVar, get_args, get_origin
from unicodedata import normalize

import phonenumbers
from pydantic import AfterValidator, AwareDatetime, BaseModel, Field, StringConstraints, ValidationInfo

T = TypeVar("T")


class PersonalMark:
    """Marks a field as personal data: kept out of logs, metrics, answers, keys and error texts."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "personal"


PERSONAL: Final = PersonalMark()
Personal = Annotated[T, PERSONAL]
"""`Personal[str]`: text that says something about a person."""


class SealMark:
    """Marks a text that nobody but its worker may read, not even in a topic: doors seal it before it travels."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "sealed"


SEALED: Final = SealMark()
Sealed = Annotated[T, PERSONAL, SEALED]
"""`Sealed[str]`: a code or a password; its type must allow `SEAL_PATTERN` beside what people type."""
SEAL: Final = "sealed."
"""What a sealed text begins with."""
SEAL_PATTERN: Final = r"sealed\.[A-Za-z0-9_-]{22,1000}"


REGION: Final = "region"
"""In the context of a validation: the country whose phones are understood without their country code."""
_DOUBLED: Final = bytes.maketrans(b"0123456789", b"0246813579")


def luhn_digit(digits: str) -> str:
    """The check digit that makes `digits` + digit valid (ISO/IEC 7812-1, annex B)."""
    raw = digits.encode()
    total = sum(raw[-1::-2].translate(_DOUBLED)) + sum(raw[-2::-2]) - ord("0") * len(raw)
    return str(-total % 10)


def _with_check_digit(number: str) -> str:
    if luhn_digit(number[:-1]) != number[-1]:
        raise ValueError("the check digit is wrong")
    return number


def _international(phone: str, validation: ValidationInfo) -> str:
    region = (validation.context or {}).get(REGION)
    try:
        parsed = phonenumbers.parse(phone, region)
    except phonenumbers.NumberParseException:
        form = "an international phone number that begins with +"
        raise ValueError(f"must be {form}" if region is None else f"must be {form}, or one of {region}") from None
    if not phonenumbers.is_valid_number(parsed):
        raise ValueError("is not a phone number that can exist")
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


def comparable_email(email: str) -> str:
    """The form in which emails are compared, whatever their capitals and accents (Unicode D145, then NFC)."""
    return normalize("NFC", normalize("NFD", email).casefold())


LONGEST_ID: Final = 400
MessageId = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_ID, pattern=r"^[\x21-\x7e]+$")]
MemberId = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_-]+$")]
AccountId = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_-]+$")]
CardNumber = Annotated[str, StringConstraints(pattern=r"^[0-9]{12,19}$"), AfterValidator(_with_check_digit)]
Code = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
"""A name that `programme.yaml` defines: a reward, a product category, a unit, a question."""
Reference = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[\x21-\x7e]+$")]
"""A name that another system gave: a store, a till, a receipt, a product."""
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]
Phone = Annotated[str, StringConstraints(max_length=32), AfterValidator(_international)]
"""An international phone number, brought to E.164; a door that says its `REGION` takes national ones of there, too."""
E164 = Annotated[str, StringConstraints(pattern=r"^\+[1-9][0-9]{4,14}$")]
"""A phone that one of our workers has taken as a `Phone` already; looking at that again costs 50 µs in every reader."""
Email = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True,
        max_length=254,
        pattern=r"^[^@\s\x00-\x1f\x7f]{1,64}@[^@\s\x00-\x1f\x7f.]+(\.[^@\s\x00-\x1f\x7f.]+)+$",
    ),
]
Points = Annotated[int, Field(ge=-(10**12), le=10**12)]
MinorUnits = Annotated[int, Field(ge=0, le=10**11)]
"""Money in the smallest unit of its currency."""
EARLIEST: Final = datetime(1800, 1, 1, tzinfo=UTC)
LATEST: Final = datetime(2200, 1, 1, tzinfo=UTC)
"""Beyond these nothing of ours happened or will: a till's year 1 in its own zone can't even be said in UTC."""
Instant = Annotated[AwareDatetime, Field(ge=EARLIEST, le=LATEST)]
Day = Annotated[date, Field(ge=EARLIEST.date(), le=LATEST.date())]

__all__ = [
    "E164",
    "LONGEST_ID",
    "PERSONAL",
    "REGION",
    "SEAL",
    "SEALED",
    "SEAL_PATTERN",
    "AccountId",
    "CardNumber",
    "Code",
    "Day",
    "Email",
    "Instant",
    "MemberId",
    "MessageId",
    "MinorUnits",
    "Personal",
    "Phone",
    "Points",
    "Reference",
    "Sealed",
    "Text",
    "comparable_email",
    "datetime",
    "holds_objects",
    "is_personal",
    "luhn_digit",
    "personal_fields",
    "sealed_fields",
]


def is_personal(annotation: Any) -> bool:
    """Whether an annotation is marked personal, itself or anywhere inside it."""
    if any(isinstance(part, PersonalMark) for part in getattr(annotation, "__metadata__", ())):
        return True
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return bool(personal_fields(annotation))
    return get_origin(annotation) is not None and any(is_personal(part) for part in get_args(annotation))


def personal_fields(model: type[BaseModel]) -> frozenset[str]:
    """Names of a model's fields that are personal, or hold something that is."""
    return frozenset(
        name
        for name, field in model.model_fields.items()
        if any(isinstance(mark, PersonalMark) for mark in field.metadata) or is_personal(field.annotation)
    )


def sealed_fields(model: type[BaseModel]) -> frozenset[str]:
    """Names of a model's own fields that are sealed before they travel."""
    return frozenset(
        name for name, field in model.model_fields.items() if any(isinstance(mark, SealMark) for mark in field.metadata)
    )


def holds_objects(annotation: Any) -> bool:
    """Whether an annotation has a place for a mapping, itself or anywhere inside it."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return any(holds_objects(field.annotation) for field in annotation.model_fields.values())
    origin = get_origin(annotation) or annotation
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return True
    return any(holds_objects(part) for part in get_args(annotation))
