"""Commands over HTTP: what is answered, under which status, with which headers; no server needed."""

from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from contracts.catalogue import COMMANDS
from contracts.messages import Actor, ActorKind, Outcome
from contracts.refusals import text_of
from runtime.vault import digest_of
from services.gateway.asgi import LARGEST_BODY_BYTES
from services.gateway.examples import CARD, EXAMPLES
from services.gateway.scopes import OURS
from tests.decisions import VAULT
from tests.services.gateway import BLOCK, ISSUE, Door


class TestPostCommand:
    async def test_answers_200_with_what_happened(self, door: Door) -> None:
        answer = await door.post("IssueCard", ISSUE)

        assert answer.status_code == 200
        said = answer.json()
        assert said["events"] == [{"type": "CardIssued", "body": {"card_number": CARD}}]
        assert (said["type"], said["status"]) == ("IssueCard", "done")
        assert UUID(said["id"]).version == 7
        assert door.edge.sent[0][2] == Actor(kind=ActorKind.OPERATOR, id="desk")

    async def test_answers_409_with_code_text_and_details_when_refused(self, door: Door) -> None:
        door.edge.outcome, door.edge.code = Outcome.REFUSED, "card_not_active"

        answer = await door.post("BlockCard", BLOCK)

        assert answer.status_code == 409
        assert answer.headers["content-type"] == "application/problem+json"
        said = answer.json()
        assert said["code"] == "card_not_active"
        assert said["detail"] == text_of("card_not_active", {"state": "blocked"}) != "card_not_active"
        assert said["details"] == {"state": "blocked"}
        assert (said["title"], said["status"]) == ("Conflict", 409)
        assert said["type"] == "urn:punchcard:problem:card_not_active"

    async def test_answers_500_when_it_failed(self, door: Door) -> None:
        door.edge.outcome, door.edge.code = Outcome.FAILED, "handler_failed"

        answer = await door.post("IssueCard", ISSUE)

        assert (answer.status_code, answer.json()["code"]) == (500, "handler_failed")

    async def test_answers_202_and_where_to_ask_when_not_finished_in_time(self, door: Door) -> None:
        door.edge.outcome = None

        answer = await door.post("IssueCard", ISSUE)

        assert answer.status_code == 202
        assert answer.json()["status"] == "pending"
        assert answer.headers["location"] == f"/v1/commands/{answer.json()['id']}"
        again = await door.get(answer.headers["location"])
        assert (again.status_code, again.json()["status"]) == (202, "pending")

    async def test_takes_the_answer_from_the_journal_when_none_was_heard(self, door: Door) -> None:
        door.edge.outcome = None
        first = await door.post("IssueCard", ISSUE, Idempotency_Key="k")
        command, command_id, actor = door.edge.sent[0]
        door.library.keep(command, command_id, actor)

        answer = await door.post("IssueCard", ISSUE, Idempotency_Key="k")

        assert (first.status_code, answer.status_code) == (202, 200)
        assert door.edge.misses == 1
        assert "answers_from_journal_total 1.0" in (await door.client.get("/metrics")).text

    async def test_that_did_not_wait_has_missed_no_answer(self, door: Door) -> None:
        await door.post("IssueCard", ISSUE, Idempotency_Key="k")
        door.library.keep(*door.edge.sent[0])

        answer = await door.post("IssueCard", ISSUE, Idempotency_Key="k", Prefer="respond-async")

        assert (answer.status_code, door.edge.misses) == (200, 0)
        assert "answers_from_journal_total 0.0" in (await door.client.get("/metrics")).text

    @pytest.mark.parametrize(
        ("prefer", "waited", "applied"),
        [
            (None, 2.0, None),
            ("wait=5", 5.0, "wait=5"),
            ("wait=999", 30.0, "wait=30"),
            ('return=minimal, Wait="7"', 7.0, "wait=7"),
            ("respond-async, wait=3", 3.0, "wait=3"),
            ("wait=soon", 2.0, None),
            ("await=9", 2.0, None),
        ],
    )
    async def test_waits_as_preferred(self, door: Door, prefer: str | None, waited: float, applied: str | None) -> None:
        answer = await door.post("IssueCard", ISSUE, **({"Prefer": prefer} if prefer else {}))

        assert door.edge.waited == [waited]
        assert answer.headers.get("preference-applied") == applied

    @pytest.mark.parametrize("prefer", ["wait=0", "respond-async"])
    async def test_does_not_wait_when_asked_not_to(self, door: Door, prefer: str) -> None:
        answer = await door.post("IssueCard", ISSUE, Prefer=prefer)

        assert (answer.status_code, door.edge.waited, len(door.edge.sent)) == (202, [], 1)
        assert answer.headers["preference-applied"] == prefer

    async def test_passes_the_trace_on_and_ignores_what_is_none(self, door: Door) -> None:
        trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

        await door.post("IssueCard", ISSUE, traceparent=trace)
        await door.post("IssueCard", ISSUE, traceparent="gibberish")

        assert door.edge.traceparents == [trace, None]


