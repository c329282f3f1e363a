"""MongoDB's forms and errors in ours: documents to and from what it keeps, and three kinds of failure."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

import msgspec
from bson.codec_options import CodecOptions
from bson.errors import BSONError
from bson.regex import Regex
from motor.motor_asyncio import AsyncIOMotorClient
from pydantic import BaseModel, ValidationError
from pymongo.errors import (
    ConfigurationError,
    ConnectionFailure,
    DocumentTooLarge,
    DuplicateKeyError,
    InvalidOperation,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
)
from pymongo.write_concern import WriteConcern

from runtime.documents import Document, Part, packed_fields, sparse_fields
from runtime.settings import Settings

D = TypeVar("D", bound=Document)
Raw = Mapping[str, Any]
"""What MongoDB keeps."""

BUILTIN_TYPES: Final = (datetime, bytes)
"""What MongoDB keeps as it is, beside text, numbers and the like; a day is kept as text."""
MAJORITY: Final = WriteConcern("majority", wtimeout=30_000)
SERVER_SELECTION_MS: Final = 2_000
SOCKET_TIMEOUT_MS: Final = 30_000
DUPLICATE_KEY: Final = 11_000
LASTING_CODES: Final = frozenset({2, 9, 14, 52, 55, 56, 57, 121, 146, 257, 10_334, 17_280, 17_419, 17_420})
"""Server errors that the same write will meet again: bad names and types, documents and transactions too large."""


class Conflict(Exception):
    """Somebody changed what the batch had loaded, or the commit's fate is unknown: again, from the journal on.

    `duplicate` says that it was a key that exists, and `key` which, where that is known; alone and again and again,
    that is a handler's bug, or a second message under an id that the journal has forgotten.
    """

    def __init__(self, reason: str, *, duplicate: bool = False, key: str | None = None) -> None:
        super().__init__(reason)
        self.duplicate = duplicate
        self.key = key


class Away(Exception):
    """MongoDB can't be reached, or can't work now: wait and try again."""


class Unfit(Exception):
    """The batch holds something that can never be written."""


CODEC: Final[CodecOptions[Raw]] = CodecOptions(tz_aware=True, tzinfo=UTC)


def connect(settings: Settings) -> AsyncIOMotorClient:
    """A client with what Punchcard needs set on purpose: majority, short selection, no hidden retries."""
    options: dict[str, Any] = {}
    if settings.mongo_ca_file is not None:
        options = {"tls": True, "tlsCAFile": str(settings.mongo_ca_file)}
    return AsyncIOMotorClient(
        settings.mongo_url.get_secret_value(),
        serverSelectionTimeoutMS=SERVER_SELECTION_MS,
        socketTimeoutMS=SOCKET_TIMEOUT_MS,
        connectTimeoutMS=SERVER_SELECTION_MS,
        retryWrites=False,
        appname=settings.prefix,
        **options,
    )


def to_raw(document: Document) -> Raw:
    """A document as MongoDB keeps it."""
    packed = packed_fields(type(document))
    if packed:
        document = document.evolve(**{name: _pack(getattr(document, name), packed[name]) for name in packed})
    raw: dict[str, Any] = _plain(document)
    for name in sparse_fields(type(document)):
        if raw[name] is None:
            del raw[name]
    raw.update(document.derived())
    return raw


def from_raw(document_class: type[D], raw: Raw) -> D:
    """What MongoDB keeps as a document.

    Raises:
        Unfit: it is none, or none any more.
    """
    try:
        packed = packed_fields(document_class)
        if packed:
            raw = {**raw, **{name: _unpack(raw[name], packed[name]) for name in packed if name in raw}}
        return msgspec.convert(raw, document_class, builtin_types=BUILTIN_TYPES, dec_hook=_model)
    except (msgspec.DecodeError, ValidationError) as error:
        raise Unfit(f"a stored {document_class.__name__} is none any more: {_where(error)}") from error


def begins_with(text: str) -> Regex[str]:
    """What begins with a text, in letters and digits, to stand beside others in an `$in`: an index serves it.

    Not compiled by Python: that takes 100 µs each, and adds a flag that keeps MongoDB from using the index.
    """
    return Regex("^" + text)


def update_of(before: Document, after: Document) -> Raw:
    """The update that brings one version to the other: `$set` of the top-level fields that differ, `$unset` of some.

    What is derived from the fields goes with them.
    """
    sparse, packed = sparse_fields(type(after)), packed_fields(type(after))
    changed: dict[str, Any] = {}
    emptied: dict[str, str] = {}
    for name in after.__struct_fields__:
        old, new = getattr(before, name), getattr(after, name)
        if new is old or new == old:
            continue
        if new is None and name in sparse:
            emptied[name] = ""
        else:
            changed[name] = _pack(new, packed[name]) if name in packed else new
    old_keys, new_keys = before.derived(), after.derived()
    if old_keys or new_keys:
        changed |= {name: kept for name, kept in new_keys.items() if kept != old_keys.get(name)}
        emptied |= dict.fromkeys(old_keys.keys() - new_keys.keys(), "")
    update: dict[str, Raw] = {"$set": _plain(changed)}
    if emptied:
        update["$unset"] = emptied
    return update


def _pack(parts: Sequence[Part], names: Sequence[str]) -> tuple[Part, ...]:
    """Parts with these fields packed."""
    return tuple(
        msgspec.structs.replace(part, **{name: PACKER.encode(getattr(part, name)) for name in names}) for part in parts
    )


def _unpack(parts: Any, names: Sequence[str]) -> Any:
    """Parts with these fields as they were; what isn't packed was written before they were to be, or is no part."""
    if not isinstance(parts, list | tuple):
        return parts
    return [{**part, **_unpacked(part, names)} if isinstance(part, dict) else part for part in parts]


