"""Passwords at the door: stretched here, so that only a proof travels that somebody knows one (RFC 5802, RFC 9106)."""

import asyncio
from dataclasses import dataclass
from hashlib import blake2b
from http import HTTPStatus
from typing import Any, Final
from unicodedata import normalize

import msgspec
from argon2.low_level import Type, hash_secret_raw

from contracts.messages import Command
from contracts.passwords import StretchTerms, proof_of, unstretched
from contracts.programme.identification import PasswordRules
from services.gateway.problems import Problem
from workers.registration.views import RegistrationViews

AT_ONCE: Final = 2
"""Passwords stretched at once: each takes 64 MiB and a tenth of a second of several cores."""
MOST_WAITING: Final = 32
LONGEST: Final = 128
"""Characters of a password: stretching a longer one would only take longer."""
STRETCHED_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Salted:
    """How the proof of a password is made: over which salt, stretched how; not at all one that was generated."""

    salt: str
    terms: StretchTerms | None


class Passwords:
    """Makes proofs of the passwords that callers send."""

    def __init__(self, views: RegistrationViews, rules: PasswordRules) -> None:
        self._views = views
        self._rules = rules
        self._stretching = asyncio.Semaphore(AT_ONCE)
        self._waiting = 0

    async def proven(self, command_class: type[Command], body: bytes, command_id: str) -> bytes:
        """A command's JSON with the proof of a password instead of the password; one without is left as it is.

        Raises:
            Problem: 422, it can't be a password; 503, too many wait already.
            Away: MongoDB can't be reached.
        """
        try:
            fields = msgspec.json.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return body  # the contract says what is wrong with it
        if not isinstance(fields, dict) or "password" not in fields or "proof" in fields:
            return body
        is_set = "salt" in command_class.model_fields
        password = self._checked(fields.pop("password"), shortest=self._rules.shortest if is_set else 1)
        salted = self._new(command_id) if is_set else await self._held(fields.get("member_id"))
        fields["proof"] = await self._proof(password, salted)
        if is_set and salted.terms is not None:
            fields |= {"salt": salted.salt, "terms": salted.terms.model_dump()}
        return msgspec.json.encode(fields)

    def _checked(self, password: Any, shortest: int) -> str:
        """A password in the form in which they are compared (RFC 8265, OpaqueString)."""
        text = normalize("NFC", password) if isinstance(password, str) else ""
        if shortest <= len(text) <= LONGEST and text.isprintable():
            return text
        rule = f"must be text of {shortest} to {LONGEST} characters"
        problems = [{"field": "password", "rule": rule}]
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid", f"password: {rule}", problems=problems)

    def _new(self, command_id: str) -> Salted:
        """A salt that no other password has; it follows from the command, so that sent again it is the same command."""
        return Salted(
            blake2b(command_id.encode(), digest_size=16, person=b"punchcard-salt").hexdigest(), self._rules.stretch
        )

    async def _held(self, member_id: Any) -> Salted:
        """How a member's password was salted; something like it where there is none, so that time tells nothing."""
        held = await self._views.salted(member_id) if isinstance(member_id, str) else None
        if held is None or held.salt is None:
            return self._new(str(member_id))
        terms = held.stretch
        if terms is None:
            return Salted(held.salt, None)
        return Salted(held.salt, StretchTerms(memory_kib=terms.memory_kib, passes=terms.passes, lanes=terms.lanes))

    async def _proof(self, password: str, salted: Salted) -> str:
        if salted.terms is None:
            return proof_of(unstretched(password, salted.salt))
        if self._waiting >= MOST_WAITING:
            detail = "Too many passwords are looked at now; try again."
            raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, "busy", detail, headers={"Retry-After": "1"})
        self._waiting += 1
        try:
            async with self._stretching:
                stretched = await asyncio.to_thread(_stretched, password, salted.salt, salted.terms)
        finally:
            self._waiting -= 1
        return proof_of(stretched)


def _stretched(password: str, salt: str, terms: StretchTerms) -> bytes:
    return hash_secret_raw(
        password.encode(),
        bytes.fromhex(salt),
        time_cost=terms.passes,
        memory_cost=terms.memory_kib,
        parallelism=terms.lanes,
        hash_len=STRETCHED_BYTES,
        type=Type.ID,
    )