class TestIdempotencyKey:
    async def test_gives_the_same_id_to_the_same_caller(self, door: Door) -> None:
        first = await door.post("IssueCard", ISSUE, Idempotency_Key="receipt-1")
        second = await door.post("IssueCard", ISSUE, Idempotency_Key="receipt-1")

        assert first.json() == second.json()

    async def test_gives_other_ids_to_other_callers_and_commands(self, door: Door) -> None:
        answers = [
            await door.post("IssueCard", ISSUE, by="desk", Idempotency_Key="1"),
            await door.post("IssueCard", ISSUE, by="till", Idempotency_Key="1"),
            await door.post("BlockCard", BLOCK, by="desk", Idempotency_Key="1"),
        ]

        assert len({answer.json()["id"] for answer in answers}) == 3

    async def test_with_another_body_is_refused(self, door: Door) -> None:
        await door.post("BlockCard", BLOCK, Idempotency_Key="1")

        answer = await door.post("BlockCard", {**BLOCK, "reason": "found"}, Idempotency_Key="1")

        assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")
        assert len(door.edge.sent) == 1

    async def test_with_the_same_body_in_other_words_is_the_same(self, door: Door) -> None:
        await door.post("IssueCard", ISSUE, Idempotency_Key="1")

        answer = await door.post("IssueCard", {"kind": "physical", **ISSUE}, Idempotency_Key="1")

        assert answer.status_code == 200

    async def test_that_another_gateway_took_for_another_body_is_refused(self, door: Door) -> None:
        await door.post("BlockCard", BLOCK, Idempotency_Key="1")
        command, command_id, actor = door.edge.sent[0]
        door.library.keep(command.model_copy(update={"reason": "found"}), command_id, actor)
        door.edge.outcome = None

        answer = await door.post("BlockCard", BLOCK, Idempotency_Key="1")
        honest = await door.post("BlockCard", {**BLOCK, "reason": "found"}, Idempotency_Key="1")

        assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")
        assert (honest.status_code, honest.json()["id"]) == (200, command_id)

    async def test_whose_answer_is_another_bodys_is_refused(self, door: Door) -> None:
        first = COMMANDS["BlockCard"].model_validate({**BLOCK, "reason": "found"})
        door.edge.body_digest = digest_of(first, VAULT).hex()

        answer = await door.post("BlockCard", BLOCK, Idempotency_Key="1")
        again = await door.post("BlockCard", BLOCK, Idempotency_Key="1")
        honest = await door.post("BlockCard", {**BLOCK, "reason": "found"}, Idempotency_Key="1")

        assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")
        assert (again.status_code, honest.status_code) == (422, 200)
        assert [command.digest() for command, _, _ in door.edge.sent[1:]] == [first.digest()]

    async def test_that_two_bodies_have_stands_for_the_one_that_ended(self, door: Door) -> None:
        await door.post("BlockCard", {**BLOCK, "reason": "found"}, Idempotency_Key="1", Prefer="respond-async")
        command, command_id, actor = door.edge.sent[0]
        door.library.keep(command.model_copy(update={"reason": "lost"}), command_id, actor)

        answers = [
            await door.post("BlockCard", {**BLOCK, "reason": reason}, Idempotency_Key="1")
            for reason in ("lost", "found", "lost")
        ]

        assert [answer.status_code for answer in answers] == [200, 422, 200]

    async def test_that_is_held_by_another_body_is_503_while_nobody_can_say_which_came_first(self, door: Door) -> None:
        await door.post("BlockCard", BLOCK, Idempotency_Key="1")
        door.library.is_away = True

        answer = await door.post("BlockCard", {**BLOCK, "reason": "found"}, Idempotency_Key="1")

        assert (answer.status_code, len(door.edge.sent)) == (503, 1)

    @pytest.mark.parametrize("key", ["", "a b", "x" * 201, "ä"])
    async def test_must_be_visible_ascii(self, door: Door, key: str) -> None:
        headers = {**door.keys["desk"], "Content-Type": "application/json"}
        raw = [(b"Idempotency-Key", key.encode("latin-1")), *((k.encode(), v.encode()) for k, v in headers.items())]

        answer = await door.client.post("/v1/commands/IssueCard", json=ISSUE, headers=raw)

        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_idempotency_key")


