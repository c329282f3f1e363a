"""Passwords at the gateway: stretched with argon2id before anything travels, and never sent on themselves."""

import json
from typing import Any

import pytest
from argon2.low_level import Type, hash_secret_raw

from contracts.identification import IdentifyByPassword
from contracts.messages import Command
from contracts.passwords import SetPassword, StretchTerms, proof_of, unstretched
from contracts.programme.identification import PasswordRules
from services.gateway.passwords import Passwords
from services.gateway.problems import Problem
from tests.security.scan import MEMBER_PASSWORD
from tests.workers.memory_reader import MemoryReader
from tests.workers.registration.people import ANA, member
from workers.registration.password_documents import Password, Stretch
from workers.registration.views import RegistrationViews

TERMS = StretchTerms(memory_kib=8, passes=1, lanes=1)
RULES = PasswordRules(stretch=TERMS)
SALT = "5a" * 16
HELD = Password(id=ANA, salt=SALT, stretch=Stretch(memory_kib=16, passes=2, lanes=1), hash="x")


def door(*documents: Any) -> Passwords:
    return Passwords(RegistrationViews(MemoryReader([member(), *documents])), RULES)


async def said(passwords: Passwords, kind: type[Command], command_id: str = "c-1", **fields: Any) -> dict[str, Any]:
    body = await passwords.proven(kind, json.dumps({"member_id": ANA, **fields}).encode(), command_id)
    found: dict[str, Any] = json.loads(body)
    return found


def stretched(password: str, salt: str, memory_kib: int, passes: int) -> str:
    raw = hash_secret_raw(
        password.encode(), bytes.fromhex(salt), passes, memory_kib, parallelism=1, hash_len=32, type=Type.ID
    )
    return proof_of(raw)


class TestSetting:
    async def test_sends_salt_terms_and_proof_instead_of_the_password(self) -> None:
        fields = await said(door(), SetPassword, password=MEMBER_PASSWORD, token="t")

        assert "password" not in fields
        assert fields["terms"] == TERMS.model_dump()
        assert fields["proof"] == stretched(MEMBER_PASSWORD, fields["salt"], 8, 1)
        assert fields["token"] == "t"

    async def test_is_the_same_command_when_it_is_sent_again_and_another_under_another_id(self) -> None:
        first, again, other = [
            await said(door(), SetPassword, command_id, password=MEMBER_PASSWORD) for command_id in ("a", "a", "b")
        ]
        assert first == again
        assert first["salt"] != other["salt"]

    @pytest.mark.parametrize("password", ["short", "x" * 129, 12345678, None, "with\nline", [MEMBER_PASSWORD]])
    async def test_is_refused_where_it_can_be_no_password(self, password: Any) -> None:
        with pytest.raises(Problem) as caught:
            await said(door(), SetPassword, password=password)
        assert (caught.value.status, caught.value.members["problems"][0]["field"]) == (422, "password")


class TestShowing:
    async def test_stretches_as_the_members_password_was(self) -> None:
        fields = await said(door(HELD), IdentifyByPassword, password=MEMBER_PASSWORD)
        assert fields == {"member_id": ANA, "proof": stretched(MEMBER_PASSWORD, SALT, 16, 2)}

    async def test_takes_letters_however_they_are_composed(self) -> None:
        composed, decomposed = [
            await said(door(HELD), IdentifyByPassword, password=each) for each in ("caf\u00e9 olé", "cafe\u0301 olé")
        ]
        assert composed == decomposed

    async def test_of_one_that_was_generated_is_not_stretched(self) -> None:
        generated = Password(id=ANA, salt=SALT, hash="x")
        fields = await said(door(generated), IdentifyByPassword, password="abcd2345efgh")
        assert fields["proof"] == proof_of(unstretched("abcd2345efgh", SALT))

    async def test_stretches_also_where_there_is_nobody_or_no_password(self) -> None:
        for passwords in (door(), Passwords(RegistrationViews(MemoryReader()), RULES)):
            assert len((await said(passwords, IdentifyByPassword, password=MEMBER_PASSWORD))["proof"]) == 64

    @pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"member_id": 1}', b'{"proof": "x", "password": "y"}'])
    async def test_leaves_what_has_no_password_to_the_contract(self, body: bytes) -> None:
        assert await door().proven(IdentifyByPassword, body, "c-1") == body
