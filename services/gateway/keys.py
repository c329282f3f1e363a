"""API keys: who calls, and what they may do.

A key is `pk_<id>_<secret>`. The id finds its line in the keys file, and the secret is 32 random bytes, so its hash
needs no slow function: argon2 guards what people choose and others can guess, costs 30 ms a time, and would be all that
two cores do at 500 requests a second. What is kept is a BLAKE2b of the secret, keyed with the id; what is compared is
compared in constant time.
"""

import contextlib
import hmac
import os
import re
import secrets
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b
from http import HTTPStatus
from pathlib import Path
from typing import Final

import structlog
import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from contracts.messages import Actor, ActorKind
from runtime.settings import Settings
from services.gateway.problems import Problem, field_of, rule_of
from services.gateway.scopes import DEFAULT_SCOPES, KNOWN_SCOPES, NAMED

KEY: Final = re.compile(rb"[Bb]earer +pk_([a-z0-9][a-z0-9-]{0,39})_([A-Za-z0-9_-]{20,100})")
NOBODY: Final = bytes(32)
LOOK_AGAIN_SECONDS: Final = 1.0
"""How soon a changed keys file counts."""
DEMO_KEYS: Final = {
    "demo-till": ActorKind.POS,
    "demo-app": ActorKind.APP,
    "demo-operator": ActorKind.OPERATOR,
    "demo-supervisor": ActorKind.OPERATOR,
    "demo-wallet": ActorKind.WALLET,
    "demo-system": ActorKind.SYSTEM,
}
DEMO_SCOPES: Final = {"demo-supervisor": DEFAULT_SCOPES[ActorKind.OPERATOR] | NAMED}
DEMO_FILE: Final = "demo-keys.yaml"

log = structlog.get_logger(__name__)


class KeysError(Exception):
    """The keys file can't be used; says which entry breaks which rule."""


class ApiKey(BaseModel):
    """One line of the keys file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")
    kind: ActorKind
    hash: str = Field(pattern=r"^[0-9a-f]{64}$")
    scopes: tuple[str, ...] | None = None
    """What it may do; by default what its kind may."""


_KEYS: Final = TypeAdapter(tuple[ApiKey, ...])


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, proved by a key."""

    actor: Actor
    scopes: frozenset[str]

    def within(self, call_id: str | None) -> Actor:
        """The same actor, in a call."""
        return self.actor if call_id is None else self.actor.model_copy(update={"call_id": call_id})

    def must_have(self, scope: str) -> None:
        """Let pass who has the scope.

        Raises:
            Problem: 403, the key hasn't.
        """
        if scope not in self.scopes:
            raise Problem(HTTPStatus.FORBIDDEN, "scope_missing", f"This key lacks the scope {scope}.", scope=scope)


class Keys:
    """The keys in a file; a change of the file counts within a second, so that a key can be withdrawn at once.

    Raises:
        KeysError: the file can't be read or breaks a rule. Once it was read, a broken change is kept out instead.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._looked_at = time.monotonic()
        self._stamp = _stamp(file)
        self._entries = _entries(file)
        self._is_refused = False

    @property
    def is_refused(self) -> bool:
        """Whether the file can't be used now, so that keys stay as they were, those that were taken out of it, too."""
        self._look_again()
        return self._is_refused

    def caller(self, authorization: bytes | None) -> Caller:
        """Who an `Authorization` header proves.

        Raises:
            Problem: 401, there is no header, or no key like it.
        """
        self._look_again()
        match = KEY.fullmatch(authorization) if authorization else None
        if match is None:
            raise _unauthorized("Send an API key: Authorization: Bearer pk_<id>_<secret>.")
        key_id, secret = match[1].decode(), match[2]
        expected, caller = self._entries.get(key_id, (NOBODY, None))
        if not hmac.compare_digest(_hash(key_id, secret), expected) or caller is None:
            raise _unauthorized("This API key is not known.")
        return caller

    def _look_again(self) -> None:
        if time.monotonic() - self._looked_at <= LOOK_AGAIN_SECONDS:
            return
        self._looked_at = time.monotonic()
        stamp = _stamp(self._file)
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self._entries = _entries(self._file)
        except KeysError as error:
            self._is_refused = True
            log.error("keys_file_refused", why=str(error))  # noqa: TRY400  # no trace: it may hold values
            return
        self._is_refused = False


