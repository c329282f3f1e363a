"""Joining at the door: phones as people write them, codes sealed, the paper form a right of its own."""

from typing import Any

import pytest

from contracts.registration import RegisterMember
from contracts.verification import VerifyPhone
from services.gateway.examples import EXAMPLES
from tests.decisions import VAULT
from tests.services.gateway import Door

FORM: dict[str, Any] = {**EXAMPLES["RegisterMember"], "channel": "paper_form"}
TYPED = {"registration_id": "r-1", "code": "271828"}


class TestPhone:
    @pytest.mark.parametrize("written", ["+49 151 12345678", "0151 12345678", "0151/123-45678"])
    async def test_may_be_written_as_in_the_programme_s_country(self, door: Door, written: str) -> None:
        answer = await door.post("RegisterMember", {**EXAMPLES["RegisterMember"], "phone": written}, by="till")

        assert answer.status_code == 200
        command = door.edge.sent[0][0]
        assert isinstance(command, RegisterMember)
        assert command.phone == "+4915112345678"


class TestPaperForm:
    async def test_needs_a_right_of_its_own(self, door: Door) -> None:
        refused = await door.post("RegisterMember", FORM, by="desk")
        assert (refused.status_code, refused.json()["scope"]) == (403, "RegisterMember:paper_form")

        assert (await door.post("RegisterMember", FORM, by="forms")).status_code == 200
        document = (await door.client.get("/openapi.json")).json()
        assert "`RegisterMember:paper_form`" in document["paths"]["/v1/commands/RegisterMember"]["post"]["description"]
        assert (await door.post("RegisterMember", {**FORM, "channel": "call"}, by="desk")).status_code == 200


class TestCode:
    async def test_goes_to_kafka_sealed(self, door: Door) -> None:
        answer = await door.post("VerifyPhone", TYPED)

        assert answer.status_code == 200
        command, command_id, _ = door.edge.sent[0]
        assert isinstance(command, VerifyPhone)
        assert b"271828" not in command.encoded()
        assert VAULT.opened(command.code, f"{command_id}/code") == "271828"

    async def test_is_the_same_command_when_it_is_sent_again(self, door: Door) -> None:
        first = await door.post("VerifyPhone", TYPED, Idempotency_Key="k-1")
        again = await door.post("VerifyPhone", TYPED, Idempotency_Key="k-1")
        other = await door.post("VerifyPhone", {**TYPED, "code": "271829"}, Idempotency_Key="k-1")

        assert (first.status_code, again.status_code) == (200, 200)
        assert door.edge.sent[0] == door.edge.sent[1]
        assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")

    @pytest.mark.parametrize("typed", ["12345", "1234567", "12345a", 271828, "", "٢٧١٨٢٨"])
    async def test_is_six_digits(self, door: Door, typed: Any) -> None:
        answer = await door.post("VerifyPhone", {**TYPED, "code": typed})

        assert answer.status_code == 422
        assert str(typed or "none") not in answer.text
        assert door.edge.sent == []
