"""What was written once is still read: golden files hold every message type, and the rules that guard them can fail."""

import json
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, Field, create_model

from contracts.cards import BlockCard, CardKind
from contracts.messages import Command
from contracts.values import Personal
from tests.contracts.golden import FOLDER, MESSAGES, Golden, accept, file_of, problems
from tests.contracts.golden.__main__ import main
from tests.contracts.golden.compatibility import breaks
from tests.contracts.golden.examples import NoExample, example

HOW = "accept it with: python -m tests.contracts.golden --accept"


@pytest.mark.parametrize("name", MESSAGES)
class TestEveryMessage:
    def test_has_a_golden_file_that_is_its_own(self, name: str) -> None:
        assert file_of(name).exists(), f"{name} has no golden file; {HOW}"
        golden, today = Golden.read(file_of(name)), Golden.of(MESSAGES[name])
        assert golden.schema == today.schema, f"{name} has changed; {HOW}"
        assert golden.personal == today.personal, f"{name} has other personal fields; {HOW}"

    def test_is_still_read_as_it_was_written(self, name: str) -> None:
        found = list(problems(Golden.read(file_of(name)), MESSAGES[name]))
        assert found == [], "\n".join(found)

    def test_is_written_to_the_byte_as_its_newest_example(self, name: str) -> None:
        newest = Golden.read(file_of(name)).bodies[-1].encode()
        assert MESSAGES[name].model_validate_json(newest).encoded() == newest

    def test_is_written_under_the_same_headers(self, name: str) -> None:
        assert Golden.read(file_of(name)).headers == Golden.of(MESSAGES[name]).headers


def test_no_golden_file_is_without_its_message() -> None:
    gone = {file.stem for file in FOLDER.glob("*.json")} - set(MESSAGES)
    assert gone == set(), "messages are never removed: old ones are still in topics"


class Line(BaseModel):
    """A part of a message."""

    product: str
    count: int = 1


class Longer(BaseModel):
    """The same part, grown."""

    product: str
    count: int = 1
    note: str | None = None


class Narrower(BaseModel):
    """The same part, with a field that must be said."""

    product: str
    count: int


def schema(**fields: Any) -> dict[str, Any]:
    model: type[BaseModel] = create_model("Sale", **fields)
    return model.model_json_schema()


TILL: dict[str, Any] = {"till": (str, ...)}


class TestBreaks:
    @pytest.mark.parametrize(
        ("old", "new"),
        [
            (TILL, TILL),
            (TILL, {**TILL, "note": (str | None, None)}),
            (TILL, {**TILL, "count": (int, 1)}),
            ({"lines": (tuple[Line, ...], ...)}, {"lines": (tuple[Longer, ...], ...)}),
            ({"points": (Annotated[int, Field(le=5)], ...)}, {"points": (Annotated[int, Field(le=6)], ...)}),
            ({"points": (Annotated[int, Field(le=5)], ...)}, {"points": (int, ...)}),
            ({"till": (str, ...)}, {"till": (str | None, ...)}),
            ({"till": (str, ...)}, {"till": (str | int, ...)}),
        ],
    )
    def test_lets_a_message_grow(self, old: dict[str, Any], new: dict[str, Any]) -> None:
        assert list(breaks(schema(**old), schema(**new), "Sale")) == []

    @pytest.mark.parametrize(
        ("old", "new", "complaint"),
        [
            ({**TILL, "note": (str, "")}, TILL, "Sale.note: is gone"),
            (TILL, {"shop": (str, "")}, "Sale.till: is gone"),
            (TILL, {"till": (int, ...)}, "Sale.till: type was 'string' and is 'integer'"),
            (TILL, {**TILL, "note": (str, ...)}, "Sale.note: is new and has no default"),
            ({"till": (str, "a")}, TILL, "Sale.till: had a default and has none now"),
            ({"till": (str, "a")}, {"till": (str, "b")}, "Sale.till: its default was 'a' and is 'b'"),
            ({"till": (str | None, ...)}, TILL, "Sale.till: can't be null any more"),
            (TILL, {"till": (Annotated[str, Field(max_length=5)], ...)}, "Sale.till: maxLength was None and is 5"),
            (TILL, {"till": (Annotated[str, Field(min_length=1)], ...)}, "Sale.till: minLength was None and is 1"),
            (TILL, {"till": (Annotated[str, Field(pattern="a")], ...)}, "Sale.till: pattern was None and is 'a'"),
            ({"till": (CardKind, ...)}, {"till": (Annotated[str, Field(pattern="p")], ...)}, "Sale.till: pattern"),
            (TILL, {"till": (CardKind, ...)}, "Sale.till: is a choice now"),
            ({"line": (Line, ...)}, {"line": (Narrower, ...)}, "Sale.line.count: had a default and has none now"),
            ({"line": (Longer, ...)}, {"line": (Line, ...)}, "Sale.line.note: is gone"),
            ({"a": (tuple[Longer, ...], ())}, {"a": (tuple[Line, ...], ())}, "Sale.a[].note: is gone"),
            ({"a": (tuple[int, str], ...)}, {"a": (tuple[int], ...)}, "Sale.a[]: had 2 places and has 1"),
            ({"a": (tuple[int, str], ...)}, {"a": (tuple[int, int], ...)}, "Sale.a[1]: type was 'string'"),
            ({"a": (dict[str, int], ...)}, {"a": (dict[str, str], ...)}, "Sale.a[]: type was 'integer'"),
            ({"a": (dict[str, Any], ...)}, {"a": (dict[str, str], ...)}, "Sale.a[]: additionalProperties is ruled now"),
        ],
    )
    def test_says_what_may_not_change(self, old: dict[str, Any], new: dict[str, Any], complaint: str) -> None:
        found = list(breaks(schema(**old), schema(**new), "Sale"))
        assert any(complaint in line for line in found), found

    def test_says_which_choice_is_gone(self) -> None:
        old = {"enum": ["a", "b"], "type": "string"}
        assert list(breaks(old, {**old, "enum": ["a"]}, "X")) == ["X: the choice 'b' is gone"]
        assert list(breaks(old, {**old, "enum": ["a", "b", "c"]}, "X")) == []


