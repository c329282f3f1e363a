"""The demo: a realistic day in a coffee chain, streamed into a running system, and the books settled after it."""

from services.demo.play import reconcile, run, why_not_on
from services.demo.scale import Impossible, Scale

__all__ = ["Impossible", "Scale", "reconcile", "run", "why_not_on"]