def read_keys(file: Path) -> tuple[ApiKey, ...]:
    """The keys in a file; none if there is no file.

    Raises:
        KeysError: it can't be read, or an entry breaks a rule.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise KeysError(f"{file}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise KeysError(f"{file}: is not UTF-8") from None
    try:
        entries = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError):  # a day that no calendar has is a ValueError
        raise KeysError(f"{file}: is not YAML") from None
    try:
        keys = _KEYS.validate_python(entries or ())
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise KeysError(f"{file}: {field_of(first)}: {rule_of(first)}") from None
    for key in keys:
        unknown = sorted(set(key.scopes or ()) - KNOWN_SCOPES)
        if unknown:
            raise KeysError(f"{file}: {key.id}: {unknown[0]} is not a scope")
    if len({key.id for key in keys}) < len(keys):
        raise KeysError(f"{file}: an id stands there twice")
    return keys


def create_key(file: Path, key_id: str, kind: ActorKind, scopes: Iterable[str] | None = None) -> str:
    """Make a key, keep its hash in the file, and say it: the only time that it can be read.

    Raises:
        KeysError: the id is taken or breaks its rule, a scope isn't known, or the file can't be used.
    """
    keys = read_keys(file)
    if any(key.id == key_id for key in keys):
        raise KeysError(f"{file}: there is a key {key_id} already")
    secret = secrets.token_urlsafe(32)
    wanted = None if scopes is None else tuple(scopes)
    try:
        key = ApiKey(id=key_id, kind=kind, hash=_hash(key_id, secret.encode()).hex(), scopes=wanted)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise KeysError(f"{field_of(first)}: {rule_of(first)}") from None
    unknown = sorted(set(wanted or ()) - KNOWN_SCOPES)
    if unknown:
        raise KeysError(f"{unknown[0]} is not a scope")
    _write(file, [each.model_dump(mode="json", exclude_none=True) for each in (*keys, key)])
    return f"pk_{key_id}_{secret}"


def ensure_demo_keys(settings: Settings) -> dict[str, str]:
    """A key for each kind of caller, made on the first start; later starts find them in `state_dir`.

    Returns:
        The keys by their ids; they stand in clear in `demo-keys.yaml`, which only its owner can read.
    """
    file = settings.state_dir / DEMO_FILE
    clear: dict[str, str] = {}
    with contextlib.suppress(FileNotFoundError):
        clear = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
    known = {key.id: key for key in read_keys(settings.keys_file)}
    for key_id, kind in DEMO_KEYS.items():
        secret = clear.get(key_id, "").removeprefix(f"pk_{key_id}_").encode()
        if key_id in known and known[key_id].hash == _hash(key_id, secret).hex():
            continue
        remove_key(settings.keys_file, key_id)
        clear[key_id] = create_key(settings.keys_file, key_id, kind, DEMO_SCOPES.get(key_id))
        _write(file, clear)
    return {key_id: clear[key_id] for key_id in DEMO_KEYS}


def remove_key(file: Path, key_id: str) -> bool:
    """Withdraw a key; says whether there was one.

    Raises:
        KeysError: the file can't be used.
    """
    keys = read_keys(file)
    left = [key for key in keys if key.id != key_id]
    if len(left) < len(keys):
        _write(file, [key.model_dump(mode="json", exclude_none=True) for key in left])
    return len(left) < len(keys)


def _entries(file: Path) -> dict[str, tuple[bytes, Caller]]:
    return {key.id: (bytes.fromhex(key.hash), _caller(key)) for key in read_keys(file)}


def _caller(key: ApiKey) -> Caller:
    scopes = DEFAULT_SCOPES[key.kind] if key.scopes is None else frozenset(key.scopes)
    return Caller(Actor(kind=key.kind, id=key.id), scopes)


def _hash(key_id: str, secret: bytes) -> bytes:
    return blake2b(secret, key=key_id.encode(), digest_size=32).digest()


def _stamp(file: Path) -> tuple[int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_ctime_ns, found.st_ino  # a change of who may read it is one, too


def _unauthorized(detail: str) -> Problem:
    headers = {"WWW-Authenticate": 'Bearer realm="punchcard"'}
    return Problem(HTTPStatus.UNAUTHORIZED, "unauthorized", detail, headers=headers)


def _write(file: Path, content: object) -> None:
    """Replace a file at once, readable by its owner alone."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")  # mkstemp's files are 0600
    with os.fdopen(handle, "w", encoding="utf-8") as out:
        yaml.safe_dump(content, out, sort_keys=False)
    Path(name).replace(file)
