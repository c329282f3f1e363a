"""Python's garbage collector, told what kind of process this is."""

import gc
from typing import Final

YOUNG: Final = 50_000
"""Objects made before the youngest are looked at; Python's own 700 are made by a few messages."""
MIDDLE: Final = 50


def calm_collector() -> None:
    """Leave what start-up made alone for good, and look for cycles rarely.

    Messages and documents are trees that go when the batch goes; there is nothing among them for a collector to find,
    and looking took half of the time of a batch.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, MIDDLE, MIDDLE)
