"""Cards: which exist, whose they are, and whether they work."""

from workers.cards import blocking, deleting, issuing, linking, replacing
from workers.cards.worker import worker

__all__ = ["blocking", "deleting", "issuing", "linking", "replacing", "worker"]
