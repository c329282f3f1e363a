"""What a replay may do when no journal remembers the input any more: bury it as too old, and nothing else."""

from dataclasses import replace
from typing import Final

from tests.proof.case import Violation
from tests.proof.checker import compare
from tests.proof.history import History, Record

TOO_OLD: Final = "too_old"
"""Why a dead letter is one that came after the journal's time."""


def revived(before: History, after: History) -> list[Violation]:
    """What came to life again, and what was not buried; every message that was sent has to have an envelope."""
    there = {_place(each) for each in before.records}
    buried = {_place(each) for each in after.records if _place(each) not in there and _is_too_old(each)}
    letters = {each.id for each in after.records if _place(each) in buried}
    found = [
        Violation("not_too_old", f"{name} came after its time and was not buried")
        for name in sorted({each.id or "" for each in before.sent} - letters)
    ]
    rest = replace(after, records=tuple(each for each in after.records if _place(each) not in buried))
    # That nothing is answered again is what is wanted here.
    return found + [each for each in compare(before, rest) if each.code != "not_replayed"]


def _place(record: Record) -> tuple[str, int, int]:
    return record.topic, record.partition, record.offset


def _is_too_old(record: Record) -> bool:
    return record.topic.endswith(".dead") and record.attributes.get("dead_reason") == TOO_OLD