class TestBadInput:
    async def test_names_every_field_and_rule_and_no_value(self, door: Door) -> None:
        body = {
            "channel": "point_of_sale",
            "phone": "SECRET",
            "consents": [{"kind": "offer", "text_version": "1", "given_at": "SECRET"}],
            "nickname": "SECRET",
        }

        answer = await door.post("RegisterMember", body)

        assert answer.status_code == 422
        problems = {each["field"]: each["rule"] for each in answer.json()["problems"]}
        assert problems["phone"] == "must be an international phone number that begins with +, or one of DE"
        assert problems["nickname"] == "is not a field of this message"
        assert "consents.0.given_at" in problems
        assert "SECRET" not in answer.text

    @pytest.mark.parametrize(("count", "rule"), [(0, "at least 1 required"), (501, "at most 500 allowed")])
    async def test_says_how_many_a_list_may_have(self, door: Door, count: int, rule: str) -> None:
        purchase = EXAMPLES["RecordPurchase"]
        body = {**purchase, "lines": [{**purchase["lines"][0], "line": number} for number in range(1, count + 1)]}
        answer = await door.post("RecordPurchase", body)
        assert {"field": "lines", "rule": rule} in answer.json()["problems"]

    @pytest.mark.parametrize("name", [name for name in COMMANDS if name not in OURS])
    async def test_unknown_fields_are_refused_at_every_command(self, door: Door, name: str) -> None:
        answer = await door.post(name, {**EXAMPLES[name], "surprise": 1})

        assert {"field": "surprise", "rule": "is not a field of this message"} in answer.json()["problems"]

    @pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b'{"card_number": }', b"[" * 10_000])
    async def test_no_json_is_400(self, door: Door, body: bytes) -> None:
        answer = await door.post("IssueCard", body)

        assert (answer.status_code, answer.json()["code"]) == (400, "malformed_json")

    @pytest.mark.parametrize("name", ["IdentifyByPassword", "SetPassword"])
    @pytest.mark.parametrize("start", [b"[", b'{"a":', b'{"password":"correct horse","a":['])
    async def test_json_that_is_too_deep_is_400_at_passwords_too(self, door: Door, name: str, start: bytes) -> None:
        answer = await door.post(name, start + b"[" * 5_000)

        assert (answer.status_code, answer.json()["code"]) == (400, "malformed_json")

    @pytest.mark.parametrize("body", [b"[]", b"null", b'"text"', b"{}"])
    async def test_json_that_is_no_such_message_is_422(self, door: Door, body: bytes) -> None:
        answer = await door.post("IssueCard", body)

        assert (answer.status_code, answer.json()["code"]) == (422, "invalid")

    async def test_a_wrong_check_digit_is_said(self, door: Door) -> None:
        wrong = CARD[:-1] + str((int(CARD[-1]) + 1) % 10)

        answer = await door.post("IssueCard", {"card_number": wrong})

        assert answer.json()["problems"] == [{"field": "card_number", "rule": "the check digit is wrong"}]
        assert wrong not in answer.text

    async def test_too_large_is_413(self, door: Door) -> None:
        answer = await door.post("IssueCard", b" " * (LARGEST_BODY_BYTES + 1))

        assert (answer.status_code, answer.json()["code"]) == (413, "too_large")

    async def test_too_large_without_a_length_is_413(self, door: Door) -> None:
        async def parts() -> AsyncIterator[bytes]:
            for _ in range(LARGEST_BODY_BYTES // 1024 + 1):
                yield b" " * 1024

        headers = {**door.keys["desk"], "Content-Type": "application/json"}
        answer = await door.client.post("/v1/commands/IssueCard", content=parts(), headers=headers)

        assert answer.status_code == 413

    @pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
    async def test_another_media_type_is_415(self, door: Door, kind: str) -> None:
        headers = {**door.keys["desk"], "Content-Type": kind}

        answer = await door.client.post("/v1/commands/IssueCard", content=b"{}", headers=headers)

        assert (answer.status_code, answer.headers["accept"]) == (415, "application/json")

    async def test_an_unknown_command_is_404_with_near_names(self, door: Door) -> None:
        answer = await door.post("blockcards", {})

        assert answer.status_code == 404
        assert "BlockCard" in answer.json()["near"]
        assert "did you mean BlockCard" in answer.json()["detail"]

    async def test_another_method_is_405(self, door: Door) -> None:
        answer = await door.client.delete("/v1/commands/BlockCard", headers=door.keys["desk"])

        assert (answer.status_code, answer.headers["allow"]) == (405, "GET, POST")


class TestRights:
    async def test_nobody_gets_in_without_a_key(self, door: Door) -> None:
        for method, path in [("POST", "/v1/commands/IssueCard"), ("GET", "/v1/members/m"), ("GET", "/v1/commands/x")]:
            answer = await door.client.request(method, path)
            assert answer.status_code == 401, path
            assert answer.headers["www-authenticate"].startswith("Bearer")
            assert answer.headers["content-type"] == "application/problem+json"

    async def test_a_key_does_what_its_kind_may(self, door: Door) -> None:
        answer = await door.post("BlockCard", BLOCK, by="wallet")

        assert (answer.status_code, answer.json()["scope"]) == (403, "BlockCard")
        assert not door.edge.sent

    @pytest.mark.parametrize("name", sorted(OURS))
    async def test_nobody_outside_says_what_our_processes_say(self, door: Door, name: str) -> None:
        for by in door.keys:
            assert (await door.post(name, {}, by=by)).status_code == 403

    async def test_a_till_does_not_search_members(self, door: Door) -> None:
        answer = await door.client.post("/v1/members/search", json={}, headers=door.keys["till"])

        assert (answer.status_code, answer.json()["scope"]) == (403, "search:members")


class TestGetCommand:
    async def test_shows_its_sender_how_it_ended(self, door: Door) -> None:
        first = await door.post("IssueCard", ISSUE)
        command, command_id, actor = door.edge.sent[0]
        door.library.keep(command, command_id, actor)

        answer = await door.get(f"/v1/commands/{command_id}")

        assert answer.status_code == 200
        assert answer.json() == first.json()

    async def test_shows_it_after_a_restart(self, door: Door) -> None:
        command = COMMANDS["IssueCard"].model_validate(ISSUE)
        door.library.keep(command, "019ab000-0000-7000-8000-000000000001", Actor(kind=ActorKind.POS, id="till"))

        path = "/v1/commands/019ab000-0000-7000-8000-000000000001"

        assert (await door.get(path, by="till")).status_code == 200
        assert (await door.get(path, by="other-till")).status_code == 404
        assert (await door.get(path, by="desk")).status_code == 404

    async def test_is_not_there_for_others(self, door: Door) -> None:
        door.edge.outcome = None
        location = (await door.post("IssueCard", ISSUE)).headers["location"]

        assert (await door.get(location, by="till")).status_code == 404

    @pytest.mark.parametrize("command_id", ["x", "", "019ab000-0000-7000-8000-000000000002", "a" * 5000, "%00"])
    async def test_is_404_where_nothing_is_known(self, door: Door, command_id: str) -> None:
        answer = await door.get(f"/v1/commands/{command_id}")

        assert (answer.status_code, answer.json()["code"]) == (404, "unknown_command")
