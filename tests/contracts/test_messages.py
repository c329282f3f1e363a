"""The grammar: what is said comes back as it was; what is malformed is named by field and rule, never by value."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import JsonValue
from pydantic_core import to_json

from contracts.cards import BlockCard, CardLinked
from contracts.messages import (
    Actor,
    ActorKind,
    Command,
    CommandEnded,
    Envelope,
    Headers,
    Malformed,
    Outcome,
    Said,
    header,
    read_body,
    read_envelope,
    wire_time,
)
from contracts.outcomes import Asked, encode_ended
from contracts.registration import Channel, RegisterMember
from contracts.values import Code

CARD = "4000000000000002"
PHONE = "+4915123456789"
NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)

visible = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=200)
milliseconds = st.integers(0, 7_258_118_400_000).map(
    lambda ms: datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=ms)
)
few = settings(max_examples=40, deadline=None)
actors = st.builds(Actor, kind=st.sampled_from(ActorKind), id=visible, call_id=st.none() | visible)
envelopes = st.builds(
    Envelope,
    id=visible,
    type=st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=100),
    time=milliseconds,
    actor=actors,
    correlation_id=visible,
    causation_id=st.none() | visible,
    hops=st.integers(0, 1000),
    schema_version=st.integers(1, 99),
    subject=st.none() | st.text(st.characters(codec="utf-8"), max_size=64),
    version=st.none() | st.integers(0, 2**53),
    traceparent=st.none() | st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=60),
)
json_values: st.SearchStrategy[JsonValue] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(st.characters(codec="utf-8")),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner, max_size=3)
    ),
    max_leaves=8,
)


def envelope(**changes: Any) -> Envelope:
    fields: dict[str, Any] = {
        "id": "m-1",
        "type": "BlockCard",
        "time": NOON,
        "actor": Actor(kind=ActorKind.POS, id="till-1"),
        "correlation_id": "m-1",
    }
    return Envelope(**(fields | changes))


def headers_with(**changes: bytes | None) -> Headers:
    """Sound headers, with some replaced and those that are None left out."""
    headers: dict[str, bytes | None] = {**dict(envelope().headers("till-1")), **changes}
    return [(name, value) for name, value in headers.items() if value is not None]


def register(**changes: Any) -> RegisterMember:
    fields: dict[str, Any] = {"channel": Channel.POINT_OF_SALE, "phone": PHONE, "consents": ()}
    return RegisterMember(**(fields | changes))


class TestEnvelope:
    @few
    @given(envelopes)
    def test_comes_back_from_headers_as_it_was(self, sent: Envelope) -> None:
        assert read_envelope(sent.headers("punchcard/cards")) == sent

    def test_is_a_cloud_event_in_binary_mode(self) -> None:
        assert dict(envelope(subject="c-1", version=3).headers("punchcard/cards")) == {
            "ce_specversion": b"1.0",
            "ce_id": b"m-1",
            "ce_source": b"punchcard/cards",
            "ce_type": b"BlockCard",
            "ce_time": b"2026-11-22T12:00:00.000Z",
            "ce_subject": b"c-1",
            "ce_sequence": b"3",
            "ce_actorkind": b"pos",
            "ce_actorid": b"till-1",
            "ce_correlationid": b"m-1",
            "ce_hops": b"0",
            "ce_schemaversion": b"1",
            "content-type": b"application/json",
        }

    def test_begins_its_own_correlation_where_the_sender_names_none(self) -> None:
        assert read_envelope(headers_with(ce_correlationid=None)).correlation_id == "m-1"

    def test_ignores_headers_of_others(self) -> None:
        assert read_envelope([*headers_with(), ("x-theirs", b"\xff"), ("ce_theirs", b"\xff")]) == envelope()

    @pytest.mark.parametrize(
        ("changes", "field", "rule"),
        [
            ({"ce_specversion": None}, "ce_specversion", "must be 1.0"),
            ({"ce_specversion": b"0.3"}, "ce_specversion", "must be 1.0"),
            ({"ce_id": None}, "ce_id", "Field required"),
            ({"ce_id": b""}, "ce_id", "at least 1 character"),
            ({"ce_id": b"secret value"}, "ce_id", "match pattern"),
            ({"ce_id": b"secret" * 70}, "ce_id", "at most 400 characters"),
            ({"ce_id": b"\xff\xfe"}, "ce_id", "unicode"),
            ({"ce_type": None}, "ce_type", "Field required"),
            ({"ce_type": b"secret" * 20}, "ce_type", "at most 100 characters"),
            ({"ce_time": b"secret"}, "ce_time", "datetime"),
            ({"ce_time": b"2026-11-22T12:00:00"}, "ce_time", "timezone"),
            ({"ce_actorkind": None}, "ce_actorkind", "Field required"),
            ({"ce_actorkind": b"secret"}, "ce_actorkind", "'operator'"),
            ({"ce_actorid": None}, "ce_actorid", "Field required"),
            ({"ce_actorid": b"\xff"}, "ce_actorid", "unicode"),
            ({"ce_hops": b"-1"}, "ce_hops", "greater than or equal to 0"),
            ({"ce_hops": b"1001"}, "ce_hops", "less than or equal to 1000"),
            ({"ce_hops": b"secret"}, "ce_hops", "valid integer"),
            ({"ce_schemaversion": b"0"}, "ce_schemaversion", "greater than or equal to 1"),
            ({"traceparent": b"secret" * 20}, "traceparent", "at most 60 characters"),
        ],
    )
    def test_names_the_field_and_the_rule_but_not_the_value(
        self, changes: Mapping[str, bytes | None], field: str, rule: str
    ) -> None:
        with pytest.raises(Malformed) as caught:
            read_envelope(headers_with(**changes))

        assert caught.value.field == field
        assert rule in caught.value.rule
        assert "secret" not in str(caught.value)

    def test_survives_a_header_without_a_value(self) -> None:
        absent: Any = None  # aiokafka hands a null header on as None, whatever its type says
        with pytest.raises(Malformed) as caught:
            read_envelope([*headers_with(ce_id=None), ("ce_id", absent)])
        assert caught.value.field == "ce_id"

    @few
    @given(st.lists(st.tuples(st.sampled_from([*dict(envelope().headers("x")), "other"]), st.binary(max_size=40))))
    def test_is_an_envelope_or_malformed_whatever_the_headers_are(self, headers: list[tuple[str, bytes]]) -> None:
        try:
            read_envelope(headers)
        except Malformed as problem:
            assert problem.field  # noqa: PT017  both ends are right, only another exception is wrong


class TestHeader:
    def test_is_text_or_nothing(self) -> None:
        absent: Any = None
        headers: Headers = [("ce_id", b"m-1"), ("broken", b"\xff"), ("null", absent)]
        assert [header(headers, name) for name in ("ce_id", "broken", "null", "missing")] == ["m-1", None, None, None]

    def test_of_a_header_that_comes_twice_the_last_counts_wherever_it_is_read(self) -> None:
        twice = [("ce_id", b"\xff"), *envelope().headers("/x"), ("ce_id", b"m-2")]
        assert header(twice, "ce_id") == read_envelope(twice).id == "m-2"


class TestWireTime:
    def test_is_utc_with_milliseconds(self) -> None:
        berlin = timezone(timedelta(hours=1))
        assert wire_time(datetime(2026, 11, 22, 13, 0, 0, 123_999, berlin)) == "2026-11-22T12:00:00.123Z"


class TestBody:
    def test_comes_back_as_it_was(self) -> None:
        said = register(email="ana@example.org", born_on="1990-05-01", answers={"coffees": ("flat_white", "mocha")})
        assert read_body(RegisterMember, said.encoded()) == said

    def test_ignores_fields_that_a_newer_sender_added(self) -> None:
        body = b'{"card_number":"%s","reason":"lost","added_later":{"deep":[1]}}' % CARD.encode()
        assert read_body(BlockCard, body) == BlockCard(card_number=CARD, reason="lost")

    @pytest.mark.parametrize(
        ("body", "field", "rule"),
        [
            (None, "body", "must not be null"),
            (b"", "body", "Invalid JSON"),
            (b"\xff\xfe", "body", "Invalid JSON"),
            (b"secret", "body", "Invalid JSON"),
            (b'["secret"]', "body", "object"),
            (b"{}", "card_number", "Field required"),
            (b'{"card_number":"4000000000000001","reason":"lost"}', "card_number", "the check digit is wrong"),
            (b'{"card_number":"secret","reason":"lost"}', "card_number", "match pattern"),
            (b'{"card_number":"4000000000000002","reason":"Secret!"}', "reason", "match pattern"),
        ],
    )
    def test_names_the_field_and_the_rule_but_not_the_value(self, body: bytes | None, field: str, rule: str) -> None:
        with pytest.raises(Malformed) as caught:
            read_body(BlockCard, body)

        assert caught.value.field == field
        assert rule in caught.value.rule
        assert "secret" not in str(caught.value).lower()

    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"phone": "0151 23456789"}, "phone"),
            ({"phone": "+49 0"}, "phone"),
            ({"phone": "+4915123456789", "email": "ana at home"}, "email"),
            ({"born_on": "the first of May"}, "born_on"),
            ({"consents": [{"kind": "data", "text_version": "1", "given_at": "yesterday"}]}, "consents.0.given_at"),
            ({"channel": "pigeon"}, "channel"),
            ({"answers": {"likes": {"a": 1}}}, "answers"),
        ],
    )
    def test_never_repeats_what_a_person_said(self, changes: dict[str, Any], field: str) -> None:
        body = {"channel": "sms", "phone": PHONE, "consents": []} | changes
        with pytest.raises(Malformed) as caught:
            read_body(RegisterMember, json.dumps(body).encode())

        assert caught.value.field.startswith(field)
        for value in ("0151", "+49", "ana", "first of May", "yesterday", "pigeon"):
            assert value not in str(caught.value)

    @few
    @given(st.binary(max_size=200))
    def test_is_a_message_or_malformed_whatever_the_bytes_are(self, body: bytes) -> None:
        try:
            read_body(BlockCard, body)
        except Malformed as problem:
            assert problem.field  # noqa: PT017  both ends are right, only another exception is wrong

    def test_is_malformed_when_nested_too_deep(self) -> None:
        with pytest.raises(Malformed):
            read_body(BlockCard, b'{"card_number":' + b"[" * 100_000)


class Paid(Command, worker="cards", key="card_number"):
    """A message as it was before it grew."""

    card_number: str
    points: int


class PaidLater(Command, worker="cards", key="card_number"):
    """The same message, after a field was added."""

    card_number: str
    points: int
    note: str | None = None


PaidLater.__name__ = "Paid"


class TestDigest:
    def test_is_the_same_for_the_same_content(self) -> None:
        assert register().digest() == register(phone="+49 151 2345 6789").digest()

    def test_differs_when_the_content_does(self) -> None:
        assert register().digest() != register(phone="+4915123456780").digest()
        assert BlockCard(card_number=CARD, reason="lost").digest() != BlockCard(card_number=CARD, reason="x").digest()

    def test_differs_between_types_with_the_same_content(self) -> None:
        class Other(Command, worker="cards", key="card_number"):
            """Says the same under another name."""

            card_number: str
            points: int

        assert Paid(card_number=CARD, points=1).digest() != Other(card_number=CARD, points=1).digest()

    def test_does_not_change_when_a_field_with_a_default_is_added(self) -> None:
        assert Paid(card_number=CARD, points=1).digest() == PaidLater(card_number=CARD, points=1).digest()
        assert Paid(card_number=CARD, points=1).digest() != PaidLater(card_number=CARD, points=1, note="n").digest()

    def test_does_not_care_whether_a_default_was_spelled_out(self) -> None:
        bare = read_body(BlockCard, b'{"card_number":"%s","reason":"lost"}' % CARD.encode())
        spelled = read_body(BlockCard, b'{"comment":null,"reason":"lost","card_number":"%s"}' % CARD.encode())
        assert bare.digest() == spelled.digest()

    @few
    @given(st.dictionaries(st.from_regex(r"\A[a-z][a-z0-9_]{0,9}\Z"), st.text(max_size=5) | st.booleans(), min_size=2))
    def test_does_not_depend_on_the_order_of_an_object(self, answers: dict[str, Any]) -> None:
        turned = dict(reversed(answers.items()))
        assert register(answers=answers).digest() == register(answers=turned).digest()

    def test_tells_yes_from_one(self) -> None:
        assert register(answers={"vegan": True}).digest() != register(answers={"vegan": 1}).digest()


class TestCommandEnded:
    @few
    @given(
        events=st.lists(
            st.tuples(st.sampled_from(["CardBlocked", "CardLinked"]), st.dictionaries(st.text(), json_values))
        ),
        details=st.dictionaries(st.text(st.characters(codec="utf-8")), json_values, max_size=3),
        code=st.none() | st.just("card_blocked"),
        subject=st.none() | visible,
        subjects=st.lists(visible, max_size=3),
        digest=st.none() | st.binary(min_size=16, max_size=16),
    )
    def test_is_encoded_around_ready_events_as_it_would_be_whole(
        self,
        events: list[tuple[str, dict[str, JsonValue]]],
        details: dict[str, JsonValue],
        code: Code | None,
        subject: str | None,
        subjects: list[str],
        digest: bytes | None,
    ) -> None:
        said = tuple(Said(type=name, body=body) for name, body in events)
        whole = CommandEnded(
            command_id="m-1",
            command="BlockCard",
            subject=subject,
            body_digest=None if digest is None else digest.hex(),
            outcome=Outcome.DONE,
            code=code,
            details=details,
            subjects=tuple(subjects),
            events=said,
        ).encoded()

        ready = [(one.type, to_json(one.body)) for one in said]
        asked = Asked("m-1", "BlockCard", subject, digest, subjects)
        assert encode_ended(asked, Outcome.DONE, code, details, ready) == whole
        assert read_body(CommandEnded, whole).events == said


class TestKeyValue:
    def test_is_the_field_that_the_class_names(self) -> None:
        assert BlockCard(card_number=CARD, reason="lost").key_value == CARD

    def test_is_none_where_the_field_is(self) -> None:
        assert register().key_value is None

    def test_is_the_member_of_a_registration_with_a_card(self) -> None:
        assert register(card_number=CARD).key_value == CARD

    def test_of_an_answer_is_what_its_command_was_about(self) -> None:
        ended = CommandEnded(command_id="m-1", command="BlockCard", subject=CARD, outcome=Outcome.DONE)

        assert ended.key_value == CARD
        assert ended.model_copy(update={"subject": None}).key_value == "m-1"


class TestAggregateId:
    def test_is_the_field_that_the_event_is_about(self) -> None:
        assert CardLinked(card_number=CARD, member_id="ana", category="normal").aggregate_id == CARD
