"""A full example of any message, always the same: made from its fields, with every optional one said."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime
from enum import Enum
from types import NoneType
from typing import Annotated, Any, Final, TypeVar, get_args, get_origin

from pydantic import BaseModel, TypeAdapter, ValidationError

from contracts.messages import Actor, ActorKind, Command, Envelope, Event, Message

M = TypeVar("M", bound=Message)

NOON: Final = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
BY_NAME: Final[Mapping[str, Any]] = {
    "member_id": "0192f0c1a2b37c4d8e9f001122334455",
    "call_id": "0b9c2f0f6a2b8e5d0c9a7e4f3b2a1d0c",
    "account_id": "5f2c7a90b1e84d33a6c5d4e3f2a1b0c9",
    "card_number": "4000000000000002",
    "new_card_number": "4000000000000010",
    "phone": "+4915123456789",
    "email": "ana@example.org",
    "first_name": "Ana",
    "last_name": "Müller",
    "born_on": date(1990, 5, 1),
    "language": "en",
    "currency": "EUR",
    "purchase_id": "store-7 till-2 000042 2026-11-22",
    "token": "abcdefghijklmnopqrstuvwxyz",
    "salt": "5a" * 16,
    "proof": "5e" * 32,
    "store": "store-7",
    "till": "till-2",
    "receipt_number": "000042",
    "coupon_code": "7KQ42M9XTB3C8RWJ",
    "code": "123456",
    "replaces": "7KQ42M9XTB3C8RWJ",
    "replaced_by": "7KQ42M9XTB3C8RWJ",
}
CANDIDATES: Final[tuple[Any, ...]] = (
    *("coffee", "en", "4000000000000002", "+4915123456789", "ana@example.org", "https://example.org/x", "12:00"),
    "5f2c7a90b1e84d33a6c5d4e3f2a1b0c9",
    *(3, 1, 100, 0, -1, True, 0.5, NOON, NOON.date(), b"coffee"),
)
"""What is tried, in order, for a field that nothing else settles; the first that its rules allow is taken."""


class NoExample(LookupError):
    """Nothing that is tried fits a field: give it a value in `BY_NAME`, or the message one in `BY_HAND`."""


BY_HAND: Final[dict[str, Callable[[], Mapping[str, Any]]]] = {}
"""Fields for messages whose rules bind several fields together."""


def example(message_class: type[M]) -> M:
    """A full example of a message.

    Raises:
        NoExample: some field's rules allow nothing that is tried.
    """
    by_hand = BY_HAND.get(message_class.__name__)
    fields = _fields(message_class) | (dict(by_hand()) if by_hand else {})
    try:
        return message_class.model_validate(fields)
    except ValidationError as error:
        raise NoExample(f"{message_class.__name__}: {error}") from None


def example_envelope(message_class: type[Message]) -> Envelope:
    """An envelope such as this message travels in."""
    is_command = issubclass(message_class, Command)
    message = example(message_class)
    message_id = "01939f3e-1c00-7abc-8def-001122334455"
    return Envelope(
        id=message_id if is_command else f"{message_id}/1",
        type=message_class.__name__,
        time=NOON,
        actor=Actor(kind=ActorKind.OPERATOR, id="operator-7", call_id="call-1"),
        correlation_id=message_id,
        causation_id=None if is_command else message_id,
        hops=0 if is_command else 1,
        schema_version=message_class.schema_version,
        subject=message.aggregate_id if isinstance(message, Event) else None,
        version=2 if isinstance(message, Event) else None,
    )


def _fields(model: type[BaseModel]) -> dict[str, Any]:
    return {
        name: value_of(Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation, name)
        for name, field in model.model_fields.items()
    }


def value_of(annotation: Any, name: str) -> Any:
    """A value that an annotation allows; `name` is the field's, which may settle it."""
    if name in BY_NAME and _allows(annotation, BY_NAME[name]):
        return BY_NAME[name]
    bare = get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation
    if isinstance(bare, type) and issubclass(bare, BaseModel):
        return bare.model_validate(_fields(bare))
    if isinstance(bare, type) and issubclass(bare, Enum):
        return next(iter(bare))
    return _inside(annotation, bare, name)


def _inside(annotation: Any, bare: Any, name: str) -> Any:
    origin, arguments = get_origin(bare), get_args(bare)
    if origin is tuple and arguments[-1] is Ellipsis:
        return (value_of(arguments[0], name.removesuffix("s")),)
    if origin is tuple:
        return tuple(value_of(each, name) for each in arguments)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return {value_of(arguments[0], ""): value_of(arguments[1], "")}
    alternatives = [each for each in arguments if each is not NoneType]
    if NoneType in arguments and len(alternatives) == 1:
        return value_of(alternatives[0], name)
    if isinstance(bare, type) and issubclass(bare, datetime):
        return NOON
    return _first_allowed(annotation, name)


def _first_allowed(annotation: Any, name: str) -> Any:
    for candidate in _natural(name):
        if _allows(annotation, candidate):
            return candidate
    raise NoExample(f"{name}: {annotation}")


def _natural(name: str) -> Iterable[Any]:
    """What is tried for a field; one that is called an id gets one that looks like it."""
    if name.endswith("_id"):
        yield f"{name.removesuffix('_id').replace('_', '-')}-1"
    yield from CANDIDATES


def _allows(annotation: Any, value: Any) -> bool:
    try:
        TypeAdapter(annotation).validate_python(value, strict=True)
    except ValidationError:
        return False
    return True
