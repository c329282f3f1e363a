"""Cards: which exist, whose they are, and whether they work."""

from workers.cards import (
    blocking,
    categories,
    deleting,
    issuing,
    linking,
    merging,
    own_cards,
    replacing,
    retiring,
    suspending,
    virtual,
)
from workers.cards.worker import worker

__all__ = [
    "blocking",
    "categories",
    "deleting",
    "issuing",
    "linking",
    "merging",
    "own_cards",
    "replacing",
    "retiring",
    "suspending",
    "virtual",
    "worker",
]
