"""Python's interpreter, told what kind of process this is: its garbage collector and its threads' turns."""

import gc
import sys
from typing import Final

YOUNG: Final = 50_000
"""Objects made before the youngest are looked at; Python's own 700 are made by a few messages."""
MIDDLE: Final = 50
TURN_SECONDS: Final = 0.0005


def tune_interpreter() -> None:
    """Look for cycles rarely, and let threads take turns quickly.

    Messages and documents are trees that go when the batch goes: there is nothing among them for a collector to find,
    and looking took half of the time of a batch. MongoDB's answers come to a thread, which had to wait up to Python's
    5 ms for its turn, several times in every batch.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, MIDDLE, MIDDLE)
    sys.setswitchinterval(TURN_SECONDS)