class Pay(Command, worker="rewards", key="card_number"):
    """A message as it was accepted."""

    card_number: str
    note: Personal[str] = ""


class PayMore(Command, worker="rewards", key="card_number"):
    """The same message, grown."""

    card_number: str
    note: Personal[str] = ""
    tip: int = 0


class PayLess(Command, worker="cards", key="note"):
    """The same message, spoilt: another worker and key, a field gone, another no longer personal."""

    note: str = ""


for spoilt in (PayMore, PayLess):
    spoilt.__name__ = "Pay"


class TestAccept:
    def test_writes_a_new_type_and_leaves_it_alone_then(self, tmp_path: Path) -> None:
        assert accept("Pay", Pay, tmp_path) == "new"
        assert accept("Pay", Pay, tmp_path) == "unchanged"

    def test_keeps_the_old_example_beside_that_of_a_grown_type(self, tmp_path: Path) -> None:
        accept("Pay", Pay, tmp_path)
        assert accept("Pay", PayMore, tmp_path) == "grown"

        golden = Golden.read(tmp_path / "Pay.json")
        assert [sorted(json.loads(body)) for body in golden.bodies] == [
            ["card_number", "note"],
            ["card_number", "note", "tip"],
        ]
        assert list(problems(golden, PayMore)) == []

    def test_refuses_what_breaks_and_leaves_the_file_as_it_is(self, tmp_path: Path) -> None:
        accept("Pay", Pay, tmp_path)
        before = (tmp_path / "Pay.json").read_text()

        with pytest.raises(ValueError, match="Pay.card_number: is gone") as caught:
            accept("Pay", PayLess, tmp_path)

        assert "worker and key were rewards, card_number and are cards, note" in str(caught.value)
        assert "Pay.note: was personal and is not any more" in str(caught.value)
        assert (tmp_path / "Pay.json").read_text() == before

    def test_is_asked_for_by_its_name(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main([]) == 2
        assert "--accept" in capsys.readouterr().err


class TestProblems:
    def test_notices_a_body_that_is_not_read_any_more(self) -> None:
        golden = Golden.of(BlockCard)
        golden.bodies[0] = '{"card_number":"4000000000000001","reason":"lost"}'

        assert any("a golden body is not read any more: card_number" in line for line in problems(golden, BlockCard))

    def test_notices_a_body_that_comes_to_mean_something_else(self) -> None:
        golden = Golden.of(BlockCard)
        golden.bodies[0] = '{"card_number":"4000000000000002","reason":"lost","colour":"red"}'

        assert any(
            "BlockCard.colour: a golden body says something else" in line for line in problems(golden, BlockCard)
        )

    def test_notices_a_digest_that_journals_would_not_know_again(self) -> None:
        golden = Golden.of(BlockCard)
        golden.digests[0] = golden.digests[0][::-1]

        assert any("a golden body has another digest" in line for line in problems(golden, BlockCard))

    def test_notices_headers_that_are_not_read_any_more(self) -> None:
        golden = Golden.of(BlockCard)
        golden.headers["ce_hops"] = "many"

        assert any("golden headers are not read any more: ce_hops" in line for line in problems(golden, BlockCard))


class TestExample:
    @pytest.mark.parametrize("name", MESSAGES)
    def test_is_always_the_same(self, name: str) -> None:
        assert example(MESSAGES[name]).encoded() == example(MESSAGES[name]).encoded()

    def test_says_which_field_it_finds_nothing_for(self) -> None:
        class Odd(Command, worker="cards", key="word"):
            """A message that only one word fits."""

            word: Annotated[str, Field(pattern=r"^xyzzy$")]

        with pytest.raises(NoExample, match="word"):
            example(Odd)
