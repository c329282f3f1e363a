"""The house rules hold everywhere, and each of them can fail."""

from collections.abc import Callable, Iterator
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest
from pydantic import BaseModel

from contracts.catalogue import COMMANDS, EVENTS
from contracts.messages import WORKERS, Message
from contracts.refusals import REFUSALS
from tests import house

ROOT = Path(__file__).parents[1]
ROOMS = ("contracts", "runtime", "workers", "services", "tests")
MESSAGES: dict[str, type[Message]] = {**COMMANDS, **EVENTS}
BESIDE = {
    **dict.fromkeys(("adjustments", "corrections", "coupons", "joining", "pastimes", "spending", "tiers"), "rewards"),
    **dict.fromkeys(("calls", "codes", "favourites", "identification", "member_life", "merging"), "registration"),
    **dict.fromkeys(("operators", "passwords", "profiles", "removal", "verification"), "registration"),
    "subscriptions": "notifications",
}
"""Contract modules that aren't named after their messages' worker, because it has many."""
OUTSIDE_HANDLERS = frozenset({"views.py", "courier.py", "sending.py"})
"""Modules of workers that may wait and do I/O: what edges read through, and what stands beside the handlers."""


@cache
def sources(*rooms: str) -> dict[str, str]:
    """Every Python file of these rooms, by its path from the root."""
    return {
        file.relative_to(ROOT).as_posix(): file.read_text(encoding="utf-8")
        for room in rooms
        for file in sorted((ROOT / room).rglob("*.py"))
        if file.read_text(encoding="utf-8").strip() or file.name != "__init__.py"
    }


def handler_files() -> dict[str, str]:
    """Files of decisions: workers' modules that file handlers."""
    return {
        file: source
        for file, source in sources("workers").items()
        if Path(file).name not in OUTSIDE_HANDLERS and any(house.filed_handlers(file, source))
    }


def filed() -> list[house.FiledHandler]:
    return [each for file, source in sources("workers").items() for each in house.filed_handlers(file, source)]


def faults(rule: Callable[[str, str], Iterator[str]], files: dict[str, str]) -> list[str]:
    return [fault for file, source in files.items() for fault in rule(file, source)]


def contract_classes() -> Iterator[type[BaseModel]]:
    """Every class that stands in a contract module, those that only lend their fields too."""
    for name in {message.__module__ for message in MESSAGES.values()}:
        for found in vars(import_module(name)).values():
            if isinstance(found, type) and issubclass(found, BaseModel) and found.__module__ == name:
                yield found


class TestMessages:
    def test_commands_are_handled_once_by_their_own_name_in_their_own_worker(self) -> None:
        assert list(house.misfiled({name: each.worker for name, each in COMMANDS.items()}, filed())) == []

    def test_handlers_are_filed_under_messages_that_exist(self) -> None:
        assert {each.message for each in filed()} <= {*MESSAGES, "CommandEnded"}

    def test_event_handlers_are_named_by_what_happens(self) -> None:
        assert [each for each in filed() if each.message in EVENTS and each.function == house.snake(each.message)] == []

    @pytest.mark.parametrize("name", EVENTS)
    def test_events_are_named_in_the_past_tense(self, name: str) -> None:
        assert house.is_past_tense(name)

    @pytest.mark.parametrize("name", COMMANDS)
    def test_commands_are_not(self, name: str) -> None:
        assert not house.is_past_tense(name)

    @pytest.mark.parametrize("name", MESSAGES)
    def test_messages_belong_to_a_worker_that_exists(self, name: str) -> None:
        message = MESSAGES[name]
        assert message.worker in WORKERS
        module = message.__module__.removeprefix("contracts.")
        assert message.worker == BESIDE.get(module, module)

    @pytest.mark.parametrize("name", MESSAGES)
    def test_nothing_personal_is_a_key(self, name: str) -> None:
        message = MESSAGES[name]
        assert message.key in message.model_fields or hasattr(message, message.key)
        assert message.key not in message.personal

    @pytest.mark.parametrize("name", EVENTS)
    def test_events_are_about_a_document_of_their_worker_by_an_id_that_is_not_personal(self, name: str) -> None:
        event = EVENTS[name]
        document, field = event.about
        assert field in event.model_fields or hasattr(event, field)
        assert field not in event.personal
        files = (ROOT / "workers" / event.worker).glob("*documents.py")
        assert any(f"class {document}(" in file.read_text(encoding="utf-8") for file in files)

    def test_every_class_has_its_sentence(self) -> None:
        classes = list(contract_classes())
        assert len(classes) > len(MESSAGES)
        assert [
            fault for each in classes for fault in house.sentence(each.__name__, each.__dict__.get("__doc__"))
        ] == []


class TestHandlers:
    def test_are_short_synchronous_generators(self) -> None:
        assert [fault for each in filed() for fault in house.unfit(each)] == []

    def test_do_nothing_but_decide(self) -> None:
        assert faults(house.impure, handler_files()) == []

    def test_catch_nothing(self) -> None:
        assert faults(house.catching, handler_files()) == []

    def test_go_on_after_a_refusal_without_an_else(self) -> None:
        assert faults(house.needless_else, handler_files()) == []