def _unpacked(part: Raw, names: Sequence[str]) -> Raw:
    packed = {name: part[name] for name in names if isinstance(part.get(name), bytes)}
    return {name: UNPACKER.decode(content) for name, content in packed.items()}


def _plain(kept: object) -> Any:
    return msgspec.to_builtins(kept, builtin_types=BUILTIN_TYPES, enc_hook=_fields)


def _fields(model: object) -> Any:
    """The fields of what contracts define, within a document."""
    if isinstance(model, BaseModel):
        return model.__pydantic_serializer__.to_python(model)
    raise NotImplementedError(type(model).__name__)


PACKER: Final = msgspec.msgpack.Encoder(enc_hook=_fields)
UNPACKER: Final = msgspec.msgpack.Decoder()


def _model(model_class: type[Any], fields: object) -> Any:
    """What contracts define, from its fields within a document."""
    return model_class.__pydantic_validator__.validate_python(fields)


def _where(error: Exception) -> str:
    """Where a document doesn't fit; never what stands there."""
    if isinstance(error, ValidationError):
        return ", ".join(".".join(map(str, each["loc"])) for each in error.errors(include_input=False))
    return str(error).rpartition(" - at ")[2]


@asynccontextmanager
async def sorted_errors() -> AsyncIterator[None]:
    """Turn PyMongo's errors into `Conflict`, `Away` and `Unfit`."""
    try:
        yield
    except DuplicateKeyError as error:
        raise Conflict("duplicate key", duplicate=True) from error
    except (DocumentTooLarge, BSONError, OverflowError, ConfigurationError) as error:
        raise Unfit(type(error).__name__) from error
    except ConnectionFailure as error:
        if error.has_error_label("UnknownTransactionCommitResult"):
            raise Conflict("the commit's fate is unknown") from error
        raise Away(_why_away(error)) from error
    except OperationFailure as error:
        raise _sort_failure(error) from error
    except InvalidOperation as error:
        raise Conflict("the session was lost") from error
    except PyMongoError as error:
        raise Away(type(error).__name__) from error


def check_writes(errors: Iterable[Mapping[str, Any]]) -> None:
    """Sort the errors of single writes, which a command reports beside its success.

    Raises:
        Conflict, Away, Unfit: there are some.
    """
    by_code = {each.get("code"): each for each in errors}
    codes = by_code.keys()
    if DUPLICATE_KEY in codes:
        key = by_code[DUPLICATE_KEY].get("keyValue", {}).get("_id")
        raise Conflict("duplicate key", duplicate=True, key=key)
    if codes & LASTING_CODES:
        raise Unfit(f"codes {codes & LASTING_CODES}")
    if codes:
        raise Away(f"{len(codes)} kinds of write errors")


def _why_away(error: ConnectionFailure) -> str:
    """What kept us from a server, TLS's own words included; nothing of what should have been said there."""
    if isinstance(error, ServerSelectionTimeoutError):
        return str(error).partition(", Timeout:")[0].partition(" (configured")[0]
    return type(error).__name__


def _sort_failure(error: OperationFailure) -> Exception:
    if error.has_error_label("TransientTransactionError") or error.has_error_label("UnknownTransactionCommitResult"):
        return Conflict(f"code {error.code}")
    if error.code in LASTING_CODES:
        return Unfit(f"code {error.code}")
    return Away(f"code {error.code}")
