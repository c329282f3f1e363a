"""The checker itself: each of its rules finds what is spoilt, and nothing in what a run left behind as it should."""

import ast
import importlib
import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Final, NamedTuple

import pytest

from contracts.catalogue import EVENTS
from runtime.journal import Outgoing
from runtime.letters import shut_letter
from tests.chaos.verdict import FIGURES
from tests.proof import damages_of_books, letters  # noqa: F401  # files its damages
from tests.proof.case import Violation
from tests.proof.checker import (
    compare,
    crossed,
    dead_letters_are_whole_and_harmless,
    judge,
    offsets_follow_what_they_caused,
)
from tests.proof.damages import DAMAGES, case_of, document, first, headers, journal, once_more, without
from tests.proof.history import Commit, History, Kept, Record
from tests.proof.versions import QUIET, REBORN, versions_have_no_gaps

RUN: Final = """
import pickle, sys
from tests.proof import damages_of_books
from tests.proof.damages import without_place
from tests.proof.simulation.machine import Run
from tests.proof.story import told
for seed in (10, 15, 30, 40, 50):
    run = Run(seed, 1_000, is_replayed=True)
    after = run.history()
    lacking = without_place(run.before)
    if not lacking:
        break
assert not run.mishaps, run.mishaps
assert not lacking, f"no seed has all that is to be spoilt; the last has no place for {lacking}"
pickle.dump((run.before, after, told(seed=3)), open(sys.argv[1], "wb"))
"""
"""The first of some runs that has all that is to be spoilt, and the story, in a process of its own: with a fixed hash
seed they are the same every time."""
HERE: Final = Path(__file__).parent
MODULES: Final = {
    path.stem: importlib.import_module(f"tests.proof.{path.stem}")
    for path in sorted(HERE.glob("*.py"))
    if "Violation(" in path.read_text(encoding="utf-8") and not path.stem.startswith("test_")
}
"""Where rules stand."""
BY_CHANCE: Final = {
    *(("registration", kind) for kind in ("Registration", "Call", "Ticket")),
    ("notifications", "Contact"),
}
"""Classes that the story doesn't tell of, but most runs do."""
Site = tuple[str, int]
"""A module and a line of it at which a rule says that something is wrong."""


class Found(NamedTuple):
    """What the checker found in something spoilt."""

    codes: set[str]
    sites: set[Site]


class Left(NamedTuple):
    """What the run left behind, before its input was read once more and after that; and what the story left."""

    before: History
    after: History
    story: History


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Left:
    file = tmp_path_factory.mktemp("run") / "history"
    subprocess.run(
        [sys.executable, "-c", RUN, str(file)],
        env={**os.environ, "PYTHONHASHSEED": "0"},
        cwd=HERE.parents[1],
        check=True,
        timeout=60,
    )
    return Left(*pickle.loads(file.read_bytes()))


# -- damages that a replay does


def a_document_changes(left: Left) -> History:
    card = left.after.workers["cards"].documents["cards"][0]
    return document(left.after, "cards", "cards", card["_id"], version=card["version"] + 1)


def an_outcome_changes(left: Left) -> History:
    return journal(left.after, "cards", left.after.workers["cards"].journal[0], outcome="another")


def an_answer_changes(left: Left) -> History:
    return once_more(left.after, first(left.after.on("results")), key=b"another")


def something_is_buried(left: Left) -> History:
    letter = first(each for each in left.after.records if each.topic.endswith(".dead"))
    return once_more(left.after, letter, headers=headers(letter, dead_reason="bug"))


def nothing_is_said_again(left: Left) -> History:
    return left.before


REPLAYS: Final[dict[str, tuple[str, Callable[[Left], History]]]] = {
    "a_document_changes": ("replay_changed", a_document_changes),
    "an_outcome_changes": ("replay_changed", an_outcome_changes),
    "an_answer_changes": ("replay_changed", an_answer_changes),
    "something_is_buried": ("replay_buried", something_is_buried),
    "nothing_is_said_again": ("not_replayed", nothing_is_said_again),
}


# -- which rule found it


@pytest.fixture(scope="module")
def found(left: Left) -> dict[str, Found]:
    """By damage, what was found, and at which lines."""
    sites: set[Site] = set()

    def noted(code: str, text: str) -> Violation:
        frame = sys._getframe(1)
        sites.add((Path(frame.f_code.co_filename).stem, frame.f_lineno))
        return Violation(code, text)

    def judged(look: Callable[[], list[Violation]]) -> Found:
        sites.clear()
        codes = {each.code for each in look()}
        return Found(codes, set(sites))

    with pytest.MonkeyPatch.context() as patch:
        for module in MODULES.values():
            patch.setattr(module, "Violation", noted)
        by_name: dict[str, Found] = {}
        for name, damage in DAMAGES.items():
            case = case_of(damage.spoil(left.before))
            by_name[name] = judged(lambda case=case: [*judge(case), *crossed(case)])  # type: ignore[misc]
        for name, (_, spoil) in REPLAYS.items():
            by_name[name] = judged(lambda spoil=spoil: compare(left.before, spoil(left)))  # type: ignore[misc]
    return by_name


