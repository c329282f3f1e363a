"""Cards: which exist, whose they are, and whether they work."""

from workers.cards import blocking, issuing, linking, replacing
from workers.cards.worker import worker

__all__ = ["blocking", "issuing", "linking", "replacing", "worker"]
