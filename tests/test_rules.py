"""Every sentence of the rules has its tests, and the tests that docs/rules-and-tests.md names are there."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent
PAGE = ROOT.parent / "docs" / "rules-and-tests.md"
SENTENCES = {"Cards": 24, "Purchases": 31, "Points, stamps, rewards, coupons": 36, "Members": 32}
"""How many there are in each section: one that is lost is noticed."""


def sentences(page: str) -> Iterator[tuple[str, str, list[str]]]:
    """Section, sentence and its tests, as the page has them."""
    for section in page.split("\n## ")[1:]:
        title, _, body = section.partition("\n")
        for row in re.findall(r"^\| (.+?) \| (.*?)\|$", body, re.MULTILINE):
            if row[0] != "the rule":
                yield title, row[0], re.findall(r"`([^`]+)`", row[1])


@cache
def named_in(file: Path) -> frozenset[str]:
    """The tests of a file, by their names as pytest has them."""
    found: set[str] = set()
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.Assign):
            found |= {target.id for target in node.targets if isinstance(target, ast.Name)}
        elif isinstance(node, ast.ClassDef):
            inside = (each for each in node.body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef))
            found |= {f"{node.name}::{each.name}" for each in inside}
    return frozenset(name for name in found if name.rpartition("::")[2].lower().startswith("test"))


def missing(tests: list[str]) -> list[str]:
    """Those that there are not."""
    gone: list[str] = []
    for test in tests:
        file, _, name = test.partition("::")
        if not (ROOT / file).is_file() or name not in named_in(ROOT / file):
            gone.append(test)
    return gone


LISTED = list(sentences(PAGE.read_text(encoding="utf-8")))


@pytest.mark.parametrize(("section", "sentence", "tests"), LISTED, ids=[f"{each[0]}: {each[1]}" for each in LISTED])
def test_every_sentence_of_the_rules_has_its_tests(section: str, sentence: str, tests: list[str]) -> None:
    assert tests, f"no test holds: {sentence}"
    assert missing(tests) == []


def test_no_sentence_is_lost() -> None:
    counted = {title: sum(each[0] == title for each in LISTED) for title in SENTENCES}
    assert counted == SENTENCES
    assert len(LISTED) == sum(SENTENCES.values())


def test_a_test_that_is_gone_is_noticed() -> None:
    assert missing(["test_rules.py::test_no_sentence_is_lost"]) == []
    gone = ["test_rules.py::test_gone", "nowhere/test_rules.py::test_no_sentence_is_lost"]
    assert missing(gone) == gone


def test_a_sentence_without_a_test_is_noticed() -> None:
    page = "# x\n\n## Cards\n\n| the rule | its tests |\n|---|---|\n| bare | |\n| held | `a.py::test_a` |\n"
    assert list(sentences(page)) == [("Cards", "bare", []), ("Cards", "held", ["a.py::test_a"])]