def says_that_something_is_wrong(module: ModuleType) -> Iterator[tuple[str, range]]:
    """Each call by which a rule does, with its code and its lines."""
    for node in ast.walk(ast.parse(Path(module.__file__ or "").read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Violation":
            code = node.args[0]
            assert isinstance(code, ast.Constant), "a code is written where it is used"
            yield str(code.value), range(node.lineno, (node.end_lineno or node.lineno) + 1)


class TestChecker:
    def test_finds_nothing_in_a_run_that_kept_all_promises(self, left: Left) -> None:
        assert judge(case_of(left.before)) == []
        assert compare(left.before, left.after) == []

    def test_finds_nothing_in_what_chance_seldom_comes_to(self, left: Left) -> None:
        case = case_of(left.story)

        assert judge(case) == []
        assert case.events.keys() >= {
            *("CouponUsed", "CouponReturned", "CouponReused", "CouponUnused", "CouponShared", "CouponReplaced"),
            *("BalanceAdjusted", "AdjustmentSubmitted", "AdjustmentUndone", "GamePlayed", "BalanceMoved"),
            *("MembersMerged", "EmailChanged", "MemberRemoved", "OperatorTied", "FavouritesChanged"),
        }

    @pytest.mark.parametrize("name", DAMAGES)
    def test_finds_what_is_spoilt(self, name: str, found: dict[str, Found]) -> None:
        assert DAMAGES[name].code in found[name].codes

    @pytest.mark.parametrize("name", REPLAYS)
    def test_finds_what_a_replay_changes(self, name: str, found: dict[str, Found]) -> None:
        assert found[name].codes == {REPLAYS[name][0]}

    @pytest.mark.parametrize("module", MODULES)
    def test_has_no_line_that_was_never_seen_to_find_something(self, module: str, found: dict[str, Found]) -> None:
        seen = {line for each in found.values() for name, line in each.sites if name == module}
        places = list(says_that_something_is_wrong(MODULES[module]))

        assert [f"{code}, line {lines[0]}" for code, lines in places if seen.isdisjoint(lines)] == []
        assert places

    def test_has_a_damage_for_every_code_and_no_other(self) -> None:
        codes = {code for module in MODULES.values() for code, _ in says_that_something_is_wrong(module)}

        assert {each.code for each in DAMAGES.values()} | {code for code, _ in REPLAYS.values()} | {"crossed"} == codes
        assert frozenset[str]().union(*FIGURES.values()) < codes

    def test_holds_every_class_of_documents_against_its_events(self, left: Left) -> None:
        held: set[tuple[str, str]] = set()
        for history in (left.before, left.story):
            for kind, collection, name in told_of(history):
                if kind in held or kind in REBORN:
                    continue
                wrong = 0 if kind in QUIET else 10_000
                spoilt = document(history, kind[0], collection, name, version=wrong)
                assert "version" in {each.code for each in versions_have_no_gaps(case_of(spoilt))}, kind
                held.add(kind)

        known = {(event.worker, event.about[0]) for event in EVENTS.values()}
        assert known - held <= REBORN | BY_CHANCE, "what the story may tell of"

    def test_takes_nothing_from_what_it_judges(self) -> None:
        ours = {*MODULES, "case", "history", "letters"}
        for name in ours:
            for node in ast.walk(ast.parse((HERE / f"{name}.py").read_text(encoding="utf-8"))):
                taken = [each.name for each in node.names] if isinstance(node, ast.Import) else []
                if isinstance(node, ast.ImportFrom):
                    taken = [f"{node.module}.{each.name}" for each in node.names]
                for each in taken:
                    room, *path = each.split(".")
                    assert room not in {"runtime", "workers", "services"}, name
                    assert room != "tests" or not ours.isdisjoint(path), name

    def test_does_not_trust_a_letter_that_nobody_took_the_key_of(self, left: Left) -> None:
        assert "dead_letter_changed" in {each.code for each in judge(case_of(keyless(left.before)))}

    def test_counts_the_letters_that_it_takes_on_trust(self, left: Left) -> None:
        history = keyless(left.before)
        event = first(history.on("registration.events"))
        case = case_of(once_more(history, event, headers=headers(event, ce_type="MemberRemoved")))

        shut = [each for each in history.records if letters.SHUT in each.attributes]
        assert case.letters_on_trust == len(shut) > 0
        assert list(dead_letters_are_whole_and_harmless(case)) == []


def told_of(history: History) -> Iterator[tuple[tuple[str, str], str, str]]:
    """Documents that events tell the versions of: the kind, the collection and the id of each."""
    case = case_of(history)
    for record in case.first_events:
        event, name = EVENTS[record.type or ""], record.attributes["ce_subject"]
        collection = history.workers[event.worker].collections[event.about[0]]
        if "ce_sequence" in record.attributes and name in case.documents(event.worker, collection):
            yield (event.worker, event.about[0]), collection, name


def keyless(history: History) -> History:
    """The history without a key to dead letters, though nobody was removed."""
    removals = (each for each in history.records if each.type == "MemberRemoved")
    history = without(history, *removals)
    for worker, kept in history.workers.items():
        if letters.KEYS in kept.documents:
            history = document(history, worker, letters.KEYS, letters.KEY_ID)
    return history


PLACE: Final = ("test.cards.commands", 1, 7)
SENT: Final = (("traceparent", b"00"), ("ce_id", b"1"), ("shop", b"harbour"))


class TestLetters:
    """Opening anew what the runtime shut: two readings of one format."""

    @staticmethod
    def shut(key: bytes) -> tuple[Record, Record, Record]:
        """A record, its letter, and that as it was before it was shut."""
        original = Record(*PLACE, b"+4915112345678", b"{not json", SENT)
        reasons = {"dead_reason": "malformed", "dead_topic": PLACE[0], "dead_partition": "1", "dead_offset": "7"}
        said = [*SENT, *((name, text.encode()) for name, text in {**reasons, letters.SHUT: "2"}.items())]
        whole = Outgoing("test.cards.dead", original.key, original.value, said)
        source = SimpleNamespace(topic=PLACE[0], partition=PLACE[1], offset=PLACE[2])
        made = shut_letter(whole, source).with_key(key)
        letter = Record(made.topic, 0, 0, made.key, made.value, tuple(made.headers))
        bare = tuple(each for each in said if each[0] != letters.SHUT)
        return original, letter, replace(letter, key=original.key, value=original.value, headers=bare)

    def test_opens_what_the_runtime_shut(self) -> None:
        _, letter, whole = self.shut(b"k" * 32)

        assert letter.value != whole.value
        assert letters.opened(b"k" * 32, letter) == whole

    def test_opens_nothing_with_another_key_or_at_another_place(self) -> None:
        _, letter, _ = self.shut(b"k" * 32)

        assert letters.opened(b"l" * 32, letter) is None
        assert letters.opened(b"k" * 32, replace(letter, headers=headers(letter, dead_offset="8"))) is None

    def test_takes_on_trust_only_what_has_the_right_length(self) -> None:
        original, letter, whole = self.shut(b"k" * 32)

        assert letters.taken_on_trust(letter, original) == whole
        assert letters.taken_on_trust(letter, replace(original, value=b"longer than it was")) is None


class TestOrigins:
    def test_what_comes_under_a_used_id_is_nobodys_origin(self) -> None:
        def said(partition: int, kind: bytes, offset: int = 0) -> Record:
            return Record("test.cards.commands", partition, offset, b"1", b"{}", (("ce_id", b"a"), ("ce_type", kind)))

        other, counted, again = said(0, b"UnblockCard"), said(1, b"BlockCard"), said(1, b"BlockCard", 1)
        where = (("dead_topic", b"test.cards.commands"), ("dead_partition", b"0"), ("dead_offset", b"0"))
        letter = Record("test.cards.dead", 0, 0, b"1", b"{}", (("dead_reason", b"id_reused"), *where))
        ends = {("test.cards.commands", 0): 1, ("test.cards.commands", 1): 2}
        cards = Kept(frozenset(), {}, (), ends, ends)
        history = History("test", (), (other, counted, again, letter), {"cards": cards})

        assert case_of(history).arrivals == {"cards": {"a": ("test.cards.commands", 1)}}


class TestTwins:
    """Of two equal records in one batch one becomes a dead letter; should the other come again, it becomes one, too."""

    @staticmethod
    def judged(first_letter: int, commit: int) -> list[str]:
        where, name = ("p.cards.commands", 0), (("ce_id", b"c-1"), ("ce_type", b"BlockCard"))

        def letter(offset: int, sequence: int) -> Record:
            said = {"dead_topic": where[0], "dead_partition": "0", "dead_offset": str(offset), "dead_reason": "too_old"}
            own = tuple((key, text.encode()) for key, text in said.items())
            return Record("p.cards.dead", 0, sequence, b"k", b"{}", (*name, *own), 0, sequence)

        twins = tuple(Record(*where, offset, b"k", b"{}", name, 0, 1 + offset) for offset in (0, 1))
        kept = Kept(
            handles=frozenset(),
            documents={},
            journal=(),
            committed={where: 2},
            ends={where: 2},
            commits=(Commit(*where, 2, commit),),
        )
        history = History("p", (), (*twins, letter(0, first_letter), letter(1, 90)), {"cards": kept}, {})
        return [each.code for each in offsets_follow_what_they_caused(case_of(history))]

    def test_may_be_buried_later_than_their_offset_when_the_other_was_buried_before(self) -> None:
        assert self.judged(first_letter=3, commit=4) == []

    def test_may_not_when_none_of_them_was(self) -> None:
        assert set(self.judged(first_letter=5, commit=4)) == {"offset_ahead"}