class TestRefusals:
    def test_every_code_that_is_used_is_in_the_catalogue(self) -> None:
        used = {code for source in sources("workers").values() for code in house.refusal_codes(source)}
        assert used - set(REFUSALS) == set()

    def test_every_code_of_the_catalogue_appears_where_decisions_are_made_and_in_a_test(self) -> None:
        said = frozenset().union(*(house.texts(source) for source in sources("workers", "runtime").values()))
        loaded = {code for code in REFUSALS if code.startswith("unknown_")}
        assert set(REFUSALS) - said - loaded == set()
        tested = frozenset().union(*(house.texts(source) for source in sources("tests").values()))
        assert set(REFUSALS) - tested == set()

    def test_every_code_has_a_sentence(self) -> None:
        assert [fault for code, text in REFUSALS.items() for fault in house.sentence(code, text)] == []


class TestFiles:
    def test_are_short(self) -> None:
        assert faults(house.too_long, sources(*ROOMS)) == []

    def test_say_what_they_are_for(self) -> None:
        assert faults(house.opening, sources(*ROOMS)) == []

    def test_call_things_by_their_names(self) -> None:
        assert faults(house.banned_names, sources("contracts", "runtime", "workers", "services")) == []


HANDLER = """
@worker.handles(BlockCard)
def block_card(command: BlockCard) -> Changes:
    yield ()
"""


def handlers_in(source: str, file: str = "workers/cards/blocking.py") -> list[house.FiledHandler]:
    return list(house.filed_handlers(file, source))


class TestTheRulesCanFail:
    @pytest.mark.parametrize(
        ("source", "fault"),
        [
            ("", "BlockCard is handled 0 times"),
            (HANDLER + HANDLER, "BlockCard is handled 2 times"),
            (HANDLER.replace("block_card", "on_block"), "BlockCard is handled by on_block, not by block_card"),
        ],
    )
    def test_misfiled(self, source: str, fault: str) -> None:
        assert list(house.misfiled({"BlockCard": "cards"}, handlers_in(source))) == [fault]
        assert list(house.misfiled({"BlockCard": "cards"}, handlers_in(HANDLER))) == []

    def test_misfiled_elsewhere(self) -> None:
        filed_elsewhere = handlers_in(HANDLER, "workers/audit/looks.py")
        assert list(house.misfiled({"BlockCard": "cards"}, filed_elsewhere)) == [
            "BlockCard belongs to cards and is handled in workers/audit/looks.py"
        ]

    @pytest.mark.parametrize("name", ["CardIssued", "CardLinkRefused", "RewardPaid", "MessageSent", "CallBegun"])
    def test_past_tense(self, name: str) -> None:
        assert house.is_past_tense(name)

    @pytest.mark.parametrize("name", ["BlockCard", "CardBlocking", "CardWillBlock", "MemberNeed", "CardIsBlocked2"])
    def test_no_past_tense(self, name: str) -> None:
        assert not house.is_past_tense(name)

    @pytest.mark.parametrize(
        ("source", "fault"),
        [
            (HANDLER.replace("def ", "async def "), "is async"),
            (HANDLER.replace("yield ()", "return ()"), "is no generator function"),
            (HANDLER + "    yield ()\n" * 40, "lines, more than 40"),
        ],
    )
    def test_unfit(self, source: str, fault: str) -> None:
        assert any(fault in line for each in handlers_in(source) for line in house.unfit(each))
        assert [line for each in handlers_in(HANDLER) for line in house.unfit(each)] == []

    @pytest.mark.parametrize(
        "source",
        [
            "import asyncio",
            "import os.path",
            "from logging import getLogger",
            "import random",
            "at = datetime.now(UTC)",
            "day = date.today()",
            "async def f(): ...",
        ],
    )
    def test_impure(self, source: str) -> None:
        assert list(house.impure("f.py", source))
        assert list(house.impure("f.py", "from datetime import timedelta\nat = context.now + timedelta(1)")) == []

    def test_catching(self) -> None:
        body = "    try:\n        yield ()\n    except ValueError:\n        yield ()\n"
        assert list(house.catching("f.py", HANDLER.replace("    yield ()\n", body)))
        assert list(house.catching("f.py", HANDLER)) == []

    def test_needless_else(self) -> None:
        refusing = 'if card.state:\n    raise Refused("x")\n'
        assert list(house.needless_else("f.py", refusing + "else:\n    pass"))
        assert list(house.needless_else("f.py", refusing + "card = 1")) == []

    def test_refusal_codes(self) -> None:
        source = 'raise Refused("a" if b else "c", d="e")\nCardLinkRefused(card_number=n, code=problem or "f")'
        assert set(house.refusal_codes(source)) == {"a", "c", "f"}

    def test_too_long(self) -> None:
        assert list(house.too_long("f.py", "x = 1\n" * 401))
        assert list(house.too_long("f.py", "x = 1\n" * 400)) == []

    def test_opening(self) -> None:
        assert list(house.opening("f.py", "x = 1"))
        assert list(house.opening("f.py", '"""no sentence"""'))
        assert list(house.opening("f.py", '"""A sentence."""')) == []

    @pytest.mark.parametrize(
        ("file", "source"),
        [
            ("services/utils.py", ""),
            ("services/card_manager.py", ""),
            ("f.py", "class CardManager: ..."),
            ("f.py", "def handle(cmd): ..."),
            ("f.py", "last_msg = 1"),
            ("f.py", "class Card:\n    payload: dict"),
            ("f.py", "def load_common(): ..."),
        ],
    )
    def test_banned_names(self, file: str, source: str) -> None:
        assert list(house.banned_names(file, source))
        assert list(house.banned_names("f.py", "class Card:\n    number: str\ndef f(command): context = command")) == []

    @pytest.mark.parametrize("docstring", [None, "", "no capital.", "No full stop"])
    def test_sentence(self, docstring: str | None) -> None:
        assert list(house.sentence("X", docstring))
        assert list(house.sentence("X", "One sentence.\n\nMore.")) == []
